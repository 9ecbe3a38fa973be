"""HTML for notebooks and pages, escaped, from the templates beside this file."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **values: object) -> str:
    """A template with its values filled in."""
    return _templates().get_template(template).render(**values)


def style() -> str:
    """The style sheet of panels, for a page that shows many."""
    return render("panel.css")


@cache
def _templates() -> "Environment":
    from jinja2 import Environment, PackageLoader

    loader = PackageLoader("mugrade.view", "templates")
    return Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
