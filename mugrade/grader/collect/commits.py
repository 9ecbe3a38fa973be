"""When repositories were last committed to, read by git without a setting of theirs.

A repository is untrusted: its own configuration can name programs. So git runs in an empty one that
borrows the objects of all of them, and is only asked for commits.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

SHA = re.compile(r"[0-9a-f]{40}")
COMMIT = re.compile(rb"(?P<sha>[0-9a-f]{40}) commit (?P<size>\d{1,5})\n")
COMMITTER = re.compile(rb"^committer [^\n]*> (\d{1,12}) [+-]\d{4}$", re.MULTILINE)
PATIENCE = 300  # seconds
MAX_REFS = 1 << 20
SETTINGS = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}


def last_commits(repositories: Mapping[PurePosixPath, Path]) -> dict[PurePosixPath, datetime]:
    """When the commit that is checked out was made; of `.git` folders where that can be read."""
    heads = {name: head for name, git in repositories.items() if (head := _head(git))}
    if not heads:
        return {}
    try:
        with tempfile.TemporaryDirectory(prefix="mugrade-git-") as empty:
            said = _asked(Path(empty), repositories.values(), sorted(set(heads.values())))
    except (OSError, subprocess.SubprocessError):
        return {}
    return {name: said[head] for name, head in heads.items() if head in said}


def _head(git: Path) -> str:
    """The commit that is checked out, or nothing."""
    try:
        found = _text(git / "HEAD").strip()
        if found.startswith("ref: refs/") and ".." not in found:
            ref = found.removeprefix("ref: ")
            found = _text(git / ref).strip() if (git / ref).is_file() else _packed(git, ref)
        return found if SHA.fullmatch(found) else ""
    except (OSError, ValueError):
        return ""


def _packed(git: Path, ref: str) -> str:
    lines = (line.split(" ") for line in _text(git / "packed-refs").splitlines())
    return next((words[0] for words in lines if words[1:] == [ref]), "")


def _text(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.read(MAX_REFS)


def _asked(empty: Path, gits: Collection[Path], heads: Collection[str]) -> dict[str, datetime]:
    """Commit -> when it was made, of those that are there."""
    _git(empty, (), "init", "--quiet", "--bare", ".")
    objects = [str((git / "objects").absolute()) for git in gits]
    borrowed = "".join(f"{path}\n" for path in objects if "\n" not in path)
    (empty / "objects" / "info" / "alternates").write_text(borrowed, encoding="utf-8")
    check = _git(empty, heads, "cat-file", "--batch-check")
    commits = [line[:40].decode() for line in check.splitlines() if COMMIT.fullmatch(line + b"\n")]
    said, at = _git(empty, commits, "cat-file", "--batch"), 0
    found = {}
    while commit := COMMIT.match(said, at):
        end = commit.end() + int(commit["size"])
        if made := COMMITTER.search(said, commit.end(), end):
            found[commit["sha"].decode()] = datetime.fromtimestamp(int(made[1]), UTC)
        at = end + 1
    return found


def _git(folder: Path, said: Collection[str], *words: str) -> bytes:
    done = subprocess.run(
        ["git", *words],
        input="".join(f"{line}\n" for line in said).encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env={**_without_git(), **SETTINGS},
        timeout=PATIENCE,
        check=True,
    )
    return done.stdout


def _without_git() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
