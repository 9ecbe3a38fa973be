"""Workers: what one submission does to the worker that reads it costs no other one anything."""

import json
import math
import os
import pickle
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import chain
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mugrade.course.model import Course
from mugrade.grader import pool
from mugrade.grader.grade import CourseKey
from mugrade.grader.pool import Allowance, Pool
from mugrade.grader.results import Result
from mugrade.grader.submissions import Submission
from mugrade.sandbox.job import SandboxError
from mugrade.sandbox.limits import Limits
from mugrade.sandbox.process import Sandbox
from mugrade.sandbox.tiers import WEAK
from tests.conftest import course_key
from tests.test_grade import SCALER, hand_in

LIMITS = Limits(load=20, check=10, total=60)
SLEEPY = SCALER.format("import time; time.sleep(0.3); return y")
LONG = f"x = ({'1,' * 120_000})"


@pytest.fixture(scope="module")
def key(tiny: Course) -> CourseKey:
    with closing(Sandbox(WEAK)) as sandbox:
        return course_key(tiny, ["01_scale"], LIMITS, sandbox, b"workers")


@pytest.fixture
def three(tiny: Course, tmp_path: Path) -> list[Submission]:
    """Three students; the one in the middle has a cell more than they should."""
    paths = [hand_in(tiny, tmp_path / name) for name in ("ada", "bob", "carl")]
    notebook = json.loads(paths[1].read_text())
    cell = {"cell_type": "code", "id": "long", "metadata": {}, "source": LONG}
    paths[1].write_text(json.dumps({**notebook, "cells": notebook["cells"] + 30 * [cell]}))
    return [Submission(path.parent.name, "01_scale", path) for path in paths]


def graded(pool: Pool, submissions: Sequence[Submission]) -> dict[str, Result]:
    with closing(pool):
        found = list(chain.from_iterable(pool.grade_all(submissions)))
    assert len(found) == len(submissions)
    return {result.submission.student: result for result in found}


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_takes_too_long_to_read_is_one_row(
    key: CourseKey, three: list[Submission], jobs: int
) -> None:
    found = graded(Pool(key, WEAK, jobs, Allowance(seconds=1)), three)
    assert {name: result.points for name, result in found.items()} == {
        "ada": 8,
        "bob": 0,
        "carl": 8,
    }
    bob = found["bob"]
    assert (bob.status, bob.reason) == ("unreadable", "it took longer than 1 s to read")
    path = three[1].path
    assert path and bob.notebook and bob.notebook.content == path.read_bytes()


def test_what_takes_too_much_memory_to_read_is_one_row(
    key: CourseKey, three: list[Submission]
) -> None:
    path = three[1].path
    assert path
    path.write_text(f'{{"cells": [{"[]," * 8_000_000}[]]}}')
    found = graded(Pool(key, WEAK, 1, Allowance(memory=128 << 20)), three)
    assert {name: result.points for name, result in found.items()} == {
        "ada": 8,
        "bob": 0,
        "carl": 8,
    }
    assert found["bob"].status == "unreadable" and "too much memory" in found["bob"].reason


def test_workers_that_are_killed_lose_and_double_nothing(
    tiny: Course, key: CourseKey, tmp_path: Path
) -> None:
    todo = [
        Submission(f"s{i}", "01_scale", hand_in(tiny, tmp_path / f"s{i}", scaler=SLEEPY))
        for i in range(6)
    ]
    killed, found = 0, []
    with closing(Pool(key, WEAK, 2)) as workers:
        for result in chain.from_iterable(workers.grade_all(todo)):
            found.append((result.submission, result.points))
            for worker in workers.workers.values() if killed < 3 else ():
                worker.popen.kill()
                killed += 1
    assert killed >= 3 and sorted(found, key=str) == sorted(((s, 8) for s in todo), key=str)


@pytest.mark.parametrize(
    ("number", "status", "reason"),
    [
        (signal.SIGSEGV, "unreadable", "whatever reads it ends (SIGSEGV)"),
        (signal.SIGKILL, "failed", "its workers were killed"),
    ],
)
def test_what_ends_each_worker_is_given_up(
    key: CourseKey,
    three: list[Submission],
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    status: str,
    reason: str,
) -> None:
    give = pool.Worker.give

    def giving(self: pool.Worker, submission: Submission, of_student: Any) -> bool:
        given = give(self, submission, of_student)
        if submission.student == "bob":
            self.popen.send_signal(number)
        return given

    monkeypatch.setattr(pool.Worker, "give", giving)
    found = graded(Pool(key, WEAK, 1), three)
    assert (found["bob"].status, found["bob"].reason) == (status, reason)
    assert (found["ada"].points, found["carl"].points) == (8, 8)


