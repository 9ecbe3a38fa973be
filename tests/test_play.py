"""The build plays the student: what cannot run in a student's folder is told with file and line."""

from pathlib import Path

import pytest

from mugrade.author import play
from mugrade.author.build import build_course, render_course
from mugrade.author.play import play_course
from mugrade.author.playable import obstacles
from mugrade.course.model import Course
from mugrade.course.reading import load_course
from mugrade.errors import CourseError
from tests.tiny import STAGES, write_course

SETUP = "import stats\nfrom mugrade import check, distribution, rng\n"
SOLUTION = '# %% id="mean" role="solution" export="stats/mean.py"'
EXPORTED = '# %% id="noise" role="solution" export="stats/scale.py"\n'

# what is wrong -> (stage, what stands there, what is written instead, the line blamed, the text)
OBSTACLES = {
    "a setup imports its own stage's module": (
        "01_scale.py",
        SETUP,
        f"{SETUP}from stats.scale import Scaler\n",
        "from stats.scale import Scaler",
        "setup-01 imports stats.scale, which is built below it",
    ),
    "a setup imports what a later stage offers": (
        "00_mean.py",
        SETUP,
        f"{SETUP}from stats import Scaler\n",
        "from stats import Scaler",
        "setup-00 imports stats.Scaler",
    ),
    "mugrade is not loaded": (
        "01_scale.py",
        "%load_ext mugrade\n",
        "",
        '# %% id="scale-imports"',
        "no cell above scale-imports loads mugrade",
    ),
    "a check uses what no given cell binds": (
        "01_scale.py",
        "import numpy as np\n\nimport stats\n",
        "import stats\n",
        "x = np.arange(6.0)",
        "check scaler-centres uses np, which no given cell above binds",
    ),
    "a check uses what is bound below it": (
        "00_mean.py",
        "    yield stats.mean(np.array([1.0, 2.0, 6.0]))",
        "    yield noise(3)",
        "yield noise(3)",
        "check mean-of-three uses noise",
    ),
    "an exercise is exported nowhere": (
        "01_scale.py",
        EXPORTED,
        EXPORTED.replace(' export="stats/scale.py"', ""),
        '# %% id="noise"',
        "exercise noise is exported nowhere",
    ),
}


@pytest.mark.parametrize("name", OBSTACLES)
def test_an_obstacle_is_told_with_file_and_line(tmp_path: Path, name: str) -> None:
    script, old, new, blamed, said = OBSTACLES[name]
    path = write_course(tmp_path) / "solutions" / script
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    line = path.read_text().partition(blamed)[0].count("\n") + 1
    found = list(obstacles(load_course(tmp_path)))
    assert any(text.startswith(f"{script}:{line}: ") and said in text for text in found), found
    with pytest.raises(CourseError, match=r"\.py:\d+: "):
        build_course(load_course(tmp_path))


@pytest.mark.parametrize("source", ["from os.path import *", "import stats as s", "def f(): ..."])
def test_nothing_else_is_an_obstacle(tmp_path: Path, source: str) -> None:
    write_course(tmp_path, stage_01=(SETUP, f"{SETUP}{source}\n"))
    assert list(obstacles(load_course(tmp_path))) == []


def test_the_course_has_no_obstacle(course: Course) -> None:
    assert list(obstacles(course)) == []


STUMBLING = """
# %% id="early" role="given"
early = stats.mean(np.ones(3))

# %% id="not-there" role="demo"
print(open("secret.txt").read())

# %% id="too-easy" role="check" points=1 of="mean"
@check
def too_easy():
    \"\"\"It asks for nothing.\"\"\"
    yield np.arange(4.5)

# %% id="divides" role="demo"
1 / len([])
"""


def played(course: Course) -> list[str]:
    """What `play_course` finds."""
    try:
        play_course(course, render_course(course, lambda text: None)[0], lambda text: None)
    except CourseError as error:
        return str(error).splitlines()
    return []


def test_what_a_student_stumbles_over_is_told_and_played_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_course(tmp_path) / "solutions" / "00_mean.py"
    path.write_text(STAGES["00_mean.py"] + STUMBLING)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "secret.txt").write_text("what no stage names is not handed out")
    ran: list[str] = []
    stage_of = play.play_stage
    monkeypatch.setattr(play, "play_stage", lambda c, s, h: ran.append(s.name) or stage_of(c, s, h))
    untouched = played(load_course(tmp_path))
    for id, said in (
        ("early", "needs an exercise that is not written yet"),
        ("not-there", "fails in the untouched notebook: FileNotFoundError"),
        ("too-easy", "passes before anything is written"),
        ("divides", "fails in the solved notebook: ZeroDivisionError"),
    ):
        line = path.read_text().partition(f'id="{id}"')[0].count("\n") + 1
        assert any(t.startswith(f"00_mean.py:{line}: {id} {said}") for t in untouched), untouched
    assert {line.partition(":")[0] for line in untouched} == {"00_mean.py"}
    path.write_text(STAGES["00_mean.py"])
    assert sorted(ran) == ["00_mean", "01_scale"]
    assert played(load_course(tmp_path)) == [] and ran[2:] == ["00_mean"]  # 01 went through before
    assert played(load_course(tmp_path)) == [] and len(ran) == 3
