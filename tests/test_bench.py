"""The benchmarks, which take too long to be run each time."""

import importlib

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "bench").glob("[a-z]*.py")))
def test_a_benchmark_finds_what_it_measures(name: str) -> None:
    assert importlib.import_module(f"bench.{name}").__doc__
