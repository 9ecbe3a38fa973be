"""What can be wrong with an installation: Python, packages, kernels."""

import importlib.metadata
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from packaging.requirements import InvalidRequirement
from packaging.specifiers import SpecifierSet

import mugrade
from mugrade.course.manifest import MANIFEST
from mugrade.extras import install, is_installed, lacking
from mugrade.student.kernels import Kernel, running
from mugrade.student.workspace import Workspace

IMPORT = "import mugrade.student.checks"
SECONDS = 30


@dataclass(frozen=True)
class Finding:
    """Something that is wrong: where, what, and what to do about it."""

    where: str
    what: str
    todo: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f"; {self.todo}" if self.todo else "")


def installation_findings(libraries: Iterable[str] = ()) -> Iterator[Finding]:
    """A Python and packages with which mugrade, the course or notebooks do not work."""
    python, packages = asked_for()
    version = ".".join(map(str, sys.version_info[:3]))
    if version not in SpecifierSet(python):
        todo = f"make an environment with Python {python}"
        yield Finding(sys.executable, f"this is Python {version}, mugrade needs {python}", todo)
    for who, texts in (("mugrade", packages), ("the course", libraries)):
        for text in texts:
            with suppress(InvalidRequirement):
                if found := lacking(text, who):
                    yield Finding(sys.prefix, *found)
    if not is_installed("ipykernel"):
        what = "ipykernel is not installed, without which no notebook runs here"
        yield Finding(sys.prefix, what, install("lab"))


def asked_for() -> tuple[str, list[str]]:
    """The versions of Python and the packages that mugrade asks for.

    Those of pyproject.toml where mugrade is a checkout: what pip noted there may be old.
    """
    try:
        path = Path(mugrade.__file__).parents[1] / "pyproject.toml"
        project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        if project["name"] == "mugrade":
            return project["requires-python"], project["dependencies"]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    try:
        found = importlib.metadata.metadata("mugrade")
    except importlib.metadata.PackageNotFoundError:
        return "", []
    asked = [text for text in found.get_all("Requires-Dist") or () if "extra ==" not in text]
    return found["Requires-Python"] or "", asked


def kernel_findings(workspace: Workspace) -> Iterator[Finding]:
    """Kernels at work that are older than what they have loaded, or of another Python."""
    changed, newest = _newest(workspace)
    for kernel in running(workspace):
        where = f"the kernel of {kernel.notebook or 'a notebook'} (process {kernel.pid})"
        if not _same_python(kernel):
            what = f"it runs on {kernel.executable}, this command on {sys.executable}"
            yield Finding(where, what, "choose another with Kernel > Change Kernel")
        elif kernel.started < changed:
            at = datetime.fromtimestamp(kernel.started).strftime("%H:%M")
            what = f"it began at {at}, before {newest} changed"
            yield Finding(where, what, "Kernel > Restart Kernel")


def _newest(workspace: Workspace) -> tuple[float, str]:
    """When what a kernel loads once, mugrade and course.json, last changed; and which file."""
    files = [*Path(mugrade.__file__).parent.rglob("*.py"), workspace.folder / MANIFEST]
    return max((path.stat().st_mtime, path.name) for path in files if path.is_file())


def _same_python(kernel: Kernel) -> bool:
    return _folder(kernel.executable) == _folder(sys.executable)


def _folder(program: str) -> Path:
    """The folder of an interpreter: a virtual environment's links to one outside of it."""
    return Path(program).parent.resolve()


def kernelspec_finding(name: str) -> str:
    """What is wrong with the kernel that a notebook asks for; empty if nothing is."""
    if not is_installed("jupyter_client"):
        return ""  # it comes with ipykernel
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        program = KernelSpecManager().get_kernel_spec(name).argv[0]
    except (NoSuchKernel, ValueError, IndexError, OSError):
        return f"there is no kernel called {name!r} here"
    if not Path(program).is_absolute() or _folder(program) == _folder(sys.executable):
        return ""  # a bare name is the Python of the server itself
    try:
        subprocess.run([program, "-c", IMPORT], check=True, capture_output=True, timeout=SECONDS)
    except (OSError, subprocess.SubprocessError):
        return f"its kernel {name!r} runs on {program}, where mugrade is not installed"
    return ""
