"""Many results at once: stored, put into the gradebook, and written by several processes."""

import os
import signal
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mugrade.course.listing import make_manifest
from mugrade.course.model import Course
from mugrade.course.settings import Settings
from mugrade.errors import Unreadable
from mugrade.grader import share
from mugrade.grader.attempts import Basis
from mugrade.grader.outputs.output import AT_ONCE
from mugrade.grader.outputs.pages import Pages
from mugrade.grader.outputs.scores import Scores
from mugrade.grader.publish import Publisher
from mugrade.grader.results import Grade, PackedNotebook, Result, Status
from mugrade.grader.run import Finished
from mugrade.grader.share import Scribe, Scribes, Share, Written
from mugrade.grader.store import Store
from mugrade.grader.submissions import Submission
from mugrade.values import Category
from mugrade.values.verdict import Verdict
from tests.conftest import standing_of

STAGES = ("00_mean", "01_scale")
MANY = 2 * AT_ONCE + 10
ATTEMPTS = """SELECT student, stage, number, hand_in, status, notebook, a.points, position, "check",
    code, c.points FROM mugrade_attempts AS a JOIN mugrade_checks AS c ON a.id = attempt_id
    ORDER BY student, stage, number, position"""
SCORES = """SELECT student_id, a.name, c.name, auto_score, manual_score, needs_manual_grade, flagged
    FROM grade JOIN base_cell AS c ON c.id = cell_id
    JOIN submitted_notebook AS n ON n.id = grade.notebook_id
    JOIN submitted_assignment AS s ON s.id = n.assignment_id
    JOIN assignment AS a ON a.id = s.assignment_id ORDER BY 1, 2, 3"""


def result_of(course: Course, student: str, stage: str, text: str) -> Result:
    """What `text` gives, full points with an exclamation mark; without any nothing is there."""
    verdict = Verdict(Category.PASS if "!" in text else Category.VALUE)
    entries = [entry for entry in make_manifest(course).checks if entry.stage == stage]
    grades = [Grade(entry, verdict, text) for entry in entries]
    submission = Submission(student, stage, Path(student) if text else None)
    if not text:
        return Result(submission, Status.MISSING, "nothing there", grades)
    notebook = PackedNotebook.of(f'{{"cells": [], "text": "{text}"}}'.encode())
    return Result(submission, Status.GRADED, "", grades, "weak", {}, notebook)


def divided(results: Sequence[Result], sizes: Sequence[int]) -> Iterator[Sequence[Result]]:
    """The results in groups of some sizes, and the rest."""
    for size in sizes:
        yield results[:size]
        results = results[size:]
    yield results


