"""Where people work: kernels and servers in environments of their own, made for the test.

Colab is played by a plain kernel in an environment with nothing but ipykernel, started in a folder
in which there is no notebook; the images of Docker and repo2docker by what they would run.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from book.opening import DRIVE, colab_cell
from book.runs import solved_notebook
from mugrade.course.manifest import START
from mugrade.course.model import Course, Stage
from tests.conftest import ROOT
from tests.test_package import points, solve

OF_COLAB = ("ipykernel==6.17.1", "ipython==7.34.0")
HAND_IN = "%mugrade submit --student ada --out"
VERSION = "import IPython\n\nprint(IPython.__version__)"


@dataclass(frozen=True)
class Environment:
    """A virtual environment, and a home in which there is nothing."""

    folder: Path
    home: Path

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    @property
    def variables(self) -> dict[str, str]:
        path = os.pathsep.join((str(self.bin), "/usr/bin", "/bin"))
        return {"HOME": str(self.home), "PATH": path}

    def run(
        self, command: Sequence[object], folder: Path, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(word) for word in command],
            cwd=folder,
            env=os.environ | self.variables,
            capture_output=True,
            text=True,
            check=check,
        )


def environment(folder: Path, asked: Sequence[str], where: Path) -> Environment:
    """A new one with what pip installs in the folder `where`; skips where there is no index."""
    made = Environment(folder / "environment", folder / "home")
    made.home.mkdir(parents=True)
    venv.create(made.folder, with_pip=True)
    done = made.run(["python", "-m", "pip", "install", "--quiet", *asked], where, check=False)
    if done.returncode and re.search("No matching distribution|Connection|resolve", done.stderr):
        pytest.skip(f"the package index cannot be reached: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)
    (found,) = folder.glob("*.whl")
    return found


def play_colab(made: Environment, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel called colab, to which Google's module seems to be there."""
    module = folder / "google" / "colab" / "drive.py"
    module.parent.mkdir(parents=True)
    module.write_text("def mount(path):\n    print('Mounted at', path)\n")
    (folder / "content").mkdir()
    (folder / "drive" / "MyDrive").mkdir(parents=True)
    launch = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {
        "argv": [str(made.bin / "python"), *launch],
        "display_name": "Colab",
        "language": "python",
        "env": {**made.variables, "PYTHONPATH": str(folder)},
    }
    place = folder / "jupyter" / "kernels" / "colab" / "kernel.json"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(folder / "jupyter"))
    monkeypatch.delenv("MUGRADE_COURSE", raising=False)


def ran(stage: Stage, folder: Path, first: str, *last: str) -> list[str]:
    """What the cells `last` say in the solved notebook of a stage, which is nowhere on disk."""
    notebook = solved_notebook(stage)
    begin = [nbformat.v4.new_code_cell(first)]
    notebook.cells = [*begin, *notebook.cells, *map(nbformat.v4.new_code_cell, last)]
    where = {"metadata": {"path": str(folder / "content")}}
    NotebookClient(notebook, timeout=600, kernel_name="colab", resources=where).execute()
    found = notebook.cells[-len(last) :]
    return ["".join(output.get("text", "") for output in cell.outputs) for cell in found]


