"""Grade submissions: each stage of each student in a process of its own, compared out here."""

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace

from mugrade.course.cells import Role
from mugrade.course.exercises import StudentCode, find_code
from mugrade.course.listing import make_manifest
from mugrade.course.manifest import Manifest
from mugrade.course.model import Course
from mugrade.errors import Unreadable
from mugrade.grader.assemble import submission_job
from mugrade.grader.bundle import Bundle, CheckPart, Outcome, conceal, left_out, run_bundle
from mugrade.grader.key import StageKey
from mugrade.grader.results import Grade, PackedNotebook, Result, Status
from mugrade.grader.submissions import Submission, by_student
from mugrade.package.ipynb import cells_in, read_bytes
from mugrade.sandbox.job import Limits
from mugrade.sandbox.probe import strongest
from mugrade.sandbox.process import Sandbox
from mugrade.sandbox.tiers import Tier
from mugrade.values import Category
from mugrade.values.observe import describe
from mugrade.values.verdicts import Verdict


class Grader:
    """A course ready to grade: the reference has been run, its answers are known.

    Submissions run in `tier`, by default the strongest that holds here, or wherever `run` sends
    them. `secret` draws the hidden inputs, the same for everybody, for a record as often as `draws`
    says; without one they are those of the build. `too_weak` says which checks let known mistakes
    pass, however they are drawn.
    """

    def __init__(
        self,
        course: Course,
        stages: Iterable[str],
        limits: Limits,
        own: bool = False,
        tier: Tier | None = None,
        secret: bytes = b"",
        run: Callable[[Bundle], Outcome] | None = None,
        draws: Mapping[str, int] | None = None,
    ) -> None:
        self.course, self.limits, self.own = course, limits, own
        self.sandbox = Sandbox(tier or strongest().tier)
        self.run = run or (lambda bundle: run_bundle(bundle, self.sandbox))
        self.manifest: Manifest = make_manifest(course)
        self.stages = {
            name: StageKey(course, course.find(name), self.sandbox, secret, draws)
            for name in stages
        }
        self.too_weak = [text for key in self.stages.values() for text in key.too_weak]

    def close(self) -> None:
        self.sandbox.close()

    def grade(self, submission: Submission, all_of_student: Mapping[str, Submission]) -> Result:
        """Grade one stage of one student; never raises."""
        if submission.path is None:
            return self._not_run(submission, Status.MISSING, _what_is_there(submission))
        try:
            notebook = PackedNotebook.of(read_bytes(submission.path))
        except Unreadable as error:
            return self._not_run(submission, Status.UNREADABLE, str(error))
        earlier = dict(self._earlier(submission.stage, all_of_student))
        result = self._judged(submission, notebook, earlier)
        return replace(result, notebook=notebook, earlier=earlier)

    def _judged(
        self,
        submission: Submission,
        notebook: PackedNotebook,
        earlier: Mapping[str, PackedNotebook],
    ) -> Result:
        try:
            return self._grade(submission, notebook, earlier)
        except Unreadable as error:
            return self._not_run(submission, Status.UNREADABLE, str(error), notebook)
        except Exception as error:  # one bad submission must not stop the rest
            return self._not_run(submission, Status.FAILED, describe(error), notebook)

    def _grade(
        self,
        submission: Submission,
        notebook: PackedNotebook,
        earlier: Mapping[str, PackedNotebook],
    ) -> Result:
        key = self.stages[submission.stage]
        code = {submission.stage: self._code(submission.stage, notebook)}
        for stage in self.course.before(key.stage) if self.own else ():
            code[stage.name] = self._own_code(stage.name, earlier.get(stage.name))
        job = submission_job(self.course, key.stage, code, key.names)
        bundle = Bundle(
            replace(job, base=key.base),
            key.parts(),
            key.exercises,
            self.limits,
            code[submission.stage].problems,
        )
        outcome = self._on_reference(bundle, self.run(bundle), code, key)
        verdicts = key.named(outcome, code[submission.stage].exercises)
        digests = self._digests(submission.stage, code[submission.stage])
        grades = [
            Grade(self.manifest.check[task.id], verdicts[task.id], digests[task.id])
            for task in key.tasks
        ]
        return Result(submission, Status.GRADED, "", grades, outcome.tier, draws=key.draws)

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
        job = replace(submission_job(self.course, stage, on_top, key.names), base=key.base)
        job = left_out(job, outcome.died - given.keys())
        second = self.run(replace(bundle, job=job, parts=again, problems={}))
        for id, verdict in second.verdicts.items():
            if verdict.passed or outcome.verdicts[id].category == Category.UNSOLVED:
                outcome.verdicts[id] = conceal(verdict)
                outcome.misses.pop(id, None)
        return outcome

    def _not_run(
        self,
        submission: Submission,
        status: Status,
        reason: str,
        notebook: PackedNotebook | None = None,
    ) -> Result:
        verdict = Verdict(Category.NOT_RUN, reason)
        digests = self._digests_unrun(submission.stage, notebook)
        tasks = self.stages[submission.stage].tasks
        grades = [Grade(self.manifest.check[t.id], verdict, digests[t.id]) for t in tasks]
        return Result(submission, status, reason, grades)

    def _digests(self, stage: str, code: StudentCode) -> dict[str, str]:
        """Check -> the digest of the code that it judges."""
        return {id: code.digest(of) for id, of in self.stages[stage].exercises.items()}

    def _digests_unrun(self, stage: str, notebook: PackedNotebook | None) -> dict[str, str]:
        """The same of what could not be graded; the digest of all of it where it has no cells."""
        try:
            return self._digests(stage, self._code(stage, notebook) if notebook else StudentCode())
        except Exception:  # whatever failed may fail again
            whole = notebook.sha256[:16] if notebook else ""
            return dict.fromkeys(self.stages[stage].exercises, whole)

    def grade_all(
        self,
        submissions: Sequence[Submission],
        jobs: int,
        every: Sequence[Submission] = (),
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[Result]:
        """Grade on `jobs` workers, and yield results as they come, in any order.

        One worker grades the next submission when its result is asked for.

        `every` holds what the students handed in for other stages, which `own` grades on. Once
        `stopped` says so no other submission is begun; those that are running are finished.
        """
        of = by_student([*submissions, *every])

        def work(s: Submission) -> Result | None:
            return None if stopped() else self.grade(s, of[s.student])

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # of the students' cells
            results = map(work, submissions) if jobs == 1 else in_threads(work, submissions, jobs)
            yield from (result for result in results if result is not None)

    def _code(self, stage: str, notebook: PackedNotebook) -> StudentCode:
        return find_code(cells_in(notebook.content), self.manifest, stage)

    def _own_code(self, stage: str, notebook: PackedNotebook | None) -> StudentCode:
        """The student's own earlier stage; nothing but stubs if it cannot be read."""
        try:
            return self._code(stage, notebook) if notebook else StudentCode()
        except Unreadable:
            return StudentCode()

    def _earlier(
        self, stage: str, all_of_student: Mapping[str, Submission]
    ) -> Iterator[tuple[str, PackedNotebook]]:
        """The student's own earlier stages that a stage is graded on, those that are there."""
        for before in self.course.before(self.course.find(stage)) if self.own else ():
            submission = all_of_student.get(before.name)
            if submission and submission.path:
                with contextlib.suppress(Unreadable):
                    yield before.name, PackedNotebook.of(read_bytes(submission.path))


def in_threads(
    work: Callable[[Submission], Result | None], submissions: Sequence[Submission], jobs: int
) -> Iterator[Result | None]:
    """What `work` returns, as it comes."""
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for future in as_completed([pool.submit(work, s) for s in submissions]):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


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
