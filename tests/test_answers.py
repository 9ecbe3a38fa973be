"""Every check fails on the stub, passes on the reference and on other right answers, and every
known wrong answer loses points."""

import functools
import importlib
import zlib
from collections.abc import Iterator, Sequence

import pytest

from mugrade.course.exercises import StudentCode
from mugrade.course.model import Stage
from mugrade.grader.assemble import submission_job
from mugrade.grader.bundle import Bundle, CheckPart, Outcome, run_bundle
from mugrade.grader.draw import drawn, hidden_parts
from mugrade.grader.grade import Grader
from mugrade.grader.key import StageKey
from mugrade.package.blocks import cell_body
from mugrade.sandbox.process import Sandbox
from mugrade.values.verdict import Verdict
from tests.answers.named import NAMED
from tests.conftest import STAGES

Edits = list[tuple[str, str]] | str
LEAST_WRONG, LEAST_RIGHT = 8, 3


def table(stage: str) -> tuple[dict[str, dict[str, Edits]], dict[str, dict[str, str]]]:
    module = importlib.import_module(f"tests.answers.stage_{stage[:2]}")
    return module.WRONG, module.RIGHT


def answers(kind: int) -> Iterator[object]:
    for stage in STAGES:
        for exercise, found in table(stage)[kind].items():
            for name, answer in found.items():
                yield pytest.param(stage, exercise, name, answer, id=f"{exercise}: {name}")


@functools.cache
def drawn_parts(key: StageKey, secret: bytes, sandbox: Sandbox) -> dict[str, CheckPart]:
    """The hidden parts of a stage as a secret draws them at first."""
    tasks = [drawn(part.task, secret, 0) for part in key.built if part.hidden]
    return hidden_parts(key.course, key.stage, tasks, sandbox)


def secret_of(source: str) -> bytes:
    """One of a few secrets: points must not depend on which."""
    return bytes([zlib.crc32(source.encode()) % 4])


def outcome(
    grader: Grader,
    stage: Stage,
    changed: dict[str, str],
    only: str = "",
    secret: bytes = b"",
    sandbox: Sandbox | None = None,
) -> Outcome:
    """What becomes of the reference with some exercises answered otherwise.

    All checks of the stage are run, or only those that belong to one exercise, with the hidden
    inputs that a secret draws; in the grader's sandbox or in another.
    """
    key = grader.key.stages[stage.name]
    parts = key.parts(only={only} if only else None)
    if secret:
        hidden = drawn_parts(key, secret, grader.sandbox)
        parts = [hidden[part.task.id] if part.hidden else part for part in parts]
    return asked(grader, stage, changed, parts, sandbox)


def asked(
    grader: Grader,
    stage: Stage,
    changed: dict[str, str],
    parts: Sequence[CheckPart],
    sandbox: Sandbox | None = None,
) -> Outcome:
    """What becomes of it in some parts of the checks."""
    exercises = {cell.id: cell_body(cell.source) for cell in stage.role("solution")} | changed
    given = StudentCode({id: source for id, source in exercises.items() if source})
    key = grader.key.stages[stage.name]
    job = submission_job(key, {stage.name: given})
    bundle = Bundle(job, parts, key.exercises, grader.key.limits)
    return run_bundle(bundle, sandbox or grader.sandbox)


def verdicts(
    grader: Grader, stage: Stage, changed: dict[str, str], only: str = ""
) -> dict[str, Verdict]:
    """The verdicts of the same, with the mistakes named."""
    found = outcome(grader, stage, changed, only)
    return grader.key.stages[stage.name].named(found, changed, grader.sandbox)


def edited(stage: Stage, exercise: str, edits: Edits) -> str:
    """The reference's cell with each old text, which stands there once, replaced by the new.

    Or, as it is, a cell that was written without the reference.
    """
    if isinstance(edits, str):
        return cell_body(edits)
    (source,) = (cell.source for cell in stage.role("solution") if cell.id == exercise)
    for old, new in edits:
        assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {exercise}"
        source = source.replace(old, new)
    return cell_body(source)


def verdicts_on_edits(
    grader: Grader, stage: Stage, exercise: str, edits: Edits
) -> dict[str, Verdict]:
    """The verdicts on an edited reference cell: of its own checks or, if they pass, of all."""
    changed = {exercise: edited(stage, exercise, edits)}
    found = verdicts(grader, stage, changed, exercise)
    if all(verdict.passed for verdict in found.values()):
        found = verdicts(grader, stage, changed)
    return found


@pytest.mark.parametrize("name", STAGES)
def test_the_reference_passes(grader: Grader, name: str) -> None:
    found = verdicts(grader, grader.key.course.find(name), {})
    assert {id: verdict for id, verdict in found.items() if not verdict.passed} == {}


@pytest.mark.parametrize("name", STAGES)
def test_every_check_fails_on_the_stub(grader: Grader, name: str) -> None:
    stage = grader.key.course.find(name)
    found = verdicts(grader, stage, {cell.id: "" for cell in stage.role("solution")})
    assert {verdict.category for verdict in found.values()} == {"unsolved"}


