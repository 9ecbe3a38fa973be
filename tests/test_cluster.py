"""Grading on a cluster: the same results as here, also if a worker dies in the middle."""

import gc
import io
import os
import pickle
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from distributed import KilledWorker
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from mugrade.course.model import Course
from mugrade.errors import Unreadable
from mugrade.extras import LIBRARIES
from mugrade.grader import cluster
from mugrade.grader.cluster import Cluster, Sent, judge_there
from mugrade.grader.grade import CourseKey
from mugrade.grader.plan import Order
from mugrade.grader.pool import KILLED, TOO_SLOW, Ended
from mugrade.grader.results import PackedNotebook, Result, Status
from mugrade.grader.run import grade_class
from mugrade.grader.submissions import Submission
from mugrade.sandbox.job import SandboxError
from mugrade.sandbox.limits import Limits
from mugrade.sandbox.probe import Found
from mugrade.sandbox.process import Sandbox
from mugrade.sandbox.tiers import WEAK
from tests.conftest import course_key
from tests.test_grade import SCALER, hand_in, table

WHO = ("client", "scheduler", "worker")
LIMITS = Limits(load=20, check=10, total=60)


def cluster_of(count: int, **options: Any) -> Any:
    """A cluster of processes of this machine.

    A client that found nobody closes when it is collected; while a cluster starts, both would wait
    for each other.
    """
    from distributed import LocalCluster

    gc.collect()
    one_each = {"threads_per_worker": 1, "processes": True, "dashboard_address": None}
    return LocalCluster(n_workers=count, **one_each, **options)


@pytest.fixture(scope="module")
def local() -> Iterator[Any]:
    with cluster_of(2) as local:
        yield local


def test_a_class_is_graded_alike(tiny: Course, tmp_path: Path, local: Any) -> None:
    for i in range(4):
        wrong = {"scaler": SCALER.format("return -y")} if i % 2 else {}
        hand_in(tiny, tmp_path / "in" / f"student{i}", **wrong)
    tables = []
    for name, scheduler in (("here", None), ("there", local.scheduler_address)):
        order = Order(
            tiny,
            tmp_path / "in",
            tmp_path / name,
            LIMITS,
            ["01_scale"],
            accept_weak=True,
            scheduler=scheduler,
        )
        assert grade_class(order, Console(file=io.StringIO()))
        tables.append(table(tmp_path / name))
    assert tables[0] == tables[1]
    assert tables[0]["student1", "scaler-centres"] == (0, "value")


@pytest.fixture(scope="module")
def key(tiny: Course) -> CourseKey:
    with closing(Sandbox(WEAK)) as sandbox:
        return course_key(tiny, ["01_scale"], LIMITS, sandbox, b"cluster")


def graded(local: Any, key: CourseKey, submissions: Sequence[Submission]) -> dict[str, Result]:
    with (
        closing(Cluster(local.scheduler_address, accept_weak=True)) as connection,
        closing(connection.pool(key)) as workers,
    ):
        found = list(chain.from_iterable(workers.grade_all(submissions)))
    assert len(found) == len(submissions)
    return {result.submission.student: result for result in found}


def sleepy(course: Course, folder: Path, count: int) -> list[Submission]:
    """Right answers that take a moment, each another one."""
    text = SCALER.format("import time; time.sleep(0.3); return y")
    return [
        Submission(f"s{i}", "01_scale", hand_in(course, folder / f"s{i}", scaler=f"# {i}\n{text}"))
        for i in range(count)
    ]


def a_worker_of(local: Any) -> int:
    """The process of one of the cluster's workers."""
    with closing(Cluster(local.scheduler_address, accept_weak=True)) as connection:
        return int(next(iter(connection.client.run(os.getpid).values())))


def test_a_worker_that_dies_loses_and_doubles_nothing(
    tiny: Course, key: CourseKey, tmp_path: Path, local: Any
) -> None:
    submissions = sleepy(tiny, tmp_path, 8)
    victim = a_worker_of(local)
    killer = threading.Timer(1.0, os.kill, (victim, signal.SIGKILL))
    killer.start()
    found = graded(local, key, submissions)
    killer.join()
    assert {(r.status, r.points) for r in found.values()} == {("graded", 8)}
    assert not _alive(victim)


