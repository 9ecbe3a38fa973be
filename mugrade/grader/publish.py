"""From the store to files: every output is brought up to date."""

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import accumulate
from pathlib import Path

from rich.console import Console

from mugrade.course.model import Course
from mugrade.errors import Unreadable
from mugrade.grader.ledger import GRADEBOOK, listen
from mugrade.grader.outputs.csv import Csv
from mugrade.grader.outputs.gradebook import Gradebook
from mugrade.grader.outputs.notebooks import Notebooks
from mugrade.grader.outputs.output import Output
from mugrade.grader.outputs.pages import Pages
from mugrade.grader.policy import Standing
from mugrade.grader.share import Scribes, batches
from mugrade.grader.store import Store

log = logging.getLogger(__name__)

OUTPUTS: tuple[type[Output], ...] = (Csv, Pages, Gradebook, Notebooks)
"""In the order in which they are written: what can fail, and may bring news, comes late."""
CORES = os.cpu_count() or 1


class Publisher:
    """Writes what counts of what the store holds below `out`, in `jobs` processes if it is much."""

    def __init__(self, out: Path, course: Course, store: Store, jobs: int = CORES) -> None:
        self.out, self.course, self.store = out, course, store
        self.outputs: list[Output] = [make(out, course, store) for make in OUTPUTS]
        self.scribes = Scribes(out, course, store, jobs)
        self.deaf: Unreadable | None = None

    def standings(self) -> list[Standing]:
        """What counts now, and is to be written; the teacher's last word in the formgrader too."""
        try:
            listen(self.store, self.out / GRADEBOOK)
        except Unreadable as error:
            self.deaf = error  # what is known from before is written first
            log.warning("the gradebook cannot be read: %s", error)
        return self.store.standings(self.course.settings)

    def finish(self, standings: Sequence[Standing], tell: Callable[[str], None]) -> dict[str, str]:
        """Write what is out of date, of all results that count; returns what is where.

        If one cannot be written, those before it are there. Raises Unreadable.
        """
        try:
            while self._bring_up_to_date(standings, tell):
                standings = self.store.standings(self.course.settings)
        except Exception as error:
            log.exception("not all could be written")
            if not isinstance(error, OSError):
                raise
            raise Unreadable(f"{error.filename}: cannot be written ({error.strerror})") from None
        if self.deaf:
            raise self.deaf
        return {
            "results": self.store.name,
            **{output.name: str(output.path) for output in self.outputs},
        }

    def _bring_up_to_date(self, standings: Sequence[Standing], tell: Callable[[str], None]) -> bool:
        """Whether there was news while it was written, so that what says less is out of date."""
        is_news = False
        for output in self.outputs:
            tell(f"writing {output.title}")
            output.prepare()
            late = [s for s in standings if not output.is_current(s)]
            if output.divisible and self.scribes.are_worth_it(len(late)):
                counts = accumulate(self.scribes.write(type(output), late))
                for count in counts:
                    tell(f"writing {output.title}: {count} of {len(late)}")
                late = [s for s in late if not output.is_current(s)]
            for some in batches(late):
                is_news |= output.write(list(self.store.with_checks(some)))
            output.complete(standings)
        return is_news

    def close(self) -> None:
        self.scribes.close()
        for output in self.outputs:
            output.close()


def republish(out: Path, course: Course, store: Store, console: Console) -> None:
    """Write what is out of date of all results that count."""
    with closing(Publisher(out, course, store)) as publisher, console.status("writing") as status:
        publisher.finish(publisher.standings(), status.update)
