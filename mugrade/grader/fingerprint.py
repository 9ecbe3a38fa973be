"""What a result depends on, in one number: a result with the same fingerprint is up to date."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mugrade.author.course import Course, Stage
from mugrade.errors import Unreadable
from mugrade.grader.submissions import Submission
from mugrade.ipynb import read_bytes
from mugrade.sandbox.process import Limits

GRADER = 2  # counts up when the same submission would be graded differently
GRADED = ("given", "solution", "check")


class Fingerprints:
    """Fingerprints of submissions under one course, limits and way of grading.

    Prose, hints and demos of the course are not part of it: mending a typo regrades nobody.
    """

    def __init__(self, course: Course, limits: Limits, own: bool) -> None:
        self.course, self.own = course, own
        rules = [GRADER, sorted(asdict(limits).items()), own, _labels(course)]
        self.stages = {s.name: sha256(rules, _content(course, s)) for s in course.stages}

    def of(self, submission: Submission, all_of_student: Mapping[str, Submission]) -> str:
        """The hash of what was handed in and of all that it is graded with."""
        stage = self.course.find(submission.stage)
        earlier = self.course.before(stage) if self.own else ()
        own = [handed_in(all_of_student.get(s.name)) for s in earlier]
        said = submission.others if submission.path is None else submission.notes
        return sha256(self.stages[stage.name], handed_in(submission), own, said)


def handed_in(submission: Submission | None) -> str:
    """The hash of a notebook, or why there is none."""
    if submission is None or submission.path is None:
        return "missing"
    try:
        return hashlib.sha256(read_bytes(submission.path)).hexdigest()
    except Unreadable as error:
        return str(error)


def _content(course: Course, stage: Stage) -> list[Any]:
    """Code that the stage is graded on top of, its checks, and the data they read."""
    cells = [c for s in course.before(stage) for c in s.exports]
    cells += stage.role(*GRADED)
    files = {path: sha256(content) for path, content in course.files(stage).items()}
    return [[(c.id, c.role, c.source, c.points, c.export, c.of) for c in cells], files]


def _labels(course: Course) -> list[tuple[str, str]]:
    folder = course.root / "solutions" / "labels"
    return [(path.name, sha256(path.read_bytes())) for path in sorted(folder.glob("*.npy"))]


def sha256(*parts: object) -> str:
    """The hash of values that their `repr` tells apart."""
    return hashlib.sha256(repr(parts).encode("utf-8", "backslashreplace")).hexdigest()
