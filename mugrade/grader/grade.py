"""Grade submissions: each stage of each student in a process of its own, compared out here."""

import hashlib
import hmac
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace

from mugrade.answers import Answer, Verdict, judge
from mugrade.author.build import (
    check_names,
    check_tasks,
    make_manifest,
    record_answers,
    reference,
    reference_job,
)
from mugrade.author.course import Course, Stage, visible_lines
from mugrade.author.rehearse import rehearse
from mugrade.grader.results import Grade, Result
from mugrade.grader.submissions import (
    Answers,
    Submission,
    Unreadable,
    by_student,
    find_answers,
    read_cells,
    submission_job,
)
from mugrade.manifest import Manifest
from mugrade.mistakes import Known, Trace, contradicted, shown_part
from mugrade.observe import describe
from mugrade.sandbox.loader import Package
from mugrade.sandbox.probe import strongest
from mugrade.sandbox.process import Death, Job, Limits, Process, Sandbox, Task
from mugrade.sandbox.tiers import Tier

MAX_RESTARTS = 3
DEATHS = {"timeout", "crash", "memory", "output", "protocol"}
VARIANTS = 4


class Grader:
    """A course ready to grade: the reference has been run, its answers are known.

    Submissions run in `tier`, by default the strongest that holds here. `secret` seeds the hidden
    inputs, which come in a few variants; without one they are those of the build.
    """

    def __init__(
        self,
        course: Course,
        stages: Iterable[str],
        limits: Limits,
        own: bool = False,
        tier: Tier | None = None,
        secret: bytes = b"",
    ) -> None:
        self.course, self.limits, self.own, self.secret = course, limits, own, secret
        self.sandbox = Sandbox(tier or strongest().tier)
        self.manifest: Manifest = make_manifest(course)
        self.stages = {name: StageKey(course, course.find(name), self.sandbox) for name in stages}

    def close(self) -> None:
        self.sandbox.close()

    def grade(self, submission: Submission, all_of_student: Mapping[str, Submission]) -> Result:
        """Grade one stage of one student; never raises."""
        if submission.path is None:
            return self._not_run(submission, "missing", _what_is_there(submission))
        try:
            return self._grade(submission, all_of_student)
        except Unreadable as error:
            return self._not_run(submission, "unreadable", str(error))
        except Exception as error:  # one bad submission must not stop the rest
            return self._not_run(submission, "failed", describe(error))

    def _grade(self, submission: Submission, all_of_student: Mapping[str, Submission]) -> Result:
        key = self.stages[submission.stage]
        answers = {submission.stage: self._answers(submission)}
        for stage in self.course.before(key.stage) if self.own else ():
            answers[stage.name] = self._earlier(all_of_student.get(stage.name))
        job = submission_job(self.course, key.stage, answers, key.names)
        variant = self._variant(submission)
        verdicts = run_checks(
            self.sandbox,
            replace(job, base=key.base),
            key.parts(variant),
            self.limits,
            answers[submission.stage].problems,
            self.manifest,
        )
        verdicts = key.plausible(verdicts, variant)
        grades = [Grade(self.manifest.check[task.id], verdicts[task.id]) for task in key.tasks]
        return Result(submission, "graded", "", grades, self.sandbox.tier.name)

    def _not_run(self, submission: Submission, status: str, reason: str) -> Result:
        verdict = Verdict("not run", reason)
        tasks = self.stages[submission.stage].tasks
        grades = [Grade(self.manifest.check[task.id], verdict) for task in tasks]
        return Result(submission, status, reason, grades)

    def grade_all(
        self,
        submissions: Sequence[Submission],
        jobs: int,
        every: Sequence[Submission] = (),
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[Result]:
        """Grade on `jobs` workers, and yield results as they come, in any order.

        `every` holds what the students handed in for other stages, which `own` grades on. Once
        `stopped` says so no other submission is begun; those that are running are finished.
        """
        of = by_student([*every, *submissions])

        def work(s: Submission) -> Result | None:
            return None if stopped() else self.grade(s, of[s.student])

        with ThreadPoolExecutor(jobs) as pool, warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # of the students' cells
            futures = [pool.submit(work, s) for s in submissions]
            try:
                for future in as_completed(futures):
                    if (result := future.result()) is not None:
                        yield result
            finally:
                pool.shutdown(cancel_futures=True)

    def _variant(self, submission: Submission) -> str:
        """The variant of the hidden inputs: picked by what was handed in, seeded by the secret."""
        if not self.secret:
            return ""
        assert submission.path is not None
        digest = hashlib.sha256(submission.path.read_bytes()).digest()
        number = int.from_bytes(digest[:8]) % VARIANTS
        return hmac.new(self.secret, str(number).encode(), "sha256").hexdigest()

    def _answers(self, submission: Submission) -> Answers:
        assert submission.path is not None
        return find_answers(read_cells(submission.path), self.manifest, submission.stage)

    def _earlier(self, submission: Submission | None) -> Answers:
        """The student's own earlier stage; nothing but stubs if it cannot be read."""
        try:
            return self._answers(submission) if submission and submission.path else Answers()
        except Unreadable:
            return Answers()


def _what_is_there(submission: Submission) -> str:
    """Why a notebook is missing, and what of the student's might be it under another name."""
    if not submission.others:
        return "no notebook was handed in"
    more = " ..." if len(submission.others) > 3 else ""
    return f"no {submission.stage}.ipynb, but {', '.join(submission.others[:3])}{more}"


class StageKey:
    """What the grader knows of a stage: its checks and the reference's answers to them.

    Raises CourseError if the reference does not answer its own checks.
    """

    def __init__(self, course: Course, stage: Stage, sandbox: Sandbox) -> None:
        self.course, self.stage, self.sandbox = course, stage, sandbox
        self.tasks: Sequence[Task] = check_tasks(stage)
        self.names: Sequence[tuple[str, Sequence[str]]] = check_names(stage)
        self.base: Package = reference(course, course.before(stage))
        self.lock = threading.Lock()
        self.variants: dict[str, Mapping[str, Sequence[Answer]]] = {}
        self.mistakes: dict[str, Known] = {}
        self.answers()

    def answers(self, variant: str = "") -> Mapping[str, Sequence[Answer]]:
        """What the reference yields in one variant of the hidden inputs; run once."""
        with self.lock:
            if variant not in self.variants:
                tasks = [replace(task, variant=variant) for task in self.tasks]
                self.variants[variant] = record_answers(
                    self.course, self.stage, tasks, self.sandbox
                )
            return self.variants[variant]

    def known(self, variant: str) -> Known:
        """The traces of the recorded mistakes in one variant of the hidden inputs; made once."""
        answers = self.answers(variant)
        with self.lock:
            if variant not in self.mistakes:
                tasks = [replace(task, variant=variant) for task in self.tasks]
                job = reference_job(self.course, self.stage)
                found = rehearse(self.stage, job, tasks, answers, self.sandbox)
                self.mistakes[variant] = found
            return self.mistakes[variant]

    def plausible(self, verdicts: Mapping[str, Verdict], variant: str = "") -> dict[str, Verdict]:
        """The verdicts without recorded mistakes that checks which have passed speak against."""
        passed = {id for id, verdict in verdicts.items() if verdict.passed}
        return {
            id: replace(verdict, diagnosis=None)
            if verdict.diagnosis and contradicted(verdict.diagnosis, passed, self.known(variant))
            else verdict
            for id, verdict in verdicts.items()
        }

    def parts(self, variant: str = "", exercises: Container[str] | None = None) -> "list[Part]":
        """All that a submission is asked: what is shown, and the whole in one variant.

        Of every check, or only of those of some exercises.
        """
        of = {cell.id: cell.of for cell in self.stage.role("check")}
        shown, whole = self.answers(), self.answers(variant)
        return [
            part
            for task in self.tasks
            if exercises is None or of[task.id] in exercises
            for part in Part.of(task, variant, shown[task.id], whole[task.id], self.known)
        ]


@dataclass(frozen=True)
class Part:
    """What of a check is run at once, the shown inputs or all; and the answers to compare with.

    `known` gives the recorded mistakes of the check, which are looked at only after a miss.
    """

    task: Task
    answers: Sequence[Answer]
    hidden: bool
    known: Callable[[], Sequence[Trace]]

    @classmethod
    def of(
        cls,
        task: Task,
        variant: str,
        answers: Sequence[Answer],
        whole: Sequence[Answer],
        known: Callable[[str], Known],
    ) -> "Iterator[Part]":
        """The shown part of a check and, if it hides something, the whole in a variant."""
        shown = [answer for answer in answers if not answer.hidden]
        if shown or not answers:
            source = "\n".join(visible_lines(task.source))
            yield cls(
                replace(task, source=source),
                shown,
                False,
                lambda: shown_part(known("").get(task.id, ()), len(shown)),
            )
        if len(shown) < len(answers):
            yield cls(
                replace(task, variant=variant),
                whole,
                True,
                lambda: known(variant).get(task.id, ()),
            )


def run_checks(
    sandbox: Sandbox,
    job: Job,
    parts: Sequence[Part],
    limits: Limits,
    problems: Mapping[str, str],
    manifest: Manifest,
) -> dict[str, Verdict]:
    """The verdict of every check; a death costs the check that was running, the rest go on.

    All shown parts come before the first hidden one, after which no text that student code wrote
    is let through: it may quote what it has seen. Exercises at which the process died come last.
    """
    verdicts: dict[str, Verdict] = {}
    deaths: Counter[str] = Counter()
    broken = dict(problems)
    deadline = time.monotonic() + limits.total
    left = list(parts)
    seen = False
    while left and deaths.total() <= MAX_RESTARTS and time.monotonic() < deadline:
        left.sort(key=lambda part: (deaths[manifest.check[part.task.id].of], part.hidden))
        try:
            process = sandbox.start(job, limits)
        except Death as death:
            verdict = Verdict(death.category, f"while the cells were being defined: {death}")
            return verdicts | {part.task.id: verdict for part in left}
        with process:
            broken = broken if deaths else {**process.failures, **problems}
            while left and (seconds := deadline - time.monotonic()) > 0:
                part = left.pop(0)
                id, exercise = part.task.id, manifest.check[part.task.id].of
                seen = seen or part.hidden
                verdict = _run(process, part, min(limits.check, seconds))
                told = _conceal(verdict) if seen else verdict
                verdicts[id] = _explain(told, broken.get(exercise))
                if not verdict.passed:
                    left = [part for part in left if part.task.id != id]
                if verdict.category in DEATHS:
                    deaths[exercise] += 1
                    break
    reason = "too many crashes before it" if deaths.total() > MAX_RESTARTS else "no time was left"
    return verdicts | {part.task.id: Verdict("not run", reason) for part in left}


def _run(process: Process, part: Part, seconds: float) -> Verdict:
    try:
        values = process.run(part.task, seconds)
    except Death as death:
        return Verdict(death.category, str(death))
    verdict = judge(values, part.answers)
    return verdict if verdict.passed else judge(values, part.answers, part.known())


def _conceal(verdict: Verdict) -> Verdict:
    """The verdict without text of the student's process."""
    if verdict.passed or verdict.category in DEATHS:
        return verdict
    return Verdict(
        verdict.category, advice=verdict.advice, hidden=True, diagnosis=verdict.diagnosis
    )


def _explain(verdict: Verdict, problem: str | None) -> Verdict:
    """Say that the student's cell itself does not run, where that is the reason."""
    if verdict.passed or problem is None:
        return verdict
    advice = "run the cell on its own: it has to run before it can be checked"
    return Verdict("error", problem, advice=advice)
