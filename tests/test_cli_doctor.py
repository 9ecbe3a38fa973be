"""`mugrade doctor`: one line for each thing that is wrong, nothing for what is right."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mugrade.student import installation
from mugrade.student.doctor import examine
from mugrade.student.installation import Finding, asked_for
from mugrade.student.workspace import Workspace
from tests.test_cli_check import folder, mugrade, write_mean
from tests.test_cli_reset import CELL, JSON, MINE, cell, edit, save, written

__all__ = ["folder"]


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation in which nothing is wrong, wherever the tests run."""
    monkeypatch.setattr(installation, "asked_for", lambda: (">=3.11", ["numpy>=2"]))


def found(folder: Path) -> list[str]:
    return [str(finding) for finding in examine(Workspace.find(folder))]


def test_nothing_is_wrong_with_a_fresh_folder(folder: Path) -> None:
    outcome = mugrade("doctor")
    assert (outcome.exit_code, outcome.output) == (0, "nothing is wrong\n")
    assert json.loads(mugrade("doctor", "--json").output) == []


def test_nothing_is_wrong_where_nothing_is_built(folder: Path) -> None:
    shutil.rmtree(folder / "stats")
    assert found(folder) == []


def test_a_finding_is_a_line_and_an_exit_code(folder: Path) -> None:
    (folder / "01_scale.ipynb").unlink()
    outcome = mugrade("doctor")
    assert outcome.exit_code == 1
    assert outcome.output == "01_scale.ipynb: it is missing: fetch the course again\n"
    outcome = mugrade("doctor", "--json")
    (finding,) = json.loads(outcome.output)
    assert finding["where"] == "01_scale.ipynb" and outcome.exit_code == 1


def test_a_folder_without_a_course_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = mugrade("doctor")
    assert outcome.exit_code == 1 and "no course.json in" in outcome.output


# the installation


@pytest.mark.parametrize(
    ("python", "package", "said"),
    [
        (">=3.11", "numpy>=99", "mugrade needs >=99; "),
        (">=3.11", "no-such-package>=1", "no-such-package is not installed, mugrade needs it; "),
        (">=99", "numpy>=2", "mugrade needs >=99; make an environment with Python >=99"),
        (">=3.11", 'numpy>=99; sys_platform == "amiga"', ""),
        (">=3.11", "this is no requirement", ""),
    ],
)
def test_versions_are_compared(
    folder: Path, monkeypatch: pytest.MonkeyPatch, python: str, package: str, said: str
) -> None:
    monkeypatch.setattr(installation, "asked_for", lambda: (python, [package]))
    lines = found(folder)
    assert len(lines) == bool(said) and all(said in line for line in lines)


def test_what_is_asked_for_is_what_pyproject_says() -> None:
    python, packages = asked_for()
    assert python == ">=3.11,<3.15" and "numpy>=2.1,<3" in packages
    assert not any("pytest" in package for package in packages)


