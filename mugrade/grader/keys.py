"""The keys of a course's stages: found out once, and kept."""

import contextlib
import json
from dataclasses import replace
from pathlib import Path

from mugrade import files
from mugrade.course.model import Stage
from mugrade.grader.drawn import Draws
from mugrade.grader.key import StageKey
from mugrade.grader.rehearsed import Rehearsed
from mugrade.reference.cache import machine
from mugrade.reference.digest import recording, sha256
from mugrade.sandbox.process import Sandbox
from mugrade.sandbox.tiers import WEAK

KEYS = ".keys"


class Keys:
    """Stage -> its key, with the draws that a rehearsal of the stage's mistakes finds.

    A key is kept beside its draws for as long as these, the sources that record and the kind of
    processor are the same.
    """

    def __init__(self, draws: Draws) -> None:
        self.draws, self.course = draws, draws.course

    def draws_of(self, stage: str) -> dict[str, int]:
        """The draws of a stage, by a rehearsal; raises CourseError."""
        sandbox = Sandbox(replace(WEAK, libraries=self.course.settings.libraries))
        with contextlib.closing(sandbox):  # only the course's own code runs there
            return self.key(stage, sandbox).draws

    def key(self, name: str, sandbox: Sandbox) -> StageKey:
        """The key of a stage, found out in `sandbox` if it is not kept; raises CourseError."""
        stage = self.course.find(name)
        kept = self._read(stage)
        if kept is None:
            self._make(stage, sandbox)
            kept = self._read(stage)  # the same as in later runs
        return StageKey(self.course, stage, sandbox, self.draws.secret, kept=kept)

    def _make(self, stage: Stage, sandbox: Sandbox) -> None:
        found = StageKey(self.course, stage, sandbox, self.draws.secret)
        kept = {"of": self._basis(stage), **found.rehearsed.to_json()}
        files.write(self._path(stage), json.dumps(kept).encode(), private=True)
        self.draws.keep(stage.name, found.draws)

    def _read(self, stage: Stage) -> Rehearsed | None:
        """What is kept of a stage's key, if it is still right and can be read."""
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
            kept = json.loads(self._path(stage).read_bytes())
            if kept["of"] == self._basis(stage):
                return Rehearsed.from_json(kept, stage, self.draws.secret)
        return None

    def _path(self, stage: Stage) -> Path:
        return self.draws.folder / KEYS / f"{stage.name}.json"

    def _basis(self, stage: Stage) -> str:
        """The digest of all that decides the key of a stage."""
        basis = self.draws.basis[stage.name]
        return sha256(basis, stage.mistakes, recording(), machine(self.course))
