"""Grading on a cluster: the same results as here, also if a worker dies in the middle."""

import io
import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mugrade.course.model import Course
from mugrade.errors import Unreadable
from mugrade.grader.bundle import Bundle, Outcome
from mugrade.grader.cluster import Cluster
from mugrade.grader.grade import Grader
from mugrade.grader.plan import Order
from mugrade.grader.results import Result
from mugrade.grader.run import grade_class
from mugrade.grader.submissions import Submission
from mugrade.sandbox.job import Limits
from tests.test_grade import SCALER, hand_in, table

LIMITS = Limits(load=20, check=10, total=60)


@pytest.fixture(scope="module")
def local() -> Iterator[Any]:
    from distributed import LocalCluster

    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with LocalCluster(n_workers=2, **options) as local:
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


def test_a_worker_that_dies_loses_and_doubles_nothing(
    tiny: Course, tmp_path: Path, local: Any
) -> None:
    sleepy = SCALER.format("import time; time.sleep(0.3); return y")
    submissions = []
    for i in range(8):
        path = hand_in(tiny, tmp_path / str(i), scaler=f"# {i}\n{sleepy}")
        submissions.append(Submission(f"student{i}", "01_scale", path))
    with closing(Cluster(local.scheduler_address, accept_weak=True)) as cluster:
        grader = Grader(tiny, ["01_scale"], LIMITS, run=cluster.run)
        victim = next(iter(cluster.client.run(os.getpid).values()))
        killer = threading.Timer(0.5, os.kill, (victim, signal.SIGKILL))
        killer.start()
        results: list[Result] = list(grader.grade_all(submissions, jobs=2))
        killer.join()
        grader.close()
    assert sorted(r.submission.student for r in results) == [s.student for s in submissions]
    assert {(r.status, r.points) for r in results} == {("graded", 8)}
    assert not _alive(victim)


def _alive(pid: int) -> bool:
    for _ in range(50):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.1)
    return True


def test_a_bundle_can_be_pickled_and_names_no_path(tiny: Course, tmp_path: Path) -> None:
    bundles: list[Bundle] = []

    def keep(bundle: Bundle) -> Outcome:
        bundles.append(bundle)
        return Outcome("none")

    grader = Grader(tiny, ["01_scale"], LIMITS, run=keep)
    grader.grade(Submission("ada", "01_scale", hand_in(tiny, tmp_path / "ada")), {})
    grader.close()
    (bundle,) = bundles
    content = pickle.dumps(bundle)
    paths = (str(tiny.root), str(tmp_path), "bwrap")  # a worker finds its own
    assert not any(path.encode() in content for path in paths)
    assert pickle.loads(content).job == bundle.job


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://x"])
def test_a_scheduler_that_does_not_answer(address: str) -> None:
    with pytest.raises(Unreadable, match="no scheduler at"):
        Cluster(address, timeout=1.0)
