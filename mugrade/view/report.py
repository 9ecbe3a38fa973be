"""A check's outcome as people and tools read it: `Report`, and the forms it is shown in.

Its text has at most eight lines: what, where, why and what to try. A notebook shows a panel, a
terminal the same through rich, and tools take the JSON.
"""

import textwrap
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from mugrade.values import Category
from mugrade.values.picture import Picture
from mugrade.values.verdict import Verdict
from mugrade.view import visible
from mugrade.view.formula import readable

if TYPE_CHECKING:
    from rich.console import Group

WIDTH = 100
PASSED, FAILED = "\u2713 passed", "\u2717 not passed"
LONGEST = 400
MEANING = {
    Category.PASS: "passed",
    Category.UNSOLVED: "not written yet",
    Category.WRITTEN: "graded by hand",
    Category.SHAPE: "the shape is wrong",
    Category.DTYPE: "the dtype is wrong",
    Category.TYPE: "the type is wrong",
    Category.VALUE: "the value is wrong",
    Category.NOTHING: "there is no value",
    Category.NOT_AN_ARRAY: "the value is neither an array nor what holds one",
    Category.ERROR: "an exception was raised",
    Category.TIMEOUT: "it took too long",
    Category.CRASH: "the process died",
    Category.MEMORY: "it needed too much memory",
    Category.OUTPUT: "it printed too much",
    Category.PROTOCOL: "the process broke off",
    Category.NOT_RUN: "it could not be run",
}
VALUES = ("you", "expected", "from")  # may come from a student's code; the rest is the course's


class ReportedCheck(Protocol):
    """What of a check a report tells; `of` is its exercise, `hints` says whether that has some.

    The points of an `optional` one are a bonus.
    """

    @property
    def id(self) -> str: ...
    @property
    def of(self) -> str: ...
    @property
    def points(self) -> int: ...
    @property
    def why(self) -> str: ...
    @property
    def hints(self) -> bool: ...
    @property
    def optional(self) -> bool: ...


@dataclass(frozen=True)
class Report:
    """A verdict on a check as rows such as `why` or `try`; a `note` takes the docstring's place.

    Hidden inputs, their expected values and where these differ are never part of it. Of a check
    that has some, `visible_only` says that they were not tried.
    """

    check: ReportedCheck
    verdict: Verdict
    note: str = ""
    visible_only: bool = False

    @property
    def passed(self) -> bool:
        return self.verdict.passed

    @cached_property
    def rows(self) -> dict[str, str]:
        """What there is to say, in the order in which it is shown."""
        note = {"note": self.note} if self.note else {}
        return note | ({} if self.passed else self._what_is_wrong)

    @property
    def _what_is_wrong(self) -> dict[str, str]:
        verdict, known = self.verdict, self.verdict.diagnosis
        rows = {
            **_both_sides(verdict),
            "mistake": known.name if known else "",
            "why": "" if self.note else known.why if known else self.check.why,
            "try": known.advice if known else verdict.advice,
            "hint": f"mugrade hint {self.check.of}" if self.check.of and self.check.hints else "",
        }
        lines = {key: printable(" ".join(text.split())) for key, text in rows.items()}
        return {
            key: line if len(line) <= LONGEST else f"{line[:LONGEST]} ..."
            for key, line in lines.items()
            if line
        }

    @property
    def picture(self) -> Picture | None:
        """Where the arrays differ."""
        return None if self.verdict.hidden else self.verdict.picture

    @property
    def name(self) -> str:
        """The name of the check's function."""
        return self.check.id.replace("-", "_")

    @property
    def points(self) -> int:
        """What the check gives now."""
        return self.verdict.points(self.check.points)

    @property
    def score(self) -> str:
        """What it gives of what it is worth; no promise where only visible inputs were tried."""
        if self.passed and self.visible_only:
            return f"{visible.PASS}{' (bonus)' if self.check.optional else ''}"
        return f"{self.points} of {self.check.points} {visible.points_called(self.check.optional)}"

    @property
    def headline(self) -> str:
        """The first line, which is all that a traceback shows."""
        return f"{self.name}   {self.score}"

    @property
    def text(self) -> str:
        """At most eight lines, without formulas."""
        lines = (f"  {key:<9} {_short(text)}" for key, text in self.plain_rows.items())
        return "\n".join((self.headline, *lines))

    @property
    def plain_rows(self) -> dict[str, str]:
        """The rows with formulas written as one would type them."""
        return {k: text if k in VALUES else readable(text) for k, text in self.rows.items()}

    def to_json(self) -> dict[str, Any]:
        """The outcome for other programs."""
        told = {key: self.plain_rows.get(key) for key in (*VALUES, "mistake", "why", "try", "hint")}
        picture = self.picture and {"words": self.picture.words, "rows": list(self.picture.rows)}
        return {
            "check": self.check.id,
            "exercise": self.check.of,
            "passed": self.passed,
            "category": self.verdict.category,
            "points": self.points,
            "max_points": self.check.points,
            "optional": self.check.optional,
            "visible_only": self.visible_only,
            **told,
            "picture": picture,
        }

    def panel(self, notebook: bool = True) -> str:
        """The outcome as HTML, escaped: for a notebook, where MathJax typesets its formulas.

        Or for a page that has none; it needs `html.style()`.
        """
        from mugrade.view.html import render

        rows = self.rows if notebook else self.plain_rows
        return render("report.html", report=self, rows=rows, notebook=notebook, values=VALUES)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        """The panel, and the text for whatever shows no HTML."""
        return {"text/html": self.panel(), "text/plain": self.text}

    def __rich__(self) -> "Group":
        """The outcome in a terminal: the lines of its text, and the picture below."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        word, style = (PASSED, "green") if self.passed else (FAILED, "red")
        head = Text.assemble((word, f"bold {style}"), f"  {self.name}  {self.score}")
        table = Table.grid(padding=(0, 1))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for key, text in self.plain_rows.items():
            table.add_row(Text(f"  {key}", style="bold"), Text(text))
        if self.picture:
            legend = ", ".join(f"{mark} {text}" for mark, text in self.picture.legend.items())
            table.add_row(Text("  where", style="bold"), Text("\n".join(self.picture.rows)))
            table.add_row("", Text("; ".join(filter(None, (legend, self.picture.note)))))
        return Group(head, table) if self.rows else Group(head)


def _both_sides(verdict: Verdict) -> dict[str, str]:
    meaning = MEANING[verdict.category]
    if verdict.hidden:
        kind = f": {verdict.about}" if verdict.about else ""
        return {"you": f"{meaning} on an input that is not shown{kind}"}
    return {"you": verdict.actual or meaning, "expected": verdict.expected, "from": verdict.at}


def summary(verdict: Verdict) -> str:
    """What went wrong in a few words, for a table."""
    if verdict.diagnosis:
        return verdict.diagnosis.name
    return MEANING[verdict.category]


def _short(text: str) -> str:
    return textwrap.shorten(text, WIDTH, placeholder=" ...")


def printable(text: str) -> str:
    """Untrusted text without the characters that steer a terminal or reorder a line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
