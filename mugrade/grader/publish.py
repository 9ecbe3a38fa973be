"""From the store to files: every output is brought up to date."""

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from rich.console import Console

from mugrade.course.model import Course
from mugrade.errors import Unreadable
from mugrade.grader.ledger import GRADEBOOK, listen
from mugrade.grader.outputs.csv import Csv
from mugrade.grader.outputs.gradebook import Gradebook
from mugrade.grader.outputs.index import IndexPages
from mugrade.grader.outputs.output import Output
from mugrade.grader.outputs.pages import Pages
from mugrade.grader.plan import Plan
from mugrade.grader.policy import Standing
from mugrade.grader.share import Scribe, Scribes, Share
from mugrade.grader.store import Store

log = logging.getLogger(__name__)

CORES = os.cpu_count() or 1


class Publisher:
    """Writes what counts of what the store holds below `out`, in `jobs` processes if it is much."""

    def __init__(self, out: Path, course: Course, store: Store, jobs: int = CORES) -> None:
        self.out, self.course, self.store = out, course, store
        gradebook = Gradebook(out, course, store)
        others = [make(out, course, store) for make in (Pages, IndexPages)]
        self.steps: list[list[Output]] = [
            [Csv(out, course, store), gradebook, *others],  # side by side
            [gradebook.notebooks],  # which say that their scores are there
        ]
        self.scribes = Scribes(Scribe(out, course, store), jobs)
        self.deaf: Unreadable | None = None

    @property
    def outputs(self) -> list[Output]:
        return [output for step in self.steps for output in step]

    def standings(self, plan: Plan | None = None) -> list[Standing]:
        """What counts now, and is to be written; the teacher's last word in the formgrader too.

        A `plan` after which nothing was graded knows the rest.
        """
        is_news = False
        try:
            is_news = listen(self.store, self.out / GRADEBOOK) > 0
        except Unreadable as error:
            self.deaf = error  # what is known from before is written first
            log.warning("the gradebook cannot be read: %s", error)
        if plan and not is_news:
            return plan.standings
        return self.store.standings(self.course.settings)

    def finish(self, standings: Sequence[Standing], tell: Callable[[str], None]) -> dict[str, str]:
        """Write what is out of date, of all results that count; returns what is where.

        If one cannot be written, the others of its step are there. Raises Unreadable.
        """
        while any(self._bring_up_to_date(step, standings, tell) for step in self.steps):
            standings = self.store.standings(self.course.settings)  # there was news
        if self.deaf:
            raise self.deaf
        return {
            "results": self.store.name,
            **{output.name: str(output.path) for output in self.outputs},
        }

    def _bring_up_to_date(
        self, step: Sequence[Output], standings: Sequence[Standing], tell: Callable[[str], None]
    ) -> bool:
        """Whether there was news while it was written, so that what says less is out of date."""
        shares = [Share(type(output), some) for output in step for some in output.shares(standings)]
        is_news, failed = False, None
        for count, (share, written) in enumerate(self.scribes.write(shares), 1):
            tell(f"writing {share.make.name}: {count} of {len(shares)}")
            is_news |= written.is_news
            if written.error:
                log.error("not all could be written", exc_info=written.error)
                failed = written.error
        if isinstance(failed, OSError):
            raise Unreadable(f"{failed.filename}: cannot be written ({failed.strerror})")
        if failed:
            raise failed
        return is_news

    def close(self) -> None:
        self.scribes.close()


def republish(out: Path, course: Course, store: Store, console: Console) -> None:
    """Write what is out of date of all results that count."""
    with closing(Publisher(out, course, store)) as publisher, console.status("writing") as status:
        publisher.finish(publisher.standings(), status.update)
