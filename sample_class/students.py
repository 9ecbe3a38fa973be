"""Nine students such as a real class has, and the notebooks that they hand in.

A student is a function that edits the solved notebook of each stage; what it returns is written
to `<student>/<stage>/<stage>.ipynb`, nbgrader's layout. None means that nothing was handed in.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mugrade.course.model import Course, Stage
from mugrade.course.reading import load_course

Notebook = dict[str, Any]
Student = Callable[[Stage, Notebook], Notebook | str | None]


def ada(stage: Stage, notebook: Notebook) -> Notebook:
    """Everything is right."""
    return notebook


def emmy(stage: Stage, notebook: Notebook) -> Notebook:
    """Everything is right, and written in her own way, with helpers, prints and warnings."""
    for id, source in UNUSUAL.get(stage.name, {}).items():
        rewrite(notebook, id, source)
    if stage.name == "03_logsumexp":
        insert_before(notebook, "stable-logsumexp", UNUSUAL_HELPER)
    return notebook


def noor(stage: Stage, notebook: Notebook) -> Notebook | None:
    """Half done: two stages, the third begun, the fourth handed in empty, no fifth."""
    number = int(stage.name[:2])
    left = {2: ["sequential", "residual"], 3: ["stable-logsumexp", "logsumexp"]}.get(number, [])
    for id in left:
        cell(notebook, id)["source"] = UNSOLVED[id]
    return notebook if number < 4 else None


def carl(stage: Stage, notebook: Notebook) -> Notebook:
    """A logsumexp that overflows; a BatchNorm1d, and then an epoch, that know no eval mode."""
    if stage.name == "03_logsumexp":
        shift = "np.where(np.isfinite(top), top, 0)"
        edit(notebook, "stable-logsumexp", shift, "np.zeros_like(top)")
    if stage.name == "05_norms":
        for next_line in ("n = x", "var = "):
            test = f"if self.training:\n            {next_line}"
            edit(notebook, "batchnorm", test, test.replace("self.training", "True"))
    if stage.name == "08_mlp_resnet":
        edit(notebook, "epoch", "model.eval()", "model.train()")
    return notebook


def lise(stage: Stage, notebook: Notebook) -> Notebook:
    """Gradients off by a factor or short of a term, and an Adam that counts from 2."""
    if stage.name == "00_autograd":
        edit(notebook, "divide", "-(a_grad * node)", "a_grad * node")
    if stage.name == "04_logsoftmax":
        edit(notebook, "logsoftmax", "row_sums = out_grad.sum(1)", "row_sums = 2 * out_grad.sum(1)")
    if stage.name == "06_optimizers":
        edit(notebook, "adam", "self.t = 0", "self.t = 1")
    if stage.name == "09_fast":
        edit(notebook, "fast-layernorm", "        x_grad -= through_mean\n", "")
    return notebook


def sofia(stage: Stage, notebook: Notebook) -> Notebook:
    """Exceptions: a bias that is never broadcast, a loader that runs beyond its data."""
    if stage.name == "02_linear":
        edit(notebook, "linear", "self.bias.broadcast_to(y.shape)", "self.bias")
    if stage.name == "07_dataloader":
        edit(
            notebook,
            "data-loader",
            "order[start : start + self.batch_size]",
            "np.arange(start, start + self.batch_size)",
        )
    return notebook


def alan(stage: Stage, notebook: Notebook) -> Notebook:
    """A loop that never ends."""
    if stage.name == "04_logsoftmax":
        loop = "while logits is not y:\n            pass"
        edit(notebook, "softmax-loss", BEGIN, f"{BEGIN}\n        {loop}")
    return notebook


def kurt(stage: Stage, notebook: Notebook) -> Notebook:
    """Right, but cells were copied, checks and given cells deleted, and all metadata lost."""
    if stage.name == "03_logsumexp":
        solved = dict(cell(notebook, "stable-logsumexp"))
        cell(notebook, "stable-logsumexp")["source"] = UNSOLVED["stable-logsumexp"]
        cells = notebook["cells"]
        cells.insert(cells.index(cell(notebook, "logsumexp")), solved | {"id": "a-copy"})
        gone = {"logsumexp-module", "logsumexp-axes", "logsumexp-gradient"}
        notebook["cells"] = [c for c in cells if c["id"] not in gone]
        for c in notebook["cells"]:
            c["metadata"] = {}
    return notebook


def hedy(stage: Stage, notebook: Notebook) -> Notebook | str:
    """A file that was cut off while it was being saved."""
    text = json.dumps(notebook, indent=1)
    return text[: len(text) // 2] if stage.name == "01_initializers" else notebook


STUDENTS: tuple[Student, ...] = (ada, emmy, noor, carl, lise, sofia, alan, kurt, hedy)
BEGIN = "### BEGIN SOLUTION"
UNSOLVED: dict[str, str] = {}

UNUSUAL_HELPER = """\
#| export needle/ops/logsumexp.py
import warnings


