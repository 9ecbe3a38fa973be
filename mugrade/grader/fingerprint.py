"""What a result depends on, in one number: a result with the same fingerprint is up to date."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path

from mugrade.course.model import Course
from mugrade.errors import Unreadable
from mugrade.extras import versions
from mugrade.grader.attempts import Basis
from mugrade.grader.hashes import sha256_of
from mugrade.grader.results import Result
from mugrade.grader.submissions import Submission
from mugrade.reference.digest import course_digest, named_libraries, sha256, sources
from mugrade.reference.world import stage_limits
from mugrade.sandbox.limits import Limits
from mugrade.version import __version__

JUDGING = (
    "course/cells.py",
    "course/exercises.py",
    "course/listing.py",
    "course/manifest.py",
    "course/model.py",
    "course/reading.py",
    "course/written.py",
    "grader/assemble.py",
    "grader/bundle.py",
    "grader/by_hand.py",
    "grader/draw.py",
    "grader/grade.py",
    "grader/key.py",
    "grader/pool.py",
    "grader/rehearsed.py",
    "grader/worker.py",
    "package/blocks.py",
    "package/ipynb.py",
    "reference/record.py",
    "reference/rehearse.py",
    "reference/world.py",
    "sandbox/channel.py",
    "sandbox/confine.py",
    "sandbox/guest.py",
    "sandbox/job.py",
    "sandbox/kernel.py",
    "sandbox/libraries.py",
    "sandbox/limits.py",
    "sandbox/loader.py",
    "sandbox/nursery.py",
    "sandbox/process.py",
    "sandbox/refusals.py",
    "sandbox/tiers.py",
    "values/__init__.py",
    "values/answers.py",
    "values/close.py",
    "values/compare.py",
    "values/datum.py",
    "values/distribution.py",
    "values/figure.py",
    "values/holds.py",
    "values/judges.py",
    "values/observe.py",
    "values/same.py",
    "values/verdict.py",
    "values/wire.py",
)
"""The sources, below mugrade/, whose change may change a verdict."""
NOTHING = "missing"


class Fingerprints:
    """Fingerprints of submissions under one course, limits and way of grading.

    Prose, hints and demos of the course are not part of it: mending a typo regrades nobody.
    `hash_of` is asked what a notebook's file holds.
    """

    def __init__(
        self,
        course: Course,
        limits: Limits,
        own: bool,
        hash_of: Callable[[Path], str] = sha256_of,
    ) -> None:
        self.course, self.own, self.hash_of = course, own, hash_of
        on = "own" if own else "reference"
        libraries = (
            {"libraries": versions(named_libraries(course))} if named_libraries(course) else {}
        )
        self.rules = {
            stage.name: {
                "on": on,
                "limits": asdict(stage_limits(course, stage, limits)),
                **libraries,
            }
            for stage in course.stages
        }
        self.courses = {s.name: course_digest(course, s) for s in course.stages}

    def of(self, submission: Submission, all_of_student: Mapping[str, Submission]) -> str:
        """The hash of what was handed in and of all that it is graded with."""
        before = map(all_of_student.get, self._earlier(submission.stage))
        own = [handed_in(s, self.hash_of, NOTHING) if s else NOTHING for s in before]
        return self._of(submission, handed_in(submission, self.hash_of), own)

    def basis(self, result: Result) -> Basis:
        """What a result was graded with; the fingerprint is that of what was really read."""
        stage, notebook = result.submission.stage, result.notebook
        own = [n.sha256 if n else NOTHING for n in map(result.earlier.get, self._earlier(stage))]
        content = notebook.sha256 if notebook else result.reason
        handed_in = NOTHING if result.submission.path is None else content
        return Basis(
            self._of(result.submission, handed_in, own),
            __version__,
            self.courses[stage],
            judging(),
            self.rules[stage],
        )

    def _earlier(self, stage: str) -> list[str]:
        """The stages whose own answers a submission is graded on."""
        before = self.course.before(self.course.find(stage)) if self.own else ()
        return [s.name for s in before]

    def _of(self, submission: Submission, handed_in: str, own: Sequence[str]) -> str:
        said = submission.others if submission.path is None else submission.notes
        rules = [judging(), self.rules[submission.stage], self.courses[submission.stage]]
        return sha256(rules, handed_in, own, said)


@cache
def judging() -> str:
    """The hash of the sources of what judges; another mugrade with the same judges the same."""
    return sources(JUDGING)


def handed_in(
    submission: Submission, hash_of: Callable[[Path], str] = sha256_of, unreadable: str = ""
) -> str:
    """The hash of a notebook, or why there is none, unless `unreadable` is to be said of that."""
    try:
        return hash_of(submission.path) if submission.path else NOTHING
    except Unreadable as error:
        return unreadable or str(error)
