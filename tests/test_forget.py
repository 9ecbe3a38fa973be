"""A student who is forgotten is nowhere, and nobody else has lost anything."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mugrade.cli import app
from mugrade.course.model import Course
from mugrade.grader.outputs.scores import Scores
from tests.test_history import Class, klass, quick

__all__ = ["klass", "quick"]
NAME = "studentwhowantstobeforgotten"


def forget(klass: Class, student: str, *options: str) -> tuple[int, str]:
    where = ("--course", str(klass.course.root), "--out", str(klass.root / "out"))
    found = CliRunner().invoke(app, ["forget", student, *where, *options])
    return found.exit_code, found.output


def mentioning(root: Path) -> list[Path]:
    """The files and folders that have the name in their own or in their bytes."""
    found = [p for p in root.rglob("*") if NAME in p.name]
    return found + [p for p in root.rglob("*") if p.is_file() and NAME.encode() in p.read_bytes()]


def test_a_student_who_is_forgotten_is_nowhere(klass: Class) -> None:
    for student in (NAME, "ada"):
        klass.hand_in(student, "good")
        klass.hand_in(student, f"{student} wrote this", stage="01_scale")
    klass.grade()
    klass.mugrade("grades", "--use", NAME, "00", "1")
    klass.mugrade("export", "csv", "--feedback")
    out = klass.root / "out"
    klass.mugrade("report")
    (out / "report.html").write_text(f"{NAME} falls behind")
    assert {p.relative_to(out).parts[0].split("-")[0] for p in mentioning(out)} >= {
        *(
            "results.db",
            "gradebook.db",
            "grades.csv",
            "feedback",
            "autograded",
            "report.html",
            "export",
        ),
    }
    ada = {p: p.read_bytes() for p in out.rglob("*") if "ada" in p.parts and p.is_file()}
    code, said = forget(klass, NAME, "--yes")
    assert code == 0 and mentioning(out) == []
    for text in ("2 results and 1 notebooks deleted", "with 2 submissions deleted", "feedback/"):
        assert text in said
    assert "what was handed in still lies where it was" in said
    assert {p: p.read_bytes() for p in ada} == ada and set(klass.points) == {"ada"}
    shutil.rmtree(klass.root / "in" / NAME)
    assert "0 graded, 2 up to date" in klass.grade()


def test_nothing_is_forgotten_that_was_not_confirmed(klass: Class) -> None:
    klass.hand_in("ada", "good")
    klass.grade()
    code, said = forget(klass, "ada")
    assert code == 1 and "nothing is deleted" in said and klass.points == {"ada": "2"}


@pytest.mark.parametrize("name", ["eve", "..", ".", "ada/..", ""])
def test_who_is_not_there_cannot_be_forgotten(klass: Class, name: str) -> None:
    klass.hand_in("ada", "good")
    klass.grade()
    before = {p for p in (klass.root / "out").rglob("*") if not p.suffix.startswith(".db-")}
    code, said = forget(klass, name, "--yes")
    assert code == 1 and "nothing is kept of" in said
    assert before <= set((klass.root / "out").rglob("*"))


def test_forgetting_that_was_stopped_goes_on(
    klass: Class, tiny: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    klass.hand_in(NAME, "good")
    klass.hand_in("ada", "good")
    klass.grade()
    with monkeypatch.context() as patch:
        patch.setattr(Scores, "forget", lambda *rest: 1 / 0)
        assert forget(klass, NAME, "--yes")[0] != 0
    assert forget(klass, NAME, "--yes")[0] == 0
    assert mentioning(klass.root / "out") == []
