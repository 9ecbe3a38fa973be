# %% [markdown] id="title-00"
# # 00 · From texts to tables
#
# Data come as texts that people have typed. Four functions make a table of them that one can count
# on.
#
# - **Time**: about 45 minutes, four exercises.
# - **It grows**: `wrangling/tables.py`.

# %% id="setup-00" role="given"
# %load_ext mugrade
from datetime import date

import pandas as pd

from mugrade import check, raises, rng, worth

# %% id="tables-imports" role="given" export="wrangling/tables.py"
from datetime import date

import pandas as pd

# %% [markdown] id="why-clean"
# ## Exercise 1: a clean name
#
# Write `clean(name)`: no blanks at the ends, one blank between words, and each word with a capital
# letter and small ones after it.


# %% id="clean" role="solution" export="wrangling/tables.py"
def clean(name: str) -> str:
    """A name as it should be written."""
    ### BEGIN SOLUTION
    return " ".join(word.capitalize() for word in name.split())
    ### END SOLUTION


# %% id="clean-names" role="check" points=20
@check
def clean_names():
    """split() without an argument takes any number of blanks of any kind."""
    yield clean("  ada   LOVELACE ")
    ### BEGIN HIDDEN TESTS
    #: tabs and several words
    yield [clean(name) for name in ("grace\thopper", "ANITA borg", "jean e. sammet", "")]
    ### END HIDDEN TESTS


# %% id="clean-hints" role="hints"
# 1. `split()` and `" ".join(...)` undo each other, but for the blanks.
# 2. `capitalize()` also makes the other letters small.

# %% [markdown] id="why-day"
# ## Exercise 2: a day
#
# Write `day(text)`: the date of `31.12.2026` or `2026-12-31`. Anything else is a `ValueError`.


# %% id="day" role="solution" export="wrangling/tables.py"
def day(text: str) -> date:
    """The date in one of two forms; raises ValueError for anything else."""
    ### BEGIN SOLUTION
    parts = text.strip().split(".")
    if len(parts) == 3:
        return date(*(int(part) for part in reversed(parts)))
    return date.fromisoformat(text.strip())
    ### END SOLUTION


# %% id="day-in-two-forms" role="check" points=20
@check
def day_in_two_forms():
    """A date is a value of its own, whatever it was written like."""
    yield worth(day("31.12.2026"), 5)
    yield worth(day("2026-12-31"), 5)
    ### BEGIN HIDDEN TESTS
    #: days of one digit
    yield worth([day("1.2.2025"), day(" 3.10.1999 ")], 5)
    #: what is no day
    yield worth([raises(lambda text=t: day(text)) for t in ("31.2.2026", "today", "")], 5)
    ### END HIDDEN TESTS


# %% id="day-hints" role="hints"
# 1. `date.fromisoformat` reads one of the forms, and raises the right error.
# 2. In the other form the parts come the other way round.

# %% [markdown] id="why-table"
# ## Exercise 3: a table
#
# Write `table(rows)` for dicts with the keys `name`, `day` and `amount`, all of them texts: a
# DataFrame with these columns, the names clean, the days as dates, the amounts as floats. An amount
# that is empty is missing.


# %% id="table" role="solution" export="wrangling/tables.py"
def table(rows: list[dict[str, str]]) -> pd.DataFrame:
    """A row for each dict, in the same order."""
    ### BEGIN SOLUTION
    return pd.DataFrame(
        {
            "name": [clean(row["name"]) for row in rows],
            "day": [day(row["day"]) for row in rows],
            "amount": pd.Series([float(row["amount"] or "nan") for row in rows], dtype="float64"),
        }
    )
    ### END SOLUTION


# %% id="table-of-rows" role="check" points=30
@check
def table_of_rows():
    """What is missing is missing, and not 0."""
    rows = [
        {"name": "ada", "day": "1.2.2026", "amount": "2.5"},
        {"name": " BOB", "day": "2026-02-03", "amount": ""},
    ]
    yield table(rows)
    ### BEGIN HIDDEN TESTS
    #: many rows
    more = [
        {"name": f"n{i}", "day": f"{i + 1}.5.2026", "amount": f"{rng.integers(1, 99)}.25"}
        for i in range(9)
    ]
    yield table(more)
    ### END HIDDEN TESTS


# %% id="table-hints" role="hints"
# 1. `pd.DataFrame` takes a dict of lists, one for each column.
# 2. `float("nan")` is what is missing.

# %% [markdown] id="why-totals"
# ## Exercise 4: totals
#
# Write `totals(frame)`: a Series of the sums of `amount` by `name`, the largest first, and called
# `amount`. What is missing counts nothing.


# %% id="totals" role="solution" export="wrangling/tables.py"
def totals(frame: pd.DataFrame) -> pd.Series:
    """Name -> the sum of its amounts, from the largest on."""
    ### BEGIN SOLUTION
    return frame.groupby("name")["amount"].sum().sort_values(ascending=False)
    ### END SOLUTION


# %% id="totals-by-name" role="check" points=30
@check
def totals_by_name():
    """groupby collects the rows, and sum leaves out what is missing."""
    frame = pd.DataFrame({"name": ["Ada", "Bob", "Ada"], "amount": [1.5, 4.0, None]})
    yield totals(frame)
    ### BEGIN HIDDEN TESTS
    #: many names
    names = [str(name) for name in rng.choice(list("PQRST"), 30)]
    yield totals(pd.DataFrame({"name": names, "amount": rng.uniform(0, 9, 30).round(2)}))
    ### END HIDDEN TESTS


# %% id="totals-hints" role="hints"
# 1. `frame.groupby("name")["amount"]` is a group for each name.
# 2. `sort_values(ascending=False)` begins with the largest.

# %% id="index-00" role="index" export="wrangling/__init__.py" of="tables.py"
