"""What an author gets wrong is one clear line with file and line number."""

import shutil
from pathlib import Path

import pytest

from mugrade.course.reading import find_course, load_course
from mugrade.errors import CourseError
from mugrade.sandbox.limits import Limits
from tests.conftest import ROOT, make_grader
from tests.tiny import write_course

SOLUTION = '# %% id="mean" role="solution" export="stats/mean.py"'
CHECK = '# %% id="mean-of-three" role="check" points=2'
INDEX = '# %% id="index-mean" role="index" export="stats/__init__.py"'
OFFERED = INDEX + "\nfrom stats.mean import mean\n"
IMPORTS = '# %% id="mean-imports" role="given" export="stats/mean.py"'
END_HIDDEN = "    ### END HIDDEN TESTS\n"
SPOILER = "# return np.asarray(x.sum() / x.size, dtype=x.dtype)"

# mistake -> (what stands there, what is written instead, the line that is blamed, what is said)
MISTAKES = {
    "an id is missing": (SOLUTION, SOLUTION.replace('id="mean" ', ""), None, "cell without an id"),
    "an id is repeated": (INDEX, INDEX.replace("index-mean", "mean"), None, "id mean is taken: "),
    "an id has capitals": (SOLUTION, SOLUTION.replace('"mean"', '"Mean"'), None, "lower-case"),
    "a role is unknown": (SOLUTION, SOLUTION.replace("solution", "riddle"), None, "role 'riddle'"),
    "a role is missing": (CHECK, CHECK.replace(' role="check"', ""), None, "role ''"),
    "a solution has no markers": ("    ### BEGIN SOLUTION\n", "", SOLUTION, "has no ### BEGIN"),
    "a marker is not closed": ("    ### END SOLUTION\n", "", SOLUTION, "has no ### BEGIN"),
    "a check has no points": (CHECK, CHECK.replace(" points=2", ""), None, "has no points"),
    "points are no number": (CHECK, CHECK.replace("=2", '="two"'), None, "not a whole number"),
    "points on a solution": (SOLUTION, f"{SOLUTION} points=2", None, "points on mean"),
    "a hidden test outside a check": (
        '"""Means."""\n',
        '"""Means."""\n### BEGIN HIDDEN TESTS\n### END HIDDEN TESTS\n',
        "### BEGIN HIDDEN TESTS",
        "hidden test in mean-imports",
    ),
    "a hidden test is not closed": (END_HIDDEN, "", "### BEGIN HIDDEN TESTS", "do not pair up"),
    "public tests after hidden ones": (
        END_HIDDEN,
        f"{END_HIDDEN}    yield np.ones(3)\n",
        CHECK,
        "hidden tests come last",
    ),
    "a check is not called like its id": ("mean_of_three", "mean_of_two", CHECK, "must hold"),
    "a check of no exercise": (CHECK, f'{CHECK} of="median"', None, 'of="median" is no exercise'),
    "an unknown attribute": (CHECK, f"{CHECK} weight=3", None, "unknown attribute weight"),
    "an attribute is not quoted": (CHECK, f"{CHECK} of=mean", None, "attributes are name="),
    "an export outside the package": (INDEX, INDEX.replace("stats/", "other/"), None, "outside"),
    "an export that climbs": (INDEX, INDEX.replace("stats/", "stats/../"), None, "relative path"),
    "an index with lines and of": (INDEX, f'{INDEX} of="median.py"', None, "has lines and of="),
    "an index of no module": (OFFERED, f'{INDEX} of="median.py"\n', None, "no cell here exports"),
    "an index of nothing": (OFFERED, f"{INDEX}\n", None, "index index-mean has no lines"),
    "a helper of no cell": (IMPORTS, f'{IMPORTS} of="median"', None, 'of="median" is no exported'),
    "a syntax error": ("return np.asarray(", "return np.asarray((", "return np", "is not Python"),
    "a solution line shown elsewhere": (
        "# 00 Mean\n",
        f"# 00 Mean\n{SPOILER}\n",
        SPOILER,
        "is shown to students",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_file_and_line(tmp_path: Path, mistake: str) -> None:
    old, new, blamed, text = MISTAKES[mistake]
    write_course(tmp_path, stage_00=(old, new))
    script = (tmp_path / "solutions" / "00_mean.py").read_text()
    line = script[: script.index(blamed or new)].count("\n") + 1
    with pytest.raises(CourseError) as caught:
        load_course(tmp_path)
    lines = str(caught.value).splitlines()
    assert any(s.startswith(f"00_mean.py:{line}: ") and text in s for s in lines), lines


def test_a_module_belongs_to_one_stage(tmp_path: Path) -> None:
    write_course(
        tmp_path,
        stage_01=(
            'id="noise" role="solution" export="stats/scale.py"',
            'id="noise" role="solution" export="stats/mean.py"',
        ),
    )
    with pytest.raises(CourseError, match=r"01_scale.py:\d+: stats/mean.py belongs to 00_mean.py"):
        load_course(tmp_path)


PARTS = """\
# %% id="centre" role="given" export="stats/sub/centre.py"
class Centre:
    def __call__(self, x): return _less(x, mean_of(x))

def centre(x): return Centre()(x)
def _less(x, y): return x - y

# %% id="mean-of" role="given" export="stats/sub/centre.py" of="centre"
def mean_of(x): return x.mean()

# %% id="index-centre" role="index" export="stats/sub/__init__.py" of="centre.py"

# %% id="index-sub" role="index" export="stats/__init__.py" of="sub/__init__.py"

"""


def test_an_index_offers_what_cells_define(tmp_path: Path) -> None:
    write_course(tmp_path, stage_00=(OFFERED, f'{PARTS}{INDEX} of="mean.py"\n'))
    (stage, _) = load_course(tmp_path).stages
    assert {cell.id: cell.source for cell in stage.role("index")} == {
        "index-centre": "from stats.sub.centre import Centre, centre",
        "index-sub": "from stats.sub import centre",
        "index-mean": "from stats.mean import mean",
    }


def test_a_new_op_is_offered_where_the_others_are(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "solutions", tmp_path / "solutions")
    shutil.copytree(ROOT / "notebooks" / "data", tmp_path / "notebooks" / "data")
    script = tmp_path / "solutions" / "00_autograd.py"
    header = '# %% id="ops-index" '
    op = (
        '# %% id="abs" role="given" export="needle/ops/basic.py"\nclass Abs: ...\ndef abs(a): ...\n'
    )
    script.write_text(script.read_text().replace(header, f"{op}\n{header}"))
    new, old = load_course(tmp_path).modules(), load_course(ROOT).modules()
    for path, names in (
        ("needle/ops/__init__.py", {"Abs", "abs"}),
        ("needle/__init__.py", {"abs"}),
    ):
        found = [{name for b in course[path] for name in b.provides} for course in (new, old)]
        assert found[0] - found[1] == names


def test_several_mistakes_are_told_at_once(tmp_path: Path) -> None:
    write_course(tmp_path, stage_00=(" points=2", ""), stage_01=(" points=3", ""))
    with pytest.raises(CourseError) as caught:
        load_course(tmp_path)
    assert len(str(caught.value).splitlines()) == 2


def test_a_reference_that_fails_is_told_with_its_check(tmp_path: Path) -> None:
    write_course(tmp_path, stage_00=("x.sum() / x.size", "x.sum() / 0 / undefined"))
    with pytest.raises(CourseError, match=r"00_mean.py:\d+: mean-of-three: .*NameError"):
        make_grader(load_course(tmp_path), ["00_mean"], Limits())


def test_a_reference_that_does_not_agree_with_itself_grades_nobody(tmp_path: Path) -> None:
    random = "__import__('os').urandom(1)[0] / 7 + x.sum() / x.size"
    write_course(tmp_path, stage_00=("x.sum() / x.size", random))
    with pytest.raises(CourseError, match="mean-of-three: the reference does not agree"):
        make_grader(load_course(tmp_path), ["00_mean"], Limits())


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"print('no cells')\n", b"# %% id=\n"])
def test_a_broken_script_is_a_course_error(tmp_path: Path, content: bytes) -> None:
    write_course(tmp_path)
    (tmp_path / "solutions" / "02_broken.py").write_bytes(content)
    with pytest.raises(CourseError, match=r"02_broken\.py"):
        load_course(tmp_path)


def test_a_folder_without_a_course_is_told(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="no course here"):
        find_course(tmp_path)


def test_the_course_is_found_from_below() -> None:
    assert find_course(ROOT / "mugrade") == ROOT
