"""Gradescope: `results.json`, which an autograder leaves for one submission.

https://gradescope-autograders.readthedocs.io/en/latest/specs/
"""

from typing import Any

from mugrade.grader.final import shown_points
from mugrade.grader.models import CheckRow
from mugrade.grader.policy import Standing
from mugrade.grader.report import made_of
from mugrade.grader.results import Status
from mugrade.values import Category
from mugrade.view.report import printable

RESULTS_JSON = "results.json"
SHOWN_AS = {"visibility": "visible", "output_format": "text"}


def results_of(standing: Standing) -> dict[str, Any]:
    """What Gradescope shows of a submission, whose attempt has its checks.

    The score is the figure of every other table; a test's score is what its check gives.
    """
    attempt, scores = standing.attempt, standing.scores
    tests = [
        {
            "name": f"{row.exercise}: {row.check}",
            "number": str(row.position + 1),
            "score": scores[row.check].points,
            "max_score": row.max_points,
            "output": row.message,
            **({} if row.category == Category.WRITTEN else _status(standing, row)),
            **SHOWN_AS,
        }
        for row in attempt.checks
    ]
    made = ", ".join(f"{name} {points}" for name, points in made_of(standing.final).items())
    said = [f"{shown_points(standing.points)}/{attempt.max_points}", made]
    if standing.status != Status.GRADED:
        said.append(printable(standing.reason))
    return {
        "score": standing.points,
        "output": "\n".join(filter(None, said)),
        "output_format": "text",
        "tests": tests,
        "extra_data": {"mugrade": attempt.mugrade, "tier": attempt.tier, "stage": attempt.stage},
    }


def _status(standing: Standing, row: CheckRow) -> dict[str, str]:
    passed = row.category == Category.PASS and not standing.late
    return {"status": "passed" if passed else "failed"}
