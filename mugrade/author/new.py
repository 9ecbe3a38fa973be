"""A new course that works, and a new stage or exercise in one that is there.

What exists is never overwritten.
"""

import importlib.util
import keyword
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from mugrade import files
from mugrade.course.cells import Role, plain_python
from mugrade.course.model import Course, Stage
from mugrade.errors import CourseError
from mugrade.package.blocks import Block
from mugrade.sandbox.loader import module_name

TEMPLATES = Path(__file__).parent / "templates"
TEMPLATE = ".jinja"
LONGEST = 40  # characters of a name: ids that are made of it have at most 60
LAST_STAGE = 99
NEEDED = {  # what the check of a new exercise uses -> the line that binds it
    "np": "import numpy as np",
    "check": "from mugrade import check",
    "rng": "from mugrade import rng",
}


def new_course(folder: Path) -> list[str]:
    """Write a small course into a new or an empty folder; returns the paths of its files.

    Its package is called like the folder. Raises CourseError.
    """
    name = folder.resolve().name
    package = re.sub(r"[\W_]+", "_", name.lower(), flags=re.ASCII).strip("_")
    if problem := _no_package(package):
        raise CourseError(f"{name!r} makes no name for the course's package: {problem}")
    values = {"package": package, "title": name.replace("-", " ").replace("_", " ").capitalize()}
    try:
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise CourseError(f"{folder} is there already, and not empty: name a new folder")
        found = dict(_course_files(values))
        for path, content in found.items():
            files.write(folder / path, content)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise CourseError(f"{folder} cannot be made ({why}): name another folder") from None
    return list(found)


def new_stage(course: Course, name: str) -> Path:
    """Add a stage with the next number and a module of its own; raises CourseError."""
    _demand_name(name)
    module = f"{course.package}/{name}.py"
    stems = {stage.name[3:]: stage for stage in course.stages}
    owners = {cell.export: stage for stage in course.stages for cell in stage.exports}
    if taken := owners.get(module) or stems.get(name):
        raise CourseError(f"{name} is taken: {taken.path.name} has that name or {module}")
    number = int(course.stages[-1].name[:2]) + 1
    if number > LAST_STAGE:
        raise CourseError(f"a course has at most {LAST_STAGE + 1} stages")
    path = course.root / "solutions" / f"{number:02}_{name}.py"
    values = {"number": f"{number:02}", "package": course.package, **_names(name)}
    first = f"{name}_example"
    _demand_free(course, first, f"title-{number:02}", f"index-{values['id']}")
    exercise = _rendered("exercise.py", **_names(first), module=module, imports="")
    _write(path, _rendered("stage.py", **values, exercise=exercise))
    return path


def new_exercise(course: Course, stage: Stage, name: str) -> Path:
    """Add an exercise with hints and a check at the end of a stage's script; raises CourseError."""
    _demand_name(name)
    _demand_free(course, name)
    modules = [cell.export for cell in stage.exports if cell.role != Role.INDEX]
    module = modules[-1] if modules else f"{course.package}/{stage.name[3:]}.py"
    given = ("\n".join(plain_python(c.source)) for c in stage.role(Role.GIVEN) if not c.export)
    bound = {name for source in given for name in Block("", source).provides}
    imports = "\n".join(line for needed, line in NEEDED.items() if needed not in bound)
    text = _rendered("exercise.py", **_names(name), module=module, imports=imports)
    before = stage.path.read_text(encoding="utf-8").rstrip("\n")
    _write(stage.path, f"{before}\n\n{text}")
    return stage.path


def _course_files(values: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    root = TEMPLATES / "course"
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        name, content = path.relative_to(root).as_posix(), path.read_bytes()
        if name.endswith(TEMPLATE):
            name = name.removesuffix(TEMPLATE)
            content = _render(content.decode("utf-8"), **values).encode("utf-8")
        yield name, content


def _rendered(template: str, **values: str) -> str:
    return _render((TEMPLATES / f"{template}{TEMPLATE}").read_text(encoding="utf-8"), **values)


def _render(text: str, **values: str) -> str:
    environment = Environment(
        undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True
    )
    return environment.from_string(text).render(values)


def _names(name: str) -> dict[str, str]:
    """What a template calls a thing: as Python does, as an id, in words."""
    words = name.replace("_", " ")
    return {"name": name, "id": name.replace("_", "-"), "words": words, "title": words.capitalize()}


def _write(path: Path, text: str) -> None:
    try:
        files.write(path, text.encode("utf-8"))
    except OSError as error:
        raise CourseError(f"{path} cannot be written ({error.strerror})") from None


def _demand_name(name: str) -> None:
    """Raise CourseError for what can be no module and no function."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise CourseError(f"{name!r} is no name in Python: lower-case letters, digits and _")
    if len(name) > LONGEST or "__" in name or name.endswith("_"):
        raise CourseError(f"{name!r}: at most {LONGEST} characters, and words with one _ between")


def _demand_free(course: Course, name: str, *ids: str) -> None:
    """Raise CourseError if something in the course is called like an exercise or has its ids."""
    id = name.replace("_", "-")
    wanted = {id, f"{id}-prose", f"{id}-hints", f"{id}-setup", f"{id}-is-right", *ids}
    for stage in course.stages:
        for cell in stage.cells:
            if cell.id in wanted:
                raise CourseError(
                    f"{name} is taken: {stage.path.name}:{cell.line} has the id {cell.id}"
                )
            if cell.export and name in cell.block.symbols:
                raise CourseError(f"{name} is taken: {stage.path.name}:{cell.line} defines it")
    if any(module_name(path) == f"{course.package}.{name}" for path in course.modules()):
        raise CourseError(f"{name} is taken: {course.package}/{name}.py is a module")


def _no_package(name: str) -> str:
    """Why a name can be none of a package; empty if it can."""
    if not name.isidentifier() or not name[0].isalpha():
        return "it begins with a letter, as in my-course"
    if keyword.iskeyword(name):
        return "it is a word of Python"
    if name in sys.stdlib_module_names or _is_importable(name):
        return f"there is a package {name} already, name the folder otherwise"
    return f"at most {LONGEST} characters" if len(name) > LONGEST else ""


def _is_importable(name: str) -> bool:
    """Whether Python finds a package of that name; a folder without code is none."""
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False
    return found is not None and found.origin is not None
