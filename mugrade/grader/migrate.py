"""From the schema of an older mugrade to today's, with Alembic, after a backup."""

import os
import sqlite3
from collections.abc import Mapping, Set
from contextlib import closing
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, select

from mugrade.errors import Unreadable
from mugrade.grader.models import FIRST, HEAD, REVISION_TABLE, REVISIONS, Base

OF_FIRST = {
    "mugrade_attempts": {"id", "student", "stage", "number", "status", "points", "graded_at"},
    "mugrade_checks": {"id", "attempt_id", "check", "points", "message", "verdict"},
}
MIGRATIONS = Path(__file__).parent / "migrations"


def create_tables(engine: Engine) -> None:
    """The tables of today's schema, which know that they are."""
    with engine.begin() as connection:
        Base.metadata.create_all(connection)
        connection.execute(REVISIONS.insert().values(version_num=HEAD))


def bring_up_to_date(engine: Engine, name: str) -> str:
    """Migrate an older results database; returns a sentence on what was done, or nothing.

    Raises Unreadable for what is none, or is of a newer mugrade.
    """
    revision = _revision(engine, name)
    if revision == HEAD:
        return ""
    if engine.url.get_backend_name() == "sqlite":
        backup = _back_up(Path(name), revision)
        said = f"its copy of before is {backup}"
    else:
        said = "no copy of before was made: backups of this database are yours to make"
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # else each step is for itself
        _upgrade(connection)
        connection.commit()
    return f"{name}: brought from schema {revision} to {HEAD}; {said}"


def _revision(engine: Engine, name: str) -> str:
    """The schema of the database; raises Unreadable if it is none that this mugrade can use."""
    inspector = inspect(engine)
    revision = FIRST
    if inspector.has_table(REVISION_TABLE):
        with engine.connect() as connection:
            revision = connection.scalar(select(REVISIONS.c.version_num)) or ""
    if revision.isdecimal() and int(revision) > int(HEAD):
        raise Unreadable(
            f"{name}: it has schema {revision} of a newer mugrade, and this one knows {HEAD}: "
            "upgrade mugrade"
        )
    if not revision.isdecimal() or not all(
        inspector.has_table(table)
        and columns <= {column["name"] for column in inspector.get_columns(table)}
        for table, columns in _columns_of(revision).items()
    ):
        raise Unreadable(
            f"{name}: not a results database of this mugrade; "
            "move it away, or name another with --db"
        )
    return revision


def _columns_of(revision: str) -> Mapping[str, Set[str]]:
    """What must be there in the first schema and in today's; those between say what they are."""
    today = {table.name: set(table.columns.keys()) for table in Base.metadata.sorted_tables}
    return {FIRST: OF_FIRST, HEAD: today}.get(revision, {})


def _back_up(path: Path, revision: str) -> Path:
    """A copy beside the database, named by its schema and the time."""
    now = f"{datetime.now():%Y%m%d-%H%M%S}"
    target = path.with_name(f"{path.stem}-schema{revision}-{now}{path.suffix}")
    partial = target.with_name(f"{target.name}.partial")
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(partial)) as copy:
            source.backup(copy)
        os.replace(partial, target)
    except (sqlite3.Error, OSError) as error:
        raise Unreadable(
            f"{path}: it has to be migrated, and its backup {target} cannot be written ({error}); "
            "nothing was changed"
        ) from None
    return target


def backups(path: Path) -> list[Path]:
    """The copies that were made beside a database before it was migrated."""
    return sorted(path.parent.glob(f"{path.stem}-schema*{path.suffix}"))


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
