"""Every attempt keeps its notebook and how it came about; a teacher may pin one.

Schema 1, of mugrade 0.1, had no number. In it a student who was absent got an attempt of his own;
the last of them becomes the row that says so, and none of them counts for more than it.
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "2", None
NOTEBOOK = sa.String(64)

LAST_ABSENCE = """
UPDATE mugrade_attempts SET number = 0, hand_in = 0
WHERE id IN (
    SELECT max(id) FROM (SELECT * FROM mugrade_attempts WHERE status = 'missing') AS absent
    GROUP BY student, stage
)
"""


def upgrade() -> None:
    op.create_table(
        "mugrade_notebooks",
        sa.Column("sha256", NOTEBOOK, primary_key=True),
        sa.Column("packed", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "mugrade_pins",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("student", sa.String, nullable=False),
        sa.Column("stage", sa.String, nullable=False),
        sa.Column("number", sa.Integer),
        sa.Column("at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "mugrade_earlier",
        sa.Column("attempt_id", sa.Integer, sa.ForeignKey("mugrade_attempts.id"), primary_key=True),
        sa.Column("stage", sa.String, primary_key=True),
        sa.Column("notebook", NOTEBOOK, sa.ForeignKey("mugrade_notebooks.sha256"), nullable=False),
    )
    op.create_index("ix_mugrade_earlier_notebook", "mugrade_earlier", ["notebook"])
    _describe_attempts()
    op.execute("UPDATE mugrade_attempts SET hand_in = number")
    op.execute(LAST_ABSENCE)


def _describe_attempts() -> None:
    table = "mugrade_attempts"
    notebook = sa.ForeignKey("mugrade_notebooks.sha256")
    op.add_column(table, sa.Column("notebook", NOTEBOOK, notebook), inline_references=True)
    op.create_index("ix_mugrade_attempts_notebook", table, ["notebook"])
    op.add_column(table, sa.Column("handed_in", sa.DateTime))
    op.add_column(table, sa.Column("hand_in", sa.Integer, nullable=False, server_default="0"))
    for name in ("taken", "mugrade", "course", "grader"):
        op.add_column(table, sa.Column(name, sa.String, nullable=False, server_default=""))
    for name, empty in (("passed_over", "[]"), ("notes", "[]"), ("rules", "{}"), ("draws", "{}")):
        op.add_column(table, sa.Column(name, sa.JSON, nullable=False, server_default=empty))
