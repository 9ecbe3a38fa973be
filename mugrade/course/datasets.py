"""Data sets that a course names and a student downloads: where they are, and what is in them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DataFile:
    """A file, known by the size in bytes and the SHA-256 of its content.

    Of a name that ends with `.gz`, of what is packed in it: mirrors pack the same content anew, and
    gzip notes the date.
    """

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class DataSet:
    """Files, and the URLs of folders in which they lie."""

    mirrors: tuple[str, ...]
    files: tuple[DataFile, ...]
