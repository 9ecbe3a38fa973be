"""A figure of stage 06: paths down a narrow bowl, for every rate and momentum of two sliders.

`python docs/descent.py FOLDER`, with solutions/ on the path, writes `after-race-demo.html`. The
paths are those of needle's optimizers.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
from needle import Tensor
from needle.optim import SGD, Adam, Optimizer

CELL = "race-demo"
CAPTION = """Down the same bowl, from the dot to the star, at many rates and momenta β. The square
is where a path ends, after 160 steps. The tables say after how many it stays within 0.001 of the
minimum; <em>far</em> is not within 160, <em>out</em> is never, since the loss grows. Adam’s β is
its first, β₁. The edge of <em>out</em> in SGD’s table is at the rate
0.08&nbsp;(1&nbsp;+&nbsp;β)&nbsp;/&nbsp;(1&nbsp;−&nbsp;β)."""
ALT = "Contours of the bowl, ellipses five times as wide as high, and a path from (−2, 1)."
CURVES = np.array([1.0, 25.0])
START = (-2.0, 1.0)
STEPS, NEAR, HUGE = 160, 1e-3, 1e6
RATES = (0.004, 0.01, 0.02, 0.04, 0.06, 2 / 26, 0.081, 0.1, 0.15, 0.3, 0.5, 1.0, 1.6)
MOMENTA = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95)
METHODS: dict[str, Callable[[list[Tensor], float, float], Optimizer]] = {
    "SGD": lambda params, rate, beta: SGD(params, rate, beta),
    "Nesterov": lambda params, rate, beta: SGD(params, rate, beta, nesterov=True),
    "Adam": lambda params, rate, beta: Adam(params, rate, beta),
}
FIRST = ("SGD", 2 / 26, 0.0)
STILLS = (
    ("SGD", 0.004, 0.0),
    FIRST,
    ("SGD", 0.081, 0.0),
    ("SGD", 0.3, 0.8),
    ("Nesterov", 0.15, 0.8),
    ("Adam", 0.1, 0.9),
)
UNIT = 100  # of the picture, in 1 of the bowl
FAR = 9  # nothing that is further out is seen
RIGHT, TOP = 2.45, 1.3  # what is seen of the bowl, from the middle


@dataclass(frozen=True)
class Run:
    """Where an optimizer walks, one row a step, and the loss there.

    It ends early if the loss is huge.
    """

    name: str
    points: np.ndarray
    losses: np.ndarray

    @property
    def arrival(self) -> int | None:
        """After how many steps it is near the minimum for good."""
        outside = np.flatnonzero(np.linalg.norm(self.points, axis=1) >= NEAR)
        return int(outside[-1]) + 1 if outside[-1] < len(self.points) - 1 else None

    @property
    def diverges(self) -> bool:
        return bool(self.losses[-1] > 10 * self.losses[0])

    @property
    def word(self) -> str:
        """What came of it, for a table."""
        return "out" if self.diverges else str(self.arrival or "far")

    @property
    def said(self) -> str:
        """What came of it, in a sentence."""
        steps, loss = len(self.losses) - 1, number(self.losses[-1])
        if self.diverges:
            text = f"diverges. The loss grows from {self.losses[0]} to {loss} in {steps} steps."
        elif self.arrival:
            text = f"arrives after {self.arrival} steps. The loss after {steps}: {loss}."
        else:
            left = number(np.linalg.norm(self.points[-1]))
            text = f"after {steps} steps it is still {left} away. The loss: {loss}."
        return f"{self.name}: {text}"

    @property
    def drawn(self) -> list[tuple[int, int]]:
        """The points in units of the picture, without those that are on top of the one before."""
        kept: list[tuple[int, int]] = []
        for x, y in np.rint(self.points * (UNIT, -UNIT)).astype(int).tolist():
            if not kept or max(abs(x - kept[-1][0]), abs(y - kept[-1][1])) > 1:
                kept.append((x, y))
            if abs(x) > FAR * UNIT or abs(y) > FAR * UNIT:
                break
        return kept

    @property
    def moves(self) -> str:
        """From the middle of the picture to the first point, then from each to the next."""
        pairs = np.diff(self.drawn, axis=0, prepend=np.zeros((1, 2), int)).ravel()
        return " ".join(map(str, pairs)).replace(" -", "-")


@cache
def run(method: str, rate: float, beta: float) -> Run:
    """The path of one of needle's optimizers."""
    theta = Tensor(np.array(START))
    opt, points, losses = METHODS[method]([theta], rate, beta), [], []
    for _ in range(STEPS + 1):
        loss = (theta * theta * CURVES).sum() / 2
        points.append(theta.numpy().copy())
        losses.append(float(loss.numpy()))
        if losses[-1] > HUGE:
            break
        opt.reset_grad()
        loss.backward()
        opt.step()
    name = f"{method}, rate {number(rate)}, β = {number(beta)}"
    return Run(name, np.array(points), np.array(losses))


def number(value: float) -> str:
    """Two digits that count, or all before the point."""
    text = f"{value:,.0f}" if value >= 100 else f"{value:.2g}"
    return text.replace("-", "−")


