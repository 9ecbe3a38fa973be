"""The command that reads what a platform gives out."""

import sys
from collections.abc import Sequence
from datetime import datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mugrade.cli.shared import (
    CourseFolder,
    Stages,
    console,
    fail,
    read_course,
    say,
    shown,
    wrapped,
)
from mugrade.extras import require

if TYPE_CHECKING:
    from mugrade.course.model import Course
    from mugrade.course.roster import Enrolled
    from mugrade.grader.collect.collecting import Collected

UNKNOWN = (
    "asked: nobody could say whose these files are; write what they are called by into the column "
    "also of the roster, or collect in a terminal, where you are asked"
)

EXTENSIONS = (
    "the roster's extensions count in the ledger, and in grades once course.toml names the roster: "
    "[grading], roster = the path of the file"
)
Download = Annotated[
    Path, typer.Argument(help="What the platform gave you: an archive, or a folder.")
]
ClassFile = Annotated[
    Path | None,
    typer.Option("--roster", help="The class: a CSV file, also as platforms export it."),
]
Due = Annotated[
    datetime | None,
    typer.Option(
        "--deadline",
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"],
        help="For the ledger; by default that of course.toml.",
    ),
]
Into = Annotated[
    Path, typer.Option("--out", help="Where submitted/ is, or will be; by default here.")
]
PlatformName = Annotated[
    str,
    typer.Option(
        "--platform", help="Which it is, where it is taken for another: canvas, moodle, ..."
    ),
]


def collect(
    download: Download,
    course: CourseFolder = None,
    stage: Stages = None,
    roster: ClassFile = None,
    deadline: Due = None,
    out: Into = Path("."),
    platform: PlatformName = "",
) -> None:
    """Write nbgrader's submitted/ from a platform's download, and a ledger of every file in it.

    Again with a newer download, only what is new changes, and what it replaces is kept.
    """
    require("collect", "grade")
    from mugrade.grader.collect.collecting import Collection, collect_download
    from mugrade.grader.collect.place import submitted_in
    from mugrade.grader.collect.platforms import PLATFORMS

    if platform and platform not in PLATFORMS:
        raise fail(f"no platform {platform}: there are {', '.join(PLATFORMS)}")
    if deadline and not stage:
        raise fail("--deadline needs --stage: which stage was due then?")
    found = read_course(course)
    submitted = submitted_in(out)
    path, students = _class(found, roster, submitted)
    order = Collection(
        found,
        download,
        submitted,
        [found.find(name).name for name in stage or []],
        students,
        path,
        platform,
        _moment(deadline),
        _ask if is_interactive() else None,
    )
    _show(download, collect_download(order))
    if any(student.extensions for student in students) and not found.settings.students:
        say(wrapped(EXTENSIONS))


def _class(
    course: "Course", roster: Path | None, submitted: Path
) -> "tuple[str, Sequence[Enrolled]]":
    """The roster that is named here, in course.toml, or was used here before."""
    from mugrade.course.roster import read_class
    from mugrade.grader.collect.index import read_index

    if roster is None and course.settings.students:
        return "", course.settings.students
    used = str(roster.absolute()) if roster else read_index(submitted).roster
    return used, read_class(Path(used)) if used else ()


def _moment(deadline: datetime | None) -> datetime | None:
    """A date as the end of its day here."""
    if deadline and deadline.time() == time() and deadline.tzinfo is None:
        deadline = datetime.combine(deadline, time(23, 59, 59))
    return deadline.astimezone() if deadline else None


def is_interactive() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty()


def _ask(question: str, among: "Sequence[Enrolled]") -> str:
    from mugrade.view.report import printable

    say(wrapped(printable(f"{question}: whose is it?")))
    for student in among if len(among) <= 20 else ():
        say(printable(f"  {student.id}  {student.name}"))
    answer: str = typer.prompt("the student's id, or nothing", default="", show_default=False)
    return answer


def _show(download: Path, done: "Collected") -> None:
    """What needs a look, how much there was of what, and where everything is written."""
    from mugrade.grader.collect.account import counted, to_look_at

    if look := to_look_at(done.rows):
        console().print(look)
    say(f"{download}: {done.platform}; {done.changed} new or changed; {counted(done.rows)}")
    if any(row.status == "asked" for row in done.rows):
        say(wrapped(UNKNOWN))
    say(f"ledger  {shown(done.ledger)}")
    say(f"next    mugrade grade {shown(done.ledger.parent)}")
