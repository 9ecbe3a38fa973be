"""What the build writes: the same bytes every time, valid, and without solutions."""

import ast
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pytest

from mugrade.author.build import build_course, check_build, nbgrader_root
from mugrade.author.forgotten import forgotten
from mugrade.course.cells import solution_lines
from mugrade.course.manifest import START
from mugrade.course.model import Course
from mugrade.course.reading import load_course
from mugrade.course.settings import Settings
from mugrade.errors import CourseError
from mugrade.reference import cache
from mugrade.sandbox.tiers import WEAK
from tests.conftest import ROOT
from tests.portable import another, differing
from tests.tiny import write_course


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def mugrade(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mugrade", *arguments], cwd=cwd, capture_output=True, text=True
    )


def test_two_builds_write_the_same_bytes_from_any_directory(tmp_path: Path) -> None:
    root = write_course(tmp_path / "course")
    assert mugrade("build", cwd=root).returncode == 0
    first = files(root)
    for folder in ("notebooks", "build", "solutions/stats"):
        shutil.rmtree(root / folder)
    assert mugrade("build", "--course", "../../course", cwd=root / "solutions").returncode == 0
    assert files(root) == first


@pytest.mark.parametrize(
    ("script", "old", "new", "again"),
    [
        ("00_mean.py", "# 00 Mean", "# 00 The mean", []),
        ("00_mean.py", "1. What is a mean?", "1. Whatever is a mean?", []),
        ("01_scale.py", "np.arange(6.0)", "np.arange(7.0)", ["01_scale"]),
        ("00_mean.py", "x.sum() / x.size", "x.sum() / len(x.ravel())", ["00_mean", "01_scale"]),
        ("00_mean.py", "np.array([1.0, 2.0, 6.0])", "np.array([1.0, 2.0, 9.0])", ["00_mean"]),
    ],
)
def test_only_what_changed_is_run_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    old: str,
    new: str,
    again: list[str],
) -> None:
    root, run = write_course(tmp_path), []
    build_course(load_course(root))
    path = root / "solutions" / script
    assert path.read_text().count(old) == 1
    path.write_text(path.read_text().replace(old, new))
    rehearse = cache.rehearse
    monkeypatch.setattr(cache, "rehearse", lambda s, *a: run.append(s.name) or rehearse(s, *a))
    build_course(load_course(root))
    assert run == again
    shutil.rmtree(root / "build" / "records")
    assert check_build(load_course(root)) == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"depends_on": 1}'])
def test_broken_records_are_made_again(tmp_path: Path, content: str) -> None:
    root = write_course(tmp_path)
    build_course(load_course(root))
    for path in (root / "build" / "records").iterdir():
        path.write_text(content)
    assert build_course(load_course(root)) == []
    assert all(len(path.read_text()) > 100 for path in (root / "build" / "records").iterdir())


def test_one_stage_is_run_and_the_others_stay_as_they_were_recorded(tmp_path: Path) -> None:
    root = write_course(tmp_path)
    build_course(load_course(root))
    kept = json.loads((root / "notebooks" / "answers.json").read_text())
    for script, old, new in (
        ("00_mean.py", "np.array([1.0, 2.0, 6.0])", "np.array([1.0, 2.0, 9.0])"),
        ("01_scale.py", "np.arange(6.0)", "np.arange(7.0)"),
    ):
        path = root / "solutions" / script
        path.write_text(path.read_text().replace(old, new))
    result = mugrade("build", "--stage", "1", "--verbose", cwd=root)
    assert result.returncode == 0 and "01_scale is run" in result.stderr
    assert "00_mean is run" not in result.stderr
    assert "changed and not run: 00_mean;" in result.stdout
    now = json.loads((root / "notebooks" / "answers.json").read_text())
    assert now["mean-of-three"] == kept["mean-of-three"] and now != kept
    assert mugrade("build", "--check", "--stage", "1", cwd=root).returncode == 0
    assert mugrade("build", "--check", cwd=root).returncode == 1


NOT_IMPORTED = "stats/scale.py: no index and no other cell imports stats.scale"


