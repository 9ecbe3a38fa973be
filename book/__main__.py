"""Make the website: `python -m book`, which `make site` runs."""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from book.contents import write_book
from book.drawn import drawn_pictures
from book.pages import docs_folder
from book.source import SourceFolder
from mugrade import files
from mugrade.course.model import Course
from mugrade.course.reading import load_course
from mugrade.errors import CourseError
from mugrade.view.html import style

ROOT = Path(__file__).parent.parent


def main() -> int:
    """Write the pages' sources, have Sphinx make pages of what has changed; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m book", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site", help="the site")
    parser.add_argument("--pictures", action="store_true", help="drawn ones go into docs/ too")
    told = parser.parse_args()
    began = time.perf_counter()
    try:
        course = load_course(ROOT)
        made = make_site(course, told.out)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: what has been run is kept", file=sys.stderr)
        return 130
    if told.pictures:
        for name, content in drawn_pictures(course):
            files.write(docs_folder(course) / name, content)
    if made:
        print(f"{told.out / 'index.html'}, after {time.perf_counter() - began:.0f} s")
    return 0 if made else 1


def make_site(course: Course, out: Path) -> bool:
    """Whether Sphinx has made all of it without a warning. Raises CourseError."""
    work = course.root / "build" / "book"
    source, static = SourceFolder(work / "source"), SourceFolder(work / "static")
    static.write("panel.css", style())
    write_book(course, source, lambda text: print(text, flush=True))
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