def _axes(array, axes):
    warnings.warn("reducing", stacklevel=2)
    return tuple(range(array.ndim)) if axes is None else tuple(np.atleast_1d(axes) % array.ndim)
"""

UNUSUAL = {
    "01_initializers": {
        "xavier-uniform": """\
def xavier_uniform(fan_in, fan_out, gain=1.0, **kwargs):
    print("drawing", fan_in, "x", fan_out)
    a = gain * (6.0 / (fan_in + fan_out)) ** 0.5
    unit = rand(fan_in, fan_out, **kwargs)
    return Tensor((2 * unit.numpy() - 1) * a, dtype=unit.dtype, requires_grad=unit.requires_grad)
""",
    },
    "03_logsumexp": {
        "stable-logsumexp": """\
def stable_logsumexp(array, axes=None):
    axes = _axes(array, axes)
    rest = [axis for axis in range(array.ndim) if axis not in axes]
    rows = array.transpose(rest + list(axes)).reshape([array.shape[axis] for axis in rest] + [-1])
    print("rows", rows.shape)
    with np.errstate(all="ignore"):
        return np.asarray(np.logaddexp.reduce(rows, axis=-1), dtype=array.dtype)
""",
    },
    "04_logsoftmax": {
        "softmax-loss": """\
class SoftmaxLoss(Module):
    def forward(self, logits, y):
        n, k = logits.shape
        log_p = logits - logsumexp(logits, (1,)).reshape((n, 1)).broadcast_to((n, k))
        return -(log_p * one_hot(k, y, dtype=str(logits.dtype))).sum() / n
""",
    },
    "05_norms": {
        "dropout": """\
class Dropout(Module):
    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, x):
        if self.training:
            keep = np.random.rand(*x.shape) <= 1 - self.p
            print("keeping", keep.mean())
            x = x * Tensor(keep / (1 - self.p), dtype=x.dtype, requires_grad=False)
        return x
""",
    },
    "06_optimizers": {
        "adam": """\
class Adam(Optimizer):
    def __init__(self, params, lr=0.01, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0,
                 *, bias_correction=True):
        super().__init__(params)
        self.hyper = lr, beta1, beta2, eps, weight_decay, bias_correction
        self.state = [(np.zeros_like(p.numpy()), np.zeros_like(p.numpy())) for p in self.params]
        self.steps = 0

    def step(self):
        lr, b1, b2, eps, decay, correct = self.hyper
        self.steps += 1
        c1, c2 = (1 - b1**self.steps, 1 - b2**self.steps) if correct else (1, 1)
        for p, (u, v) in zip(self.params, self.state):
            if p.grad is not None:
                g = (p.grad.numpy() + decay * p.numpy()).astype(p.dtype)
                u[...] = b1 * u + (1 - b1) * g
                v[...] = b2 * v + (1 - b2) * g * g
                step = lr * (u / c1) / (np.sqrt(v / c2) + eps)
                p.data = Tensor(p.numpy() - step, dtype=p.dtype)
""",
    },
    "08_mlp_resnet": {
        "residual-block": """\
class ResidualBlock(nn.Module):
    def __init__(self, dim, hidden_dim, norm=nn.BatchNorm1d, drop_prob=0.1):
        super().__init__()
        self.down, self.norm_in = nn.Linear(dim, hidden_dim), norm(hidden_dim)
        self.drop = nn.Dropout(drop_prob)
        self.up, self.norm_out = nn.Linear(hidden_dim, dim), norm(dim)
        self.relu = nn.ReLU()

    def forward(self, x):
        hidden = self.drop(self.relu(self.norm_in(self.down(x))))
        print("hidden", hidden.shape)
        return self.relu(self.norm_out(self.up(hidden)) + x)
