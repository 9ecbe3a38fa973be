"""Blocks: a module's text and its blocks are the same thing, and helpers stand where they work."""

import ast
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mugrade.package.blocks import (
    Block,
    arrange,
    cell_body,
    export_path,
    is_stub,
    parse_module,
    render_module,
    replace_block,
)

ids = st.text(string.ascii_lowercase + "-", min_size=1, max_size=6)
sources = st.text(st.sampled_from("#% \nab=1'\"\t\x0c\u2028\x85\r|")) | st.text()
cells = st.builds(Block, ids, sources.map(cell_body), st.booleans())


@given(st.lists(cells, max_size=5))
def test_a_module_file_holds_its_blocks(blocks: list[Block]) -> None:
    assert parse_module(render_module(blocks)) == blocks if blocks else True


@given(sources, sources)
def test_a_cell_cannot_forge_another_block(first: str, second: str) -> None:
    bodies = [cell_body(f"{first}\n# %% other\n{second}"), cell_body(f"# %% own taken\n{first}")]
    blocks = [Block(str(i), body) for i, body in enumerate(bodies)]
    assert [b.id for b in parse_module(render_module(blocks))] == ["0", "1"]


@given(st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"])))
def test_strings_survive_the_way_into_the_module(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\x00", "")
    if "# %%" in text or "|" in text or "SOLUTION" in text:
        return
    source = f'x = """a{quoted}z"""'
    body = cell_body(f"#| export a/b.py\n{source}")
    assert ast.dump(ast.parse(body)) == ast.dump(ast.parse(source))


@pytest.mark.parametrize(
    "source",
    [
        "#| export a/b.py\nx = 1",
        "#|export a/b.py",
        "\n\n#| export  a/b.py  \nx",
        "# mine\n#| export a/b.py",
    ],
)
def test_a_directive_is_found_above_the_code(source: str) -> None:
    assert export_path(source) == "a/b.py"
    assert "export" not in cell_body(source)


@pytest.mark.parametrize("source", ["x = 1", "# export a/b.py", "x  #| export a/b.py", "#| export"])
def test_no_directive_no_export(source: str) -> None:
    assert export_path(source) is None


def test_solution_marks_are_no_part_of_a_module() -> None:
    cell = "def f():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION"
    assert cell_body(cell) == "def f():\n    return 1"


def test_a_stub_is_recognised() -> None:
    assert is_stub("def f():\n    # YOUR CODE HERE\n    raise NotImplementedError()")
    assert is_stub("def f():\r\n    # YOUR CODE HERE\r\n\r\n    raise NotImplementedError()")
    assert not is_stub("def f():\n    raise NotImplementedError()")
    assert not is_stub("# YOUR CODE HERE" + "\n" * 200_000)


def test_symbols_are_what_the_top_level_binds() -> None:
    source = """
import os, numpy.linalg as la
try:
    import fast
except ImportError:
    fast = None
for i in range(2):
    with open(os.devnull) as file: pass
@decorated
def f(a): inner = 1
class C(Base): member = 2
(x, *y), z.attribute = [n for n in f(1)], 3
if (w := 1): v: int = 2
"""
    block = Block("b", source)
    assert block.symbols == set("fCixywv") | {"fast", "file"}
    assert block.provides == block.symbols | {"os", "la"}


def test_needs_are_what_runs_on_import_and_reads_what_may_run() -> None:
    source = """
@decorator
def f(a: Annotation = default) -> None:
    local = a + later
    return [local * k for k in deeper]
class C(Base):
    member = made()
    def method(self): return super().method(inside)
"""
    block = Block("b", source)
    now = {"decorator", "Annotation", "default", "Base", "made"}
    assert block.needs == now
    assert block.reads - {"super"} == now | {"later", "deeper", "inside"}


@pytest.mark.parametrize("source", ["def (", "x = '\x00'", "def f(a, a): pass"])
def test_garbage_defines_nothing_and_can_be_replaced(source: str) -> None:
    garbage = Block("a", source)
    assert not garbage.provides - {"f"} and not garbage.reads
    assert replace_block([garbage], Block("a", "x = 1"), ["a"]) == [Block("a", "x = 1")]


names = st.sampled_from("abcd")
definitions = st.sets(names, max_size=3).map(
    lambda found: "\n".join(f"def {name}(): pass" for name in sorted(found))
)
blocks = st.builds(Block, st.sampled_from(["k1", "k2", "h1", "h2"]), definitions)


@given(st.lists(blocks, max_size=8), st.frozensets(names))
def test_running_a_cell_again_changes_nothing(history: list[Block], required: frozenset) -> None:
    module: list[Block] = []
    for block in history:
        module = replace_block(module, block, ["k1", "k2"], required)
        again = replace_block(module, block, ["k1", "k2"], required)
        assert again == module or set(again) == set(module)


@given(st.lists(blocks, max_size=8), st.frozensets(names))
def test_no_required_symbol_gets_lost(history: list[Block], required: frozenset) -> None:
    module: list[Block] = []
    for block in history:
        had = {s for old in module for s in old.symbols} & required
        module = replace_block(module, block, ["k1", "k2"], required)
        assert block in module
        assert had <= {s for new in module for s in new.symbols}


def test_a_split_exercise_drops_what_its_parts_have_replaced() -> None:
    stub = Block("k", "def a(): pass\ndef b(): pass")
    a, b = Block("k", "def a(): return 1"), Block("k", "def b(): return 2")
    both = frozenset("ab")
    assert replace_block([stub], a, ["k"], both) == [stub, a]
    assert replace_block([stub, a], b, ["k"], both) == [a, b]
    assert replace_block([a, b], stub, ["k"], both) == [stub]


@st.composite
def notebooks(draw: st.DrawFn) -> list[Block]:
    """Cells that run in this order: each uses earlier ones, on import or when it is called."""
    cells: list[Block] = []
    for i in range(draw(st.integers(1, 6))):
        earlier = draw(st.sets(st.integers(0, i - 1))) if i else set()
        calls = " + ".join(["1", *(f"f{j}()" for j in sorted(earlier))])
        kind = draw(st.sampled_from(["body", "import"]))
        source = f"def f{i}(): return {calls}"
        if kind == "import":
            source = f"x{i} = {calls}\ndef f{i}(): return x{i}"
        cells.append(Block(f"{draw(st.sampled_from(['known', 'helper']))}{i}", source))
    return cells


@given(notebooks(), st.randoms())
def test_what_ran_in_a_notebook_can_be_imported(cells: list[Block], random: object) -> None:
    order = [b.id for b in cells if b.id.startswith("known")]
    shuffled = list(cells)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    module: list[Block] = []
    for block in shuffled:
        module = replace_block(module, block, order)
    assert [b.id for b in module if b.id.startswith("known")] == order
    assert sorted(b.id for b in module) == sorted(b.id for b in cells)
    exec(render_module(module), {})


def test_a_helper_that_extends_a_course_class_stays_behind_it() -> None:
    a = Block("a", "def f(): return H()\ny = len([])")
    b, h = Block("b", "class B: pass"), Block("h", "class H(B): pass")
    assert [x.id for x in arrange([h, a, b], ["a", "b"])] == ["a", "b", "h"]
