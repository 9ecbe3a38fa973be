"""Pages that are written by hand, `docs/*.md` and two files at the root, as Sphinx reads them."""

import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from mugrade.course.model import Course

BY_ROOT = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
LINK = re.compile(r"(?<!!)\[([^\]\[]*)\]\(([^()\s#:]+)(#[^()\s]*)?\)")
PICTURE = re.compile(r'<picture><source [^>]*srcset="([^"]+)"><img alt="([^"]+)" src="([^"]+)">\S*')
FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def written_pages(course: Course) -> Iterator[tuple[str, str]]:
    """Path below the source folder, and text, of each page that is written by hand."""
    where = page_of(course)
    for path, page in where.items():
        if path.endswith(".md"):
            text = (course.root / path).read_text(encoding="utf-8")
            yield page, as_page(text, posixpath.dirname(path), where)


def page_of(course: Course) -> dict[str, str]:
    """Where on the site a file of the repository is."""
    pages = {f"docs/{path.name}": path.name for path in sorted(docs_folder(course).glob("*.md"))}
    stages = {f"notebooks/{s.name}.ipynb": f"stages/{s.name}.ipynb" for s in course.stages}
    found = {path: page for path, page in BY_ROOT.items() if (course.root / path).is_file()}
    return pages | found | stages


def as_page(text: str, folder: str, where: Mapping[str, str]) -> str:
    """A text of `folder` with links that lead through the site, and pictures for either theme.

    What a link leads to that is no page stands there as plain text.
    """

    def link(match: re.Match[str]) -> str:
        said, target, anchor = match.groups()
        page = where.get(posixpath.normpath(posixpath.join(folder, target)))
        return f"[{said}]({page}{anchor or ''})" if page else said

    parts = FENCED.split(text)
    for i in range(0, len(parts), 2):
        parts[i] = PICTURE.sub(_both_pictures, LINK.sub(link, parts[i]))
    return "".join(parts)


def _both_pictures(match: re.Match[str]) -> str:
    dark, alt, light = match.groups()
    shown = ((light, "only-light"), (dark, "only-dark"))
    return "\n\n".join(f"```{{image}} {p}\n:alt: {alt}\n:class: {c}\n```" for p, c in shown)


def docs_folder(course: Course) -> Path:
    return course.root / "docs"
