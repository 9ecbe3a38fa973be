"""What platforms give out becomes nbgrader's `submitted/`; nothing and nobody vanishes."""

import codecs
import csv
import io
import json
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from mugrade.cli import app
from mugrade.course.model import Course
from mugrade.course.reading import load_course
from mugrade.course.roster import folder_name, read_class
from mugrade.errors import Unreadable
from mugrade.grader.collect.collecting import Collection, collect_download
from mugrade.grader.collect.index import read_index
from mugrade.grader.collect.people import alike, forms
from mugrade.grader.collect.stages import StageFinder
from mugrade.grader.store import Store
from mugrade.grader.submissions import find_submissions
from mugrade.grader.times import collected
from mugrade.package.ipynb import MAX_BYTES, cells_in
from tests import downloads, elsewhere
from tests.downloads import CLASS, LAYOUTS, PLATFORMS, STAGE, THEN, Files, Handed, notebook, zipped
from tests.tiny import write_course

NAME = f"{STAGE}.ipynb"
WEIS = {"liwei1", "liwei2"}
Row = dict[str, str]


@pytest.fixture(scope="module")
def mean(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return load_course(write_course(tmp_path_factory.mktemp("course")))


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path


class Desk:
    """Collects into a folder, with the roster of the class unless nobody is known."""

    def __init__(self, course: Course, root: Path, known: bool = True) -> None:
        self.course, self.submitted = course, root / "submitted"
        root.mkdir(exist_ok=True)
        self.students = read_class(downloads.roster(root)) if known else ()

    def collect(self, download: Path, **more: Any) -> Any:
        more = {"stages": [STAGE], "students": self.students, **more}
        return collect_download(Collection(self.course, download, self.submitted, **more))

    @property
    def rows(self) -> list[Row]:
        text = (self.submitted / "ledger.csv").read_bytes().decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text, newline="")))

    @property
    def of_students(self) -> dict[str, Row]:
        return {r["student"]: r for r in self.rows if r["row"] == "student" and r["stage"] == STAGE}

    @property
    def of_files(self) -> dict[str, Row]:
        return {row["file"]: row for row in self.rows if row["row"] == "file"}

    def tree(self) -> dict[str, bytes]:
        """What a grader sees: all but what is kept and the ledger."""
        return {
            path.relative_to(self.submitted).as_posix(): path.read_bytes()
            for path in sorted(self.submitted.rglob("*"))
            if path.is_file() and ".collected" not in path.parts and path.name != "ledger.csv"
        }

    @property
    def kept(self) -> list[Path]:
        return list((self.submitted / ".collected").glob("*/*.ipynb"))

    def taken(self, student: str) -> bytes:
        return (self.submitted / student / STAGE / NAME).read_bytes()


@pytest.fixture
def desk(mean: Course, root: Path) -> Desk:
    return Desk(mean, root)


def answers(students: Sequence[downloads.Student] = CLASS, file: str = NAME) -> list[Handed]:
    return [Handed(s, file, notebook(f"mean = {s.number}")) for s in students]


def put(root: Path, files: Files, layout: str = "as_zip", name: str = "download") -> Path:
    return LAYOUTS[layout](files, root / name)


# every platform, in every layout


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_student_has_the_notebook(desk: Desk, root: Path, platform: str, layout: str) -> None:
    handed = answers()
    desk.collect(put(root, PLATFORMS[platform](handed), layout))
    asked = WEIS if platform == "classroom" else set()
    for h in handed:
        row = desk.of_students[folder_name(h.student.id)]
        if h.student.id in asked:
            assert row["status"] == "absent"
        else:
            assert (row["status"], row["name"]) == ("present", h.student.name)
            assert desk.taken(folder_name(h.student.id)) == h.content
    statuses = {row["status"] for row in desk.of_files.values()}
    assert statuses <= {"used", "ignored", "opened", "asked"}
    assert ("asked" in statuses) == bool(asked)


@pytest.mark.parametrize(
    ("platform", "clock"),
    [
        *[(name, "file") for name in ("moodle", "moodle_flat", "classroom", "github", "folders")],
        *[(name, "name") for name in ("blackboard", "brightspace", "exchange")],
        *[("gradescope", "metadata"), ("submitted", "timestamp.txt"), ("canvas", "")],
    ],
)
def test_hand_in_times_are_kept(desk: Desk, root: Path, platform: str, clock: str) -> None:
    desk.collect(put(root, PLATFORMS[platform](answers(CLASS[6:7]) + answers(CLASS[7:8]))))
    row = desk.of_students["ada"]
    when = collected(desk.submitted / "ada" / STAGE)
    assert row["clock"] == clock
    if clock not in ("", "file"):
        assert when == THEN
    assert (when is None) == (clock == "")
    (found,) = (s for s in find_submissions(desk.submitted, [STAGE]) if s.student == "ada")
    assert found.handed_in == when


@pytest.mark.parametrize("platform", [p for p in PLATFORMS if p not in ("github", "moodle_zips")])
def test_without_a_roster_students_are_called_as_the_platform_does(
    mean: Course, root: Path, platform: str
) -> None:
    desk = Desk(mean, root, known=False)
    some = [s for s in CLASS if s.id not in WEIS]
    desk.collect(put(root, PLATFORMS[platform](answers(some))))
    assert len(desk.of_students) == len(some)
    assert all(row["status"] == "present" for row in desk.of_students.values())


