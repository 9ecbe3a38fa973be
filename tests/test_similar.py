"""Copies stand out and honest twins do not, whatever is handed in, and nobody is accused."""

import ast
import json
import os
import random
import time
from collections.abc import Iterator
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import mugrade.grader.similar.look
from bench.disguise import DISGUISES
from bench.similar import SCOPES, Planted, honest, pools
from mugrade.cli import app
from mugrade.course.manifest import CheckEntry
from mugrade.course.model import Course
from mugrade.course.settings import Settings
from mugrade.errors import Unreadable
from mugrade.grader.attempts import Basis
from mugrade.grader.results import Grade, PackedNotebook, Result, Status
from mugrade.grader.similar.look import look
from mugrade.grader.similar.normal import MAX_NODES, normal_form
from mugrade.grader.similar.page import NO_ACCUSATION, PAGE
from mugrade.grader.similar.reading import MAX_CODE, AnswerReader, known_prints
from mugrade.grader.similar.weigh import LEAST, Work, beyond_chance, weigh_pairs
from mugrade.grader.similar.winnow import K, W, grams, winnowed
from mugrade.grader.store import Store
from mugrade.grader.submissions import Submission
from mugrade.values.verdict import Verdict
from sample_class.students import Notebook, cell, insert_before, rewrite, solved
from tests.conftest import ROOT

STAGE, EXERCISE = "03_logsumexp", "logsumexp"


@pytest.fixture(scope="module")
def reader(course: Course) -> AnswerReader:
    return AnswerReader(course)


def hashes(source: str) -> list[list[int]]:
    return [grams(tokens).tolist() for tokens in normal_form(source, ["f"])]


Statement = tuple[int, int, int, int]  # target, form, and two operands
FORMS = ("{} = g({}) - {}", "{} = {} @ {}.T", "{} = h({}, n={})", "{} = [{} for k in {}]")
BLOCKS = ("if {}:", "for i in range({}):", "while {} is None:")
Names = st.permutations([f"name_{a}" for a in "abcdefgh"])


def touch(one: Statement, other: Statement) -> bool:
    return one[0] in (other[0], *other[2:]) or other[0] in one[2:]


def written(body: list[Statement], names: list[str], block: int | None) -> str:
    lines = [FORMS[form].format(*(names[i] for i in (t, a, b))) for t, form, a, b in body]
    if block is not None:
        lines = [*lines[:2], BLOCKS[block].format(names[0]), *(f"    {x}" for x in lines[2:])]
    text = "\n    ".join([*lines, f"return {names[-1]}" if block is None else "pass"])
    return f"def f({', '.join(names)}):\n    {text}\n"


bodies = st.lists(
    st.tuples(*(st.integers(0, high) for high in (7, len(FORMS) - 1, 7, 7))), min_size=3, max_size=9
)


@given(bodies, Names, Names, st.sampled_from([None, 0, 1, 2]))
def test_names_make_no_difference(
    body: list[Statement], one: list[str], other: list[str], block: int | None
) -> None:
    assert hashes(written(body, one, block)) == hashes(written(body, other, block))


@given(bodies, Names, st.randoms(use_true_random=False))
def test_the_order_of_independent_statements_makes_no_difference(
    body: list[Statement], names: list[str], rng: random.Random
) -> None:
    swapped = list(body)
    for _ in range(10):
        i = rng.randrange(len(body) - 1)
        if not touch(swapped[i], swapped[i + 1]):
            swapped[i], swapped[i + 1] = swapped[i + 1], swapped[i]
    assert hashes(written(body, names, None)) == hashes(written(swapped, names, None))


@given(bodies, Names, st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=20))
def test_comments_and_layout_make_no_difference(
    body: list[Statement], names: list[str], comment: str
) -> None:
    source = written(body, names, None)
    head, rest = source.replace("(", "( ").split("\n", 1)
    said = f'    """{ascii(comment)[1:-1]}"""\n'
    text = head.replace("):", ") -> 'array':\n") + said + rest.replace("\n", f"  # {comment}\n\n")
    assert hashes(text) == hashes(ast.unparse(ast.parse(text))) == hashes(source)


