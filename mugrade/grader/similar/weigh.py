"""How much two students' answers have in common that few others have.

A fingerprint weighs log(n / d), where d of the n students who have answered its exercise have it
(inverse document frequency, Spärck Jones 1972); those of the course, and those that more than a few
share, weigh nothing. A pair weighs what all its shared fingerprints do. It is listed if it shares
LEAST of them, and more than two students of this class would by chance:

    sqrt(weight) > median + z * 1.4826 * MAD,   z = the normal quantile of 1 - CHANCE / pairs

with median and median absolute deviation of the roots of all weights above 0. The root makes sums
of counts nearly normal (Anscombe 1948), and the quantile allows for how many pairs there are.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import combinations
from statistics import NormalDist, median
from typing import TypeVar

FEW, SHARE, MOST = 3, 0.1, 12  # so many students share what is rare: a tenth, within these bounds
LEAST = 30  # shared fingerprints: about a dozen lines of code
CHANCE = 0.02  # pairs that are listed by chance in a class
PAIRS_OF_EACH = 4  # of a student: where fewer share anything, as many more share nothing

TwoStudents = tuple[str, str]
Exercise = tuple[str, str]  # its stage, its id
Shown = TypeVar("Shown", int, str)


@dataclass(frozen=True)
class Work:
    """One student's answer to one exercise: its code, its fingerprints, its comments and names."""

    student: str
    exercise: Exercise
    source: str
    prints: frozenset[int]
    marks: frozenset[str] = frozenset()


@dataclass
class Likeness:
    """What two students share: exercise -> fingerprint -> how many students have it.

    `weights`: exercise -> what that weighs; `marks`: exercise -> comments and names that few have.
    """

    pair: TwoStudents
    shared: dict[Exercise, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    weights: dict[Exercise, float] = field(default_factory=lambda: defaultdict(float))
    marks: dict[Exercise, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def weight(self) -> float:
        return math.fsum(self.weights.values())

    @property
    def count(self) -> int:
        """How many fingerprints are shared."""
        return sum(map(len, self.shared.values()))

    @property
    def exercises(self) -> list[Exercise]:
        """Where something is shared, the heaviest first."""
        return sorted(self.shared, key=lambda e: (-round(self.weights[e], 6), e))


@dataclass(frozen=True)
class Comparison:
    """The pairs to look at, the heaviest first, and the weight that each of them exceeds."""

    pairs: Sequence[Likeness]
    threshold: float
    students: int


def weigh_pairs(works: Iterable[Work], known: AbstractSet[int] = frozenset()) -> Comparison:
    """Weigh every two students; `known` are the course's own fingerprints."""
    works = sorted(works, key=lambda work: (work.exercise, work.student))
    students = len({work.student for work in works})
    answered = Counter(work.exercise for work in works)
    rare = _rare(((w.student, w.exercise, w.prints - known) for w in works), answered)
    weights: dict[TwoStudents, float] = defaultdict(float)
    for (exercise, who), count in Counter((key[0], who) for key, who in rare.items()).items():
        for pair in combinations(who, 2):
            weights[pair] += count * _weight(answered[exercise], who)
    threshold = beyond_chance(list(weights.values()), students)
    found = {pair: Likeness(pair) for pair, weight in weights.items() if weight > threshold}
    for (exercise, fingerprint), who in rare.items():
        for pair in found.keys() & combinations(who, 2):
            found[pair].shared[exercise][fingerprint] = len(who)
            found[pair].weights[exercise] += _weight(answered[exercise], who)
    kept = {pair: like for pair, like in found.items() if like.count >= LEAST}
    marks = _rare(((w.student, w.exercise, w.marks) for w in works), answered)
    for (exercise, mark), who in sorted(marks.items()):
        for pair in kept.keys() & combinations(who, 2):
            kept[pair].marks[exercise].append(mark)
    heaviest = sorted(kept.values(), key=lambda like: (-round(like.weight, 6), like.pair))
    return Comparison(heaviest, threshold, students)


def few(answered: int) -> int:
    """How many students may share what is still rare, of those who have answered."""
    return max(FEW, min(MOST, int(SHARE * answered)))


def beyond_chance(weights: Sequence[float], students: int) -> float:
    """The weight that no pair reaches by chance; `weights` are those above 0."""
    nothing = max(0, PAIRS_OF_EACH * students - len(weights))
    roots = [*map(math.sqrt, weights), *[0.0] * nothing]
    if not roots:
        return 0.0
    middle = median(roots)
    spread = 1.4826 * median(abs(root - middle) for root in roots)
    pairs = max(1, math.comb(students, 2))
    return (middle + NormalDist().inv_cdf(1 - CHANCE / pairs) * spread) ** 2


def _rare(
    found: Iterable[tuple[str, Exercise, Iterable[Shown]]], answered: Mapping[Exercise, int]
) -> dict[tuple[Exercise, Shown], tuple[str, ...]]:
    """What stands in the answers of a few students to an exercise -> who they are."""
    index: dict[tuple[Exercise, Shown], list[str]] = defaultdict(list)
    for student, exercise, items in found:
        for item in sorted(items):
            index[exercise, item].append(student)
    return {key: tuple(who) for key, who in index.items() if 2 <= len(who) <= few(answered[key[0]])}


def _weight(answered: int, who: Sequence[str]) -> float:
    return math.log(answered / len(who))
