"""Plots as SVG for a page: no file, no colour and no font of their own, the same bytes each time.

matplotlib draws with the colours of `PAINT`, in whose place the page's variables are put, so that
a plot is dark where the page is dark.
"""

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from mugrade.grader.glance.figures import BINS
from mugrade.grader.glance.findings import POOR, Measured
from mugrade.grader.glance.times import Span

INK, SOFT, BAR, WARN = "#010203", "#040506", "#070809", "#0a0b0c"
PAINT = {
    INK: "currentColor",
    SOFT: "var(--soft)",
    BAR: "var(--bar)",
    WARN: "var(--warn)",
}
STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "svg.fonttype": "none",
    "svg.hashsalt": "mugrade",
    "text.parse_math": False,
    "font.size": 10,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}
METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
NOT_SHOWN = re.compile(r"<metadata>.*?</metadata>|<!--.*?-->|<style.*?</style>", re.DOTALL)


@contextmanager
def _axes(width: float, height: float) -> Iterator[tuple[Axes, Callable[[str, str], Markup]]]:
    """Axes to draw in, in inches, and what makes a part of a page of them, once they are drawn."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        figure = Figure((width, height), layout="constrained")
        FigureCanvasSVG(figure)

        def finish(words: str, name: str) -> Markup:
            file = io.StringIO()
            figure.savefig(file, format="svg", metadata=METADATA)
            return _inline(file.getvalue(), words, name)

        yield figure.subplots(), finish


def _inline(svg: str, words: str, name: str) -> Markup:
    """The drawing as a part of a page: with a text, and with ids that are its own."""
    head, _, body = svg[svg.index("<svg") :].partition(">")
    size = re.search(r'viewBox="([^"]+)"', head)
    assert size
    body = NOT_SHOWN.sub("", body)
    body = re.sub(r'<g id="[^"]*"', "<g", body).replace("xlink:href", "href")
    body = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{name}-", body)
    body = body.replace("'DejaVu Sans'", "system-ui")
    for paint, colour in PAINT.items():
        body = body.replace(paint, colour)
    said = escape(words)
    start = f'<svg role="img" aria-label="{said}" viewBox="{size[1]}"><title>{said}</title>'
    return Markup(start + re.sub(r"\s*\n\s*", " ", body).replace("> <", "><"))


def histogram(counts: Sequence[int], median: float | None, words: str, name: str) -> Markup:
    """How many students have which share of the points; a line at the median."""
    with _axes(2.6, 1.25) as (axes, finish):
        axes.bar(np.arange(BINS) / BINS + 0.5 / BINS, counts, 0.9 / BINS, color=BAR)
        if median is not None:
            axes.axvline(min(median, 1.0), color=WARN, linewidth=1.5)
        axes.set_xlim(0, 1.01)
        axes.set_ylim(0, max(*counts, 1) * 1.05)
        axes.set_xticks((0, 0.5, 1))
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.set_yticks((0, max(*counts, 1)))
        return finish(words, name)


def checks_plot(items: Sequence[Measured], words: str, name: str) -> Markup:
    """Each check by how many points it gives on average and how well it tells students apart."""
    known = [m for m in items if m.difficulty is not None and m.discrimination is not None]
    x = np.array([m.difficulty for m in known], dtype=np.float64)
    y = np.array([m.discrimination for m in known], dtype=np.float64)
    low = y < POOR
    with _axes(5, 3) as (axes, finish):
        axes.axhline(POOR, color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.scatter(x[~low], y[~low], 14, color=BAR, linewidths=0)
        axes.scatter(x[low], y[low], 26, color=WARN, marker="X", linewidths=0)
        axes.set_xlim(-0.03, 1.03)
        axes.set_ylim(min(-0.1, *y, 0.0) - 0.05, 1.03)
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.set_xlabel("mean share of points (hard to easy)")
        axes.set_ylabel("discrimination")
        return finish(words, name)


def times_plot(spans: Sequence[Span], words: str, name: str) -> Markup:
    """The median share of points, and its quartiles, by when was handed in."""
    with _axes(5, 0.5 + 0.32 * len(spans)) as (axes, finish):
        for place, span in enumerate(spans):
            if span.quartiles:
                low, middle, high = span.quartiles
                axes.plot((low, high), (place, place), color=BAR, linewidth=5, alpha=0.45)
                axes.plot(middle, place, "o", color=BAR, markersize=7)
        axes.set_yticks(range(len(spans)), [f"{span.name} ({span.count})" for span in spans])
        axes.set_ylim(len(spans) - 0.5, -0.5)
        axes.set_xlim(0, 1.03)
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.set_xlabel("points: median, and the middle half")
        return finish(words, name)