@pytest.mark.parametrize(
    ("script", "old", "new", "said"),
    [
        ("00_mean.py", "points=2", "points=3", ""),
        ("00_mean.py", ' role="hints" of="mean"', "", ""),  # a course need not have any
    ],
)
def test_what_an_author_forgot_is_said(
    tmp_path: Path, script: str, old: str, new: str, said: str
) -> None:
    root = write_course(tmp_path)
    before = {*forgotten(load_course(root))}
    assert f"01_scale.py: {NOT_IMPORTED}" in before and len(before) == 3
    path = root / "solutions" / script
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    more = {*forgotten(load_course(root))} - before
    assert len(more) == bool(said) and all(said in line for line in more)


def test_nothing_is_forgotten_in_the_course_and_other_points_would_be_said() -> None:
    course = load_course(ROOT)
    assert list(forgotten(course)) == []
    *others, last = course.stages
    (check, *_) = last.role("check")
    cells = [replace(c, points=c.points + 1) if c is check else c for c in last.cells]
    stages = (*others, replace(last, cells=tuple(cells)))
    course = replace(course, stages=stages, settings=Settings())
    assert list(forgotten(course)) == [
        f"{last.path.name}: 101 points in all, where most stages have 100"
    ]


def test_check_names_what_differs_and_writes_nothing(tmp_path: Path) -> None:
    root = write_course(tmp_path)
    build_course(load_course(root))
    assert mugrade("build", "--check", cwd=root).returncode == 0
    (root / "notebooks" / "00_mean.ipynb").write_text("{}")
    (root / "notebooks" / "09_old.ipynb").write_text("{}")
    (root / "solutions" / "stats" / "scale.py").unlink()
    before = files(root)
    result = mugrade("build", "--check", cwd=root)
    assert result.returncode == 1
    for path in ("notebooks/00_mean.ipynb", "notebooks/09_old.ipynb", "solutions/stats/scale.py"):
        assert path in result.stdout
    assert "solutions/stats/mean.py" not in result.stdout
    assert files(root) == before


def test_an_authors_mistake_is_no_traceback(tmp_path: Path) -> None:
    root = write_course(tmp_path, stage_00=(" points=2", ""))
    result = mugrade("build", cwd=root)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("00_mean.py:")
    assert line.endswith("check mean-of-three has no points: write points=3")


def test_recorded_answers_that_differ_by_rounding_stay(tmp_path: Path) -> None:
    root = write_course(tmp_path)
    build_course(load_course(root))
    write_course(root, stage_00=("x.sum() / x.size", "(x / x.size).sum()"))
    course = load_course(root)
    before = (root / "notebooks" / "answers.json").read_bytes()
    build_course(course)
    assert (root / "notebooks" / "answers.json").read_bytes() == before
    write_course(root, stage_00=("[1.0, 2.0, 6.0]", "[1.0, 2.0, 6.5]"))
    assert "notebooks/answers.json" in check_build(load_course(root))


def test_each_recorded_answer_is_kept_by_its_own_judge(tmp_path: Path) -> None:
    """Of two values of a check only the one that really changed is written anew."""
    check = "    yield stats.mean(np.array([1.0, 2.0, 6.0]))\n"
    answers = tmp_path / "notebooks" / "answers.json"

    def recorded(factor: float, rtol: float) -> list[str]:
        loose = f"    x = np.full(3, {factor})\n    yield close(stats.mean(x), rtol={rtol})\n"
        write_course(tmp_path, stage_00=(check, f"{check}    from mugrade import close\n{loose}"))
        build_course(load_course(tmp_path))
        data = json.loads(answers.read_text())
        return [json.dumps(answer) for answer in data["mean-of-three"]["public"]]

    first = recorded(3.0, 0.005)
    assert recorded(3.014, 0.005) == first
    far = recorded(3.016, 0.005)
    assert far[0] == first[0] and far[1] != first[1]
    stricter = recorded(3.016, 0.004)
    assert stricter[0] == first[0] and stricter[1] != far[1]


@pytest.mark.parametrize(
    "options", [("--stage", "05"), pytest.param((), marks=pytest.mark.long)], ids=str
)
def test_the_committed_files_are_those_of_the_scripts_on_another_processor(
    options: tuple[str, ...],
) -> None:
    assert differing(another(), *options) == []


@pytest.mark.parametrize("name", ["OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES"])
def test_submissions_run_with_the_kernels_that_the_grader_is_told_to_use(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "Nehalem")
    assert WEAK.environment()[name] == "Nehalem"
    monkeypatch.delenv(name)
    assert name not in WEAK.environment()


