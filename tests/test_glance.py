"""The class at a glance: the figures are the textbook's, the page is sound, and tells no names."""

import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from mugrade.cli import app
from mugrade.course.listing import make_manifest
from mugrade.course.model import Course
from mugrade.course.roster import read_class
from mugrade.course.settings import Policy, Settings
from mugrade.errors import Unreadable
from mugrade.grader.attempts import Basis
from mugrade.grader.glance import figures
from mugrade.grader.glance.behind import falling_behind
from mugrade.grader.glance.cohort import Cohort, Item, StageClass, StageWork
from mugrade.grader.glance.drawings import histogram
from mugrade.grader.glance.enrolled import Enrolment
from mugrade.grader.glance.examples import bare
from mugrade.grader.glance.findings import doubts, easy, failed_together, measured, mistakes_of
from mugrade.grader.glance.gather import topics_of
from mugrade.grader.glance.screen import Screen
from mugrade.grader.glance.sentence import monday
from mugrade.grader.glance.times import timing
from mugrade.grader.glance.write import Wanted, write_glance
from mugrade.grader.results import Grade, PackedNotebook, Result, Status
from mugrade.grader.store import Store
from mugrade.grader.submissions import Submission
from mugrade.values import Category
from mugrade.values.verdict import Diagnosis, Verdict
from tests.conftest import ROOT
from tests.test_grade import hand_in

NOW = datetime(2026, 11, 29, tzinfo=UTC)
NAN = np.nan
DIVIDES = Diagnosis("the sum is not divided", "a mean is $\\frac{1}{n}$ of it", "divide by n")


# figures


def test_difficulty_is_the_mean_share_of_those_who_were_asked() -> None:
    shares = np.array([[1, 0.5, NAN], [0, 0.5, NAN], [NAN, 1, NAN]])
    assert figures.difficulty(shares) == [0.5, pytest.approx(2 / 3), None]


def test_discrimination_is_the_correlation_with_the_rest() -> None:
    rng = np.random.default_rng(1)
    shares, worth = rng.integers(0, 2, (40, 4)).astype(float), np.array([1.0, 2, 3, 4])
    found = figures.discrimination(shares, worth)
    for j, r in enumerate(found):
        rest = np.delete(shares * worth, j, axis=1).sum(1)
        assert r == pytest.approx(np.corrcoef(shares[:, j], rest)[0, 1])
        ones, zeros = rest[shares[:, j] == 1], rest[shares[:, j] == 0]
        p = len(ones) / 40
        biserial = (ones.mean() - zeros.mean()) / rest.std() * np.sqrt(p * (1 - p))
        assert r == pytest.approx(biserial)


def test_of_few_students_and_of_equal_ones_no_discrimination_is_said() -> None:
    few = np.eye(9)
    assert figures.discrimination(few, np.ones(9)) == [None] * 9
    assert figures.discrimination(np.ones((30, 2)), np.ones(2)) == [None, None]
    assert figures.discrimination(np.eye(30)[:, :1], np.ones(1)) == [None]


@given(st.lists(st.integers(-5, 5), max_size=30))
def test_ranks_share_what_is_equal(values: list[int]) -> None:
    x = np.array(values, dtype=float)
    expected = [(x < v).sum() + ((x == v).sum() + 1) / 2 for v in x]
    assert figures.ranks(x).tolist() == expected


def test_rank_correlation_knows_only_the_order() -> None:
    x = np.arange(12.0)
    assert figures.rank_correlation(x, np.exp(x)) == pytest.approx(1)
    assert figures.rank_correlation(x, -(x**3)) == pytest.approx(-1)
    assert figures.rank_correlation(x[:9], x[:9]) is None


def test_phi_by_hand() -> None:
    """Of 100, 30 fail a, 20 b and 15 both: phi = (1500 - 600) / sqrt(30 70 20 80) = 0.491."""
    failed = np.zeros((100, 2))
    failed[:30, 0] = 1
    failed[15:35, 1] = 1
    ((i, j, both, phi),) = figures.phi(failed, 3)
    assert (i, j, both) == (0, 1, 15) and phi == pytest.approx(900 / np.sqrt(30 * 70 * 20 * 80))
    assert phi == pytest.approx(np.corrcoef(failed.T)[0, 1])
    assert list(figures.phi(failed, 16)) == []
    assert list(figures.phi(failed[::10], 1)) == []  # what chance may give


