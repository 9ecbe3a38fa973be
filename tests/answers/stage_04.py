"""Answers to stage 04 that must lose points (WRONG) and that must not (RIGHT)."""

WRONG = {
    "logsoftmax": {
        "digits are lost in the logsumexp": """
from needle.ops.logsumexp import stable_logsumexp


class LogSoftmax(TensorOp):
    def compute(self, array):
        return array - stable_logsumexp(array, axes=1)[:, np.newaxis]

    def gradient(self, out_grad, node):
        n, k = node.shape
        return out_grad - exp(node) * out_grad.sum((1,)).reshape((n, 1)).broadcast_to((n, k))


def logsoftmax(a):
    return LogSoftmax()(a)
""",
        "the maximum is not subtracted": [
            ("array - np.max(array, axis=1, keepdims=True)", "array - 0"),
        ],
        "one maximum for the whole matrix": [
            ("np.max(array, axis=1, keepdims=True)", "np.max(array)"),
        ],
        "the logarithm of the softmax": [
            (
                "return shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))",
                "e = np.exp(shifted)\n        return np.log(e / e.sum(axis=1, keepdims=True))",
            ),
        ],
        "an epsilon against the logarithm of 0": [
            (
                "return shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))",
                "e = np.exp(shifted)\n"
                "        return np.log(e / e.sum(axis=1, keepdims=True) + 1e-12)",
            ),
        ],
        "the maximum is left out of the difference": [
            ("return shifted - np.log", "return array - np.log"),
        ],
        "the maximum is subtracted twice": [
            ("return shifted - np.log", "return shifted - np.max(array, axis=1)[:, None] - np.log"),
        ],
        "only the maximum is subtracted": [
            (
                "return shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))",
                "return shifted",
            ),
        ],
        "the softmax": [
            (
                "return shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))",
                "e = np.exp(shifted)\n        return e / e.sum(axis=1, keepdims=True)",
            ),
        ],
        "columns instead of rows": [
            ("np.max(array, axis=1, keepdims=True)", "np.max(array, axis=0, keepdims=True)"),
            ("np.exp(shifted), axis=1, keepdims=True", "np.exp(shifted), axis=0, keepdims=True"),
        ],
        "the whole matrix instead of each row": [
            ("np.max(array, axis=1, keepdims=True)", "np.max(array)"),
            ("np.sum(np.exp(shifted), axis=1, keepdims=True)", "np.sum(np.exp(shifted))"),
        ],
        "the sum aligns right": [
            ("np.exp(shifted), axis=1, keepdims=True", "np.exp(shifted), axis=1")
        ],
        "the wrong sign": [("return shifted - np.log", "return -shifted + np.log")],
        "the mean of the exponentials": [("np.sum(", "np.mean(")],
        "the input is changed in place": [
            (
                "shifted = array - np.max(array, axis=1, keepdims=True)",
                "array -= np.max(array, axis=1, keepdims=True)\n        shifted = array",
            ),
        ],
        "float64 out of float32": [
            ("shifted = array - np.max", "shifted = array.astype(float) - np.max"),
        ],
        "float32 out of float64": [
            (
                "shifted = array - np.max",
                'array = array.astype("float32")\n        shifted = array - np.max',
            ),
        ],
        "float64 gradients": [
            (
                "return out_grad - exp(node)",
                "out_grad = out_grad * Tensor(np.ones(node.shape))\n"
                "        return out_grad - exp(node)",
            ),
        ],
        "float32 gradients out of float64": [
            (
                "return out_grad - exp(node) * row_sums.broadcast_to(node.shape)",
                "grad = out_grad - exp(node) * row_sums.broadcast_to(node.shape)\n"
                '        return Tensor(grad, dtype="float32")',
            ),
        ],
        "the logarithm of a softmax that overflows": [
            (
                "return shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))",
                "p = np.exp(array) / np.exp(array).sum(1)[:, None]\n        return np.log(p)",
            ),
        ],
        "out_grad is ignored": [
            (
                "return out_grad - exp(node) * row_sums.broadcast_to(node.shape)",
                "return 1 - exp(node) * node.shape[1]",
            ),
        ],
        "only what goes through z itself": [
            ("out_grad - exp(node) * row_sums.broadcast_to(node.shape)", "out_grad"),
        ],
        "out_grad entry by entry instead of its sum": [
            ("exp(node) * row_sums.broadcast_to(node.shape)", "exp(node) * out_grad"),
        ],
        "the sum of out_grad is taken for 1": [
            ("exp(node) * row_sums.broadcast_to(node.shape)", "exp(node)"),
        ],
        "out_grad is averaged": [
            (
                "return out_grad - exp(node) * row",
                "return out_grad - exp(node) / node.shape[1] * row",
            ),
        ],
        "out_grad is summed over columns": [
            (
                "out_grad.sum(1).reshape((node.shape[0], 1))",
                "out_grad.sum(0).reshape((1, node.shape[1]))",
            ),
        ],
        "out_grad is summed over everything": [
            ("out_grad.sum(1).reshape((node.shape[0], 1))", "out_grad.sum().reshape((1, 1))"),
        ],
        "the row sums align right": [
            ("out_grad.sum(1).reshape((node.shape[0], 1))", "out_grad.sum(1)"),
        ],
        "the exponential of the logits": [("exp(node)", "exp(node.inputs[0])")],
        "the log-probability instead of the probability": [("exp(node)", "node")],
        "the softmax is multiplied in twice": [
            ("exp(node) * row_sums", "exp(node) * (exp(node) * out_grad).sum(1).reshape((-1, 1))"),
        ],
        "plus instead of minus": [("out_grad - exp(node)", "out_grad + exp(node)")],
        "a softmax that overflows": [
            (
                "return out_grad - exp(node)",
                "e = exp(node.inputs[0])\n"
                "        s = e / e.sum(1).reshape((-1, 1)).broadcast_to(node.shape)\n"
                "        return out_grad - s",
            ),
        ],
        "the softmax is a constant": [("exp(node)", "exp(node.detach())")],
        "the gradient is computed on arrays": [
            (
                "return out_grad - exp(node) * row_sums.broadcast_to(node.shape)",
                "return Tensor(out_grad.numpy() - np.exp(node.numpy()) * row_sums.numpy())",
            ),
        ],
    },
    "softmax-loss": {
        "the sum instead of the mean": [(".sum() / n", ".sum()")],
        "the mean over all entries": [(".sum() / n", ".sum() / (n * logits.shape[1])")],
        "divided by the number of classes": [(".sum() / n", ".sum() / logits.shape[1]")],
        "one loss for each row": [("-log_p.sum() / n", "-log_p")],
        "the logsumexp is forgotten": [("pick(logsoftmax(logits), y)", "pick(logits, y)")],
        "the maximum instead of logsumexp": [
            (
                "-log_p.sum() / n",
                "(Tensor(logits.numpy().max(axis=1)) - pick(logits, y)).sum() / n",
            ),
        ],
        "the logarithm of a sum that overflows": [
            (
                "return -log_p.sum() / n",
                "from needle.ops import exp, log\n\n"
                "        return (log(exp(logits).sum(1)) - pick(logits, y)).sum() / n",
            ),
        ],
        "the logarithm of the softmax": [
            (
                "return -log_p.sum() / n",
                "from needle.ops import exp, log\n\n        return -log(exp(log_p)).sum() / n",
            ),
        ],
        "the logarithm of a softmax that overflows": [
            (
                "return -log_p.sum() / n",
                "k = logits.shape[1]\n"
                "        right_class = one_hot(k, y, dtype=logits.dtype)\n"
                "        from needle.ops import exp, log\n\n"
                "        e = exp(logits)\n"
                "        p = e / e.sum(1).reshape((n, 1)).broadcast_to((n, k))\n"
                "        return (-log(p) * right_class).sum() / n",
            ),
        ],
        "the mean by a tensor of a whole number": [
            (".sum() / n", ".sum() / Tensor(n)"),
        ],
        "the probability instead of its logarithm": [
            (
                "return -log_p.sum() / n",
                "from needle.ops import exp\n\n        return exp(log_p).sum() / -n",
            ),
        ],
        "columns instead of rows": [
            ("logsoftmax(logits)", "logsoftmax(logits.transpose()).transpose()"),
        ],
        "the logsumexp of the whole batch": [
            ("-log_p.sum()", "(logsumexp(logits).broadcast_to((n,)) - pick(logits, y)).sum()"),
        ],
        "the wrong sign": [("-log_p", "log_p")],
        "logsumexp minus the right logit": [
            ("-log_p.sum()", "(logsumexp(logits, axes=1) - pick(logits, y)).sum()"),
        ],
        "as in the handout, the sums taken apart": [
            (
                "-log_p.sum()",
                "(logsumexp(logits, axes=1).sum() - (logits * one_hot(logits.shape[1], y)).sum())",
            ),
        ],
        "as many classes as the largest label says": [
            (
                "pick(logsoftmax(logits), y)",
                "(logsoftmax(logits) * one_hot(int(y.numpy().max()) + 1, y)).sum(1)",
            ),
        ],
        "as many classes as rows": [
            ("pick(logsoftmax(logits), y)", "(logsoftmax(logits) * one_hot(n, y)).sum(1)"),
        ],
        "labels counted from 1": [
            ("(logits), y)", "(logits), Tensor((y.numpy().astype(int) - 1) % logits.shape[1]))"),
        ],
        "labels counted from 1, and -1 for the first": [
            ("(logits), y)", "(logits), Tensor(y.numpy().astype(int) - 1))"),
        ],
        "the labels are ignored": [
            ("(logits), y)", "(logits), Tensor(logits.numpy().argmax(axis=1)))"),
        ],
        "the label of the first row for all": [
            ("(logits), y)", "(logits), Tensor(np.full(n, y.numpy()[0])))"),
            ("n = logits.shape[0]", "import numpy as np\n\n        n = logits.shape[0]"),
        ],
        "computed on arrays, so the gradient is lost": [
            ("logsoftmax(logits)", "logsoftmax(logits.detach())"),
        ],
        "the gradient through logsumexp is lost": [
            ("-log_p.sum()", "(logsumexp(logits.detach(), axes=1) - pick(logits, y)).sum()"),
        ],
        "float64 out of float32": [
            (".sum() / n", ".sum() / Tensor(float(n), dtype='float64')"),
        ],
        "the squared error of the probabilities": [
            (
                "return -log_p.sum() / n",
                "from needle.ops import exp\n\n"
                "        error = exp(logsoftmax(logits)) - one_hot(logits.shape[1], y)\n"
                "        return (error**2).sum() / n",
            ),
        ],
    },
}

