"""A table as a platform gives it out, read and written again as it came.

RFC 4180, and what spreadsheets and platforms make of it: byte order marks, UTF-16, tabs.
"""

import codecs
import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

from mugrade import files
from mugrade.errors import Unreadable

LARGEST = 64 << 20  # bytes
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
SEPARATORS = ",\t;"


def number_in(text: str) -> float | None:
    """A number as platforms write it, also with a decimal comma; None if it is none."""
    try:
        found = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return found if math.isfinite(found) else None


@dataclass(frozen=True)
class Sheet:
    """A header and rows of text, each as long as the longest; and how they stood in the file."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    encoding: str = "utf-8"
    separator: str = ","
    quoted: bool = False
    newline: str = "\r\n"

    @classmethod
    def read(cls, path: Path, what: str = "table") -> Self:
        """The table in a file, which people call so; raises Unreadable."""
        try:
            with path.open("rb") as file:
                content = file.read(LARGEST + 1)
        except OSError as error:
            raise Unreadable(f"{path}: the {what} cannot be read ({error.strerror})") from None
        if len(content) > LARGEST:
            raise Unreadable(f"{path}: the {what} is larger than {LARGEST >> 20} MB")
        try:
            return cls.of(content)
        except UnicodeDecodeError:
            raise Unreadable(
                f"{path}: the {what} is not UTF-8 text: save it as CSV UTF-8"
            ) from None
        except (csv.Error, ValueError) as error:
            raise Unreadable(f"{path}: the {what} is not CSV ({error})") from None

    @classmethod
    def of(cls, content: bytes) -> Self:
        """The table in the bytes of a file; raises UnicodeDecodeError, csv.Error or ValueError."""
        encoding = next((MARKS[m] for m in MARKS if content.startswith(m)), "utf-8")
        text = content.decode(encoding)
        first = text.partition("\n")[0]
        separator = max(SEPARATORS, key=first.count)
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
        if not any(rows):
            raise ValueError("there is nothing in it")
        width = max(map(len, rows))
        header, *rest = (tuple(row) + ("",) * (width - len(row)) for row in rows)
        how = encoding, separator, first.startswith('"'), "\r\n" if "\r\n" in text else "\n"
        return cls(header, tuple(rest), *how)

    @property
    def content(self) -> bytes:
        """The bytes of a file that says the same."""
        file = io.StringIO(newline="")
        quoting: Literal[0, 1] = csv.QUOTE_ALL if self.quoted else csv.QUOTE_MINIMAL
        writer = csv.writer(
            file, delimiter=self.separator, quoting=quoting, lineterminator=self.newline
        )
        writer.writerows((self.header, *self.rows))
        return file.getvalue().encode(self.encoding)

    def write(self, path: Path) -> None:
        """Write it to a file, whole or not at all; raises Unreadable."""
        try:
            files.write(path, self.content)
        except OSError as error:
            raise Unreadable(f"{path}: cannot be written ({error.strerror})") from None

    def column(self, name: str) -> int | None:
        """The place of a column, whatever the case of its name; None if there is none."""
        names = [cell.strip().casefold() for cell in self.header]
        return names.index(name.casefold()) if name.casefold() in names else None

    def only(self, columns: Sequence[int]) -> Self:
        """The same with some columns only."""
        header, *rows = (tuple(row[i] for i in columns) for row in (self.header, *self.rows))
        return replace(self, header=header, rows=tuple(rows))
