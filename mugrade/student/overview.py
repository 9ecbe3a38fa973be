"""`progress()` in a notebook: what is built, passes, is taken and has changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mugrade.errors import WorkspaceError
from mugrade.student.built import Built, what_was_built
from mugrade.student.checks import current_workspace
from mugrade.student.progress import StageProgress, stage_progress
from mugrade.view import visible


@dataclass(frozen=True)
class Overview:
    """The course stage by stage, perhaps one stage exercise by exercise, and at last the whole."""

    here: StageProgress | None
    course: list[StageProgress]
    built: Built | None

    @property
    def text(self) -> str:
        here = [self.here.summary, *_exercises(self.here), ""] if self.here else []
        note = [visible.NOTE] * any(stage.hidden for stage in self.course)
        built = [self.built.text, ""] if self.built else []
        return "\n".join((*built, *here, *_stages(self.course), *note))

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        from mugrade.view.html import render

        hidden = any(stage.hidden for stage in self.course)
        known = {"columns": visible.columns(hidden), "note": visible.NOTE * hidden}
        html = render(
            "progress.html", here=self.here, course=self.course, built=self.built, **known
        )
        return {"text/html": html, "text/plain": self.text}


def progress(stage: str = "") -> Overview:
    """How far the course and, if one is named, a stage has come; raises WorkspaceError."""
    workspace = current_workspace()
    stages = list(workspace.manifest.stages)
    course = {name: stage_progress(workspace, name) for name in stages}
    try:
        here = course[workspace.manifest.stage(stage)] if stage else None
    except KeyError:
        raise WorkspaceError(f"no stage {stage}: there are {', '.join(stages)}") from None
    found = list(course.values())
    return Overview(here, found, what_was_built(workspace, found))


def _exercises(here: StageProgress) -> Iterator[str]:
    width = max((len(item.id) for item in here.items), default=0)
    for item in here.items:
        yield f"  {item.id:<{width}}  {item.state}"
        for check in item.checks:
            yield f"  {'':<{width}}    {check.name}: {check.told}, {check.score}"


def _stages(course: list[StageProgress]) -> Iterator[str]:
    width = max(len(stage.stage) for stage in course)
    for stage in course:
        yield f"  {stage.stage:<{width}}  {stage.counts}"
