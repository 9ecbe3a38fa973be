"""Make the website: `python -m book`, which `make site` runs."""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from book.contents import PAPER, write_book
from book.drawn import drawn_pictures
from book.pages import docs_folder
from book.source import SourceFolder
from mugrade import files
from mugrade.course.model import Course
from mugrade.course.reading import load_course
from mugrade.errors import CourseError, MissingExtra
from mugrade.view.html import style

ROOT = Path(__file__).parent.parent


def main() -> int:
    """Write the pages' sources, have Sphinx make pages of what has changed; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m book", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site", help="the site")
    parser.add_argument("--pictures", action="store_true", help="drawn ones go into docs/ too")
    parser.add_argument("--paper", action="store_true", help="a PDF of all of it goes into it too")
    told = parser.parse_args()
    began = time.perf_counter()
    try:
        course = load_course(ROOT)
        made = make_site(course, told.out) and (not told.paper or make_paper(course, told.out))
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    except MissingExtra as error:
        print(f"make paper needs {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: what has been run is kept", file=sys.stderr)
        return 130
    if told.pictures:
        for name, content in drawn_pictures(course):
            files.write(docs_folder(course) / name, content)
    if made:
        where = told.out / (PAPER if told.paper else "index.html")
        print(f"{where}, after {time.perf_counter() - began:.0f} s")
    return 0 if made else 1


def make_paper(course: Course, out: Path) -> bool:
    """Print the site's pages as one PDF, which its front page then offers."""
    try:
        from book.paper import paper
        from book.printing import printed
    except ModuleNotFoundError as error:
        raise MissingExtra(f"{error.name}: pip install '.[paper]'") from None
    tell("collecting the pages of the book")
    page = course.root / "build" / "book" / "paper.html"
    files.write(page, paper(out).encode())
    offered = (out / PAPER).is_file()
    files.write(out / PAPER, printed(page, tell))
    return offered or make_site(course, out)


def tell(text: str) -> None:
    print(text, flush=True)


def make_site(course: Course, out: Path) -> bool:
    """Whether Sphinx has made all of it without a warning. Raises CourseError."""
    work = course.root / "build" / "book"
    source, static = SourceFolder(work / "source"), SourceFolder(work / "static")
    static.write("panel.css", style())
    write_book(course, source, tell, offers_paper=(out / PAPER).is_file())
    for path in source.prune():
        (out / path).with_suffix(".html").unlink(missing_ok=True)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-j", "auto"]
    command += ["-c", str(Path(__file__).parent), "-d", str(work / "doctrees")]
    environment = os.environ | {"BOOK_STATIC": str(static.folder)}
    done = subprocess.run([*command, str(source.folder), str(out)], env=environment)
    if done.returncode:
        shutil.rmtree(work / "doctrees", ignore_errors=True)  # else the next run warns of nothing
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
