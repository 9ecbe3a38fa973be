"""`python -m bench.soak`: a thousand submissions, some hostile, two workers, six times kill -9.

A tiny course is graded by `mugrade grade`; among the students are some who hand in nothing, and
some who hand in what another one does. At moments drawn by `--seed` three times a worker is killed,
and three times the grader, after which the same command is given again. Printed are the
grader's memory and descriptors as the results come; what must hold at the end is in `problems`.
"""

import contextlib
import csv
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.measure import adopt_orphans
from mugrade.author.build import build_course
from mugrade.course.model import Course
from mugrade.course.reading import load_course
from mugrade.grader.models import MARK
from mugrade.grader.outputs.output import bears
from tests.test_grade import SCALER, hand_in
from tests.test_sandbox import DEADLY
from tests.tiny import write_course

ROOT = Path(__file__).parent.parent
STAGE, FULL = "01_scale", 8
WORKERS, SECONDS = 2, 1.0
EVERY, ABSENT = 20, 50  # one in so many is hostile, one hands in nothing
ALIKE = 400  # honest notebooks that differ
KILLS = 3  # of the grader, and of a worker
HOSTILE = [
    DEADLY["fork without end"][0],
    "keep = [b'x' * (1 << 24) for _ in range(999)]",
    DEADLY["print without end"][0],
    "import os; os._exit(0)",
    "while True: pass",
]
TICK = 0.1
GROWTH = 16 << 20  # bytes of memory that may come after the first tenth
IN_USE = 16  # descriptors that a worker may have open at one moment and not at another
STILL_THERE = 10.0  # seconds for the sandbox to notice that the grader is dead


@dataclass(frozen=True)
class Sample:
    """The grader at one moment: results stored so far, bytes of memory, open descriptors."""

    stored: int
    memory: int
    descriptors: int


