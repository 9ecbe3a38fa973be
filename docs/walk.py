"""A figure of stage 00: a walk through a small graph, forward and back, to be stepped through.

`python docs/walk.py FOLDER`, with solutions/ on the path, writes `after-why-reverse-mode.html`.
Values, contributions and adjoints are those of needle.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from needle import Tensor
from needle.autograd import find_topo_sort

CELL = "why-reverse-mode"
START = (3.0, 4.0)
BIT = 0.001
WITH = "\u00a0"  # a space at which no line ends
MADE = {"s": "x1²", "p": "x1 · x2", "m": "s · p", "y": "m + p"}
RULES = {
    "EWiseAdd": "a sum hands on what it has",
    "EWiseMul": "a product gives each factor the other one",
    "PowerScalar": "a square has the slope 2 x1",
}
FORWARD, BACK = "Forward", "The walk back"
CAPTION = """y = s · p + p, where s = x1² and p = x1 · x2. In each box the value is on the left and
the adjoint on the right. Values are computed from top to bottom; contributions go up along the
arrows, and they are summed at p and at x1, which are used twice."""
ALT = "A graph from top to bottom: x1 leads to s and p, x2 to p, s and p to m, m and p to y."
NAME = re.compile(r"bar\((\w+)\)|\b(x[12]|[spmy])(?=²|\b)")

PLACES = {"x1": (88, 34), "x2": (326, 34), "s": (88, 164), "p": (326, 164), "m": (108, 294)}
PLACES |= {"y": (206, 424)}
SIZE = (414, 462)
WIDTH, HEIGHT, SPLIT = 162, 60, 58  # of a card, and where its right half begins


@dataclass
class Graph:
    """Nodes by name, inputs first, and what each hands to its inputs on the walk back, in order."""

    nodes: dict[str, Tensor]
    handed: list[tuple[str, str, float]]

    def value(self, name: str) -> float:
        return float(self.nodes[name].numpy())

    def adjoint(self, name: str) -> float:
        return float(self.nodes[name].grad.numpy())

    def rule(self, name: str) -> str:
        return type(self.nodes[name].op).__name__

    def users(self, name: str) -> list[str]:
        return [user for user, x, _ in self.handed if x == name]


@dataclass
class Walk:
    """Sentences, one a step, and the steps in which a part of the picture comes, goes, counts."""

    graph: Graph
    said: list[tuple[str, str]] = field(default_factory=list)
    since: dict[str, int] = field(default_factory=dict)
    until: dict[str, int] = field(default_factory=dict)
    now: dict[str, list[int]] = field(default_factory=dict)

    def step(self, phase: str, text: str, new: list[str], about: list[str]) -> None:
        """One more step, with the parts that are new in it and the nodes that it is about."""
        for name in about:
            self.now.setdefault(name, []).append(len(self.said))
        self.since |= dict.fromkeys(new, len(self.said))
        self.said.append((phase, text))


def graph(x1: float, x2: float) -> Graph:
    """The graph of y = s p + p at some point, differentiated."""
    a, b = Tensor(x1, dtype="float64"), Tensor(x2, dtype="float64")
    s, p = a**2, a * b
    m = s * p
    y = m + p
    y.backward()
    nodes = {"x1": a, "x2": b, "s": s, "p": p, "m": m, "y": y}
    return Graph(nodes, list(contributions(y, {node: name for name, node in nodes.items()})))


def contributions(y: Tensor, names: dict[Tensor, str]) -> Iterator[tuple[str, str, float]]:
    """Who hands what to whom, in the order of the walk."""
    for node in reversed(find_topo_sort([y])):
        grads = node.op.gradient_as_tuple(node.grad, node) if node.op else ()
        for x, grad in zip(node.inputs, grads, strict=True):
            yield names[node], names[x], float(grad.numpy())


def walk(graph: Graph) -> Walk:
    """Every step, forward and back."""
    told = Walk(graph)
    given = " and ".join(f"{x}{WITH}= {num(graph.value(x))}" for x in ("x1", "x2"))
    told.step(FORWARD, f"The inputs are given: {given}.", ["v-x1", "v-x2"], ["x1", "x2"])
    for name, made in MADE.items():
        numbers = NAME.sub(lambda name: num(graph.value(name[0])), made)
        text = f"{name} = {made} = {numbers} = {num(graph.value(name))}."
        told.step(FORWARD, text, [f"v-{name}"], [name])
    end = f"bar(y) = {num(graph.adjoint('y'))}"
    text = f"Now from the end: y grows exactly as fast as itself, so {end}."
    told.step(BACK, text, ["a-y"], ["y"])
    arrived: dict[str, list[float]] = {}
    for user, x, grad in graph.handed:
        arrived.setdefault(x, []).append(grad)
        hand(told, user, x, arrived[x])
    told.step(BACK, difference(graph), [], ["x1", "y"])
    return told


def hand(told: Walk, user: str, x: str, arrived: list[float]) -> None:
    """The step in which x gets something from a user of it; after the last, the sum."""
    users, part = told.graph.users(x), f"e-{user}-{x}"
    text = f"{reason(told.graph, user, x)} {x} gets {handed(told.graph, user, x, arrived[-1])}."
    if len(users) == 1:
        only = f"Nothing else uses {x}, so bar({x}) = {num(arrived[-1])}."
        told.step(BACK, f"{text} {only}", [part, f"a-{x}"], [user, x])
    elif len(arrived) < len(users):
        wait = f"But {users[-1]} uses {x} too, so bar({x}) waits."
        told.step(BACK, f"{text} {wait}", [part, f"w-{x}"], [user, x])
    else:
        told.step(BACK, text, [part], [user, x])
        terms = " + ".join(map(num, arrived))
        total = f"bar({x}) = {terms} = {num(told.graph.adjoint(x))}"
        told.until[f"w-{x}"] = len(told.said)
        text = f"Both uses of {x} have answered. The contributions add up: {total}."
        told.step(BACK, text, [f"a-{x}"], [x])


def reason(graph: Graph, user: str, x: str) -> str:
    """The rule of the op, said before the first of its inputs gets something."""
    if graph.nodes[user].inputs[0] is not graph.nodes[x]:
        return "And"
    return f"{user} = {MADE[user]}, and {RULES[graph.rule(user)]}:"


def handed(graph: Graph, user: str, x: str, grad: float) -> str:
    """An adjoint times a slope, in letters and in numbers."""
    if graph.rule(user) == "EWiseAdd":
        return f"bar({user}) = {num(grad)}"
    slope, number = f"2 {x}", 2 * graph.value(x)
    if graph.rule(user) == "EWiseMul":
        (slope,) = {*MADE[user].split(" · ")} - {x}
        number = graph.value(slope)
    return f"bar({user}) · {slope} = {num(graph.adjoint(user))} · {num(number)} = {num(grad)}"


def difference(at: Graph) -> str:
    """What a small change of x1 does to y, beside what the adjoint says."""
    x1 = at.value("x1") + BIT
    y = graph(x1, at.value("x2")).value("y")
    more = f"{num(at.adjoint('x1'))} · {BIT} more"
    return f"You need not believe it: at x1{WITH}= {x1:g}, y is {y:.3f}, which is {more}."


def num(value: float) -> str:
    return f"{round(value, 3):g}"


def in_html(text: str) -> str:
    """A sentence with its names set as such; bar(x) is x under a bar."""

    def name(match: re.Match[str]) -> str:
        letter, index = split(match)
        index = f"<sub>{index}</sub>" if index else ""
        if match[1]:
            said = '<span class="visually-hidden"> bar</span>'
            return f'<var class="bar">{letter}</var>{index}{said}'
        return f"<var>{letter}</var>{index}"

    joined = (
        text.replace(" · ", f"{WITH}·{WITH}").replace("= ", f"={WITH}").replace("+ ", f"+{WITH}")
    )
    return NAME.sub(name, joined)


def in_svg(text: str) -> str:
    """The same in a picture."""

    def name(match: re.Match[str]) -> str:
        letter, index = split(match)
        kind = "var bar" if match[1] else "var"
        low = f'<tspan class="sub" dy="4">{index}</tspan><tspan dy="-4">&#8203;</tspan>'
        return f'<tspan class="{kind}">{letter}</tspan>{low if index else ""}'

    return NAME.sub(name, text)


def split(match: re.Match[str]) -> tuple[str, str]:
    name = match[1] or match[2]
    return name[0], name[1:]


def picture(told: Walk, kind: str, alt: str) -> str:
    """The graph: of `kind` "forward" with values alone, of kind "both" with all there is."""
    both = kind == "both"
    edges = [edge(told, user, x, both) for user, x, _ in told.graph.handed]
    backs = [back(told, *handed) for handed in told.graph.handed if both]
    cards = [card(told, name, both) for name in PLACES]
    box = f'viewBox="0 0 {SIZE[0]} {SIZE[1]}" role="img" aria-label="{alt}"'
    return "\n".join((f'<svg class="{kind}" {box}>', *edges, *backs, *cards, "</svg>"))


def when(told: Walk, key: str) -> str:
    """The attributes that say from which step to which a part is seen."""
    until = f' data-until="{told.until[key]}"' if key in told.until else ""
    return f'data-from="{told.since[key]}"{until}'


def edge(told: Walk, user: str, x: str, both: bool) -> str:
    """An arrow from an input to what is computed from it, until there is one back."""
    until = f' data-from="0" data-until="{told.since[f"e-{user}-{x}"]}"' if both else ""
    return f'<path class="edge"{until} d="{line(*ends(x, user))}" />'


def back(told: Walk, user: str, x: str, grad: float) -> str:
    """The arrow back, with what goes along it."""
    start, end = ends(x, user)
    cx, cy = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    half = 11 + 4.5 * len(num(grad))
    return (
        f'<g class="back" {when(told, f"e-{user}-{x}")}><path d="{line(end, start)}" />'
        f'<rect x="{cx - half:g}" y="{cy - 13:g}" width="{2 * half:g}" height="26" rx="13" />'
        f'<text x="{cx:g}" y="{cy + 5:g}">{num(grad)}</text></g>'
    )


def ends(x: str, user: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where the line from an input to its user begins and ends."""
    (ax, ay), (bx, by) = PLACES[x], PLACES[user]
    shift = max(-44, min(44, (bx - ax) / 4))
    return (ax + shift, ay + HEIGHT / 2 + 2), (bx - shift, by - HEIGHT / 2 - 2)


