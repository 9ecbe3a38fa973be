"""What happened while a class was graded is told: beside the results, and to who asks for it."""

import logging
import re
from contextlib import closing
from pathlib import Path

import pytest

from mugrade.course.model import Course
from mugrade.grader.log import LARGEST, LOG, OLDER, forget_in_log, logged
from mugrade.grader.outputs.pages import Pages
from mugrade.sandbox.job import Job
from mugrade.sandbox.limits import Limits
from mugrade.sandbox.process import Sandbox
from mugrade.sandbox.tiers import WEAK
from tests.test_grade import hand_in
from tests.test_history import Class, klass, quick

__all__ = ["klass", "quick"]
SLEEPS = "def mean(x):\n    import time\n    time.sleep(60)\n"
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (INFO|WARNING|ERROR) +mugrade\.[\w.]+: .+")


def test_results_and_what_was_stopped_are_told_without_code_or_values(
    tiny: Course, tmp_path: Path
) -> None:
    klass = Class(tiny, tmp_path)
    hand_in(tiny, tmp_path / "in" / "ada", "00_mean")
    hand_in(tiny, tmp_path / "in" / "bob", "00_mean", mean=SLEEPS)
    said = klass.grade("--accept-weak-sandbox", "--seconds", "0.5", "--verbose")
    lines = (tmp_path / "out" / LOG).read_text(encoding="utf-8").splitlines()
    assert all(LINE.fullmatch(line) for line in lines)
    told = [line.partition(": ")[2] for line in lines]
    assert "ada 00_mean: graded, 2 points" in told and "bob 00_mean: graded, 0 points" in told
    assert "bob 00_mean: mean-of-three: no answer within 0.5 seconds" in told
    assert set(told) <= set(said.splitlines()) and not any("sleep" in text for text in told)


def test_a_publication_that_failed_is_told_with_its_cause(
    klass: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    klass.hand_in("ada", "good")
    with monkeypatch.context() as patch:
        patch.setattr(Pages, "write", lambda *rest: 1 / 0)
        with pytest.raises(Exception):  # noqa: B017
            klass.grade()
    text = (klass.root / "out" / LOG).read_text(encoding="utf-8")
    assert "not all could be written" in text and "ZeroDivisionError" in text


def test_a_sandbox_that_died_is_started_again_and_told(caplog: pytest.LogCaptureFixture) -> None:
    job, limits = Job({}, "", ()), Limits()
    with closing(Sandbox(WEAK)) as sandbox, caplog.at_level(logging.INFO, "mugrade"):
        sandbox.start(job, limits).close()
        assert not caplog.records
        (nursery,) = sandbox.nurseries.values()
        nursery.popen.kill()
        nursery.popen.wait()
        sandbox.start(job, limits).close()
    assert "the weak sandbox has died" in caplog.text


def test_a_name_cannot_forge_a_line(tmp_path: Path) -> None:
    with logged(tmp_path):
        logging.getLogger("mugrade.x").info("%s 00: graded", "a\n2026-01-01 \x1b[2Jforged")
    (line,) = (tmp_path / LOG).read_text(encoding="utf-8").splitlines()
    assert "forged" in line and "\x1b" not in line


def test_the_log_does_not_grow_for_ever(tmp_path: Path) -> None:
    with logged(tmp_path):
        for _ in range(12):
            logging.getLogger("mugrade.x").info("x" * (LARGEST // 2))
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) == OLDER + 1 and max(sizes) <= LARGEST


def test_where_it_cannot_be_written_that_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / LOG).mkdir()
    with logged(tmp_path):
        for _ in range(2):
            logging.getLogger("mugrade.x").info("lost")
    (line,) = capsys.readouterr().err.splitlines()
    assert LOG in line and "cannot be written" in line


@pytest.mark.parametrize("student", ["", ".", "da", "mugrade"])
def test_who_is_not_named_costs_no_line(tmp_path: Path, student: str) -> None:
    with logged(tmp_path):
        logging.getLogger("mugrade.x").info("%s %s: graded", "ada", "00_mean")
    before = (tmp_path / LOG).read_bytes()
    assert list(forget_in_log(tmp_path, student)) == [] and (tmp_path / LOG).read_bytes() == before