@given(st.lists(st.floats(0, 1.5), max_size=30))
def test_tenths_count_everybody_once(values: list[float]) -> None:
    counts = figures.tenths(np.array(values))
    assert sum(counts) == len(values) and len(counts) == 10
    assert counts[9] >= sum(value >= 0.9 for value in values)


def test_tenths_by_hand() -> None:
    shares = np.array([0, 0.1, 0.3, 0.7, 0.7, 0.899, 0.9, 1.0, 1.2])
    assert figures.tenths(shares) == [1, 1, 0, 1, 0, 0, 0, 2, 1, 3]


def test_quarters_are_equally_large_and_equal_times_are_together() -> None:
    assert figures.quarters(np.array([3.0, 1, 2, 4, 8, 7, 6, 5])).tolist() == [
        1,
        0,
        0,
        1,
        3,
        3,
        2,
        2,
    ]
    assert len(set(figures.quarters(np.zeros(9)).tolist())) == 1


# what stands out


def stage_of(
    shares: Mapping[str, Sequence[float]], name: str = "00_mean", **more: object
) -> StageClass:
    """A stage of which each check is one exercise, worth a point; by student."""
    k = max(map(len, shares.values()), default=0)
    items = [Item(f"check-{i}", f"exercise-{i}", 1) for i in range(k)]
    works = {
        who: StageWork(
            Status.GRADED, sum(row) / k, None, {f"check-{i}": x for i, x in enumerate(row)}
        )
        for who, row in shares.items()
    }
    return replace(StageClass(name, name, items, works), **more)  # type: ignore[arg-type]


def class_of(*stages: StageClass, students: Sequence[str] = ()) -> Cohort:
    everybody = students or sorted({who for stage in stages for who in stage.works})
    return Cohort(everybody, stages)


def named(n: int, rows: Sequence[Sequence[float]]) -> dict[str, Sequence[float]]:
    return {f"s{i:02}": rows[i % len(rows)] for i in range(n)}


def test_what_nobody_and_what_everybody_passes_is_named() -> None:
    items = measured(stage_of(named(20, [(1, 0, 1), (1, 0, 0)])))
    assert [d.measured.item.check for d in doubts(items)] == ["check-1"]
    assert [m.item.check for m in easy(items)] == ["check-0"]


def test_a_check_that_the_best_fail_is_doubted() -> None:
    rows = [(1, 1, 1, 0), (1, 1, 1, 0), (0, 0, 0, 1), (0, 1, 0, 1)]
    (doubt,) = doubts(measured(stage_of(named(20, rows))))
    assert doubt.measured.item.check == "check-3" and "better" in doubt.why
    assert not list(doubts(measured(stage_of(named(8, rows)))))


def test_what_is_failed_together_is_of_different_exercises_and_across_stages() -> None:
    first = stage_of(named(40, [(1, 1), (0, 1)]))
    second = stage_of(named(40, [(1, 0), (0, 1)]), "01_scale")
    pairs = failed_together(class_of(first, second))
    told = {(p.first[0].name, p.first[1].check, p.second[0].name, p.second[1].check) for p in pairs}
    assert told == {("00_mean", "check-0", "01_scale", "check-0")}
    assert pairs[0].count == 20 and pairs[0].phi == pytest.approx(1)
    same = replace(first, items=[replace(item, exercise="one") for item in first.items])
    assert failed_together(class_of(same)) == []


def with_mistakes(stage: StageClass, who: Sequence[str], check: str = "check-0") -> StageClass:
    works = {
        s: replace(work, mistakes={check: DIVIDES}) if s in who else work
        for s, work in stage.works.items()
    }
    return replace(stage, works=works)


def test_a_student_counts_once_for_a_mistake_in_several_checks_of_an_exercise() -> None:
    stage = stage_of(named(5, [(0, 0)]), topics={"one": "Dividing"}, title="00 Mean")
    stage = replace(stage, items=[replace(item, exercise="one") for item in stage.items])
    works = {
        s: replace(w, mistakes=dict.fromkeys(w.shares, DIVIDES)) for s, w in stage.works.items()
    }
    (made,) = mistakes_of(replace(stage, works=works))
    assert (made.count, made.of, list(made.checks)) == (5, 5, ["check-0", "check-1"])
    assert made.topic == "“Dividing” in 00 Mean" and made.why == "a mean is 1 / n of it"


