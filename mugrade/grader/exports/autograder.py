"""What Gradescope runs for one submission, in the archive that archive.py makes.

`python -m mugrade.grader.exports.autograder ROOT STAGE` grades `ROOT/submission` and leaves
`ROOT/results/results.json`. ROOT is `/autograder`, as Gradescope lays it out
(https://gradescope-autograders.readthedocs.io/en/latest/specs/). Without a result it fails, so that
Gradescope tells the teacher and gives no points.
"""

import json
import shutil
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from mugrade import files
from mugrade.course.reading import load_course
from mugrade.course.roster import Enrolled
from mugrade.errors import MugradeError, Unreadable
from mugrade.grader.collect.collecting import Collection, collect_download
from mugrade.grader.collect.platforms.folders import Folders
from mugrade.grader.exports.gradescope import RESULTS_JSON, results_of
from mugrade.grader.plan import Order
from mugrade.grader.run import grade_class
from mugrade.grader.store import NAME, Filter, Store
from mugrade.grader.submissions import SUBMITTED
from mugrade.sandbox.limits import Limits
from mugrade.sandbox.probe import strongest
from mugrade.sandbox.tiers import Strength

STUDENT = "student"
NOTHING = "there is no notebook of {} in what was handed in"


def grade_one(root: Path, stage: str, accept_weak: bool, console: Console) -> dict[str, Any]:
    """What `results.json` says of the submission; raises MugradeError where nobody can grade it.

    In a sandbox in which student code can read the answers it is graded only with `accept_weak`.
    """
    course, found = load_course(root / "source" / "course"), strongest()
    if found.tier.name == Strength.WEAK and not accept_weak:
        raise Unreadable(f"not graded: student code could read the answers here ({found.reason})")
    with tempfile.TemporaryDirectory(prefix="mugrade-") as name:
        given, out, submitted = (Path(name) / part for part in ("given", "results", SUBMITTED))
        shutil.copytree(root / "submission", given / STUDENT, symlinks=True)
        shutil.copytree(root / "source" / "results", out)
        whose = [Enrolled(STUDENT)]
        order = Collection(course, given, submitted, [stage], whose, platform=Folders.name)
        collected = collect_download(order)
        if not (submitted / STUDENT / stage / f"{stage}.ipynb").is_file():
            why = dict.fromkeys(row.why for row in collected.rows if row.file and row.why)
            return {"score": 0, "output": "; ".join((NOTHING.format(stage), *why))}
        grade_class(
            Order(course, submitted, out, Limits(), [stage], jobs=1, accept_weak=True), console
        )
        with closing(Store.open(out / NAME)) as store:
            standings = store.standings(course.settings, Filter([STUDENT], [stage]))
            (standing,) = store.with_checks(standings)
            return results_of(standing)


def leave_results(
    root: Path,
    stage: str,
    accept_weak: Annotated[bool, typer.Option("--accept-weak-sandbox")] = False,
) -> None:
    """Grade one submission where Gradescope has put it."""
    try:
        found = grade_one(root, stage, accept_weak, Console())
    except MugradeError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    files.write(root / "results" / RESULTS_JSON, json.dumps(found, indent=1).encode("ascii"))


if __name__ == "__main__":
    typer.run(leave_results)
