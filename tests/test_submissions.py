"""Notebooks are found where students put them, read as untrusted data, and lose no answer."""

import json
import os
import warnings
from contextlib import closing
from pathlib import Path

import pytest

from mugrade.course.exercises import StudentCode, find_code
from mugrade.course.listing import make_manifest
from mugrade.course.model import Course, Stage
from mugrade.errors import Unreadable
from mugrade.grader.assemble import submission_job
from mugrade.grader.key import StageKey
from mugrade.grader.submissions import find_submissions
from mugrade.package.blocks import Block
from mugrade.package.ipynb import MAX_BYTES, MAX_CELLS, SubmittedCell, read_cells
from mugrade.sandbox.job import Job
from mugrade.sandbox.process import Sandbox
from mugrade.sandbox.tiers import WEAK

STAGES = ["00_mean", "01_scale"]
NOTEBOOK = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
CODE = {"cell_type": "code", "id": "noise", "metadata": {}, "source": ["def f():\n", "    pass"]}
EXPORT = "#| export stats/scale.py\n"
STUB = "def noise(n):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
SOLVED = "def noise(n):\n    return np.random.randn(n)"
SCALER = "class Scaler:\n    pass"


def layout(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(json.dumps(NOTEBOOK))
    return root


def found(root: Path, stages: list[str] = STAGES) -> dict[tuple[str, str], str | None]:
    submissions = find_submissions(root, stages)
    return {
        (s.student, s.stage): s.path.relative_to(root).as_posix() if s.path else None
        for s in submissions
    }


@pytest.mark.parametrize(
    ("names", "path"),
    [
        (["submitted/ada/01_scale/01_scale.ipynb"], "submitted/ada/01_scale/01_scale.ipynb"),
        (["ada/01_scale/01_scale.ipynb"], "ada/01_scale/01_scale.ipynb"),
        (["ada/01_scale.ipynb"], "ada/01_scale.ipynb"),
        (["ada/01_scale (1).ipynb"], "ada/01_scale (1).ipynb"),
        (["ada/01_scale-Copy1.ipynb", "ada/01_scale.ipynb"], "ada/01_scale.ipynb"),
        (["ada/01_scale/01_scale_ada.ipynb"], "ada/01_scale/01_scale_ada.ipynb"),
        (["ada/01_scale/01_scale (1).ipynb", "ada/01_scale.ipynb"], "ada/01_scale.ipynb"),
        (["ada/01_scale.ipynb", "ada/.ipynb_checkpoints/01_scale.ipynb"], "ada/01_scale.ipynb"),
    ],
)
def test_layouts(tmp_path: Path, names: list[str], path: str) -> None:
    assert found(layout(tmp_path, *names)) == {("ada", "01_scale"): path}


def test_every_student_has_every_stage_that_somebody_handed_in(tmp_path: Path) -> None:
    layout(tmp_path, "ada/00_mean.ipynb", "bob/01_scale.ipynb", ".git/00_mean.ipynb", "x.ipynb")
    (tmp_path / "carl").mkdir()
    assert found(tmp_path) == {
        ("ada", "00_mean"): "ada/00_mean.ipynb",
        ("ada", "01_scale"): None,
        ("bob", "00_mean"): None,
        ("bob", "01_scale"): "bob/01_scale.ipynb",
        ("carl", "00_mean"): None,
        ("carl", "01_scale"): None,
    }


def test_a_stage_whose_name_begins_like_another(tmp_path: Path) -> None:
    layout(tmp_path, "ada/01_scale_more.ipynb")
    assert found(tmp_path, ["01_scale", "01_scale_more"]) == {
        ("ada", "01_scale_more"): "ada/01_scale_more.ipynb"
    }


def test_a_notebook_in_the_wrong_place_is_named(tmp_path: Path) -> None:
    layout(tmp_path, "ada/00_mean.ipynb", "ada/00_mean-Copy1.ipynb", "ada/.old/00_mean.ipynb")
    layout(tmp_path, "bob/mean.ipynb", "bob/hw/00_mean/00_mean.ipynb")
    ada, bob = find_submissions(tmp_path, STAGES)
    assert ada.others == ()
    assert bob.path is None and bob.others == ("hw/00_mean/00_mean.ipynb", "mean.ipynb")


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/b\xe9la"
    os.mkdir(folder)
    with open(folder + b"/00_mean.ipynb", "w") as file:
        json.dump(NOTEBOOK, file)
    (submission,) = find_submissions(tmp_path, STAGES)
    assert submission.student == "b\\xe9la"
    assert submission.path is not None and read_cells(submission.path) == []


@pytest.mark.parametrize("names", [[], ["00_mean.ipynb"], ["ada/other.ipynb"]])
def test_nothing_to_grade_is_one_sentence(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(Unreadable, match=r"^[^\n]+$"):
        find_submissions(layout(tmp_path, *names), STAGES)


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="no such folder"):
        find_submissions(tmp_path / "gone", STAGES)


def notebook(**changes: object) -> bytes:
    return json.dumps({**NOTEBOOK, "cells": [CODE], **changes}).encode()


def code(**changes: object) -> bytes:
    return notebook(cells=[{**CODE, **changes}])


BROKEN = {
    "empty": b"",
    "blank": b" \n",
    "truncated": notebook()[:-30],
    "text": b"not a notebook",
    "zip": b"PK\x03\x04" + bytes(100),
    "pickle": b"\x80\x04\x95" + bytes(20),
    "HTML": b"<!doctype html><title>Sign in</title>",
    "two values": notebook() + notebook(),
    "list": b"[]",
    "null": b"null",
    "number": b"1e999",
    "string": b'"cells"',
    "object": b"{}",
    "cells is an object": notebook(cells={}),
    "cells is text": notebook(cells="x"),
    "deep list": b"[" * 1_000_000,
    "deep object": b'{"cells":' * 100_000,
    "huge integer": notebook(nbformat=0).replace(b": 0", b": " + b"9" * 100_000),
    "invalid UTF-8": notebook().replace(b"noise", b"n\xffise"),
    "UTF-16": notebook().decode().encode("utf-16"),
    "NUL bytes": bytes(1000),
    "nbformat 3": json.dumps({"worksheets": [{"cells": [CODE]}], "nbformat": 3}).encode(),
    "too many cells": notebook(cells=[0] * (MAX_CELLS + 1)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_unreadable(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.ipynb"
    path.write_bytes(BROKEN[name])
    with pytest.raises(Unreadable, match=r"^it [^\n]{5,200}$"):
        read_cells(path)


@pytest.mark.parametrize("kind", ["symlink", "dangling", "FIFO", "folder", "large", "gone", "loop"])
def test_what_is_no_file_is_unreadable(tmp_path: Path, kind: str) -> None:
    path, secret = tmp_path / "01_scale.ipynb", tmp_path / "secret"
    secret.write_bytes(notebook())
    match kind:
        case "symlink":
            path.symlink_to(secret)
        case "dangling":
            path.symlink_to(tmp_path / "gone")
        case "loop":
            path.symlink_to(path)
        case "FIFO":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "large":
            path.touch()
            os.truncate(path, MAX_BYTES + 1)
    with pytest.raises(Unreadable):
        read_cells(path)
    if kind != "gone":
        assert found(tmp_path.parent, STAGES)[tmp_path.name, "01_scale"] is not None


def test_a_folder_that_is_a_link_is_unreadable(tmp_path: Path) -> None:
    layout(tmp_path, "ada/01_scale/01_scale.ipynb")
    (tmp_path / "bob").mkdir()
    (tmp_path / "bob" / "01_scale").symlink_to(tmp_path / "ada" / "01_scale")
    ada, bob = find_submissions(tmp_path, STAGES)
    assert ada.path is not None and read_cells(ada.path) == []
    with pytest.raises(Unreadable):
        assert bob.path is not None and read_cells(bob.path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read_is_unreadable(tmp_path: Path) -> None:
    layout(tmp_path, "ada/01_scale.ipynb", "bob/01_scale.ipynb")
    (tmp_path / "ada").chmod(0)
    (tmp_path / "bob" / "01_scale.ipynb").chmod(0)
    for submission in find_submissions(tmp_path, ["01_scale"]):
        with pytest.raises(Unreadable, match="Permission denied"):
            assert submission.path is not None and read_cells(submission.path)
    (tmp_path / "ada").chmod(0o700)


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        (notebook(), ["def f():\n    pass"]),
        (b"\xef\xbb\xbf" + notebook(), ["def f():\n    pass"]),
        (notebook(nbformat=float("nan")), ["def f():\n    pass"]),
        (notebook(nbformat=10**4000), ["def f():\n    pass"]),
        (notebook(metadata=[], nbformat="four"), ["def f():\n    pass"]),
        (code(source="x = 1"), ["x = 1"]),
        (code(source=["x", 1, None, "y"]), ["xy"]),
        (code(source=None), [""]),
        (code(source={"x": 1}), [""]),
        (code(id=[[[]]], metadata=None), ["def f():\n    pass"]),
        (code(id=None, metadata={"nbgrader": {"grade_id": {}}}), ["def f():\n    pass"]),
        (code(metadata={"nbgrader": "yes"}), ["def f():\n    pass"]),
        (notebook(cells=[1, None, [], "x", {}, {"cell_type": "code"}]), [""]),
        (notebook(cells=[{"cell_type": ["code"]}, {"cell_type": "markdown", "source": "x"}]), []),
    ],
)
def test_odd_notebooks_are_read(tmp_path: Path, text: bytes, sources: list[str]) -> None:
    path = tmp_path / "x.ipynb"
    path.write_bytes(text)
    assert [cell.source for cell in read_cells(path) if cell.kind == "code"] == sources


def answers(tiny: Course, *cells: tuple[str, str] | tuple[str, str, str]) -> StudentCode:
    """The answers to 01_scale in cells given as (id, source) or (id, nbgrader's id, source)."""
    submitted = [SubmittedCell(c[0], c[1] if len(c) == 3 else "", c[-1]) for c in cells]
    return find_code(submitted, make_manifest(tiny), "01_scale")


@pytest.mark.parametrize(
    "cell",
    [
        ("a-copy", EXPORT + SOLVED),
        ("a-copy", SOLVED),
        ("noise", EXPORT + SOLVED),
        ("scaler", EXPORT + SOLVED),
        ("", EXPORT + SOLVED),
        ("x", "scaler", EXPORT + SOLVED),
        ("noise", "#| export stats/elsewhere.py\n" + SOLVED),
    ],
)
def test_symbols_come_first(tiny: Course, cell: tuple[str, str]) -> None:
    assert answers(tiny, cell).exercises == {"noise": SOLVED}


def test_then_the_id_then_the_metadata(tiny: Course) -> None:
    helper = EXPORT + "def other(n):\n    return n"
    assert set(answers(tiny, ("noise", helper)).exercises) == {"noise"}
    assert set(answers(tiny, ("x", "noise", helper)).exercises) == {"noise"}
    assert set(answers(tiny, ("noise", "scaler", helper)).exercises) == {"noise"}
    assert answers(tiny, ("x", "y", helper)).exercises == {}


@pytest.mark.parametrize(
    "sources",
    [
        [EXPORT + STUB, EXPORT + SOLVED],
        [EXPORT + SOLVED, EXPORT + STUB],
        [EXPORT + STUB, SOLVED],
        ["def noise(n):\n    return 0", EXPORT + SOLVED],
        [EXPORT + "def noise(n):\n    return 0", EXPORT + SOLVED],
        [EXPORT + SOLVED, "noise = noise(5)"],
        [EXPORT + SOLVED, "def noise(n):\n    return 'a trial'"],
        [EXPORT + SOLVED, EXPORT + "def noise(n:\n    return 0"],
        [EXPORT + "def noise(n:\n    return 0", EXPORT + SOLVED],
        [EXPORT + "# %% noise\n" + SOLVED.replace("\n", "\n\n")],
    ],
)
def test_of_several_cells_the_solved_exported_last_one_counts(
    tiny: Course, sources: list[str]
) -> None:
    cells = [(f"cell-{i}", source) for i, source in enumerate(sources)]
    found = answers(tiny, *cells)
    assert found.exercises["noise"].replace("\n\n", "\n").endswith(SOLVED)
    assert "return 0" not in found.exercises["noise"]
    assert found.problems == {}


def test_a_name_reused_in_a_trial_is_no_answer(tiny: Course) -> None:
    found = answers(tiny, ("noise", EXPORT + STUB), ("x", "noise = noise(5)"))
    assert found.exercises == {"noise": STUB}
    assert answers(tiny, ("x", "noise = 3\nprint(noise)")).exercises == {}


def test_half_an_answer_is_better_than_none(tiny: Course) -> None:
    half = SCALER.replace("pass", "def __init__(self, x):\n        self.x = x\n\n") + (
        "    def __call__(self, x):\n        # YOUR CODE HERE\n        raise NotImplementedError()"
    )
    none = half.replace("self.x = x", "# YOUR CODE HERE\n        raise NotImplementedError()")
    for cells in ([half, none], [none, half]):
        found = answers(tiny, *(("scaler", EXPORT + source) for source in cells))
        assert found.exercises == {"scaler": half}


def test_a_cell_that_was_split(tiny: Course) -> None:
    helper = "def _draw(n):\n    return np.random.randn(n)"
    use = "def noise(n):\n    return _draw(n)"
    found = answers(tiny, ("noise", EXPORT + helper), ("new", EXPORT + use))
    assert found.exercises == {"noise": f"{helper}\n\n\n{use}"}
    found = answers(tiny, ("new", EXPORT + helper), ("noise", EXPORT + use))
    assert found.exercises == {"noise": use}
    assert found.helpers == {"stats/scale.py": [Block("new", helper)]}


def test_a_definition_that_extends_itself(tiny: Course) -> None:
    more = "class Scaler(Scaler):\n    def __call__(self, x):\n        return x"
    found = answers(tiny, ("scaler", EXPORT + SCALER), ("more", EXPORT + more))
    assert found.exercises == {"scaler": f"{SCALER}\n\n\n{more}"}


def test_what_was_added_to_a_given_cell_is_kept(tiny: Course) -> None:
    (given,) = (c for c in tiny.find("01_scale").cells if c.id == "scale-imports")
    assert answers(tiny, ("scale-imports", EXPORT + given.source)).helpers == {}
    added = "import math\n\ndef _half(x):\n    return x / 2\n\nprint('hello')\n"
    found = answers(tiny, ("scale-imports", EXPORT + given.source + "\n" + added))
    (helper,) = found.helpers["stats/scale.py"]
    assert {"math", "_half"} <= helper.provides
    assert "print" not in helper.source and "Means" not in helper.source
    assert found.exercises == {}


@pytest.mark.parametrize(
    "source",
    [
        f"%%time\n{SOLVED}",
        f"%matplotlib inline\n{SOLVED}",
        f"!pip install x\n{SOLVED}\n!ls",
        f"{SOLVED}\nnoise?",
        f"?noise\n{SOLVED}",
        f"if True:\n    %time 1\n{SOLVED}",
        SOLVED.replace("(n)\n", "(n)\n\n").replace("\n", "\r\n"),
        f"{SOLVED}\ntext = '\\d'",
        f"{SOLVED}\ntext = '\u202e\u2066'",
        f"{SOLVED}\n# \x00".replace("\x00", "\x1b[2J"),
    ],
)
def test_magics_and_odd_characters_cost_nothing(tiny: Course, source: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = answers(tiny, ("noise", EXPORT + source))
    assert "np.random.randn(n)" in found.exercises["noise"]
    assert found.problems == {}


def test_a_modulo_at_the_start_of_a_line_is_no_magic(tiny: Course) -> None:
    source = "def noise(n):\n    return (\n        n\n        % 7\n    )"
    assert answers(tiny, ("noise", EXPORT + source)).exercises == {"noise": source}


@pytest.mark.parametrize(
    "source",
    [
        "def noise(n:\n    pass",
        "def noise(n):\nreturn n",
        f"{SOLVED}\n\x00",
        f"{SOLVED}\ns = '\ud800'",
        f"{SOLVED}\n{'(' * 100_000}",
        f"{SOLVED}\n{'(' * 100_000 + ')' * 100_000}",
        f"{SOLVED}\nx = {'-' * 100_000}1",
        f"{SOLVED}\nx = 1{' + 1' * 50_000}",
        f"{SOLVED}\nx = {'9' * 100_000}",
        f"{SOLVED}\nx = {'lambda: ' * 20_000}1",
        f"{SOLVED}\nx = '{'x' * 5_000_000}'",
        f"{SOLVED}\n" + "x = 1\n" * 1_000_000,
    ],
    ids=[
        "syntax error",
        "indentation",
        "NUL",
        "surrogate",
        "open brackets",
        "brackets",
        "signs",
        "sum",
        "digits",
        "lambdas",
        "5 MB of text",
        "5 MB of code",
    ],
)
@pytest.mark.parametrize("id", ["noise", "a-copy"])
def test_a_cell_that_is_not_python_is_a_problem_of_its_exercise(
    tiny: Course, source: str, id: str
) -> None:
    found = answers(tiny, (id, EXPORT + source), ("scaler", EXPORT + SCALER))
    assert found.exercises == {"scaler": SCALER}
    assert set(found.problems) == {"noise"}
    assert len(found.problems["noise"]) < 300


@pytest.mark.parametrize("depth", range(100, 1000, 50))
def test_any_depth_is_an_answer_or_a_problem(tiny: Course, depth: int) -> None:
    for deep in (f"x = 1{' + 1' * depth}", f"x = {'f(' * (depth // 6)}{')' * (depth // 6)}"):
        found = answers(tiny, ("noise", EXPORT + f"{SOLVED}\n{deep}"))
        assert {*found.exercises, *found.problems} == {"noise"}
        answers(tiny, ("scale-imports", EXPORT + f"import math\n{deep}"))


@pytest.mark.parametrize(
    "module",
    [
        "stats/mean.py",
        "stats/__init__.py",
        "stats/mean/__init__.py",
        "stats/mean/more.py",
        "stats/scale/__init__.py",
        "stats.py",
        "numpy/evil.py",
        "mugrade/values/judges.py",
        "/stats/evil.py",
        "stats/../../evil.py",
        "stats/évil.py",
        "C:/stats/evil.py",
    ],
)
def test_helpers_touch_nothing_of_others(tiny: Course, module: str) -> None:
    assert answers(tiny, ("x", f"#| export {module}\nvalue = 1")).helpers == {}


def job_of(course: Course, stage: Stage, code: StudentCode) -> Job:
    with closing(Sandbox(WEAK)) as sandbox:
        return submission_job(StageKey(course, stage, sandbox), {stage.name: code})


def test_helpers_may_have_modules_of_their_own(tiny: Course) -> None:
    found = answers(tiny, ("x", "#| export stats/own/deep.py\nvalue = 1"))
    stage = tiny.find("01_scale")
    job = job_of(tiny, stage, found)
    assert [piece.source for piece in job.package["stats/own/deep.py"]] == ["value = 1"]


def test_an_exercise_without_an_answer_is_its_stub(tiny: Course) -> None:
    stage = tiny.find("01_scale")
    found = answers(tiny, ("scaler", EXPORT + SCALER))
    job = job_of(tiny, stage, found)
    pieces = {piece.id: piece for piece in job.package["stats/scale.py"]}
    assert pieces["scaler"].source == SCALER
    assert "raise NotImplementedError()" in pieces["noise"].source
    assert "randn" not in str(job.package["stats/scale.py"])
    assert "x.sum() / x.size" in str(job.package["stats/mean.py"])
