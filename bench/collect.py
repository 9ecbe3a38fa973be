"""`python -m bench.collect`: what it costs to collect a class, as Canvas gives it out.

An archive for each stage, with the notebook of every student and the roster as Canvas exports it;
each is collected by a command of its own, then once more, when nothing is new; and all of them in
one folder by one command.
"""

import csv
import io
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench.measure import Cost, run

ROOT = Path(__file__).parent.parent
HEADER = ("Student", "ID", "SIS Login ID", "Section")


def write_roster(path: Path, students: int) -> Path:
    """The gradebook of Canvas."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(HEADER)
    writer.writerows((f"Last{n}, First{n}", n, f"s{n:04}", "A") for n in range(students))
    path.write_text(file.getvalue(), encoding="utf-8")
    return path


def write_download(path: Path, notebook: bytes, stage: str, students: int) -> Path:
    """What Canvas gives out of one assignment: everybody's notebook, each another."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for n in range(students):
            name = f"last{n}first{n}_{n}_{9000 + n}_{stage}.ipynb"
            archive.writestr(name, notebook + b"\n" * (n + 1))
    return path


def collected_into(out: Path, downloads: Sequence[Path], roster: Path) -> Cost:
    """What the commands cost, one for each download."""
    command = [sys.executable, "-m", "mugrade", "collect"]
    more = ["--course", str(ROOT), "--roster", str(roster), "--out", str(out)]
    stage = {p: ["--stage", p.stem] if p.is_file() else [] for p in downloads}
    costs = [run([*command, str(p), *stage[p], *more], out.parent) for p in downloads]
    return Cost(sum(c.cpu for c in costs), sum(c.wall for c in costs))


def main(
    students: Annotated[int, typer.Option(min=1)] = 300,
    stages: Annotated[int, typer.Option(min=1, max=10)] = 10,
) -> None:
    """Measure it, and print a table."""
    notebooks = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    wanted = [path for path in notebooks if path.stem != "00_start"][:stages]
    table = Table("", "seconds", "of the processor", "a notebook, ms", box=None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        roster = write_roster(folder / "roster.csv", students)
        (folder / "downloads").mkdir()
        downloads = [
            write_download(folder / "downloads" / f"{p.stem}.zip", p.read_bytes(), p.stem, students)
            for p in wanted
        ]
        for what, out, some in (
            ("a command for each stage", "each", downloads),
            ("again, nothing is new", "each", downloads),
            ("one command for all", "all", [folder / "downloads"]),
        ):
            cost = collected_into(folder / out, some, roster)
            each = f"{1000 * cost.wall / students / len(wanted):.2f}"
            table.add_row(what, f"{cost.wall:.1f}", f"{cost.cpu:.1f}", each)
        found = [
            len(list((folder / out).glob("submitted/[!.]*/*/*.ipynb"))) for out in ("each", "all")
        ]
    text = f"{students} students, {len(wanted)} stages: {found[0]} and {found[1]} notebooks"
    Console().print(text, table)


if __name__ == "__main__":
    typer.run(main)
