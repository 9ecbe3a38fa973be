"""Gradescope's export: folders `submission_123`, and `submission_metadata.yml` that says whose.

A group's files are those of each of its members.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import yaml

from mugrade.archives import Budget
from mugrade.course.roster import Enrolled
from mugrade.errors import Unreadable
from mugrade.grader.collect.entries import Entry
from mugrade.grader.collect.origin import Claim, Origin, Person, Platform

METADATA = ("submission_metadata.yml", "submission_metadata.yaml")
MAX_METADATA = 64 << 20


class Gradescope(Platform):
    name = "Gradescope"

    def claims(self, entries: Sequence[Entry], students: Sequence[Enrolled]) -> Iterator[Claim]:
        found = [e for e in entries if e.path.name in METADATA and not e.is_hidden]
        above = min((len(e.path.parts) for e in found), default=0)
        for metadata in found:
            if len(metadata.path.parts) == above:  # what is below is a student's
                said = _submissions(metadata)
                for entry in entries:
                    parts = entry.path.parts[above - 1 :]
                    if entry.path.is_relative_to(metadata.path.parent) and parts[0] in said:
                        yield entry, replace(said[parts[0]], depth=above - 1)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Plain data; objects of Ruby, which older exports hold, are taken for their fields."""


def _fields(loader: Any, suffix: str, node: Any) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node)
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


_Loader.add_multi_constructor("!", _fields)


def _submissions(metadata: Entry) -> dict[str, Origin]:
    """Folder -> whose it is; nothing where the file cannot be read."""
    try:
        data = yaml.load(metadata.read(Budget(), MAX_METADATA), _Loader)
    except (Unreadable, yaml.YAMLError, ValueError, TypeError, RecursionError, OverflowError):
        return {}
    if not isinstance(data, dict):
        return {}
    found = {}
    for folder, said in data.items():
        if isinstance(said, dict) and (people := tuple(_people(said))):
            when = _instant(said.get(":created_at"))
            found[str(folder)] = Origin(people, when, "metadata" if when else "")
    return found


def _people(said: Mapping[Any, Any]) -> Iterator[Person]:
    submitters = said.get(":submitters")
    for one in submitters if isinstance(submitters, list) else ():
        if isinstance(one, dict):
            name, sid, email = (_plain(one.get(f":{k}")) for k in ("name", "sid", "email"))
            if ids := tuple(filter(None, (sid, email))):
                yield Person(name, ids)
            elif name:
                yield Person(name)


def _plain(said: Any) -> str:
    return str(said) if isinstance(said, str | int) else ""


def _instant(said: Any) -> datetime | None:
    """A time as YAML has it, which is in UTC where it says no offset."""
    if isinstance(said, dict):
        said = said.get("utc")
    if isinstance(said, str):
        try:
            said = datetime.fromisoformat(said.removesuffix(" Z"))
        except ValueError:
            return None
    if not isinstance(said, datetime):
        return (
            None if not isinstance(said, date) else datetime.combine(said, datetime.min.time(), UTC)
        )
    return said.replace(tzinfo=UTC) if said.tzinfo is None else said
