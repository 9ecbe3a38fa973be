"""Name the mistake behind wrong data: numbers, texts, containers, dates, tables and exceptions."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator

from mugrade.values.datum import Datum, Printed, Raised, Table
from mugrade.values.same import (
    Difference,
    How,
    Tolerances,
    an,
    first_difference,
    kind_of,
    printed_lines,
)
from mugrade.values.verdict import Diagnosis

MOST_DIGITS = 8
TYPES = {
    ("int", "float"): (
        "2 and 2.0 are equal, but only a float says that it may have a fraction",
        "divide with / and not with //, or make a float of it with float(...)",
    ),
    ("float", "int"): (
        "a count or an index is whole, and a float of the same size is another type",
        "divide with // and not with /, or make an int of it with int(...)",
    ),
    ("str", "int"): (
        "a text of digits is no number, though it looks like one when it is printed",
        "convert it with int(...) as soon as it is read",
    ),
    ("str", "float"): (
        "a text of digits is no number, though it looks like one when it is printed",
        "convert it with float(...) as soon as it is read",
    ),
    ("bool", "int"): (
        "True counts as 1 in a sum, and yet is no number",
        "return the number itself, or make one of it with int(...)",
    ),
    ("int", "bool"): (
        "1 and 0 count as true and false, and yet are no truth values",
        "return the comparison itself, or make a bool of it with bool(...)",
    ),
    ("bytes", "str"): (
        "bytes are what stands in a file, a text is what they mean in an encoding",
        'decode them: data.decode("utf-8")',
    ),
    ("datetime", "date"): (
        "a datetime is a day with a time, and never equals a date",
        "take the day of it with .date()",
    ),
    ("array", "list"): (
        "an array of NumPy is no list, though it looks like one when it is printed",
        "make a list of it with .tolist()",
    ),
}
OF_ANY_TYPE = (
    "a value of another type may look the same when it is printed, and behaves differently",
    "print(type(...)) of what you return, and of its parts",
)

DataRule = Callable[[Difference], Diagnosis | None]


def diagnose_data(actual: Datum, expected: Datum, close: Tolerances) -> Diagnosis | None:
    """What the first rule that speaks says of wrong data, or None."""
    found = first_difference(actual, expected, close)
    if found is None:
        return None
    whole = Difference(found.how, actual, expected)
    return next(filter(None, (rule(seen) for rule, seen in _asked(whole, found))), None)


def _asked(whole: Difference, found: Difference) -> Iterator[tuple[DataRule, Difference]]:
    """What is said of the whole comes before what is said of one place in it."""
    yield from ((rule, whole) for rule in OF_CONTAINERS)
    yield from ((rule, found) for rule in RULES)


def other_order(d: Difference) -> Diagnosis | None:
    if type(d.actual) is not type(d.expected) or not isinstance(d.expected, list | tuple):
        return None
    if Counter(map(repr, d.actual)) != Counter(map(repr, d.expected)):
        return None
    if d.actual == d.expected[::-1]:
        return Diagnosis(
            "the order is reversed",
            "the elements are right, from the last to the first",
            "look at where you add an element, or at the direction in which you sort",
        )
    return Diagnosis(
        "the right elements in another order",
        "nothing is missing and nothing is too many, but the order counts too",
        "look at what you sort by, and whether a set or a dict has lost the order",
    )


def other_rows(d: Difference) -> Diagnosis | None:
    if not isinstance(d.actual, Table) or not isinstance(d.expected, Table):
        return None
    if d.actual.columns != d.expected.columns or d.actual.values == d.expected.values:
        return None
    both = (Counter(map(repr, zip(*t.values, strict=True))) for t in (d.actual, d.expected))
    if next(both) != next(both):
        return None
    return Diagnosis(
        "the right rows in another order",
        "every row is there, but the order of rows counts too",
        "sort by what was asked for, and then see whether the index has to be made anew",
    )


def other_type(d: Difference) -> Diagnosis | None:
    if d.how != How.TYPE or isinstance(d.expected, Raised):
        return None
    kinds = kind_of(d.actual), kind_of(d.expected)
    if kinds[0] == kinds[1]:
        return None
    why, advice = TYPES.get(kinds, OF_ANY_TYPE)
    return Diagnosis(f"{an(kinds[0])} where {an(kinds[1])} is right", why, advice)


def other_exception(d: Difference) -> Diagnosis | None:
    if not isinstance(d.expected, Raised):
        return None
    if not isinstance(d.actual, Raised):
        return Diagnosis(
            "no exception is raised",
            "the argument cannot be used, and yet something is returned",
            "test the argument first, and raise what the docstring names",
        )
    if d.how == How.MESSAGE:
        return Diagnosis(
            "the right exception with another message",
            "what is said to whoever reads it is a part of what was asked for",
            "compare the two messages letter by letter",
        )
    return Diagnosis(
        "another exception is raised",
        "whoever catches the one that the docstring names does not catch this one",
        "raise that one yourself, before something else fails",
    )


def other_text(d: Difference) -> Diagnosis | None:
    both = (d.actual, d.expected)
    pair = ["\n".join(printed_lines(s)) if isinstance(s, Printed) else s for s in both]
    if not all(isinstance(s, str) for s in pair):
        return None
    a, b = pair
    if isinstance(d.expected, Printed) and not a.strip():
        return NOTHING_PRINTED
    for form, name, why, advice in TEXTS:
        if form(a) == form(b) != "":
            return Diagnosis(name, why, advice)
    if a and b.startswith(a):
        return Diagnosis(
            "the text ends too early",
            "what is there is right, and the rest of it is missing",
            "look at where the loop or the slice ends",
        )
    return None


NOTHING_PRINTED = Diagnosis(
    "nothing is printed",
    "what a function returns is not printed by itself, and what it prints is not returned",
    "call print(...) where each line is ready",
)
TEXTS: list[tuple[Callable[[str], str], str, str, str]] = [
    (
        str.casefold,
        "upper and lower case differ",
        "the letters are right, but for their case",
        "look for lower(), upper(), title() or capitalize(), or their absence",
    ),
    (
        lambda s: "".join(s.split()),
        "blanks or line ends differ",
        "all other characters are right",
        "print repr(...) of it, which shows them; strip() takes them off both ends",
    ),
    (
        lambda s: unicodedata.normalize("NFKC", s),
        "the same letters in another form",
        "Unicode writes some letters in several ways, which look the same",
        'unicodedata.normalize("NFC", ...) makes them one',
    ),
    (
        lambda s: "".join(c for c in s if c.isalnum()),
        "punctuation differs",
        "all letters and digits are right",
        "print repr(...) of it, and compare it sign by sign",
    ),
]


def other_number(d: Difference) -> Diagnosis | None:
    a, b = d.actual, d.expected
    if d.how != How.VALUE or isinstance(b, bool) or not isinstance(b, int | float):
        return None
    if a == -b:
        return Diagnosis(
            "the sign is flipped",
            "the number is the negative of the right one",
            "look for a difference taken the wrong way round, or a minus too many",
        )
    if isinstance(b, int) and abs(a - b) == 1:
        return Diagnosis(
            "off by one",
            "the number is one more or one less than the right one",
            "does the range include its end, and does the count begin with 0 or with 1?",
        )
    if isinstance(b, float) and any(round(b, n) == a for n in range(MOST_DIGITS)):
        return Diagnosis(
            "a rounded number",
            "rounding loses what comes after it, and errors add up",
            "compute with all digits, and round only what is printed",
        )
    return None


def other_length(d: Difference) -> Diagnosis | None:
    if d.how != How.LENGTH:
        return None
    a, b = ([repr(item) for item in side] for side in (d.actual, d.expected))
    if set(a) == set(b):
        return Diagnosis(
            "what occurs several times is counted otherwise",
            "the same elements occur, but not as often as they should",
            "look for a set, or a test whether it is there already, or their absence",
        )
    if len(a) < len(b):
        return Diagnosis(
            "an element is missing",
            "there are fewer elements than there should be",
            "is the first or the last one left out, or a condition too narrow?",
        )
    return Diagnosis(
        "an extra element",
        "there are more elements than there should be",
        "does the range go on too far, or is a condition too wide?",
    )


def other_key(d: Difference) -> Diagnosis | None:
    thing = "column" if isinstance(d.expected, Table) else "key"
    thing = "element" if isinstance(d.expected, set) else thing
    if d.how == How.MISSING:
        there = d.actual.columns if isinstance(d.actual, Table) else d.actual
        if any(type(k) is not type(d.key) and str(k) == str(d.key) for k in there):
            return Diagnosis(
                f"{an(thing)} of another type",
                "1 and '1' look alike when they are printed, and are not the same",
                "convert it before it is used, with int(...) or str(...)",
            )
        return Diagnosis(
            f"{an(thing)} is missing",
            f"the {thing}s that are there do not suffice",
            "print them: is one misspelt, in another case, or never put in?",
        )
    if d.how == How.EXTRA:
        return Diagnosis(
            f"an extra {thing}",
            f"all that should be there is there, and one {thing} more",
            "print them: which one was not asked for, and where does it come from?",
        )
    return None


OF_CONTAINERS: tuple[DataRule, ...] = (other_order, other_rows)
RULES: tuple[DataRule, ...] = (
    other_exception,
    other_type,
    other_text,
    other_number,
    other_length,
    other_key,
)
