"""Commands of an author: build, lint."""

from typing import Annotated

import typer

from mugrade.cli.shared import CourseFolder, Verbose, console, fail, read_course, say
from mugrade.extras import require

OnlyCompare = Annotated[
    bool, typer.Option("--check", help="Only compare; fail if anything committed differs.")
]
Only = Annotated[
    list[str] | None,
    typer.Option("--stage", help="Run only these, e.g. 03; the others' answers stay as they were."),
]
Play = Annotated[
    bool,
    typer.Option(
        "--play", help="Also run every notebook, untouched and solved, as a student would."
    ),
]


def build(
    course: CourseFolder = None,
    check: OnlyCompare = False,
    stage: Only = None,
    play: Play = False,
    verbose: Verbose = False,
) -> None:
    """Turn solutions/NN_name.py into notebooks, the reference package and an nbgrader course."""
    require("build", "author")
    from mugrade.author import build
    from mugrade.author.forgotten import forgotten
    from mugrade.author.play import play_course

    found = read_course(course)
    only = [found.find(name) for name in stage or ()]
    with console().status("reading") as status:
        rendered = build.render_course(found, status.update, only)
        if check:
            changed = build.differences(found, rendered[0])
        else:
            changed = build.write_rendered(found, *rendered)
        if play:
            play_course(found, rendered[0], status.update)
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
    if left := build.not_run(found, only):
        say(f"changed and not run: {', '.join(left)}; mugrade build runs what has changed")
    if not check:
        say(f"instructor's nbgrader course: {build.nbgrader_root(found)}")


def lint(course: CourseFolder = None) -> None:
    """Warn about checks that can be passed by guessing."""
    require("lint", "author")
    from mugrade.author.lint import weak_checks

    if found := list(weak_checks(read_course(course))):
        raise fail("\n".join(found))
    say("no check can be passed by guessing")
