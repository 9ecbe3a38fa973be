"""Whose a file is: a student as a platform has it, found in the roster, and never guessed."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mugrade.course.roster import Enrolled, folder_name
from mugrade.grader.collect.origin import LONGEST_NAME, Person

Ask = Callable[[str, Sequence[Enrolled]], str]
"""Asks which id a student has, among some; the answer may be empty."""


@dataclass(frozen=True)
class Whose:
    """The student's folder, or why nobody can say."""

    folder: str = ""
    why: str = ""


class Register:
    """The students of a class, or whoever hands in where there is no roster.

    `answers`: label of a person -> id, as a teacher has said; what `ask` answers is added.
    """

    def __init__(
        self, students: Sequence[Enrolled], answers: dict[str, str], ask: Ask | None = None
    ) -> None:
        self.students, self.answers, self.ask = students, answers, ask
        self.by_id = {plain(t): s for s in students for t in (s.id, s.folder, *s.aliases)}
        self.by_form: dict[str, list[Enrolled]] = defaultdict(list)
        for student in students:
            for form in forms(student.name):
                self.by_form[form].append(student)

    def resolve(self, people: Collection[Person]) -> dict[Person, Whose]:
        """Whose everything is that these people have handed in."""
        found = {p: self._whose(p) if self.students else _lasting(p) for p in people}
        for (folder, _), several in _groups(found).items():
            sure = [p for p in several if self.students and self._by_id(p)]
            if len(several) > 1 and len(sure) < len(several):
                for person in several:
                    if person not in sure:
                        found[person] = self._asked(person, _same_name(several, folder))
        return found

    def _whose(self, person: Person) -> Whose:
        if student := self._by_id(person):
            return Whose(student.folder)
        named = _distinct(s for form in forms(person.name) for s in self.by_form.get(form, ()))
        if len(named) == 1 and not self._contradicts(person):
            return Whose(named[0].folder)
        if len(named) > 1:
            ids = ", ".join(student.id for student in named)
            return self._asked(person, f"{len(named)} students are called so ({ids})", named)
        if self._contradicts(person):
            return self._asked(person, "the id is another student's than the name")
        return self._asked(person, "not in the roster")

    def _by_id(self, person: Person) -> Enrolled | None:
        """The one student whom the answers or all the ids name, if the name does not object."""
        if said := self.answers.get(person.label):
            return self.by_id.get(plain(said))
        named = _distinct(filter(None, map(self.by_id.get, map(plain, _ids(person)))))
        name = "" if person.name in person.ids else person.name
        return named[0] if len(named) == 1 and alike(name, named[0].name) else None

    def _contradicts(self, person: Person) -> bool:
        return any(plain(id) in self.by_id for id in _ids(person))

    def _asked(self, person: Person, why: str, among: Sequence[Enrolled] = ()) -> Whose:
        asked = self.ask if self.students else None
        said = asked(f"{person.label}: {why}", among or self.students) if asked else ""
        if said and (student := self.by_id.get(plain(said))):
            self.answers[person.label] = student.id
            return Whose(student.folder)
        return Whose("", why)


def plain(text: str) -> str:
    """An id as it is compared."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def forms(name: str) -> set[str]:
    """A name as platforms write it: in any order of its parts, with accents or without."""
    found = set()
    for text in _spellings(name):
        parts = [p for word in re.split(r"[\s,]+", text) if (p := re.sub(r"[\W_]+", "", word))]
        found |= {"".join(parts[i:] + parts[:i]) for i in range(len(parts))}
    return found


def alike(one: str, other: str) -> bool:
    """Whether two names may be one person's: where both are known they share a part."""
    if not one or not other:
        return True
    if plain(one) == plain(other) or forms(one) & forms(other):
        return True
    parts = {p for text in _spellings(other) for p in re.findall(r"[^\W_]{2,}", text)}
    return any(part in form for part in parts for form in forms(one))


def _spellings(name: str) -> Iterator[str]:
    text = unicodedata.normalize("NFC", name[:LONGEST_NAME]).casefold()
    yield text
    apart = unicodedata.normalize("NFKD", text)
    yield "".join(c for c in apart if not unicodedata.combining(c))
    yield text.encode("ascii", "ignore").decode()


def _ids(person: Person) -> Iterator[str]:
    yield from person.ids
    if person.passing:
        yield person.passing


def _distinct(students: Iterable[Enrolled]) -> list[Enrolled]:
    return list({student.id: student for student in students}.values())


def _lasting(person: Person) -> Whose:
    return Whose(folder_name(person.lasting))


def _groups(found: Mapping[Person, Whose]) -> dict[tuple[str, str], list[Person]]:
    """Folder, whatever its case, and place -> the people of whom it is said to be."""
    groups: dict[tuple[str, str], list[Person]] = defaultdict(list)
    for person, whose in found.items():
        if whose.folder:
            groups[plain(whose.folder), person.place].append(person)
    return groups


def _same_name(several: Sequence[Person], folder: str) -> str:
    labels = ", ".join(sorted(person.label for person in several))
    return f"{labels} may all be {folder}: a roster with their ids tells them apart"