@pytest.mark.long
@pytest.mark.parametrize("kernel", [("ipykernel",), OF_COLAB], ids=["newest", "colab"])
def test_a_notebook_that_lies_nowhere(
    kernel: Sequence[str],
    wheel: Path,
    course: Course,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From the cell that the site shows to what is handed in, stage after stage."""
    if kernel == OF_COLAB and sys.version_info >= (3, 13):
        pytest.skip("that IPython is older than this Python")
    made = environment(tmp_path, kernel, tmp_path)
    play_colab(made, tmp_path, monkeypatch)
    before = made.run(["python", "-c", VERSION], tmp_path).stdout
    begin = colab_cell(course.package, str(wheel)).replace(DRIVE, str(tmp_path / "drive"))
    checked, version = ran(course.find("00"), tmp_path, begin, "%mugrade check 00", VERSION)
    assert "100/100" in checked
    assert version == before, "Colab's own kernel stays as it is"
    archive = tmp_path / "in" / "ada.zip"
    hand_in = f"{HAND_IN} {archive}"
    restore = "%mugrade restore"
    later = ("%mugrade check", hand_in, f"{restore} 00", hand_in, restore, hand_in)
    checked, refused, _, warned, _, packed = ran(course.find("01"), tmp_path, begin, *later)
    assert checked.count("100/100") == 2
    assert "mugrade restore 00 01 puts them there" in refused
    assert "01_initializers: your answers to " in warned and "in the package" in warned
    assert "ada.zip: 2 notebooks of ada" in packed and "in the package" not in packed
    laid_out = tmp_path / "drive" / "MyDrive" / course.package
    assert (laid_out / START).is_file() and list((tmp_path / "content").iterdir()) == []
    assert points(tmp_path, course) == {"00_autograd": 100, "01_initializers": 100}


def instructions(names: str) -> list[tuple[str, str]]:
    """The instructions of the Dockerfile that have one of these names, with their arguments."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found = [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]
    return [(word, rest) for word, rest in found if word in names.split()]


def test_what_the_dockerfile_copies_is_there_and_is_not_ignored() -> None:
    allowed = {line[1:] for line in ignored() if line.startswith("!")}
    assert copied() and all((ROOT / source).exists() for source in copied())
    assert set(copied()) == allowed


def copied() -> list[str]:
    return [source for _, rest in instructions("COPY") for source in rest.split()[:-1]]


def ignored() -> list[str]:
    return (ROOT / ".dockerignore").read_text().splitlines()


def test_the_image_does_not_run_as_root() -> None:
    users = [rest for _, rest in instructions("USER")]
    assert users == ["student"]
    assert [word for word, _ in instructions("FROM USER CMD")] == ["FROM", "USER", "CMD"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """What repo2docker installs, with nothing there but what the Dockerfile copies."""
    folder = tmp_path_factory.mktemp("served")
    not_sent = [line.rpartition("/")[2] for line in ignored() if "/" in line]
    for name in (*copied(), "binder"):
        source, target = ROOT / name, folder / "src" / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns(*not_sent))
        else:
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(source, target)
    return environment(folder, ["--requirement", "binder/requirements.txt"], folder / "src")


@pytest.mark.long
def test_what_the_image_runs(served: Environment, tmp_path: Path) -> None:
    """Its RUN installs what repo2docker does, its CMD opens the course."""
    (install, *_), (command,) = ([rest for _, rest in instructions(n)] for n in ("RUN", "CMD"))
    assert shlex.split(install)[-1] == "/src[lab]"
    assert (ROOT / "binder" / "requirements.txt").read_text().startswith(".[lab]\n")
    shell, option, line = json.loads(command)
    (lab,) = re.findall(r"exec (.*)$", line)
    line = line.replace(lab, lab.replace("--no-browser", "--version"))
    for _ in range(2):  # the second time the course is there
        assert re.match(r"4\.", served.run([shell, option, line], tmp_path).stdout.splitlines()[-1])
    assert (tmp_path / "course" / START).is_file()


@pytest.mark.long
def test_nothing_of_a_students_is_lost_when_a_hub_pulls(
    served: Environment, course: Course, tmp_path: Path
) -> None:
    """`gitpuller` as nbgitpuller's link calls it: both sides have changed one cell."""
    upstream, here = tmp_path / "course.git", tmp_path / "work"
    served.run(["mugrade", "start", upstream], tmp_path)
    commit(served, upstream, "init", "--initial-branch", "main")
    pull = ["gitpuller", upstream, "main", here]
    served.run(pull, tmp_path)
    stage = course.find("03")
    notebook = here / f"{stage.name}.ipynb"
    solve(notebook, stage)
    nbformat.write(nbformat.read(notebook, as_version=4), notebook)
    written = cells(notebook)
    (here / "own.ipynb").write_text("mine")

    theirs = upstream / notebook.name
    changed = nbformat.read(theirs, as_version=4)
    changed.cells[0].source += "\nNew in this version."
    node = next(cell for cell in changed.cells if cell.id == "stable-logsumexp")
    node.source = node.source.replace("raise NotImplementedError()", "raise NotImplementedError")
    nbformat.write(changed, theirs)
    (upstream / "own.ipynb").write_text("theirs")
    commit(served, upstream, "add", "--all")
    served.run(pull, tmp_path)

    pulled = cells(notebook)
    assert pulled.pop("title-03").endswith("New in this version.")
    del written["title-03"]
    assert pulled == written
    assert (here / "own.ipynb").read_text() == "theirs"
    assert [path.read_text() for path in here.glob("own__*.ipynb")] == ["mine"]


def commit(made: Environment, folder: Path, *first: str) -> None:
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (first, ("add", "--all"), ("commit", "--quiet", "--message", "a version")):
        made.run([*git, *words], folder)


def cells(path: Path) -> dict[str, str]:
    return {cell.id: cell.source for cell in nbformat.read(path, as_version=4).cells}
