"""The results of an older mugrade go on with this one, and those of a newer one are left alone."""

import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from mugrade.course.settings import Settings
from mugrade.errors import Unreadable
from mugrade.grader.migrate import MIGRATIONS, backups
from mugrade.grader.models import HEAD, REVISION_TABLE, Base
from mugrade.grader.store import Store
from tests.conftest import ROOT

FIRST = Path(__file__).parent / "data" / "results-1.sql"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """What mugrade 0.1 had stored of four students, one of whom was absent the second time."""
    path = tmp_path / "results.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(FIRST.read_text())
    return path


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Store]:
    with contextlib.closing(Store.open(path)) as store:
        yield store


def rows(path: Path, columns: str = "student, status, points, summary") -> list[tuple[object]]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        return database.execute(f"SELECT {columns} FROM mugrade_attempts ORDER BY id").fetchall()


def test_an_older_database_is_backed_up_and_goes_on_with_all_its_rows(old: Path) -> None:
    before = rows(old)
    with opened(old) as store:
        (backup,) = backups(old)
        assert "brought from schema 1 to 3" in store.said and str(backup) in store.said
        standings = list(store.with_checks(store.standings(Settings())))
    assert rows(old) == rows(backup) == before
    assert len(standings[0].attempt.checks) == 2
    counting = [(s.student, s.status, s.points) for s in standings]
    assert counting == [
        ("ada", "graded", 4),  # was 0: she was absent the second time
        ("bob", "graded", 2),
        ("carl", "missing", 0),
        ("dora", "unreadable", 0),
    ]
    with opened(old) as store:
        assert store.said == "" and backups(old) == [backup]


def test_migrated_or_new_the_tables_are_the_same(old: Path, tmp_path: Path) -> None:
    Store.create(tmp_path / "new.db").close()
    for path in (old, tmp_path / "new.db"):
        with opened(path) as store, store.engine.connect() as connection:
            options = {"version_table": REVISION_TABLE}
            context = MigrationContext.configure(connection, opts=options)
            assert context.get_current_revision() == HEAD
            assert compare_metadata(context, Base.metadata) == []


def test_the_newest_migration_is_the_schema_of_the_models() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_a_migration_that_is_killed_has_changed_nothing(old: Path) -> None:
    before = rows(old, "*")
    program = (
        "import os, sys\nfrom alembic import op\nfrom mugrade.grader.store import Store\n"
        "op.execute = lambda text: os._exit(9)\nStore.open(sys.argv[1])"
    )
    done = subprocess.run([sys.executable, "-c", program, str(old)], cwd=ROOT)
    assert done.returncode == 9
    assert rows(old, "*") == before
    with opened(old) as store:
        assert "brought from schema 1" in store.said


def test_a_database_of_a_newer_mugrade_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    Store.create(path).close()
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(f"UPDATE {REVISION_TABLE} SET version_num = '99'")
        database.commit()
        before = list(database.iterdump())
        for way in (Store.open, Store.create):
            with pytest.raises(Unreadable, match=r"schema 99 of a newer mugrade.*upgrade mugrade$"):
                way(path)
        assert list(database.iterdump()) == before and backups(path) == []


def test_a_database_of_something_else_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE grade (points INTEGER)")
    before = path.read_bytes()
    for way in (Store.open, Store.create):
        with pytest.raises(Unreadable, match="not a results database of this mugrade"):
            way(path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_without_a_backup_nothing_is_migrated(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = rows(old, "*")

    def full(*paths: Path) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(Unreadable, match=r"cannot be written .*no space.*; nothing was changed"):
        Store.open(old)
    assert rows(old, "*") == before
