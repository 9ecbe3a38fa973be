"""The results in PostgreSQL, where its server is installed; one is started for these tests."""

import io
import multiprocessing
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from rich.console import Console

from mugrade.course.model import Course
from mugrade.course.settings import Settings
from mugrade.grader.attempts import Basis
from mugrade.grader.models import Review
from mugrade.grader.plan import Order
from mugrade.grader.run import grade_class
from mugrade.grader.store import Filter, Store
from tests.test_grade import LIMITS, hand_in
from tests.test_history import DEADLINE
from tests.test_share import result_of

pytest.importorskip("psycopg")
BIN = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/nowhere"))
STUDENTS = [f"student{number:02}" for number in range(20)]
pytestmark = pytest.mark.skipif(not (BIN / "initdb").exists(), reason="needs PostgreSQL's server")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server that is gone afterwards; it does not run as root."""
    user = "postgres" if os.getuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        if user:
            shutil.chown(name, user)
        data, log = f"{name}/data", f"{name}/log"

        def call(program: str, *words: str) -> None:
            command = [str(BIN / program), "-D", data, *words]
            subprocess.run(command, user=user, cwd=name, check=True, stdout=subprocess.DEVNULL)

        call("initdb", "-A", "trust", "-U", "mugrade", "--no-sync")
        call("pg_ctl", "-w", "-l", log, "-o", f"-k {name} -c listen_addresses='' -F", "start")
        try:
            yield f"postgresql+psycopg://mugrade@/{{}}?host={name}"
        finally:
            call("pg_ctl", "-m", "immediate", "stop")


@pytest.fixture
def url(server: str, request: pytest.FixtureRequest) -> str:
    """An empty database."""
    import psycopg

    name = f"test{abs(hash(request.node.name))}"
    folder = server.rpartition("=")[2]
    with psycopg.connect(f"host={folder} user=mugrade dbname=postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    return server.format(name)


def test_what_is_stored_comes_back(tiny: Course, url: str) -> None:
    with closing(Store.create(url)) as store:
        first = [result_of(tiny, s, "00_mean", "a") for s in STUDENTS]
        store.add_all([(result, Basis("f")) for result in first])
        store.add(result_of(tiny, "student00", "00_mean", "b!"), Basis("g"))
        nothing = result_of(tiny, "eve", "00_mean", "")
        store.add_all([(nothing, Basis("h")), (nothing, Basis("i"))])
        store.pin("student01", "00_mean", 1)
        word = dict(
            student="student02", stage="00_mean", cell="mean-of-three", code="a", comment=""
        )
        store.hear([Review(**word, manual=1.0, extra=0.5, at=DEADLINE)])
    with closing(Store.open(url)) as store:
        found = {s.student: s for s in store.with_checks(store.standings(Settings()))}
        assert found["student00"].points == 2 and found["student00"].attempt.number == 2
        assert found["student01"].why == "chosen by hand" and found["student02"].points == 1.5
        assert found["eve"].status == "missing" and len(found) == 21
        attempt = found["student00"].attempt
        assert store.notebook(attempt) == b'{"cells": [], "text": "b!"}'
        assert attempt.graded_at.tzinfo and attempt.checks[0].category == "pass"
        assert store.forget("student00") == (2, 1)
        assert not store.histories(Filter(["student00"]))


def add_many(url: str, course: Course, words: Sequence[str]) -> None:
    """What a grader stores of every student, one batch after the other."""
    with closing(Store.open(url)) as store:
        for word in words:
            found = [result_of(course, student, "00_mean", word) for student in STUDENTS]
            store.add_all([(result, Basis(word)) for result in found])


def test_two_graders_store_at_once(tiny: Course, url: str) -> None:
    """Nothing is lost, and no two attempts have one number."""
    Store.create(url).close()
    context = multiprocessing.get_context("spawn")
    words = [[f"{who}{number}" for number in range(10)] for who in ("one", "two")]
    both = [context.Process(target=add_many, args=(url, tiny, each)) for each in words]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    with closing(Store.open(url)) as store:
        histories = store.histories()
        assert len(histories) == len(STUDENTS)
        for history in histories.values():
            assert [attempt.number for attempt in history] == list(range(1, 21))
            assert sorted(a.fingerprint for a in history) == sorted([*words[0], *words[1]])


def test_a_class_is_graded_and_published(
    tiny: Course, url: str, tmp_path: Path, in_process: None
) -> None:
    hand_in(tiny, tmp_path / "in" / "ada", "00_mean")
    for graded in ("1 graded, 0 up to date", "0 graded, 1 up to date"):
        screen = io.StringIO()
        order = Order(tiny, tmp_path / "in", tmp_path / "out", LIMITS, accept_weak=True, url=url)
        assert grade_class(order, Console(file=screen, width=200))
        assert graded in screen.getvalue() and "postgresql+psycopg://mugrade@" in screen.getvalue()
    assert '"ada","00_mean","graded"' in (tmp_path / "out" / "grades.csv").read_text()
    assert (tmp_path / "out" / "feedback" / "ada" / "00_mean.html").exists()
    assert not (tmp_path / "out" / "results.db").exists()
