"""The libraries of a course: the same for build, lint, check and grade, and said where missing."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from mugrade.author.build import build_course
from mugrade.author.lint import weak_checks
from mugrade.cli import app
from mugrade.course.model import Course
from mugrade.course.reading import load_course
from mugrade.errors import CourseError, MissingExtra
from mugrade.extras import LIBRARIES, demand_libraries, lacking
from mugrade.grader.cluster import demand_there
from mugrade.grader.fingerprint import Fingerprints
from mugrade.grader.plan import Order
from mugrade.grader.run import grade_class
from mugrade.reference.cache import machine
from mugrade.reference.digest import course_digest
from mugrade.reference.record import check_tasks, reference_job
from mugrade.reference.world import reference_limits
from mugrade.sandbox import libraries, tiers
from mugrade.sandbox.job import Death, Job
from mugrade.sandbox.libraries import importable, library_paths, to_load, unknown_imports
from mugrade.sandbox.limits import Limits
from mugrade.sandbox.probe import strongest
from mugrade.sandbox.process import Sandbox
from mugrade.sandbox.tiers import WEAK, Tier
from mugrade.student.doctor import examine
from mugrade.student.workspace import Workspace
from tests.test_grade import hand_in
from tests.tiny import write_course

CACHES = (
    libraries.library_paths,
    libraries.importable,
    libraries.to_load,
    tiers._paths,
    tiers._links,
)
USES = ("import stats\n", "import greeting\nimport stats\n")
TIERS = {"strongest": strongest().tier, "weak": WEAK}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Install a library that brings a module of another name, in a folder of its own."""

    def install(version: str, name: str = "greet", code: str = "WORD = 'hello'\n") -> Path:
        site = tmp_path / f"site-{name}"
        described = site / f"{name}-{version}.dist-info"
        described.mkdir(parents=True)
        (site / "greeting.py").write_text(code)
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (described / "METADATA").write_text(metadata)
        (described / "RECORD").write_text(f"greeting.py,,\n{name}-{version}.dist-info/METADATA,,\n")
        monkeypatch.syspath_prepend(str(site))
        return site

    for cache in CACHES:
        cache.cache_clear()
    yield install
    for cache in CACHES:
        cache.cache_clear()


def course_with(root: Path, libraries: str, **edits: tuple[str, str]) -> Course:
    """The tiny course with these libraries, given as TOML."""
    write_course(root, **edits)
    (root / "solutions" / "course.toml").write_text(f"libraries = {libraries}\n")
    return load_course(root)


@pytest.fixture
def greeting(tmp_path: Path, installed: Callable[..., Path]) -> Course:
    """A course that uses a library, which is installed."""
    installed("1.5")
    return course_with(tmp_path / "course", '["numpy", "greet>=1.2"]', stage_00=USES)


@pytest.mark.parametrize("tier", TIERS)
def test_what_the_course_names_is_there(greeting: Course, tier: str) -> None:
    stage = greeting.stages[0]
    job, limits = reference_job(greeting, stage), reference_limits(greeting, stage)
    sandbox = Sandbox(replace(TIERS[tier], libraries=greeting.settings.libraries))
    with closing(sandbox), closing(sandbox.start(job, limits, trusted=True)) as process:
        assert process.failures == {}
        assert all(v.array is not None for t in check_tasks(stage) for v in process.run(t))


@pytest.mark.parametrize("tier", TIERS)
def test_what_it_does_not_name_is_not_there_and_the_process_says_so(
    greeting: Course, tier: str
) -> None:
    job = reference_job(greeting, greeting.stages[0])
    with (
        closing(Sandbox(TIERS[tier])) as sandbox,
        pytest.raises(Death, match=r"^the process exited with status 1: .*named 'greeting'$"),
    ):
        sandbox.start(job, Limits())


def test_two_courses_do_not_mix(greeting: Course) -> None:
    """Also in one process, whichever of them comes first."""
    mine, plain = greeting.settings.libraries, ("numpy",)
    for _ in range(2):
        names = [{path.name for path in library_paths(asked)} for asked in (mine, plain)]
        assert names[0] - names[1] == {"greeting.py"}
        assert "matplotlib" not in names[0] | names[1] and "numpy" in names[0] & names[1]
        paths = [Tier(WEAK.name, "", asked).environment()["PYTHONPATH"] for asked in (mine, plain)]
        assert [Path(path, "greeting.py").exists() for path in paths] == [True, False]
        assert unknown_imports("import greeting", "stats", mine) == {}
        assert unknown_imports("\nimport greeting", "stats", plain) == {"greeting": 2}


def test_numpy_is_no_library_of_a_course_that_does_not_name_it() -> None:
    """It is there all the same, since mugrade needs it."""
    assert [*unknown_imports("import numpy as np", "stats", ())] == ["numpy"]
    assert "numpy" in {path.name for path in library_paths(())}


def test_modules_are_those_that_the_library_brings() -> None:
    assert {"matplotlib", "mpl_toolkits", "numpy"} <= importable(LIBRARIES)
    assert importable(("no-such.Library>=1",)) == {"no_such_library"}
    source = "import numpy.linalg, os\nfrom numpy import fft\nfrom . import x"
    assert to_load(source, LIBRARIES) == ("numpy", "numpy.fft", "numpy.linalg")
    assert to_load(source, ()) == ()


