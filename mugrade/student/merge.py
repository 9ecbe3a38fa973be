"""A notebook of the course's new version with a student's answers and own cells in it."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mugrade.course.cells import FILLED_IN, Role
from mugrade.course.exercises import DEFINITION
from mugrade.package.blocks import EXPORT, STUB, cell_body
from mugrade.package.ipynb import CELL_TYPES, joined
from mugrade.student.notebook import Notebook, grade_id, is_as_handed_out

Raw = dict[str, Any]
OUTPUTS = ("outputs", "execution_count")
LOCKS = ("nbgrader", "deletable", "editable")


@dataclass(frozen=True)
class History:
    """What the course has handed out as a cell, the oldest text first; `symbols` of an exercise."""

    role: str
    texts: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()

    def has(self, text: str) -> bool:
        """Whether the course has handed this text out, whatever its export line."""
        return _plain(text) in self.texts


OF_A_STUDENT = History(role="")


@dataclass
class Merged:
    """The cells, and by id what became of those of the course.

    `lost` are texts that are in the notebook no more and that somebody wrote: (id, text, kind).
    """

    cells: list[Any]
    replaced: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    lost: list[tuple[str, str, str]] = field(default_factory=list)


def merge(
    mine: Notebook,
    new: Sequence[Any],
    known: Mapping[str, History],
    moved: Mapping[str, Raw],
    left: Iterable[str],
) -> Merged:
    """The cells of `new` with what the student wrote in `mine`.

    `known` tells what was handed out before, `moved` holds answers that were in another notebook,
    and `left` are cells of `mine` that go to another.
    """
    cells = mine.data["cells"]
    ids = [cell_id(raw) for raw in new]
    at = positions(cells, {**{id: OF_A_STUDENT for id in ids if id}, **known})
    with_ids = any(isinstance(c, dict) and "id" in c for c in cells) or not cells
    merged = Merged([])
    for id, raw in zip(ids, new, strict=True):
        own = cells[at[id]] if id in at else moved.get(id)
        cell = _chosen(raw, own, known.get(id), merged)
        merged.cells.append(cell if with_ids else {k: v for k, v in cell.items() if k != "id"})
    places = {position: id for id, position in at.items()}
    _put_own_cells(merged, ids, _own_cells(merged, cells, places, ids, known, set(left)))
    return merged


def positions(cells: Sequence[Any], known: Mapping[str, History]) -> dict[str, int]:
    """Id -> where that cell of the course is: by id, nbgrader's, its text, or what it defines.

    Of several, for an exercise, the one with the fewest gaps; of answers one that is written.
    """
    texts = {text: id for id, history in known.items() for text in history.texts if text}
    symbols = {name: id for id, history in known.items() for name in history.symbols}
    found: dict[str, list[tuple[int, int, int]]] = {}
    for position, cell in enumerate(cells):
        if not isinstance(cell, dict) or cell.get("cell_type") not in CELL_TYPES:
            continue
        source = cell_source(cell)
        defined = DEFINITION.findall(source) if EXPORT.search(source) else []
        names = [cell_id(cell), grade_id(cell), texts.get(_plain(source), "")]
        names += [symbols[name] for name in defined if name in symbols]
        rank, id = next(((i, n) for i, n in enumerate(names) if n in known), (0, ""))
        if id:
            gaps = _gaps(source, known[id])
            found.setdefault(id, []).append((gaps, rank, position))
    return {id: min(places)[2] for id, places in found.items()}


def _gaps(source: str, history: History) -> int:
    if history.role == Role.ANSWER:
        return int(history.has(source))
    return len(STUB.findall(source)) if history.role == Role.SOLUTION else 0


def _chosen(raw: Raw, own: Raw | None, history: History | None, merged: Merged) -> Raw:
    """The cell that the notebook has now: the course's, or the student's in its place."""
    id, text = cell_id(raw), cell_source(raw)
    if own is None:
        merged.added += [id] if history and not history.texts else []
        return dict(raw)
    if _plain(cell_source(own)) == _plain(text):
        return _dressed(own, raw, own.get("source", ""))
    if history is None or _stays(own, text, history):
        return _dressed(own, raw, _redirected(cell_source(own), text))
    merged.replaced.append(id)
    if not history.has(cell_source(own)) and not is_as_handed_out(own):
        merged.lost.append((id, cell_source(own), str(own.get("cell_type"))))
    return dict(raw)


def _stays(own: Raw, new: str, history: History) -> bool:
    """Whether a text of the student's stays in the place of the course's new one."""
    if history.has(cell_source(own)) or is_as_handed_out(own):
        return False
    if history.role in FILLED_IN:
        return True
    return history.role != Role.CHECK and history.texts[-1:] == (_plain(new),)


def _redirected(own: str, new: str) -> str:
    """An answer that exports to where the course's new stub does."""
    line = EXPORT.search(new)
    return EXPORT.sub(lambda _: line.group(), own, count=1) if line else own


