"""A figure of matplotlib as data: what is drawn, and not how it looks."""

from typing import Any

import numpy as np


def figure(drawn: Any = None) -> dict[str, Any]:
    """What a figure shows, to be yielded: its axes with their texts, lines, points, bars, images.

    `drawn` is a Figure or an Axes of it; without it, the current figure. The figure is closed.
    Coordinates are arrays of float64; colours, sizes and fonts do not count.
    """
    import matplotlib.pyplot as plt

    found = plt.gcf() if drawn is None else getattr(drawn, "figure", drawn)
    try:
        return {"axes": [_axes(axes) for axes in found.axes]}
    finally:
        plt.close(found)


def _axes(axes: Any) -> dict[str, Any]:
    legend = axes.get_legend()
    return {
        "title": axes.get_title(),
        "x label": axes.get_xlabel(),
        "y label": axes.get_ylabel(),
        "scales": [axes.get_xscale(), axes.get_yscale()],
        "legend": [text.get_text() for text in legend.get_texts()] if legend else [],
        "lines": [_numbers(line.get_xydata()) for line in axes.lines],
        "points": [_numbers(points.get_offsets()) for points in axes.collections],
        "bars": [_numbers([b.get_x(), b.get_width(), b.get_height()]) for b in _bars(axes)],
        "images": [_numbers(image.get_array()) for image in axes.images],
    }


def _bars(axes: Any) -> list[Any]:
    return [patch for patch in axes.patches if hasattr(patch, "get_height")]


def _numbers(values: Any) -> np.ndarray:
    """As float64; what a mask hides is not drawn, and nan."""
    return np.ma.filled(np.ma.asarray(values, dtype="float64"), np.nan)
