"""`mugrade hint` and `mugrade status`, and that they start without what they do not need."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mugrade.course.model import Course
from mugrade.student.hints import HINTS
from mugrade.student.workspace import Workspace
from mugrade.view import visible
from tests.test_cli_check import folder, mugrade, write_mean

__all__ = ["folder"]
FIRST, SECOND, THIRD = "What is a mean?", "Sum, then divide.", "By the number of entries."


def test_each_time_there_is_one_hint_more(folder: Path) -> None:
    said = [mugrade("hint", "mean").output for _ in range(4)]
    assert said[0] == f"mean, hint 1 of 3\n{FIRST}\none more: mugrade hint mean\n"
    assert SECOND in said[1] and SECOND not in said[0]
    assert said[2] == said[3] == f"mean, hint 3 of 3\n{THIRD}\n"


def test_a_hint_can_be_asked_for_by_its_number(folder: Path) -> None:
    assert SECOND in mugrade("hint", "mean", "2").output
    assert THIRD in mugrade("hint", "mean").output
    assert FIRST in mugrade("hint", "mean", "1").output
    assert THIRD in mugrade("hint", "mean", "9").output
    assert mugrade("hint", "mean", "0").exit_code == 2


def test_all_hints_at_once(folder: Path) -> None:
    output = mugrade("hint", "mean", "--all").output
    assert output.index(FIRST) < output.index(SECOND) < output.index(THIRD)
    assert "one more" not in output


@pytest.mark.parametrize("text", ["", "{", "[]", '{"mean": "x"}', '{"mean": -4}', "[" * 10**5])
def test_a_broken_memory_begins_again(folder: Path, text: str) -> None:
    state = folder / ".mugrade"
    state.mkdir(exist_ok=True)
    (state / HINTS).write_text(text)
    assert FIRST in mugrade("hint", "mean").output
    assert SECOND in mugrade("hint", "mean").output


def test_formulas_read_as_one_would_type_them(folder: Path) -> None:
    manifest = json.loads((folder / "course.json").read_text())
    manifest["hints"]["mean"] = [r"Which $\frac{1}{N} \sum_i x_i$ is it?"]
    (folder / "course.json").write_text(json.dumps(manifest))
    assert "Which 1 / N sum_i x_i is it?" in mugrade("hint", "mean").output


def test_an_unknown_exercise_names_those_like_it(folder: Path) -> None:
    outcome = mugrade("hint", "maen")
    assert (outcome.exit_code, outcome.output) == (1, "no hints for maen: try mean\n")


def test_after_a_pass_the_reference_is_shown(folder: Path, tiny: Course) -> None:
    mugrade("check", "0")
    said = "the checks of mean pass; this copy of the course has no reference\n"
    assert mugrade("hint", "mean").output == said
    (folder.parent / "solutions").symlink_to(tiny.root / "solutions")
    output = mugrade("hint", "mean").output
    head = "the checks of mean pass; - yours, + the reference (stats/mean.py):\n\n"
    assert output.startswith(head)
    assert output.endswith(
        "\n    return np.asarray(x.sum() / x.size, dtype=x.dtype)\n\nthe same as yours\n"
    )
    write_mean(folder, "return np.asarray(np.mean(x), dtype=x.dtype)")
    mugrade("check", "0")
    output = mugrade("hint", "mean").output
    assert "\n+    return np.asarray(x.sum() / x.size, dtype=x.dtype)\n" in output
    assert "\n-    return np.asarray(np.mean(x), dtype=x.dtype)\n" in output
    assert FIRST in mugrade("hint", "mean", "1").output


def test_the_reference_is_not_shown_before_nor_for_other_code(folder: Path, tiny: Course) -> None:
    (folder.parent / "solutions").symlink_to(tiny.root / "solutions")
    assert FIRST in mugrade("hint", "mean").output
    mugrade("check", "0")
    write_mean(folder, "return x.sum()")
    assert SECOND in mugrade("hint", "mean").output
    mugrade("check", "0")
    assert THIRD in mugrade("hint", "mean").output


def test_an_exercise_without_hints_is_compared_too(folder: Path) -> None:
    assert mugrade("hint", "scaler").output == "no hints for scaler: try mean\n"
    mugrade("check")
    assert "the checks of scaler pass" in mugrade("hint", "scaler").output
    for words in (("2",), ("--all",)):
        outcome = mugrade("hint", "scaler", *words)
        assert (outcome.exit_code, outcome.output) == (1, "no hints for scaler: try mean\n")


def test_status_tells_what_has_changed_since_it_passed(folder: Path) -> None:
    mugrade("check")
    assert "changed since its" not in mugrade("status").output
    write_mean(folder, "return x.mean() * 1")
    output = mugrade("status").output
    assert "00_mean: changed since its checks passed: mean; mugrade check 00\n" in output
    assert output.splitlines()[1].split() == ["00_mean", "1/1", "0/1", "1", "0/2"]
    assert "visible inputs pass" in output.splitlines()[0] and visible.NOTE in output
    mugrade("check")
    assert "changed since its" not in mugrade("status").output


def test_a_folder_that_cannot_be_written_is_one_sentence(folder: Path) -> None:
    state = Workspace.find(folder).state
    shutil.rmtree(state)
    state.write_text("a file where a folder should be")
    outcome = mugrade("hint", "mean")
    assert outcome.exit_code == 1 and "cannot be written" in outcome.output
    assert len(outcome.output.splitlines()) <= 4 and "Traceback" not in outcome.output


@pytest.mark.parametrize("command", ["status", "hint mean", "grade --help", "--help"])
def test_a_command_starts_without_numpy(folder: Path, command: str) -> None:
    program = (
        "import sys\nfrom mugrade.cli import app\n"
        f"app({command.split()!r}, standalone_mode=False)\n"
        "print('numpy' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    found = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    assert found.stdout.splitlines()[-1] == "False"


def test_keys_that_only_a_newer_mugrade_knows_break_nothing(folder: Path) -> None:
    for name in ("course.json", "cells.json", "answers.json"):
        data = json.loads((folder / name).read_text())
        if name == "course.json":
            assert data["format"] == 1
            data["colour"] = "blue"
            entries = [*data["blocks"], *data["checks"]]
        elif name == "answers.json":
            entries = [answer for parts in data.values() for answer in parts["public"]]
        else:
            entries = data
        for entry in entries:
            entry["colour"] = "blue"
        (folder / name).write_text(json.dumps(data))
    outcome = mugrade("check", "0")
    assert outcome.exit_code == 0 and "broken" not in outcome.output


def test_the_files_of_a_newer_mugrade_are_refused_in_one_sentence(folder: Path) -> None:
    data = json.loads((folder / "course.json").read_text())
    (folder / "course.json").write_text(json.dumps({**data, "format": 2}))
    outcome = mugrade("status")
    assert outcome.exit_code == 1 and len(outcome.output.splitlines()) == 1
    assert "course.json has format 2 of a newer mugrade" in outcome.output
