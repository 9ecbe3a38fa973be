"""Grade submissions: each stage of each student in a process of its own, compared out here."""

import contextlib
import warnings
from collections.abc import Mapping
from dataclasses import replace

from mugrade.course.cells import Role
from mugrade.course.exercises import StudentCode, find_code
from mugrade.course.listing import make_manifest
from mugrade.course.manifest import Manifest
from mugrade.course.model import Course
from mugrade.errors import Unreadable
from mugrade.grader.assemble import submission_job
from mugrade.grader.bundle import Bundle, CheckPart, Outcome, left_out, run_bundle
from mugrade.grader.by_hand import digest_of, written_grades
from mugrade.grader.key import StageKey
from mugrade.grader.results import Grade, PackedNotebook, Result, Status
from mugrade.grader.submissions import Submission
from mugrade.package.ipynb import cells_in, read_bytes
from mugrade.reference.world import stage_limits
from mugrade.sandbox.limits import Limits
from mugrade.sandbox.process import Sandbox
from mugrade.values import Category
from mugrade.values.observe import describe
from mugrade.values.verdict import Verdict

TOO_LARGE = "it takes too much memory to read"
TOO_DEEP = "its code is nested too deeply to read"


class CourseKey:
    """A course ready to grade: data that a worker is sent, with the keys of stages.

    `limits` are the usual ones, of which the course may say others. With `own`, a stage is graded
    on top of the student's own earlier ones.
    """

    def __init__(
        self, course: Course, stages: Mapping[str, StageKey], limits: Limits, own: bool = False
    ) -> None:
        self.course, self.stages, self.limits, self.own = course, stages, limits, own
        self.manifest: Manifest = make_manifest(course)

    def limits_of(self, stage: str) -> Limits:
        """The limits within which a stage is graded."""
        return stage_limits(self.course, self.course.find(stage), self.limits)

    @property
    def too_weak(self) -> list[str]:
        """The checks that let known mistakes pass, however they are drawn."""
        return [text for key in self.stages.values() for text in key.too_weak]

    def earlier(
        self, stage: str, all_of_student: Mapping[str, Submission]
    ) -> dict[str, PackedNotebook]:
        """The student's own earlier stages that a stage is graded on, those that are there."""
        found: dict[str, PackedNotebook] = {}
        for before in self.course.before(self.course.find(stage)) if self.own else ():
            submission = all_of_student.get(before.name)
            if submission and submission.path:
                with contextlib.suppress(Unreadable):
                    found[before.name] = PackedNotebook.of(read_bytes(submission.path))
        return found

    def not_run(
        self,
        submission: Submission,
        status: Status,
        reason: str,
        digests: Mapping[str, str],
    ) -> Result:
        """The result of a submission that was not run; `digests`: check -> that of its code."""
        verdict = Verdict(Category.NOT_RUN, reason)
        stage = submission.stage
        entries = [self.manifest.check[task.id] for task in self.stages[stage].tasks]
        entries += self.manifest.answers(stage)
        grades = [Grade(entry, verdict, digests[entry.id]) for entry in entries]
        return Result(submission, status, reason, grades)

    def unread(
        self,
        submission: Submission,
        all_of_student: Mapping[str, Submission],
        status: Status,
        reason: str,
    ) -> Result:
        """The result of a submission that cannot be looked into; its file is kept, if it can be."""
        notebook = None
        with contextlib.suppress(Unreadable):
            notebook = PackedNotebook.of(read_bytes(submission.path)) if submission.path else None
        digests = self.whole(submission.stage, notebook)
        result = self.not_run(submission, status, reason, digests)
        earlier = self.earlier(submission.stage, all_of_student) if notebook else {}
        return replace(result, notebook=notebook, earlier=earlier)

    def digests(self, stage: str, code: StudentCode) -> dict[str, str]:
        """Check -> the digest of the code that it judges; and answer -> that of its text."""
        checks = {id: code.digest(of) for id, of in self.stages[stage].exercises.items()}
        answers = self.manifest.answers(stage)
        return checks | {e.id: digest_of(code.answers.get(e.id, "")) for e in answers}

    def whole(self, stage: str, notebook: PackedNotebook | None) -> dict[str, str]:
        """The same where no code is known: the digest of all of it."""
        whole = notebook.sha256[:16] if notebook else ""
        answers = (entry.id for entry in self.manifest.answers(stage))
        return dict.fromkeys((*self.stages[stage].exercises, *answers), whole)


