"""Archives of submissions are untrusted data: notebooks come out of them, and nothing else."""

import io
import json
import os
import stat
import struct
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mugrade import archives
from mugrade.errors import Unreadable
from mugrade.grader.submissions import Submission, find_submissions
from mugrade.package.ipynb import MAX_BYTES, read_cells

STAGES = ["00_mean", "01_scale"]
NOTEBOOK = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def pack(path: Path, *names: str, content: bytes = NOTEBOOK) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name in names:
            file.writestr(name, content)
    return path


def find(root: Path, scratch: Path) -> dict[tuple[str, str], Submission]:
    return {(s.student, s.stage): s for s in find_submissions(root, STAGES, scratch)}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir())


@pytest.mark.parametrize(
    ("archive", "names", "student"),
    [
        ("ada.zip", ["ada/00_mean/00_mean.ipynb"], "ada"),
        ("hw1_ada_late.zip", ["ada/00_mean/00_mean.ipynb"], "hw1_ada_late"),
        ("ada.zip", ["00_mean.ipynb"], "ada"),
        ("ada.ZIP", ["00_mean/00_mean.ipynb"], "ada"),
        ("class.zip", ["submitted/ada/00_mean/00_mean.ipynb"], "class"),
        ("ada.zip", ["ada\\00_mean\\00_mean (1).ipynb"], "ada"),
        ("Ada L_12_file_/work.zip", ["00_mean.ipynb"], "Ada L_12_file_"),
        ("Ada L_12_file_/work.zip", ["ada/00_mean.ipynb"], "Ada L_12_file_"),
        ("ada/00_mean/work.zip", ["00_mean.ipynb"], "ada"),
        ("eve.zip", ["ada/a/b/c/d/00_mean.ipynb"], "eve"),
        ("eve.zip", ["submitted//etc/00_mean.ipynb"], "eve"),
        ("eve.zip", ["C:\\ada\\00_mean.ipynb"], "eve"),
        ("ada.zip", ["ada/00_mean.ipynb", "__MACOSX/ada/._00_mean.ipynb"], "ada"),
    ],
)
def test_layouts(root: Path, scratch: Path, archive: str, names: list[str], student: str) -> None:
    pack(root / archive, *names)
    found = find(root, scratch)
    assert list(found) == [(student, "00_mean")]
    path = found[student, "00_mean"].path
    assert path is not None and path.is_relative_to(scratch) and read_cells(path) == []


def test_an_archive_itself_can_be_given(root: Path, scratch: Path) -> None:
    path = pack(root / "class.zip", "ada/00_mean.ipynb", "bob/00_mean.ipynb")
    found = find_submissions(path, STAGES, scratch, confirm=lambda names: True)
    assert [(s.student, s.stage) for s in found] == [("ada", "00_mean"), ("bob", "00_mean")]
    assert all(s.path and read_cells(s.path) == [] for s in found)


def test_archives_and_folders_may_stand_side_by_side(root: Path, scratch: Path) -> None:
    (root / "bob").mkdir()
    (root / "bob" / "00_mean.ipynb").write_bytes(NOTEBOOK)
    pack(root / "ada.zip", "ada/00_mean.ipynb")
    pack(root / "bob.zip", "bob/01_scale.ipynb")
    found = find(root, scratch)
    assert {key for key in found if found[key].path} == {
        ("ada", "00_mean"),
        ("bob", "00_mean"),
        ("bob", "01_scale"),
    }


def test_two_archives_that_agree_are_one(root: Path, scratch: Path) -> None:
    pack(root / "ada" / "one.zip", "ada/00_mean.ipynb")
    pack(root / "ada" / "two.zip", "00_mean.ipynb")
    found = find(root, scratch)["ada", "00_mean"]
    assert found.path and found.passed_over == found.notes == ()


