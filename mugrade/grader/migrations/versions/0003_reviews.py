"""What teachers say in the formgrader is kept, with the digest of the code that it is about."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "3", "2"


def upgrade() -> None:
    op.create_table(
        "mugrade_reviews",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("student", sa.String, nullable=False),
        sa.Column("stage", sa.String, nullable=False),
        sa.Column("cell", sa.String, nullable=False),
        sa.Column("code", sa.String, nullable=False),
        sa.Column("manual", sa.Float),
        sa.Column("extra", sa.Float, nullable=False),
        sa.Column("comment", sa.String, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
    )
    op.add_column("mugrade_checks", sa.Column("code", sa.String, nullable=False, server_default=""))
