"""How Alembic reaches the results database: over the connection that migrate.py gives it."""

from alembic import context

from mugrade.grader.models import REVISION_TABLE, Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=REVISION_TABLE,
)
context.run_migrations()