def asked(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


RESULTS = st.lists(
    st.tuples(
        st.sampled_from(["ada", "bob", "carl"]),
        st.sampled_from(STAGES),
        st.sampled_from(["", "a", "b!", "c"]),
    ),
    max_size=12,
)


@settings(max_examples=25)
@given(RESULTS, st.lists(st.integers(0, 4), max_size=5))
def test_results_stored_together_are_those_stored_one_by_one(
    tiny: Course, found: list[tuple[str, str, str]], sizes: list[int]
) -> None:
    results = [result_of(tiny, *each) for each in found]
    told = []
    for groups in (divided(results, sizes), ([result] for result in results)):
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "results.db"
            with closing(Store.create(path)) as store:
                for group in groups:
                    store.add_all([(result, Basis("f")) for result in group])
            told.append(asked(path, ATTEMPTS))
    assert told[0] == told[1]


def test_scores_put_together_are_those_put_one_by_one(tiny: Course, tmp_path: Path) -> None:
    texts = ["a", "b!", "", "c", "d!"]
    each = [(f"student{i}", stage, text) for stage in STAGES for i, text in enumerate(texts)]
    first = [standing_of(result_of(tiny, *one)) for one in each]
    second = [standing_of(result_of(tiny, s, stage, f"{text}!")) for s, stage, text in each]
    told = []
    for name, step in (("all", 10), ("some", 3), ("one", 1)):
        path = tmp_path / f"{name}.db"
        with closing(Scores(path, tiny)) as scores:
            for start in range(0, 10, step):
                assert scores.put(first[start : start + step]) == []
            before = asked(path, SCORES)
            for start in range(0, 10, step):
                assert scores.put(second[start : start + step]) == []
        told.append((before, asked(path, SCORES)))
    assert told[0] == told[1] == told[2]
    assert len(told[0][0]) == 8 * 3 / 2 and len(told[0][1]) == 10 * 3 / 2


@pytest.fixture
def out(tiny: Course, tmp_path: Path) -> Path:
    """A folder of results with more of them than one process writes."""
    out = tmp_path / "out"
    out.mkdir()
    found = [result_of(tiny, f"student{i:03}", "00_mean", f"text{i}!") for i in range(MANY)]
    with closing(Store.create(out / "results.db")) as store:
        store.add_all([(result, Basis("f")) for result in found])
    return out


def published(course: Course, out: Path, jobs: int) -> dict[str, bytes]:
    """The files of results that `jobs` processes write; those of before are gone."""
    said: list[str] = []
    with (
        closing(Store.open(out / "results.db")) as store,
        closing(Publisher(out, course, store, jobs)) as publisher,
    ):
        publisher.finish(publisher.standings(), said.append)
        assert ("_pool" in vars(publisher.scribes)) == (jobs > 1)
    assert len(said) == 5 + 3 + 3
    pages = [*out.rglob("feedback/*/*.html"), *out.rglob("autograded/*/*/*.ipynb")]
    assert len(pages) == 3 * MANY
    paths = [*pages, out / "grades.csv"]
    found = {str(path.relative_to(out)): path.read_bytes() for path in paths}
    for path in paths:
        path.unlink()
    return found


def test_several_processes_write_what_one_does(tiny: Course, out: Path) -> None:
    assert published(tiny, out, 2) == published(tiny, out, 1)


@pytest.mark.parametrize("harm", ["", "more", "less", "gone", "unknown"])
def test_the_table_is_written_again_where_it_is_not_what_was_written(
    tiny: Course, out: Path, harm: str
) -> None:
    path, note = out / "grades.csv", out / ".grades.csv"
    published(tiny, out, 1)
    with closing(Store.open(out / "results.db")) as store:
        for _ in range(2):
            with closing(Publisher(out, tiny, store, 1)) as publisher:
                publisher.finish(publisher.standings(), lambda text: None)
        whole, first = path.read_bytes(), out / "first"
        first.hardlink_to(path)
        if harm == "more":
            first.write_bytes(whole + b"and more")
        elif harm == "less":
            first.write_bytes(whole[:100])
        elif harm == "gone":
            path.unlink()
        elif harm == "unknown":
            note.write_bytes(b"\xff")
        with closing(Publisher(out, tiny, store, 1)) as publisher:
            publisher.finish(publisher.standings(), lambda text: None)
    assert path.read_bytes() == whole
    assert path.samefile(first) == (harm == "")


def test_what_a_dead_process_has_not_written_is_written_here(
    tiny: Course, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = published(tiny, out, 1)
    monkeypatch.setattr(share, "_write", killed)
    with (
        closing(Store.open(out / "results.db")) as store,
        closing(Publisher(out, tiny, store, 2)) as publisher,
    ):
        publisher.finish(publisher.standings(), lambda text: None)
    assert {path: (out / path).read_bytes() for path in whole} == whole


def killed(share: Share) -> None:
    """In place of writing: what happens to a process that is out of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("error", [OSError(38, "no semaphores"), NotImplementedError("none")])
def test_where_no_process_can_be_had_all_is_written_here(
    tiny: Course, out: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refused(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(share, "ProcessPoolExecutor", refused)
    with (
        closing(Store.open(out / "results.db")) as store,
        closing(Publisher(out, tiny, store, 2)) as publisher,
    ):
        publisher.finish(publisher.standings(), lambda text: None)
    assert len([*out.rglob("feedback/*/*.html")]) == 2 * MANY
    assert len([*out.rglob("autograded/*/*/*.ipynb")]) == MANY


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 3)), max_size=8), st.booleans())
def test_what_has_come_is_stored_whatever_stops_the_grader(
    tiny: Course, ticks: list[tuple[int, float]], breaks: bool
) -> None:
    """Nothing waits for longer than a second and a tick, and the end stores the rest."""
    now, stored, come = 0.0, list[Result](), list[Result]()
    plan = SimpleNamespace(store=SimpleNamespace(), basis=lambda result: Basis("f"))
    plan.store.add_all = lambda finished: stored.extend(result for result, _ in finished)
    with pytest.MonkeyPatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr("mugrade.grader.run.time.monotonic", lambda: now)
        with closing(Finished(plan)) as finished:  # type: ignore[arg-type]
            since = now
            for count, seconds in ticks:
                now += seconds
                results = [
                    result_of(tiny, f"s{len(come) + i}", "00_mean", "a") for i in range(count)
                ]
                come += results
                finished.add(results)
                since = now if stored == come else since
                assert now - since <= 1
            if breaks:
                raise KeyboardInterrupt
    assert stored == come


def test_few_shares_start_no_process(tiny: Course, out: Path) -> None:
    with closing(Store.open(out / "results.db")) as store:
        standings = store.standings(Settings())
        scribes = Scribes(Scribe(out, tiny, store), 2)
        shares = [Share(Pages, standings[i : i + 1]) for i in range(share.FEW)]
        assert [written for _, written in scribes.write(shares)] == [Written()] * share.FEW
        assert "_pool" not in vars(scribes)


def test_what_one_share_cannot_write_stops_no_other(tiny: Course, out: Path) -> None:
    with closing(Store.open(out / "results.db")) as store:
        standings = store.standings(Settings())
        (out / "feedback").mkdir()
        (out / "feedback" / "student001").write_text("in the way")
        with (
            closing(Publisher(out, tiny, store, 2)) as publisher,
            pytest.raises(Unreadable, match=r"student001.*cannot be written \(.+\)"),
        ):
            publisher.finish(standings, lambda text: None)
    assert (out / "grades.csv").exists() and (out / "gradebook.db").exists()
    assert (out / "feedback" / f"student{MANY - 1:03}" / "00_mean.html").exists()
