"""Made-up downloads of every platform: the same class, and what its students may hand in."""

import io
import json
import os
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

Files = dict[str, bytes]
STAGE = "00_mean"
THEN = datetime(2026, 11, 20, 10, 11, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Student:
    """A student, and what platforms call one."""

    id: str
    first: str
    last: str
    number: int

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}".strip()

    @property
    def canvas(self) -> str:
        """The sort name as Canvas writes it."""
        return "".join(c for c in f"{self.last}{self.first}".lower() if c.isalnum())

    @property
    def hub(self) -> str:
        return f"hub-{self.number}"

    @property
    def row(self) -> str:
        also = f"{self.number};{self.hub};{self.number + 5000}"
        return f'"{self.id}","{self.name}","{self.id.lower()}@uni.edu","{also}","A"\n'


CLASS = (
    Student("zos", "Zoë", "O'Neil-Smith", 101),
    Student("liwei1", "Li", "Wei", 102),
    Student("liwei2", "Li", "Wei", 103),
    Student("vdb", "Anna", "von_der_Berg", 104),
    Student("1815", "1815", "", 105),
    Student("lw88", "伟", "李", 106),
    Student("ada", "Ada", "Gauss", 107),
    Student("b_ob", "Bob", "Müller", 108),
    Student("carl.f", "Carl", "Friedrich", 109),
    Student("oh-ara", "Scarlett", "O'Hara", 110),
    Student("emile", "Émile", "Zola", 111),
    Student("con", "Con", "Stance", 112),
)


@dataclass(frozen=True)
class Handed:
    """A file that a student has handed in."""

    student: Student
    file: str
    content: bytes
    when: datetime = THEN
    again: int = 0


def roster(folder: Path, students: Sequence[Student] = CLASS) -> Path:
    path = folder / "roster.csv"
    text = "student,name,email,also,section\n" + "".join(s.row for s in students)
    path.write_text(text, encoding="utf-8")
    return path


def notebook(source: str = "", stage: str = STAGE, ids: bool = True) -> bytes:
    """A notebook of a stage of the tiny course, whose answer is the source."""
    name = {"00_mean": "mean", "01_scale": "scaler"}[stage]
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    cell |= {"source": source or f"def {name}(x):\n    return x"} | ({"id": name} if ids else {})
    data = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5 if ids else 4}
    return json.dumps(data, ensure_ascii=False).encode()


# platforms: what is handed in -> the files of the download


def canvas(handed: Sequence[Handed]) -> Files:
    found = {}
    for number, h in enumerate(handed):
        stem, dot, end = h.file.partition(".")
        file = f"{stem}-{h.again}{dot}{end}" if h.again else h.file
        found[f"{h.student.canvas}_{h.student.number}_{9000 + number}_{file}"] = h.content
    return found


def moodle(handed: Sequence[Handed]) -> Files:
    return {_moodle(h) + f"/{h.file}": h.content for h in handed}


def moodle_flat(handed: Sequence[Handed]) -> Files:
    return {_moodle(h) + h.file: h.content for h in handed}


def moodle_zips(handed: Sequence[Handed]) -> Files:
    inner: dict[str, Files] = {}
    for h in handed:
        inner.setdefault(_moodle(h), {})[f"work/{h.file}"] = h.content
    return {f"{folder}/work.zip": zipped(files) for folder, files in inner.items()}


def _moodle(h: Handed) -> str:
    return f"{h.student.name}_{h.student.number + 5000}_assignsubmission_file_"


def blackboard(handed: Sequence[Handed]) -> Files:
    found = {}
    for h in handed:
        when = h.when.astimezone()
        start = f"Assignment 3_{h.student.id}_attempt_{when:%Y-%m-%d-%H-%M-%S}"
        text = f"Name: {h.student.name} ({h.student.id})\nAssignment: 3\n\nFilename: {h.file}\n"
        found |= {f"{start}.txt": text.encode(), f"{start}_{h.file}": h.content}
    return found


def brightspace(handed: Sequence[Handed]) -> Files:
    found = {"index.html": b"<html></html>"}
    for h in handed:
        when = f"{h.when.astimezone():%b %d, %Y %I%M %p}"
        folder = f"{h.student.number}-77 - {h.student.name} - {when}"
        found[f"{folder}/{h.file}"] = h.content
    return found


def classroom(handed: Sequence[Handed]) -> Files:
    return {f"{h.student.name} - {h.file}": h.content for h in handed}


def gradescope(handed: Sequence[Handed]) -> Files:
    said, found = {}, {}
    for h in handed:
        folder = f"submission_{h.student.number}{h.again}"
        who = {":name": h.student.name, ":sid": h.student.id, ":email": f"{h.student.id}@uni.edu"}
        said[folder] = {":submitters": [who], ":created_at": h.when, ":score": 0.0}
        found[f"assignment_7_export/{folder}/{h.file}"] = h.content
    metadata = yaml.safe_dump(said, allow_unicode=True).encode()
    return {"assignment_7_export/submission_metadata.yml": metadata, **found}


def github(handed: Sequence[Handed]) -> Files:
    found = {}
    for h in handed:
        folder = f"mean-submissions/mean-{h.student.hub}"
        found |= {f"{folder}/.gitignore": b"*.pyc", f"{folder}/src/{h.file}": h.content}
    return found


def exchange(handed: Sequence[Handed]) -> Files:
    name = "inbound/{}+00_mean+{} UTC+d0a3-77"
    return {
        f"{name.format(h.student.id, h.when.strftime('%Y-%m-%d %H:%M:%S.%f'))}/{h.file}": h.content
        for h in handed
    }


def folders(handed: Sequence[Handed]) -> Files:
    return {f"{h.student.id}/{h.file}": h.content for h in handed}


def submitted(handed: Sequence[Handed]) -> Files:
    found = {}
    for h in handed:
        folder = f"submitted/{h.student.id}/{STAGE}"
        when = f"{h.when:%Y-%m-%d %H:%M:%S.%f} UTC".encode()
        found |= {f"{folder}/{h.file}": h.content, f"{folder}/timestamp.txt": when}
    return found


PLATFORMS: Mapping[str, Callable[[Sequence[Handed]], Files]] = {
    f.__name__: f
    for f in (
        *(canvas, moodle, moodle_flat, moodle_zips, blackboard, brightspace, classroom),
        *(gradescope, github, exchange, folders, submitted),
    )
}


# layouts: the files of the download -> the download


def zipped(files: Files) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 20, 10, 11, 0)), content)
    return out.getvalue()


def as_folder(files: Files, target: Path) -> Path:
    for name, content in files.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (THEN.timestamp(), THEN.timestamp()))
    return target


def as_zip(files: Files, target: Path) -> Path:
    path = target.with_suffix(".zip")
    path.write_bytes(zipped(files))
    return path


def as_zip_in_folder(files: Files, target: Path) -> Path:
    target.mkdir()
    as_zip(files, target / "submissions")
    return target


def as_zip_in_zip(files: Files, target: Path) -> Path:
    return as_zip({"submissions.zip": zipped(files)}, target)


def as_tar(files: Files, target: Path) -> Path:
    path = target.with_suffix(".tar.gz")
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), int(THEN.timestamp())
            archive.addfile(info, io.BytesIO(content))
    return path


LAYOUTS: Mapping[str, Callable[[Files, Path], Path]] = {
    f.__name__: f for f in (as_folder, as_zip, as_zip_in_folder, as_zip_in_zip, as_tar)
}