def test_of_archives_that_do_not_agree_the_newest_is_taken(root: Path, scratch: Path) -> None:
    for age, name in enumerate(("two", "three", "one")):
        content = NOTEBOOK + name.encode()
        path = pack(root / "ada" / f"{name}.zip", "ada/00_mean.ipynb", content=content)
        os.utime(path, (1e9 - age, 1e9 - age))
    found = find(root, scratch)["ada", "00_mean"]
    assert found.path and found.path.read_bytes() == NOTEBOOK + b"two"
    assert found.handed_in == datetime.fromtimestamp(1e9, UTC)
    assert sorted(found.passed_over) == [
        "ada/00_mean.ipynb in one.zip",
        "ada/00_mean.ipynb in three.zip",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "../00_mean.ipynb",
        "ada/../../00_mean.ipynb",
        "{outside}/00_mean.ipynb",
        "..\\..\\00_mean.ipynb",
        "ada/.ssh/00_mean.ipynb",
        "ada/00_mean.py",
        "ada/00_mean.ipynb/",
        ".ipynb",
    ],
)
def test_nothing_leaves_the_folder(root: Path, scratch: Path, name: str) -> None:
    pack(root / "eve.zip", name.format(outside=root.parent / "out"), "eve/01_scale.ipynb")
    assert set(find(root, scratch)) == {("eve", "01_scale")}
    assert files(scratch) == ["eve/01_scale.ipynb"]
    assert files(scratch.parent) == ["in/eve.zip", "scratch/eve/01_scale.ipynb"]


@pytest.mark.parametrize("name", ["/00_mean.ipynb", "/eve/00_mean.ipynb", "../00_mean.ipynb"])
def test_a_short_path_that_leads_outside_is_no_notebook(
    root: Path, scratch: Path, name: str
) -> None:
    pack(root / "eve.zip", name, "eve/01_scale.ipynb")
    found = find(root, scratch)
    assert list(found) == [("eve", "01_scale")]
    said = "00_mean.ipynb in eve.zip (its path leads out of the archive)"
    assert found["eve", "01_scale"].notes == (said,)


