"""The tables of `solutions/course.toml`, each taken for what it says or refused in a sentence."""

import math
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from mugrade.course.datasets import DataFile, DataSet
from mugrade.errors import CourseError
from mugrade.extras import LIBRARIES

NAME = "course.toml"
LIMITS = {"load": math.inf, "check": math.inf, "total": math.inf, "memory": 1 << 20}
LIMITS |= {"processes": 1 << 12}
WHOLE = {"memory", "processes"}
KEYS = {
    "": {"format", "title", "package", "libraries", "grading", "late", "deadlines"}
    | {"limits", "points", "data", "site"},
    "grading": {"policy", "roster"},
    "late": {"percent_per_day", "most", "grace_minutes", "cut_off_days"},
    "site": {"repository", "branch", "install", "colab", "binder"},
}
DATA, FILE = {"mirrors", "files"}, {"name", "size", "sha256"}


def value(table: Mapping[str, Any], key: str, kind: type, default: Any, wanted: str) -> Any:
    """What a table says of a key; raises CourseError if that is not of its kind."""
    found = table.get(key, default)
    if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
        raise refused(key, found, wanted)
    return found


def subtable(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The table that is called `key`, empty if there is none; raises CourseError."""
    found: Mapping[str, Any] = value(data, key, dict, {}, "a table")
    return found


def refused(key: str, found: Any, wanted: str) -> CourseError:
    """That what was found is not what is wanted there."""
    return CourseError(f"{NAME}: {key}: {found!r} is not {wanted}")


def package_of(data: Mapping[str, Any]) -> str:
    """The name of the package that the cells build; raises CourseError."""
    found: str = value(data, "package", str, "", "text")
    if found and (not found.isidentifier() or found != found.lower()):
        raise refused("package", found, "a name for a package, in lower case")
    return found


def libraries_of(data: Mapping[str, Any]) -> tuple[str, ...]:
    """The libraries as requirements, in the order of their names; raises CourseError."""
    from packaging.requirements import InvalidRequirement, Requirement

    found = value(data, "libraries", list, list(LIBRARIES), "a list")
    wanted = 'a library with its versions, such as "scipy>=1.11"'
    asked = {}
    for text in found:
        try:
            requirement = Requirement(text)
        except (InvalidRequirement, TypeError):
            raise refused("libraries", text, wanted) from None
        if requirement.url:
            raise refused("libraries", text, wanted)
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if name in asked:
            raise CourseError(f"{NAME}: libraries: {requirement.name} is named twice")
        asked[name] = str(requirement)
    if "libraries" not in data:
        return LIBRARIES
    return tuple(asked[name] for name in sorted(asked))


def limits_of(data: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Stage, or nothing for all of them -> limit -> what it is; raises CourseError."""
    found: dict[str, dict[str, float]] = {"": {}}
    for key, said in subtable(data, "limits").items():
        if isinstance(said, dict) and key not in LIMITS:
            found[key] = {name: _limit(f"{key}.{name}", said[name]) for name in _known(said)}
        elif key in LIMITS:
            found[""][key] = _limit(key, said)
    return {name: said for name, said in found.items() if said}


def _known(said: Mapping[str, Any]) -> list[str]:
    return [name for name in LIMITS if name in said]


def _limit(name: str, found: Any) -> float:
    limit = name.rpartition(".")[2]
    kinds = (int,) if limit in WHOLE else (int, float)
    if type(found) not in kinds or not 0 < found < math.inf or found > LIMITS[limit]:
        wanted = f"a whole number from 1 to {LIMITS[limit]}" if limit in WHOLE else "above 0"
        raise refused(f"limits.{name}", found, wanted)
    return float(found) if limit not in WHOLE else int(found)


def points_of(data: Mapping[str, Any]) -> dict[str, int]:
    """Stage -> the points of its checks together; raises CourseError."""
    said = subtable(data, "points")
    for stage, found in said.items():
        if type(found) is not int or found < 1:
            raise refused(f"points.{stage}", found, "a whole number above 0")
    return dict(said)


def data_sets_of(data: Mapping[str, Any]) -> dict[str, DataSet]:
    """Name -> what `mugrade data` fetches; raises CourseError."""
    return {name: _data_set(name, said) for name, said in sorted(subtable(data, "data").items())}


def _data_set(name: str, said: Any) -> DataSet:
    where = f"data.{name}"
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", name):
        raise CourseError(f"{NAME}: {where}: a name has lower-case letters, digits and hyphens")
    if not isinstance(said, dict) or not said.keys() >= DATA:
        raise refused(where, said, "a table with mirrors and files")
    mirrors, files = said["mirrors"], said["files"]
    if not isinstance(mirrors, list) or not mirrors or not all(map(_is_url, mirrors)):
        raise refused(f"{where}.mirrors", mirrors, 'a list of URLs, such as ["https://..."]')
    if not isinstance(files, list) or not files:
        raise refused(f"{where}.files", files, "a list of tables with name, size and sha256")
    found = tuple(_file(f"{where}.files", entry) for entry in files)
    if len({file.name for file in found}) < len(found):
        raise CourseError(f"{NAME}: {where}.files: a name is there twice")
    return DataSet(tuple(mirror.rstrip("/") for mirror in mirrors), found)


def _is_url(text: Any) -> bool:
    try:
        return isinstance(text, str) and urlsplit(text).scheme in ("http", "https", "file", "ftp")
    except ValueError:
        return False


def _file(where: str, entry: Any) -> DataFile:
    if not isinstance(entry, dict) or entry.keys() != FILE:
        raise refused(where, entry, "a table with name, size and sha256")
    name, size, sha256 = entry["name"], entry["size"], entry["sha256"]
    if not isinstance(name, str) or name != PurePosixPath(name).name or not _is_plain(name):
        raise refused(f"{where}.name", name, "the name of a file, without a folder")
    if type(size) is not int or size < 0:
        raise refused(f"{where}.size", size, "a number of bytes")
    if not isinstance(sha256, str) or not re.fullmatch("[0-9a-f]{64}", sha256):
        raise refused(f"{where}.sha256", sha256, "a SHA-256 in 64 lower-case hex digits")
    return DataFile(name, size, sha256)


def _is_plain(name: str) -> bool:
    return bool(name) and name not in (".", "..") and name.isprintable() and "\\" not in name


def unknown(data: Mapping[str, Any], stages: Collection[str]) -> Iterator[str]:
    """A sentence about each key that nothing is known of; `stages` are the names of stages."""
    limits = subtable(data, "limits")
    of_stages = {f"limits.{name}": LIMITS for name in limits if isinstance(limits[name], dict)}
    known: dict[str, Collection[str]] = {
        **KEYS,
        "deadlines": stages,
        "limits": {*LIMITS, *stages},
        "points": stages,
        **{name: said for name, said in of_stages.items() if name.partition(".")[2] in stages},
        **{f"data.{name}": DATA for name in subtable(data, "data")},
    }
    for where, names in known.items():
        found: Any = data
        for part in where.split(".") if where else ():
            found = found.get(part, {})
        for key in sorted(found.keys() - set(names)):
            name = f"{where}.{key}" if where else key
            yield f"{NAME}: {name} is nothing that this mugrade knows, and changes nothing"