@pytest.fixture
def kernel(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has loaded the course as a kernel does, and waits."""
    program = (
        "from pathlib import Path; from mugrade.student.kernels import leave_note;"
        "from mugrade.student.workspace import Workspace;"
        "leave_note(Workspace.find(Path.cwd())); print('ready', flush=True); input()"
    )
    environment = {**os.environ, "JPY_SESSION_NAME": str(folder / "00_mean.ipynb")}
    environment["PYTHONPATH"] = str(Path(__file__).parent.parent)
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


def test_a_kernel_older_than_the_course_is_to_be_restarted(
    folder: Path, kernel: subprocess.Popen[str]
) -> None:
    assert found(folder) == []
    later = time.time() + 60
    os.utime(folder / "course.json", (later, later))
    (line,) = found(folder)
    assert line.startswith(f"the kernel of 00_mean.ipynb (process {kernel.pid}): it began at ")
    assert line.endswith("before course.json changed; Kernel > Restart Kernel")
    kernel.kill()
    kernel.wait()
    assert found(folder) == []
    assert list((folder / ".mugrade" / "kernels").glob("*.json")) == []


def test_a_kernel_of_another_python_is_told(folder: Path, kernel: subprocess.Popen[str]) -> None:
    note = folder / ".mugrade" / "kernels" / f"{kernel.pid}.json"
    data = json.loads(note.read_text())
    note.write_text(json.dumps({**data, "executable": "/elsewhere/bin/python"}))
    (line,) = found(folder)
    assert "it runs on /elsewhere/bin/python, this command on" in line
    note.write_text("{")
    assert found(folder) == []


def test_a_notebook_that_asks_for_another_kernel(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = edit(folder)
    data["metadata"]["kernelspec"]["name"] = "other"
    save(folder, data)
    assert found(folder) == [
        "00_mean.ipynb: there is no kernel called 'other' here; "
        "choose another with Kernel > Change Kernel"
    ]
    spec = tmp_path / "jupyter" / "kernels" / "other"
    spec.mkdir(parents=True)
    argv = [str(tmp_path / "python"), "-m", "ipykernel_launcher"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "x"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    (line,) = found(folder)
    assert f"its kernel 'other' runs on {tmp_path / 'python'}, where mugrade is not" in line


# the folder


def test_a_folder_that_cannot_be_written(folder: Path) -> None:
    shutil.rmtree(folder / ".mugrade")
    (folder / ".mugrade").write_text("a file where a folder should be")
    (line,) = found(folder)
    assert line.startswith(f"{folder}/.mugrade: it cannot be written")


@pytest.mark.parametrize("name", ["progress.json", "hints.json"])
@pytest.mark.parametrize("text", ["", "{", "[]", "3", "[" * 10**5])
def test_a_broken_progress_file(folder: Path, name: str, text: str) -> None:
    (folder / ".mugrade" / name).write_text(text)
    assert found(folder) == [
        f"{folder}/.mugrade/{name}: it is broken; delete it; mugrade check fills it again"
    ]


@pytest.mark.parametrize("name", ["cells.json", "answers.json"])
def test_a_file_of_the_course_that_is_broken_or_of_another_version(folder: Path, name: str) -> None:
    whole = (folder / name).read_text()
    (folder / name).write_text("{")
    (line,) = found(folder)
    assert f"{name} is broken" in line and line.endswith("fetch the course again")
    data = json.loads(whole)
    less: Any = (
        [c for c in data if c != "mean-of-three" and c["id"] != "mean-of-three"]
        if (isinstance(data, list))
        else {id: data[id] for id in data if id != "mean-of-three"}
    )
    (folder / name).write_text(json.dumps(less))
    (line,) = found(folder)
    assert "course.json names checks that cells.json or answers.json lacks: mean-of-three" in line


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "it is missing"), (b"", "it cannot be read"), (b"no gzip", "it cannot be read")],
)
def test_data_that_is_missing_or_broken(folder: Path, content: bytes | None, said: str) -> None:
    cells = json.loads((folder / "cells.json").read_text())
    cells[0]["data"] = "data/digits.gz"
    (folder / "cells.json").write_text(json.dumps(cells))
    (folder / "data").mkdir()
    if content is not None:
        (folder / "data" / "digits.gz").write_bytes(content)
    lines = found(folder)
    expected = f"{folder}/data/digits.gz: {said}; fetch the course again"
    if content == b"":
        expected = f"{folder}/data/digits.gz: it is empty; fetch the course again"
    assert lines == [expected]


def test_a_download_that_broke_off(folder: Path) -> None:
    (folder / "data" / "mnist").mkdir(parents=True)
    (folder / "data" / "mnist" / "x.gz.part").touch()
    (line,) = found(folder)
    assert line.endswith("a download broke off; mugrade data mnist")


# notebooks


def test_cells_that_are_gone_and_checks_that_were_edited(folder: Path) -> None:
    data = edit(folder)
    data["cells"] = [c for c in data["cells"] if c["id"] not in ("setup-00", "mean-imports")]
    cell(data, "mean-of-three")["source"] = "@check\ndef mean_of_three():\n    yield 3.0"
    save(folder, data)
    assert found(folder) == [
        "00_mean.ipynb: cells are gone: setup-00, mean-imports; "
        "mugrade reset setup-00 mean-imports",
        "00_mean.ipynb: checks were edited: mean-of-three; "
        "they are graded as they were handed out: mugrade reset mean-of-three",
    ]
    assert mugrade("reset", "setup-00", "mean-imports", "mean-of-three").exit_code == 0
    (line,) = found(folder)
    assert "cells have lost nbgrader's metadata: setup-00, mean-imports; mugrade does" in line


def test_ids_that_are_lost_or_doubled(folder: Path) -> None:
    data = edit(folder)
    data["cells"].append({**cell(data)})
    save(folder, data)
    assert found(folder) == [
        "00_mean.ipynb: cells have the same id: mean; delete the copies that you do not need"
    ]
    for c in data["cells"]:
        c.pop("id")
    save(folder, data)
    assert found(folder) == [
        "00_mean.ipynb: its cells have lost their ids; save it again from JupyterLab 4"
    ]


def test_metadata_that_was_dropped(folder: Path) -> None:
    data = edit(folder, "01_scale")
    for c in data["cells"]:
        c["metadata"] = {}
    save(folder, data, "01_scale")
    (line,) = found(folder)
    assert line.startswith(
        "01_scale.ipynb: cells have lost nbgrader's metadata: setup-01, scale-imports, scaler"
    )


# the package


def test_a_package_that_differs_from_the_notebook(folder: Path) -> None:
    written(folder)
    assert found(folder) == []  # borrowed
    write_mean(folder, "return x.max()")
    assert found(folder) == []
    written(folder, f"{MINE}  # a comment")
    assert found(folder) == []
    written(folder, MINE.replace("max", "min"))
    os.utime(folder / "00_mean.ipynb", (2_000_000_000, 2_000_000_000))
    (line,) = found(folder)
    assert line.startswith("00_mean.ipynb: the package holds another mean, which ran ")
    run = "run the cell to have the notebook's in both"
    restore = "mugrade restore 00 --to notebook to have the package's"
    assert "; the notebook is newer, saved 2033" in line
    assert line.endswith(f"; {run}, or {restore}; the other is kept")
    os.utime(folder / "00_mean.ipynb", (1_000_000_000, 1_000_000_000))
    (line,) = found(folder)
    assert "; the notebook is older, saved 2001" in line
    assert line.endswith(f"; {restore}, or {run}; the other is kept")
    (folder / "stats" / "mean.py").unlink()
    assert found(folder) == ["00_mean.ipynb: the package lacks mean; run the cells"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# %% mean\ndef (\n", "it is not Python (invalid syntax (mean.py, line 2))"),
        ("# %% mean\n\0\n", "it is not Python"),
        ("import os\n\n\n# %% mean taken\ndef mean(x):\n    pass\n", "text that no cell has"),
        ("\udcff", "cannot be read (it is not UTF-8 text)"),
    ],
)
def test_a_module_that_was_edited_outside(folder: Path, text: str, said: str) -> None:
    (folder / "stats" / "mean.py").write_bytes(os.fsencode(text))
    lines = found(folder)
    assert any(said in line for line in lines)
    assert all(line.startswith(("stats/mean.py", "00_mean.ipynb")) for line in lines)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=st.lists(CELL | JSON, max_size=5), metadata=JSON)
def test_whatever_the_notebook_is_there_are_findings_and_no_traceback(
    folder: Path, cells: list[Any], metadata: Any
) -> None:
    save(folder, {"cells": cells, "metadata": metadata})
    lines = found(folder)
    assert any("cells are gone" in line for line in lines)
    assert all(len(line.splitlines()) == 1 for line in lines)
    assert str(Finding("a", "b")) == "a: b"
