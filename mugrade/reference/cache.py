"""What a stage's reference yields, kept until something changes that it depends on."""

import json
import logging
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mugrade import files
from mugrade.course.cells import Role
from mugrade.course.model import Course, Stage
from mugrade.extras import versions
from mugrade.reference.digest import course_digest, named_libraries, recording, sha256
from mugrade.reference.record import check_tasks, record_answers, reference_job
from mugrade.reference.rehearse import rehearse
from mugrade.reference.world import reference_limits
from mugrade.sandbox.job import CheckTask
from mugrade.sandbox.plain import Plain
from mugrade.sandbox.process import Sandbox
from mugrade.values.answers import Answer, answers_from_json, answers_to_json
from mugrade.values.mistakes import Known, known_from_json, known_to_json

log = logging.getLogger(__name__)

KERNELS = ("OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES")


@dataclass(frozen=True)
class Records:
    """Answers of the checks as students see them and in full, and the traces of known mistakes."""

    public: dict[str, list[Answer]]
    full: dict[str, list[Answer]]
    known: Known

    def __or__(self, other: "Records") -> "Records":
        """Those of both."""
        return Records(
            self.public | other.public, self.full | other.full, {**self.known, **other.known}
        )


@dataclass(frozen=True)
class Last:
    """What was recorded last, and whether nothing has changed since."""

    records: Records
    current: bool


def records_of(
    course: Course, stage: Stage, shown: Sequence[CheckTask], sandbox: Sandbox | Plain
) -> Records:
    """The records of a stage, `shown` being its checks as students see them; raises CourseError.

    Neither prose nor hints make them be recorded again, nor does another stage but an earlier one.
    """
    last = last_records(course, stage, shown)
    if last and last.current:
        return last.records
    log.info("%s is run", stage.name)
    found = _recorded(course, stage, shown, sandbox)
    depends_on = _depends_on(course, stage, shown)
    files.write(_path(course, stage), json.dumps({"depends_on": depends_on, **found}).encode())
    return _records(found)


def last_records(course: Course, stage: Stage, shown: Sequence[CheckTask]) -> Last | None:
    """What was recorded last of the checks that the stage has now, if it was and can be read."""
    try:
        found = json.loads(_path(course, stage).read_bytes())
        records, depends_on = _records(found), found["depends_on"]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    if records.full.keys() != {cell.id for cell in stage.role(Role.CHECK)}:
        return None
    return Last(records, depends_on == _depends_on(course, stage, shown))


def _depends_on(course: Course, stage: Stage, shown: Sequence[CheckTask]) -> str:
    return sha256(course_digest(course, stage), recording(), stage.mistakes, shown)


def _path(course: Course, stage: Stage) -> Path:
    return course.root / "build" / "records" / f"{stage.name}-{machine(course)}.json"


def _recorded(
    course: Course, stage: Stage, shown: Sequence[CheckTask], sandbox: Sandbox | Plain
) -> dict[str, Any]:
    tasks = check_tasks(stage)
    public = record_answers(course, stage, shown, sandbox)
    full = record_answers(course, stage, tasks, sandbox)
    limits = reference_limits(course, stage)
    known = rehearse(stage, reference_job(course, stage), tasks, full, sandbox, limits)
    return {
        "public": {id: answers_to_json(answers) for id, answers in public.items()},
        "full": {id: answers_to_json(answers) for id, answers in full.items()},
        "known": known_to_json(known),
    }


def _records(found: dict[str, Any]) -> Records:
    """Always as they were written, so that no build tells which it was."""
    public, full = (
        {id: answers_from_json(answers) for id, answers in found[part].items()}
        for part in ("public", "full")
    )
    return Records(public, full, known_from_json(found["known"]))


def machine(course: Course) -> str:
    """A digest of what the last digits of a result hang on: processor, NumPy, the libraries."""
    told = np.show_config(mode="dicts") or {}
    features = told.get("SIMD Extensions", {})
    settings = [os.environ.get(name) for name in KERNELS]
    libraries = versions(named_libraries(course)) if named_libraries(course) else ()
    here = np.__version__, platform.python_version(), platform.machine(), libraries
    return sha256(here, features, settings)[:8]