def test_what_says_the_same_is_the_same() -> None:
    one = "def f(x, eps):\n    y = g(a=1, b=x) + eps * x\n    return y if x > 0 else None"
    other = "def f(u, v):\n    w: int = v * u + g(b=u, a=1)\n    return w if 0 < u else None"
    assert hashes(one) == hashes(other)
    for old, new in {"> 0": "< 0", "None": "1", "a=1": "a=2", "return y": "return x"}.items():
        assert hashes(one) != hashes(one.replace(old, new)), old
    assert hashes("def f(x):\n    return g(x, a=1) + 2") == hashes(
        "def f(y):\n    return 2 + g(y, a=1)"
    )


@pytest.mark.parametrize("name", list(DISGUISES))
def test_a_disguise_hides_little_of_an_answer(
    course: Course, reader: AnswerReader, name: str
) -> None:
    rng, whole, found = random.Random(1), 0, 0
    for (stage, id), answers in pools(course).items():
        if stage in ("05_norms", "06_optimizers"):
            for source in answers[:6]:
                one, other = (
                    reader.work("", stage, id, text).prints
                    for text in (source, DISGUISES[name](source, rng))
                )
                whole, found = whole + len(one), found + len(one & other)
    least = {"extracted": 0.6, "everything": 0.6}.get(name, 1.0)
    assert found >= least * whole > 500


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(0, 40))
def test_no_common_passage_of_k_plus_w_is_missed(numbers: list[int], start: int) -> None:
    from mugrade.grader.similar.arranged import Token

    tokens = [Token(str(n), "", 1) for n in numbers]
    part = tokens[start : start + K + W - 1]
    if len(part) == K + W - 1:
        kept = [{h for h in grams(t)[winnowed(grams(t))].tolist()} for t in (tokens, part)]
        assert kept[0] & kept[1]


works = st.lists(
    st.tuples(
        st.sampled_from("abcdefgh"), st.sampled_from("xyz"), st.frozensets(st.integers(0, 99))
    ),
    max_size=30,
    unique_by=lambda work: work[:2],
)


@given(works, st.randoms(use_true_random=False))
def test_the_order_of_students_makes_no_difference(
    found: list[tuple[str, str, frozenset[int]]], rng: random.Random
) -> None:
    of = [Work(student, ("00", e), "", prints) for student, e, prints in found]
    mixed = rng.sample(of, len(of))
    assert weigh_pairs(of) == weigh_pairs(mixed)
    mirror = str.maketrans("abcdefgh", "hgfedcba")
    renamed = weigh_pairs(Work(w.student.translate(mirror), w.exercise, "", w.prints) for w in of)
    weights = {frozenset(p.pair): round(p.weight, 6) for p in weigh_pairs(of).pairs}
    assert weights == {
        frozenset(s.translate(mirror) for s in p.pair): round(p.weight, 6) for p in renamed.pairs
    }


def test_what_many_share_weighs_nothing() -> None:
    prints = frozenset(range(2 * LEAST))
    own = {name: frozenset(range(1000 * i, 1000 * i + 50)) for i, name in enumerate("abcdefgh", 1)}
    everybody = [Work(name, ("00", "x"), "", prints | own[name]) for name in own]
    assert weigh_pairs(everybody).pairs == []
    two = [Work(n, ("00", "x"), "", own[n] | (prints if n in "ab" else set())) for n in own]
    assert [p.pair for p in weigh_pairs(two).pairs] == [("a", "b")]
    assert weigh_pairs(two, prints).pairs == []
    assert beyond_chance([], 0) == 0


def test_the_reference_is_nobodys(course: Course, reader: AnswerReader) -> None:
    known = known_prints(course)
    for stage in course.stages:
        content = json.dumps(solved(course, stage)).encode()
        found = reader.works("ada", stage.name, content)
        assert {w.exercise[1] for w in found} == {c.id for c in stage.role("solution")}
        assert not set().union(*(w.prints for w in found)) - known
        assert not set().union(*(w.marks for w in found)) - {"BEGIN", "SOLUTION", "### END"}


def test_copies_are_found_and_honest_twins_are_not(course: Course, reader: AnswerReader) -> None:
    planted = Planted(course, pools(course), seed=0)
    answers = planted.answers.items()
    found = [reader.work(s, *e, text) for s, own in answers for e, text in own.items()]
    pairs = {like.pair for like in weigh_pairs(found, known_prints(course)).pairs}
    large = {pair for pair, (stages, _) in planted.copies.items() if stages == max(SCOPES)}
    assert large <= pairs <= planted.copies.keys()
    assert not pairs & set(planted.twins)


