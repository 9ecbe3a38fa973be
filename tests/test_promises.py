"""What the hidden part of a check demands, the text of its exercise asks for. Stages 00 to 04."""

import re

import pytest

from mugrade.author.course import Course, Stage

PROMISES = [
    # stage, exercise, the kind of hidden input, the sentence that asks for it
    ("00", "by-hand", "other numbers", "The adjoints of a and b in y = a b + a"),
    ("00", "multiply", "any shape", "everything here acts entry by entry"),
    ("00", "multiply", "the gradient is differentiated again", "could not be differentiated again"),
    ("00", "divide", "any shape", "element by element"),
    ("00", "power-scalar", "n of every kind, also of NumPy", "with a fixed number $n$"),
    ("00", "power-scalar", "n = 0 where a = 0", "the gradient is 0 for n = 0, also where a = 0"),
    ("00", "power-scalar", "n = 1 where a = 0", "Differentiate $a^1$ twice"),
    ("00", "log", "numbers near 0", "where $a$ is $10^{-6}$, the derivative really is a million"),
    ("00", "relu", "entries at 0", "the gradient at 0 is taken to be 0"),
    ("00", "transpose", "negative axes", "Its `axes` may be negative"),
    ("00", "transpose", "stacks of matrices", "a stack of matrices is transposed matrix by matrix"),
    ("00", "reshape", "a length of -1", "One length may be -1"),
    ("00", "reshape", "shape ()", "Either shape may be `()`"),
    ("00", "summation", "None, ints and tuples", "as None, as an int or as a tuple"),
    ("00", "summation", "negative axes", "and may be negative"),
    ("00", "summation", "a tensor of shape ()", "A tensor of shape `()` has no axes"),
    ("00", "unbroadcast", "new axes", "over the axes that `shape` lacks on the left"),
    ("00", "unbroadcast", "stretched axes", "over those that have length 1 in it"),
    ("00", "unbroadcast", "shape ()", "which is `()` if a single number was broadcast"),
    ("00", "unbroadcast", "equal shapes", "`x.shape` if nothing was copied"),
    ("00", "matmul", "stacks that are broadcast", "broadcasts the axes in front"),
    ("00", "topo-sort", "several outputs, and the same twice", "Return the given nodes"),
    ("00", "topo-sort", "constants", "all that they depend on"),
    ("00", "topo-sort", "nodes used twice", "each once"),
    ("00", "topo-sort", "deep graphs", "a graph may be thousands of nodes deep"),
    (
        "00",
        "topo-sort",
        "large graphs under a time limit",
        "for which the grader has a few seconds",
    ),
    ("00", "topo-sort", "large graphs under a time limit", "not as its square"),
    ("00", "reverse-mode", "ops that give None", "may get None from an op"),
    ("00", "reverse-mode", "constants", "its `grad` stays None"),
    ("00", "reverse-mode", "a second call", "so a second call replaces what `grad` held"),
    ("00", "reverse-mode", "tuples", "A node may also be a `TensorTuple`"),
    ("00", "reverse-mode", "every hidden node is asked for its grad", "`grad` of every node that"),
    ("01", "xavier-uniform", "the global state", "draw from NumPy's global state"),
    ("01", "xavier-uniform", "keywords", "hand the keywords `device`, `dtype` and"),
    (
        "01",
        "xavier-uniform",
        "float32 without a gradient unasked",
        "return float32, and tensors that need",
    ),
    *(
        ("01", exercise, "keywords", "device, dtype and requires_grad in `kwargs` are those of")
        for exercise in ("xavier-uniform", "xavier-normal", "kaiming-uniform", "kaiming-normal")
    ),
    *(
        (
            "01",
            exercise,
            "other activations",
            'Raises ValueError for a nonlinearity other than "relu"',
        )
        for exercise in ("kaiming-uniform", "kaiming-normal")
    ),
    ("02", "linear", "the order of the draws", "first the weight, then the bias"),
    ("02", "linear", "leaves", "The parameters must be leaves"),
    ("02", "linear", "no bias", "or None if `bias` is false"),
    ("02", "linear", "dtypes", "have the given dtype"),
    ("02", "linear", "more axes", "with two axes or more"),
    ("02", "flatten", "any number of axes", "From shape (n, a, b, ...)"),
    ("02", "flatten", "shape (n,)", "of shape (n,), becomes (n, 1)"),
    ("02", "relu-layer", "any shape", "entry by entry, of any shape"),
    ("02", "sequential", "no modules", "with none, y = x"),
    ("02", "sequential", "the attribute", "The modules are kept in `modules`, in this order"),
    ("02", "sequential", "chains in chains", "chains can be links of other chains"),
    ("02", "residual", "a module that counts its calls", "and is called once"),
    ("03", "logsumexp", "masked logits", "0 where z_i is -inf"),
    ("03", "logsumexp", "both dtypes", "the result has shape and dtype of z"),
    ("03", "stable-logsumexp", "ints, tuples, negative axes, None", "each may be negative"),
    ("03", "stable-logsumexp", "both dtypes", "float32 stays float32, float64 stays float64"),
    ("03", "stable-logsumexp", "-inf", "An entry of -inf adds nothing"),
    ("03", "stable-logsumexp", "rows of -inf", "a slice of nothing but -inf gives -inf"),
    ("03", "stable-logsumexp", "+inf", "one with +inf gives +inf"),
    ("03", "stable-logsumexp", "the array afterwards", "is left as it was"),
    ("03", "logsumexp", "every kind of axes", "an int, a tuple of ints, or None for all axes"),
    ("03", "logsumexp", "differentiated again", "so that it can be differentiated again"),
    ("04", "logsoftmax", "large and unlikely logits", "also where `exp` over- or underflows"),
    ("04", "logsoftmax", "both dtypes", "The result has the dtype of `array`"),
    ("04", "logsoftmax", "the array afterwards", "which is left as it was"),
    ("04", "logsoftmax", "differentiated again", "so that it can be differentiated again"),
    ("04", "softmax-loss", "any integers as labels", "integers of any type"),
    ("04", "softmax-loss", "both dtypes", "The loss has the dtype of the logits"),
    ("04", "softmax-loss", "batches of all sizes", "It is a **mean** over the batch"),
]


def task_of(stage: Stage, exercise: str) -> str:
    """What stands between the exercise before and this one, and its stub, in one line."""
    text: list[str] = []
    for cell in stage.cells:
        if cell.role == "solution":
            if cell.id == exercise:
                return " ".join("\n".join([*text, cell.unsolved]).split())
            text = []
        elif cell.role in ("prose", "given"):
            text.append(re.sub("^# ?", "", cell.source, flags=re.MULTILINE))
    raise LookupError(exercise)


@pytest.mark.parametrize(("number", "exercise", "kind", "sentence"), PROMISES)
def test_what_a_hidden_part_demands_stands_in_the_task(
    course: Course, number: str, exercise: str, kind: str, sentence: str
) -> None:
    assert sentence in task_of(course.find(number), exercise), f"nothing asks for: {kind}"


def test_a_hint_is_no_task(course: Course) -> None:
    stage = course.find("03")
    assert "np.isfinite(top)" not in task_of(stage, "stable-logsumexp")
    assert "np.isfinite(top)" in "".join(cell.source for cell in stage.role("hints"))
