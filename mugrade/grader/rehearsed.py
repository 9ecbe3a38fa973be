"""What a stage's reference answers and its known mistakes miss, as data that can be kept."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mugrade.course.model import Stage
from mugrade.grader.bundle import CheckPart
from mugrade.grader.draw import Draw, Missed, drawn, known_of
from mugrade.reference.record import check_tasks
from mugrade.values.answers import Answer, answers_from_json, answers_to_json
from mugrade.values.mistakes import known_from_json, known_to_json


@dataclass(frozen=True)
class Rehearsed:
    """The parts of a stage's checks as they are built, what mistakes miss of them, the draws."""

    parts: Sequence[CheckPart]
    missed: Sequence[Missed]
    drawn: Mapping[str, Draw]

    def to_json(self) -> dict[str, Any]:
        return {
            "answers": {part.task.id: answers_to_json(part.answers) for part in self.parts},
            "missed": _to_json(self.missed),
            "drawn": {
                id: {
                    "counter": draw.counter,
                    "answers": answers_to_json(draw.part.answers),
                    "missed": _to_json(draw.missed),
                    "passed": [mistake.id for mistake in draw.passed],
                }
                for id, draw in self.drawn.items()
            },
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], stage: Stage, secret: bytes) -> "Rehearsed":
        """What was kept of a stage and a secret; raises LookupError if it is of others."""
        tasks = {task.id: task for task in check_tasks(stage)}
        mistakes = {mistake.id: mistake for mistake in stage.mistakes}
        answers = {id: answers_from_json(data["answers"][id]) for id in tasks}
        parts = parts_of(stage, answers)
        found = {}
        for id, kept in data["drawn"].items():
            task = drawn(tasks[id], secret, kept["counter"])
            part = CheckPart(task, answers_from_json(kept["answers"]), True)
            missed = _from_json(kept["missed"], stage, [part])
            passed = [mistakes[mistake] for mistake in kept["passed"]]
            found[id] = Draw(kept["counter"], part, missed, passed)
        return cls(parts, _from_json(data["missed"], stage, parts), found)


def parts_of(stage: Stage, answers: Mapping[str, Sequence[Answer]]) -> list[CheckPart]:
    """The parts of a stage's checks with the inputs of the build."""
    return [part for task in check_tasks(stage) for part in CheckPart.of(task, answers[task.id])]


def _to_json(missed: Sequence[Missed]) -> dict[str, Any]:
    return {
        "of": [[miss.mistake.id, miss.part.task.id, miss.part.hidden] for miss in missed],
        "known": known_to_json(known_of(missed)),
    }


def _from_json(data: Mapping[str, Any], stage: Stage, parts: Iterable[CheckPart]) -> list[Missed]:
    mistakes = {mistake.id: mistake for mistake in stage.mistakes}
    of = {(part.task.id, part.hidden): part for part in parts}
    known = known_from_json(data["known"])
    traces = {(check, t.mistake): t for check, found in known.items() for t in found}
    return [
        Missed(mistakes[id], of[check, hidden], traces.get((check, id)))
        for id, check, hidden in data["of"]
    ]
