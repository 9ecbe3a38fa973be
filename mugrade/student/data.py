"""Fetch a data set into a folder: from the first mirror that has it, checked before it counts.

pooch does not serve: it neither continues a broken download nor knows a file by what is packed.
"""

import gzip
import hashlib
import zlib
from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from mugrade import files
from mugrade.course.datasets import DataFile
from mugrade.errors import DataError

SECONDS = 20.0
CHUNK = 1 << 16

ReportHook = Callable[[str, int, int | None], None]


def is_in(file: DataFile, path: Path) -> bool:
    """Whether what lies at `path` is the file."""
    digest, size = hashlib.sha256(), 0
    try:
        with gzip.open(path) if file.name.endswith(".gz") else path.open("rb") as content:
            while size <= file.size and (chunk := content.read(CHUNK)):
                digest.update(chunk)
                size += len(chunk)
    except (OSError, EOFError, zlib.error):
        return False
    return digest.hexdigest() == file.sha256


def fetch(
    folder: Path,
    mirrors: Sequence[str],
    files: Sequence[DataFile],
    report: ReportHook = lambda name, done, total: None,
) -> list[str]:
    """Put the files into `folder`; returns the names of those that were not there yet.

    A mirror is a URL or a local folder. A file appears in `folder` only when it is whole; what a
    broken connection leaves is kept as NAME.part, and the next call goes on from there. `report`
    is told the name, the bytes that are there and the bytes in all. Raises DataError.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder} cannot be written: {error.strerror}") from None
    missing = [file for file in files if not is_in(file, folder / file.name)]
    for file in missing:
        _fetch_file(file, folder, mirrors, report)
    return [file.name for file in missing]


def _fetch_file(file: DataFile, folder: Path, mirrors: Sequence[str], report: ReportHook) -> None:
    problems = []
    for mirror in mirrors:
        try:
            _fetch_from(f"{_url(mirror)}/{file.name}", file, folder / file.name, report)
            return
        except files.InUse as error:
            raise DataError(str(error)) from None
        except (OSError, HTTPException, ValueError, DataError) as error:
            problems.append(f"{mirror}: {_reason(error)}")
    raise DataError(
        f"{file.name} could not be fetched ({'; '.join(problems)}): "
        "try again, or name another URL or a folder that holds it with --mirror"
    )


def _fetch_from(url: str, file: DataFile, target: Path, report: ReportHook) -> None:
    """Download into NAME.part and rename that when its content is right."""
    part = target.with_name(f"{target.name}.part")
    continued = part.exists()
    if not continued or not is_in(file, part):
        _download(
            url, part, lambda done, total: report(file.name, done, total), 2 * file.size + CHUNK
        )
    if is_in(file, part):
        files.replace(part, target)
        return
    part.unlink()
    if not continued:
        raise DataError("what came has another checksum, so it was not kept")
    _fetch_from(url, file, target, report)  # the beginning may have come from elsewhere


def _download(
    url: str, part: Path, report: Callable[[int, int | None], None], largest: int
) -> None:
    """Append to `part` what it lacks, or write it anew where the server cannot continue."""
    have = part.stat().st_size if part.exists() else 0
    request = Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urlopen(request, timeout=SECONDS)
    except HTTPError as error:
        if error.code != 416 or not have:
            raise
        part.unlink()  # longer than the mirror's file
        return _download(url, part, report, largest)
    with response:
        if getattr(response, "status", None) != 206:
            have = 0
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            raise DataError("it continues at another place than asked for")
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        with part.open("ab" if have else "wb") as out:
            while have <= largest and (chunk := response.read(CHUNK)):
                out.write(chunk)
                have += len(chunk)
                report(have, total)
    if total is not None and have < total and have <= largest:
        raise DataError(f"the connection broke off after {have} of {total} bytes")


def _url(mirror: str) -> str:
    """The mirror as a URL, a local folder as a file:// one."""
    if "://" in mirror:
        return mirror.rstrip("/")
    return Path(mirror).expanduser().resolve().as_uri()


def _reason(error: Exception) -> str:
    """What an exception of urllib says, in a few words."""
    if isinstance(error, HTTPError):
        return f"HTTP {error.code} {error.reason}"
    cause = error.reason if isinstance(error, URLError) else error
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
