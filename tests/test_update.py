"""`mugrade update`: the course's new version under a student's work, and back; nothing is lost."""

import json
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mugrade.course.manifest import START
from mugrade.course.model import Course
from mugrade.package.blocks import cell_body
from mugrade.student import noted, sources
from mugrade.student.kept import every_kept
from mugrade.student.update import update_course
from mugrade.student.workspace import Workspace
from tests.conftest import ROOT
from tests.releases import second_release
from tests.test_cli_check import mugrade
from tests.test_cli_reset import cell, edit, save
from tests.test_live import MEAN, SCALE, Kernel, kernel

__all__ = ["kernel"]
MINE = MEAN + "def mean(x):\n    return np.asarray(x.sum() / x.size, dtype=x.dtype)"
NOISE = SCALE + "def noise(n):\n    return np.random.standard_normal(n)"
OWN = "x = 3  # a trial of my own"


@pytest.fixture(scope="session")
def second(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """The tiny course's second release, built; not to be changed."""
    return second_release(tmp_path_factory.mktemp("second"))


@pytest.fixture
def new(second: Course) -> str:
    return str(second.root / "notebooks")


def code(source: str, id: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": 3,
        "id": id,
        "metadata": {"mine": True},
        "outputs": [],
        "source": source.splitlines(keepends=True),
    }


def fill(folder: Path, id: str, source: str, stage: str) -> None:
    data = edit(folder, stage)
    cell(data, id)["source"] = source.splitlines(keepends=True)
    write(folder, data, stage)


def write(folder: Path, data: Any, stage: str) -> None:
    """As JupyterLab writes it."""
    text = json.dumps(data, indent=1, ensure_ascii=False) + "\n"
    (folder / f"{stage}.ipynb").write_text(text, encoding="utf-8")


def add(folder: Path, below: str, source: str, stage: str, id: str) -> None:
    data = edit(folder, stage)
    place = data["cells"].index(cell(data, below)) + 1 if below else 0
    data["cells"].insert(place, code(source, id))
    write(folder, data, stage)


def ids(folder: Path, stage: str) -> list[str]:
    return [c["id"] for c in edit(folder, stage)["cells"]]


def text(folder: Path, id: str, stage: str) -> str:
    return "".join(cell(edit(folder, stage), id)["source"])


def run(kernel: Kernel, stage: str) -> None:
    """Run the notebook's cells that are no checks, as Run All does."""
    for c in edit(kernel.folder, stage)["cells"]:
        source = "".join(c["source"])
        if c["cell_type"] == "code" and "@check" not in source:
            kernel.run(source, c["id"])


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not {".mugrade", "__pycache__"} & set(path.parts)
    }


@pytest.fixture
def half_done(kernel: Kernel) -> Kernel:
    """Release 1 with two answers, half of a third, and cells of one's own, all of which has run."""
    folder = kernel.folder
    fill(folder, "mean", MINE, "00_mean")
    fill(folder, "noise", NOISE, "01_scale")
    half = text(folder, "scaler", "01_scale").replace(
        "# YOUR CODE HERE\n        raise NotImplementedError()", "self.centre = mean(x)", 1
    )
    fill(folder, "scaler", half, "01_scale")
    add(folder, "", OWN, "00_mean", "top")
    add(folder, "mean", f"{MEAN}def own(): return 4", "00_mean", "helper")
    add(folder, "scaler-centres", OWN, "01_scale", "trial")
    run(kernel, "00_mean")
    run(kernel, "01_scale")
    return kernel


# what an update does


def test_answers_and_own_cells_stay_and_the_course_is_new(half_done: Kernel, new: str) -> None:
    folder = half_done.folder
    half = text(folder, "scaler", "01_scale")
    outcome = mugrade("update", new)
    assert outcome.exit_code == 0, outcome.output
    assert ids(folder, "00_mean") == [
        "top", "title-00", "setup-00", "mean-imports", "mean", "helper", "noise-imports", "noise",
        "noise-is-normal", "mean-of-three", "mean-twice", "progress-00", "links-00",
    ]  # fmt: skip
    assert ids(folder, "01_scale") == [
        "title-01", "setup-01", "scale-imports", "scaler", "trial", "scaler-shifts", "progress-01",
        "links-01",
    ]  # fmt: skip
    assert text(folder, "mean", "00_mean") == MINE
    assert text(folder, "scaler", "01_scale") == half
    assert text(folder, "noise", "00_mean") == NOISE.replace("scale.py", "noise.py")
    assert "Of all entries." in text(folder, "title-00", "00_mean")
    assert '"""Means of arrays."""' in text(folder, "mean-imports", "00_mean")
    assert cell(edit(folder, "00_mean"), "helper")["metadata"] == {"mine": True}
    assert "Sum and divide." in mugrade("hint", "mean", "2").output
    assert mugrade("update", new).output == "everything is as it is there\n"


