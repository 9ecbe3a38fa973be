"""The class at a glance as one page that needs nothing beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from markupsafe import Markup

from mugrade.grader.glance import drawings, findings
from mugrade.grader.glance.behind import Behind, due, falling_behind
from mugrade.grader.glance.cohort import Cohort, StageClass
from mugrade.grader.glance.examples import Examples
from mugrade.grader.glance.figures import ENOUGH, quartiles, tenths
from mugrade.grader.glance.findings import Doubt, FailedTogether, Made, Measured
from mugrade.grader.glance.sentence import Monday, monday
from mugrade.grader.glance.times import Timing, timing
from mugrade.grader.glance.words import percent, sentence, signed
from mugrade.grader.report import page_template
from mugrade.grader.results import Status
from mugrade.view.report import printable

EVERYBODY = "everybody"
LONGEST = 20  # rows of students, before the others are folded away
NOT_GRADED = {
    Status.LATE: "too late",
    Status.UNREADABLE: "cannot be read",
    Status.FAILED: "the grader failed",
}
SMALLEST = 5  # section of an anonymous page
FEW_NAMED = 3  # of a mistake: with fewer, an anonymous page shows no example


@dataclass(frozen=True)
class PageFrame:
    """What is the same on every part of the page."""

    title: str
    now: datetime
    examples: Examples
    names: Mapping[str, str] = field(default_factory=dict)
    anonymous: bool = False

    def example(self, made: Made) -> str:
        """The code of somebody who made a mistake; where it could be guessed who, none."""
        if self.anonymous and made.count < FEW_NAMED:
            return ""
        return self.examples.of(made.stage.name, made.exercise, made.students)


@dataclass(frozen=True)
class Row:
    """The points of a stage in figures."""

    stage: StageClass
    absent: int
    counts: Sequence[int]
    tenths: Sequence[int]
    quartiles: tuple[float, float, float] | None

    @property
    def grades(self) -> Any:
        return self.stage.grades

    @property
    def words(self) -> str:
        """The distribution, read aloud."""
        if not self.quartiles:
            return f"{self.stage.title}: no points to show"
        low, middle, high = self.quartiles
        return (
            f"{self.stage.title}: points of {len(self.grades)} students, half of them between "
            f"{low:.0%} and {high:.0%}, median {middle:.0%}"
        )


@dataclass(frozen=True)
class View:
    """A class, or a section of it, as the page shows it; `id` is its own on the page."""

    id: str
    name: str
    cohort: Cohort
    frame: PageFrame

    @cached_property
    def monday(self) -> Monday:
        return monday(self.cohort, self.behind, self.doubts)

    @cached_property
    def statuses(self) -> dict[Status, str]:
        """Why something was not graded, as far as it occurs."""
        stages = self.cohort.stages
        return {s: text for s, text in NOT_GRADED.items() if any(x.count(s) for x in stages)}

    @cached_property
    def rows(self) -> list[Row]:
        return [
            Row(
                stage,
                self.cohort.absent(stage),
                [stage.count(status) for status in self.statuses],
                tenths(stage.grades),
                quartiles(stage.grades),
            )
            for stage in self.cohort.stages
        ]

    def histogram(self, row: Row, place: int) -> Markup:
        middle = row.quartiles[1] if row.quartiles else None
        return drawings.histogram(row.tenths, middle, row.words, f"{self.id}-points-{place}")

    @cached_property
    def mistakes(self) -> list[tuple[Made, str]]:
        """The commonest mistakes, with an example."""
        found = findings.commonest(self.cohort)
        return [(made, self.frame.example(made)) for made in found]

    @cached_property
    def items(self) -> list[tuple[StageClass, list[Measured]]]:
        return [(stage, findings.measured(stage)) for stage in self.cohort.begun]

    @cached_property
    def all_items(self) -> list[Measured]:
        return [m for _, items in self.items for m in items]

    @cached_property
    def related(self) -> list[Measured]:
        """The checks of which it is known how well they tell students apart."""
        return [m for m in self.all_items if m.discrimination is not None]

    def checks_plot(self) -> Markup:
        low = sum((m.discrimination or 0) < findings.POOR for m in self.related)
        words = (
            f"{len(self.related)} checks by mean share of points and discrimination; "
            f"{low} lie below {findings.POOR}"
        )
        return drawings.checks_plot(self.related, words, f"{self.id}-checks")

    @cached_property
    def doubts(self) -> list[Doubt]:
        return list(findings.doubts(self.all_items))

    @cached_property
    def easy(self) -> list[Measured]:
        return findings.easy(self.all_items)

    @cached_property
    def pairs(self) -> list[FailedTogether]:
        return findings.failed_together(self.cohort)

    @cached_property
    def timing(self) -> Timing:
        return timing(self.cohort.begun)

    def times_plot(self) -> Markup:
        told = (
            f"{span.name} {span.quartiles[1]:.0%}" for span in self.timing.spans if span.quartiles
        )
        words = f"Median share of points by time of hand-in: {', '.join(told)}"
        return drawings.times_plot(self.timing.spans, words, f"{self.id}-times")

    @cached_property
    def due(self) -> list[StageClass]:
        return due(self.cohort, self.frame.now)

    @cached_property
    def behind(self) -> list[Behind]:
        return falling_behind(self.cohort, self.frame.now)

    @cached_property
    def not_graded(self) -> list[tuple[str, StageClass, str]]:
        """Student, stage, and why nothing counts of what was handed in."""
        return [
            (student, stage, NOT_GRADED[work.status])
            for stage in self.cohort.stages
            for student, work in sorted(stage.works.items())
            if work.status in NOT_GRADED
        ]

    def name_of(self, student: str) -> str:
        """A student as a teacher knows the person."""
        name = self.frame.names.get(student, "")
        return printable(f"{student} ({name})" if name else student)


def glance_page(cohort: Cohort, frame: PageFrame) -> str:
    """The page, as HTML; with each section beside the whole class where there are several.

    An anonymous page has no section that is so small that its figures are somebody's.
    """
    views = [View("all", EVERYBODY, cohort, frame)]
    sections = {name: cohort.section(name) for name in cohort.section_names}
    if len(sections) > 1:
        views += [
            View(f"section-{i}", printable(name), section, frame)
            for i, (name, section) in enumerate(sections.items())
            if not frame.anonymous or len(section.students) >= SMALLEST
        ]
    return page_template("glance.html").render(
        frame=frame,
        views=views,
        longest=LONGEST,
        enough=ENOUGH,
        percent=percent,
        signed=signed,
        sentence=sentence,
    )
