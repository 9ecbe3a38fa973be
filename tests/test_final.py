"""A grade is one figure, ours and nbgrader's, and a manual score is about the code it is for."""

import contextlib
import csv
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from mugrade.cli import app
from mugrade.course.listing import make_manifest
from mugrade.course.model import Course
from mugrade.course.reading import load_course
from mugrade.course.settings import Late, Settings
from mugrade.grader.attempts import Basis
from mugrade.grader.final import CheckScore, Final, Reviews
from mugrade.grader.ledger import listen
from mugrade.grader.models import Review
from mugrade.grader.outputs.scores import Scores
from mugrade.grader.policy import Standing
from mugrade.grader.publish import Publisher
from mugrade.grader.results import Grade, PackedNotebook, Result
from mugrade.grader.store import Store
from mugrade.grader.submissions import Submission
from mugrade.values.verdict import Verdict
from tests.conftest import make_grader
from tests.test_grade import LIMITS, SCALER, SOLVED, hand_in
from tests.tiny import write_course

STAGE, STUDENT = "01_scale", "ada"
WHERE = STAGE, STAGE, STUDENT
POINTS = {"scaler-centres": 3, "noise-is-normal": 5}
OF = {"scaler-centres": "scaler", "noise-is-normal": "noise"}
DEADLINE = datetime(2027, 3, 1, tzinfo=UTC)
RULES = Settings(deadlines={STAGE: DEADLINE}, late=Late(25, 60, 30))


def review(code: str, manual: float | None, extra: float = 0) -> Review:
    return Review(cell="c", code=code, manual=manual, extra=extra, comment="")


@pytest.mark.parametrize(
    ("said", "score"),
    [
        ([], CheckScore(4)),
        ([review("A", 0)], CheckScore(4, 0)),
        ([review("A", 3, 1)], CheckScore(4, 3, 1)),
        ([review("A", 3, 1), review("A", None, 1)], CheckScore(4, None, 1)),
        ([review("A", 3), review("B", None)], CheckScore(4, 3)),
        ([review("B", None, 2), review("B", None)], CheckScore(4)),
    ],
)
def test_a_manual_score_is_about_its_code(said: list[Review], score: CheckScore) -> None:
    assert Reviews(said).score("c", "A", 4) == score


@pytest.mark.parametrize("manual", [0, 3.5])
def test_for_other_code_the_automatic_points_count_until_a_look(manual: float) -> None:
    score = Reviews([review("A", manual, 2)]).score("c", "B", 4)
    assert (score.manual, score.extra, score.points) == (None, 2, 6)
    assert score.look == f"needs another look: {manual:g}+2 was given for other code"


def test_a_grade_is_its_parts_and_never_below_0() -> None:
    scores = [CheckScore(5, 2, 1), CheckScore(3), CheckScore(0, None, 0.5)]
    final = Final.of(8, scores, 1.5)
    assert (final.automatic, final.manual, final.extra, final.late) == (8, -3, 1.5, 1.5)
    assert final.points == sum(score.points for score in scores) - 1.5 == 5
    assert Final.of(2, [], 3).points == 0


