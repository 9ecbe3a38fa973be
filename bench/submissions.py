"""Thirty different submissions of one stage: half of them right, half with a known mistake."""

import importlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mugrade.course.model import Course, Stage
from sample_class.students import Notebook, edit, rewrite, solved

STAGE = "03_logsumexp"
COUNT, FEW = 30, 6


def submissions(course: Course, stage: Stage) -> list[str]:
    """The texts of the notebooks, right and wrong ones in turn."""
    answers: Any = importlib.import_module(f"tests.answers.stage_{stage.name[:2]}")
    both = zip(
        _right(course, stage, answers.RIGHT), _wrong(course, stage, answers.WRONG), strict=False
    )
    found = itertools.islice(itertools.chain.from_iterable(both), COUNT)
    texts = [json.dumps(notebook, indent=1) for notebook in found]
    assert len(set(texts)) == COUNT
    return texts


def _right(
    course: Course, stage: Stage, right: Mapping[str, Mapping[str, str]]
) -> Iterator[Notebook]:
    """Every right answer to one exercise with every right answer to the others."""
    for sources in itertools.product(*(answers.values() for answers in right.values())):
        notebook = solved(course, stage)
        for exercise, source in zip(right, sources, strict=True):
            rewrite(notebook, exercise, source.lstrip())
        yield notebook


def _wrong(
    course: Course, stage: Stage, wrong: Mapping[str, Mapping[str, str | Sequence[tuple[str, str]]]]
) -> Iterator[Notebook]:
    """The reference with one mistake in one exercise, the exercises in turn."""
    mistakes = [[(id, edits) for edits in found.values()] for id, found in wrong.items()]
    for id, edits in itertools.chain.from_iterable(zip(*mistakes, strict=False)):
        notebook = solved(course, stage)
        if isinstance(edits, str):
            rewrite(notebook, id, edits.lstrip())
        else:
            for old, new in edits:
                edit(notebook, id, old, new)
        yield notebook


def hand_in(texts: Sequence[str], stage: str, folder: Path) -> None:
    """Write them as nbgrader collects them: `<student>/<stage>/<stage>.ipynb`."""
    for number, text in enumerate(texts):
        path = folder / f"student{number:03}" / stage / f"{stage}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
