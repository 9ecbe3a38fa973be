"""`mugrade check`: the verdicts of the notebook, from the command line, and nothing gets lost."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mugrade.cli import app
from mugrade.course.model import Course
from mugrade.student import noted
from mugrade.student.progress import stage_progress, take_stage
from mugrade.student.runner import run_checks
from mugrade.student.workspace import Workspace
from mugrade.view import visible
from tests.test_checks import answer, kernel
from tests.test_draw import MISTAKE
from tests.test_live import Kernel, student_folder
from tests.tiny import write_course

__all__ = ["kernel"]

MEAN = "# %% mean-imports\nimport numpy as np\n\n\n# %% mean\ndef mean(x):\n    {}\n"


@pytest.fixture
def folder(tiny: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A student's folder with both stages borrowed."""
    folder = student_folder(tiny, tmp_path / "notebooks")
    for stage in tiny.stages:
        take_stage(Workspace.find(folder), stage.name, tiny.root)
    monkeypatch.chdir(folder)
    return folder


def mugrade(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "100"})


def write_mean(folder: Path, body: str) -> None:
    (folder / "stats" / "mean.py").write_text(MEAN.format(body))


def states(folder: Path) -> dict[str, str]:
    workspace = Workspace.find(folder)
    found = [stage_progress(workspace, stage) for stage in workspace.manifest.stages]
    return {check.id: check.state for stage in found for check in stage.every_check}


def test_the_reference_passes_and_that_is_remembered(folder: Path) -> None:
    outcome = mugrade("check")
    assert outcome.exit_code == 0
    head, *rows, last = outcome.output.strip().splitlines()
    assert head.split() == ["stage", "visible", "inputs", "pass", "worth"]
    assert [row.split() for row in rows] == [["00_mean", "1/1", "2/2"], ["01_scale", "2/2", "8/8"]]
    assert last == visible.NOTE
    assert set(states(folder).values()) == {"passes"}


def test_a_wrong_answer_is_explained_as_in_the_notebook(folder: Path) -> None:
    write_mean(folder, "return x.sum()")
    outcome = mugrade("check", "0")
    assert outcome.exit_code == 1
    lines = [line.rstrip() for line in outcome.output.splitlines()]
    assert lines[0].endswith("not passed  mean_of_three  0 of 2 points")
    assert {"  you      9", "  expected 3", "  hint     mugrade hint mean"} <= set(lines)
    assert states(folder)["mean-of-three"] == "fails"


BODIES = [
    "return x.sum()",
    "return x.sum() / (x.size - 1)",
    "return x.mean().astype('float32')",
    "return x.mean(keepdims=True)",
    "return None",
    "return 'three'",
    "raise ValueError('no')",
    "raise NotImplementedError()",
    "return x.mean()",
]


@pytest.mark.parametrize("body", BODIES)
def test_the_notebook_says_the_same(kernel: Kernel, body: str) -> None:
    said = answer(kernel, body)
    (report,) = run_checks(Workspace.find(kernel.folder), "00_mean", 20.0)
    assert report.text == said.rstrip()


def test_what_hides_nothing_gives_its_points(folder: Path) -> None:
    (seen, whole) = run_checks(Workspace.find(folder), "01_scale", 20.0)
    assert (seen.visible_only, seen.score) == (True, visible.PASS)
    assert (whole.visible_only, whole.score) == (False, "5 of 5 points")


ONLY_THREE = "return x.mean() if x.size == 3 else x.sum()"


def test_hidden_inputs_are_tried_where_the_solutions_are(folder: Path, tiny: Course) -> None:
    write_mean(folder, ONLY_THREE)
    assert mugrade("check", "0").exit_code == 0
    outcome = mugrade("check", "0", "--hidden", "--solutions", str(tiny.root))
    assert outcome.exit_code == 1
    assert "not passed  mean_of_three  0 of 2 points" in outcome.output
    assert 'from     mean(rng.standard_normal((4, 5)).astype("float32"))' in (
        outcome.output.replace("'", '"')
    )
    assert states(folder)["mean-of-three"] == "fails"
    (folder.parent / "solutions").symlink_to(tiny.root / "solutions")
    write_mean(folder, "return np.asarray(x.mean())")
    outcome = mugrade("check", "--hidden")
    assert outcome.exit_code == 0 and visible.NOTE not in outcome.output
    rows = [row.split() for row in outcome.output.strip().splitlines()]
    assert rows[1:] == [["00_mean", "1/1", "2/2"], ["01_scale", "2/2", "8/8"]]


def test_hidden_inputs_tell_the_recorded_mistakes(folder: Path, tmp_path: Path) -> None:
    root = write_course(tmp_path / "course")
    (root / "solutions" / "mistakes").mkdir()
    (root / "solutions" / "mistakes" / "00_mean.toml").write_text(MISTAKE)
    write_mean(folder, "return np.asarray(abs(x).sum() / x.size, dtype=x.dtype)")
    assert mugrade("check", "0").exit_code == 0
    outcome = mugrade("check", "0", "--solutions", str(root / "solutions"))
    assert "mistake  the mean of the sizes" in outcome.output


def test_without_solutions_one_sentence_says_so(folder: Path, tmp_path: Path) -> None:
    outcome = mugrade("check", "0", "--hidden")
    assert outcome.exit_code == 1 and len(outcome.output.splitlines()) == 1
    assert outcome.output.startswith("no hidden inputs: there is no solutions/")
    root = write_course(tmp_path / "other", stage_00=('"mean-of-three"', '"mean-of-three-more"'))
    script = root / "solutions" / "00_mean.py"
    script.write_text(script.read_text().replace("def mean_of_three(", "def mean_of_three_more("))
    outcome = mugrade("check", "0", "--solutions", str(root))
    assert outcome.exit_code == 1
    assert outcome.output.endswith("holds another course: it lacks mean-of-three\n")


