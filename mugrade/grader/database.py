"""Where results lie: a SQLite file, or what a URL names."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    make_url,
)
from sqlalchemy.exc import ArgumentError

from mugrade.errors import Unreadable

NO_URL = (
    "--db: not a database URL: write sqlite:///results.db or "
    "postgresql://user:password@host/database"
)


def url_of(url: str | Path | URL) -> URL:
    """A database URL; a plain path is an SQLite file."""
    if isinstance(url, URL):
        return url
    if "://" not in str(url):
        return URL.create("sqlite", database=str(url))
    try:
        return make_url(str(url))
    except (ArgumentError, ValueError):
        raise Unreadable(NO_URL) from None


def set_up_sqlite(connection: Any, record: Any) -> None:
    """Let a new connection wait for other writers, and enforce foreign keys."""
    for setting in ("busy_timeout = 30000", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {setting}")


@lru_cache(1024)
def from_json(text: str) -> Any:
    """What JSON says, for attempts that say the same the same object: nobody changes it."""
    return json.loads(text)
