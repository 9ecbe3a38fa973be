"""The command that hands in: submit."""

import json as js
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mugrade import visible
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

if TYPE_CHECKING:
    from mugrade.student.submit import HandIn


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
    json: Json = False,
) -> None:
    """Say what will be handed in and which checks pass, and write the archive to hand in.

    What counts are the notebooks as they are saved. Checks are not run again: mugrade check does.
    """
    from mugrade.student.submit import archive, hand_in, receipt, student_id, written_stages
    from mugrade.version import __version__

    workspace = find_workspace()
    who = student_id(workspace, student)
    names = [find_stage(workspace, name) for name in stages or []]
    chosen = [stage for stage in workspace.manifest.stages if stage in names]
    items = [hand_in(workspace, stage) for stage in chosen] or written_stages(workspace)
    content = archive(who, items)
    path = out or Path(f"{who}.zip")
    try:
        workspace.write_bytes(path, content)
    except WorkspaceError:
        raise fail(f"{path} cannot be written: name another file with --out") from None
    if json:
        found = {"student": who, "archive": str(path), "receipt": receipt(content)}
        found["mugrade"] = __version__
        say(js.dumps({**found, "stages": [_to_json(item) for item in items]}, indent=1))
        return
    _show(items)
    size = f"{len(content) / 1e3:.0f} kB"
    count = f"{len(items)} notebook{'s' * (len(items) > 1)}"
    say(f"{path}: {count} of {who}, {size}, receipt {receipt(content)}, mugrade {__version__}")


def _show(items: "list[HandIn]") -> None:
    from rich.table import Table

    table = Table(header_style="bold", box=None, pad_edge=False)
    hidden = any(item.progress.hidden for item in items)
    for column in ("stage", "written", *visible.columns(hidden)):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for item in items:
        row = item.progress
        table.add_row(
            item.stage,
            f"{len(item.written)}/{row.exercises}",
            f"{row.passing}/{row.checks}",
            f"{row.points}/{row.total}",
        )
    console().print(table)
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
