"""The command that lays side by side what few students have in common."""

from contextlib import closing
from dataclasses import replace

from mugrade.cli.shared import (
    CourseFolder,
    Database,
    OutFolder,
    PolicyOption,
    Stages,
    console,
    course_and_results,
    say,
    shown,
    wrapped,
)
from mugrade.extras import require


def similar(
    course: CourseFolder = None,
    out: OutFolder = None,
    db: Database = None,
    stage: Stages = None,
    policy: PolicyOption = None,
) -> None:
    """Find answers with passages that few others have, and write them side by side on a page.

    It accuses nobody. Read are the notebooks that count; nothing is executed, nothing is stored.
    """
    require("similar", "grade")
    from mugrade.grader.similar.look import look
    from mugrade.grader.similar.page import NO_ACCUSATION, PAGE, pairs_table, write_page
    from mugrade.grader.store import NAME, Filter, Store
    from mugrade.view.report import printable

    found, folder = course_and_results(course, out)
    stages = [found.find(name).name for name in stage or ()]
    settings = replace(found.settings, policy=policy) if policy else found.settings
    with closing(Store.open(db or folder / NAME)) as store:
        standings = store.standings(settings, Filter(stages=stages))
        with console(stderr=True).status("comparing"):
            looked = look(found, store, standings)
    write_page(folder / PAGE, looked, found.settings.title)
    for student, name, why in looked.left_out:
        say(printable(f"not compared: {student} {name}: {why}"), err=True)
    if not looked.comparison.pairs:
        return say(f"of {looked.comparison.students} students no pair stands out")
    console().print(pairs_table(looked))
    say(wrapped(NO_ACCUSATION.replace("This page", shown(folder / PAGE))))
