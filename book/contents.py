"""What the site consists of: every page's text, and the order in which they are read."""

from collections.abc import Callable, Iterator

from book.commands import commands_page
from book.drawn import fragments, pictures
from book.glance import glance_page, richest_picture
from book.opening import RELEASED, released_notebook, with_opening
from book.pages import written_pages
from book.reference import reference_pages
from book.runs import executed, is_current
from book.source import SourceFolder
from book.stages import stage_page
from mugrade.course.model import Course

Tell = Callable[[str], None]
PEOPLE = ("student", "alone", "teacher", "jupyterhub", "writing-a-course")
MACHINE = ("architecture", "security", "performance", "contributing", "changelog")
PAPER = "needle.pdf"
OFFER = f'Or take it along: <a href="{PAPER}">all of it as one PDF</a>, for paper.\n'
REFERENCE = "Look up"
LOOK_UP = ("commands", "reference/library", "reference/mugrade")


def write_book(
    course: Course, source: SourceFolder, tell: Tell, offers_paper: bool = False
) -> None:
    """Every page below the source folder; stages that have changed are run. Raises CourseError."""
    for warning in course.settings.warnings:
        tell(warning)
    end = f"{OFFER if offers_paper else ''}\n{contents(course)}"
    for path, text in written_pages(course):
        source.write(path, f"{text}\n{end}" if path == "index.md" else text)
    for path, picture in pictures(course, tell):
        source.write(path, picture)
    for path, text in made_pages(course):
        source.write(path, text)
    below = fragments(course)
    pictured: dict[str, str] = {}
    for stage in course.stages:
        if not is_current(course, stage):
            tell(f"running {stage.name}")
        ran = executed(course, stage)
        page = with_opening(stage_page(stage, ran, below), course, stage)
        source.write(f"stages/{stage.name}.ipynb", page)
        source.write(f"{RELEASED}/{stage.name}.ipynb", released_notebook(stage))
        picture, alt = richest_picture(ran)
        if alt:
            source.write(f"stages/{stage.name}.png", picture)
            pictured[stage.name] = alt
    source.write("stages/index.md", glance_page(course, pictured))


def made_pages(course: Course) -> Iterator[tuple[str, str]]:
    """Pages that nobody writes."""
    yield "commands.md", commands_page()
    for name, text in reference_pages(course):
        yield f"reference/{name}.md", text


def contents(course: Course) -> str:
    """Sphinx's tables of contents, which are the menu."""
    stages = ["stages/index", *(f"stages/{stage.name}" for stage in course.stages)]
    existing = {path.removesuffix(".md") for path, _ in written_pages(course)}
    parts = {
        "Begin": [name for name in PEOPLE if name in existing],
        "The stages": stages,
        REFERENCE: [*LOOK_UP, *(["elsewhere"] if "elsewhere" in existing else [])],
        "How it works": [name for name in MACHINE if name in existing],
    }
    return "\n".join(_toctree(caption, names) for caption, names in parts.items() if names)


def _toctree(caption: str, names: list[str]) -> str:
    lines = "\n".join(names)
    return f"```{{toctree}}\n:hidden:\n:caption: {caption}\n:maxdepth: 1\n\n{lines}\n```\n"