def test_a_folder_without_work_becomes_the_new_version(kernel: Kernel, new: str) -> None:
    mugrade("update", new)
    after = content(kernel.folder)
    assert {path: after[path] for path in content(Path(new))} == content(Path(new))


def test_the_package_follows(half_done: Kernel, new: str) -> None:
    folder = half_done.folder
    mugrade("update", new)
    modules = {path.name: path.read_text() for path in (folder / "stats").glob("*.py")}
    assert '# %% mean-imports\n"""Means of arrays."""' in modules["mean.py"]
    assert cell_body(MINE) in modules["mean.py"] and "def own" in modules["mean.py"]
    assert "def noise" not in modules["scale.py"]
    assert modules["noise.py"].startswith("# %% noise-imports\nimport numpy")
    assert cell_body(NOISE) in modules["noise.py"]
    rows = [line.split() for line in mugrade("check", "0").output.splitlines()]
    assert ["00_mean", "3/3", "8/8"] in rows


def test_a_changed_stub_is_shown_from_three_sides(half_done: Kernel, new: str) -> None:
    lines = mugrade("update", new).output.splitlines()
    start = lines.index(
        "mean: its stub has changed, and your answer stays; what the course changed:"
    )
    assert '  -    """The mean of all entries."""' in lines[start:]
    assert '  +    """The mean of all entries, as an array."""' in lines[start:]
    wrote = lines.index("mean: and what you wrote into the old stub:")
    assert "  +    return np.asarray(x.sum() / x.size, dtype=x.dtype)" in lines[wrote:]


def test_undo_brings_every_byte_back(half_done: Kernel, new: str) -> None:
    mugrade("check")
    before = content(half_done.folder)
    mugrade("update", new)
    assert content(half_done.folder) != before
    outcome = mugrade("update", "--undo")
    assert outcome.exit_code == 0
    assert content(half_done.folder) == before
    assert mugrade("update", "--undo").output == "there is no update to undo\n"
    mugrade("update", new)
    mugrade("update", "--undo")
    assert content(half_done.folder) == before


def test_undo_leaves_what_was_written_since(half_done: Kernel, new: str) -> None:
    folder = half_done.folder
    mugrade("update", new)
    later = MINE.replace("return", "# thought again\n    return")
    noise = NOISE.replace("scale.py", "noise.py") + "  # better"
    fill(folder, "mean", later, "00_mean")
    fill(folder, "noise", noise, "00_mean")
    add(folder, "mean-twice", "y = 5", "00_mean", "late")
    run(half_done, "00_mean")
    mugrade("update", "--undo")
    assert ids(folder, "00_mean") == [
        "top", "title-00", "setup-00", "mean-imports", "mean", "helper", "mean-of-three",
        "late", "progress-00", "links-00",
    ]  # fmt: skip
    assert text(folder, "mean", "00_mean") == later
    assert text(folder, "noise", "01_scale") == noise.replace("noise.py", "scale.py")
    assert '"""Means."""' in text(folder, "mean-imports", "00_mean")
    assert "# thought again" in (folder / "stats" / "mean.py").read_text()
    assert "# better" in (folder / "stats" / "scale.py").read_text()
    assert not (folder / "stats" / "noise.py").exists()
    assert "Sum, then divide." in mugrade("hint", "mean", "2").output


def test_what_was_edited_in_the_courses_cells_is_kept(half_done: Kernel, new: str) -> None:
    folder = half_done.folder
    fill(folder, "title-00", "# 00 Mean\n\nA note of mine", "00_mean")
    fill(folder, "title-01", "# 01 Scale\n\nAnother note", "01_scale")
    fill(folder, "mean-imports", f'{MEAN}"""Means."""\nimport numpy as np, math', "00_mean")
    fill(folder, "scaler-centres", "@check\ndef scaler_centres():\n    yield 1", "01_scale")
    mugrade("update", new)
    kept = {entry.id: entry for entry in every_kept(Workspace.find(folder)) if entry.by == "update"}
    assert kept.keys() == {"title-00", "mean-imports", "scaler-centres"}
    assert kept["title-00"].text.endswith("A note of mine")
    assert kept["title-00"].path.suffix == ".md"
    assert text(folder, "title-01", "01_scale").endswith("Another note")