def _dressed(own: Raw, raw: Raw, source: str | list[str]) -> Raw:
    """A student's cell as the course's: its id and nbgrader's metadata, and its outputs."""
    old, new = own.get("metadata"), raw.get("metadata")
    metadata = {**(old if isinstance(old, dict) else {}), **(new if isinstance(new, dict) else {})}
    cell: Raw = {**own, "cell_type": raw.get("cell_type"), "source": source}
    cell["metadata"] = _in_order(metadata, old)
    if isinstance(own.get("source"), list) and isinstance(source, str):
        cell["source"] = source.splitlines(keepends=True)
    if "id" in raw:
        cell["id"] = raw["id"]
    if raw.get("cell_type") == "code":
        cell.pop("attachments", None)
        return _in_order({"execution_count": None, "outputs": [], **cell}, own)
    return {name: value for name, value in cell.items() if name not in OUTPUTS}


def _in_order(new: Raw, old: Any) -> Raw:
    """With its keys sorted, as Jupyter writes them; if there are no others, as they were."""
    same = isinstance(old, dict) and old.keys() == new.keys()
    return {key: new[key] for key in (old if same else sorted(new))}


def _own_cells(
    merged: Merged,
    cells: Sequence[Any],
    places: Mapping[int, str],
    ids: Sequence[str],
    known: Mapping[str, History],
    left: set[str],
) -> dict[str, list[Any]]:
    """The cells that are not the course's, by the cell of the course that they stood below."""
    below: dict[str, list[Any]] = {}
    neighbour = ""
    for position, cell in enumerate(cells):
        id = places.get(position, "")
        if id in ids and id:
            neighbour = id
        elif id in left and id:
            continue
        elif _is_kept_in_place(cell, id, known, merged):
            below.setdefault(neighbour, []).append(_undressed(cell, {*ids, *known}, merged))
    return below


def _put_own_cells(merged: Merged, ids: Sequence[str], below: Mapping[str, list[Any]]) -> None:
    placed = list(below.get("", []))
    for id, cell in zip(ids, merged.cells, strict=True):
        placed += [cell, *(below.get(id, []) if id else [])]
    merged.cells = placed


def _undressed(cell: Any, taken: set[str], merged: Merged) -> Any:
    """A cell without what says that it is the course's."""
    if not isinstance(cell, dict) or not {cell_id(cell), grade_id(cell)} & taken:
        return cell
    metadata = cell.get("metadata")
    kept = {k: v for k, v in metadata.items() if k not in LOCKS} if metadata else {}
    cell = {**cell, "metadata": kept}
    if cell_id(cell) in {cell_id(other) for other in merged.cells} - {""}:
        cell["id"] = uuid.uuid4().hex[:8]
    return cell


def _is_kept_in_place(cell: Any, id: str, known: Mapping[str, History], merged: Merged) -> bool:
    """Whether a cell that is not in the new version stays, as one of the student's own."""
    if not isinstance(cell, dict):
        return True
    text, name = cell_source(cell), cell_id(cell) or grade_id(cell)
    history = known.get(id or name, OF_A_STUDENT)
    pristine = history.has(text) or is_as_handed_out(cell)
    if not pristine and (not id or history.role != Role.CHECK):
        return True
    if not pristine:
        merged.lost.append((id, text, str(cell.get("cell_type"))))
    if name not in (cell_id(other) for other in merged.cells):
        merged.gone.append(id or name)
    return False


def cell_id(cell: Any) -> str:
    """The id of a cell of a notebook, if it has one."""
    id = cell.get("id") if isinstance(cell, dict) else None
    return id if isinstance(id, str) else ""


def cell_source(cell: Raw) -> str:
    """The text of a cell of a notebook."""
    return joined(cell.get("source"))


def _plain(text: str) -> str:
    return cell_body(text).strip()
