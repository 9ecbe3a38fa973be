"""What becomes of each file of a download: it is a hand-in, or it is ignored, and why."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC

from mugrade.archives import Budget
from mugrade.errors import Unreadable
from mugrade.grader.collect.entries import GIT, Entry
from mugrade.grader.collect.index import Fate, Received
from mugrade.grader.collect.notebooks import ASK, MAX_WITH_OUTPUTS, Brought, bring, bring_script
from mugrade.grader.collect.origin import Origin, Person
from mugrade.grader.collect.people import Whose
from mugrade.grader.collect.stages import NOTEBOOK, OTHER, SCRIPT, StageFinder, file_kind
from mugrade.package.ipynb import MAX_BYTES

HANDED_IN, IGNORED, UNREADABLE = "handed in", "ignored", "unreadable"
OPENED, ASKED = "opened", "asked"
NOBODY = "no student's name in its path"
TEXTS = ("", ".txt", ".json")
Keep = Callable[[Sequence[str], bytes], str]


@dataclass(frozen=True)
class Gathered:
    """A file's fate, and the hand-in that it is, if it is one."""

    fate: Fate
    hand_in: Received | None = None
    is_script: bool = False


class Gatherer:
    """Looks at the files of a download; `wanted` are the stages that are collected."""

    def __init__(
        self, download: str, stages: StageFinder, wanted: Sequence[str], keep: Keep
    ) -> None:
        self.download, self.stages, self.wanted, self.keep = download, stages, wanted, keep
        self.budgets: dict[tuple[str, ...], Budget] = defaultdict(Budget)

    def gather(
        self,
        entries: Sequence[Entry],
        origins: Mapping[Entry, Origin],
        whose: Mapping[Person, Whose],
    ) -> list[Gathered]:
        """What becomes of each file, in the order of the files."""
        found = [self._look(entry, origins.get(entry), whose) for entry in entries]
        with_notebook = {
            (student, f.fate.stage)
            for f in found
            if f.hand_in and f.hand_in.is_readable and not f.is_script
            for student in f.fate.students
        }
        return [_without_script(f, with_notebook) for f in found]

    def _look(self, entry: Entry, origin: Origin | None, whose: Mapping[Person, Whose]) -> Gathered:
        fate = Fate(self.download, str(entry.path), IGNORED)
        if entry.path.name == GIT:
            return Gathered(replace(fate, why="git's own folder"))
        if entry.is_hidden:
            return Gathered(replace(fate, why="put there by a system or an editor"))
        people = origin.people if origin else ()
        said = [whose[person] for person in people]
        fate = replace(fate, students=tuple(dict.fromkeys(w.folder for w in said if w.folder)))
        if entry.opened:
            return Gathered(replace(fate, status=OPENED, why="an archive; its files have rows"))
        if origin is None:
            status = UNREADABLE if entry.problem else IGNORED
            return Gathered(replace(fate, status=status, why=entry.problem or NOBODY))
        unknown = [f"{p.label}: {w.why}" for p, w in zip(people, said, strict=True) if w.why]
        if not fate.students:
            return Gathered(replace(fate, status=ASKED, why="; ".join(unknown)))
        return self._of_student(entry, origin, replace(fate, why="; ".join(unknown)))

    def _of_student(self, entry: Entry, origin: Origin, fate: Fate) -> Gathered:
        """A file that has a student."""
        name = origin.file or entry.path.name
        called, kind = self.stages.by_name(name), file_kind(name)
        if entry.problem:
            fate = replace(fate, status=UNREADABLE, why=entry.problem, stage=self._meant(called))
            return Gathered(fate)
        if kind == OTHER and called and _suffix(name) in TEXTS:
            kind = NOTEBOOK
        if kind == OTHER or (kind == SCRIPT and not called):
            stage = self._meant(called) if called else ""
            return Gathered(replace(fate, why=_no_notebook(name, called), stage=stage))
        try:
            content = entry.read(self.budgets[fate.students], MAX_WITH_OUTPUTS)
        except Unreadable as error:
            fate = replace(fate, status=UNREADABLE, why=str(error), stage=self._meant(called))
            return Gathered(fate)
        return self._of_content(content, origin, fate, called, kind)

    def _of_content(
        self, content: bytes, origin: Origin, fate: Fate, called: str | None, kind: str
    ) -> Gathered:
        try:
            brought = bring(content) if kind == NOTEBOOK else bring_script(content)
        except Unreadable as error:
            fate = replace(fate, status=UNREADABLE, why=str(error), stage=self._meant(called))
            if not fate.stage or len(content) > MAX_BYTES:
                return Gathered(fate)
            broken = self._hand_in(origin, fate, Brought(content, (), ()), False, kind)
            return Gathered(replace(fate, sha256=broken.sha256), broken)
        stage = self.stages.by_cells(brought.cells) or called
        if stage is None or stage not in self.wanted:
            why = _elsewhere(stage, called)
            return Gathered(replace(fate, why=why, stage=self._meant(called or stage)))
        fate = replace(fate, status=HANDED_IN, stage=stage)
        hand_in = self._hand_in(origin, fate, brought, True, kind)
        notes = "; ".join(filter(None, (fate.why, *brought.notes)))
        return Gathered(replace(fate, sha256=hand_in.sha256, why=notes), hand_in, kind == SCRIPT)

    def _hand_in(
        self, origin: Origin, fate: Fate, brought: Brought, is_readable: bool, kind: str
    ) -> Received:
        named = fate.file.endswith(f"{fate.stage}.ipynb")
        return Received(
            self.keep(fate.students, brought.content),
            fate.file,
            fate.download,
            origin.handed_in.astimezone(UTC).isoformat() if origin.handed_in else "",
            origin.clock,
            (*origin.order, int(named), int(kind == NOTEBOOK)),
            origin.is_late,
            is_readable,
        )

    def _meant(self, called: str | None) -> str:
        """The stage that a file was handed in for: what it is called like, else the only one."""
        if called:
            return called if called in self.wanted else ""
        return self.wanted[0] if len(self.wanted) == 1 else ""


def _without_script(found: Gathered, with_notebook: set[tuple[str, str]]) -> Gathered:
    """A script beside a notebook of the same student and stage is none."""
    keys = {(student, found.fate.stage) for student in found.fate.students}
    if not found.is_script or not keys & with_notebook:
        return found
    return Gathered(replace(found.fate, status=IGNORED, why="the notebook counts", sha256=""))


def _no_notebook(name: str, called: str | None) -> str:
    what = {".pdf": "a PDF", ".html": "a web page", ".htm": "a web page"}.get(_suffix(name))
    if what and called:
        return f"it is {what}: {ASK}"
    return f"{what}, no notebook" if what else "no notebook"


def _elsewhere(stage: str | None, called: str | None) -> str:
    if stage is None:
        return "a notebook of no stage"
    like = f", called like {called}" if called not in (None, stage) else ""
    return f"a notebook of {stage}{like}"


def _suffix(name: str) -> str:
    _, dot, end = name.rpartition(".")
    return f".{end.lower()}" if dot else ""


def hand_ins(found: Sequence[Gathered]) -> Iterator[tuple[str, str, Received]]:
    """Stage, student and hand-in."""
    for one in found:
        if one.hand_in:
            for student in one.fate.students:
                yield one.fate.stage, student, one.hand_in