def test_monday_names_the_mistake_then_the_check_then_that_all_is_well() -> None:
    stage = stage_of(named(20, [(1, 1)]), title="00 Mean", topics={"exercise-0": "Dividing"})
    assert "Nothing needs to be said to all: 20 are graded" in monday(class_of(stage), [], []).first
    one = with_mistakes(stage, ["s00"])
    assert "Nothing needs" in monday(class_of(one), [], []).first
    four = monday(class_of(with_mistakes(stage, ["s00", "s01", "s02", "s03"])), [], []).first
    said = "Repeat “Dividing” in 00 Mean: 4 of 20 made the mistake “the sum is not divided”."
    assert four == f"{said} What helps: divide by n."
    hard = stage_of(named(20, [(0, 1)]), title="00 Mean", topics={"exercise-0": "Dividing"})
    said = "Repeat “Dividing” in 00 Mean: 20 of 20 do not have all points for check-0."
    assert monday(class_of(hard), [], []).first == said
    assert "Nobody has been graded" in monday(class_of(), [], []).first


def test_the_latest_stage_is_one_that_the_class_has_reached() -> None:
    first, second = stage_of(named(9, [(1,)])), stage_of(named(2, [(1,)]), "01_scale")
    assert class_of(first, second).latest is first
    second = stage_of(named(3, [(1,)]), "01_scale")
    assert class_of(first, second).latest is second


def shares_of(stages: Mapping[str, Sequence[float | None]]) -> Cohort:
    """By student, a share for each stage; None where nothing was handed in."""
    n = len(next(iter(stages.values())))
    found = [
        stage_of({who: [row[i]] for who, row in stages.items() if row[i] is not None}, f"0{i}_x")  # type: ignore[list-item]
        for i in range(n)
    ]
    return class_of(*found, students=sorted(stages))


def test_who_falls_behind() -> None:
    usual = {f"s{i}": [0.9, 0.9, 0.8, 0.8] for i in range(8)}
    odd = {
        "away": [0.9, 0.9, None, None],
        "drop": [1.0, 1.0, 0.6, 0.5],
        "low": [0.4, 0.4, 0.3, 0.3],
        "slip": [0.9, 0.9, 0.8, None],
    }
    found = falling_behind(shares_of(usual | odd), NOW)
    assert [b.student for b in found] == ["away", "low", "slip", "drop"]
    why = {b.student: b.why for b in found}
    assert why["away"] == "nothing graded of 02 and 03; 90% before that"
    assert why["low"] == "30% of the points of 02 and 03"
    assert why["drop"] == "100% before that"


def test_a_stage_that_is_not_due_makes_nobody_fall_behind() -> None:
    room = shares_of({f"s{i}": [0.9, 0.9, 0.9 if i < 2 else None] for i in range(8)})
    assert falling_behind(room, NOW) == []
    later = [replace(stage, deadline=NOW + timedelta(days=1)) for stage in room.stages]
    assert falling_behind(replace(room, stages=later), NOW) == []
    over = [replace(stage, deadline=NOW - timedelta(days=1)) for stage in room.stages]
    assert {b.why for b in falling_behind(replace(room, stages=over), NOW)} == {
        "45% of the points of 01 and 02; 90% before that"
    }


def test_times_are_held_against_the_deadline() -> None:
    stage = stage_of(named(12, [(1, 1), (1, 0)]), deadline=NOW)
    hours = [-200, -100, -48, -10, -1, 2] * 2
    works = {
        who: replace(work, handed_in=NOW + timedelta(hours=hour))
        for (who, work), hour in zip(stage.works.items(), hours, strict=True)
    }
    found = timing([replace(stage, works=works)])
    assert found.to_deadline and [span.count for span in found.spans] == [2] * 6
    assert [span.quartiles and span.quartiles[1] for span in found.spans] == [1, 0.5] * 3
    none = timing([replace(stage, works=works, deadline=None)])
    assert not none.to_deadline and sum(span.count for span in none.spans) == 12
    assert timing([stage]).rho == [(stage, None)] and not sum(
        s.count for s in timing([stage]).spans
    )


# what must not be told


