"""Hand-ins of one student and stage that `mugrade collect` found at once, to be graded in turn."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mugrade.grader.collect.index import content_of, read_index
from mugrade.grader.fingerprint import handed_in
from mugrade.grader.models import Attempt
from mugrade.grader.submissions import SUBMITTED, Key, Submission

Histories = Mapping[Key, Sequence[Attempt]]


def earlier_turns(
    folder: Path, present: Sequence[Submission], histories: Histories
) -> Iterator[Submission]:
    """What was handed in before what lies in `folder`, and was not graded yet.

    What comes before something that was graded is left out: it would be taken for newer. Raises
    Unreadable.
    """
    root = folder / SUBMITTED if (folder / SUBMITTED).is_dir() else folder
    if not root.is_dir():
        return
    index = read_index(root)
    for last in present if index.hand_ins else ():
        received = [r for r in index.of(last.stage, last.student) if r.is_readable]
        if len(received) < 2 or not last.path:
            continue
        order = [r.sha256 for r in received]
        now = handed_in(last)
        until = order.index(now) if now in order else len(order)
        graded = {attempt.notebook for attempt in histories.get(last.key, ())}
        known = [i for i, sha256 in enumerate(order) if sha256 in graded]
        for i in range(max(known, default=-1) + 1, until):
            path = content_of(root, last.student, order[i])
            if path.is_file():
                when, taken = received[i].when, received[i].file
                earlier = replace(last, path=path, handed_in=when, taken=taken, turn=i - until)
                yield replace(earlier, passed_over=(), notes=())


def in_turn(submissions: Sequence[Submission]) -> list[list[Submission]]:
    """Submissions one after the other where a student has several at a stage."""
    turns = sorted({submission.turn for submission in submissions})
    return [[s for s in submissions if s.turn == turn] for turn in turns]