def picture(drawn: Run | None, alt: str) -> str:
    """The bowl with a path; without one it is for the script to draw in."""
    w, h = round(RIGHT * UNIT), round(TOP * UNIT)
    inner = (*contours(), *ticks(w, h), *path(drawn.drawn if drawn else [(0, 0)]), star())
    frame = f'<rect class="frame" x="{-w}" y="{-h}" width="{2 * w}" height="{2 * h}" rx="6" />'
    box = f'viewBox="{-w} {-h} {2 * w} {2 * h}" role="img" aria-label="{alt}"'
    return "\n".join((f"<svg {box}>", frame, *inner, "</svg>"))


def contours() -> Iterator[str]:
    """Where the loss has the values that the contours of the stage have."""
    for level in np.geomspace(0.05, 20, 8)[::-1]:
        rx, ry = np.sqrt(2 * level / CURVES) * UNIT
        yield f'<ellipse class="level" rx="{rx:.1f}" ry="{ry:.1f}" />'


def ticks(w: int, h: int) -> Iterator[str]:
    """Numbers along the lower and the right edge."""
    for x in (-2, -1, 1):
        yield f'<text class="tick" x="{x * UNIT}" y="{h - 8}">{number(x)}</text>'
    for y in (-1, 1):
        yield f'<text class="tick" x="{w - 20}" y="{5 - y * UNIT}">{number(y)}</text>'


def star() -> str:
    """Around the middle, which is the minimum."""
    turns = np.pi / 5 * np.arange(10) - np.pi / 2
    points = np.array([np.cos(turns), np.sin(turns)]) * np.where(np.arange(10) % 2, 4, 10)
    return f'<path class="star" d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in points.T)}Z" />'


def path(points: list[tuple[int, int]]) -> Iterator[str]:
    """A line with a dot for each step, where it begins and where it ends."""
    pairs = [f"{x} {y}" for x, y in points]
    x, y = START[0] * UNIT, -START[1] * UNIT
    yield f'<path class="line" d="M{"L".join(pairs)}" />'
    yield f'<path class="dots" d="{"".join(f"M{pair}h0" for pair in pairs)}" />'
    yield f'<circle class="start" cx="{x:g}" cy="{y:g}" r="6" />'
    yield f'<path class="end" d="M{pairs[-1]}m-9-9h18v18h-18Z" />'


def table(method: str) -> str:
    """What came of each rate and momentum."""
    heads = "".join(f'<th scope="col">{number(beta)}</th>' for beta in MOMENTA)
    rows = (row(method, rate) for rate in RATES)
    caption = f"<caption>{method}, by rate and β</caption>"
    head = f'<thead><tr><th scope="col">rate</th>{heads}</tr></thead>'
    return "\n".join((f"<table>{caption}{head}<tbody>", *rows, "</tbody></table>"))


def row(method: str, rate: float) -> str:
    cells = (cell(method, rate, beta) for beta in MOMENTA)
    return f'<tr><th scope="row">{number(rate)}</th>{"".join(cells)}</tr>'


def cell(method: str, rate: float, beta: float) -> str:
    came = run(method, rate, beta)
    kind = came.word if came.arrival is None else "soon" if came.arrival <= 100 else "late"
    return f'<td data-came="{kind}" data-key="{key(method, rate, beta)}">{came.word}</td>'


def key(method: str, rate: float, beta: float) -> str:
    """The values of the controls, in their order."""
    return f"{[*METHODS].index(method)} {RATES.index(rate)} {MOMENTA.index(beta)}"


def form() -> str:
    """The controls, which are there once the script is."""
    method, rate, beta = key(*FIRST).split()
    radios = "".join(radio(i, name, i == int(method)) for i, name in enumerate(METHODS))
    sliders = slider("rate", "rate", RATES, rate) + slider("beta", "momentum β", MOMENTA, beta)
    return f"<form><fieldset><legend>optimizer</legend>{radios}</fieldset>{sliders}</form>"


def radio(value: int, name: str, chosen: bool) -> str:
    box = f'<input type="radio" name="method" value="{value}"{" checked" if chosen else ""}>'
    return f"<label>{box}{name}</label>"


def slider(name: str, label: str, values: Sequence[float], at: str) -> str:
    numbers = " ".join(map(number, values))
    ends = f'min="0" max="{len(values) - 1}" value="{at}" data-values="{numbers}"'
    box = f'<input type="range" name="{name}" {ends}>'
    return f"<label><span>{label} <b></b></span>{box}</label>"


def figure() -> str:
    """Stills and tables; all paths for the script, which shows one at a time."""
    runs = {key(*each): run(*each) for each in product(METHODS, RATES, MOMENTA)}
    paths = {place: [came.moves, came.said] for place, came in runs.items()}
    stills = (f"<div>{picture(run(*each), ALT)}<p>{run(*each).said}</p></div>" for each in STILLS)
    lines = (
        '<figure class="dials">',
        f"<figcaption>{CAPTION}</figcaption>",
        f'<div class="moving">{picture(None, ALT)}',
        f'{form()}<p class="said" role="status"></p></div>',
        '<div class="stills">',
        *stills,
        "</div>",
        '<div class="tables">',
        *map(table, METHODS),
        "</div>",
        f'<script type="application/json">{json.dumps(paths, ensure_ascii=False)}</script>',
        "</figure>",
    )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (Path(sys.argv[1]) / f"after-{CELL}.html").write_text(figure(), encoding="utf-8")
