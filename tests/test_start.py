"""`mugrade start`: a student's folder from what came with mugrade, and nothing lost."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mugrade.course.manifest import START
from mugrade.course.model import Course
from mugrade.student import start
from mugrade.student.start import bundled_course
from tests.test_cli_check import mugrade


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def content(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def prose(path: Path) -> str:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def test_what_is_laid_out_is_a_course_to_work_on(here: Path) -> None:
    outcome = mugrade("start")
    assert outcome.exit_code == 0 and outcome.output.endswith("mugrade lab\n")
    assert "00_autograd" in mugrade("status").output
    assert mugrade("doctor").output == "nothing is wrong\n"
    page = prose(here / "notebooks" / START)
    names = {path.name for path in (here / "notebooks").glob("*.ipynb")}
    assert names == {START} | set(re.findall(r"\]\((\w+\.ipynb)\)", page))


def test_a_cell_is_told_to_go_there(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    assert mugrade("start", "x").output.endswith("\nnext: %cd x\n")
    assert mugrade("start", "a folder").output.endswith('\nnext: %cd "a folder"\n')


def test_another_course_is_laid_out_alike(here: Path, tiny: Course) -> None:
    assert "2 notebooks" in mugrade("start", "x", "--course", str(tiny.root)).output
    assert "[01 Scale](01_scale.ipynb)" in prose(here / "x" / START)
    outcome = mugrade("start", "y", "--course", str(here))
    assert (outcome.exit_code, len(outcome.output.splitlines())) == (1, 1)
    assert "course.json is missing" in outcome.output and not (here / "y").exists()


def test_every_notebook_links_to_its_neighbours(tiny: Course) -> None:
    first, last = (prose(tiny.root / "notebooks" / f"{s.name}.ipynb") for s in tiny.stages)
    assert first.endswith(f"[all stages]({START}) | [01 Scale](01_scale.ipynb) →")
    assert last.endswith(f"← [00 Mean](00_mean.ipynb) | [all stages]({START})")


def test_a_course_opens_at_its_first_page_without_the_files_behind_it(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mugrade("start")
    (here / "jupyterlab.py").write_text(
        "import os, sys\nprint(sys.argv[1:], os.environ['JUPYTER_CONFIG_PATH'])\nsys.exit(3)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(here))
    command = [sys.executable, "-m", "mugrade", "lab", "--", "--no-browser"]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True)
    folder = f"--ServerApp.root_dir={here.resolve() / 'notebooks'}"
    page = f"--LabApp.default_url=/lab/tree/{START}"
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.startswith(str([folder, page, "--no-browser"]))
    settings = Path(done.stdout.split("] ")[1].split(os.pathsep)[0].strip())
    hidden = json.loads((settings / "jupyter_server_config.json").read_text())
    files = {path.name for path in (here / "notebooks").glob("*.json")}
    assert files <= set(hidden["ContentsManager"]["hide_globs"])


@pytest.mark.parametrize("name", ["00_autograd.ipynb", "my own.ipynb", "answers.json", "data"])
def test_what_is_there_is_said_and_left(here: Path, name: str) -> None:
    (here / "notebooks").mkdir()
    (here / "notebooks" / name).write_text("mine")
    before = content(here)
    outcome = mugrade("start")
    said = f"notebooks holds {name}, and is left as it is: name another folder\n"
    assert (outcome.exit_code, outcome.output) == (1, said)
    assert content(here) == before
    assert mugrade("start", "fresh").exit_code == 0


def test_a_students_folder_stays_as_it_is(here: Path) -> None:
    mugrade("start")
    (here / "notebooks" / "00_autograd.ipynb").write_text("mine")
    before = content(here)
    for folder in ("notebooks", "notebooks/again"):
        outcome = mugrade("start", folder)
        said = f"{here.resolve() / 'notebooks'} holds a course already: go on there\n"
        assert (outcome.exit_code, outcome.output) == (1, said)
    assert content(here) == before


def test_a_folder_may_hold_other_things(here: Path) -> None:
    (here / "lectures.pdf").write_text("mine")
    assert mugrade("start", ".").exit_code == 0
    assert (here / "lectures.pdf").read_text() == "mine"
    assert (here / "course.json").is_file()
    assert {path.name for path in here.glob(".*")} == set()


def test_somebodys_work_beside_the_notebooks_is_not_handed_on(here: Path) -> None:
    root = here / "course"
    shutil.copytree(bundled_course(), root / "notebooks")
    for name in ("needle/autograd.py", ".mugrade/student.json", "ada.zip", "data/mnist/x.gz"):
        (root / "notebooks" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "notebooks" / name).write_text("somebody's")
    mugrade("start", "x", "--course", str(root))
    mugrade("start", "y")
    assert content(here / "x") == content(here / "y")


def test_what_came_read_only_can_be_written(here: Path) -> None:
    root = here / "course"
    shutil.copytree(bundled_course(), root / "notebooks")
    for path in root.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    assert mugrade("start", "x", "--course", str(root)).exit_code == 0
    for path in (here / "x").rglob("*"):
        assert path.stat().st_mode & 0o200, path
    for path in root.rglob("*"):
        path.chmod(0o755)


def test_a_folder_that_cannot_be_made_is_one_sentence(here: Path) -> None:
    (here / "file").write_text("mine")
    for folder in ("file", "file/below"):
        outcome = mugrade("start", folder)
        assert (outcome.exit_code, len(outcome.output.splitlines())) == (1, 1)
        assert f"{folder} cannot be written" in outcome.output


def test_a_mugrade_without_a_course_says_so(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "mugrade").mkdir()
    monkeypatch.setattr(start.mugrade, "__file__", str(here / "mugrade" / "__init__.py"))
    outcome = mugrade("start")
    assert (outcome.exit_code, len(outcome.output.splitlines())) == (1, 1)