def code_cell(source: str, id: str = "own") -> dict[str, object]:
    return {"cell_type": "code", "id": id, "metadata": {}, "outputs": [], "source": source}


HOSTILE = {
    "a line of a megabyte": "def logsumexp(a, axes=None):\n    return " + "a + " * (1 << 18) + "a",
    "much in a line": "def logsumexp(a, axes=None):\n    return [" + "a, " * 60_000 + "a]",
    "brackets": "def logsumexp(a, axes=None):\n    return " + "(" * 5000 + ")" * 5000,
    "minus": "def logsumexp(a, axes=None):\n    return " + "-" * 20_000 + "a",
    "blocks": "def logsumexp(a, axes=None):\n"
    + "".join(f"{' ' * i}if a:\n" for i in range(1, 99))
    + f"{' ' * 99}pass",
    "attributes": "def logsumexp(a, axes=None):\n    return a" + ".b" * 5000,
    "statements": "def logsumexp(a, axes=None):\n" + "    b = a\n" * 5000,
    "names": "def logsumexp(a, axes=None):\n"
    + "".join(f"    b{i} = b{i - 1}\n" for i in range(4000)),
    "no Python": "def logsumexp(a axes:",
    "null bytes": "def logsumexp(a, axes=None):\n    return 1\0",
    "surrogates": "def logsumexp(a, axes=None):\n    return '\ud800'  # \ud800",
    "comments": "def logsumexp(a, axes=None):\n    return 1" + " #" * 60_000 + " " * 60_000,
}


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE)
def test_whatever_is_handed_in_ends_soon(course: Course, reader: AnswerReader, source: str) -> None:
    notebook = solved(course, course.find(STAGE))
    cell(notebook, EXERCISE)["source"] = source
    notebook["cells"] += [code_cell(source, EXERCISE), code_cell(source)]
    began = time.process_time()
    try:
        found = reader.works("ada", STAGE, json.dumps(notebook).encode())
        assert {w.exercise[1] for w in found} <= {"stable-logsumexp", EXERCISE}
    except Unreadable as error:
        assert 10 < len(str(error)) < 200
    assert time.process_time() - began < 10


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"[" * 100_000, b'{"cells": [1, {}]}'])
def test_what_is_no_notebook_says_why(reader: AnswerReader, content: bytes) -> None:
    try:
        assert reader.works("ada", STAGE, content) == []
    except Unreadable as error:
        assert str(error)