def line(start: tuple[float, float], end: tuple[float, float]) -> str:
    """A line with the tip of an arrow."""
    (ax, ay), (bx, by) = start, end
    length = ((bx - ax) ** 2 + (by - ay) ** 2) ** 0.5
    ux, uy = 9 * (bx - ax) / length, 9 * (by - ay) / length
    left, right = ((bx - ux + k * uy / 2, by - uy - k * ux / 2) for k in (1, -1))
    tip = f"M{left[0]:.1f} {left[1]:.1f}L{bx:g} {by:g}L{right[0]:.1f} {right[1]:.1f}"
    return f"M{ax:g} {ay:g}L{bx:g} {by:g}{tip}"


def card(told: Walk, name: str, both: bool) -> str:
    """A node: how it is computed, below it its value and its adjoint."""
    cx, cy = PLACES[name]
    left, top = cx - WIDTH / 2, cy - HEIGHT / 2
    title = f"{name} = {MADE[name]}" if name in MADE else name
    halves = [half(told, f"v-{name}", "value", num(told.graph.value(name)), left, cy)]
    if both:
        halves += adjoints(told, name, left, cy)
    now = " ".join(map(str, told.now[name]))
    box = f'x="{left:g}" y="{top:g}" width="{WIDTH}" height="{HEIGHT}" rx="9"'
    text = f'<text class="title" x="{cx}" y="{cy - 9}">{in_svg(title)}</text>'
    return f'<g class="node" data-now="{now}"><rect {box} />{text}{"".join(halves)}</g>'