def test_notebooks_are_valid_and_hold_no_solution(course: Course) -> None:
    lines = {
        line for s in course.stages for c in s.role("solution") for line in solution_lines(c.source)
    }
    for stage in course.stages:
        path = ROOT / "notebooks" / f"{stage.name}.ipynb"
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        shown = {line.strip() for cell in notebook.cells for line in cell.source.splitlines()}
        assert {line for line in lines & shown if len(line) > 20} == set()
        text = path.read_text("utf-8")
        assert "HIDDEN TESTS" not in text and "BEGIN SOLUTION" not in text


def test_every_plot_is_shown_with_a_text(course: Course) -> None:
    cells = [cell for stage in course.stages for cell in stage.cells if cell.role == "demo"]
    plots = [c for c in cells if "plt.subplots" in c.source or "plt.figure" in c.source]
    assert len(plots) >= len(course.stages)
    for cell in plots:
        calls = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)]
        shown = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "show"]
        texts = [ast.unparse(call.args[0]) for call in shown]
        assert texts and all(len(text) > 40 for text in texts), cell.id
        assert "plt.show" not in cell.source, cell.id


def test_every_notebook_ends_with_progress_and_links(course: Course) -> None:
    for stage in course.stages:
        path = ROOT / "notebooks" / f"{stage.name}.ipynb"
        progress, links = nbformat.read(path, as_version=4).cells[-2:]
        assert progress.source.endswith(f'progress("{stage.name}")')
        assert progress.metadata == {} and f"]({START})" in links.source


def test_hidden_tests_and_hints_are_not_in_the_students_folder(tiny: Course) -> None:
    shown = b"".join(files(tiny.root / "notebooks").values()).decode()
    assert "standard_normal((4, 5))" not in shown
    answers = json.loads((tiny.root / "notebooks" / "answers.json").read_text())
    assert {part for parts in answers.values() for part in parts} == {"public"}
    assert not any(a["hidden"] for parts in answers.values() for a in parts["public"])
    full = json.loads((nbgrader_root(tiny) / "instructor" / "answers.json").read_text())
    assert any(a["hidden"] for a in full["mean-of-three"]["full"])


def test_nbgraders_own_validation_accepts_the_metadata(tiny: Course) -> None:
    from nbgrader.nbgraderformat.v3 import MetadataValidatorV3

    for path in nbgrader_root(tiny).glob("source/*/*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        MetadataValidatorV3().validate_nb(notebook)
        graded = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade")]
        assert graded and all(c.metadata.nbgrader.points > 0 for c in graded)


@pytest.mark.parametrize("name", ["PATH", "HOME"])
def test_the_build_does_not_depend_on_the_environment(
    tiny: Course, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, os.devnull)
    assert check_build(tiny) == []


def test_labels_are_not_handed_out(tmp_path: Path) -> None:
    public = "yield distribution(noise(20_000))"
    root = write_course(tmp_path, stage_01=(public, 'yield mugrade.labels(noise(9), "t", 0.5)'))
    script = root / "solutions" / "01_scale.py"
    script.write_text(
        script.read_text().replace("import stats\n", "import mugrade\nimport stats\n")
    )
    (root / "solutions" / "labels").mkdir()
    np.save(root / "solutions" / "labels" / "t.npy", np.zeros(9))
    with pytest.raises(CourseError, match=r"01_scale.py:\d+: noise-is-normal yields labels"):
        build_course(load_course(root))


def test_a_check_reads_the_data_that_its_stage_names(tmp_path: Path) -> None:
    setup = '# %% id="setup-00" role="given"'
    root = write_course(tmp_path, stage_00=(setup, f'{setup} data="data/three.npy"'))
    script = root / "solutions" / "00_mean.py"
    example = "np.array([1.0, 2.0, 6.0])"
    script.write_text(script.read_text().replace(example, 'np.load("data/three.npy")'))
    with pytest.raises(CourseError, match=r"00_mean.py:\d+: .*no notebooks/data/three.npy"):
        load_course(root)
    (root / "notebooks" / "data").mkdir(parents=True)
    np.save(root / "notebooks" / "data" / "three.npy", np.arange(3.0))
    course = load_course(root)
    build_course(course)
    assert (nbgrader_root(course) / "source" / "00_mean" / "data" / "three.npy").is_file()