def test_the_first_page_is_brought_up_to_date(kernel: Kernel, tiny: Course, new: str) -> None:
    folder = kernel.folder
    shutil.copy(tiny.root / "notebooks" / START, folder)
    old = text(folder, "start", "00_start")
    fill(folder, "start-how", "A note of mine", "00_start")
    add(folder, "start", OWN, "00_start", "own")
    mugrade("update", new)
    assert text(folder, "start", "00_start") != old
    assert text(folder, "start-how", "00_start") == "A note of mine"
    assert ids(folder, "00_start")[:2] == ["start", "own"]
    assert every_kept(Workspace.find(folder)) == []


def test_progress_of_checks_that_are_others_is_forgotten(half_done: Kernel, new: str) -> None:
    mugrade("check")
    mugrade("update", new)
    last_runs = noted.last_runs(Workspace.find(half_done.folder))
    assert last_runs.keys() == {"mean-of-three", "noise-is-normal"}


def test_without_the_former_versions_a_stub_is_still_no_answer(kernel: Kernel, new: str) -> None:
    """The new cells.json was unpacked over the old one, and nothing of mugrade had run before."""
    folder = kernel.folder
    shutil.rmtree(folder / ".mugrade")
    fill(folder, "noise", NOISE, "01_scale")
    for name in ("cells.json", "course.json"):
        shutil.copy(Path(new) / name, folder / name)
    mugrade("update", new)
    assert "as an array" in text(folder, "mean", "00_mean")
    assert text(folder, "noise", "00_mean") == NOISE.replace("scale.py", "noise.py")
    kept = [entry.id for entry in every_kept(Workspace.find(folder))]
    assert kept == []


@pytest.mark.parametrize("lost", ["id", "metadata", "both"])
def test_cells_without_ids_or_metadata_are_found(half_done: Kernel, new: str, lost: str) -> None:
    folder = half_done.folder
    for stage in ("00_mean", "01_scale"):
        data = edit(folder, stage)
        for c in data["cells"]:
            if lost != "metadata":
                del c["id"]
            if lost != "id":
                c["metadata"] = {}
        save(folder, data, stage)
    mugrade("update", new)
    sources = ["".join(c["source"]) for c in edit(folder)["cells"]]
    assert sources.count(MINE) == 1 and sources.count(NOISE.replace("scale.py", "noise.py")) == 1
    assert not any("raise NotImplementedError" in source for source in sources)
    assert len(sources) == 13
    assert all(("id" in c) == (lost == "metadata") for c in edit(folder)["cells"])


def test_a_copy_of_a_cell_stays_under_an_id_of_its_own(half_done: Kernel, new: str) -> None:
    folder = half_done.folder
    data = edit(folder)
    data["cells"].append({**cell(data), "source": MINE + "  # a copy"})
    data["cells"].append(cell(data, "setup-00"))
    write(folder, data, "00_mean")
    mugrade("update", new)
    found = ids(folder, "00_mean")
    assert len(set(found)) == len(found) == 14
    assert "".join(edit(folder)["cells"][-1]["source"]) == MINE + "  # a copy"


def test_a_package_that_is_no_python_is_left_whole(half_done: Kernel, new: str) -> None:
    """An answer that would move to another module stays where it is."""
    broken = half_done.folder / "stats" / "noise.py"
    broken.write_text("def (")
    before = {path: path.read_bytes() for path in broken.parent.glob("*.py")}
    outcome = mugrade("update", new)
    assert "the package is left as it is: stats/noise.py is not Python" in outcome.output
    assert {path: path.read_bytes() for path in broken.parent.glob("*.py")} == before


def test_a_borrowed_stage_that_has_changed_is_said(
    kernel: Kernel, tiny: Course, second: Course, new: str
) -> None:
    mugrade("take", "0", "--course", str(tiny.root))
    said = mugrade("update", new).output
    assert "00_mean is borrowed, and is another now: mugrade take 00" in said
    mugrade("take", "0", "1", "--course", str(second.root))
    assert mugrade("check").exit_code == 0


