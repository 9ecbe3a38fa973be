"""What has been collected so far, in `submitted/.collected/`: every hand-in, and every file's fate.

Contents are kept by student and hash, so that whatever is replaced in `submitted/` is still there.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from mugrade import files
from mugrade.errors import Unreadable

KEPT, INDEX = ".collected", "index.json"
INDEX_FORMAT = 1


@dataclass(frozen=True)
class Received:
    """A notebook that a student handed in; its content is kept by its hash.

    `handed_in` is in ISO format, or empty where nobody can say; `order` tells hand-ins of one time
    apart, `is_late` is the platform's mark.
    """

    sha256: str
    file: str
    download: str
    handed_in: str = ""
    clock: str = ""
    order: tuple[int, ...] = ()
    is_late: bool = False
    is_readable: bool = True

    @property
    def when(self) -> datetime | None:
        return datetime.fromisoformat(self.handed_in) if self.handed_in else None


@dataclass(frozen=True)
class Fate:
    """What became of a file of a download: of a hand-in its hash, else a status and why."""

    download: str
    file: str
    status: str
    why: str = ""
    students: tuple[str, ...] = ()
    stage: str = ""
    sha256: str = ""


@dataclass
class Index:
    """Hand-ins by stage and student; fates by what was asked of a download; answers about people.

    `roster` is the one that was used last, `deadlines` are those that were given by hand.
    """

    format: int
    hand_ins: dict[str, dict[str, list[Received]]] = field(default_factory=dict)
    fates: dict[str, list[Fate]] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    deadlines: dict[str, str] = field(default_factory=dict)
    roster: str = ""

    def of(self, stage: str, student: str) -> list[Received]:
        """What a student has handed in, in order."""
        return in_time(self.hand_ins.get(stage, {}).get(student, ()))

    def add(self, stage: str, student: str, new: Received) -> None:
        """Add a hand-in, unless the same content is there from then or earlier."""
        of_stage = self.hand_ins.setdefault(stage, {})
        known = of_stage.setdefault(student, [])
        same = [h for h in known if h.sha256 == new.sha256]
        if not same:
            known.append(new)
        elif new.handed_in and all(_when(new) < _when(h) for h in same if h.handed_in):
            of_stage[student] = [new if h in same else h for h in known]


def in_time(hand_ins: Sequence[Received]) -> list[Received]:
    """In the order of handing in; of those whose time nobody knows, in that of collecting."""
    return sorted(hand_ins, key=lambda h: (_when(h), h.order))


def chosen(hand_ins: Sequence[Received]) -> Received:
    """The last that can be read, else the last, of hand-ins in order."""
    return ([h for h in hand_ins if h.is_readable] or list(hand_ins))[-1]


def _when(hand_in: Received) -> datetime:
    return hand_in.when or datetime.min.replace(tzinfo=UTC)


def read_index(submitted: Path) -> Index:
    """What has been collected there; raises Unreadable where that cannot be read."""
    from mugrade import codec

    path = submitted / KEPT / INDEX
    try:
        found = codec.read(path.read_bytes(), Index)
        _drop_deleted(submitted, found)
    except FileNotFoundError:
        return Index(INDEX_FORMAT)
    except (OSError, ValueError, TypeError) as error:
        raise Unreadable(f"{path}: cannot be read ({error}): move it away") from None
    if found.format > INDEX_FORMAT:
        raise Unreadable(f"{path}: written by a newer mugrade: upgrade mugrade")
    return found


def _drop_deleted(submitted: Path, index: Index) -> None:
    """Forget hand-ins whose content somebody has deleted; raises ValueError for times of none."""
    for stage, of_stage in index.hand_ins.items():
        for student, hand_ins in of_stage.items():
            there = [h for h in hand_ins if content_of(submitted, student, h.sha256).is_file()]
            of_stage[student] = in_time(there)
        index.hand_ins[stage] = {student: of for student, of in of_stage.items() if of}
    for asked, fates in index.fates.items():
        index.fates[asked] = [fate for fate in fates if _is_there(index, fate)]


def _is_there(index: Index, fate: Fate) -> bool:
    """Whether a file is no hand-in, or one that is kept."""
    of_stage = index.hand_ins.get(fate.stage, {})
    hand_ins = (h for student in fate.students for h in of_stage.get(student, ()))
    return not fate.sha256 or any(h.sha256 == fate.sha256 for h in hand_ins)


def write_index(submitted: Path, index: Index) -> None:
    """Raises OSError."""
    text = json.dumps(index, default=vars, ensure_ascii=False, separators=(",", ":"))
    files.write(submitted / KEPT / INDEX, text.encode("utf-8", "backslashreplace"))


def content_of(submitted: Path, student: str, sha256: str) -> Path:
    """Where the content of a student's hand-in is."""
    return submitted / KEPT / student / f"{sha256}.ipynb"


def keep(submitted: Path, students: Iterable[str], content: bytes) -> str:
    """Keep what students have handed in, and return its hash; raises OSError."""
    sha256 = hashlib.sha256(content).hexdigest()
    for student in students:
        path = content_of(submitted, student, sha256)
        if not path.exists():
            files.write(path, content)
    return sha256
