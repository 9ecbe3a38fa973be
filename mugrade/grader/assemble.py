"""What the sandbox is to run: a student's code on top of the reference."""

from collections.abc import Mapping

from mugrade.course.cells import Role
from mugrade.course.exercises import StudentCode
from mugrade.grader.key import StageKey
from mugrade.package.blocks import Block, arrange
from mugrade.sandbox.job import Job
from mugrade.sandbox.loader import Piece


def submission_job(key: StageKey, code: Mapping[str, StudentCode]) -> Job:
    """A stage with the student's code on top of the stages before it.

    Stages that are not in `code` come from the reference; an exercise without an answer is its
    stub, which also stands in for an answer that raises while it is being defined.
    """
    package: dict[str, list[Piece]] = {}
    stages = [*key.course.before(key.stage), key.stage]
    reference = key.course.modules(stages)
    fallback = {c.id: c.unsolved for s in stages for c in s.role(Role.SOLUTION)}
    given: dict[str, str] = {}
    for s in stages:
        if s.name in code:
            own = code[s.name].exercises
            given |= {c.id: own.get(c.id, fallback[c.id]) for c in s.role(Role.SOLUTION)}
    helpers = [item for own in code.values() for item in own.helpers.items()]
    for path, _ in helpers:
        reference.setdefault(path, [])
    for path, blocks in reference.items():
        own_blocks = [Block(b.id, given.get(b.id, b.source)) for b in blocks]
        extra = [b for p, found in helpers if p == path for b in found]
        placed = arrange([*own_blocks, *extra], [b.id for b in blocks])
        package[path] = [Piece(b.id, b.source, fallback.get(b.id, "")) for b in placed]
    return Job(package, key.stage.setup, key.names, key.files, key.base)