def test_without_a_roster_two_of_one_name_are_nobody(mean: Course, root: Path) -> None:
    desk = Desk(mean, root, known=False)
    desk.collect(put(root, downloads.moodle(answers(CLASS[1:3]) + answers(CLASS[6:7]))))
    assert list(desk.of_students) == ["Ada Gauss"]
    why = [row["why"] for row in desk.of_files.values() if row["status"] == "asked"]
    assert len(why) == 2 and all("a roster with their ids tells them apart" in w for w in why)


# people


def test_one_student_under_two_ids_is_asked_about(desk: Desk, root: Path) -> None:
    files = {f"gaussada_{n}_9{n}_{NAME}": notebook(f"mean = {n}") for n in (777, 778)}
    desk.collect(put(root, {**files, **downloads.canvas(answers(CLASS[7:9]))}))
    assert {desk.of_files[name]["status"] for name in files} == {"asked"}
    assert desk.of_students["ada"]["status"] == "absent"


def test_an_id_that_is_anothers_is_asked_about(desk: Desk, root: Path) -> None:
    """Numbers of two systems can be the same by chance."""
    name = f"gaussada_108_9001_{NAME}"
    desk.collect(put(root, {name: notebook(), **downloads.canvas(answers(CLASS[8:]))}))
    assert desk.of_files[name]["status"] == "asked"
    assert desk.of_students["ada"]["status"] == desk.of_students["b_ob"]["status"] == "absent"


@pytest.mark.parametrize("known", [True, False])
def test_moodles_number_is_another_in_each_assignment(
    mean: Course, root: Path, known: bool
) -> None:
    some, desk = CLASS[6:9], Desk(mean, root, known)
    files = downloads.moodle([Handed(s, NAME, notebook()) for s in some])
    scale = [Handed(s, "01_scale.ipynb", notebook(stage="01_scale")) for s in some]
    others = {re.sub(r"_5(\d+)_", r"_9\1_", n): c for n, c in downloads.moodle(scale).items()}
    both = {"one.zip": zipped(files), "two.zip": zipped(others)}
    desk.collect(put(root, both, "as_folder"), stages=[])
    assert len(list(desk.submitted.glob("[!.]*/*/*.ipynb"))) == 6
    assert len({row["student"] for row in desk.rows if row["status"] == "present"}) == 3


def test_an_answer_is_asked_for_once(desk: Desk, root: Path) -> None:
    questions: list[str] = []

    def ask(question: str, among: Sequence[Any]) -> str:
        questions.append(question)
        return "liwei2" if len(questions) == 1 else ""

    files = {f"Li Wei_1_assignsubmission_file_/{NAME}": notebook("mean = 1")}
    files |= downloads.moodle(answers(CLASS[6:]))
    path = put(root, files)
    desk.collect(path, ask=ask)
    assert len(questions) == 1 and "2 students are called so (liwei1, liwei2)" in questions[0]
    assert desk.taken("liwei2") == notebook("mean = 1")
    desk.collect(path, ask=ask)
    assert len(questions) == 1


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-20 10:11:00.000000000 Z",
        "2026-11-20T11:11:00+01:00",
        "!ruby/object:ActiveSupport::TimeWithZone\n    utc: 2026-11-20 10:11:00 Z",
    ],
)
def test_a_group_of_gradescope_is_everybody_in_it(desk: Desk, root: Path, time: str) -> None:
    text = (
        "submission_1:\n  :submitters:\n  - :name: Ada Gauss\n    :sid: ada\n"
        f"  - :name: Bob Müller\n    :sid: b_ob\n  :created_at: {time}\n"
    )
    files = {"submission_metadata.yml": text.encode(), f"submission_1/{NAME}": notebook()}
    desk.collect(put(root, files))
    assert desk.taken("ada") == desk.taken("b_ob") == notebook()
    assert desk.of_files[f"submission_1/{NAME}"]["student"] == "ada; b_ob"
    assert collected(desk.submitted / "ada" / STAGE) == THEN


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("gaussada", "Ada Gauss"),
        ("oneilsmithzoe", "Zoë O'Neil-Smith"),
        ("oneilsmithzo", "O'Neil-Smith, Zoë"),
        ("Wei, Li", "Li Wei"),
        ("vonderbergannamaria", "Anna Maria von der Berg"),
        ("李伟", "李 伟"),
    ],
)
def test_one_name_in_two_spellings(one: str, other: str) -> None:
    assert forms(one) & forms(other) and alike(one, other)


