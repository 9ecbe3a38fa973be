"""An autograder for Gradescope: an archive with mugrade, the course and the secret of its inputs.

Teachers upload it; students do not see it. Whether their code can, is a matter of the container:
autograder.py grades only where it cannot.
"""

import importlib.metadata
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, PackageLoader
from packaging.requirements import Requirement

import mugrade
from mugrade import files
from mugrade.course.model import Course, Stage
from mugrade.errors import Unreadable
from mugrade.extras import GRADE
from mugrade.grader.drawn import DRAWS, SECRET, own_secret
from mugrade.grader.keys import KEYS
from mugrade.grader.outputs.output import DATE
from mugrade.version import __version__

SETUP, RUN, PROJECT = "setup.sh", "run_autograder", "package/pyproject.toml"


def write_autograder(path: Path, course: Course, stage: Stage, out: Path, accept_weak: bool) -> int:
    """Write the archive that grades `stage` as `out` does; returns its size. Raises Unreadable."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        own_secret(out / SECRET)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in _all_files(course, stage, out, accept_weak):
                info = zipfile.ZipInfo(name, DATE)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.external_attr = (0o755 if name in (SETUP, RUN) else 0o644) << 16
                archive.writestr(info, content)
        files.write(path, packed.getvalue(), private=True)
        return len(packed.getvalue())
    except OSError as error:
        raise Unreadable(f"{path}: cannot be written ({error.strerror})") from None


def _all_files(
    course: Course, stage: Stage, out: Path, accept_weak: bool
) -> Iterator[tuple[str, bytes]]:
    """Path in the archive and content."""
    templates = Environment(loader=PackageLoader("mugrade.grader"), keep_trailing_newline=True)
    said = {
        "stage": stage.name,
        "accept_weak": accept_weak,
        "version": __version__,
        "requirements": requirements(course),
    }
    for name in (SETUP, RUN, PROJECT):
        template = templates.get_template(f"gradescope/{Path(name).name}.jinja")
        yield name, template.render(said).encode()
    package = Path(mugrade.__file__).parent
    for path in _below(package):
        yield f"package/mugrade/{path.relative_to(package).as_posix()}", path.read_bytes()
    for path in _below(course.root / "solutions"):
        if path.suffix != ".py" or path.parent == course.root / "solutions":
            inside = path.relative_to(course.root).as_posix()
            yield f"course/{inside}", path.read_bytes()
    data = {name: content for s in course.stages for name, content in course.files(s).items()}
    for name, content in data.items():
        yield f"course/notebooks/{name}", content
    for name in (SECRET, DRAWS, f"{KEYS}/{stage.name}.json"):
        if (out / name).exists():
            yield f"results/{name}", (out / name).read_bytes()


def _below(folder: Path) -> Iterator[Path]:
    """The files of a folder, but what Python leaves there."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def requirements(course: Course) -> list[str]:
    """What has to be installed to grade the course: what mugrade says of itself, and libraries."""
    try:
        said = importlib.metadata.requires("mugrade") or []
    except importlib.metadata.PackageNotFoundError:
        said = [*GRADE, "numpy", "matplotlib"]
    wanted = [r for r in map(Requirement, said) if _applies(r)]
    for requirement in wanted:
        requirement.marker = None
    return [*map(str, wanted), *course.settings.libraries]


def _applies(requirement: Requirement) -> bool:
    """Whether it is for grading on Linux."""
    there = {"extra": "grade", "sys_platform": "linux", "platform_system": "Linux"}
    return requirement.marker is None or requirement.marker.evaluate(there)
