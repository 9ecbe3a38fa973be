"""When something was handed in, always in UTC."""

import os
import re
import stat
import time
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

TIMESTAMP = "timestamp.txt"
TIME = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,6})?) ?(?P<zone>[A-Za-z0-9_/+:-]{0,40})",
    re.ASCII,
)
OFFSET = re.compile(r"[+-]\d\d:?\d\d", re.ASCII)


def modified(path: Path) -> datetime | None:
    """When a file was last written, in UTC; of a link itself. At 0 s of Unix nobody knows."""
    try:
        seconds = os.lstat(path).st_mtime
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (OSError, ValueError, OverflowError):
        return None


def collected(folder: Path) -> datetime | None:
    """When nbgrader got a student's stage, from its timestamp.txt; None if it does not say."""
    path = f"{folder}/{TIMESTAMP}"
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        with open(path, "rb") as file:
            return parsed_time(file.read(100).decode("ascii").strip())
    except (OSError, ValueError, OverflowError, KeyError):
        return None


def utc(time: datetime | None) -> str:
    """A time in UTC, or nothing if it is not known."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if time else ""


def parsed_time(text: str) -> datetime | None:
    """A time as nbgrader writes it: `2026-11-20 10:11:12.131415 UTC`, or with another zone.

    Raises ValueError, OverflowError or KeyError for a time or zone that does not exist.
    """
    found = TIME.fullmatch(text)
    if not found:
        return None
    when, zone = datetime.fromisoformat(found["time"]), found["zone"]
    if zone in ("", "Z", "UTC"):
        return when.replace(tzinfo=UTC)
    if OFFSET.fullmatch(zone):
        return datetime.fromisoformat(f"{found['time']}{zone}").astimezone(UTC)
    if zone in time.tzname:
        return when.astimezone(UTC)
    return when.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