@pytest.mark.parametrize(
    ("text", "tells"),
    [
        ("def ada(x): return x", True),
        ("ada_mean = 1", True),
        ("x = 'Ada Lovelace'", True),
        ("class LovelaceMean: pass", True),
        ("np.max(x, axis=1)", False),
        ("adam = 3", False),
        ("s1 + x", True),
        ("cls12 = x", False),
    ],
)
def test_names_tell_but_for_words_of_the_course(text: str, tells: bool) -> None:
    screen = Screen(["ada", "Ada Lovelace", "max", "s1", ""])
    assert screen.tells(text, {"np", "max", "adam", "axis", "x", "class", "def", "return"}) == tells


def test_an_example_is_bare_code() -> None:
    source = 'def f(x):\n    """By Ada."""  # ada\n    return x  # mine\n\n\nclass A:\n    "Ada"\n'
    assert bare(source) == "def f(x):\n    return x\n\nclass A:\n    pass"
    assert bare("def f(:") == ""
    assert len(bare("x = 1\n" * 100).splitlines()) == 61


# the page


def test_a_drawing_has_a_text_ids_of_its_own_and_the_same_bytes() -> None:
    drawn = [histogram([1] * 10, 0.5, 'a "word" & <b>', name) for name in ("one", "two", "one")]
    assert drawn[0] == drawn[2]
    ids = [set(re.findall(r' id="([^"]+)"', text)) for text in drawn]
    assert ids[0] and not ids[0] & ids[1]
    assert 'aria-label="a &#34;word&#34; &amp; &lt;b&gt;"' in drawn[0]
    assert "#0" not in drawn[0] and "font-family: system-ui" in drawn[0]


class Page(HTMLParser):
    """What a page consists of, and that its tags are closed in order."""

    VOID = ("meta", "input", "br", "hr", "link", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None], tuple[str, ...]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), tuple(self.open)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), tuple(self.open)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs, _ in self.found if tag in tags]