def test_other_names_are_others() -> None:
    assert not forms("Ada Gauss") & forms("Ada Gauß-Müller") and not alike("gaussada", "Bob Ray")


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("below", PLATFORMS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_names_inside_an_archive_take_nothing_from_anybody(
    mean: Course, root: Path, platform: str, below: str, known: bool
) -> None:
    """However much looks like another platform's, or like other students."""
    mallory, *others = CLASS[5:10]
    imitated = [Handed(s, NAME, notebook(f"evil = {s.number}")) for s in others]
    evil = {f"{n}/{p}": c for n in range(3) for p, c in PLATFORMS[below](imitated).items()}
    evil |= PLATFORMS[below](imitated)
    evil |= {f"mean-hub-{s.number}/.git/HEAD": b"ref: x" for s in others}
    desk = Desk(mean, root, known)
    handed = [Handed(mallory, "work.zip", zipped(evil)), *answers(others)]
    desk.collect(put(root, PLATFORMS[platform](handed)))
    of_stage = read_index(desk.submitted).hand_ins[STAGE].values()
    contents = [
        {path.read_bytes() for h in hand_ins for path in desk.kept if path.stem == h.sha256}
        for hand_ins in of_stage
    ]
    assert all({h.content} in contents for h in answers(others))
    assert len(contents) <= len(others) + 1
    if known:
        assert all(desk.taken(h.student.id) == h.content for h in answers(others))


# files


def broken(*lines: str) -> bytes:
    return "\n".join(lines).encode()


def in_format_3(source: str) -> bytes:
    cell = {"cell_type": "code", "input": source, "outputs": [], "language": "python"}
    sheet = {"cells": [cell | {"metadata": {}, "collapsed": False}], "metadata": {}}
    data = {"worksheets": [sheet], "metadata": {"name": ""}, "nbformat": 3, "nbformat_minor": 0}
    return json.dumps(data).encode()


GOOD = notebook("mean = sum")
UNKNOWN = notebook("mean = sum", ids=False)
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"
CONFLICT = GOOD.replace(b'"metadata"', b'\n<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> b\n"metadata"', 1)
AWKWARD: list[tuple[str, bytes, str, str]] = [
    ("00_mean.IPYNB", GOOD, "used", ""),
    ("00_mean.ipynb.txt", GOOD, "used", ""),
    ("00_mean.ipynb.json", GOOD, "used", ""),
    ("00_mean.txt", UNKNOWN, "used", ""),
    ("00-mean.ipynb", UNKNOWN, "used", ""),
    ("mean (1).ipynb", UNKNOWN, "used", ""),
    ("Copy of Copy of 00_mean.ipynb", UNKNOWN, "used", ""),
    ("hw0.ipynb", UNKNOWN, "used", ""),
    ("Untitled.ipynb", GOOD, "used", ""),
    ("Untitled1.ipynb", UNKNOWN, "ignored", "a notebook of no stage"),
    ("00_mean.py", b"# %%\ndef mean(x):\n    return x\n", "used", "made of a script"),
    ("00_mean.py", b"# In[1]:\n\n\nx = 1\n\n# In[ ]:\n\n\ny = 2\n", "used", "made of a script"),
    ("helper.py", b"x = 1", "ignored", "no notebook"),
    ("00_mean.html", b"<html>", "ignored", "it is a web page: ask for the notebook"),
    ("00_mean.pdf", b"%PDF-1.4", "ignored", "it is a PDF: ask for the notebook"),
    ("00_mean.ipynb", b"%PDF-1.4", "unreadable", "it is a PDF"),
    ("00_mean.ipynb", b"<!DOCTYPE html><html>", "unreadable", "it is a web page"),
    ("00_mean.ipynb", notebook(stage="01_scale"), "ignored", "a notebook of 01_scale, called like"),
    ("00_mean.ipynb", LFS, "unreadable", "a Git LFS pointer"),
    ("00_mean.ipynb", CONFLICT, "unreadable", "marks of a merge conflict"),
    ("00_mean.ipynb", GOOD.decode().encode("utf-16"), "used", "it was utf-16"),
    ("00_mean.ipynb", GOOD.decode().encode("utf-16-le"), "used", "it was utf-16-le"),
    ("00_mean.ipynb", codecs.BOM_UTF8 + GOOD, "used", ""),
    ("00_mean.ipynb", notebook("s = 'é'").decode().encode("cp1252"), "used", "it was cp1252"),
    ("00_mean.ipynb", in_format_3("mean = sum"), "used", "converted from notebook format 3"),
    ("00_mean.ipynb", b"", "unreadable", "it is empty"),
    ("00_mean.ipynb", GOOD[:50], "unreadable", "not a complete notebook"),
    ("00_mean.ipynb", b"[" * 100_000, "unreadable", "not a complete notebook"),
    ("00_mean.ipynb", b'{"cells": 3, "nbformat": 3}', "unreadable", "no cells"),
    ("00_mean.ipynb", b'{"nbformat": 3, "worksheets": [3]}', "unreadable", "cannot be converted"),
    ("00_mean.ipynb", bytes(range(256)), "unreadable", "not UTF-8"),
    ("notes.docx", b"PK\3\4", "ignored", "no notebook"),
    ("00_mean.rar", b"Rar!", "ignored", "no notebook"),
    ("work.zip", b"PK\3\4 broken", "unreadable", "not a complete zip archive"),
    ("work.tar.gz", b"\x1f\x8b broken", "unreadable", "not a complete tar archive"),
]


@pytest.mark.parametrize("platform", ["moodle", "moodle_flat", "canvas", "folders", "blackboard"])
@pytest.mark.parametrize(("file", "content", "status", "why"), AWKWARD)
def test_awkward_files(
    desk: Desk, root: Path, platform: str, file: str, content: bytes, status: str, why: str
) -> None:
    handed = [Handed(CLASS[6], file, content), *answers(CLASS[7:10])]
    desk.collect(put(root, PLATFORMS[platform](handed)))
    (row,) = (
        row
        for row in desk.of_files.values()
        if row["student"] == "ada" and not row["file"].endswith(":00.txt") and file in row["file"]
    )
    assert (row["status"], why in row["why"]) == (status, True), row
    expected = {"used": "present", "ignored": "absent", "unreadable": "unusable"}[status]
    if status == "ignored" and row["stage"]:
        expected = "unusable"
    if "work." not in file:
        assert desk.of_students["ada"]["status"] == expected
    if status == "used":
        assert cells_in(desk.taken("ada"))[0].kind == "code"


def test_what_can_be_read_is_left_byte_for_byte(desk: Desk, root: Path) -> None:
    content = codecs.BOM_UTF8 + b'{ "cells":[ ],\r\n"metadata":{}, "nbformat":4}'
    desk.collect(put(root, downloads.folders([Handed(CLASS[6], NAME, content)])))
    assert desk.taken("ada") == content


def test_outputs_are_dropped_before_the_limit_applies(desk: Desk, root: Path) -> None:
    data = json.loads(notebook('x = "\\"outputs\\": [1]"'))
    text = ["\\n]}" * 100] * (MAX_BYTES // 300)
    data["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": text}]
    data["metadata"]["outputs"] = ["kept"]
    content = json.dumps(data).encode()
    assert len(content) > 1.2 * MAX_BYTES
    desk.collect(put(root, downloads.folders([Handed(CLASS[6], NAME, content)])))
    data["cells"][0]["outputs"] = []
    assert json.loads(desk.taken("ada")) == data
    row = desk.of_files[f"ada/{NAME}"]
    assert (row["status"], row["why"]) == ("used", "its outputs are left out")


def test_an_old_notebook_keeps_its_code(desk: Desk, root: Path) -> None:
    content = in_format_3("mean = sum")
    desk.collect(put(root, downloads.folders([Handed(CLASS[6], NAME, content)])))
    nbformat.reads(desk.taken("ada").decode(), 4)
    assert [cell.source for cell in cells_in(desk.taken("ada"))] == ["mean = sum"]


def test_a_script_beside_the_notebook_is_none(desk: Desk, root: Path) -> None:
    handed = [Handed(CLASS[6], "00_mean.py", b"x = 1"), Handed(CLASS[6], NAME, GOOD)]
    desk.collect(put(root, downloads.folders(handed)))
    assert desk.taken("ada") == GOOD
    assert desk.of_files["ada/00_mean.py"]["why"] == "the notebook counts"
    assert desk.of_students["ada"]["attempt"] == "1 of 1"


def test_what_systems_leave_behind_is_no_student(desk: Desk, root: Path) -> None:
    files = downloads.moodle(answers())
    extra = {f"__MACOSX/x/._{NAME}": b"x", f".ipynb_checkpoints/{NAME}": GOOD, ".DS_Store": b""}
    desk.collect(put(root, {**files, **extra}))
    assert {desk.of_files[name]["status"] for name in extra} == {"ignored"}
    assert len(desk.of_students) == len(CLASS)


def test_the_platforms_own_text_is_no_hand_in(desk: Desk, root: Path) -> None:
    files = downloads.blackboard(answers())
    files = {name.replace("Assignment 3", "00 mean"): text for name, text in files.items()}
    desk.collect(put(root, files))
    texts = [row["status"] for name, row in desk.of_files.items() if name.endswith(".txt")]
    assert texts == ["ignored"] * len(CLASS)
    assert {row["attempt"] for row in desk.of_students.values()} == {"1 of 1"}


class OfMacOS(zipfile.ZipInfo):
    """A name in UTF-8 without the flag that says so."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.filename.encode(), self.flag_bits


def test_names_that_macos_packs(desk: Desk, root: Path) -> None:
    with zipfile.ZipFile(root / "x.zip", "w") as archive:
        for name, content in downloads.moodle(answers()).items():
            archive.writestr(OfMacOS(name, (2026, 11, 20, 10, 11, 0)), content)
    desk.collect(root / "x.zip")
    assert {row["status"] for row in desk.of_students.values()} == {"present"}


def test_stages_by_name(mean: Course) -> None:
    found = StageFinder(mean)
    named = {
        **{
            "00_mean.ipynb": "00_mean",
            "Scale_final.ipynb": "01_scale",
            "assignment 1.ipynb": "01_scale",
        },
        **{"mean_and_scale.ipynb": None, "hw7.ipynb": None, "00_start.ipynb": None},
        **{"1.ipynb": "01_scale", "HW1-2.ipynb": "01_scale", "2026.ipynb": None},
    }
    assert {name: found.by_name(name) for name in named} == named


# attempts, and times


def test_attempts_are_in_order(desk: Desk, root: Path) -> None:
    ada = CLASS[6]
    handed = [
        Handed(ada, NAME, notebook(f"mean = {n}"), THEN + timedelta(hours=(n * 2) % 5), n)
        for n in range(5)
    ]
    desk.collect(put(root, downloads.gradescope([*handed, *answers(CLASS[7:9])])))
    last = max(handed, key=lambda h: h.when)
    assert desk.taken("ada") == last.content
    assert desk.of_students["ada"]["attempt"] == "5 of 5"
    by_file = sorted(
        (r["attempt"], r["handed_in"]) for r in desk.of_files.values() if r["student"] == "ada"
    )
    assert [time for _, time in by_file] == sorted(time for _, time in by_file)
    kept = [h.sha256 for h in read_index(desk.submitted).of(STAGE, "ada")]
    assert len(kept) == 5


def test_canvas_numbers_what_is_handed_in_again(desk: Desk, root: Path) -> None:
    ada = CLASS[6]
    handed = [Handed(ada, NAME, notebook(f"mean = {n}"), again=n) for n in (2, 0, 1)]
    desk.collect(put(root, downloads.canvas([*handed, *answers(CLASS[7:9])])))
    assert desk.taken("ada") == notebook("mean = 2")


def test_a_newer_file_that_cannot_be_read_replaces_nothing(desk: Desk, root: Path) -> None:
    desk.collect(put(root, downloads.blackboard(answers())))
    later = Handed(CLASS[6], NAME, GOOD[:50], THEN + timedelta(hours=1))
    desk.collect(put(root, downloads.blackboard([later, *answers(CLASS[7:])]), name="newer"))
    assert desk.taken("ada") == answers()[6].content
    assert desk.of_students["ada"]["attempt"] == "1 of 2"
    assert collected(desk.submitted / "ada" / STAGE) == THEN


def test_the_deadline_is_said(desk: Desk, root: Path) -> None:
    times = {"zos": -1, "ada": 1, "b_ob": 60 * 30}
    handed = [
        Handed(s, NAME, notebook(), THEN + timedelta(minutes=times[s.id]))
        for s in CLASS
        if s.id in times
    ]
    path = put(root, downloads.exchange(handed))
    desk.collect(path, deadline=THEN)
    status = {s: (desk.of_students[s]["status"], desk.of_students[s]["late_by"]) for s in times}
    assert status == {"zos": ("present", ""), "ada": ("late", "1 min"), "b_ob": ("late", "1 d 6 h")}
    roster = root / "longer.csv"
    roster.write_text("student,extension\nada,1 day\nb_ob,24 h\nzos,\n")
    desk.collect(path, students=read_class(roster))  # the deadline is remembered
    assert desk.of_students["ada"]["status"] == "present"
    assert desk.of_students["b_ob"]["late_by"] == "6 h"


@pytest.mark.parametrize("mark", ["LATE", "late"])
def test_canvas_says_late_but_not_when(desk: Desk, root: Path, mark: str) -> None:
    files = {f"gaussada_{mark}_107_1_{NAME}": GOOD, **downloads.canvas(answers(CLASS[7:]))}
    path = put(root, files)
    desk.collect(path)
    assert desk.of_students["ada"]["status"] == "late"
    assert desk.of_students["b_ob"]["status"] == "present"
    assert collected(desk.submitted / "ada" / STAGE) is None
    desk.collect(path, deadline=THEN)
    assert collected(desk.submitted / "ada" / STAGE) == THEN + timedelta(minutes=1)
    assert desk.of_students["b_ob"]["status"] == "present"


def test_a_repository_says_when_it_was_committed_to(desk: Desk, root: Path) -> None:
    path = put(root, downloads.github(answers(CLASS[6:8])), "as_folder")
    repository = path / "mean-submissions" / "mean-hub-107"
    when = {"GIT_COMMITTER_DATE": THEN.isoformat(), "GIT_AUTHOR_DATE": THEN.isoformat()}
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"], ["gc", "-q"]):
        env = {**os.environ, **when}
        subprocess.run(["git", *who, *words], cwd=repository, check=True, env=env)
    trap = root / "trap"
    with (repository / ".git" / "config").open("a") as file:
        file.write(f'[core]\n\tfsmonitor = "touch {trap}"\n[log]\n\tshowSignature = true\n')
    desk.collect(path)
    assert (desk.of_students["ada"]["clock"], desk.of_students["b_ob"]["clock"]) == ("git", "file")
    assert collected(desk.submitted / "ada" / STAGE) == THEN
    assert desk.of_files["mean-submissions/mean-hub-107/.git"]["why"] == "git's own folder"
    assert not trap.exists()


# again, with a newer download


def test_again_nothing_changes(desk: Desk, root: Path) -> None:
    path = put(root, downloads.moodle(answers()))
    assert desk.collect(path).changed == len(CLASS)
    before = {p: p.stat().st_mtime_ns for p in desk.submitted.rglob("*.ipynb")}
    rows = desk.rows
    assert desk.collect(path).changed == 0
    assert {p: p.stat().st_mtime_ns for p in desk.submitted.rglob("*.ipynb")} == before
    assert desk.rows == rows


def test_two_sections_are_one_class(desk: Desk, root: Path) -> None:
    for name, some in (("one", CLASS[:6]), ("two", CLASS[6:])):
        desk.collect(put(root, downloads.moodle(answers(some)), name=name))
    assert {row["status"] for row in desk.of_students.values()} == {"present"}
    assert len(desk.of_files) == len(CLASS)


def test_two_downloads_of_one_name_keep_their_rows(desk: Desk, root: Path) -> None:
    for section in ("a", "b"):
        (root / section).mkdir()
        files = {f"{section}.txt": b"who?", f"{CLASS[6].id}/{NAME}": notebook()}
        desk.collect(put(root / section, files, name="submissions"))
    assert {"a.txt", "b.txt"} <= desk.of_files.keys()


def test_what_was_put_there_by_hand_is_kept(desk: Desk, root: Path) -> None:
    path = desk.submitted / "ada" / STAGE / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(GOOD)
    desk.collect(put(root, downloads.exchange(answers())))
    assert desk.taken("ada") == answers()[6].content
    assert len(read_index(desk.submitted).of(STAGE, "ada")) == 2
    assert desk.of_students["ada"]["attempt"] == "2 of 2"


def test_what_is_deleted_by_hand_is_forgotten(desk: Desk, root: Path) -> None:
    desk.collect(put(root, downloads.exchange(answers())))
    shutil.rmtree(desk.submitted / ".collected" / "ada")
    shutil.rmtree(desk.submitted / "ada")
    desk.collect(put(root, downloads.exchange(answers(CLASS[7:])), name="newer"))
    assert desk.of_students["ada"]["status"] == "absent"
    assert not any(row["student"] == "ada" for row in desk.of_files.values())


# hostile downloads


def hostile(name: str) -> bytes:
    """An archive of a student's that must not harm the others."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        if name == "many":
            for i in range(10_001):
                archive.writestr(f"{i}.ipynb", b"")
        elif name == "traversal":
            archive.writestr(f"../../../../ada/{NAME}", GOOD)
        elif name == "bomb":
            archive.writestr(NAME, b"[" + b" " * (300 << 20))
        elif name == "deep":
            return zipped({"a.zip": zipped({"b.zip": zipped({"c.zip": zipped({"d.zip": b""})})})})
        elif name == "link":
            info = zipfile.ZipInfo(NAME)
            info.external_attr = 0o120777 << 16
            archive.writestr(info, "/etc/passwd")
    content = bytearray(out.getvalue())
    if name == "encrypted":
        content = bytearray(zipped({NAME: GOOD}))
        for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
            content[content.index(mark) + at] |= 1
    return bytes(content)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("many", "more than 10000 files"),
        ("traversal", "leads out of the archive"),
        ("bomb", "larger than 256 MB"),
        ("deep", "4 archives, one in the other"),
        ("link", "it is a link"),
        ("encrypted", "it is encrypted"),
    ],
)
def test_a_hostile_archive_is_a_row(desk: Desk, root: Path, name: str, why: str) -> None:
    handed = [Handed(CLASS[6], "work.zip", hostile(name)), *answers(CLASS[7:])]
    desk.collect(put(root, downloads.moodle(handed)))
    said = [row for row in desk.of_files.values() if row["status"] == "unreadable"]
    assert len(said) == 1 and why in said[0]["why"] and said[0]["student"] == "ada"
    assert desk.of_students["ada"]["status"] in ("absent", "unusable")
    assert all(desk.of_students[folder_name(s.id)]["status"] == "present" for s in CLASS[7:])


