"""From the store to files: the class's CSV, feedback pages, nbgrader's gradebook and notebooks.

A file says which attempt it was written for, so what is up to date is not written again.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from rich.console import Console

from mugrade import files
from mugrade.course.model import Course
from mugrade.course.settings import Settings
from mugrade.errors import CourseError, Unreadable
from mugrade.grader.gradebook import Scores
from mugrade.grader.ledger import listen
from mugrade.grader.models import MARK
from mugrade.grader.policy import Standing
from mugrade.grader.report import write_csv, write_feedback
from mugrade.grader.store import Filter, Key, Store

GRADEBOOK, CSV, FEEDBACK, AUTOGRADED = "gradebook.db", "grades.csv", "feedback", "autograded"
CONFIG = "nbgrader_config.py"
LOOK_AT, LONGEST = 1000, 255


class Publisher:
    """Writes what counts of what the store holds below `out`."""

    def __init__(self, out: Path, course: Course, store: Store) -> None:
        self.out, self.course, self.store = out, course, store
        self.scores = Scores(gradebook_url(out), course)
        self.begun = self.failed = False
        self.deaf: Unreadable | None = None

    def add(self, student: str, stage: str) -> None:
        """Write at once what a new result gives.

        What cannot be written is left to `finish`, which says why.
        """
        if self.failed:
            return
        try:
            self._write_page(self._write_scores(self._standing((student, stage))))
        except Exception:  # whatever it is, it must not stop the grading
            self.failed = True

    def standings(self) -> list[Standing]:
        """What counts now, and is to be written; the teacher's last word in the formgrader too."""
        try:
            listen(self.store, self.out / GRADEBOOK)
        except Unreadable as error:
            self.deaf = error  # what is known from before is written first
        return self.store.standings(self.course.settings)

    def finish(
        self, standings: Sequence[Standing], report: Callable[[str], None]
    ) -> dict[str, str]:
        """Write what is out of date, of all results that count; returns what is where.

        The gradebook comes last: if it cannot be written, the rest is there. Raises Unreadable.
        """
        report("writing the table and feedback")
        stages = {stage.name for stage in self.course.stages}
        try:
            self._write_tables(standings)
            self._forget_lost_gradebook()
            late = [s for s in standings if s.stage in stages and not self._is_in_gradebook(s)]
            if late:
                report("writing nbgrader's gradebook")
            more = [self._write_scores(s).mark != s.mark for s in self.store.with_checks(late)]
            if any(more):
                self._write_tables(self.store.standings(self.course.settings))
        except OSError as error:
            raise Unreadable(f"{error.filename}: cannot be written ({error.strerror})") from None
        if self.deaf:
            raise self.deaf
        return {
            "results": self.store.name,
            "csv": str(self.out / CSV),
            "feedback": str(self.out / FEEDBACK),
            "gradebook": str(self.out / GRADEBOOK),
        }

    def _standing(self, key: Key) -> Standing:
        """What counts of a student's stage, with its checks."""
        found = self.store.standing(*key, self.course.settings)
        return next(self.store.with_checks([found]))

    def _write_tables(self, standings: Sequence[Standing]) -> None:
        """The CSV, and the pages that are out of date."""
        self._csv(standings)
        pages = [s for s in standings if not holds(self._page(*s.key), s.mark)]
        for standing in self.store.with_checks(pages):
            self._write_page(standing)

    def _csv(self, standings: Sequence[Standing]) -> None:
        target = self.out / CSV
        with tempfile.NamedTemporaryFile(
            "w", newline="", encoding="utf-8", dir=self.out, delete=False
        ) as file:
            try:
                write_csv(file, self.store.with_checks(standings))
                file.close()
                Path(file.name).chmod(0o644)
                files.replace(Path(file.name), target)
            except BaseException as error:
                os.unlink(file.name)
                if isinstance(error, OSError):
                    error.filename = target
                raise

    def _write_page(self, standing: Standing) -> None:
        page, title = self._page(*standing.key), self._title(standing.stage)
        write_feedback(page, standing, title, self.course.settings.title)

    def _write_scores(self, standing: Standing) -> Standing:
        """The notebook comes after the scores: where it bears the mark, they are there.

        Returns what counts with what the teacher has said meanwhile.
        """
        from mugrade.grader.autograded import autograded_notebook, write_notebook

        self._begin()
        while news := self.scores.put(standing):
            self.store.hear(news)
            standing = self._standing(standing.key)
        path = self._autograded(*standing.key)
        if standing.status == "missing":
            path.unlink(missing_ok=True)
            return standing
        stage, content = self.course.find(standing.stage), self.store.notebook(standing.attempt)
        write_notebook(autograded_notebook(stage, standing, content), path)
        return standing

    def _begin(self) -> None:
        """Before the first scores: an nbgrader course around them."""
        if not self.begun:
            self._forget_lost_gradebook()
            self._nbgrader_course()
            self.begun = True

    def _forget_lost_gradebook(self) -> None:
        """Where the gradebook is gone, our notebooks beside it no longer say what it holds."""
        if not (self.out / GRADEBOOK).exists():
            for path in (self.out / AUTOGRADED).glob("*/*/*.ipynb"):
                if holds(path, MARK):
                    path.unlink()

    def _nbgrader_course(self) -> None:
        """Settings and sources, without which nbgrader lists no assignment.

        An nbgrader course that somebody else has put there is left as it is.
        """
        from mugrade.course.notebooks import source_notebook
        from mugrade.grader.autograded import CONFIG as TEXT
        from mugrade.grader.autograded import write_notebook

        path = self.out / CONFIG
        text = TEXT.format(course=self.course.package)
        if path.exists() and path.read_text(encoding="utf-8", errors="replace") != text:
            return
        path.write_text(text, encoding="utf-8")
        for stage in self.course.stages:
            name = stage.name
            write_notebook(source_notebook(stage), self.out / "source" / name / f"{name}.ipynb")

    def _is_in_gradebook(self, standing: Standing) -> bool:
        path = self._autograded(*standing.key)
        return not path.exists() if standing.status == "missing" else holds(path, standing.mark)

    def _page(self, student: str, stage: str) -> Path:
        return page_of(self.out, student, stage)

    def _autograded(self, student: str, stage: str) -> Path:
        return self.out / AUTOGRADED / folder_of(student) / stage / f"{stage}.ipynb"

    def _title(self, stage: str) -> str:
        try:
            return self.course.find(stage).title
        except CourseError:
            return stage

    def close(self) -> None:
        self.scores.close()


