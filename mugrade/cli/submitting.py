"""The command that hands in: submit."""

import json as js
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mugrade.cli.shared import (
    Json,
    console,
    fail,
    find_stage,
    find_workspace,
    say,
    say_of_hidden,
)
from mugrade.errors import WorkspaceError
from mugrade.view import visible

if TYPE_CHECKING:
    from mugrade.student.copies import Rivals
    from mugrade.student.submit import HandIn
    from mugrade.student.workspace import Workspace


def submit(
    stages: Annotated[
        list[str] | None, typer.Argument(help="Stages; by default all that you have begun.")
    ] = None,
    student: Annotated[
        str | None, typer.Option(help="Your id, as your instructor knows it; it is remembered.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The archive; by default ID.zip here.")
    ] = None,
    chosen: Annotated[
        list[Path] | None,
        typer.Option("--from", help="The notebook to hand in, where several hold answers."),
    ] = None,
    check: Annotated[
        Path | None, typer.Option("--check", help="Say what is in an archive; writes nothing.")
    ] = None,
    json: Json = False,
) -> None:
    """Say what will be handed in and which checks pass, and write the archive to hand in.

    What counts are the notebooks as they are saved. Checks are not run again: mugrade check does.
    A copy of each archive is kept in .mugrade/submitted.
    """
    from mugrade.student.submit import hand_in, student_id, written_stages

    workspace = find_workspace()
    if check:
        return _say_what_is_in(workspace, check, json)
    who = student_id(workspace, student)
    names = [find_stage(workspace, name) for name in stages or []]
    paths, notes = _choose(workspace, names, chosen or [], ask=not json)
    asked = [stage for stage in workspace.manifest.stages if stage in names]
    items = [hand_in(workspace, stage, paths.get(stage)) for stage in asked]
    items = items or written_stages(workspace, paths)
    _pack(workspace, who, items, out or Path(f"{who}.zip"), notes, json)


def _pack(
    workspace: "Workspace",
    who: str,
    items: "list[HandIn]",
    path: Path,
    notes: list[str],
    json: bool,
) -> None:
    """Write the archive and a copy of it, and say what is in it."""
    from mugrade.student.submit import archive, receipt, store
    from mugrade.version import __version__

    content = archive(who, items)
    try:
        workspace.write_bytes(path, content)
    except WorkspaceError:
        raise fail(f"{path} cannot be written: name another file with --out") from None
    copy = store(workspace, who, content)
    if json:
        found = {"student": who, "archive": str(path), "receipt": receipt(content)}
        found |= {"mugrade": __version__, "copy": str(copy)}
        stages = [_to_json(item) for item in items]
        say(js.dumps({**found, "stages": stages, "notes": notes}, indent=1))
        return
    _show(items)
    for note in notes:
        say(note)
    size = f"{len(content) / 1e3:.0f} kB"
    count = f"{len(items)} notebook{'s' * (len(items) > 1)}"
    say(f"{path}: {count} of {who}, {size}, receipt {receipt(content)}, mugrade {__version__}")


def _choose(
    workspace: "Workspace", names: list[str], given: list[Path], ask: bool
) -> tuple[dict[str, Path], list[str]]:
    """The notebooks that are not the ones of their stage's name, and what to say of others.

    Raises WorkspaceError where it is not clear which is meant and nobody can be asked.
    """
    from mugrade.student.copies import rivals, stage_of_notebook

    paths = {stage_of_notebook(workspace, path): path for path in given}
    notes = []
    for stage, found in rivals(workspace).items():
        if stage in paths or (names and stage not in names):
            continue
        if not found.contested:
            notes += [f"{stage}: {other.told}: it is older, and stays" for other in found.others]
        elif ask and sys.stdin.isatty():
            paths[stage] = _ask(found)
        else:
            raise WorkspaceError(found.choice)
    return paths, notes


def _ask(found: "Rivals") -> Path:
    """Let a person choose between notebooks."""
    say(f"{found.own.stage}: which notebook is to be handed in?")
    for number, copy in enumerate(found.every, 1):
        say(f"  {number}  {copy.told}")
    answer = 0
    while not 1 <= answer <= len(found.every):
        answer = typer.prompt("number", type=int, default=1)
    return found.every[answer - 1].path


def _say_what_is_in(workspace: "Workspace", path: Path, json: bool) -> None:
    """The stages in an archive, what of them is answered, and the archive's checksum."""
    from mugrade.student.submit import checksum, contents, receipt

    found, content = contents(workspace, path), path.read_bytes()
    if json:
        say(
            js.dumps(
                {
                    "archive": str(path),
                    "sha256": checksum(content),
                    "stages": [asdict(c) for c in found],
                }
            )
        )
        return
    for item in found:
        counted = f"{len(item.answered)}/{len(item.answered) + len(item.open)} answered"
        left = f", open: {', '.join(item.open)}" if item.open else ""
        say(f"{item.stage} of {item.student}: {counted}{left}")
    say(f"{path}: receipt {receipt(content)}, sha256 {checksum(content)}")


def _show(items: "list[HandIn]") -> None:
    from mugrade.view.tables import table

    hidden = any(item.progress.hidden for item in items)
    numbers = ("written", *visible.columns(hidden))
    found = table(("stage", *numbers), right=numbers)
    for item in items:
        row = item.progress
        found.add_row(
            item.stage,
            f"{len(item.written)}/{row.exercises}",
            f"{row.passing}/{row.checks}",
            row.score.replace(" of ", "/"),
        )
    console().print(found)
    say_of_hidden(hidden)
    for item in items:
        for warning in item.warnings:
            say(f"{item.stage}: {warning}")


def _to_json(item: "HandIn") -> dict[str, Any]:
    checks = {check.id: check.state for check in item.progress.every_check}
    return {
        "stage": item.stage,
        "notebook": str(item.path),
        "written": item.written,
        "missing": item.missing,
        "checks": checks,
        "points": item.progress.points,
        "of": item.progress.total,
        "visible_only": item.progress.hidden,
        "warnings": item.warnings,
    }