def test_a_link_is_not_followed(root: Path, scratch: Path) -> None:
    pack(root / "bob.zip", "bob/00_mean.ipynb")
    link = zipfile.ZipInfo("eve/00_mean.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(root / "eve.zip", "w") as file:
        file.writestr(link, "/etc/passwd")
    found = find(root, scratch)["eve", "00_mean"]
    assert found.path is None and found.others == ("00_mean.ipynb in eve.zip (it is a link)",)
    os.symlink(root / "bob.zip", root / "mallory.zip")
    found = find(root, scratch)["mallory", "00_mean"]
    assert found.others == ("mallory.zip (it is not a regular file)",)


def test_a_notebook_that_is_too_large_is_a_row(root: Path, scratch: Path) -> None:
    pack(root / "eve.zip", "eve/00_mean.ipynb", content=bytes(MAX_BYTES + 10))
    path = find(root, scratch)["eve", "00_mean"].path
    assert path is not None and path.stat().st_size == MAX_BYTES + 1
    with pytest.raises(Unreadable, match="larger than 32 MB"):
        read_cells(path)


def test_no_more_is_unpacked_than_may_be_kept(
    root: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = zipfile.ZipExtFile.read
    sizes = []

    def counted(file: zipfile.ZipExtFile, size: int = -1) -> bytes:
        content = read(file, size)
        sizes.append(len(content))
        return content

    monkeypatch.setattr(archives, "MAX_NOTEBOOK", 1000)
    monkeypatch.setattr(archives, "CHUNK", 100)
    pack(root / "eve.zip", "eve/00_mean.ipynb", content=bytes(100_000))
    monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
    find(root, scratch)
    assert 1000 < sum(sizes) <= 1100


def test_a_damaged_notebook_costs_itself_only(root: Path, scratch: Path) -> None:
    path = root / "ada.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("ada/00_mean.ipynb", b"{damaged}")
        file.writestr("ada/01_scale.ipynb", NOTEBOOK)
    pack(root / "bob.zip", "bob/00_mean.ipynb")
    path.write_bytes(path.read_bytes().replace(b"{damaged}", b"{DAMAGED}"))
    found = find(root, scratch)
    assert found["ada", "00_mean"].others == ("00_mean.ipynb in ada.zip (it is damaged)",)
    assert found["ada", "01_scale"].path and found["bob", "00_mean"].path


def test_a_bomb_stops_at_the_limit(
    root: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mugrade.grader.desk.MAX_UNPACKED", 1 << 20)
    names = [f"eve/00_mean_{i}.ipynb" for i in range(50)]
    pack(root / "eve.zip", *names, content=bytes(100_000))
    found = find(root, scratch)["eve", "00_mean"]
    assert "eve.zip (it unpacks to more than 1 MB)" in found.others
    assert sum(p.stat().st_size for p in scratch.rglob("*") if p.is_file()) <= 1 << 20


def test_an_archive_of_too_many_files_is_not_read(root: Path, scratch: Path) -> None:
    pack(root / "bob.zip", "bob/00_mean.ipynb")
    pack(root / "eve.zip", *(f"{i}" for i in range(archives.MAX_FILES + 1)), content=b"")
    assert find(root, scratch)["eve", "00_mean"].others == (
        f"eve.zip (it holds more than {archives.MAX_FILES} files)",
    )


def test_a_table_of_contents_that_says_it_is_huge_is_not_read(root: Path, scratch: Path) -> None:
    path = pack(root / "eve.zip", "eve/00_mean.ipynb")
    pack(root / "bob.zip", "bob/00_mean.ipynb")
    content = bytearray(path.read_bytes())
    at = content.rindex(archives.END)
    struct.pack_into("<I", content, at + 12, 1 << 30)
    path.write_bytes(content)
    assert "holds more than" in find(root, scratch)["eve", "00_mean"].others[0]
    path.write_bytes(content[:at] + archives.LOCATOR64 + bytes(16) + content[at:])
    assert "zip64" in find(root, scratch)["eve", "00_mean"].others[0]


@pytest.mark.parametrize(
    ("flags", "method", "said"),
    [(1, 8, "it is encrypted"), (0, 12, "it is packed in another way"), (0, 99, "packed in")],
)
def test_other_kinds_of_entries_are_refused(
    root: Path, scratch: Path, flags: int, method: int, said: str
) -> None:
    pack(root / "bob.zip", "bob/00_mean.ipynb")
    path = pack(root / "eve.zip", "eve/00_mean.ipynb")
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\1\2")
    struct.pack_into("<HH", content, at + 8, flags, method)
    path.write_bytes(content)
    (text,) = find(root, scratch)["eve", "00_mean"].others
    assert text.startswith("00_mean.ipynb in eve.zip (") and said in text


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\5\6", bytes(100)])
def test_what_is_no_archive_is_a_row_with_a_reason(
    root: Path, scratch: Path, content: bytes
) -> None:
    (root / "eve.zip").write_bytes(content)
    with pytest.raises(Unreadable, match=r"eve\.zip \(it is not a complete zip archive\)"):
        find(root, scratch)
    pack(root / "bob.zip", "bob/00_mean.ipynb")
    assert find(root, scratch)["eve", "00_mean"].others == (
        "eve.zip (it is not a complete zip archive)",
    )


def whole() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("eve/00_mean.ipynb", NOTEBOOK)
        file.writestr("eve/01_scale/01_scale.ipynb", NOTEBOOK * 20)
    return buffer.getvalue()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.integers(0, len(whole()) - 1), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, len(whole())) | st.none(),
)
def test_a_damaged_archive_never_stops_the_others(
    root: Path, scratch: Path, changes: list[tuple[int, int]], cut: int | None
) -> None:
    content = bytearray(whole())
    for place, value in changes:
        content[place] = value
    (root / "eve.zip").write_bytes(content[:cut])
    pack(root / "bob.zip", "bob/00_mean.ipynb")
    assert find(root, scratch)["bob", "00_mean"].path
    outside = {name for name in files(scratch.parent) if not name.startswith("scratch/")}
    assert outside == {"in/eve.zip", "in/bob.zip"}
