"""What `course.toml` says of the website: where else than there its notebooks can be opened."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from mugrade.course.tables import NAME, refused, subtable
from mugrade.errors import CourseError

REPOSITORY = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?", re.ASCII)
BRANCH = re.compile(r"\w[\w./-]*", re.ASCII)
LINE = re.compile(r'[^\s"][^\n\r"]*')
URL = "https://github.com/you/course"
TEXTS = {
    "repository": (REPOSITORY, f'a repository on GitHub, such as "{URL}"'),
    "branch": (BRANCH, 'the name of a branch, such as "main"'),
    "install": (LINE, f'what pip installs, such as "git+{URL}"'),
}
NEEDS = {"colab": ("repository", "install"), "binder": ("repository",)}


@dataclass(frozen=True)
class Site:
    """A repository on GitHub as `owner/name`, and which services open its notebooks.

    `install` is what pip installs, so that there is a mugrade and the course.
    """

    repository: str = ""
    branch: str = "main"
    install: str = ""
    colab: bool = False
    binder: bool = False


def site_of(data: Mapping[str, Any]) -> Site:
    """What is said of the website, by default no link; raises CourseError."""
    said = subtable(data, "site")
    for key, (pattern, wanted) in TEXTS.items():
        if key in said and not (isinstance(said[key], str) and pattern.fullmatch(said[key])):
            raise refused(f"site.{key}", said[key], wanted)
    for key in NEEDS:
        if key in said and not isinstance(said[key], bool):
            raise refused(f"site.{key}", said[key], "true or false")
    site = Site(**{field.name: said[field.name] for field in fields(Site) if field.name in said})
    for service, keys in NEEDS.items():
        for key in keys:
            if getattr(site, service) and not getattr(site, key):
                raise CourseError(f"{NAME}: site.{service} needs site.{key}, {TEXTS[key][1]}")
    address = REPOSITORY.fullmatch(site.repository)
    return replace(site, repository=address[1] if address else "")
