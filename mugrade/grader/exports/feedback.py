"""Feedback pages in an archive, called as the platform takes them."""

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from mugrade import files
from mugrade.errors import Unreadable
from mugrade.grader.outputs.output import DATE, bears, folder_of
from mugrade.grader.outputs.pages import page_of
from mugrade.grader.policy import Standing

FileNames = Callable[[str, str], Iterable[str]]


def by_folder(student: str, stage: str) -> Iterator[str]:
    """Where a student's pages go on no platform: into a folder of the student's."""
    yield f"{folder_of(student)}/"


def write_feedback_zip(
    path: Path, out: Path, standings: Sequence[Standing], names: FileNames = by_folder
) -> tuple[int, list[str]]:
    """Write the pages of `out` that say what counts; raises Unreadable.

    `names` tells how the file of a student's stage begins. Returns how many pages there are, and
    the students of whom one was left out: nobody knows its name, or it is not up to date.
    """
    left: dict[str, None] = {}
    count, content = 0, io.BytesIO()
    try:
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for standing in standings:
                page, begin = page_of(out, *standing.key), next(iter(names(*standing.key)), None)
                if begin is None or not bears(page, standing.mark):
                    left.setdefault(standing.student)
                    continue
                info = zipfile.ZipInfo(f"{begin}{standing.stage}.html", DATE)
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, page.read_bytes())
                count += 1
        files.write(path, content.getvalue())
    except OSError as error:
        raise Unreadable(f"{path}: cannot be written ({error.strerror})") from None
    return count, list(left)