class Grader:
    """Grades submissions one after the other in a sandbox, which it closes."""

    def __init__(self, key: CourseKey, sandbox: Sandbox) -> None:
        self.key, self.sandbox = key, sandbox

    def run(self, bundle: Bundle) -> Outcome:
        """Ask a submission everything."""
        return run_bundle(bundle, self.sandbox)

    def close(self) -> None:
        self.sandbox.close()

    def grade(self, submission: Submission, all_of_student: Mapping[str, Submission]) -> Result:
        """Grade one stage of one student; never raises."""
        missing = self.key.digests(submission.stage, StudentCode())
        if submission.path is None:
            why = _what_is_there(submission)
            return self.key.not_run(submission, Status.MISSING, why, missing)
        try:
            notebook = PackedNotebook.of(read_bytes(submission.path))
        except Unreadable as error:
            return self.key.not_run(submission, Status.UNREADABLE, str(error), missing)
        earlier = self.key.earlier(submission.stage, all_of_student)
        result = self.judge(submission, notebook, earlier)
        return replace(result, notebook=notebook, earlier=earlier)

    def judge(
        self,
        submission: Submission,
        notebook: PackedNotebook,
        earlier: Mapping[str, PackedNotebook],
    ) -> Result:
        """Grade a notebook on top of the reference or of earlier ones; never raises."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)  # of the student's cells
                return self._grade(submission, notebook, earlier)
        except Unreadable as error:
            status, reason = Status.UNREADABLE, str(error)
        except (MemoryError, RecursionError) as error:
            status = Status.UNREADABLE
            reason = TOO_LARGE if isinstance(error, MemoryError) else TOO_DEEP
        except Exception as error:  # one bad submission must not stop the rest
            status, reason = Status.FAILED, describe(error)
        return self.key.not_run(submission, status, reason, self._digests(submission, notebook))

    def _grade(
        self,
        submission: Submission,
        notebook: PackedNotebook,
        earlier: Mapping[str, PackedNotebook],
    ) -> Result:
        key = self.key.stages[submission.stage]
        code = {submission.stage: self._code(submission.stage, notebook)}
        for stage in self.key.course.before(key.stage) if self.key.own else ():
            code[stage.name] = self._own_code(stage.name, earlier.get(stage.name))
        bundle = Bundle(
            submission_job(key, code),
            key.parts(),
            key.exercises,
            self.key.limits_of(submission.stage),
            code[submission.stage].problems,
        )
        outcome = self._on_reference(bundle, self.run(bundle), code, key)
        verdicts = key.named(outcome, code[submission.stage].exercises, self.sandbox)
        digests = self.key.digests(submission.stage, code[submission.stage])
        grades = [
            Grade(self.key.manifest.check[task.id], verdicts[task.id], digests[task.id])
            for task in key.tasks
        ]
        answers = self.key.manifest.answers(submission.stage)
        grades += written_grades(answers, code[submission.stage].answers)
        refused = tuple(sorted(outcome.refused))
        return Result(
            submission, Status.GRADED, "", grades, outcome.tier, key.draws, refused=refused
        )

    def _on_reference(
        self, bundle: Bundle, outcome: Outcome, code: Mapping[str, StudentCode], key: StageKey
    ) -> Outcome:
        """Ask what failed beside a cell that could not be loaded again, with the reference's cell.

        Of the second run only whether a check passes is kept, for the reference was within reach.
        """
        lost, stage = outcome.unloaded, key.stage
        again = [part for part in bundle.parts if _may_pass(part, bundle, outcome)]
        if not lost or not again:
            return outcome
        own = code[stage.name]
        given = {c.id: c.block.source for c in stage.role(Role.SOLUTION) if c.id in lost}
        on_top = {**code, stage.name: replace(own, exercises={**own.exercises, **given})}
        job = left_out(submission_job(key, on_top), outcome.died - given.keys())
        second = self.run(replace(bundle, job=job, parts=again, problems={}))
        outcome.refused |= second.refused
        for id, verdict in second.verdicts.items():
            if verdict.passed or outcome.verdicts[id].category == Category.UNSOLVED:
                outcome.verdicts[id] = verdict.concealed
                outcome.misses.pop(id, None)
        return outcome

    def _digests(self, submission: Submission, notebook: PackedNotebook) -> dict[str, str]:
        """The digests of what could not be graded; that of all of it where it has no cells."""
        try:
            return self.key.digests(submission.stage, self._code(submission.stage, notebook))
        except Exception:  # whatever failed may fail again
            return self.key.whole(submission.stage, notebook)

    def _code(self, stage: str, notebook: PackedNotebook) -> StudentCode:
        return find_code(cells_in(notebook.content), self.key.manifest, stage)

    def _own_code(self, stage: str, notebook: PackedNotebook | None) -> StudentCode:
        """The student's own earlier stage; nothing but stubs if it cannot be read."""
        try:
            return self._code(stage, notebook) if notebook else StudentCode()
        except Unreadable:
            return StudentCode()


def _may_pass(part: CheckPart, bundle: Bundle, outcome: Outcome) -> bool:
    """Whether a part belongs to a failed check of an exercise whose own cell was loaded."""
    id = part.task.id
    return not outcome.verdicts[id].passed and bundle.exercises[id] not in outcome.unloaded


def _what_is_there(submission: Submission) -> str:
    """Why a notebook is missing, and what of the student's might be it under another name."""
    if not submission.others:
        return "no notebook was handed in"
    more = " ..." if len(submission.others) > 3 else ""
    return f"no {submission.stage}.ipynb, but {', '.join(submission.others[:3])}{more}"