""",
    },
    "09_fast": {
        "fast-batchnorm": """\
class FusedBatchNorm(FusedOp):
    def __init__(self, eps):
        self.eps = eps

    def plain(self, x, weight, bias):
        layer = nn.BatchNorm1d(x.shape[1], self.eps, dtype=str(weight.dtype))
        return with_parameters(layer, weight, bias)(x)

    def compute(self, x, weight, bias):
        self.mean, self.var = x.mean(axis=0), x.var(axis=0)
        self.std = np.sqrt(self.var + self.eps)
        self.h = (x - self.mean) / self.std
        print("normalized", self.h.shape)
        return self.h * weight + bias

    def derivatives(self, g, node):
        h_grad = g * node.inputs[1].numpy()
        x_grad = (h_grad - h_grad.mean(0) - self.h * (h_grad * self.h).mean(0)) / self.std
        return x_grad, (g * self.h).sum(0), g.sum(0)
""",
    },
    "07_dataloader": {
        "data-loader": """\
class DataLoader:
    def __init__(self, dataset, batch_size=1, shuffle=False):
        self.args = dataset, batch_size, shuffle

    def __iter__(self):
        dataset, size, shuffle = self.args
        order = list(range(len(dataset)))
        if shuffle:
            np.random.shuffle(order)
        parts = (order[i : i + size] for i in range(0, len(order), size))
        return (
            tuple(Tensor(column, requires_grad=False) for column in dataset[np.array(part)])
            for part in parts
        )
""",
    },
}


def hand_in(root: Path, folder: Path) -> int:
    """Write every student's notebooks below `folder`; returns how many there are."""
    shutil.rmtree(folder, ignore_errors=True)
    course = load_course(root)
    count = 0
    for stage in course.stages:
        UNSOLVED.update({c["id"]: c["source"] for c in committed(course, stage)["cells"]})
        for student in STUDENTS:
            result = student(stage, solved(course, stage))
            if result is not None:
                path = folder / student.__name__ / stage.name / f"{stage.name}.ipynb"
                path.parent.mkdir(parents=True)
                text = result if isinstance(result, str) else json.dumps(result, indent=1)
                path.write_text(text, encoding="utf-8")
                count += 1
    return count


def committed(course: Course, stage: Stage) -> Notebook:
    """The student's notebook as it is handed out."""
    notebook = json.loads((course.root / "notebooks" / f"{stage.name}.ipynb").read_text("utf-8"))
    for c in notebook["cells"]:
        c["source"] = "".join(c["source"])
    return notebook


def solved(course: Course, stage: Stage) -> Notebook:
    """The student's notebook with every exercise answered as the reference does."""
    notebook = committed(course, stage)
    for answer in stage.role("solution"):
        cell(notebook, answer.id)["source"] = f"#| export {answer.export}\n{answer.source}"
    return notebook


def cell(notebook: Notebook, id: str) -> dict[str, Any]:
    return next(c for c in notebook["cells"] if c["id"] == id)


def rewrite(notebook: Notebook, id: str, source: str) -> None:
    """Put another answer into a cell, below its export line."""
    export, _, _ = cell(notebook, id)["source"].partition("\n")
    cell(notebook, id)["source"] = f"{export}\n{source}"


def edit(notebook: Notebook, id: str, old: str, new: str) -> None:
    """Replace the one place in a cell that says `old`."""
    source = cell(notebook, id)["source"]
    assert source.count(old) == 1, f"{id} says {old!r} {source.count(old)} times"
    cell(notebook, id)["source"] = source.replace(old, new)


def insert_before(notebook: Notebook, id: str, source: str) -> None:
    """Add a code cell in front of another."""
    new = {"cell_type": "code", "id": f"own-{id}", "metadata": {}, "outputs": [], "source": source}
    new["execution_count"] = None
    notebook["cells"].insert(notebook["cells"].index(cell(notebook, id)), new)
