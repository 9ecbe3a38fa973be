"""The command line."""

from typing import Annotated

import typer

from mugrade.cli.author import build, lint
from mugrade.cli.checking import check, doctor
from mugrade.cli.collecting import collect
from mugrade.cli.explaining import explain
from mugrade.cli.exporting import export, gradescope
from mugrade.cli.glance import report
from mugrade.cli.grades import forget, grades
from mugrade.cli.grading import grade
from mugrade.cli.keeping import kept, restore, update
from mugrade.cli.new import new
from mugrade.cli.releasing import release
from mugrade.cli.shared import Commands, say
from mugrade.cli.similar import similar
from mugrade.cli.starting import lab, start
from mugrade.cli.student import data, hint, reset, status, take
from mugrade.cli.submitting import submit

app = typer.Typer(
    cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
OF_A_STUDENT = (start, lab, check, status, hint, reset, take, doctor, submit, data)
KEEPING = (update, restore, kept)
OF_A_TEACHER = (
    *(new, build, lint, release),
    *(collect, grade, grades, report, export, gradescope, explain, similar, forget),
)
for command in (*OF_A_STUDENT, *KEEPING, *OF_A_TEACHER):
    app.command()(command)


def _say_version(wanted: bool) -> None:
    if wanted:
        from mugrade.version import __version__

        say(f"mugrade {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version."),
    ] = False,
) -> None:
    """A course in notebooks, and the grader that checks it."""
