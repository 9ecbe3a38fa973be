"""Commands that replace and bring back: update, restore, kept."""

import difflib
from typing import TYPE_CHECKING, Annotated

import typer

from mugrade.cli.shared import console, find_stage, find_workspace, reload_advice, say, shown
from mugrade.student import Side

if TYPE_CHECKING:
    from mugrade.student.kept import Kept
    from mugrade.student.restore import Restored
    from mugrade.student.update import Changed, Update


def restore(
    stages: Annotated[
        list[str] | None, typer.Argument(help="Stages; by default all whose notebook is here.")
    ] = None,
    to: Annotated[
        Side | None, typer.Option(help="Write only there, also where both have an answer.")
    ] = None,
) -> None:
    """Rebuild answers in the notebooks from your package, and the package from the notebooks.

    A stub never replaces an answer. Where both have one and they differ, nothing is done without
    --to, and what is replaced is kept.
    """
    from mugrade.student.notebook import notebook_path
    from mugrade.student.restore import restore_stage

    workspace = find_workspace()
    names = [find_stage(workspace, name) for name in stages or []]
    there = (s for s in workspace.manifest.stages if notebook_path(workspace, s).exists())
    done = [restore_stage(workspace, stage, to) for stage in names or there]
    said = [line for restored in done for line in _told(restored)]
    for line in said or ["notebooks and package hold the same answers"]:
        say(line)


def _told(done: "Restored") -> list[str]:
    name, number = done.notebook.path.name, done.stage[:2]
    lines = []
    if ids := done.into[Side.NOTEBOOK]:
        lines += [f"{name}: from the package: {', '.join(ids)}", reload_advice(done.notebook.path)]
    if ids := done.into[Side.PACKAGE]:
        lines.append(f"package: from {name}: {', '.join(ids)}; restart its kernel if it is open")
    lines += [_kept_line(entry) for entry in done.kept]
    for sides in done.undecided:
        lines.append(f"the package holds another {sides.entry.id}, {sides.dates}")
        command = f"mugrade restore {number} --to {sides.newer.other}"
        lines.append(f"  to have the newer in both: {command}")
    for entry in done.lost:
        back = f"mugrade kept {entry.number} --restore"
        lines.append(f"{entry.id}: neither has an answer, but one of {entry.time} is kept: {back}")
    return lines + done.problems


def _kept_line(entry: "Kept") -> str:
    return f"  replaced, and kept as {entry.number}: {entry.id} in {entry.where}"


def kept(
    number: Annotated[int | None, typer.Argument(help="Which text to show.", min=1)] = None,
    restore: Annotated[bool, typer.Option(help="Put it back into its cell.")] = False,
) -> None:
    """List every text that was ever replaced, show one, or put it back into its cell."""
    from mugrade.student.kept import find_kept
    from mugrade.student.restore import bring_back

    workspace = find_workspace()
    if number is None:
        return _list_kept()
    entry = find_kept(workspace, number)
    if not restore:
        return say(entry.text)
    notebook, before = bring_back(workspace, entry)
    say(f"{entry.id} of {entry.time} is in {notebook.path.name} again; run its cell")
    if before:
        say(_kept_line(before))
    say(reload_advice(notebook.path))


def _list_kept() -> None:
    from rich.text import Text

    from mugrade.student.kept import every_kept
    from mugrade.view.tables import table

    found = every_kept(find_workspace())
    if not found:
        return say("nothing has been replaced yet")
    columns = ("number", "replaced", "cell", "in", "by", "lines")
    listed = table(columns, right=("number", "lines"), whole=("replaced",))
    for entry in found:
        size = len(entry.text.splitlines())
        row = (str(entry.number), entry.time, entry.id, entry.where, entry.by, str(size))
        listed.add_row(*map(Text, row))
    console().print(listed)
    say(f"in {shown(found[-1].path.parent)}; mugrade kept {found[-1].number} shows the last")


def update(
    source: Annotated[
        str,
        typer.Argument(help="A folder, a zip, a git URL or remote; by default what mugrade holds."),
    ] = "",
    back: Annotated[bool, typer.Option("--undo", help="Take the last update back.")] = False,
) -> None:
    """Bring the course's new version under your work: your answers and own cells stay.

    Everything that is replaced is kept.
    """
    from mugrade.student.sources import opened_source
    from mugrade.student.update import undo, update_course

    workspace = find_workspace()
    if back:
        return _tell(undo(workspace), "the course is as it was before the update")
    with console(stderr=True).status("looking"), opened_source(source, workspace.folder) as folder:
        done = update_course(workspace, folder)
    _tell(done, "mugrade update --undo takes it back")


def _tell(done: "Update", last: str) -> None:
    """Say what was replaced, notebook by notebook."""
    for stage, merged in done.notebooks.items():
        what = {"replaced": merged.replaced, "new": merged.added, "gone": merged.gone}
        said = [f"{word} {', '.join(ids)}" for word, ids in what.items() if ids]
        say(f"{stage}.ipynb: {'; '.join(said) or 'cells in another order'}")
    for changed in done.changed:
        _show_change(changed)
    for line in (*map(_kept_line, done.kept), *done.notes):
        say(line)
    if not done.files:
        return say("everything is as it is there")
    count = f"{len(done.files)} file{'s' * (len(done.files) > 1)}"
    say(f"{count} replaced; {last}")
    say("  reload open notebooks with File > Reload Notebook from Disk, and restart their kernels")


def _show_change(changed: "Changed") -> None:
    """What the course made of its stub, and what the student did."""
    say(f"{changed.id}: its stub has changed, and your answer stays; what the course changed:")
    for line in _difference(changed.old, changed.new):
        say(f"  {line}")
    say(f"{changed.id}: and what you wrote into the old stub:")
    for line in _difference(changed.old, changed.written):
        say(f"  {line}")


def _difference(old: str, new: str) -> list[str]:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), n=2, lineterm="")
    return list(lines)[2:]
