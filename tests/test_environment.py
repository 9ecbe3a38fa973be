"""conda's environment.yml describes what pyproject.toml asks for.

The extras `bench` and `engine` are not in it: `make bench-grading` and `make bench-engine` make
environments of their own.
"""

import tomllib

import yaml

from tests.conftest import ROOT


def test_environment_yml_agrees_with_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    packages = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    everywhere = {package for package in packages if ";" not in package}  # pip brings the rest
    wanted = {f"python{project['requires-python']}", *everywhere}
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    listed = {item for item in conda if isinstance(item, str)}
    assert listed - {"pip"} == wanted
    assert {"pip": ["--editable ."]} in conda
