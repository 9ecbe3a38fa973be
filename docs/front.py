"""The picture of the front page: a network of needle learns to tell two arms of a spiral apart.

`python docs/front.py FOLDER`, with solutions/ on the path, draws it for light pages and dark ones.
"""

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import needle as ndl
import numpy as np
from needle import nn, optim
from PIL import Image

STEPS = (0, 15, 40, 400)
ARMS = matplotlib.colors.LinearSegmentedColormap.from_list(
    "arms", ["#4C9FD4", "#FBF9F4", "#F2B84B"]
)
POINTS = ("#00507D", "#9A5B00")
THEMES = {"light": "#333333", "dark": "#DDDDDD"}
EDGE = 1.15
COLOURS = 256


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
    return 0.5 * (1 + np.tanh((logits[:, 1] - logits[:, 0]) / 2)).reshape(size, size)


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
            axis.scatter(
                *x.T, c=[POINTS[arm] for arm in y], s=13, edgecolors="white", linewidths=0.5
            )
            axis.set_axis_off()
            axis.set_title(f"step {step}: {right:.0%} right", color=ink, fontsize=13)
        _save(figure, folder / f"front-{theme}.png")
        plt.close(figure)


def _save(figure: Any, path: Path) -> None:
    """In few colours, which keeps it small."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, transparent=True)
    picture = Image.open(buffer).convert("RGBA")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    matplotlib.use("agg")
    main(Path(sys.argv[1]))
