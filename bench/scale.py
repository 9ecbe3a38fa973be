"""`python -m bench.scale`: what a class of any size costs on a cluster, calculated.

Measured, on thirty different submissions of one stage: how long a worker's core is busy with one,
the processor time of the head (which reads, sends, receives, stores; the scheduler runs in it), the
time to write its files, the bytes that travel and that stay.

Calculated, for a number of submissions N and of cores c:

    hours = (start-up + N * max(worker / c, head + files)) / 3600

Assumed: every core is as fast as the one measured; submissions are like the sample, right and
wrong in turn, and none of them hangs (one that does holds its core for the limit of `mugrade grade
--seconds`); all workers are there from the beginning; the network carries what the last column
says; the head is one process, so it uses one core however many it has.
"""

import pickle
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from distributed import LocalCluster
from rich.console import Console
from rich.table import Table

from bench.submissions import COUNT, STAGE, hand_in, submissions
from mugrade.course.model import Course
from mugrade.course.reading import load_course
from mugrade.grader.attempts import Basis
from mugrade.grader.cluster import Cluster, ClusterPool
from mugrade.grader.grade import CourseKey, Grader
from mugrade.grader.key import StageKey
from mugrade.grader.publish import Publisher
from mugrade.grader.store import Store
from mugrade.grader.submissions import Submission, find_submissions
from mugrade.sandbox.job import Limits
from mugrade.sandbox.probe import strongest
from mugrade.sandbox.process import Sandbox
from mugrade.sandbox.tiers import WEAK

ROOT = Path(__file__).parent.parent
CORES = (1, 2, 8, 32, 64, 128)
SECRET = b"bench"


@dataclass
class Each:
    """What one submission costs: seconds, and bytes."""

    worker: float = 0.0
    head: float = 0.0
    files: float = 0.0
    start: float = 0.0
    sent: float = 0.0
    kept: float = 0.0

    def hours(self, count: int, cores: int) -> float:
        return (self.start + count * self.seconds(cores)) / 3600

    def seconds(self, cores: int) -> float:
        return max(self.worker / cores, self.head + self.files)

    def bound(self, cores: int) -> str:
        return "the workers" if self.worker / cores > self.head + self.files else "the head"

    def megabits(self, cores: int) -> float:
        return self.sent / self.seconds(cores) * 8 / 1e6


def worker_and_bytes(key: CourseKey, todo: Sequence[Submission], each: Each) -> None:
    """Grade here, one at a time, and clock what a worker of a cluster does."""
    with closing(Grader(key, Sandbox(strongest().tier))) as grader:
        for submission in todo:
            grader.grade(submission, {})  # what is done once for a class, however large
        for submission in todo:
            began = time.perf_counter()
            result = grader.grade(submission, {})
            each.worker += (time.perf_counter() - began) / len(todo)
            back = replace(result, notebook=None)
            each.sent += sum(len(pickle.dumps(x)) for x in (result.notebook, back)) / len(todo)


@contextmanager
def workers(key: CourseKey) -> Iterator[ClusterPool]:
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as local,
        closing(Cluster(local.scheduler_address, accept_weak=True)) as cluster,
        closing(cluster.pool(key)) as found,
    ):
        yield found


def head(key: CourseKey, todo: Sequence[Submission], store: Store, each: Each) -> None:
    """The processor time of this process while a cluster of one worker grades."""
    with workers(key) as found:
        list(found.grade_all(todo))
        used = time.process_time()
        for results in found.grade_all(todo):
            store.add_all([(result, Basis("")) for result in results])
        each.head = (time.process_time() - used) / len(todo)


def files(course: Course, out: Path, store: Store, each: Each) -> None:
    """The time to write the class's files, and the room that they and the results take."""
    standings = store.standings(course.settings)
    few = len(standings) // 3
    with closing(Publisher(out, course, store)) as publisher:
        publisher.finish(standings[:few], lambda text: None)
        before, began = size(out), time.perf_counter()
        publisher.finish(standings, lambda text: None)
    more = len(standings) - few
    each.files = (time.perf_counter() - began) / more
    each.kept = (size(out) - before) / more + Path(store.name).stat().st_size / len(standings)


def size(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def measured() -> Each:
    """The cost of one submission of the sample; three classes of the same thirty."""
    course = load_course(ROOT)
    texts = submissions(course, course.find(STAGE))
    each = Each()
    with tempfile.TemporaryDirectory() as name:
        folder, out = Path(name) / "submitted", Path(name) / "out"
        hand_in(texts * 3, STAGE, folder)
        out.mkdir()
        todo = [s for s in find_submissions(folder, [STAGE]) if s.path]
        store = Store.create(Path(name) / "results.db")
        began = time.perf_counter()
        with closing(Sandbox(WEAK)) as sandbox:
            found = StageKey(course, course.find(STAGE), sandbox, SECRET)
            key = CourseKey(course, {STAGE: found}, Limits())
        each.start = time.perf_counter() - began
        worker_and_bytes(key, todo[: 2 * COUNT], each)
        head(key, todo, store, each)
        files(course, out, store, each)
        store.close()
    return each


def table(each: Each, count: int) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("cores", "hours", "core-hours", "bound by", "Mbit/s"):
        shown.add_column(name, justify="left" if name == "bound by" else "right")
    for cores in CORES:
        hours = each.hours(count, cores)
        shown.add_row(
            str(cores),
            f"{hours:.2f}",
            f"{hours * cores:.1f}",
            each.bound(cores),
            f"{each.megabits(cores):.0f}",
        )
    return shown


def main(
    count: Annotated[int, typer.Option(help="Submissions of one stage.", min=1)] = 100_000,
) -> None:
    """Measure one submission, calculate many."""
    console = Console()
    with console.status("measuring"):
        each = measured()
    console.print(
        f"each of {count:,} submissions of {STAGE}: worker {each.worker * 1e3:.1f} ms, "
        f"head {each.head * 1e3:.1f} ms, files {each.files * 1e3:.1f} ms, "
        f"{each.sent / 1e3:.0f} kB sent, {each.kept / 1e3:.0f} kB kept; "
        f"start-up {each.start:.1f} s",
        highlight=False,
    )
    console.print(f"kept in all: {count * each.kept / 1e9:.1f} GB", highlight=False)
    console.print(table(each, count))


if __name__ == "__main__":
    typer.run(main)