def adjoints(told: Walk, name: str, left: float, middle: float) -> Iterator[str]:
    """What has arrived while a node waits for more, and its adjoint."""
    if f"w-{name}" in told.since:
        first = next(grad for _, x, grad in told.graph.handed if x == name)
        text = f"bar({name}) = {num(first)} + …"
        yield half(told, f"w-{name}", "adjoint", text, left, middle)
    text = f"bar({name}) = {num(told.graph.adjoint(name))}"
    yield half(told, f"a-{name}", "adjoint", text, left, middle)


def half(told: Walk, key: str, kind: str, text: str, left: float, middle: float) -> str:
    """The left half of a card's lower row, for a value, or the right one."""
    start, width = (3, SPLIT - 4) if kind == "value" else (SPLIT + 1, WIDTH - SPLIT - 4)
    box = (
        f'x="{left + start:g}" y="{middle:g}" width="{width:g}" height="{HEIGHT / 2 - 3:g}" rx="6"'
    )
    place = f'x="{left + start + width / 2:g}" y="{middle + 19:g}"'
    return (
        f'<g class="{kind}" {when(told, key)}><rect {box} /><text {place}>{in_svg(text)}</text></g>'
    )


def figure(told: Walk) -> str:
    """Two pictures and all sentences, of which the script shows one picture and one sentence."""
    values = ", ".join(f"{name} = {num(told.graph.value(name))}" for name in PLACES)
    adjoints = ", ".join(f"{num(told.graph.adjoint(name))} for {name}" for name in PLACES)
    steps = [f'<li data-phase="{phase}">{in_html(text)}</li>' for phase, text in told.said]
    lines = (
        '<figure class="stepper">',
        f"<figcaption>{in_html(CAPTION)}</figcaption>",
        '<div class="pictures">',
        picture(told, "forward", f"{ALT} The values: {values}."),
        picture(told, "both", f"{ALT} The adjoints: {adjoints}."),
        "</div>",
        "<ol>",
        *steps,
        "</ol>",
        "</figure>",
    )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    text = figure(walk(graph(*START)))
    (Path(sys.argv[1]) / f"after-{CELL}.html").write_text(text, encoding="utf-8")
