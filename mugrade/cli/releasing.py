"""The command that hands a course out."""

from datetime import datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mugrade.cli.shared import CourseFolder, console, fail, read_course, say, shown
from mugrade.extras import require

if TYPE_CHECKING:
    from mugrade.author.places import Destination
    from mugrade.course.model import Course, Stage

DATES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]
RELEASE = Path("build") / "release"


Target = Annotated[
    Path | None,
    typer.Argument(help="A folder or, if it ends in .zip, an archive; else build/release."),
]
LastStage = Annotated[
    str | None, typer.Option("--stage", help="The last stage of the release, e.g. 03.")
]
Until = Annotated[
    datetime | None,
    typer.Option(
        formats=DATES, help="Up to the last stage that is due by then (deadlines, course.toml)."
    ),
]
WithAnswers = Annotated[
    str, typer.Option(metavar="00,01", help="Also the reference of these: mugrade take lends it.")
]
AnswersUntil = Annotated[
    datetime | None,
    typer.Option(formats=DATES, help="Also the reference of the stages that are due by then."),
]
ToBranch = Annotated[
    str | None, typer.Option(help="Commit it to this git branch; no other file is touched.")
]
AsAssignments = Annotated[
    bool, typer.Option("--nbgrader", help="As nbgrader's release tree, in build/nbgrader.")
]
PlayFirst = Annotated[bool, typer.Option(help="Run the notebooks first, as a student would.")]


def release(
    target: Target = None,
    course: CourseFolder = None,
    stage: LastStage = None,
    until: Until = None,
    with_answers: WithAnswers = "",
    answers_until: AnswersUntil = None,
    branch: ToBranch = None,
    nbgrader: AsAssignments = False,
    play: PlayFirst = True,
) -> None:
    """Write what students get: stages up to one, and nothing of the later ones or of solutions.

    A later release into the same place extends the one that is there; students get it with
    mugrade update. Without --with-answers and --answers-until no further answers go out, so
    nobody can borrow a stage; answers that are out stay.
    """
    require("release", "author")
    from mugrade.author.release import due_by, release_course

    if stage and until:
        raise fail("--stage and --until both say where the release ends: leave one of them out")
    found = read_course(course)
    due = due_by(found, _end(until)) if until else []
    if until and not due:
        raise fail(f"no stage is due by {until:%Y-%m-%d}: nothing is released")
    last = due[-1] if due else _last(found, stage)
    answers = [found.find(name.strip()) for name in with_answers.split(",") if name.strip()]
    if answers_until:
        upto = (*found.before(last), last)
        answers += [s for s in due_by(found, _end(answers_until)) if s in upto]
    place = _place(found, target, branch, nbgrader)
    with console().status("reading") as status:
        done = release_course(found, place, last, answers, play, status.update)
    said = f"answers of {', '.join(done.answers)}" if done.answers else "no answers"
    count = f"{len(done.stages)} stages" if len(done.stages) > 1 else "1 stage"
    say(f"{place}: {count} up to {done.stages[-1]}, {said}")


def _last(course: "Course", stage: str | None) -> "Stage":
    return course.find(stage) if stage else course.stages[-1]


def _end(moment: datetime) -> datetime:
    """A date as the end of its day here, a time as it is."""
    if moment.time() == time():
        moment = datetime.combine(moment, time.max)
    return moment.astimezone()


def _place(
    course: "Course", target: Path | None, branch: str | None, nbgrader: bool
) -> "Destination":
    from mugrade.author.branch import Branch
    from mugrade.author.build import nbgrader_root
    from mugrade.author.places import Archive, Assignments, Folder

    if (target is not None) + (branch is not None) + nbgrader > 1:
        raise fail("a release goes to one place: a folder or archive, --branch or --nbgrader")
    if branch is not None:
        return Branch(course.root, branch)
    if nbgrader:
        return Assignments(nbgrader_root(course))
    path = target or Path(shown(course.root.resolve() / RELEASE))
    return Archive(path) if path.suffix == ".zip" else Folder(path)
