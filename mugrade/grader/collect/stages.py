"""Which stage a file is: by the cells that it holds, else by its name."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

from mugrade.course.model import Course
from mugrade.grader.collect.origin import LONGEST_NAME
from mugrade.package.ipynb import SubmittedCell

COPY = re.compile(r"^(?:(?:copy of|kopie von|copie de|copia de|copia di)[ _]+)+", re.IGNORECASE)
AGAIN = re.compile(r"(?:[ _]*\(\d{1,3}\)|[ _-]+copy\d{0,2}|-\d{1,2})+$", re.IGNORECASE)
NUMBERED = re.compile(
    r"(?:assignment|exercise|ex|homework|hw|lab|notebook|problemset|ps|stage|week)?(\d{1,2})"
)
NOTEBOOK, SCRIPT, OTHER = "notebook", "script", "other"
ENDINGS = (".txt", ".json", ".download", ".html", ".htm", ".pdf")


class StageFinder:
    """The stages of a course, as files and notebooks name them."""

    def __init__(self, course: Course) -> None:
        self.names = [stage.name for stage in course.stages]
        self.of_cell = {cell.id: stage.name for stage in course.stages for cell in stage.cells}
        self.words = {name: _squashed(re.sub(r"^\d+_", "", name)) for name in self.names}
        self.numbers = {int(name[:2]): name for name in self.names if name[:2].isdecimal()}

    def by_name(self, name: str) -> str | None:
        """The one stage that a file is called like: the longest word, else the number."""
        text = _squashed(bare_name(name)) if len(name) <= LONGEST_NAME else ""
        said = {stage: word for stage, word in self.words.items() if word and word in text}
        longest = [
            stage
            for stage, word in said.items()
            if not any(word != other and word in other for other in said.values())
        ]
        if longest:
            return longest[0] if len(longest) == 1 else None
        found = NUMBERED.fullmatch(text)
        return self.numbers.get(int(found[1])) if found else None

    def by_cells(self, cells: Iterable[SubmittedCell]) -> str | None:
        """The stage of most cells; None where a notebook has lost their ids."""
        ids = {id for cell in cells for id in (cell.id, cell.grade_id) if id in self.of_cell}
        most = Counter(self.of_cell[id] for id in ids).most_common(1)
        return most[0][0] if most else None


def file_kind(name: str) -> str:
    """What a file is called like: `x.ipynb.txt` and `X.IPYNB` are notebooks too."""
    suffixes = [suffix.lower() for suffix in PurePosixPath(name).suffixes[-2:]]
    if ".ipynb" in suffixes and (suffixes[-1] == ".ipynb" or suffixes[-1] in ENDINGS):
        return NOTEBOOK
    return SCRIPT if suffixes[-1:] == [".py"] else OTHER


def bare_name(name: str) -> str:
    """A file's name without its endings, and what browsers and platforms put around it."""
    text = PurePosixPath(name).name
    while (suffix := PurePosixPath(text).suffix.lower()) in (".ipynb", ".py", *ENDINGS):
        text = text[: -len(suffix)]
    return AGAIN.sub("", COPY.sub("", text))


def _squashed(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())
