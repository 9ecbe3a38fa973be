"""The wheel in an environment of its own, away from the checkout, with nothing but the core.

The packages of the tests' own environment are lent to it one by one: those that pyproject.toml
asks a student for, and what these need.
"""

import importlib.metadata
import json
import os
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mugrade.course.cells import solution_lines
from mugrade.course.model import Course, Stage
from mugrade.course.notebooks import source_notebook
from mugrade.course.problems import LONGEST_SHARED_LINE
from mugrade.extras import IMPORTED
from mugrade.version import __version__
from mugrade.view import visible
from tests.conftest import ROOT
from tests.test_cli_check import mugrade
from tests.test_environment import PROJECT

RUN = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
for cell in json.load(open(sys.argv[1], encoding="utf-8"))["cells"]:
    if cell["cell_type"] == "code":
        shell.run_cell("".join(cell["source"]), cell_id=cell["id"]).raise_error()
"""


@dataclass(frozen=True)
class Installed:
    """A student's environment, an empty home, and a folder to work in."""

    environment: Path
    home: Path
    folder: Path

    def python(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.environment / "bin" / "python", *map(str, arguments)],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), "MPLBACKEND": "agg"},
            capture_output=True,
            text=True,
        )

    def mugrade(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return self.python("-m", "mugrade", *arguments)

    @property
    def packages(self) -> Path:
        (folder,) = self.environment.glob("lib/*/site-packages")
        return folder


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder], ROOT)
    (sources,) = folder.glob("*.tar.gz")
    run([*PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, sources], folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]


def run(command: Sequence[object], folder: Path) -> None:
    subprocess.run([str(word) for word in command], cwd=folder, check=True)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel and the core's packages, in a folder that is not for writing."""
    root = tmp_path_factory.mktemp("a student's räumlichkeiten")
    found = Installed(root / "environment", root / "home", root / "work")
    for folder in (found.home, found.folder, root / "core"):
        folder.mkdir()
    run([sys.executable, "-m", "venv", "--without-pip", found.environment], root)
    python = found.environment / "bin" / "python"
    run([*PIP, "--python", python, "install", "--no-deps", "--no-index", wheel], root)
    for name in needed(PROJECT["dependencies"]):
        lend(name, root / "core")
    (found.packages / "core.pth").write_text(f"{root / 'core'}\n", encoding="utf-8")
    for path in found.packages.rglob("*"):
        path.chmod(stat.S_IMODE(path.stat().st_mode) & 0o555)
    return found


def needed(requirements: Iterable[str]) -> set[str]:
    """The names of the distributions that are asked for, and of those that these ask for."""
    found: set[str] = set()
    todo = list(requirements)
    while todo:
        asked = Requirement(todo.pop())
        name = canonicalize_name(asked.name)
        if name not in found and (not asked.marker or asked.marker.evaluate({"extra": ""})):
            found.add(name)
            todo += importlib.metadata.requires(name) or ()
    return found


def lend(name: str, folder: Path) -> None:
    """Link what a distribution has installed into `folder`."""
    distribution = importlib.metadata.distribution(name)
    for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
        (folder / top).symlink_to(str(distribution.locate_file(top)))


def test_the_wheel_holds_the_course_and_no_solutions(wheel: Path, course: Course) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
        handed_out = [name for name in names if name.endswith((".ipynb", ".json"))]
        shown = [text for name in handed_out for text in texts(json.loads(file.read(name)))]
    assert {f"mugrade_course/{stage.name}.ipynb" for stage in course.stages} < set(handed_out)
    folders = {name.partition("/")[0] for name in names}
    assert folders == {"mugrade", "mugrade_course", f"mugrade-{__version__}.dist-info"}
    answers = [cell for stage in course.stages for cell in stage.role("solution")]
    secret = {line for cell in answers for line in solution_lines(cell.source)}
    secret = {line for line in secret if len(line) > LONGEST_SHARED_LINE}
    assert len(secret) > 200
    assert not secret & {line.strip() for text in shown for line in text.splitlines()}


def texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, list | dict):
        for value in data.values() if isinstance(data, dict) else data:
            yield from texts(value)


def test_every_command_without_its_packages_is_one_sentence(installed: Installed) -> None:
    assert installed.mugrade("--version").stdout == f"mugrade {__version__}\n"
    shown = installed.mugrade("--help").stdout
    for command, extra in (("build", "author"), ("grade x", "grade"), ("grades", "grade")):
        name = command.partition(" ")[0]
        assert f" {name} " in shown
        assert installed.mugrade(name, "--help").returncode == 0
        outcome = installed.mugrade(*command.split())
        lacks = IMPORTED[extra][0]
        said = f'mugrade {name} needs {lacks}: pip install "mugrade[{extra}]"\n'
        assert (outcome.returncode, outcome.stdout, outcome.stderr) == (1, "", said)
    outcome = installed.mugrade("grade", "x", "--scheduler", "tcp://localhost:1")
    assert outcome.stderr.endswith('pip install "mugrade[cluster]"\n')


def test_from_the_wheel_to_a_grade(installed: Installed, course: Course, tmp_path: Path) -> None:
    """A student who has nothing but the core starts, solves a stage, checks and hands in."""
    before = set(installed.packages.rglob("*"))
    outcome = installed.mugrade("start", "mes cahiers/été")
    assert outcome.stdout.splitlines() == [
        f"mes cahiers/été: {len(course.stages)} notebooks, and 00_start.ipynb to begin with",
        'next: pip install "mugrade[lab]", then mugrade lab "mes cahiers/été"',
    ]
    student = replace(installed, folder=installed.folder / "mes cahiers" / "été")
    solve(student.folder / "00_autograd.ipynb", course.find("00"))
    ran = student.python("-c", RUN, "00_autograd.ipynb")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert student.mugrade("check").stdout.endswith(f" 100/100\n{visible.NOTE}\n")
    hidden = student.mugrade("check", "0", "--hidden", "--solutions", ROOT)
    assert hidden.stdout.endswith(" 100/100\n"), hidden.stderr
    assert "the checks of multiply pass" in student.mugrade("hint", "multiply").stdout
    assert "ipykernel is not installed" in student.mugrade("doctor").stdout
    outcome = student.mugrade("submit", "--student", "ada", "--out", tmp_path / "in" / "ada.zip")
    assert outcome.stdout.splitlines()[-1].endswith(f", mugrade {__version__}")
    assert set(installed.packages.rglob("*")) == before
    assert points(tmp_path, course) == {"00_autograd": 100}


def solve(path: Path, stage: Stage) -> None:
    """Write the reference's answers into a notebook."""
    answers = {cell.id: cell.source for cell in source_notebook(stage).cells}
    data = json.loads(path.read_text(encoding="utf-8"))
    for cell in data["cells"]:
        if cell["id"] in {solution.id for solution in stage.role("solution")}:
            cell["source"] = answers[cell["id"]]
    path.write_text(json.dumps(data), encoding="utf-8")


def points(folder: Path, course: Course) -> dict[str, int]:
    """What the checkout gives for what lies in `folder`/in, by stage; all of it by this version."""
    where = ("--course", str(course.root), "--out", str(folder / "out"))
    outcome = mugrade("grade", str(folder / "in"), *where, "--accept-weak-sandbox")
    assert outcome.exit_code == 0, outcome.output
    found = json.loads(mugrade("grades", *where, "--json").stdout)
    assert {row["mugrade"] for row in found} == {__version__}
    return {row["stage"]: row["points"] for row in found}
