"""conda's environment.yml and mugrade's own list of packages describe what pyproject.toml asks for.

The extras `bench`, `browser`, `engine` and `site` are not in environment.yml: `make bench-grading`,
`make bench-engine` and `make site` make environments of their own.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from mugrade.extras import IMPORTED
from tests.conftest import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def packages(requirements: Iterable[str]) -> Iterator[str]:
    """The requirements, and in place of extras of mugrade what those ask for."""
    for text in requirements:
        asked = Requirement(text)
        if asked.name != "mugrade":
            yield text
        for extra in sorted(asked.extras if asked.name == "mugrade" else ()):
            yield from packages(PROJECT["optional-dependencies"][extra])


def test_environment_yml_agrees_with_pyproject() -> None:
    asked = packages([*PROJECT["dependencies"], "mugrade[test]"])
    everywhere = {package for package in asked if ";" not in package}  # pip brings the rest
    wanted = {f"python{PROJECT['requires-python']}", *everywhere}
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    listed = {item for item in conda if isinstance(item, str)}
    assert listed - {"pip"} == wanted
    assert {"pip": ["--editable .[test]"]} in conda


@pytest.mark.parametrize("extra", IMPORTED)
def test_an_extra_brings_what_its_commands_import(extra: str) -> None:
    brought = {Requirement(text).name for text in packages([f"mugrade[{extra}]"])}
    assert brought >= set(IMPORTED[extra])


@pytest.mark.parametrize("name", ["README.md", "docs/student.md", "CITATION.cff", "CHANGELOG.md"])
def test_what_names_the_version_names_this_one(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert PROJECT["version"] in text
    assert set(re.findall(r"mugrade-(\d+\.\d+\.\d+)-", text)) <= {PROJECT["version"]}