def test_a_crash_halfway_is_undone(
    half_done: Kernel, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = half_done.folder
    before = content(folder)
    put, calls = Workspace.put, iter(range(100))

    def failing(self: Workspace, path: Path, content: bytes | None) -> None:
        if next(calls) == 3:
            raise KeyboardInterrupt
        put(self, path, content)

    with monkeypatch.context() as patch:
        patch.setattr(Workspace, "put", failing)
        with pytest.raises(KeyboardInterrupt):
            update_course(Workspace.find(folder), Path(new))
    assert content(folder) != before
    assert mugrade("update", "--undo").exit_code == 0
    assert content(folder) == before


# where the new version comes from


def test_a_zip_is_a_source(half_done: Kernel, new: str, tmp_path: Path) -> None:
    archive = tmp_path / "course.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in Path(new).iterdir():
            file.write(path, f"course-main/notebooks/{path.name}")
    mugrade("update", str(archive))
    assert "mean-twice" in ids(half_done.folder, "00_mean")
    archive.write_bytes(b"PK broken")
    outcome = mugrade("update", str(archive))
    assert outcome.exit_code == 1 and "cannot be unpacked" in outcome.output


def test_what_came_with_mugrade_is_a_source(
    half_done: Kernel, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "bundled_course", lambda: Path(new))
    assert mugrade("update").exit_code == 0
    assert "mean-twice" in ids(half_done.folder, "00_mean")
    monkeypatch.setattr(sources, "bundled_course", lambda: half_done.folder)
    assert mugrade("update").output.startswith("this folder is the course that this mugrade came")


@pytest.mark.parametrize("name", ["nowhere", "nowhere.zip", ".", "empty", "broken"])
def test_what_is_no_source_is_one_sentence(half_done: Kernel, tmp_path: Path, name: str) -> None:
    before = content(half_done.folder)
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "course.json").write_text("{")
    source = name if "nowhere" in name or name == "." else str(tmp_path / name)
    outcome = mugrade("update", source)
    assert (outcome.exit_code, len(outcome.output.splitlines())) == (1, 1)
    assert content(half_done.folder) == before


def test_another_course_is_refused(half_done: Kernel, new: str, tmp_path: Path) -> None:
    shutil.copytree(new, tmp_path / "other")
    path = tmp_path / "other" / "course.json"
    path.write_text(path.read_text().replace('"package": "stats"', '"package": "other"'))
    assert "is the course of other" in mugrade("update", str(tmp_path / "other")).output


def test_a_broken_notebook_stops_it_before_anything_is_written(half_done: Kernel, new: str) -> None:
    (half_done.folder / "01_scale.ipynb").write_text("<<<<<<< HEAD")
    before = content(half_done.folder)
    outcome = mugrade("update", new)
    assert outcome.exit_code == 1 and "01_scale.ipynb is no notebook" in outcome.output
    assert content(half_done.folder) == before


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"]
    command = ["git", *identity, "-c", "init.defaultBranch=main", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def clone(tiny: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A student's clone of a teacher's repository that holds release 1."""
    teacher = tmp_path / "teacher"
    shutil.copytree(tiny.root / "notebooks", teacher / "notebooks")
    (teacher / "notebooks" / ".gitignore").write_text(".mugrade/\nstats/\n")
    shutil.copy(ROOT / ".gitattributes", teacher)
    git(teacher, "init", "--quiet")
    git(teacher, "add", "-A")
    git(teacher, "commit", "--quiet", "-m", "release 1")
    git(tmp_path, "clone", "--quiet", str(teacher), "clone")
    git(tmp_path / "clone", "config", "merge.ours.driver", "true")
    monkeypatch.chdir(tmp_path / "clone" / "notebooks")
    yield tmp_path / "clone" / "notebooks"


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
@pytest.mark.parametrize("first", ["pull", "update"])
def test_a_clone_is_pulled_and_updated(clone: Path, new: str, tmp_path: Path, first: str) -> None:
    fill(clone, "mean", MINE, "00_mean")
    fill(clone, "noise", NOISE, "01_scale")
    add(clone, "scaler-centres", OWN, "01_scale", "trial")
    git(clone, "commit", "--quiet", "-am", "my answers")
    for path in Path(new).iterdir():
        shutil.copy(path, tmp_path / "teacher" / "notebooks")
    git(tmp_path / "teacher", "commit", "--quiet", "-am", "release 2")
    if first == "update":
        mugrade("update", "origin")
        git(clone, "commit", "--quiet", "-am", "the new version")
    git(clone, "pull", "--quiet", "--no-rebase", "--no-edit")
    outcome = mugrade("update", "origin")
    assert outcome.exit_code == 0, outcome.output
    assert "release 2" in git(clone, "log", "--oneline")
    assert text(clone, "mean", "00_mean") == MINE
    assert text(clone, "noise", "00_mean") == NOISE.replace("scale.py", "noise.py")
    assert ids(clone, "01_scale")[3:5] == ["scaler", "trial"]
    assert '"""Means of arrays."""' in text(clone, "mean-imports", "00_mean")
    assert mugrade("update", "origin/main").output == "everything is as it is there\n"
    assert mugrade("update", "origin/nowhere").exit_code == 1
