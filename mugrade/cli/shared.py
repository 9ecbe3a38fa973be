"""What the commands share: options, the console, and errors as one sentence."""

import logging
import os
import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from mugrade import streams
from mugrade.course.settings import Policy
from mugrade.errors import MugradeError
from mugrade.view import visible

if TYPE_CHECKING:
    from rich.console import Console

    from mugrade.course.model import Course
    from mugrade.student.workspace import Workspace

CourseFolder = Annotated[
    Path | None,
    typer.Option("--course", help="The course's folder; by default the one you are in."),
]
Json = Annotated[bool, typer.Option("--json", help="Print everything as JSON.")]

OutFolder = Annotated[
    Path | None, typer.Option("--out", help="Where results go; by default build/grades.")
]
Database = Annotated[
    str | None,
    typer.Option("--db", help="URL or file of the results; by default results.db in --out."),
]
PolicyOption = Annotated[
    Policy | None,
    typer.Option("--policy", help="Which attempt counts; by default what course.toml says."),
]


class Told(logging.Handler):
    """Events as lines on standard error, above a bar where there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        from mugrade.view.report import printable

        for line in self.format(record).splitlines():
            say(printable(line), err=True)


def _tell(ctx: typer.Context, wanted: bool) -> None:
    if wanted:
        logger, told = logging.getLogger("mugrade"), Told()
        logger.setLevel(logging.INFO)
        logger.addHandler(told)
        ctx.call_on_close(lambda: logger.removeHandler(told))


Verbose = Annotated[
    bool, typer.Option("--verbose", callback=_tell, help="Say what happens, as the log does.")
]
Stages = Annotated[list[str] | None, typer.Option("--stage", help="Only these stages, e.g. 03.")]
Students = Annotated[list[str] | None, typer.Option("--student", help="Only these students.")]
AcceptWeak = Annotated[
    bool,
    typer.Option("--accept-weak-sandbox", help="Grade even where student code can get out."),
]
RESULTS = Path("build") / "grades"
INTERRUPTED = 130  # the status of a command that Ctrl-C has ended


class Commands(TyperGroup):
    """Commands whose MugradeErrors end as one sentence, not as a traceback."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        streams.ready()
        return super().main(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except MugradeError as error:
            raise fail(error) from None


def console(stderr: bool = False) -> "Console":
    """Standard output or error; rich is loaded by those commands only that need it."""
    from rich.console import Console

    in_a_cell = "JPY_PARENT_PID" in os.environ  # a pseudo-terminal, which shows live bars as text
    return Console(stderr=stderr, force_terminal=False if in_a_cell else None)


def say(text: str, err: bool = False, **style: bool) -> None:
    """Print a line as it is; typer would write UTF-8 where ASCII is asked for."""
    typer.secho(text, file=sys.stderr if err else sys.stdout, **style)


def say_of_hidden(hidden: bool) -> None:
    """Say what the points in a table are where some checks have hidden inputs."""
    if hidden:
        say(visible.NOTE)


def wrapped(text: str) -> str:
    """Prose, broken at words to fit the terminal."""
    width = min(100, shutil.get_terminal_size().columns)
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)


def fail(error: Exception | str) -> typer.Exit:
    """Print one clear sentence; the caller raises what this returns."""
    say(str(error), err=True)
    return typer.Exit(1)


def shown(path: Path) -> str:
    """A path as one would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def reload_advice(notebook: Path) -> str:
    """What to do with a notebook that has been written and may be open."""
    reload = "do not save it, choose File > Reload Notebook from Disk"
    return f"  if {notebook.name} is open in JupyterLab: {reload}"


def demand_fork() -> None:
    """End the command where no sandbox can be made."""
    if not hasattr(os, "fork"):
        raise fail("grading needs Linux or macOS: on Windows run it in WSL 2")


def find_stage(workspace: "Workspace", name: str) -> str:
    """The stage's whole name; ends the command where there is no such stage."""
    try:
        return workspace.manifest.stage(name)
    except KeyError:
        stages = ", ".join(workspace.manifest.stages)
        raise fail(f"no stage {name}: there are {stages}") from None


def read_course(folder: Path | None) -> "Course":
    """The course at or above a folder, by default this one; raises CourseError."""
    from mugrade.course.reading import find_course, load_course

    return load_course(find_course(folder or Path.cwd()))


def course_and_results(folder: Path | None, out: Path | None) -> "tuple[Course, Path]":
    """The course, and where the results of grading it are; raises CourseError."""
    found = read_course(folder)
    return found, out or found.root / RESULTS


def find_workspace() -> "Workspace":
    """The workspace here, or in `notebooks/` below; raises WorkspaceError."""
    from mugrade.student.workspace import Workspace

    here = Path.cwd()
    below = here / "notebooks"
    return Workspace.find(below if below.is_dir() else here)
