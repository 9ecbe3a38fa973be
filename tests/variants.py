"""`python -m tests.variants [stage ...]`: wrong answers whose points depend on the hidden inputs.

Two students who hand in the same cell may get different variants of the hidden inputs, and must
get the same points.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.progress import track

from mugrade.author.course import load_course
from mugrade.grader.grade import Grader
from mugrade.sandbox.process import Limits
from tests.conftest import ROOT, STAGES
from tests.mutants import wrong_answers
from tests.test_answers import Edits, edited, outcome

VARIANTS = ("", *"0123456")


def undecided(grader: Grader, stage: str, exercise: str, name: str, edits: Edits) -> str:
    """The checks that the answer passes in some variants and fails in others."""
    found = grader.course.find(stage)
    changed = {exercise: edited(found, exercise, edits)}
    passed = [outcome(grader, found, changed, variant=variant).passed for variant in VARIANTS]
    checks = sorted(set.union(*passed) - set.intersection(*passed))
    return f"{stage[:2]} {exercise}: {name}: {', '.join(checks)}" if checks else ""


def main() -> None:
    wanted = [s for s in STAGES if not sys.argv[1:] or s[:2] in sys.argv[1:]]
    grader = Grader(load_course(Path(ROOT)), wanted, Limits(check=5.0))
    items = list(wrong_answers(wanted))
    with ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda item: undecided(grader, *item), items)
        found = [line for line in track(results, total=len(items), transient=True) if line]
    grader.close()
    print("\n".join(found) or "every wrong answer gets the same points in every variant")
    raise SystemExit(bool(found))


if __name__ == "__main__":
    main()
