"""What a student's folder notes of the work in it: when cells ran, and how checks went."""

import time
from dataclasses import asdict, dataclass
from typing import Any

from mugrade.course.manifest import BlockEntry, dump
from mugrade.student.workspace import Workspace

PROGRESS = "progress.json"
RAN = "ran.json"


@dataclass(frozen=True)
class LastRun:
    """How a check last went, for the code `seen`; `good` is what it last passed for.

    Both are digests of what the package held of its exercise.
    """

    passed: bool
    good: str = ""
    seen: str = ""

    @classmethod
    def read(cls, value: Any) -> "LastRun":
        """From the progress file; before there were digests it held a truth value."""
        if isinstance(value, dict):
            passed = value.get("passed") is True
            return cls(passed, str(value.get("good", "")), str(value.get("seen", "")))
        return cls(value is True)


def note_run(workspace: Workspace, id: str) -> None:
    """Note that a cell has just become a block of the package; the caller holds the lock."""
    workspace.write(workspace.state / RAN, dump({**workspace.recall(RAN), id: time.time()}))


def ran(workspace: Workspace, entry: BlockEntry) -> float:
    """When the package got what it holds of an exercise, in seconds since 1970."""
    noted = workspace.recall(RAN).get(entry.id)
    file = workspace.root / entry.module
    written = file.stat().st_mtime if file.exists() else 0.0
    return min(noted, written) if isinstance(noted, float) else written


def last_runs(workspace: Workspace) -> dict[str, LastRun]:
    """Check -> how it went when it last ran here."""
    return {check: LastRun.read(value) for check, value in workspace.recall(PROGRESS).items()}


def remember(workspace: Workspace, check: str, passed: bool) -> None:
    """Note the outcome of a check, and the code of its exercise if it passed."""
    source = workspace.source_digest(workspace.manifest.check[check].of)
    with workspace.lock():
        found = last_runs(workspace)
        good = source if passed else found.get(check, LastRun(False)).good
        found[check] = LastRun(passed, good, source)
        text = dump({id: asdict(run) for id, run in found.items()})
        workspace.write(workspace.state / PROGRESS, text)
