"""Where a stage's notebook can be had: the line below the title of its page."""

from urllib.parse import quote

import nbformat

from mugrade.course.model import Course, Stage
from mugrade.course.notebooks import release, source_notebook
from mugrade.course.site import Site

RELEASED = "released"  # the folder of what students get, below that of the pages' sources
DRIVE = "/content/drive"  # where Colab shows Google Drive


def released_notebook(stage: Stage) -> str:
    """The notebook that students get, nobody's answers in it."""
    return f"{nbformat.writes(release(source_notebook(stage)))}\n"


def with_opening(page: str, course: Course, stage: Stage) -> str:
    """A stage's page with what `opening` says below the first line of its first cell."""
    notebook = nbformat.reads(page, as_version=4)
    title, _, rest = notebook.cells[0].source.partition("\n")
    said = opening(stage, course.package, course.settings.site)
    notebook.cells[0].source = f"{title}\n\n{said}\n{rest}"
    return f"{nbformat.writes(notebook)}\n"


def opening(stage: Stage, package: str, site: Site) -> str:
    """The download and how to use it; links to what else opens the notebook, if there are any."""
    file = f"{stage.name}.ipynb"
    links = [f"{{download}}`Download the notebook <../{RELEASED}/{file}>`"]
    links += [f"[{name}]({url})" for name, url in launch_links(file, site).items()]
    how = f'python -m pip install "{site.install}"' if site.install else "pip install"
    need = (
        f"It needs mugrade: `{how}`, then `mugrade start`, which lays out what stands beside it; "
        "[more for students](../student.md)."
    )
    lines = [":::{div} opening", " | ".join(links), "", need, ":::", ""]
    return "\n".join([*lines, *(_on_colab(package, site.install) if site.colab else [])])


def launch_links(file: str, site: Site) -> dict[str, str]:
    """Name -> address, of the services that `course.toml` switches on."""
    path = f"notebooks/{file}"
    branch = quote(site.branch, safe="")
    colab = f"https://colab.research.google.com/github/{site.repository}/blob/{site.branch}/{path}"
    binder = f"https://mybinder.org/v2/gh/{site.repository}/{branch}?urlpath=lab/tree/{path}"
    return {
        **({"Open in Colab": colab} if site.colab else {}),
        **({"Open in Binder": binder} if site.binder else {}),
    }


def colab_cell(package: str, install: str) -> str:
    """The cell with which a session on Colab begins; it may be run again."""
    return (
        "from google.colab import drive\n\n"
        f'drive.mount("{DRIVE}")\n'
        f"%cd {DRIVE}/MyDrive\n"
        f'%pip install --quiet "{install}"\n'
        f"!mugrade start {package}\n"
        f"%cd {package}"
    )


def _on_colab(package: str, install: str) -> list[str]:
    folded = [":::{dropdown} On Colab, first of all run this cell", ":class-container: opening", ""]
    text = (
        "Add it above all others and run it whenever a session begins. It lays the course out in "
        f"`{package}` in your Google Drive, where what you build stays; "
        "[how you go on](../student.md#on-colab)."
    )
    return [*folded, text, "", f"```text\n{colab_cell(package, install)}\n```", ":::", ""]