def demand_sound(text: str) -> Page:
    """The page stands alone, can be read aloud, and says no number that is none."""
    page = Page(text)
    assert not page.all("script", "link", "img", "iframe", "object")
    assert not re.search(r"(?:https?:)?//|url\((?!#)|@import", text)
    for _, attrs, _ in page.found:
        assert not attrs.keys() & {"src", "srcset"}
        assert (attrs.get("href") or "#").startswith("#")
    drawn = page.all("svg")
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in drawn)
    assert len([t for t, _, parents in page.found if t == "title" and "svg" in parents]) == len(
        drawn
    )
    ids = [attrs["id"] for _, attrs, _ in page.found if "id" in attrs]
    assert len(ids) == len(set(ids))
    levels = [int(tag[1]) for tag, _, _ in page.found if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    assert all(attrs.get("scope") for attrs in page.all("th"))
    for section in re.findall(r"<section.*?</section>", text, re.DOTALL):
        assert section.count("<svg") == 0 or "<table" in section
    assert not re.search(r"\b(nan|None|inf)\b", re.sub("<pre>.*?</pre>", "", text, flags=re.DOTALL))
    return page


@pytest.fixture(scope="module")
def notebook(tiny: Course, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A mean that is not divided, with a name in a comment."""
    code = 'def mean(x):\n    """The mean."""\n    return np.asarray(x.sum())  # by zqada'
    return hand_in(tiny, tmp_path_factory.mktemp("in"), "00_mean", mean=code).read_bytes()


GRADED = Status.GRADED
OUTCOMES = st.tuples(
    st.sampled_from([GRADED, GRADED, GRADED, Status.MISSING, Status.UNREADABLE, Status.FAILED]),
    st.lists(st.sampled_from(["pass", "value", "named"]), min_size=3, max_size=3),
    st.one_of(st.none(), st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31))),
)
IDS = st.from_regex(r"zq[a-z0-9]{4,9}", fullmatch=True)
CLASSES = st.dictionaries(IDS, st.tuples(OUTCOMES, OUTCOMES), min_size=1, max_size=14)
VERDICTS = {
    "pass": Verdict(Category.PASS),
    "value": Verdict(Category.VALUE),
    "named": Verdict(Category.VALUE, diagnosis=DIVIDES),
}


def results_of(course: Course, found: object, notebook: bytes) -> Iterator[Result]:
    """Results of a drawn class in both stages of the tiny course."""
    manifest = make_manifest(course)
    for student, outcomes in found.items():  # type: ignore[attr-defined]
        for stage, (status, kinds, time) in zip(manifest.stages, outcomes, strict=True):
            entries = [entry for entry in manifest.checks if entry.stage == stage]
            told = kinds if status == GRADED else ["value"] * 3
            grades = [Grade(e, VERDICTS[kind]) for e, kind in zip(entries, told, strict=False)]
            why = "" if status == GRADED else f"of {student}"
            when = time and time.replace(tzinfo=UTC)
            submission = Submission(student, stage, None, handed_in=when)
            kept = None if status == Status.MISSING else PackedNotebook.of(notebook)
            yield Result(submission, status, why, grades, notebook=kept)


def page_of_class(course: Course, found: object, notebook: bytes, wanted: Wanted) -> str:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "report.html"
        with closing(Store.create(Path(name) / "results.db")) as store:
            store.add_all([(r, Basis("f")) for r in results_of(course, found, notebook)])
            write_glance(path, store, course, wanted)
        return path.read_text(encoding="utf-8")


@settings(max_examples=20)
@given(CLASSES, st.booleans(), st.booleans())
def test_of_any_class_the_page_is_sound_and_anonymous_if_asked(
    tiny: Course, notebook: bytes, found: dict[str, object], sections: bool, deadline: bool
) -> None:
    if deadline:
        deadlines = {"00": datetime(2026, 6, 1, tzinfo=UTC)}
        rules = Settings(deadlines=deadlines, policy=Policy.before_deadline)
        tiny = replace(tiny, settings=rules)
    told = {who: "AB"[i % 2] for i, who in enumerate(found)} if sections else {}
    enrolled = Enrolment({who: f"Zqperson {who.upper()}" for who in found}, told)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = page_of_class(tiny, found, notebook, Wanted(anonymous=True, enrolled=enrolled))
        page_of_class(tiny, found, notebook, Wanted(enrolled=enrolled))
    demand_sound(text)
    lower = text.lower()
    assert not [who for who in (*found, "zqperson", "zqada") if who in lower]


def test_the_page_of_a_class(tiny: Course, notebook: bytes) -> None:
    when = datetime(2026, 2, 1)
    weak = (GRADED, ["named", "value", "value"], when)
    strong = (GRADED, ["pass", "pass", "pass"], when + timedelta(days=1))
    away = (Status.MISSING, ["value"] * 3, None)
    bad = (Status.UNREADABLE, ["value"] * 3, when)
    found = {f"zqgood{i}": (strong, strong) for i in range(8)}
    found |= {f"zqweak{i}": (weak, weak) for i in range(5)} | {"zqaway": (away, away)}
    found |= {"zqbad": (strong, bad)}
    sections = {who: "early" if "good" in who else "late" for who in found} | {"zqnew": "late"}
    text = page_of_class(tiny, found, notebook, Wanted(enrolled=Enrolment({}, sections)))
    page = demand_sound(text)
    words = " ".join(" ".join(page.words).split())
    assert words.index("On Monday Repeat 01 Scale: 5 of 13 made the mistake") < 400
    assert "3 of 16 have handed in nothing" in words or "2 of 16 have handed in nothing" in words
    assert "the sum is not divided : 5 of 14" in words
    assert "a mean is 1 / n of it" in words
    assert "return np.asarray(x.sum())" in words and "by zqada" not in words
    assert "zqbad 01 Scale cannot be read" in words
    assert "zqaway nothing graded of 00 and 01" in words
    assert [attrs["id"] for attrs in page.all("input")] == [
        "show-all",
        "show-section-0",
        "show-section-1",
    ]
    one = page_of_class(
        tiny, found, notebook, Wanted(section="early", enrolled=Enrolment({}, sections))
    )
    assert "zqweak" not in one and demand_sound(one)
    few = {who: "few" if "away" in who else "most" for who in found}
    hidden = page_of_class(tiny, found, notebook, Wanted((), "", True, Enrolment({}, few)))
    ids = [str(attrs["id"]) for attrs in demand_sound(hidden).all("input")]
    assert len(ids) == 2 and "section few" not in hidden and "section most" in hidden
    with pytest.raises(Unreadable, match="no section noon: the roster names early, late"):
        page_of_class(
            tiny, found, notebook, Wanted(section="noon", enrolled=Enrolment({}, sections))
        )


def test_an_exercise_belongs_to_the_heading_above_it(course: Course) -> None:
    found = topics_of(course.find("03"))
    assert found["stable-logsumexp"] == "Exercise 1: the same number by another road"
    assert all(topic for stage in course.stages for topic in topics_of(stage).values())


def test_a_roster_says_sections(tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    path.write_text("Name,Student,Section\nAda L,ada, Mon 10 \nBob,bob\n\n")
    found = Enrolment.of(read_class(path))
    assert (found.names, found.sections) == (
        {"ada": "Ada L", "bob": "Bob"},
        {"ada": "Mon 10", "bob": ""},
    )
    path.write_text("student\nada\n")
    assert Enrolment.of(read_class(path)).sections == {"ada": ""}


def report(course: Course, *words: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, ["report", "--course", str(course.root), *words])
    return found.exit_code, found.output


def test_the_command_writes_one_file_or_one_sentence(
    tiny: Course, notebook: bytes, tmp_path: Path
) -> None:
    out = str(tmp_path)
    code, said = report(tiny, "--out", out)
    assert code == 1 and "run mugrade grade first" in said and said.count("\n") == 1
    with closing(Store.create(tmp_path / "results.db")) as store:
        code, said = report(tiny, "--out", out)
        assert code == 1 and "run mugrade grade first" in said and said.count("\n") == 1
        strong = (GRADED, ["pass"] * 3, None)
        found = {"zqada": (strong, strong)}
        store.add_all([(r, Basis("f")) for r in results_of(tiny, found, notebook)])
    before = set(tmp_path.iterdir())
    code, said = report(tiny, "--out", out, "--stage", "00")
    assert code == 0 and said.strip().endswith("report.html")
    assert {p.name for p in set(tmp_path.iterdir()) - before} <= {"report.html", "gradebook.db"}
    text = (tmp_path / "report.html").read_text()
    assert "00 Mean" in text and "01 Scale" not in text and demand_sound(text)
    assert "Nothing needs to be said to all: 1 is graded for 00 Mean" in text
    code, said = report(tiny, "--out", out, "--stage", "07")
    assert code == 1 and "no results of 07 there" in said
    code, said = report(tiny, "--out", out, "--section", "A")
    assert code == 1 and "--roster" in said
    to = tmp_path / "elsewhere" / "page.html"
    assert report(tiny, "--out", out, "--anonymous", "--to", str(to))[0] == 0
    assert "zqada" not in to.read_text()
    (tmp_path / "broken.db").write_text("no database")
    code, said = report(tiny, "--out", out, "--db", str(tmp_path / "broken.db"))
    assert code == 1 and "cannot be used" in said and "Traceback" not in said


def test_a_student_has_a_page_that_leads_to_all_stages(
    tiny: Course, notebook: bytes, tmp_path: Path
) -> None:
    from mugrade.grader.publish import Publisher

    strong, weak = (GRADED, ["pass"] * 3, None), (GRADED, ["value"] * 3, None)
    away = (Status.MISSING, ["value"] * 3, None)
    found = {"zqada": (strong, weak), "zq<b>": (strong, away)}

    def publish(found: object) -> None:
        with (
            closing(Store.create(tmp_path / "results.db")) as store,
            closing(Publisher(tmp_path, tiny, store, 1)) as publisher,
        ):
            store.add_all([(r, Basis("f")) for r in results_of(tiny, found, notebook)])
            publisher.finish(publisher.standings(), lambda text: None)

    publish(found)
    folder = tmp_path / "feedback" / "zqada"
    index = Page((folder / "index.html").read_text())
    words = " ".join(" ".join(index.words).split())
    assert "00 Mean 2 of 2 graded 01 Scale 0 of 8 graded all stages 2 of 10" in words
    for link in index.all("a"):
        page = Page((folder / str(link["href"])).read_text())
        assert [a["href"] for a in page.all("a")] == ["index.html"]
    other = (tmp_path / "feedback" / "zq<b>" / "index.html").read_text()
    assert "<b>" not in other and "missing" in " ".join(Page(other).words)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("feedback/*/index.html")}
    publish({"zqada": (strong, strong)})
    changed = {p.parent.name for p, time in times.items() if p.stat().st_mtime_ns != time}
    assert changed == {"zqada"} and "10 of 10" in (folder / "index.html").read_text()


def test_plots_are_loaded_by_the_report_alone() -> None:
    others = ("publish", "forget", "grade", "policy", "report", "glance")
    program = f"import sys, mugrade.cli, {', '.join(f'mugrade.grader.{name}' for name in others)}"
    program += "; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
