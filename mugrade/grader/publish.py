"""From the store to files: the class's CSV, feedback pages, nbgrader's gradebook and notebooks.

A file says which attempt it was written for, so what is up to date is not written again.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mugrade import files
from mugrade.author.course import Course, CourseError
from mugrade.errors import Unreadable
from mugrade.grader.gradebook import Scores
from mugrade.grader.report import write_csv, write_feedback
from mugrade.grader.results import Result
from mugrade.grader.store import MARK, Attempt, Store

GRADEBOOK, CSV, FEEDBACK, AUTOGRADED = "gradebook.db", "grades.csv", "feedback", "autograded"
CONFIG = "nbgrader_config.py"
LOOK_AT, LONGEST = 1000, 255
Notebooks = Mapping[tuple[str, str], Path | None]


class Publisher:
    """Writes what the store holds below `out`; `notebooks` says where submissions lie."""

    def __init__(self, out: Path, course: Course, store: Store, notebooks: Notebooks) -> None:
        self.out, self.course, self.store, self.notebooks = out, course, store, notebooks
        self.scores = Scores(f"sqlite:///{(out / GRADEBOOK).resolve()}", course)
        self.begun = self.failed = False

    def add(self, result: Result, mark: str) -> None:
        """Write at once what a new result gives.

        What cannot be written is left to `finish`, which says why.
        """
        if self.failed:
            return
        try:
            self._write_page(result, mark)
            self._write_scores(result, mark)
        except Exception:  # whatever it is, it must not stop the grading
            self.failed = True

    def finish(self, attempts: Sequence[Attempt], report: Callable[[str], None]) -> dict[str, str]:
        """Write what is out of date, of all results that count; returns what is where.

        The gradebook comes last: if it cannot be written, the rest is there. Raises Unreadable.
        """
        report("writing the table and feedback")
        stages = {stage.name for stage in self.course.stages}
        try:
            self._csv(attempts)
            pages = [a for a in attempts if not holds(self._page(a.student, a.stage), a.mark)]
            for attempt in self.store.with_checks(pages):
                self._write_page(attempt.result, attempt.mark)
            self._forget_lost_gradebook()
            late = [a for a in attempts if a.stage in stages and not self._is_in_gradebook(a)]
            if late:
                report("writing nbgrader's gradebook")
            for attempt in self.store.with_checks(late):
                self._write_scores(attempt.result, attempt.mark)
        except OSError as error:
            raise Unreadable(f"{error.filename}: cannot be written ({error.strerror})") from None
        return {
            "results": self.store.name,
            "csv": str(self.out / CSV),
            "feedback": str(self.out / FEEDBACK),
            "gradebook": str(self.out / GRADEBOOK),
        }

    def _csv(self, attempts: Sequence[Attempt]) -> None:
        target = self.out / CSV
        with tempfile.NamedTemporaryFile(
            "w", newline="", encoding="utf-8", dir=self.out, delete=False
        ) as file:
            try:
                write_csv(file, self.store.with_checks(attempts))
                file.close()
                Path(file.name).chmod(0o644)
                files.replace(Path(file.name), target)
            except BaseException as error:
                os.unlink(file.name)
                if isinstance(error, OSError):
                    error.filename = target
                raise

    def _write_page(self, result: Result, mark: str) -> None:
        student, stage = result.submission.student, result.submission.stage
        write_feedback(self._page(student, stage), result, self._title(stage), mark)

    def _write_scores(self, result: Result, mark: str) -> None:
        """The notebook comes after the scores: where it bears the mark, they are there."""
        from mugrade.grader.autograded import autograded_notebook, write_notebook

        self._begin()
        self.scores.put(result)
        student, name = key = result.submission.student, result.submission.stage
        path = self._autograded(student, name)
        if result.status == "missing":
            path.unlink(missing_ok=True)
            return
        stage = self.course.find(name)
        write_notebook(autograded_notebook(stage, result, self.notebooks.get(key), mark), path)

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
        from mugrade.author.build import source_notebook
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

    def _is_in_gradebook(self, attempt: Attempt) -> bool:
        path = self._autograded(attempt.student, attempt.stage)
        return not path.exists() if attempt.status == "missing" else holds(path, attempt.mark)

    def _page(self, student: str, stage: str) -> Path:
        return self.out / FEEDBACK / folder_of(student) / f"{stage}.html"

    def _autograded(self, student: str, stage: str) -> Path:
        return self.out / AUTOGRADED / folder_of(student) / stage / f"{stage}.ipynb"

    def _title(self, stage: str) -> str:
        try:
            return self.course.find(stage).title
        except CourseError:
            return stage

    def close(self) -> None:
        self.scores.close()


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
