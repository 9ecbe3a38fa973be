"""A release as a branch of git, written beside the working tree."""

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mugrade.author.handout import Handout
from mugrade.course.manifest import MANIFEST
from mugrade.course.model import Course
from mugrade.errors import CourseError


@dataclass(frozen=True)
class Branch:
    """A branch of the repository in which the course lies; it holds releases and nothing else."""

    root: Path
    name: str

    def __str__(self) -> str:
        return f"branch {self.name}"

    @property
    def ref(self) -> str:
        return f"refs/heads/{self.name}"

    def read(self, name: str) -> bytes | None:
        self._demand_room()
        return self._content(name)

    def write(self, course: Course, found: Handout) -> None:
        """Commit the files on top of the branch, if it holds others; it is made if need be."""
        tree = self._tree(found)
        parent = self._say("rev-parse", "--verify", "--quiet", self.ref)
        if parent and self._say("rev-parse", f"{parent}^{{tree}}") == tree:
            return
        text = f"{course.settings.title or course.package}: up to {course.stages[-1].title}"
        on_top = ["-p", parent] if parent else []
        commit = self._git("commit-tree", tree, *on_top, "-m", text).decode().strip()
        self._git("update-ref", self.ref, commit, parent or "0" * len(commit))

    def _tree(self, found: Handout) -> str:
        """Put the files into git's store; returns the tree that holds them."""
        with tempfile.TemporaryDirectory(prefix="mugrade-") as scratch:
            paths = {path: Path(scratch, str(i)) for i, path in enumerate(sorted(found))}
            for path, copy in paths.items():
                copy.write_bytes(found[path])
            names = "".join(f"{copy}\n" for copy in paths.values()).encode()
            blobs = self._git("hash-object", "-w", "--no-filters", "--stdin-paths", given=names)
            entries = zip(blobs.decode().split(), paths, strict=True)
            listing = "".join(f"100644 {blob}\t{path}\n" for blob, path in entries).encode()
            index = {"GIT_INDEX_FILE": str(Path(scratch, "index"))}
            self._git("update-index", "--add", "--index-info", given=listing, settings=index)
            return self._git("write-tree", settings=index).decode().strip()

    def _demand_room(self) -> None:
        """Raise CourseError for what is no branch, is checked out, or holds something else."""
        self._git("rev-parse", "--git-dir")
        if not self._say("check-ref-format", "--branch", self.name):
            raise CourseError(f"{self.name!r} can be no branch of git: name another one")
        if f"branch {self.ref}" in self._say("worktree", "list", "--porcelain").splitlines():
            raise CourseError(f"{self} is checked out: name another branch, for students alone")
        there = self._say("rev-parse", "--verify", "--quiet", self.ref)
        if there and self._content(MANIFEST) is None:
            raise CourseError(f"{self} holds other things: name a new branch")

    def _content(self, name: str) -> bytes | None:
        try:
            return self._git("cat-file", "blob", f"{self.ref}:{name}")
        except CourseError:
            return None

    def _say(self, *arguments: str) -> str:
        """What git says in a line or more; nothing where it fails."""
        try:
            return self._git(*arguments).decode().strip()
        except CourseError:
            return ""

    def _git(
        self, *arguments: str, given: bytes = b"", settings: dict[str, str] | None = None
    ) -> bytes:
        """What git writes; raises CourseError with git's own reason."""
        try:
            done = subprocess.run(
                ["git", *arguments],
                cwd=self.root,
                input=given,
                capture_output=True,
                env={**os.environ, **(settings or {})},
            )
        except OSError as error:
            raise CourseError(f"{self} needs git ({error.strerror}): install it") from None
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it fails"]
            raise CourseError(f"{self}: git says: {said[-1].removeprefix('fatal: ')}")
        return done.stdout