def test_too_much_says_so(reader: AnswerReader) -> None:
    many = {"cells": [code_cell("x = 1\n" * 10_000) for _ in range(MAX_CODE // 60_000 + 1)]}
    with pytest.raises(Unreadable, match="kB of code"):
        reader.works("ada", STAGE, json.dumps(many).encode())
    with pytest.raises(Unreadable, match="syntax nodes"):
        normal_form("x = 1\n" * MAX_NODES, ())


def test_a_helper_of_ones_own_belongs_to_the_answer_that_uses_it(
    course: Course, reader: AnswerReader
) -> None:
    notebook = solved(course, course.find(STAGE))
    source = cell(notebook, EXERCISE)["source"]
    rewrite(notebook, EXERCISE, source.partition("\n")[2].replace("exp(", "_mine("))
    helper = "#| export needle/ops/logsumexp.py\ndef _mine(a):\n    return exp(a)  # as told by Eve"
    insert_before(notebook, EXERCISE, helper)
    found = reader.works("ada", STAGE, json.dumps(notebook).encode())
    (work,) = [w for w in found if w.exercise[1] == EXERCISE]
    assert "def _mine" in work.source and "as told by Eve" in work.marks


CHECK = CheckEntry("sgd-steps", "06_optimizers", 2, "sgd", "Why.")
EVIL = "</pre></mark><script>alert(1)</script><img src=//evil.example onerror=alert(2)>"


def copied(notebook: Notebook, answers: dict[str, str]) -> bytes:
    for id, source in answers.items():
        rewrite(notebook, id, source.replace("return", f"# {EVIL}\n        return", 1))
    return json.dumps(notebook).encode()


@pytest.fixture(scope="module")
def results(course: Course, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve students, of whom the last has copied from the first, and two bad notebooks."""
    out = tmp_path_factory.mktemp("similar")
    stage = course.find("06_optimizers")
    pool = {e: a for e, a in pools(course).items() if e[0] == stage.name}
    of = honest(pool, 12, random.Random(3))
    names = [f"<b>{EVIL}</b>", *(f"student{i}" for i in range(1, 11)), "zoe\u202e\x1b[2J"]
    answers = [{e[1]: source for e, source in own.items()} for own in of.values()]
    answers[-1] = {e: DISGUISES["renamed"](s, random.Random(1)) for e, s in answers[0].items()}
    contents = [copied(solved(course, stage), own) for own in answers]
    with closing(Store.create(out / "results.db")) as store:
        for name, content in [*zip(names, contents, strict=True), ("bad", b"<script>")]:
            submission = Submission(name, stage.name, None)
            packed = PackedNotebook.of(content)
            lost = [Grade(CHECK, Verdict("value"))] if name in (names[0], names[-1]) else []
            store.add(Result(submission, Status.GRADED, "", lost, notebook=packed), Basis(""))
        store.add(
            Result(Submission("worse", stage.name, None), Status.UNREADABLE, "why"), Basis("")
        )
        store.add(Result(Submission("none", stage.name, None), Status.MISSING, "-"), Basis(""))
    return out


class Tags(HTMLParser):
    """The tags of a page, with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def said(results: Path) -> str:
    found = CliRunner().invoke(app, ["similar", "--course", str(ROOT), "--out", str(results)])
    assert found.exit_code == 0, found.output
    return found.output


def test_the_command_names_the_pair_and_what_it_did_not_compare(said: str) -> None:
    assert "zoe" in said and "student1" not in said and "\x1b[2J" not in said
    assert "not compared: bad 06_optimizers: it is not a complete notebook" in said
    assert "not compared: worse 06_optimizers: why" in said and "none" not in said
    assert "not an accusation" in " ".join(said.split())


def test_the_page_shows_both_sides_and_runs_nothing(said: str, results: Path) -> None:
    page = Tags((results / PAGE).read_text(encoding="utf-8"))
    names = {name for name, _ in page.tags}
    assert not names & {"script", "img", "b", "link", "iframe"} and "mark" in names
    assert not [a for _, of in page.tags for a in of if a.startswith("on") or a == "src"]
    assert all(of["href"].startswith("#") for name, of in page.tags if name == "a")  # type: ignore
    body = page.text[page.text.index("}\n}") :]
    assert body.lstrip("}\n ").startswith(NO_ACCUSATION)
    assert EVIL in page.text and "only these two have" in page.text
    assert "both lose points at sgd-steps: the value is wrong" in page.text
    assert "Not compared" in page.text and "<script>" not in (results / PAGE).read_text()
    assert not {"\x1b", "\u202e"} & set(page.text)


def test_several_processes_find_the_same(
    course: Course, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Store.open(results / "results.db")) as store:
        standings = store.standings(Settings())
        alone = look(course, store, standings)
        monkeypatch.setattr(mugrade.grader.similar.look, "WORTH", 1)
        monkeypatch.setattr("os.cpu_count", lambda: 2)
        together = look(course, store, standings)
    assert together.comparison == alone.comparison and together.left_out == alone.left_out


def test_one_stage_can_be_looked_at_alone(results: Path) -> None:
    where = ["similar", "--course", str(ROOT), "--out", str(results)]
    found = CliRunner().invoke(app, [*where, "--stage", "03"])
    assert found.exit_code == 0 and "no pair stands out" in found.output
    found = CliRunner().invoke(app, [*where, "--stage", "77"])
    assert found.exit_code == 1 and "no stage 77" in found.output


@pytest.fixture(autouse=True, scope="module")
def no_page_is_left(results: Path) -> Iterator[None]:
    yield
    assert {p.name for p in results.iterdir() if not p.name.startswith("results.db")} <= {PAGE}


def end(*rest: object) -> None:
    os._exit(1)


def test_a_process_that_ends_is_one_sentence(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mugrade.grader.similar.look, "WORTH", 1)
    monkeypatch.setattr(mugrade.grader.similar.look, "_read", end)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    found = CliRunner().invoke(app, ["similar", "--course", str(ROOT), "--out", str(results)])
    assert found.exit_code == 1 and "--stage" in found.output