def republish(out: Path, course: Course, store: Store, console: Console) -> None:
    """Write what is out of date of all results that count."""
    with closing(Publisher(out, course, store)) as publisher, console.status("writing") as status:
        publisher.finish(publisher.standings(), status.update)


def page_of(out: Path, student: str, stage: str) -> Path:
    """The feedback page."""
    return out / FEEDBACK / folder_of(student) / f"{stage}.html"


def stale(out: Path, store: Store, settings: Settings) -> int:
    """How many pages do not say yet what a teacher has said in the formgrader."""
    students = sorted({student for student, _ in store.reviews()})
    found = store.standings(settings, Filter(students)) if students else []
    said = (s for s in found if s.reviews.said)
    return sum(not holds(page_of(out, *s.key), s.mark) for s in said)


def gradebook_url(out: Path) -> str:
    return f"sqlite:///{(out / GRADEBOOK).resolve()}"


def holds(path: Path, mark: str) -> bool:
    """Whether a file bears the mark near its end, so that it was also written to the end."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - LOOK_AT))
            return mark.encode() in file.read()
    except OSError:
        return False


def folder_of(student: str) -> str:
    """The student's name, shortened where no folder can be called that."""
    if len(student.encode()) <= LONGEST:
        return student
    return f"{student[:50]}-{hashlib.sha256(student.encode()).hexdigest()[:16]}"