RIGHT = {
    "logsoftmax": {
        "with stable_logsumexp of stage 03": """
from needle.ops.logsumexp import stable_logsumexp


class LogSoftmax(TensorOp):
    def compute(self, array):
        shifted = array - array.max(axis=1)[:, np.newaxis]
        return shifted - stable_logsumexp(shifted, axes=1)[:, np.newaxis]

    def gradient(self, out_grad, node):
        n, k = node.shape
        return out_grad - exp(node) * out_grad.sum((1,)).reshape((n, 1)).broadcast_to((n, k))


def logsoftmax(a):
    return LogSoftmax()(a)
""",
        "row by row, and matrix products with ones": """
class LogSoftmax(TensorOp):
    def compute(self, array):
        shifted = [row - row.max() for row in array]
        rows = [row - np.logaddexp.reduce(row) for row in shifted]
        return np.stack(rows)

    def gradient(self, out_grad, node):
        k = node.shape[1]
        ones = Tensor(np.ones((k, k), dtype=node.dtype), requires_grad=False)
        return out_grad - exp(node) * (out_grad @ ones)


def logsoftmax(a):
    return LogSoftmax()(a)
""",
        "the softmax from the logits, by logsumexp": """
from needle.ops import logsumexp


class LogSoftmax(TensorOp):
    def compute(self, Z):
        m = Z.max(axis=-1)[..., None]
        return Z - m - np.log(np.exp(Z - m).sum(axis=-1)[..., None])

    def gradient(self, out_grad, node):
        z = node.inputs[0]
        z = z - Tensor(z.numpy().max(axis=1)[:, None] + 0 * z.numpy(), requires_grad=False)
        log_sum = logsumexp(z, axes=(1,)).reshape((z.shape[0], 1)).broadcast_to(z.shape)
        softmax = exp(z - log_sum)
        total = out_grad.sum((1,)).reshape((z.shape[0], 1)).broadcast_to(z.shape)
        return out_grad + -softmax * total


def logsoftmax(a):
    return LogSoftmax()(a)
""",
        "transposed, in place on a copy": """
class LogSoftmax(TensorOp):
    def compute(self, array):
        columns = array.T.copy()
        columns -= columns.max(axis=0)
        columns -= np.log(np.exp(columns).sum(axis=0))
        return columns.T

    def gradient(self, out_grad, node):
        sums = out_grad.transpose().sum(0).broadcast_to(node.transpose().shape).transpose()
        return out_grad - sums * exp(node)


def logsoftmax(a):
    return LogSoftmax()(a)
""",
    },
    "softmax-loss": {
        "by logsoftmax": """
from needle.ops import logsoftmax


class SoftmaxLoss(Module):
    def forward(self, logits, y):
        n, k = logits.shape
        return -(logsoftmax(logits) * one_hot(k, y)).sum() / n
""",
        "by logsoftmax, the sum over everything": """
import needle


class SoftmaxLoss(Module):
    def forward(self, logits: Tensor, y: Tensor):
        y_one_hot = needle.init.one_hot(logits.shape[1], y)
        right = needle.ops.summation(y_one_hot * needle.ops.logsoftmax(logits))
        return right / -logits.shape[0]
""",
        "the weights of the mean in the one-hot matrix": """
import numpy as np

from needle.ops import logsoftmax


class SoftmaxLoss(Module):
    def forward(self, logits, y):
        n, k = logits.shape
        weights = np.zeros((n, k), dtype=logits.dtype)
        weights[np.arange(n), y.numpy()] = -1 / n
        return (logsoftmax(logits) * Tensor(weights, requires_grad=False)).sum()
""",
        "the right logit subtracted first": '''
class SoftmaxLoss(Module):
    def forward(self, logits, y):
        """logsumexp(z) - z_y = logsumexp(z - z_y): the margin to the right class."""
        n, k = logits.shape
        right = (logits * one_hot(k, y)).sum(1).reshape((n, 1))
        return logsumexp(logits - right.broadcast_to((n, k)), axes=-1).sum() * (1 / n)
''',
    },
}
