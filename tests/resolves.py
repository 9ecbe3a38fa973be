"""Everything that mugrade asks for has wheels for Python 3.14, on each system.

Asks the package index, and only what would be installed: `make python-3.14` runs it.
"""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

VERSION = "3.14"
ELSEWHERE = ("win_amd64", "macosx_14_0_arm64")
NOT_ASKED = {"bench"}  # another grader, which lags behind
ONLY_HERE = {"engine"}  # other engines, for a benchmark


def requirements(skipped: set[str]) -> list[Requirement]:
    """What the project and its extras ask for, without those that only join others."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = [text for name in extras.keys() - skipped for text in extras[name]]
    found = map(Requirement, (*project["dependencies"], *asked))
    return [asked for asked in found if asked.name != project["name"]]


def resolved(asked: list[Requirement], folder: Path, *options: str) -> set[str]:
    """The names of what pip would install for this version of Python."""
    report = folder / "report.json"
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
    target = ["--python-version", VERSION, "--only-binary=:all:", "--target", str(folder / "x")]
    done = subprocess.run(
        [*pip, *target, "--report", str(report), *options, *map(str, asked)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(report.read_text(encoding="utf-8"))["install"]
    return {canonicalize_name(item["metadata"]["name"]) for item in found}


def test_on_this_system(tmp_path: Path) -> None:
    asked = requirements(NOT_ASKED)
    assert resolved(asked, tmp_path) >= {canonicalize_name(one.name) for one in asked}


@pytest.mark.parametrize("platform", ELSEWHERE)
def test_on_other_systems(platform: str, tmp_path: Path) -> None:
    """pip decides by markers of this system what else is needed, so these are left out."""
    asked = [one for one in requirements(NOT_ASKED | ONLY_HERE) if not one.marker]
    found = resolved(asked, tmp_path, "--platform", platform)
    assert found >= {canonicalize_name(one.name) for one in asked}