@pytest.mark.parametrize(
    ("content", "name", "why"),
    [
        (b"PK\3\4 broken", "x.zip", "not a complete zip archive"),
        (b"broken", "x.tar.gz", "not a complete tar archive"),
        (b"Rar!", "x.rar", "neither a folder nor"),
        (None, "gone", "no such file"),
    ],
)
def test_a_download_that_is_none_is_one_sentence(
    desk: Desk, root: Path, content: bytes | None, name: str, why: str
) -> None:
    if content is not None:
        (root / name).write_bytes(content)
    with pytest.raises(Unreadable, match=r"^[^\n]+$") as error:
        desk.collect(root / name)
    assert why in str(error.value)


def test_links_and_pipes_are_not_followed(desk: Desk, root: Path) -> None:
    path = put(root, downloads.folders(answers(CLASS[7:])), "as_folder")
    (path / "ada").mkdir()
    (path / "ada" / NAME).symlink_to(path / "b_ob" / NAME)
    os.mkfifo(path / "ada" / "pipe.ipynb")
    desk.collect(path)
    assert desk.of_files[f"ada/{NAME}"]["why"] == "it is a link, which is not followed"
    assert desk.of_files["ada/pipe.ipynb"]["status"] == "unreadable"
    assert desk.of_students["ada"]["status"] == "unusable"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_a_row(desk: Desk, root: Path) -> None:
    path = put(root, downloads.folders(answers()), "as_folder")
    (path / "ada").chmod(0)
    desk.collect(path)
    (path / "ada").chmod(0o700)
    assert "cannot be read" in desk.of_files["ada"]["why"]