class Played(pool.Worker):
    """A worker of which it is written down what becomes of it, request by request."""

    fates: ClassVar[list[int]] = []  # 0: it answers

    def __init__(self, *_: object) -> None:
        self.ready, self.late, self.quick, self.core = False, False, False, None
        self.tasks = deque[Submission]()
        self.began, self.popen = math.inf, Mock()
        self.fate = 0
        ours, theirs = socket.socketpair()
        self.connection, self.other = Connection(ours.detach()), Connection(theirs.detach())
        self.other.send(None)

    def give(self, submission: Submission, of_student: object) -> bool:
        fate = self.fates.pop() if self.fates else 0
        if self.other.closed:
            return False
        if fate:
            self.fate = fate
            self.other.close()
        else:
            self.other.send(submission)
        if fate == GONE:
            return False
        self.tasks.append(submission)
        if len(self.tasks) == 1:
            self.begin()
        return True

    def _ended(self) -> pool.Ended:
        self.close()
        return pool.Ended(self.fate)

    def close(self) -> None:
        self.connection.close()
        self.other.close()


GONE = 1
FATES = [0, GONE, pool.TOO_SLOW, pool.KILLED, pool.LATE, -signal.SIGSEGV]


@given(
    fates=st.lists(st.sampled_from(FATES), max_size=30),
    students=st.integers(1, 6),
    jobs=st.integers(1, 4),
    most=st.integers(0, 8),
)
def test_whatever_becomes_of_workers_no_submission_is_lost_or_doubled(
    key: CourseKey, fates: list[int], students: int, jobs: int, most: int
) -> None:
    todo = [Submission(f"s{i}", "01_scale", None) for i in range(students)]
    seen: list[Submission] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "Worker", Played)
        patch.setattr(Played, "fates", [*fates])
        with closing(Pool(key, WEAK, jobs)) as workers:
            for results in workers.grade_all(todo, stopped=lambda: len(seen) >= most > 0):
                seen.extend(r if isinstance(r, Submission) else r.submission for r in results)
    assert len(seen) == len(set(seen)) and set(seen) <= set(todo)
    assert len(seen) == students or len(seen) >= most > 0


def test_a_worker_that_does_not_start_is_nobodys_fault(
    key: CourseKey, three: list[Submission], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool.sys, "executable", "/bin/false")
    with closing(Pool(key, WEAK, 1)) as workers, pytest.raises(SandboxError, match="status 1"):
        list(workers.grade_all(three))


def test_how_a_worker_has_ended_travels() -> None:
    ended = pickle.loads(pickle.dumps(pool.Ended(-signal.SIGKILL, "so it is")))
    assert (ended.status, str(ended)) == (-signal.SIGKILL, "SIGKILL: so it is")


def test_stopping_finishes_what_is_running(tiny: Course, key: CourseKey, tmp_path: Path) -> None:
    todo = [Submission(f"s{i}", "01_scale", hand_in(tiny, tmp_path / f"s{i}")) for i in range(5)]
    seen: list[Result] = []
    with closing(Pool(key, WEAK, 1)) as workers:
        for results in workers.grade_all(todo, stopped=lambda: bool(seen)):
            seen.extend(results)
    assert 1 <= len(seen) <= 3 and {result.points for result in seen} == {8}


def descendants(pid: int) -> Iterator[int]:
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield int(child)
        yield from descendants(int(child))


def alive(pids: Sequence[int]) -> list[int]:
    return [pid for pid in pids if os.path.exists(f"/proc/{pid}")]


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("signals", [[signal.SIGKILL], [signal.SIGINT, signal.SIGINT]])
def test_the_end_of_the_head_leaves_nobody_behind(
    tiny: Course, tmp_path: Path, signals: list[signal.Signals]
) -> None:
    endless = SCALER.format("while True: pass")
    for name in ("ada", "bob"):
        hand_in(tiny, tmp_path / "in" / name, scaler=endless)
    command = [sys.executable, "-m", "mugrade", "grade", str(tmp_path / "in"), "--course"]
    options = [str(tiny.root), "--out", str(tmp_path / "out"), "--accept-weak-sandbox"]
    head = subprocess.Popen([*command, *options, "--jobs", "2"], stdout=subprocess.DEVNULL)
    below: list[int] = []
    for _ in range(300):
        time.sleep(0.1)
        below = list(descendants(head.pid))
        if len(below) >= 8:  # two workers, and for each the sandbox with a submission in it
            break
    assert len(below) >= 8
    for number in signals:
        os.kill(head.pid, number)
        time.sleep(0.2)
    head.wait(timeout=10)
    for _ in range(100):
        if not alive(below):
            break
        time.sleep(0.1)
    assert not alive(below)
    with closing(sqlite3.connect(tmp_path / "out" / "results.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_what_is_large_is_not_sent_to_who_does_not_listen(
    tiny: Course, key: CourseKey, tmp_path: Path
) -> None:
    """A student with thousands of stray files, and results that are larger than a socket holds."""
    shown = SCALER.format("return y") + "# " + "x" * 200_000
    others = tuple(f"notes/of/mine/{i:040}.ipynb" for i in range(6000))
    todo = [
        Submission(f"s{i}", "01_scale", hand_in(tiny, tmp_path / f"s{i}", scaler=shown), others)
        for i in range(6)
    ]
    assert {result.points for result in graded(Pool(key, WEAK, 1), todo).values()} == {8}
