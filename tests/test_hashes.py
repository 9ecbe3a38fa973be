"""What is kept of files between runs: nothing that has changed is taken for what it was."""

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mugrade.errors import Unreadable
from mugrade.grader import hashes
from mugrade.grader.hashes import HASHES, KnownHashes, sha256_of

CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["write", "write in place", "set the time back", "swap", "keep"]),
        st.sampled_from(["a", "b"]),
        st.sampled_from([b"one", b"two", b"three"]),
    ),
    max_size=12,
)


@given(history=CHANGES)
def test_what_has_changed_is_read_again(
    history: list[tuple[str, str, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The clock of the file system moves every few milliseconds."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(hashes, "SETTLED", 20_000_000)
        play(history, tmp_path_factory.mktemp("files"))


def play(history: list[tuple[str, str, bytes]], folder: Path) -> None:
    for name in "ab":
        (folder / name).write_bytes(b"one")
    known = KnownHashes(folder / HASHES)
    for how, name, content in history:
        path = folder / name
        before = path.stat()
        match how:
            case "write":
                path.with_suffix(".new").write_bytes(content)
                path.with_suffix(".new").replace(path)
            case "write in place":
                path.write_bytes(content)
            case "set the time back":
                path.write_bytes(content)
                os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
            case "swap":
                (folder / "a").rename(folder / "c")
                (folder / "b").rename(folder / "a")
                (folder / "c").rename(folder / "b")
            case "keep":
                time.sleep(0.03)
                for each in "ab":
                    known.of(folder / each)
                known.keep()
                known = KnownHashes(folder / HASHES)
        for each in "ab":
            assert known.of(folder / each) == sha256_of(folder / each)


def test_what_stays_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    monkeypatch.setattr(hashes, "SETTLED", -1)
    first = KnownHashes(tmp_path / HASHES)
    found = first.of(path)
    first.keep()
    assert str(path) not in (tmp_path / HASHES).read_text(), "no name of a student"
    monkeypatch.setattr(hashes, "sha256_of", lambda path: pytest.fail("it was read"))
    assert KnownHashes(tmp_path / HASHES).of(path) == found


def test_a_file_that_has_just_changed_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    first = KnownHashes(tmp_path / HASHES)
    first.of(path)
    first.keep()
    assert KnownHashes(tmp_path / HASHES).known == {}


@pytest.mark.parametrize("kept", [b"", b"\xff", b"[]", b"{}", b"null", b'{"1:2": 3}'])
def test_what_is_kept_may_be_broken(tmp_path: Path, kept: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    status = path.stat()
    (tmp_path / HASHES).write_bytes(kept)
    assert KnownHashes(tmp_path / HASHES).of(path) == sha256_of(path)
    for entry in (7, [], "x", [status.st_size], [status.st_size, status.st_mtime_ns, 0, None]):
        inode = f"{status.st_dev}:{status.st_ino}"
        (tmp_path / HASHES).write_text(json.dumps({inode: entry}))
        assert KnownHashes(tmp_path / HASHES).of(path) == sha256_of(path)


def test_a_link_is_no_file_of_the_student(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashes, "SETTLED", -1)
    (tmp_path / "ada").mkdir()
    path = tmp_path / "ada" / "a"
    path.write_bytes(b"one")
    (tmp_path / "bob").symlink_to(tmp_path / "ada")
    known = KnownHashes(tmp_path / HASHES)
    known.of(path)
    known.keep()
    with pytest.raises(Unreadable, match="not a regular file"):
        KnownHashes(tmp_path / HASHES).of(tmp_path / "bob" / "a")