def test_metadata_that_cannot_be_read_costs_nobody_a_row(desk: Desk, root: Path) -> None:
    files = downloads.gradescope(answers())
    (metadata,) = (name for name in files if name.endswith(".yml"))
    for text in (b"a: [", b"\xff", b"- 1", b"&a [*a]", b"x: !!python/object:os.system {}"):
        desk.collect(put(root, {**files, metadata: text}))
        assert len(desk.of_files) == len(files)
        assert {row["status"] for row in desk.of_students.values()} == {"absent"}


@pytest.mark.parametrize(
    "text", [b"{", b"[]", b'{"format": 9}', b'{"hand_ins": {"a": {"b": [1]}}}']
)
def test_an_index_that_cannot_be_read_is_one_sentence(desk: Desk, root: Path, text: bytes) -> None:
    path = desk.submitted / ".collected" / "index.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(text)
    with pytest.raises(Unreadable, match=r"^[^\n]+index.json: [^\n]+$"):
        desk.collect(put(root, downloads.folders(answers())))
    assert path.read_bytes() == text


def test_no_spreadsheet_runs_a_cell_of_the_ledger(desk: Desk, root: Path) -> None:
    name = "=1+1_7_assignsubmission_file_"
    desk.collect(put(root, {f"{name}/{NAME}": GOOD, **downloads.moodle(answers())}))
    text = (desk.submitted / "ledger.csv").read_text(encoding="utf-8-sig")
    assert f'"\'{name}/{NAME}"' in text and '"=' not in text


