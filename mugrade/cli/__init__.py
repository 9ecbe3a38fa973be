"""The command line."""

import typer

from mugrade.cli.author import build, lint
from mugrade.cli.checking import check, doctor
from mugrade.cli.grades import forget, grades
from mugrade.cli.grading import grade
from mugrade.cli.shared import Commands
from mugrade.cli.student import data, hint, reset, status, take
from mugrade.cli.submitting import submit

app = typer.Typer(
    cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
for command in (
    *(check, status, hint, reset, take, doctor, submit, data),
    *(build, lint, grade, grades, forget),
):
    app.command()(command)