def submit(course: Course, folder: Path, count: int) -> None:
    """Hand in right answers, many alike; a hostile one or nothing in every so many places."""
    for number in range(count):
        hostile = HOSTILE[number // EVERY % len(HOSTILE)] if is_hostile(number) else ""
        text = f"{hostile}\n        return y" if hostile else f"return y  # {number % ALIKE}"
        student = folder / f"student{number:05}"
        if is_absent(number):
            student.mkdir(parents=True)
        else:
            hand_in(course, student, STAGE, scaler=SCALER.format(text))


def is_hostile(number: int) -> bool:
    return number % EVERY == EVERY // 2


def is_absent(number: int) -> bool:
    return number % ABSENT == ABSENT - 1


def rows(out: Path, query: str) -> list[tuple]:
    """What the results database answers; nothing where there is none yet."""
    try:
        with closing(sqlite3.connect(f"file:{out / 'results.db'}?mode=ro", uri=True)) as database:
            return database.execute(query).fetchall()
    except sqlite3.OperationalError:
        return []


def stored(out: Path) -> int:
    return sum(count for (count,) in rows(out, "select count(*) from mugrade_attempts"))


def samples(process: subprocess.Popen[str], out: Path) -> Iterator[Sample]:
    """The grader at every tick, until it ends."""
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
            descriptors = len(os.listdir(f"/proc/{process.pid}/fd"))
        except OSError:
            return
        if resident := re.search(r"VmRSS:\s+(\d+) kB", status):
            yield Sample(stored(out), int(resident[1]) << 10, descriptors)
        time.sleep(TICK)


def watch(
    process: subprocess.Popen[str], out: Path, until: int, step: int, killing: Sequence[int]
) -> Iterator[Sample]:
    """Samples until so many results are stored, while workers are killed when so many are."""
    begun, next_line, left = stored(out), 0, sorted(killing)
    for sample in samples(process, out):
        if begun < sample.stored < until:
            yield sample
        if begun < sample.stored and sample.stored >= next_line:
            print(f"{sample.stored:6} {sample.memory / (1 << 20):8.1f} MB {sample.descriptors:5}")
            next_line = (sample.stored // step + 1) * step
        if left and sample.stored >= left[0] and kill_worker(process.pid):
            print(f"a worker is killed with {sample.stored} results stored")
            del left[0]
        if sample.stored >= until:
            return


def kill_worker(head: int) -> bool:
    """Kill one of the grader's workers; whether there was one."""
    for child in Path(f"/proc/{head}/task/{head}/children").read_text().split():
        with contextlib.suppress(OSError):
            if b"mugrade.grader.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(int(child), signal.SIGKILL)
                return True
    return False


def nobody_is_left() -> bool:
    """Whether everything that was started has ended: orphans are children of this process."""
    deadline = time.monotonic() + STILL_THERE
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(TICK)
        except ChildProcessError:
            return True
    return False


def growing(seen: Sequence[Sample]) -> Iterator[str]:
    """What grows from the first tenth of a run on."""
    if not seen:
        return
    last = seen[0].stored + (seen[-1].stored - seen[0].stored) // 10
    first = [sample for sample in seen if sample.stored <= last]
    memory = max(s.memory for s in seen) - max(s.memory for s in first)
    descriptors = max(s.descriptors for s in seen) - max(s.descriptors for s in first)
    if memory > GROWTH:
        yield f"memory grows by {memory >> 20} MB"
    if descriptors > WORKERS * IN_USE:
        yield f"descriptors grow by {descriptors}"


def problems(out: Path, count: int, said: str, at_kill: int) -> Iterator[str]:
    """What is wrong with the results, and with what is written of them."""
    found = {
        int(student[-5:]): (number, points, status)
        for student, number, points, status in rows(
            out, "select student, number, points, status from mugrade_attempts order by number"
        )
    }
    present = [number for number in range(count) if not is_absent(number)]
    if len(found) != count:
        yield f"{len(found)} of {count} results are there"
    poor = [n for n in present if not is_hostile(n) and found.get(n, (0, 0))[1] != FULL]
    if poor:
        yield f"{len(poor)} honest submissions without full points: {poor[:5]}"
    failed = [n for n in present if found.get(n, (0, 0, "lost"))[2] == "failed"]
    if failed:
        yield f"{len(failed)} submissions that the grader failed at: {failed[:5]}"
    twice = [n for n, (number, *_) in found.items() if number != int(not is_absent(n))]
    if twice:
        yield f"{len(twice)} results were graded twice: {twice[:5]}"
    if f"{count - at_kill} graded, {at_kill} up to date" not in said:
        yield f"{at_kill} results were stored at the kill; the last run says {said[-200:]!r}"
    if rows(out, "pragma integrity_check") != [("ok",)]:
        yield "the database is damaged"
    yield from incomplete(out, count, len(present))


def incomplete(out: Path, count: int, present: int) -> Iterator[str]:
    """What is missing in the files."""
    written = [path.name for path in out.glob("feedback/*/*.html") if bears(path, "</html>")]
    indices = written.count("index.html")
    notebooks = [path for path in out.glob("autograded/*/*/*.ipynb") if bears(path, MARK)]
    with (out / "grades.csv").open(newline="", encoding="utf-8") as file:
        students = {row["student"] for row in csv.DictReader(file)}
    with closing(sqlite3.connect(out / "gradebook.db")) as gradebook:
        ((scored,),) = gradebook.execute("select count(*) from submitted_notebook")
    there = (len(written) - indices, indices, len(notebooks), len(students), scored)
    if there != (count, count, present, count, present):
        yield f"pages of stages, of students, notebooks, in the table, in the gradebook: {there}"


def main(
    count: Annotated[int, typer.Argument(help="How many submissions.")] = 1000,
    seed: Annotated[int, typer.Option(help="Draws the moments of the kills.")] = 0,
) -> None:
    """Grade, kill, grade again; ends with status 1 if anything is not as it must be."""
    console = Console()
    adopt_orphans()
    draw = random.Random(seed)
    ends = [*sorted(draw.sample(range(count // 10, count * 9 // 10), KILLS)), count]
    workers = draw.sample(range(count // 10, count * 9 // 10), KILLS)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder, wrong = Path(name), list[str]()
        course = load_course(write_course(folder / "course"))
        build_course(course)
        submit(course, folder / "submitted", count)
        out = folder / "out"
        words = ["grade", str(folder / "submitted"), "--course", str(course.root)]
        options = ["--jobs", str(WORKERS), "--seconds", str(SECONDS), "--accept-weak-sandbox"]
        command = [sys.executable, "-m", "mugrade", *words, "--out", str(out), *options]
        console.print("results     memory   descriptors")
        at_kill = 0
        for last in ends:
            with (folder / "said").open("w+") as said:
                process = subprocess.Popen(
                    command, cwd=ROOT, stdout=said, stderr=subprocess.STDOUT, text=True
                )
                here = [number for number in workers if at_kill <= number < last]
                seen = list(watch(process, out, last, count // 10, here))
                wrong += growing(seen)
                if (
                    not seen and last - at_kill >= count // 10
                ):  # a short one is over between two looks
                    wrong.append("the grader was never seen at work")
                if last < count:
                    process.send_signal(signal.SIGKILL)
                process.wait()
            if last < count:
                at_kill = stored(out)
                console.print(f"kill -9 with {at_kill} results stored", highlight=False)
            if not nobody_is_left():
                wrong.append("a process is left")
        wrong += problems(out, count, (folder / "said").read_text(), at_kill)
    console.print(*(wrong or ["all is as it must be"]), sep="\n", highlight=False)
    console.print(f"{count} submissions, {time.monotonic() - began:.0f} s", highlight=False)
    raise typer.Exit(bool(wrong))


if __name__ == "__main__":
    typer.run(main)
