"""What people look at after grading: tables, and a feedback page per submission."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

from markupsafe import Markup
from rich.table import Table
from rich.text import Text

from mugrade.course.manifest import CheckEntry
from mugrade.course.written import question
from mugrade.grader.final import CheckScore, Final, shown_points
from mugrade.grader.policy import Standing
from mugrade.grader.results import Status
from mugrade.grader.times import utc
from mugrade.values import Category
from mugrade.view.html import style
from mugrade.view.report import printable, summary
from mugrade.view.tables import safe, table

if TYPE_CHECKING:
    from jinja2 import Template

COLUMNS = (
    *("student", "stage", "status", "check", "points", "max_points", "verdict", "reason"),
    *("mugrade", "attempt", "handed_in", "graded_at"),
    *("automatic", "manual", "extra", "late", "final", "look", "bonus"),
)
NAMES = {
    "automatic": "automatic points",
    "bonus": "bonus",
    "manual": "by hand",
    "extra": "extra credit",
    "late": "handed in late",
}
LONGEST = 40


def class_table(standings: Sequence[Standing]) -> Table:
    """Student, stage, points, what went wrong; and of what points are made, where it is more."""
    shown = set().union(*(made_of(standing.final) for standing in standings))
    more = [name for name in NAMES if name in shown]
    found = table()
    for name in ("student", "stage"):
        found.add_column(name, max_width=LONGEST, overflow="fold")
    for name in (*more, "points"):
        found.add_column(name, justify="right", no_wrap=True)
    found.add_column("what went wrong", overflow="fold")
    previous = ""
    for standing in standings:
        student, made = printable(standing.student), made_of(standing.final)
        found.add_row(
            Text(student if student != previous else ""),
            Text(printable(standing.stage)),
            *(made.get(name, "") for name in more),
            f"{shown_points(standing.points)}/{standing.attempt.max_points}",
            Text(printable(standing.summary)),
        )
        previous = student
    return found


def todo_table(standings: Iterable[Standing]) -> Table:
    """A row for each check or answer that a teacher has to look at, and why."""
    found = table(("student", "stage", "exercise", "why"))
    for standing in standings:
        for check, score in standing.scores.items():
            if score.look:
                row = printable(standing.student), printable(standing.stage), check, score.look
                found.add_row(*map(Text, row))
    return found


def made_of(final: Final) -> dict[str, str]:
    """The parts of a grade that is not only automatic points; all but these with their sign."""
    changes = {
        "bonus": final.bonus,
        "manual": final.manual,
        "extra": final.extra,
        "late": -final.late,
    }
    signed = {
        name: f"{'+' if points > 0 else ''}{shown_points(points)}"
        for name, points in changes.items()
        if points
    }
    return {"automatic": shown_points(final.automatic), **signed} if signed else {}


def write_csv(file: IO[str], standings: Iterable[Standing]) -> None:
    """One row per student, stage and check; cells that a spreadsheet would run are defused.

    The points of a stage's checks, less `late`, and never below 0, are `final`. Where they are a
    `bonus`, which is then what there is to get, the maximum is 0.
    """
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for s in standings:
        a, scores = s.attempt, s.scores
        who = [safe(text) for text in (printable(s.student), s.stage, s.status)]
        how = [safe(a.mugrade), a.number, utc(a.handed_in), utc(a.graded_at)]
        reason = safe(printable(s.reason))
        total = [shown_points(s.final.late), shown_points(s.final.points)]
        for row in a.checks:
            score = scores[row.check]
            verdict = Category.NOT_RUN if s.late else row.category
            points = safe(shown_points(score.points))
            what = [safe(row.check), points, row.max_points, verdict, reason]
            manual = "" if score.manual is None else shown_points(score.manual)
            made = [
                shown_points(score.automatic),
                manual,
                shown_points(score.extra),
                *total,
                score.look,
                str(row.bonus or ""),
            ]
            writer.writerow([*who, *what, *how, *map(safe, made)])


def to_json(standings: Iterable[Standing]) -> str:
    """Everything that is known of the results, for other programs."""
    columns = ("student", "stage", "status", "reason", "points", "why", "note")
    of_file = ("taken", "passed_over", "notes")
    of_attempt = ("number", "hand_in", "mugrade", "max_points", "tier", "draws", *of_file)
    of_check = ("check", "exercise", "category", "max_points", "bonus", "message")
    of_score = ("points", "automatic", "manual", "extra", "look")

    def scored(score: CheckScore) -> dict[str, Any]:
        return {name: getattr(score, name) for name in of_score}

    def row(s: Standing) -> dict[str, Any]:
        a = s.attempt
        checks = [
            {n: getattr(c, n) for n in of_check} | scored(s.scores[c.check]) for c in a.checks
        ]
        times = {"handed_in": utc(a.handed_in), "graded_at": utc(a.graded_at)}
        return (
            {name: getattr(s, name) for name in columns}
            | {name: getattr(a, name) for name in of_attempt}
            | asdict(s.final)
            | times
            | {"checks": checks}
        )

    return json.dumps([row(s) for s in standings], indent=1)


@cache
def page_template(name: str) -> "Template":
    """A template of a page; what is filled in is escaped."""
    from jinja2 import Environment, PackageLoader

    loader = PackageLoader("mugrade.grader", "templates")
    return Environment(loader=loader, autoescape=True).get_template(name)


def write_feedback(path: Path, standing: Standing, title: str, course: str = "") -> None:
    """One self-contained page for a submission; everything is escaped."""
    result = standing.result
    text = page_template("feedback.html").render(
        result=result,
        standing=standing,
        student=printable(standing.student),
        title=title,
        course=course,
        status=printable(result.what_went_wrong) if result.status != Status.GRADED else "",
        made_of=made_of(standing.final),
        comments=[
            (exercise, _plain(comment.comment), is_of_other)
            for exercise, comment, is_of_other in standing.comments
        ],
        figure=shown_points,
        worth=_worth,
        question=question,
        names=NAMES,
        handed_in=utc(standing.attempt.handed_in),
        graded_at=utc(standing.attempt.graded_at),
        outcome=summary,
        style=Markup(style()),
        panel=lambda report: Markup(report.panel(notebook=False)),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", errors="replace")


def _worth(check: CheckEntry) -> str:
    """What a check gives at most, in words."""
    return f"of {check.points}{' bonus' if check.optional else ''}"


def index_page(
    standings: Sequence[Standing], titles: Mapping[str, str], course: str, mark: str
) -> str:
    """A self-contained page of all stages of a student, which leads to theirs; all is escaped."""
    rows = [
        (
            quote(s.stage, errors="replace"),
            titles[s.stage],
            shown_points(s.points),
            s.attempt.max_points,
            printable(": ".join(filter(None, (s.status, s.reason)))),
        )
        for s in standings
    ]
    return page_template("index.html").render(
        student=printable(standings[0].student),
        course=course,
        rows=rows,
        points=shown_points(sum(s.points for s in standings)),
        most=sum(s.attempt.max_points for s in standings),
        mark=Markup(f"<!-- {mark} -->"),
    )


def _plain(text: str) -> str:
    """What a teacher wrote, line by line."""
    return "\n".join(map(printable, text.splitlines()))
