"""Which draw of the hidden inputs a course gives its checks: found once, and kept."""

import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

from mugrade import codec, files
from mugrade.course.manifest import dump
from mugrade.course.model import Course, Stage
from mugrade.errors import Unreadable
from mugrade.grader.fingerprint import judging
from mugrade.grader.key import StageKey
from mugrade.grader.rehearsed import Rehearsed
from mugrade.reference.cache import machine
from mugrade.reference.digest import recording, sha256
from mugrade.sandbox.process import Sandbox
from mugrade.sandbox.tiers import WEAK

SECRET, DRAWS, KEYS = ".secret", ".draws.json", ".keys"


@dataclass(frozen=True)
class Drawn:
    """Check -> how often its inputs were drawn again, and a digest of what decides that."""

    of: str
    draws: dict[str, int]


class Draws:
    """Stage -> check -> how often its inputs were drawn again, if they were.

    It takes a rehearsal of the stage's mistakes to find that; what was found is kept in `folder`
    for as long as the secret, the stage, its mistakes and what judges are the same, and so is the
    key of the stage, on the same kind of processor. `contents` are digests of the stages.
    """

    def __init__(self, folder: Path, course: Course, contents: Mapping[str, str]) -> None:
        self.folder, self.course, self.contents = folder, course, contents

    @cached_property
    def secret(self) -> bytes:
        """What the hidden inputs are drawn with; made when it is first asked for."""
        return own_secret(self.folder / SECRET)

    def of(self, stage: str) -> dict[str, int]:
        """The draws of a stage, by a rehearsal if they are not known; raises CourseError."""
        kept = self._kept.get(stage)
        if kept and kept.of == self._what[stage]:
            return kept.draws
        with contextlib.closing(_sandbox(self.course)) as sandbox:
            return self.key(stage, sandbox).draws

    def key(self, name: str, sandbox: Sandbox) -> StageKey:
        """The key of a stage, found out in `sandbox` if it is not kept; raises CourseError."""
        stage = self.course.find(name)
        kept = self._read_key(stage)
        if kept is None:
            self._make_key(stage, sandbox)
            kept = self._read_key(stage)  # the same as in later runs
        return StageKey(self.course, stage, sandbox, self.secret, kept=kept)

    def _make_key(self, stage: Stage, sandbox: Sandbox) -> None:
        found = StageKey(self.course, stage, sandbox, self.secret)
        kept = {"of": self._what_key(stage), **found.rehearsed.to_json()}
        files.write(self._path(stage), json.dumps(kept).encode(), private=True)
        self._kept[stage.name] = Drawn(self._what[stage.name], found.draws)
        draws = {name: asdict(drawn) for name, drawn in self._kept.items()}
        files.write(self.folder / DRAWS, dump(draws).encode())

    def _read_key(self, stage: Stage) -> Rehearsed | None:
        """What is kept of a stage's key, if it is still right and can be read."""
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
            kept = json.loads(self._path(stage).read_bytes())
            if kept["of"] == self._what_key(stage):
                return Rehearsed.from_json(kept, stage, self.secret)
        return None

    def _path(self, stage: Stage) -> Path:
        return self.folder / KEYS / f"{stage.name}.json"

    def _what_key(self, stage: Stage) -> str:
        """The digest of all that decides the key of a stage."""
        return sha256(self._what[stage.name], stage.mistakes, recording(), machine(self.course))

    @cached_property
    def _kept(self) -> dict[str, Drawn]:
        try:
            return codec.read((self.folder / DRAWS).read_bytes(), dict[str, Drawn])
        except (OSError, ValueError):
            return {}

    @cached_property
    def _what(self) -> dict[str, str]:
        """Stage -> the digest of all that decides its draws."""
        mistakes = {s.name: [(m.of, m.edits) for m in s.mistakes] for s in self.course.stages}
        return {
            stage: sha256(self.secret, self.contents[stage], judging(), of)
            for stage, of in mistakes.items()
        }


def _sandbox(course: Course) -> Sandbox:
    """Where only the course's own code runs."""
    return Sandbox(replace(WEAK, libraries=course.settings.libraries))


def own_secret(path: Path) -> bytes:
    """The secret that seeds hidden inputs: made once, readable by the grader only, then kept.

    Whoever has it, and the draws of a result, can draw the same inputs again, which is what an
    appeal needs.
    """
    with contextlib.suppress(FileExistsError):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(fd, secrets.token_hex(32).encode())
        os.close(fd)
    secret = path.read_bytes().strip()
    if not secret:
        raise Unreadable(f"{path}: the secret of the hidden inputs is empty; delete the file")
    return secret
