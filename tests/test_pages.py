"""What the pages for those who change mugrade say is there."""

import re

import pytest

from tests.conftest import ROOT

ROOMS = (ROOT, ROOT / "mugrade", ROOT / "solutions")


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_the_files_that_a_page_names_are_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(r"`([\w/]+/\w+\.py)`", text)
    named = {path for path in found if not re.search(r"NN|NAME", path)}
    assert len(named) > 5
    assert {path for path in named if not any((room / path).exists() for room in ROOMS)} == set()