# properties

FILES = st.sampled_from([(file, content) for file, content, *_ in AWKWARD if len(content) < 10_000])
HANDED = st.lists(
    st.builds(
        lambda s, f, hours, again: Handed(s, f[0], f[1], THEN + timedelta(hours=hours), again),
        st.sampled_from(CLASS),
        FILES,
        st.integers(0, 9),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=8,
)
SOME = settings(max_examples=25, suppress_health_check=list(HealthCheck))


def files_below(path: Path) -> set[str]:
    """Every file of a download, archives opened, as the ledger calls it."""
    if path.is_dir():
        return {p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file()}
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


@SOME
@given(HANDED, st.sampled_from(sorted(PLATFORMS)), st.sampled_from(["as_folder", "as_zip"]))
def test_nothing_and_nobody_vanishes(
    mean: Course, handed: list[Handed], platform: str, layout: str
) -> None:
    with tempfile.TemporaryDirectory() as name:
        desk = Desk(mean, Path(name))
        path = put(Path(name), PLATFORMS[platform](handed), layout)
        desk.collect(path)
        rows = [row["file"] for row in desk.rows if row["row"] == "file"]
        assert len(rows) == len(set(rows)) and set(rows) >= files_below(path)
        assert set(desk.of_students) == {folder_name(s.id) for s in CLASS}
        assert all(
            row["status"] and (row["why"] or row["status"] == "used")
            for row in desk.of_files.values()
            if row["status"] not in ("earlier", "same")
        )


@SOME
@given(HANDED, st.sampled_from(sorted(PLATFORMS)), st.sampled_from(sorted(LAYOUTS)))
def test_layouts_of_one_download_give_the_same(
    mean: Course, handed: list[Handed], platform: str, layout: str
) -> None:
    trees = []
    for each in ("as_zip", layout):
        with tempfile.TemporaryDirectory() as name:
            desk = Desk(mean, Path(name))
            desk.collect(put(Path(name), PLATFORMS[platform](handed), each))
            trees.append({p: c for p, c in desk.tree().items() if p.endswith(".ipynb")})
    assert trees[0] == trees[1]


def test_the_order_of_an_archive_makes_no_difference(mean: Course, root: Path) -> None:
    two = [Handed(CLASS[6], name, notebook(name[:4])) for name in ("00-mean.ipynb", NAME)]
    trees = []
    for number, handed in enumerate((two, two[::-1])):
        desk = Desk(mean, root / str(number))
        desk.collect(put(root / str(number), downloads.blackboard(handed)))
        trees.append({p: c for p, c in desk.tree().items() if p.endswith(".ipynb")})
    assert trees[0] == trees[1]


@SOME
@given(HANDED, HANDED, st.sampled_from(["exchange", "blackboard", "canvas", "gradescope"]))
def test_again_loses_nothing_and_changes_only_what_is_new(
    mean: Course, first: list[Handed], more: list[Handed], platform: str
) -> None:
    """What was collected at once, or one download after the other, is the same at the end."""
    everything = [*first, *(h for h in more if h.student.id not in {f.student.id for f in first})]
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        desk = Desk(mean, root)
        desk.collect(put(root, PLATFORMS[platform](first), name="first"))
        before, kept = desk.tree(), {p.name for p in desk.kept}
        desk.collect(put(root, PLATFORMS[platform](everything), name="second"))
        after = desk.tree()
        assert all(after[path] == content for path, content in before.items())
        assert {p.name for p in desk.kept} >= kept
        once = Desk(mean, root / "once")
        once.collect(put(root, PLATFORMS[platform](everything), name="second"))
        assert once.tree() == after
        for content in before:
            assert (desk.submitted / content).exists()


# the command


def test_the_command_and_grading_after_it(tiny: Course, root: Path) -> None:
    from tests.test_grade import hand_in

    solved = hand_in(tiny, root / "x", STAGE).read_bytes()
    handed = [Handed(s, NAME, solved) for s in CLASS[6:9]]
    path = put(root, downloads.moodle([*handed, Handed(CLASS[1], NAME, solved)]))
    odd = {f"Li Wei_9_assignsubmission_file_/{NAME}": solved}
    path = put(root, {**downloads.moodle(handed), **odd})
    roster = downloads.roster(root)
    command = ["collect", str(path), "--course", str(tiny.root), "--stage", "0"]
    command += ["--roster", str(roster), "--out", str(root), "--deadline", "2026-11-21"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    text = " ".join(done.output.split())
    assert "Moodle; 3 new or changed; students: 9 absent, 3 present; files: 1 asked, 3 used" in text
    assert "write what they are called by into the column also" in text
    shutil.rmtree(root / "x")
    command = [
        "grade",
        str(root / "submitted"),
        "--course",
        str(tiny.root),
        "--roster",
        str(roster),
    ]
    done = CliRunner().invoke(app, [*command, "--out", str(root / "out"), "--accept-weak-sandbox"])
    assert done.exit_code == 0, done.output
    assert done.output.count("2/2") == 3 and done.output.count("missing: no notebook") == 9


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_collecting_needs_no_unix(mean: Course, root: Path, encoding: str) -> None:
    """The ledger is the same whatever the console can show."""
    path = put(root, downloads.moodle(answers()))
    roster = downloads.roster(root)
    with roster.open("a", encoding="utf-8") as file:
        file.write("θ,Θ,,,\n")
    command = ["collect", str(path), "--course", str(mean.root), "--stage", "0"]
    command += ["--roster", str(roster), "--out", str(root)]
    env = elsewhere.environment(root / "site", encoding)
    done = elsewhere.python(root, "-m", "mugrade", *command, env=env)
    said = done.stdout.decode(encoding)
    assert done.returncode == 0, done.stderr.decode(encoding)
    assert "students: 1 absent, 12 present" in said and "theta" in said
    assert "θ" in (root / "submitted" / "ledger.csv").read_text(encoding="utf-8-sig")


def test_the_terminal_is_asked(mean: Course, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(root, {f"Li Wei_9_assignsubmission_file_/{NAME}": GOOD})
    roster = downloads.roster(root)
    monkeypatch.setattr("mugrade.cli.collecting.is_interactive", lambda: True)
    command = ["collect", str(path), "--course", str(mean.root), "--stage", "0"]
    command += ["--roster", str(roster), "--out", str(root)]
    done = CliRunner().invoke(app, command, input="liwei2\n")
    assert done.exit_code == 0, done.output
    assert "Li Wei_9: 2 students are called so (liwei1, liwei2)" in done.output
    assert (root / "submitted" / "liwei2" / STAGE / NAME).read_bytes() == GOOD
    without = [*command[:6], "--out", str(root)]  # roster and answer are remembered
    done = CliRunner().invoke(app, without)
    assert "0 new or changed; students: 11 absent, 1 present; files: 1 used" in done.output


def test_attempts_of_one_download_are_graded_in_order(tiny: Course, root: Path) -> None:
    """By every policy, and only once; so that the best is not lost where the last is worse."""
    from tests.test_grade import hand_in

    ada, good = CLASS[6], hand_in(tiny, root / "x", STAGE).read_bytes()
    bad = hand_in(tiny, root / "x", STAGE, mean="def mean(x):\n    return x").read_bytes()
    late = hand_in(tiny, root / "x", STAGE, mean="def mean(x):\n    return 3").read_bytes()
    contents = {0: bad, 1: good, 30: late}
    handed = [Handed(ada, NAME, c, THEN + timedelta(hours=h), h) for h, c in contents.items()]
    desk = Desk(tiny, root / "in")
    desk.collect(put(root, downloads.gradescope(handed)))

    def grade(*options: str) -> str:
        command = ["grade", str(desk.submitted), "--course", str(tiny.root), *options]
        done = CliRunner().invoke(
            app, [*command, "--out", str(root / "out"), "--accept-weak-sandbox"]
        )
        assert done.exit_code == 0, done.output
        return done.output

    text = grade()
    assert "3 graded, 0 up to date" in text and "0/2" in text
    assert "0 graded, 1 up to date" in grade()
    assert "2/2" in grade("--policy", "best")
    with closing(Store.open(root / "out" / "results.db")) as store:
        (history,) = store.histories().values()
    assert [a.points for a in history] == [0, 2, 0]
    assert [a.handed_in for a in history] == [h.when for h in handed]
    newer = Handed(ada, NAME, good + b" ", THEN + timedelta(hours=40), 40)
    older = Handed(ada, NAME, bad + b" ", THEN - timedelta(hours=1), 9)
    desk.collect(put(root, downloads.gradescope([older, *handed, newer]), name="newer"))
    assert "1 graded, 0 up to date" in grade()


def test_a_platform_that_does_not_exist_is_one_sentence(mean: Course, root: Path) -> None:
    command = ["collect", str(root), "--course", str(mean.root), "--platform", "moddle"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 1 and "no platform moddle: there are gradescope" in done.output
