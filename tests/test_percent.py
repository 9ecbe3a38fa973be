"""Our reader of the percent format agrees with jupytext on all that courses are written in."""

import jupytext
import pytest

from mugrade.course.percent import FormatError, read_percent
from tests.conftest import ROOT, STAGES
from tests.tiny import STAGES as TINY

ODD = """
# %% [markdown] id="a"
# # Title
#
#   indented, and `# %% no cell`
#
# | a | b |

# %% id="b" points=3


x = 1  # %% not a cell
# %load_ext mugrade
# !ls
# % of it is a comment

def f():
    # %time is inside
    return "a"


# %%
# %% [markdown]
# last
"""
SCRIPTS = [(ROOT / "solutions" / f"{stage}.py").read_text("utf-8") for stage in STAGES]


@pytest.mark.parametrize(
    "text",
    [*SCRIPTS, *TINY.values(), ODD.lstrip()],
    ids=[*STAGES, *(f"tiny {name}" for name in TINY), "odd"],
)
def test_the_same_cells_as_jupytext(text: str) -> None:
    theirs = jupytext.reads(text, fmt={"extension": ".py", "format_name": "percent"}).cells
    ours = list(read_percent(text))
    assert [(c.markdown, c.source) for c in ours] == [
        (c.cell_type == "markdown", c.source) for c in theirs
    ]
    assert [c.attributes for c in ours] == [
        {k: v for k, v in c.metadata.items() if not k.startswith("lines_to_")} for c in theirs
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('x = 1\n# %% id="a"', 1),
        ("x = 1", 1),
        ("# %%\n# %% id=a", 2),
        ("# %% a title", 1),
        ('# %% [raw] id="a"', 1),
        ('# %% id="a"b', 1),
    ],
)
def test_what_is_no_header_is_said(text: str, line: int) -> None:
    with pytest.raises(FormatError) as error:
        list(read_percent(text))
    assert error.value.line == line


def test_an_empty_script_has_no_cells() -> None:
    assert list(read_percent("\n\n")) == []
