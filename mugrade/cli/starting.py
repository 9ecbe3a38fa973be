"""The commands that a student begins with: start, lab."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

import mugrade
from mugrade.cli.shared import fail, find_workspace, say
from mugrade.course.manifest import MANIFEST, START
from mugrade.extras import install, is_installed

FOLDER = Path("notebooks")
IN_A_CELL = "JPY_PARENT_PID"  # Jupyter gives it to its kernels, and they to their commands


def start(
    folder: Annotated[
        Path, typer.Argument(help="A new folder, or one without notebooks.")
    ] = FOLDER,
    course: Annotated[
        Path | None,
        typer.Option(help="The folder of another course, or a release; else the bundled one."),
    ] = None,
) -> None:
    """Lay the course out in a folder: notebooks and data. Nothing that is there is overwritten."""
    from mugrade.student.start import bundled_course, lay_out

    source = course or bundled_course()
    if course and not (course / MANIFEST).is_file():
        source = course / "notebooks"
    found = lay_out(source, folder)
    say(f"{folder}: {len(found.stages)} notebooks, and {START} to begin with")
    say(f"next: {', then '.join(_next_steps(folder))}")


def _next_steps(folder: Path) -> list[str]:
    """What leads to the notebooks; a cell's kernel is at work already, in another folder."""
    shown = f'"{folder}"' if " " in str(folder) else str(folder)
    if IN_A_CELL in os.environ:
        return [f"%cd {shown}"]
    lab = "mugrade lab" if folder == FOLDER else f"mugrade lab {shown}"
    return [lab] if is_installed("jupyterlab") else [install("lab"), lab]


def lab(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FOLDER] [-- ...]",
            help="The folder of the notebooks, by default the one here; options of JupyterLab.",
        ),
    ] = None,
) -> None:
    """Open the course in JupyterLab, at its first page, and without the files behind it."""
    from mugrade.student.workspace import Workspace

    options = list(arguments or [])
    named = bool(options) and not options[0].startswith("-")
    workspace = Workspace.find(Path(options.pop(0))) if named else find_workspace()
    if not is_installed("jupyterlab"):
        raise fail(f"JupyterLab is not installed: {install('lab')}")
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={workspace.folder}"]
    if (workspace.folder / START).is_file():
        command.append(f"--LabApp.default_url=/lab/tree/{START}")
    process = subprocess.Popen([*command, *options], env=_environment())
    while True:
        try:
            raise typer.Exit(process.wait())
        except KeyboardInterrupt:
            continue  # JupyterLab got it too, and asks


def _environment() -> dict[str, str]:
    """JupyterLab's settings for a student, and `!mugrade` in a cell the one that runs now."""
    settings = str(Path(mugrade.__file__).parent / "jupyter")
    paths = {"JUPYTER_CONFIG_PATH": settings, "PATH": str(Path(sys.executable).parent)}
    joined = {k: os.pathsep.join(filter(None, (v, os.environ.get(k)))) for k, v in paths.items()}
    return os.environ | joined