def test_what_cannot_be_read_there_is_one_row(
    tiny: Course, key: CourseKey, tmp_path: Path, local: Any
) -> None:
    paths = [hand_in(tiny, tmp_path / name) for name in ("ada", "bob")]
    paths[1].write_text("{")
    todo = [Submission(path.parent.name, "01_scale", path) for path in paths]
    found = graded(local, key, [*todo, Submission("carl", "01_scale", None)])
    assert {name: (r.status, r.points) for name, r in found.items()} == {
        "ada": ("graded", 8),
        "bob": ("unreadable", 0),
        "carl": ("missing", 0),
    }
    assert found["bob"].notebook and found["bob"].notebook.content == b"{"


def test_a_sandbox_that_is_not_strong_is_refused_there(
    tiny: Course, key: CourseKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weak, submission = Found(WEAK, "there is none"), Submission("ada", "01_scale", None)
    sent = Sent(submission, PackedNotebook.of(b""), {}, 1.0)
    monkeypatch.setattr("mugrade.grader.cluster.strongest", lambda: weak)
    with pytest.raises(SandboxError, match=r"no strong sandbox \(there is none"):
        judge_there(pickle.dumps(key), LIBRARIES, False, [sent])


def travelling(tiny: Course, folder: Path, names: Sequence[str]) -> list[Sent]:
    """What is sent of right answers of some students, which may take a second."""
    return [
        Sent(Submission(name, "01_scale", path), PackedNotebook.of(path.read_bytes()), {}, 20.0)
        for name, path in ((name, hand_in(tiny, folder / name)) for name in names)
    ]


class Frail:
    """In place of a worker: it ends at what is called so."""

    def __init__(self, *arguments: Any) -> None:
        self.submission: Any = None

    def ask(self, method: str, submission: Submission, *rest: Any) -> None:
        self.submission = submission

    def answer(self, seconds: float | None = None) -> Any:
        if self.submission is None:
            return None
        ASKED.append(self.submission.student)
        kind = self.submission.student.rstrip("0123456789")
        if kind in ENDS:
            raise Ended(ENDS[kind])
        CLOCK.now += 10 if kind == "slow" else 0
        return Result(self.submission, Status.GRADED)


ENDS = {"dies": KILLED, "thinks": TOO_SLOW}
ASKED: list[str] = []
CLOCK = SimpleNamespace(now=0.0)


@pytest.fixture
def frail(monkeypatch: pytest.MonkeyPatch) -> None:
    ASKED.clear()
    monkeypatch.setattr(cluster, "_own", threading.local())
    monkeypatch.setattr(cluster, "Worker", Frail)
    monkeypatch.setattr(cluster, "time", SimpleNamespace(monotonic=lambda: CLOCK.now))


def of_each(found: Sequence[Result | int]) -> list[Any]:
    return [one if isinstance(one, int) else one.status for one in found]


def test_what_ends_a_worker_costs_nobody_in_its_task(
    tiny: Course, tmp_path: Path, frail: None
) -> None:
    some = travelling(tiny, tmp_path, ["ada", "dies", "bob", "thinks", "carl"])
    found = judge_there(b"key", LIBRARIES, True, some)
    assert of_each(found) == ["graded", KILLED, "graded", TOO_SLOW, "graded"]
    assert ASKED == ["ada", "dies", "dies", "dies", "bob", "thinks", "carl"]


def test_a_task_that_took_long_begins_nothing_more(
    tiny: Course, tmp_path: Path, frail: None
) -> None:
    some = travelling(tiny, tmp_path, ["ada", "slow", "bob", "carl"])
    assert of_each(judge_there(b"key", LIBRARIES, True, some)) == ["graded", "graded"]


class InTurn:
    """In place of dask's client: it works at once, and a task with `killer` in it dies."""

    def __init__(self, killer: str) -> None:
        self.killer, self.sent = killer, list[list[str]]()

    def scatter(self, data: bytes, broadcast: bool) -> bytes:
        return data

    def submit(self, function: Any, *arguments: Any, **options: Any) -> "Future[Any]":
        self.sent.append([sent.submission.student for sent in arguments[-1]])
        future: Future[Any] = Future()
        if any(name.startswith(self.killer) for name in self.sent[-1]):
            future.set_exception(KilledWorker("judge", None, 3))  # type: ignore[no-untyped-call]
        else:
            future.set_result(function(*arguments))
        return future


def test_who_was_in_a_task_that_killed_machines_is_sent_alone(
    tiny: Course, key: CourseKey, tmp_path: Path, frail: None
) -> None:
    names = ["ada", "slow", "bob", "carl", "dora", "emil", "fay", "gus"]
    todo = [sent.submission for sent in travelling(tiny, tmp_path, names)]
    client = InTurn("bob")
    whole = cast(Cluster, SimpleNamespace(client=client, jobs=1, accept_weak=True))
    with closing(cluster.ClusterPool(key, whole)) as workers:
        found = list(chain.from_iterable(workers.grade_all(todo)))
    assert sorted(result.submission.student for result in found) == sorted(names)
    assert {r.submission.student for r in found if r.status != Status.GRADED} == {"bob"}
    assert client.sent[:2] == [names[:4], names[4:6]]
    assert all(client.sent.count([name]) == 1 for name in names[:4])


KINDS = ["fine", "slow", "dies", "thinks", "kills"]


@given(kinds=st.lists(st.sampled_from(KINDS), max_size=40), jobs=st.integers(1, 3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_becomes_of_tasks_no_submission_is_lost_or_doubled(
    key: CourseKey, notebook: Path, frail: None, kinds: list[str], jobs: int
) -> None:
    todo = [Submission(f"{kind}{i}", "01_scale", notebook) for i, kind in enumerate(kinds)]
    whole = cast(Cluster, SimpleNamespace(client=InTurn("kills"), jobs=jobs, accept_weak=True))
    with closing(cluster.ClusterPool(key, whole)) as workers:
        found = list(chain.from_iterable(workers.grade_all(todo)))
    assert sorted(r.submission.student for r in found) == sorted(s.student for s in todo)
    for result in found:
        is_fine = result.submission.student.startswith(("fine", "slow"))
        assert (result.status == Status.GRADED) == is_fine


@pytest.fixture(scope="module")
def notebook(tiny: Course, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hand_in(tiny, tmp_path_factory.mktemp("handed-in"))


def _alive(pid: int) -> bool:
    for _ in range(50):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.1)
    return True


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://localhost"])
def test_a_scheduler_that_does_not_answer(address: str) -> None:
    with pytest.raises(Unreadable, match="no scheduler at"):
        Cluster(address, timeout=1.0)


@pytest.mark.parametrize("address", ["tcp://192.0.2.1:8786", "tcp://cluster:8786", "ucx://[::2]:1"])
def test_an_open_scheduler_elsewhere_is_refused(address: str) -> None:
    with pytest.raises(Unreadable, match=r"write tls://, or add --trust-network"):
        Cluster(address, timeout=0.1)
    with pytest.raises(Unreadable, match="no scheduler at"):
        Cluster(address, timeout=0.1, trust_network=True)


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificates")
def test_over_tls_one_worker_may_die_and_one_come(
    tiny: Course, key: CourseKey, tmp_path: Path
) -> None:
    import dask
    from distributed import Security

    (tmp_path / "tls").mkdir()
    key_file, cert = str(tmp_path / "tls" / "key.pem"), str(tmp_path / "tls" / "cert.pem")
    own = {"cert": cert, "key": key_file}
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj"]
    subprocess.run([*made, "/CN=tls", "-keyout", key_file, "-out", cert], check=True, stderr=-3)
    tls = "distributed.comm.tls"
    files = {f"{tls}.{who}.{what}": path for who in WHO for what, path in own.items()}
    todo = sleepy(tiny, tmp_path, 24)
    with (
        dask.config.set({f"{tls}.ca-file": cert, **files}),
        cluster_of(4, protocol="tls", security=Security()) as local,
    ):
        assert local.scheduler_address.startswith("tls://")
        victim = a_worker_of(local)

        def change() -> None:
            os.kill(victim, signal.SIGKILL)
            local.scale(5)

        changing = threading.Timer(1.5, change)
        changing.start()
        found = graded(local, key, todo)
        changing.join()
        local.wait_for_workers(5, timeout=30)
    assert {(r.status, r.points) for r in found.values()} == {("graded", 8)}
    assert not _alive(victim)
    with pytest.raises(Unreadable, match="no scheduler at"):
        Cluster("tls://127.0.0.1:1", timeout=0.5)
