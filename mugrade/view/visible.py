"""What it is called that checks pass, above all where the grader tries other inputs too.

A student's folder knows which checks have hidden inputs, and nothing of these.
"""

OTHERS = "the grader tries others"
PASS = f"all visible inputs pass; {OTHERS}"
NOTE = f"these are the visible inputs; {OTHERS}"


def columns(hidden: bool) -> tuple[str, str]:
    """What a table calls the checks that pass and the points that they are worth."""
    return ("visible inputs pass", "worth") if hidden else ("checks passing", "points")


def counts(passing: int, checks: int, points: int, total: int, hidden: bool) -> str:
    """How many checks pass, and the points that they are worth."""
    if hidden:
        return f"visible inputs: {passing} of {checks} checks pass, worth {points} points"
    return f"{passing} of {checks} checks pass, {points} of {total} points"


def points_called(optional: bool) -> str:
    """What points are called, those of an optional check and others."""
    return "bonus points" if optional else "points"
