"""Written answers as grades: nobody but a teacher says what they are worth."""

from collections.abc import Iterable, Iterator, Mapping

from mugrade.course.manifest import CheckEntry, digest
from mugrade.grader.results import Grade
from mugrade.values import Category
from mugrade.values.verdict import Verdict
from mugrade.view.report import printable

MOST = 20_000  # characters that are shown and stored; the notebook has them all


def written_grades(entries: Iterable[CheckEntry], answers: Mapping[str, str]) -> Iterator[Grade]:
    """A grade for each answer: the text that waits for a teacher, or that there is none.

    Its code is the text, so that a teacher's score is about what was read.
    """
    for entry in entries:
        text = answers.get(entry.id, "")
        verdict = Verdict(Category.WRITTEN, _shown(text)) if text else Verdict(Category.UNSOLVED)
        yield Grade(entry, verdict, digest_of(text))


def digest_of(text: str) -> str:
    """The digest of an answer, however its lines end."""
    return digest(repr([line.rstrip() for line in text.splitlines()]))


def _shown(text: str) -> str:
    more = len(text) - MOST
    kept = text if more <= 0 else f"{text[:MOST]}\n... ({more} more characters)"
    return "\n".join(printable(line.expandtabs(4)) for line in kept.splitlines())
