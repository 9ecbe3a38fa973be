"""The benchmark of the engine: its systems compute the same, at a size that takes no time.

The systems that need packages of their own check themselves in the same way when they are measured.
"""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from bench.engine import limit, plain
from bench.engine.problem import Network, functions
from bench.engine.process import Process
from bench.engine.systems import SYSTEMS
from bench.engine.work import Calling, Loading, Training, Work, differs
from tests.conftest import ROOT

WORKS: list[Work] = [
    Training("batch", Network(hidden=8, rows=12, norm="batch")),
    Training("layer", Network(hidden=8, rows=12, norm="layer")),
    *(Calling(name, function) for name, function in functions(6, 10, 5).items()),
    Loading("as they are", 300, augment=False),
]


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.name)
def test_needle_computes_what_the_limit_computes(work: Work) -> None:
    right, own = work.job(limit.SYSTEM), work.job(plain.SYSTEM)
    assert right is not None and own is not None
    assert not differs(own.check(), right.check(), work.tolerance)
    own.run()
    right.run()


def test_both_loaders_flip_and_crop_alike() -> None:
    """Their draws differ, so only means agree: of a mirrored, moved image some is lost."""
    work = Loading("flip and crop", 2000, augment=True)
    right, own = work.job(limit.SYSTEM), work.job(plain.SYSTEM)
    assert right is not None and own is not None
    assert not differs(own.check(), right.check(), work.tolerance)
    assert right.check()[2] < 0.45  # 0.5 if nothing were lost


def test_a_different_loss_is_told() -> None:
    assert differs([1.0, 2.1], [1.0, 2.0], 1e-3) == "2.1 where the limit has 2 (number 2)"
    assert differs([np.nan], [1.0], 1e-3)
    assert not differs([1.0, 2.0001], [1.0, 2.0], 1e-3)


def test_a_system_that_is_not_there_says_how_to_get_it() -> None:
    command = [sys.executable, "-c", BROKEN_IMPORT, "JAX jit", "1"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "not installed" in said and SYSTEMS["JAX jit"].install in said


BROKEN_IMPORT = """
import sys
sys.modules["jax"] = None
from bench.engine.worker import main
main(sys.argv[1], int(sys.argv[2]))
"""


def test_a_system_that_dies_is_a_failure_with_a_reason() -> None:
    process = Process("limit", 1)
    assert "ready" in process.answer()
    os.kill(process.process.pid, signal.SIGKILL)
    process.process.wait()
    assert "ended with -9" in process.ask(prepare="W1")["failed"]
    process.stop()


def test_a_failing_workload_leaves_the_system_running() -> None:
    process = Process("limit", 1)
    assert "ready" in process.answer()
    assert "KeyError" in process.ask(prepare="no such work")["failed"]
    times = process.ask(prepare="logsumexp")["numbers"]
    assert len(times) == 2
    assert len(process.ask(seconds=0.0)["times"]) >= 1
    process.stop()