@pytest.mark.parametrize(("stage", "exercise", "name", "edits"), list(answers(0)))
def test_a_wrong_answer_loses_points_and_is_not_misnamed(
    grader: Grader, stage: str, exercise: str, name: str, edits: Edits
) -> None:
    found = verdicts_on_edits(grader, grader.key.course.find(stage), exercise, edits)
    assert any(not verdict.passed for verdict in found.values())
    spoken = sorted({v.diagnosis.name for v in found.values() if v.diagnosis})
    assert spoken == NAMED.get(exercise, {}).get(name, []), "judge it, and note it in named.py"


@pytest.mark.parametrize(("stage", "exercise", "name", "source"), list(answers(1)))
def test_a_right_answer_gets_full_points(
    grader: Grader, stage: str, exercise: str, name: str, source: str
) -> None:
    changed = {exercise: cell_body(source)}
    found = outcome(grader, grader.key.course.find(stage), changed, secret=secret_of(source))
    assert {id: v for id, v in found.verdicts.items() if not v.passed} == {}


def test_a_mistake_is_named_where_it_was_made(grader: Grader) -> None:
    stage = grader.key.course.find("00")
    (cell,) = (cell for cell in stage.role("solution") if cell.id == "divide")
    assert cell.source.count("-(a_grad * node)") == 1
    source = cell_body(cell.source.replace("-(a_grad * node)", "a_grad * node"))
    found = verdicts(grader, stage, {"divide": source})
    of = {id: grader.key.manifest.check[id].of for id in found}
    assert {of[id] for id, verdict in found.items() if verdict.diagnosis} == {"divide"}
    assert {of[id] for id, verdict in found.items() if not verdict.passed} > {"divide"}


def spoken(grader: Grader, stage: str, changed: dict[str, str]) -> dict[str, list[str]]:
    """Exercise -> the names that its failing checks give, for those that get any."""
    found: dict[str, set[str]] = {}
    for id, verdict in verdicts(grader, grader.key.course.find(stage), changed).items():
        if verdict.diagnosis:
            found.setdefault(grader.key.manifest.check[id].of, set()).add(verdict.diagnosis.name)
    return {exercise: sorted(names) for exercise, names in found.items()}


INDEPENDENT = {
    "01": {
        "xavier-uniform": "the keywords are dropped",
        "xavier-normal": "the keywords are dropped",
        "kaiming-uniform": "the keywords are dropped",
        "kaiming-normal": "the keywords are dropped",
    },
    "05": {"layernorm": "eps squared", "batchnorm": "the momentum on the wrong side"},
    "07": {"parse-idx": "signed bytes", "flip": "upside down", "crop": "ones instead of zeros"},
}


@pytest.mark.parametrize("number", INDEPENDENT)
def test_mistakes_that_do_not_depend_on_each_other_are_all_named(
    grader: Grader, number: str
) -> None:
    stage = grader.key.course.find(number)
    changed = {
        id: edited(stage, id, table(stage.name)[0][id][name])
        for id, name in INDEPENDENT[number].items()
    }
    found = spoken(grader, stage.name, changed)
    assert {id: found[id] for id in changed} == {
        id: NAMED[id][name] for id, name in INDEPENDENT[number].items()
    }


def test_an_exercise_that_is_not_written_silences_no_other(grader: Grader) -> None:
    stage, name = grader.key.course.find("03"), "the reduced axes are kept"
    source = edited(stage, "stable-logsumexp", table(stage.name)[0]["stable-logsumexp"][name])
    alone = spoken(grader, stage.name, {"stable-logsumexp": source})
    assert alone["stable-logsumexp"] == NAMED["stable-logsumexp"][name]
    others = {cell.id: "" for cell in stage.role("solution")}
    assert spoken(grader, stage.name, others | {"stable-logsumexp": source}) == alone


def test_values_behind_an_earlier_failure_are_not_explained(grader: Grader) -> None:
    stage = grader.key.course.find("00")
    changed = {
        id: edited(stage, id, table(stage.name)[0][id][name])
        for id, name in {
            "matmul": "b is not transposed",
            "reverse-mode": "the contributions are averaged",
        }.items()
    }
    found = verdicts(grader, stage, changed)
    said = {id: v.diagnosis and v.diagnosis.name for id, v in found.items() if not v.passed}
    assert said["reverse-mode-gradients"] == "the contributions are averaged"
    assert said["second-order"] is None  # it multiplies matrices


@pytest.mark.parametrize("name", STAGES)
def test_every_exercise_has_hints_checks_and_answers(grader: Grader, name: str) -> None:
    stage = grader.key.course.find(name)
    wrong, right = table(name)
    exercises = [cell.id for cell in stage.role("solution")]
    assert sorted(wrong) == sorted(right) == sorted(exercises)
    assert {cell.of for cell in stage.role("check")} == set(exercises)
    for id in exercises:
        assert len(grader.key.manifest.hints[id]) == 3
        assert len(wrong[id]) >= LEAST_WRONG
        assert len(right[id]) >= LEAST_RIGHT


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_is_worth_100_points(grader: Grader, name: str) -> None:
    assert grader.key.course.find(name).points == 100
