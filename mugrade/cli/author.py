"""Commands of an author: build, lint."""

from typing import Annotated

import typer

from mugrade.cli.shared import CourseFolder, Verbose, console, fail, read_course, say
from mugrade.extras import require


def build(
    course: CourseFolder = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only compare; fail if anything committed differs.")
    ] = False,
    stage: Annotated[
        list[str] | None,
        typer.Option(
            "--stage", help="Run only these, e.g. 03; the others' answers stay as they were."
        ),
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Turn solutions/NN_name.py into notebooks, the reference package and an nbgrader course."""
    require("build", "author")
    from mugrade.author.build import build_course, check_build, nbgrader_root, not_run
    from mugrade.author.forgotten import forgotten

    found = read_course(course)
    only = [found.find(name) for name in stage or ()]
    with console().status("reading") as status:
        changed = (check_build if check else build_course)(found, status.update, only)
    for path in changed:
        say(f"{'differs' if check else 'written'}  {path}")
    if check and changed:
        raise fail(
            f"{len(changed)} files differ from solutions/NN_name.py: run mugrade build and commit"
        )
    if not changed:
        say("everything is up to date")
    for warning in forgotten(found):
        say(warning, err=True)
    if left := not_run(found, only):
        say(f"changed and not run: {', '.join(left)}; mugrade build runs what has changed")
    if not check:
        say(f"instructor's nbgrader course: {nbgrader_root(found)}")


def lint(course: CourseFolder = None) -> None:
    """Warn about checks that can be passed by guessing."""
    require("lint", "author")
    from mugrade.author.lint import weak_checks

    if found := list(weak_checks(read_course(course))):
        raise fail("\n".join(found))
    say("no check can be passed by guessing")