def test_json_has_every_check(folder: Path) -> None:
    write_mean(folder, "return x.sum()")
    data = json.loads(mugrade("check", "0", "1", "--json").output)
    assert data["complete"] is True
    assert [stage["stage"] for stage in data["stages"]] == ["00_mean", "01_scale"]
    (check,) = data["stages"][0]["checks"]
    assert (check["check"], check["passed"], check["you"]) == ("mean-of-three", False, "9")
    seen, whole = data["stages"][1]["checks"]
    assert whole["passed"] is True
    assert (seen["visible_only"], whole["visible_only"]) == (True, False)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("while True: pass", "no answer within 2 seconds"),
        ("import os; os._exit(3)", "the process ended (3)"),
        ("import os; os.kill(os.getpid(), 9)", "the process ended (-9)"),
        ("raise SystemExit", "SystemExit"),
        ("raise KeyboardInterrupt", "the process ended (1)"),
        ("return nowhere", "NameError: name 'nowhere' is not defined"),
        ("raise NotImplementedError()", "not written yet"),
        ("return lambda: 0", "a function"),
    ],
)
def test_a_check_that_ends_badly_costs_itself_only(folder: Path, body: str, said: str) -> None:
    write_mean(folder, body)
    outcome = mugrade("check", "--seconds", "2")
    assert outcome.exit_code == 1 and said in outcome.output
    found = states(folder)
    assert found["mean-of-three"] == "fails" and found["noise-is-normal"] == "passes"


def test_after_a_timeout_the_rest_of_the_exercise_is_left_out(tiny: Course, folder: Path) -> None:
    write_mean(folder, "while True: pass")
    cells = json.loads((folder / "cells.json").read_text())
    again = next(cell for cell in cells if cell["id"] == "mean-of-three")
    manifest = json.loads((folder / "course.json").read_text())
    check = next(check for check in manifest["checks"] if check["id"] == "mean-of-three")
    source = again["source"].replace("mean_of_three", "mean_again")
    cells.append({**again, "id": "mean-again", "source": source})
    manifest["checks"].append({**check, "id": "mean-again"})
    (folder / "cells.json").write_text(json.dumps(cells))
    (folder / "course.json").write_text(json.dumps(manifest))
    outcome = mugrade("check", "0", "--seconds", "1")
    assert "mean_of_three above took too long" in outcome.output
    assert "mean-again" not in noted.last_runs(Workspace.find(folder))


def test_what_is_printed_does_not_disturb(folder: Path) -> None:
    write_mean(folder, "import sys; print('loud'); print('loud', file=sys.stderr); return x.mean()")
    outcome = mugrade("check", "0")
    assert outcome.exit_code == 0 and "loud" not in outcome.output


def test_a_stage_that_is_not_built_says_what_to_do(folder: Path) -> None:
    (folder / "stats" / "scale.py").unlink()
    outcome = mugrade("check", "1")
    assert outcome.exit_code == 1
    assert "01_scale is not built yet: run its cell in 01_scale.ipynb, or" in outcome.output
    (folder / "stats" / "mean.py").unlink()
    outcome = mugrade("check")
    assert outcome.output == "nothing is built yet: run the cells of 00_mean.ipynb\n"
    assert outcome.exit_code == 1


def test_an_exercise_that_is_not_there_is_named(folder: Path) -> None:
    module = folder / "stats" / "scale.py"
    module.write_text(module.read_text().partition("# %% noise")[0])
    outcome = mugrade("check", "1")
    said = "01_scale: not written yet: noise; fill the cells in and run them, or: mugrade take 01"
    assert outcome.output.splitlines()[-1] == said
    assert "noise_is_normal" not in outcome.output


@pytest.mark.parametrize("text", ["def (", "1 / 0", "import nowhere", "raise SystemExit", "\0"])
def test_a_package_that_does_not_load_is_one_sentence(folder: Path, text: str) -> None:
    (folder / "stats" / "mean.py").write_text(f"# %% mean\n{text}\n")
    outcome = mugrade("check", "0")
    assert outcome.exit_code == 1 and "Traceback" not in outcome.output
    assert outcome.output.startswith("00_mean: the package does not load")


@pytest.mark.parametrize("name", ["cells.json", "answers.json"])
@pytest.mark.parametrize("text", ["", "{", "[]", '[{"id": 1}]', "3", "null"])
def test_a_broken_course_is_one_sentence(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    outcome = mugrade("check", "0")
    assert outcome.exit_code == 1
    assert name in outcome.output and "fetch the course again" in outcome.output


@pytest.mark.skipif(os.name == "nt", reason="no process can send Ctrl-C to one other")
def test_ctrl_c_says_what_was_done_and_leaves_nothing_running(folder: Path) -> None:
    write_mean(folder, "open('began', 'w'); import time; time.sleep(600)")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    command = [sys.executable, "-m", "mugrade", "check", "1", "0", "--seconds", "300"]
    process = subprocess.Popen(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    deadline = time.monotonic() + 60
    while not (folder / "began").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert error == "stopped: 0 checks ran and are remembered; left: 01_scale, 00_mean\n"
    assert "Traceback" not in output
