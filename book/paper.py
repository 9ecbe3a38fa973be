"""The whole book as one page for paper, from the pages of the site in the order of its menu.

An id of a page has the page's name before it, so that it stays the only one of its name, and a link
to another page leads to its chapter.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from posixpath import dirname, join, normpath

import matplotlib
from bs4 import BeautifulSoup, Tag
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from book.contents import REFERENCE

FRONT = "index.html"
REFERS = ("for", "aria-labelledby", "aria-describedby", "aria-controls")
WITHIN = re.compile(r"url\(#([^)]+)\)")
HEADING = re.compile("h[1-5]")
WORDS = re.compile(r"[^._/-]*[._/-]+|[^._/-]+")
SHORT = 20  # lines of code that stay on one page
LEFT_OUT = "script, button, a.headerlink, .only-dark, .toctree-wrapper, .sd-summary-state-marker"
FONTS = (  # those that come with matplotlib, so that a book looks alike on every machine
    ("Text", "", "STIXGeneral.ttf"),
    ("Text", "font-style: italic", "STIXGeneralItalic.ttf"),
    ("Text", "font-weight: bold", "STIXGeneralBol.ttf"),
    ("Text", "font-weight: bold; font-style: italic", "STIXGeneralBolIta.ttf"),
    ("Code", "", "DejaVuSansMono.ttf"),
    ("Code", "font-style: italic", "DejaVuSansMono-Oblique.ttf"),
    ("Code", "font-weight: bold", "DejaVuSansMono-Bold.ttf"),
    ("Heading", "", "DejaVuSans.ttf"),
    ("Heading", "font-weight: bold", "DejaVuSans-Bold.ttf"),
)


@dataclass(frozen=True)
class Cover:
    """The book's title and what its first page shows."""

    title: str
    opening: list[Tag]


@dataclass(frozen=True)
class Chapter:
    """A page of the site: where its file is, its id in the book, and its article."""

    path: str
    article: Tag

    @property
    def id(self) -> str:
        return place(self.path)

    @property
    def title(self) -> str:
        return _text(self.article.h2)

    @property
    def sections(self) -> list[tuple[str, str]]:
        """Id and heading of each."""
        found = self.article.select("section > section > h3")
        return [(str(h.parent["id"]), _text(h)) for h in found if h.parent]


@dataclass(frozen=True)
class Part:
    """Chapters under one caption of the menu."""

    title: str
    chapters: list[Chapter]

    @property
    def kind(self) -> str:
        return "reference" if self.title == REFERENCE else "text"

    @property
    def id(self) -> str:
        return f"part-{re.sub('[^a-z]+', '-', self.title.lower())}"


