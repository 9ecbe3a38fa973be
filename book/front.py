"""The picture of the front page: a network of needle learns to tell two arms of a spiral apart.

`python book/front.py FOLDER`, with needle on the path, draws it for a light page and a dark one.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np

import needle as ndl
from needle import nn, optim

STEPS = (0, 100, 300, 1500)
ARMS = matplotlib.colors.LinearSegmentedColormap.from_list("arms", ["#0072B2", "#F7F4EE", "#E69F00"])
THEMES = {"light": "#333333", "dark": "#DDDDDD"}
EDGE = 1.15


def spiral(points: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points of two arms, (2 points, 2) in float32, and the arm of each."""
    t = np.sqrt(rng.uniform(0.03, 1, points))
    angle = 3.2 * np.pi * t
    arm = np.stack([t * np.cos(angle), t * np.sin(angle)], axis=1)
    noisy = np.concatenate([arm, -arm]) + 0.02 * rng.standard_normal((2 * points, 2))
    return noisy.astype("float32"), np.repeat([0, 1], points)


def network() -> nn.Module:
    """Two numbers in, a logit for each arm out."""
    return nn.Sequential(
        nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)
    )


def learning(x: np.ndarray, y: np.ndarray) -> Iterator[nn.Module]:
    """The network before its first step, and after some more of them."""
    model, loss = network(), nn.SoftmaxLoss()
    adam = optim.Adam(model.parameters(), lr=0.01)
    for step in range(STEPS[-1] + 1):
        if step in STEPS:
            yield model
        adam.reset_grad()
        loss(model(ndl.Tensor(x)), ndl.Tensor(y)).backward()
        adam.step()


def surface(model: nn.Module, size: int = 240) -> np.ndarray:
    """How sure the network is of the second arm, at every point of the square."""
    line = np.linspace(-EDGE, EDGE, size, dtype="float32")
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    logits = model(ndl.Tensor(grid)).numpy()
    return 1 / (1 + np.exp(logits[:, 0] - logits[:, 1])).reshape(size, size)


def main(folder: Path) -> None:
    """Train once, draw twice."""
    import matplotlib.pyplot as plt

    np.random.seed(1)
    x, y = spiral(150, np.random.default_rng(0))
    seen = []
    for model in learning(x, y):
        right = np.mean(model(ndl.Tensor(x)).numpy().argmax(axis=1) == y)
        seen.append((surface(model), right))
    for theme, ink in THEMES.items():
        figure, axes = plt.subplots(1, len(STEPS), figsize=(12, 3.4), layout="constrained")
        for axis, step, (sure, right) in zip(axes, STEPS, seen, strict=True):
            box = (-EDGE, EDGE, -EDGE, EDGE)
            axis.imshow(sure, origin="lower", extent=box, cmap=ARMS, vmin=0, vmax=1)
            axis.scatter(*x.T, c=y, cmap=ARMS, s=9, edgecolors="#222222", linewidths=0.35)
            axis.set_axis_off()
            axis.set_title(f"step {step}: {right:.0%} right", color=ink, fontsize=13)
        figure.savefig(folder / f"front-{theme}.png", dpi=120, transparent=True)
        plt.close(figure)


if __name__ == "__main__":
    matplotlib.use("agg")
    main(Path(sys.argv[1]))
