"""The command that a student begins with: start."""

from pathlib import Path
from typing import Annotated

import typer

from mugrade.cli.shared import say
from mugrade.extras import install, is_installed

FOLDER = Path("notebooks")


def start(
    folder: Annotated[
        Path, typer.Argument(help="A new folder, or one without notebooks.")
    ] = FOLDER,
    course: Annotated[
        Path | None, typer.Option(help="The folder of another course; by default the bundled one.")
    ] = None,
) -> None:
    """Lay the course out in a folder: notebooks, data, and a page that says how to begin.

    Nothing that is there is overwritten.
    """
    from mugrade.student.start import PAGE, bundled_course, lay_out

    found = lay_out(course / "notebooks" if course else bundled_course(), folder)
    say(f"{folder}: {len(found.stages)} notebooks; {PAGE} says how to begin")
    shown = f'"{folder}"' if " " in str(folder) else folder
    steps = [] if is_installed("jupyterlab") else [install("lab")]
    say(f"next: {', then '.join([*steps, f'jupyter lab {shown}'])}")