def paper(site: Path) -> str:
    """The page to be printed."""
    front = read_page(site, FRONT)
    parts = [Part(title, [chapter(site, p) for p in paths]) for title, paths in menu(front)]
    known = {c.path: c.id for part in parts for c in part.chapters}
    for each in (c for part in parts for c in part.chapters):
        rewrite(each, site, known)
    templates = Environment(
        loader=PackageLoader("book"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    templates.filters["css"] = css_text
    return templates.get_template("paper.html").render(
        cover=cover(site),
        edition=edition(front),
        sheets=sheets(front),
        site=site.resolve().as_uri(),
        fonts=FONTS,
        folder=(Path(matplotlib.get_data_path()) / "fonts" / "ttf").as_uri(),
        parts=parts,
    )


def css_text(text: str) -> Markup:
    """A text between quotation marks, as a style sheet within a page has it."""
    return Markup('"' + re.sub(r'[\\"<\n]', lambda m: f"\\{ord(m[0]):x} ", text) + '"')


def menu(front: BeautifulSoup) -> list[tuple[str, list[str]]]:
    """Caption and pages of each part, in the order of a book."""
    found = []
    for caption in front.select("nav.bd-links p.caption"):
        pages = caption.find_next_sibling("ul")
        assert isinstance(pages, Tag)
        found.append((_text(caption), [str(a["href"]) for a in pages.select("a.reference")]))
    return sorted(found, key=lambda part: part[0] == REFERENCE)


def cover(site: Path) -> Cover:
    """The title page: what the front page begins with, up to its picture."""
    page = chapter(site, FRONT)
    rewrite(page, site, {})
    section = page.article.section
    assert section
    nodes = section.find_all(["p", "img"], recursive=False)
    end = next((i for i, node in enumerate(nodes) if node.name == "img"), len(nodes))
    return Cover(page.title, nodes[: end + 1])


def edition(front: BeautifulSoup) -> list[str]:
    """What the title page says at its foot: the version and the licences."""
    version = front.find("meta", attrs={"name": "docsearch:version"})
    assert isinstance(version, Tag)
    name, licences = (_text(front.select_one(s)) for s in (".logo__title", ".extra_footer"))
    return [f"{name} {version['content']}", licences]


def chapter(site: Path, path: str) -> Chapter:
    """What a page says, without what only a screen has a use for."""
    article = read_page(site, path).article
    assert article
    for node in article.select(LEFT_OUT):
        node.decompose()
    for name, plain in (("details", "div"), ("summary", "div")):
        for node in article.select(name):
            node.name = plain
            add_class(node, name)
    for code in article.select("pre"):
        if code.get_text().count("\n") <= SHORT:
            add_class(code, "short")
    for text in article.select("td code .pre"):
        let_break(text)
    return Chapter(path, article)


def add_class(node: Tag, name: str) -> None:
    node["class"] = [*(kind for kind in node.get_attribute_list("class") if kind), name]


def let_break(node: Tag) -> None:
    """Have a name go on in the next line after a dot or the like, and not anywhere."""
    pieces = WORDS.findall(node.get_text())
    node.clear()
    for piece in pieces:
        node.append(piece)
        node.append(Tag(name="wbr", can_be_empty_element=True))


def read_page(site: Path, path: str) -> BeautifulSoup:
    return BeautifulSoup((site / path).read_text(encoding="utf-8"), "html.parser")


def sheets(front: BeautifulSoup) -> list[str]:
    """The style sheets of the site, from its root."""
    links = front.select("head > link[rel=stylesheet]")
    return [str(link["href"]).partition("?")[0] for link in links]


def rewrite(page: Chapter, site: Path, known: Mapping[str, str]) -> None:
    """Make ids those of the book, have links lead through it, and pictures come from the site.

    Headings go down a level: the highest is that of a part.
    """
    for node in page.article.find_all(True):
        for name, value in [*node.attrs.items()]:
            if name == "id":
                node[name] = place(page.path, str(value))
            elif name in REFERS:
                node[name] = " ".join(place(page.path, id) for id in str(value).split())
            elif name == "src" and ":" not in str(value):
                source = site / dirname(page.path) / str(value)
                node[name] = source.resolve().as_uri()
            elif name in ("href", "xlink:href"):
                _link(node, name, page.path, known)
            elif "url(#" in str(value):
                node[name] = WITHIN.sub(lambda m: f"url(#{place(page.path, m[1])})", str(value))
        if HEADING.fullmatch(node.name):
            node.name = f"h{int(node.name[1]) + 1}"


def _link(node: Tag, name: str, path: str, known: Mapping[str, str]) -> None:
    """Have a link lead to its place in the book; what is not in it is no link."""
    target, _, id = str(node[name]).partition("#")
    if ":" in target:
        return
    page = normpath(join(dirname(path), target)) if target else path
    if page in known or not target:
        node[name] = f"#{place(page, id) if id else known[page]}"
    else:
        del node[name]


def place(path: str, id: str = "") -> str:
    """A page, or an id of it, as it is called in the book."""
    name = re.sub(r"[^\w-]", "-", path.removesuffix(".html"))
    return f"{name}--{id}" if id else name


def _text(node: Tag | None) -> str:
    return " ".join(node.get_text().split()) if node else ""