@pytest.fixture(scope="module")
def blank(tiny: Course, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class's folder in which nothing was graded yet, with all its databases."""
    out = tmp_path_factory.mktemp("blank")
    Store.create(out / "results.db").close()
    with contextlib.closing(Scores(out / "gradebook.db", tiny)) as scores:
        assert scores.put([]) == []
    return out


@dataclass
class Term:
    """One student at one stage; what is graded is published, and a teacher sits beside it."""

    course: Course
    out: Path
    codes: dict[str, str] = field(default_factory=dict)
    days: float = -1

    def __post_init__(self) -> None:
        self.course = replace(self.course, settings=RULES)

    @contextlib.contextmanager
    def publisher(self) -> Iterator[Publisher]:
        with (
            contextlib.closing(Store.open(self.out / "results.db")) as store,
            contextlib.closing(Publisher(self.out, self.course, store)) as publisher,
        ):
            yield publisher

    def hand_in(self, codes: dict[str, str], days: float) -> None:
        """Code that ends with `!` is right."""
        self.codes, self.days = codes, days
        self.grade()

    def grade(self) -> None:
        entries = [e for e in make_manifest(self.course).checks if e.stage == STAGE]
        verdicts = {e.id: self.codes[OF[e.id]].endswith("!") for e in entries}
        grades = [
            Grade(e, Verdict("pass" if verdicts[e.id] else "value"), self.codes[OF[e.id]])
            for e in entries
        ]
        when = DEADLINE + timedelta(days=self.days)
        content = repr(self.codes).encode()
        submission = Submission(STUDENT, STAGE, None, handed_in=when)
        result = Result(submission, "graded", "", grades, notebook=PackedNotebook.of(content))
        with self.publisher() as publisher:
            publisher.store.add(result, Basis("f", "0.2.0"))
            publisher.finish(publisher.standings(), lambda text: None)

    def use(self, number: int | None) -> None:
        with self.publisher() as publisher:
            publisher.store.pin(STUDENT, STAGE, number)
            publisher.finish(publisher.standings(), lambda text: None)

    @contextlib.contextmanager
    def formgrader(self) -> Iterator[object]:
        from nbgrader.api import Gradebook

        with Gradebook(f"sqlite:///{self.out / 'gradebook.db'}", self.course.package) as book:
            yield book
            book.db.commit()

    def score(self, check: str, manual: float | None, extra: float | None) -> None:
        """As the formgrader saves it."""
        with self.formgrader() as book:
            row = book.find_grade(check, *WHERE)  # type: ignore[attr-defined]
            row.manual_score, row.extra_credit = manual, extra
            row.needs_manual_grade = manual is None and row.auto_score is None

    def comment(self, exercise: str, text: str | None) -> None:
        with self.formgrader() as book:
            book.find_comment(exercise, *WHERE).manual_comment = text  # type: ignore[attr-defined]

    @property
    def standing(self) -> Standing:
        with self.publisher() as publisher:
            (found,) = publisher.store.with_checks(publisher.standings())
            return found

    @property
    def of_nbgrader(self) -> tuple[float, bool, list[str | None]]:
        """The figure of its export, whether something waits for a look, and the comments."""
        with self.formgrader() as book:
            found = book.find_submission(STAGE, STUDENT)  # type: ignore[attr-defined]
            points = max(0.0, found.score - found.late_submission_penalty)
            comments = [book.find_comment(e, *WHERE).comment for e in OF.values()]  # type: ignore[attr-defined]
            return points, found.needs_manual_grade, comments


def exported(term: Term) -> tuple[str, str, str]:
    """What nbgrader itself exports: the score before the penalty, the penalty, the score."""
    from nbgrader.plugins.export import CsvExportPlugin

    path = term.out / "nbgrader.csv"
    with term.formgrader() as book:
        CsvExportPlugin(to=str(path)).export(book)
    with path.open(newline="") as file:
        (row,) = [r for r in csv.DictReader(file) if r["student_id"] and float(r["raw_score"])]
    return row["raw_score"], row["late_submission_penalty"], row["score"]


@pytest.fixture
def term(tiny: Course, blank: Path, tmp_path: Path) -> Term:
    return Term(tiny, Path(shutil.copytree(blank, tmp_path / "out")))


def test_the_grade_of_a_new_notebook_is_not_the_manual_score_of_the_old_one(term: Term) -> None:
    term.hand_in({"scaler": "A!", "noise": "B"}, -1)
    assert term.standing.points == term.of_nbgrader[0] == 3
    term.score("noise-is-normal", 4, 1)
    term.comment("noise", "nearly")
    assert term.standing.points == term.of_nbgrader[0] == 3 + 4 + 1
    term.hand_in({"scaler": "A!", "noise": "C!"}, -1)
    found = term.standing
    assert (found.points, True, [None, "nearly"]) == (3 + 5 + 1, *term.of_nbgrader[1:])
    assert term.of_nbgrader[0] == found.points
    said = "noise-is-normal needs another look: 4+1 was given for other code"
    assert found.look == [said] and said in found.summary
    term.score("noise-is-normal", None, 1)
    assert term.standing.look == [] and term.standing.points == term.of_nbgrader[0] == 9
    term.use(1)
    assert term.standing.points == term.of_nbgrader[0] == 8


def test_what_was_said_survives_the_gradebook(term: Term) -> None:
    term.hand_in({"scaler": "A", "noise": "B"}, 0.5)
    term.score("noise-is-normal", 4.5, 1)
    term.comment("noise", "nearly")
    assert term.standing.points == 4.5 + 1 - 2
    (term.out / "gradebook.db").unlink()
    term.use(None)
    assert term.of_nbgrader == (3.5, False, [None, "nearly"])
    assert exported(term) == ("5.5", "2.0", "3.5")


def test_what_is_said_while_the_scores_are_written_is_not_overwritten(
    term: Term, monkeypatch: pytest.MonkeyPatch
) -> None:
    term.hand_in({"scaler": "A", "noise": "B"}, -1)
    put = Scores.put

    def late(scores: Scores, standings: Sequence[Standing]) -> list[Review]:
        monkeypatch.setattr(Scores, "put", put)
        term.score("noise-is-normal", 2, None)
        return put(scores, standings)

    monkeypatch.setattr(Scores, "put", late)
    term.hand_in({"scaler": "A!", "noise": "B"}, -1)
    assert term.standing.points == term.of_nbgrader[0] == 3 + 2


def test_a_score_of_an_older_gradebook_is_kept_and_asks_for_a_look(term: Term) -> None:
    term.hand_in({"scaler": "", "noise": ""}, -1)
    with term.formgrader() as book:
        book.db.connection().exec_driver_sql("DROP TABLE mugrade_shown")  # type: ignore[attr-defined]
    term.score("noise-is-normal", 4, None)
    assert term.standing.points == 4 and term.standing.look == []
    term.hand_in({"scaler": "A", "noise": "B!"}, -1)
    assert (term.standing.points, True) == (term.of_nbgrader[0], term.of_nbgrader[1]) == (5, True)


CHECKS, CODES = st.sampled_from(sorted(POINTS)), st.sampled_from(["A", "B!", "C"])
SCORES = st.none() | st.sampled_from([0, 1.5, 3])
STEPS = st.one_of(
    st.tuples(st.just("hand in"), CODES, CODES, st.sampled_from([-1, 0.01, 0.5, 1.5, 9])),
    st.tuples(st.just("score"), CHECKS, SCORES, st.none() | st.sampled_from([0, 1])),
    st.tuples(st.just("comment"), st.sampled_from(sorted(OF.values())), st.sampled_from("xy")),
    st.tuples(st.just("grade")),
    st.tuples(st.just("use"), st.none() | st.integers(1, 3)),
)


@dataclass
class Model:
    """What a teacher has said: of which code last, and of each code."""

    last: dict[str, tuple[float | None, float]] = field(default_factory=dict)
    manual: dict[tuple[str, str], float | None] = field(default_factory=dict)

    def waits(self, check: str, code: str) -> bool:
        manual, extra = self.last.get(check, (None, 0))
        return (check, code) not in self.manual and bool(manual is not None or extra)

    def say(self, check: str, code: str, manual: float | None, extra: float) -> None:
        before = self.manual.get((check, code)), self.last.get(check, (None, 0))[1]
        if before != (manual, extra) or self.waits(check, code):
            self.last[check] = manual, extra
            self.manual[check, code] = manual

    def points(self, check: str, code: str) -> float:
        manual = self.manual.get((check, code))
        automatic = POINTS[check] if code.endswith("!") else 0
        return (automatic if manual is None else manual) + self.last.get(check, (None, 0))[1]


@settings(max_examples=15)
@given(st.lists(STEPS, max_size=8))
def test_whatever_happens_there_is_one_figure(
    tiny: Course, blank: Path, steps: list[tuple[object, ...]]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        term, model = Term(tiny, Path(shutil.copytree(blank, Path(name) / "out"))), Model()
        comments: dict[str, str] = {}
        term.hand_in({"scaler": "A", "noise": "B!"}, -1)
        attempts = 1
        for step in steps:
            shown = {row.check: row.code for row in term.standing.attempt.checks}
            match step:
                case "hand in", str(one), str(two), float() | int() as days:
                    term.hand_in({"scaler": one, "noise": two}, days)
                    attempts += 1
                case "score", str(check), manual, extra:
                    term.score(check, manual, extra)  # type: ignore[arg-type]
                    model.say(check, shown[check], manual, extra or 0)  # type: ignore[arg-type]
                case "comment", str(exercise), str(text):
                    term.comment(exercise, text)
                    comments[exercise] = text
                case ("grade",):
                    term.grade()
                    attempts += 1
                case "use", number:
                    assert number is None or isinstance(number, int)
                    term.use(number if number is None or number <= attempts else None)
            found = term.standing
            assert found.attempt.handed_in is not None
            late = RULES.late.percent(found.attempt.handed_in - DEADLINE) * 8 / 100
            code = {row.check: row.code for row in found.attempt.checks}
            points = max(0, sum(model.points(c, code[c]) for c in code) - late)
            waits = {c for c in code if model.waits(c, code[c])}
            assert {text.partition(" ")[0] for text in found.look} == waits
            said = [comments.get(exercise) for exercise in OF.values()]
            assert found.points == points
            assert term.of_nbgrader == (points, bool(waits), said)


def test_code_is_what_was_written_for_an_exercise(tiny: Course, tmp_path: Path) -> None:
    grader = make_grader(tiny, [STAGE], LIMITS)

    def codes(**cells: str) -> dict[str, str]:
        path = hand_in(tiny, tmp_path / "ada", **cells)
        found = grader.grade(Submission("ada", STAGE, path), {})
        return {grade.check.id: grade.code for grade in found.grades}

    first = codes()
    other = codes(noise=SOLVED["noise"] + "  # mine")
    assert first["scaler-centres"] == other["scaler-centres"]
    assert len({first["noise-is-normal"], other["noise-is-normal"]}) == 2
    broken = [codes(noise=f"def noise(n):\n    return (n{i}") for i in range(2)]
    assert len({found["noise-is-normal"] for found in broken}) == 2
    assert codes(scaler=SCALER.format("return y  # so")) != first


def test_the_table_the_csv_and_the_page_say_the_same(term: Term) -> None:
    term.hand_in({"scaler": "A!", "noise": "B"}, 0.5)
    term.score("noise-is-normal", 4, 1)
    term.comment("noise", "nearly <b>right</b>\n\x1b[31mso")
    page = term.out / "feedback" / STUDENT / f"{STAGE}.html"
    term.use(None)
    text = page.read_text()
    assert "<strong>6 of 8 points</strong>" in text and "\x1b" not in text
    for row in ("automatic points</dt><dd>3<", "by hand</dt><dd>+4<", "credit</dt><dd>+1<"):
        assert row in text
    assert "handed in late</dt><dd>-2<" in text and "nearly &lt;b&gt;right" in text
    assert "attempt 1, handed in 2027-03-01T12:00:00Z, graded " in text and "mugrade 0.2.0" in text
    with (term.out / "grades.csv").open(newline="") as file:
        rows = {row["check"]: row for row in csv.DictReader(file)}
    names = ("points", "automatic", "manual", "extra", "late", "final")
    found = {check: [row[name] for name in names] for check, row in rows.items()}
    assert found == {
        "scaler-centres": ["3", "3", "", "0", "2", "6"],
        "noise-is-normal": ["5", "0", "4", "1", "2", "6"],
    }


def test_grades_hears_the_formgrader_and_writes_the_pages_again(term: Term, tmp_path: Path) -> None:
    rules = "[deadlines]\n01 = 2027-03-01T00:00:00Z\n[late]\npercent_per_day = 25"
    root = write_course(tmp_path / "course")
    (root / "solutions" / "course.toml").write_text(rules)
    term.course = load_course(root)

    def grades(*options: str) -> str:
        where = ("--course", str(term.course.root), "--out", str(term.out))
        found = CliRunner().invoke(app, ["grades", *options, *where], env={"COLUMNS": "150"})
        assert found.exit_code == 0, found.output
        return found.output

    term.hand_in({"scaler": "A!", "noise": "B"}, 0.5)
    assert "older" not in grades()
    term.score("noise-is-normal", 4, 1)
    for _ in range(2):
        said = grades()
        assert "pages older than the formgrader: 1; mugrade grades --write" in said
        heading, row = said.splitlines()[-2:]
        titles = ["student", "stage", "automatic", "manual", "extra", "late", "points"]
        assert heading.split()[:7] == titles
        assert row.split()[:7] == ["ada", STAGE, "3", "+4", "+1", "-2", "6/8"]
    grades("--write")
    assert "older" not in grades()
    assert "6 of 8 points" in (term.out / "feedback" / STUDENT / f"{STAGE}.html").read_text()
    term.hand_in({"scaler": "A!", "noise": "C"}, 0.5)
    assert "noise-is-normal needs another look: 4+1 was given for other code" in " ".join(
        grades().split()
    )
    shown = term.out / "autograded" / STUDENT / STAGE / f"{STAGE}.ipynb"
    assert "needs another look: 4+1 was given" in shown.read_text()


def test_who_is_forgotten_has_no_reviews(term: Term) -> None:
    term.hand_in({"scaler": "A", "noise": "B"}, -1)
    term.score("noise-is-normal", 4, 1)
    with term.publisher() as publisher:
        assert listen(publisher.store, term.out / "gradebook.db") == 1
        assert publisher.store.reviews()
        publisher.store.forget(STUDENT)
        assert publisher.store.reviews() == {}
