"""`mugrade reset`: a cell as it was handed out, whatever has become of the notebook."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mugrade.errors import WorkspaceError
from mugrade.student.kept import every_kept
from mugrade.student.reset import reset_cell
from mugrade.student.workspace import Workspace
from tests.test_cli_check import folder, mugrade, states, write_mean

__all__ = ["folder"]
MINE = "#| export stats/mean.py\ndef mean(x):\n    return x.max()"


def edit(folder: Path, stage: str = "00_mean") -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / f"{stage}.ipynb").read_text())
    return data


def save(folder: Path, data: Any, stage: str = "00_mean") -> None:
    (folder / f"{stage}.ipynb").write_text(json.dumps(data))


def cell(data: dict[str, Any], id: str = "mean") -> dict[str, Any]:
    found: dict[str, Any] = next(c for c in data["cells"] if c.get("id") == id)
    return found


def written(folder: Path, source: str = MINE) -> dict[str, Any]:
    """The student's notebook with this answer in it, and an output below."""
    data = edit(folder)
    cell(data)["source"] = source
    cell(data)["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "hello"}]
    save(folder, data)
    return data


def released(folder: Path, id: str = "mean") -> str:
    return next(c.source for c in Workspace.find(folder).released if c.id == id)


def test_notebook_and_package_go_back_and_the_old_text_is_kept(folder: Path) -> None:
    before = edit(folder)
    written(folder)
    write_mean(folder, "return x.max()")
    outcome = mugrade("reset", "mean")
    assert outcome.exit_code == 0
    after = edit(folder)
    assert "".join(cell(after)["source"]) == released(folder)
    assert cell(after)["outputs"] == [] and cell(after)["metadata"] == cell(before)["metadata"]
    assert [c["id"] for c in after["cells"]] == [c["id"] for c in before["cells"]]
    package = (folder / "stats" / "mean.py").read_text()
    assert "raise NotImplementedError()" in package and "x.max()" not in package
    assert package.startswith("# %% mean-imports\nimport numpy")
    (kept,) = (folder / ".mugrade" / "kept").iterdir()
    head, _, text = kept.read_text().partition("\n")
    assert head.startswith("# mean, replaced 2") and head.endswith(" by reset")
    assert text == MINE + "\n"
    said = f"the old text: .mugrade/kept/{kept.name}; mugrade kept 1 --restore brings it back"
    assert said in outcome.output
    assert (
        "if 00_mean.ipynb is open in JupyterLab: do not save it, choose File > Reload"
        in outcome.output
    )


def test_a_second_time_there_is_nothing_to_do(folder: Path) -> None:
    written(folder)
    mugrade("reset", "mean")
    assert mugrade("reset", "mean").output == "mean is as it was handed out\n"
    assert len(list((folder / ".mugrade" / "kept").iterdir())) == 1


def test_what_differs_in_the_package_is_kept_too(folder: Path) -> None:
    written(folder)
    write_mean(folder, "return x.min()")
    mugrade("reset", "mean")
    mine, built = every_kept(Workspace.find(folder))
    assert (mine.text, mine.where) == (MINE, "00_mean.ipynb")
    assert (built.text, built.where) == ("def mean(x):\n    return x.min()", "stats/mean.py")


def test_nothing_kept_is_ever_overwritten(folder: Path) -> None:
    workspace = Workspace.find(folder)
    for text in ("one", "two", "three"):
        written(folder, f"{MINE}\n# {text}")
        reset_cell(workspace, "mean")
    kept = [path.read_text() for path in (folder / ".mugrade" / "kept").iterdir()]
    assert len(kept) == 3
    assert all(any(f"# {text}" in k for k in kept) for text in ("one", "two", "three"))


@pytest.mark.parametrize("lost", ["metadata", "id", "both"])
def test_a_cell_is_found_without_its_metadata(folder: Path, lost: str) -> None:
    data = written(folder)
    for c in data["cells"]:
        if lost in ("metadata", "both"):
            c["metadata"] = {}
        if lost in ("id", "both"):
            c.pop("id")
    save(folder, data)
    assert mugrade("reset", "mean").exit_code == 0
    sources = ["".join(c["source"]) for c in edit(folder)["cells"]]
    assert released(folder) in sources and MINE not in sources
    assert len(sources) == len(data["cells"])


def test_a_deleted_cell_comes_back_to_its_place(folder: Path) -> None:
    before = edit(folder)
    save(folder, {**before, "cells": [c for c in before["cells"] if c["id"] != "mean"]})
    assert mugrade("reset", "mean").exit_code == 0
    assert [c["id"] for c in edit(folder)["cells"]] == [c["id"] for c in before["cells"]]


def test_a_check_that_was_edited_comes_back(folder: Path) -> None:
    data = edit(folder)
    cell(data, "mean-of-three")["source"] = "@check\ndef mean_of_three():\n    yield 3.0"
    save(folder, data)
    assert (
        "mean-of-three is as it was handed out, in 00_mean"
        in mugrade("reset", "mean-of-three").output
    )
    assert "".join(cell(edit(folder), "mean-of-three")["source"]) == released(
        folder, "mean-of-three"
    )


def test_a_copy_is_left_alone_and_named(folder: Path) -> None:
    data = written(folder)
    data["cells"].append({**cell(data), "id": "copy"})
    save(folder, data)
    assert "note: 1 more of the notebook's cells define the same" in mugrade("reset", "mean").output
    assert cell(edit(folder), "copy")["source"] == MINE


def test_a_check_that_passed_has_changed(folder: Path) -> None:
    mugrade("check", "0")
    mugrade("reset", "mean")
    assert states(folder)["mean-of-three"] == "changed"


def test_a_package_without_the_cell_is_left_alone(folder: Path) -> None:
    (folder / "stats" / "mean.py").unlink()
    written(folder)
    assert mugrade("reset", "mean").exit_code == 0
    assert not (folder / "stats" / "mean.py").exists()


def test_nothing_is_reset_if_one_cell_does_not_exist(folder: Path) -> None:
    written(folder)
    assert mugrade("reset", "mean", "nowhere").exit_code == 1
    assert cell(edit(folder))["source"] == MINE


def test_an_unknown_cell_names_those_like_it(folder: Path) -> None:
    outcome = mugrade("reset", "meen")
    assert outcome.exit_code == 1
    assert outcome.output.startswith("no cell meen in this course: try mean")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is not a complete notebook"),
        ('{"cells": [', "it is not a complete notebook"),
        ("[]", "it has no cells"),
        ('{"cells": {}}', "it has no cells"),
        ('{"worksheets": []}', "it has no cells"),
        ("[" * 100_000, "it is not a complete notebook"),
        ("\udcff", "it is not UTF-8 text"),
    ],
)
def test_a_broken_notebook_is_refused(folder: Path, text: str, said: str) -> None:
    path = folder / "00_mean.ipynb"
    path.write_bytes(os.fsencode(text))
    before = (folder / "stats" / "mean.py").read_text()
    outcome = mugrade("reset", "mean")
    assert outcome.exit_code == 1 and f"{path} is no notebook: {said}" in outcome.output
    assert path.read_bytes() == os.fsencode(text)
    assert (folder / "stats" / "mean.py").read_text() == before
    path.unlink()
    assert mugrade("reset", "mean").output == f"{path} is missing: fetch the course again\n"


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "source", "metadata", "nbgrader"]), inner)
    ),
    max_leaves=8,
)
CELL = st.fixed_dictionaries(
    {},
    optional={
        "cell_type": st.just("code") | JSON,
        "id": st.just("mean") | JSON,
        "source": st.sampled_from([MINE, [MINE], "def ("]) | JSON,
        "metadata": st.fixed_dictionaries({"nbgrader": JSON}) | JSON,
        "outputs": JSON,
    },
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=st.lists(CELL | JSON, max_size=5))
def test_whatever_the_cells_are_the_stub_is_there_and_the_rest_as_before(
    folder: Path, cells: list[Any]
) -> None:
    save(folder, {"cells": cells})
    count = len(edit(folder)["cells"])
    try:
        reset_cell(Workspace.find(folder), "mean")
    except WorkspaceError as error:
        raise AssertionError(str(error)) from None
    after = edit(folder)["cells"]
    assert len(after) - count in (0, 1)
    sources = [c.get("source") for c in after if isinstance(c, dict)]
    texts = [
        "".join(s) if isinstance(s, list) and all(isinstance(x, str) for x in s) else s
        for s in sources
    ]
    assert released(folder) in texts
