"""The same stage for otter-grader: a notebook without checks, and the checks as otter's tests.

As with otter's own tests, the comparison happens in the student's process. The values, seeds and
tolerances are those of `mugrade grade`, and the reference of the earlier stages is imported.
"""

import json
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from mugrade.course.model import Course, Stage
from mugrade.package.blocks import export_path
from mugrade.values.answers import Answer, answers_from_json, answers_to_json
from mugrade.values.compare import judge
from mugrade.values.observe import observe, seed_of

CHECKS = "checks.json"
TEST = '''\
OK_FORMAT = True

test = {{
    "name": {id!r},
    "points": {points},
    "suites": [{{"type": "doctest", "cases": [{{"code": r"""
>>> from bench.otter import passes
>>> passes({id!r}, globals())
True
""", "hidden": True, "locked": False}}]}}],
}}
'''
EXPORT = "vars(ndl).update({{name: globals()[name] for name in {names!r} if name in globals()}})"


def passes(id: str, scope: dict[str, object]) -> bool:
    """Whether a check passes with the names of the student's notebook."""
    check = json.loads(Path(CHECKS).read_text(encoding="utf-8"))[id]
    functions: list = []
    exec(compile(check["source"], "check", "exec"), {**scope, "check": functions.append})
    values = observe(functions[0], seed_of(id))
    return judge(values, answers_from_json(check["answers"])).passed


def otter_notebook(text: str, stage: Stage) -> str:
    """A submission as otter wants it: exported cells define names in the notebook itself.

    What the notebook defines replaces the package's own, so that checks which say `ndl.f` see it;
    an index, which would import the package's own again, is left out.
    """
    notebook = json.loads(text)
    dropped = {cell.id for cell in stage.role("check")}
    dropped |= {cell.id for cell in stage.exports if cell.export.endswith("/__init__.py")}
    cells = []
    for cell in notebook["cells"]:
        if cell["id"] in dropped:
            continue
        source = cell["source"]
        cell["source"] = source.replace("%load_ext mugrade\n", "")
        cells.append(cell)
        if cell["cell_type"] == "code" and export_path(source):
            names = sorted(name for c in stage.exports for name in c.block.symbols)
            bind = {**cell, "id": f"bind-{cell['id']}", "source": EXPORT.format(names=names)}
            cells.append(bind)
    return json.dumps({**notebook, "cells": cells})


def write_autograder(
    course: Course, stage: Stage, answers: Mapping[str, Sequence[Answer]], folder: Path
) -> Path:
    """otter's zip file: a test for each check, and the reference package."""
    source = folder / "autograder"
    (source / "tests").mkdir(parents=True)
    checks = {}
    for cell in stage.role("check"):
        test = TEST.format(id=cell.id, points=cell.points)
        (source / "tests" / f"{cell.id}.py").write_text(test, encoding="utf-8")
        checks[cell.id] = {"source": cell.source, "answers": answers_to_json(answers[cell.id])}
    (source / "files").mkdir()
    (source / "files" / CHECKS).write_text(json.dumps(checks), encoding="utf-8")
    package = course.root / "solutions" / course.package
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, source / "files" / course.package, ignore=ignore)
    (source / "otter_config.json").write_text('{"lang": "python"}', encoding="utf-8")
    path = folder / "autograder.zip"
    with zipfile.ZipFile(path, "w") as file:
        for found in sorted(source.rglob("*")):
            file.write(found, found.relative_to(source))
    return path