def test_a_library_of_the_setup_is_loaded_once_for_all(
    tmp_path: Path, installed: Callable[..., Path]
) -> None:
    """Its code counts how often it has run in each process."""
    installed("1.5", code="import os\nPID = os.getpid()\n")
    job = Job({}, "import greeting, os\nassert greeting.PID != os.getpid()", ())
    with closing(Sandbox(Tier(WEAK.name, "", ("greet",)))) as sandbox:
        for _ in range(2):
            sandbox.start(job, Limits()).close()


def test_a_library_that_cannot_be_loaded_says_why(
    tmp_path: Path, installed: Callable[..., Path]
) -> None:
    installed("1.5", code="raise ValueError('of no use here')\n")
    sandbox = Sandbox(Tier(WEAK.name, "", ("greet",)))
    with closing(sandbox), pytest.raises(Death, match="status 1: ValueError: of no use here"):
        sandbox.start(Job({}, "import greeting", ()), Limits())


@pytest.mark.parametrize("do", [build_course, lambda course: [*weak_checks(course)]])
def test_a_setup_that_imports_what_is_not_named_fails_where_it_is_built(
    tmp_path: Path, do: Callable[[Course], object]
) -> None:
    course = course_with(tmp_path, '["numpy"]', stage_00=USES)
    with pytest.raises(CourseError) as error:
        do(course)
    assert str(error.value) == (
        "00_mean.py:8: setup-00 imports greeting, which is none of the course's libraries: name "
        'the one that brings it in course.toml, for instance libraries = ["numpy", "greeting"]'
    )
    assert not (tmp_path / "notebooks").exists()


def commands(course: Course, tmp_path: Path) -> dict[str, list[str]]:
    root = str(course.root)
    return {
        "build": ["build", "--course", root],
        "check the build": ["build", "--check", "--course", root],
        "lint": ["lint", "--course", root],
        "grade": ["grade", str(tmp_path / "class"), "--course", root, "--out", str(tmp_path / "o")],
        "check": ["check"],
        "doctor": ["doctor"],
    }


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("no-such-library>=1.11", "no-such-library is not installed, the course needs it"),
        ("greet>=2", "greet 1.5 is installed, the course needs >=2"),
    ],
)
def test_a_missing_library_is_one_sentence_for_every_command(
    greeting: Course,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
    says: str,
) -> None:
    build_course(greeting)
    hand_in(greeting, tmp_path / "class" / "ada", "00_mean")
    (greeting.root / "solutions" / "course.toml").write_text(f'libraries = ["numpy", "{asked}"]\n')
    manifest = greeting.root / "notebooks" / "course.json"
    data = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**data, "libraries": ["numpy", asked]}))
    monkeypatch.chdir(greeting.root / "notebooks")
    python = f'"{sys.executable}"' if " " in sys.executable else sys.executable
    sentence = f'{sys.prefix}: {says}; {python} -m pip install "{asked}"'
    for name, words in commands(greeting, tmp_path).items():
        result = CliRunner().invoke(app, words)
        lines = [line for line in result.output.splitlines() if "installed" in line]
        assert (result.exit_code, lines) == (1, [sentence]), name
    assert not [*(tmp_path / "o").glob("*")]
    with pytest.raises(MissingExtra, match=r"^on the worker \S+: .* installed, the course needs"):
        demand_there(("numpy", asked))


def test_a_class_is_graded_with_the_courses_libraries(
    greeting: Course, tmp_path: Path, in_process: None
) -> None:
    build_course(greeting)
    (tmp_path / "class").mkdir()
    mean = (
        "import greeting\ndef mean(x):\n    assert greeting.WORD\n    return x.mean(dtype=x.dtype)"
    )
    path = hand_in(greeting, tmp_path / "class" / "ada", "00_mean", mean=mean)
    order = Order(greeting, path.parents[1], tmp_path / "out", Limits(), accept_weak=True)
    assert grade_class(order, Console(file=io.StringIO()))
    table = (tmp_path / "out" / "grades.csv").read_text()
    assert '"00_mean","graded","mean-of-three","2","2","pass"' in table


def test_the_doctor_asks_for_what_the_course_needs(greeting: Course) -> None:
    build_course(greeting)
    workspace = Workspace.find(greeting.root / "notebooks")
    assert workspace.manifest.libraries == greeting.settings.libraries
    assert not [f for f in examine(workspace) if "greet" in str(f)]


def test_a_requirement_of_another_system_is_not_asked_for() -> None:
    elsewhere = "no-such-library; sys_platform == 'plan9'"
    assert lacking(elsewhere, "the course") is None
    assert lacking(elsewhere.partition(";")[0], "the course") is not None
    demand_libraries([elsewhere, "numpy>=1"])


def test_results_and_records_depend_on_what_is_named(
    greeting: Course, installed: Callable[..., Path]
) -> None:
    """On the versions that are asked for, and records on the one that is there, too."""

    def told(libraries: tuple[str, ...]) -> tuple[str, str, object]:
        course = replace(greeting, settings=replace(greeting.settings, libraries=libraries))
        rules = Fingerprints(course, Limits(), False).rules["00_mean"]
        return course_digest(course, course.stages[0]), machine(course), rules.get("libraries")

    unnamed, named, newer = told(LIBRARIES), told(("greet>=1.2",)), told(("greet>=1.3",))
    assert len({unnamed[0], named[0], newer[0]}) == 3
    assert named[1] == newer[1] != unnamed[1]
    assert (unnamed[2], named[2]) == (None, {"greet": "1.5"})
    installed("1.6", "greet2")
    assert told(("greet2",))[1] != named[1]
