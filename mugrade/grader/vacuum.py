"""SQLite keeps the bytes of what was deleted until it is told to give them up."""

from sqlalchemy import Engine


def vacuum(engine: Engine) -> None:
    """Write the database anew, without what was deleted, and empty its log."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
