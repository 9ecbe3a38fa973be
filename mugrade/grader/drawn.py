"""Which draw of the hidden inputs a course gives its checks, as far as it is known."""

import contextlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from mugrade import codec, files
from mugrade.course.manifest import dump
from mugrade.course.model import Course
from mugrade.errors import Unreadable
from mugrade.grader.fingerprint import judging
from mugrade.reference.digest import sha256

SECRET, DRAWS = ".secret", ".draws.json"


@dataclass(frozen=True)
class Drawn:
    """Check -> how often its inputs were drawn again, and a digest of what decides that."""

    of: str
    draws: dict[str, int]


class Draws:
    """Stage -> check -> how often its inputs were drawn again, if they were.

    What was found is kept in `folder` for as long as the secret, the stage, its mistakes and what
    judges are the same. `contents` are digests of the stages.
    """

    def __init__(self, folder: Path, course: Course, contents: Mapping[str, str]) -> None:
        self.folder, self.course, self.contents = folder, course, contents

    @cached_property
    def secret(self) -> bytes:
        """What the hidden inputs are drawn with; made when it is first asked for."""
        return own_secret(self.folder / SECRET)

    def known(self, stage: str) -> dict[str, int] | None:
        """The draws of a stage; None if they have to be found."""
        kept = self._kept.get(stage)
        return kept.draws if kept and kept.of == self.basis[stage] else None

    def keep(self, stage: str, draws: dict[str, int]) -> None:
        """Keep what was found of a stage; raises OSError."""
        self._kept[stage] = Drawn(self.basis[stage], draws)
        kept = {name: asdict(drawn) for name, drawn in self._kept.items()}
        files.write(self.folder / DRAWS, dump(kept).encode())

    @cached_property
    def basis(self) -> dict[str, str]:
        """Stage -> the digest of all that decides its draws."""
        mistakes = {s.name: [(m.of, m.edits) for m in s.mistakes] for s in self.course.stages}
        return {
            stage: sha256(self.secret, self.contents[stage], judging(), of)
            for stage, of in mistakes.items()
        }

    @cached_property
    def _kept(self) -> dict[str, Drawn]:
        try:
            return codec.read((self.folder / DRAWS).read_bytes(), dict[str, Drawn])
        except (OSError, ValueError):
            return {}


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
