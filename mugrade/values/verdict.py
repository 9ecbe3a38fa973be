"""What is said of a check: that it passes, or what is wrong and, if it is known, why."""

from dataclasses import dataclass, replace

from mugrade.values import Category
from mugrade.values.picture import Picture


@dataclass(frozen=True)
class Diagnosis:
    """A mistake with its name: what was done, why that is wrong, what to try."""

    name: str
    why: str
    advice: str


@dataclass(frozen=True)
class Verdict:
    """That a check passes, or what went wrong: both sides in words, and what to try.

    A judge says it of one value; a check's is that of the first value which is wrong, `at` a place.
    There is a `picture` of where arrays differ. Of hidden inputs `actual`, `expected`, `at` and
    `picture` are empty; `about` may say of what kind they are. `diagnosis` names the mistake.
    `earned` are the points of those parts of a check that are right, where parts have points.
    """

    category: Category
    actual: str = ""
    expected: str = ""
    at: str = ""
    advice: str = ""
    hidden: bool = False
    diagnosis: Diagnosis | None = None
    picture: Picture | None = None
    about: str = ""
    earned: int = 0

    @property
    def passed(self) -> bool:
        return self.category == Category.PASS

    @property
    def concealed(self) -> "Verdict":
        """The same without anything that the student's process chose, be it a number."""
        if self.passed:
            return self
        return Verdict(
            self.category, advice=self.advice, hidden=True, about=self.about, earned=self.earned
        )

    def points(self, of: int) -> int:
        """What it gives of a check's points."""
        return of if self.passed else self.earned

    def advised(self, advice: str) -> "Verdict":
        """The same with other advice, also where the mistake is named."""
        diagnosis = self.diagnosis and replace(self.diagnosis, advice=advice)
        return replace(self, advice=advice, diagnosis=diagnosis)


PASS = Verdict(Category.PASS)
