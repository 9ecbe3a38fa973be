"""Name the mistake behind an exception, where its text tells.

A rule is a pattern over `Kind: text` and what it means. The first that is found counts, and those
of a course come first; what it says holds whatever the numbers in the text are, so that it may be
shown for hidden inputs too.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mugrade.values.verdict import Diagnosis

KEY = "exceptions"  # of the rules, beside what is known of mistakes


@dataclass(frozen=True)
class ExceptionRule:
    """What an exception means whose description as `Kind: text` the regular expression finds."""

    pattern: str
    diagnosis: Diagnosis


RULES = [
    (
        r"'(int|float)' (object )?is not (a container or )?(iterable|subscriptable)"
        r"|type '(int|float)' has no len",
        "a single number is treated as a sequence",
        "an argument such as axes may be one int as well as a tuple of them",
        "turn it into a tuple first, for instance with np.atleast_1d",
    ),
    (
        r"NoneType",
        "None is used as if it were a value",
        "an argument that was left out, or something that was never set, is None",
        "decide what None means here before you use it",
    ),
    (
        r"(could not be broadcast|could not broadcast|not aligned)(?!.*\(\))",
        "two shapes do not fit together",
        "axes are aligned from the right, and only an axis of length 1 can stretch",
        "print both shapes; keep a reduced axis as length 1 before broadcasting",
    ),
    (
        r"^ValueError: matmul: (?!.*does not have enough)",
        "the inner dimensions of a matrix product differ",
        "(n, k) @ (k, m) is (n, m): the last axis on the left meets the last but one on the right",
        "print both shapes: which factor comes first, and which one is transposed?",
    ),
    (
        r"core dimension",
        "two axes that meet have different lengths",
        "the function works on matrices or vectors, and theirs do not fit",
        "print both shapes: is one of them transposed, or an axis left over?",
    ),
    (
        r"does not have enough dimensions|-dimensional array given",
        "an array has too few axes",
        "the function works on matrices or vectors, and got an array with fewer axes",
        "print its shape: was an axis summed away, or an index too many?",
    ),
    (
        r"axes don't match array",
        "the axes that are named are not those of the array",
        "an array with n axes is transposed by a list that names each of them once",
        "print the shape and the list of axes; a stack of matrices has more than two",
    ),
    (
        r"cannot reshape array",
        "a reshape to another number of entries",
        "reshape groups the same entries differently, so the numbers of entries must agree",
        "print both shapes; a sum loses entries, broadcasting repeats them",
    ),
    (
        r"^AxisError|axis -?\d+ is out of bounds for array",
        "an axis that the array does not have",
        "n axes are numbered from 0 to n - 1, or from -n to -1",
        "print the shape and the axes",
    ),
    (
        r"duplicate value in 'axis'|repeated axis",
        "an axis is named twice",
        "each axis can be reduced once; -1 and the last number name the same one",
        "print the axes, and how they are counted",
    ),
    (
        r"^IndexError: .*out of (bounds|range)",
        "an index beyond the end",
        "n entries are numbered from 0 to n - 1",
        "print the index and the length of what it is used on",
    ),
    (
        r"^IndexError: .*\bnegative\b",
        "a negative number is used as an index",
        "entries are counted from 0, and none stands before the first",
        "print the index, and look for a subtraction, or a -1 that stands for something",
    ),
    (
        r"truth value of an array",
        "an array is used as a condition",
        "an array with several entries is neither true nor false",
        "compare entry by entry and use np.where, or reduce with .any() or .all()",
    ),
    (
        r"inhomogeneous shape",
        "parts of different shapes are put into one array",
        "an array is made of rows that are equally long",
        "print the shapes of the parts: one of your results has another than the rest",
    ),
    (
        r"Cannot cast ufunc",
        "a result of another dtype is written in place",
        "what is float64 does not fit into a float32 array",
        "keep every operand in the array's dtype, or convert with astype",
    ),
    (
        r"'slice'",
        "a slice is not understood as an index",
        "an index is an int, a slice or an array of ints",
        "hand the index on to the array, which understands all three",
    ),
    (
        r"'numpy\.ndarray' object has no attribute",
        "an array stands where another object is expected",
        "a NumPy array lacks the attributes of the library's own objects",
        "wrap the array before it is returned or handed on",
    ),
    (
        r"values to unpack",
        "there are more or fewer values than expected",
        "what is unpacked does not hold one item for each name",
        "print it and its length",
    ),
    (
        r"required positional argument|unexpected keyword|positional arguments? but",
        "a function is called with other arguments than it takes",
        "the names and the number of the arguments are part of what was agreed",
        "compare the call with the signature",
    ),
    (
        r"^TypeError: unsupported operand type\(s\) for \+: 'int' and",
        "a number is added to what is no number",
        "sum() begins with the number 0, unless it is told otherwise",
        "begin with the first of the terms, and add the others to it",
    ),
    (
        r"^RecursionError",
        "the function calls itself too often",
        "Python gives up at a depth of about 1,000 calls",
        "keep what is left to do in a list, and loop",
    ),
    (
        r"read-only",
        "a read-only array is written to",
        "np.broadcast_to and some views share memory that may not be changed",
        "make a new array instead of changing this one",
    ),
    (
        r"^(NameError|UnboundLocalError)",
        "a name that is not defined",
        "it is misspelt, or the cell that defines it has not run",
        "run the cells above, also after a restart; else look at the spelling",
    ),
    (
        r"^(EOFError: Compressed|BadGzipFile|error: Error -\d)",
        "an error of gzip comes out as it is",
        "damaged files make gzip raise EOFError, BadGzipFile or zlib.error: none is a ValueError",
        "catch all of them, and raise what the docstring names",
    ),
    (
        r"^error: unpack requires",
        "struct has too few or too many bytes to unpack",
        "struct raises an error of its own, struct.error, which is no ValueError",
        "compare the length with what the format needs, and raise what the docstring names",
    ),
    (
        r"^AssertionError",
        "an assertion does not hold",
        "an assert raises AssertionError, and nothing else",
        "if the input was bad, raise the error that the docstring names",
    ),
    (
        r"need at least one array|zero-size array|reduce\(\) of empty|empty sequence"
        r"|argument is empty",
        "nothing is there to be put together",
        "the selection is empty, and what is called needs one entry at least",
        "decide what an empty selection gives before you call it",
    ),
    (
        r"generator raised StopIteration",
        "a generator raises StopIteration",
        "Python turns that into a RuntimeError: a function with yield in it ends by return",
        "return where nothing is left; StopIteration is for __next__",
    ),
    (
        r"returned non-iterator",
        "what __iter__ returns is no iterator",
        "it needs a method __next__: a list has none, and is only something to iterate over",
        "write yield in __iter__, or return iter(...) of a list",
    ),
    (
        r"^FileNotFoundError",
        "a file that is not there",
        "the folder is wrong, or an argument that names it is not used",
        "print the path, and look where its parts come from",
    ),
    (
        r"has no attribute",
        "an attribute that does not exist",
        "it is misspelt, or never set in __init__",
        "look at what the object is: print(type(...))",
    ),
]
GENERAL = [ExceptionRule(pattern, Diagnosis(*text)) for pattern, *text in RULES]
NO_GRADIENT = Diagnosis(
    "there is no gradient",
    "grad is None: the graph is cut on the way to this tensor, or grad was not set, or was reset",
    "look for .numpy(), .data, .detach() or a new Tensor on the way, and for what sets grad",
)
NO_RETURN = Diagnosis(
    "nothing is returned",
    "None comes back: from a function without a return, also if that is on one branch only",
    "return the result on every way through the function",
)
A_COLLECTION = Diagnosis(
    "a list or tuple in place of an array",
    "the result is to be one array; this one is a Python collection",
    "return what is in it, or put its parts together into one array",
)
TOO_FEW = Diagnosis(
    "fewer results than there should be",
    "the check loops over your results, and they end too early",
    "print what comes: is the last one missing, or is a return or a yield in the wrong place?",
)


def explain_exception(text: str, rules: Sequence[ExceptionRule] = ()) -> Diagnosis | None:
    """What an exception, described as `Kind: text`, tells of the mistake; None if too little.

    `rules` are the course's own.
    """
    found = (rule for rule in (*rules, *GENERAL) if re.search(rule.pattern, text))
    return next((rule.diagnosis for rule in found), None)


def rules_to_json(rules: Sequence[ExceptionRule]) -> list[list[str]]:
    return [[r.pattern, r.diagnosis.name, r.diagnosis.why, r.diagnosis.advice] for r in rules]


def rules_from_json(data: Mapping[str, Any]) -> list[ExceptionRule]:
    """The rules in what a file of known mistakes holds; none in one of an older course."""
    return [ExceptionRule(pattern, Diagnosis(*text)) for pattern, *text in data.get(KEY, ())]
