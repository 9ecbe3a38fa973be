"""Answers to stage 00 that must lose points (WRONG) and that must not (RIGHT)."""

import textwrap


def op(
    header: str, gradient: str, *, compute: str, init: str = "", function: str, extra: str = ""
) -> str:
    """The source of an op's cell: class, `gradient` body and function."""
    return f"""{extra}
class {header}(TensorOp):
{textwrap.indent(init, "    ")}
    def compute(self, {compute.split(":")[0]}):
        return {compute.split(":", 1)[1].strip()}

    def gradient(self, out_grad, node):
{textwrap.indent(textwrap.dedent(gradient).strip(), " " * 8)}


def {function}
"""


AXES = """
def __init__(self, axes=None):
    self.axes = axes
"""
SCALAR = """
def __init__(self, scalar):
    self.scalar = number(scalar)
"""
SHAPE = """
def __init__(self, shape):
    self.shape = shape
"""


def multiply(gradient: str, extra: str = "") -> str:
    function = "multiply(a, b):\n    return EWiseMul()(a, b)"
    return op("EWiseMul", gradient, compute="a, b: a * b", function=function, extra=extra)


def divide(gradient: str) -> str:
    function = "divide(a, b):\n    return EWiseDiv()(a, b)"
    return op("EWiseDiv", gradient, compute="a, b: a / b", function=function)


def power_scalar(gradient: str) -> str:
    function = "power_scalar(a, scalar):\n    return PowerScalar(scalar)(a)"
    compute = "a: a ** self.scalar"
    return op("PowerScalar", gradient, compute=compute, init=SCALAR, function=function)


def log(gradient: str) -> str:
    return op("Log", gradient, compute="a: np.log(a)", function="log(a):\n    return Log()(a)")


def exp(gradient: str) -> str:
    return op("Exp", gradient, compute="a: np.exp(a)", function="exp(a):\n    return Exp()(a)")


def relu(gradient: str) -> str:
    function = "relu(a):\n    return ReLU()(a)"
    return op("ReLU", gradient, compute="a: np.where(a > 0, a, 0 * a)", function=function)


def transpose(gradient: str) -> str:
    function = "transpose(a, axes=None):\n    return Transpose(axes)(a)"
    compute = "a: np.swapaxes(a, *(self.axes or (-1, -2)))"
    return op("Transpose", gradient, compute=compute, init=AXES, function=function)


def reshape(gradient: str) -> str:
    function = "reshape(a, shape):\n    return Reshape(shape)(a)"
    compute = "a: np.reshape(a, self.shape)"
    return op("Reshape", gradient, compute=compute, init=SHAPE, function=function)


def summation(gradient: str, extra: str = "") -> str:
    function = "summation(a, axes=None):\n    return Summation(axes)(a)"
    compute = "a: a.sum(axis=self.axes)"
    return op("Summation", gradient, compute=compute, init=AXES, function=function, extra=extra)


def matmul(gradient: str, extra: str = "") -> str:
    function = "matmul(a, b):\n    return MatMul()(a, b)"
    return op("MatMul", gradient, compute="a, b: np.matmul(a, b)", function=function, extra=extra)


WRONG = {
    "by-hand": {
        "the way through the sum is forgotten": [("p_bar * b + y_bar", "p_bar * b")],
        "each factor gets itself": [
            ("p_bar * b + y_bar", "p_bar * a + y_bar"),
            ("b_bar = p_bar * a", "b_bar = p_bar * b"),
        ],
        "the one of the sum goes to both": [("b_bar = p_bar * a", "b_bar = p_bar * a + y_bar")],
        "only the sum": [("p_bar * b + y_bar", "y_bar")],
        "subtracted where ways meet": [("p_bar * b + y_bar", "p_bar * b - y_bar")],
        "the value of y": [("p_bar * b + y_bar", "a * b + a")],
        "the sum goes through the product": [("p_bar * b + y_bar", "(p_bar + y_bar) * b")],
        "the two exchanged": [("return a_bar, b_bar", "return b_bar, a_bar")],
        "whole numbers only": [("b_bar = p_bar * a", "b_bar = p_bar * int(a)")],
        "the answer for these numbers": [
            ("p_bar * b + y_bar", "8.0"),
            ("b_bar = p_bar * a", "b_bar = 3.0"),
        ],
    },
    "multiply": {
        "each factor gets itself": [
            ("out_grad * b, out_grad * a", "out_grad * a, out_grad * b"),
        ],
        "out_grad is ignored": [("out_grad * b, out_grad * a", "b, a")],
        "the same for both": [("out_grad * b, out_grad * a", "out_grad * b, out_grad * b")],
        "the output in place of the other factor": [
            ("out_grad * b, out_grad * a", "out_grad * node, out_grad * node"),
        ],
        "both terms of the product rule for each": [
            ("out_grad * b, out_grad * a", "out_grad * (a + b), out_grad * (a + b)"),
        ],
        "handed through as in a sum": [("out_grad * b, out_grad * a", "out_grad, out_grad")],
        "only the first": [("out_grad * b, out_grad * a", "(out_grad * b,)")],
        "arrays instead of tensors": [
            (
                "out_grad * b, out_grad * a",
                "Tensor(out_grad.numpy() * b.numpy()), Tensor(out_grad.numpy() * a.numpy())",
            ),
        ],
        "detached": [
            ("out_grad * b, out_grad * a", "out_grad * b.detach(), out_grad * a.detach()"),
        ],
        "float64 out of float32": [
            (
                "out_grad * b, out_grad * a",
                "Tensor(out_grad, dtype='float64') * b, Tensor(out_grad, dtype='float64') * a",
            ),
        ],
    },
    "divide": {
        "the sign of the second": [("-(a_grad * node)", "a_grad * node")],
        "the square is forgotten": [("-(a_grad * node)", "-a_grad")],
        "minus a instead of minus a over b": [("-(a_grad * node)", "-(a_grad * node.inputs[0])")],
        "one over b squared without a": [("-(a_grad * node)", "-(a_grad / b)")],
        "times b": [("a_grad = out_grad / b", "a_grad = out_grad * b")],
        "the two exchanged": [("a_grad, -(a_grad * node)", "-(a_grad * node), a_grad")],
        "out_grad is ignored": [("out_grad / b", "b ** -1")],
        "out_grad enters twice": [("-(a_grad * node)", "-(a_grad * node * out_grad)")],
        "numerator and denominator confused": [("node.inputs[1]", "node.inputs[0]")],
        "an epsilon in the denominator": [("out_grad / b", "out_grad / (b + 1e-3)")],
        "a tiny epsilon in the denominator": [("out_grad / b", "out_grad / (b + 1e-9)")],
        "float64 out of float32": [
            ("out_grad / b", "out_grad / Tensor(b.numpy().astype(float)) * (b / b)"),
        ],
        "arrays instead of tensors": [
            ("-(a_grad * node)", "Tensor(-a_grad.numpy() * node.numpy())"),
        ],
    },
    "power-scalar": {
        "the exponent is not lowered": [("a ** (n - 1)", "a**n")],
        "the factor n is forgotten": [("(n * a ** (n - 1))", "a ** (n - 1)")],
        "out_grad is ignored": [("return out_grad * (n *", "return (n *")],
        "the factor is n - 1": [("(n * a", "((n - 1) * a")],
        "zero to the power of minus one": [("if n == 0:", "if False:")],
        "zero for n = 1": [("if n == 0:", "if n <= 1 and n >= 0:")],
        "one for n = 0": [("return out_grad * 0", "return out_grad * 1")],
        "through the logarithm": [("n * a ** (n - 1)", "n * node * exp(-log(a))")],
        "by dividing the output": [("n * a ** (n - 1)", "n * node / a")],
        "as if the base were fixed": [("(n * a ** (n - 1))", "node * log(a)")],
        "the exponent cut to an integer": [("n = self.scalar", "n = int(self.scalar)")],
        "always the square": [("(n * a ** (n - 1))", "(2 * a)")],
        "arrays instead of tensors": [
            ("(n * a ** (n - 1))", "Tensor(n * a.numpy() ** float(n - 1), dtype=a.dtype)"),
        ],
    },
    "log": {
        "times a": [("out_grad / node.inputs[0]", "out_grad * node.inputs[0]")],
        "divided by the output": [("out_grad / node.inputs[0]", "out_grad / node")],
        "out_grad is ignored": [("out_grad / node.inputs[0]", "node.inputs[0] ** -1")],
        "one over a squared": [("out_grad / node.inputs[0]", "out_grad / node.inputs[0] ** 2")],
        "an epsilon in the denominator": [
            ("out_grad / node.inputs[0]", "out_grad / (node.inputs[0] + 1e-8)"),
        ],
        "of the logarithm to base 2": [
            ("out_grad / node.inputs[0]", "out_grad / node.inputs[0] / 0.6931472"),
        ],
        "the sign": [("out_grad / node.inputs[0]", "-out_grad / node.inputs[0]")],
        "the logarithm of out_grad": [("out_grad / node.inputs[0]", "log(out_grad)")],
        "arrays instead of tensors": [
            ("out_grad / node.inputs[0]", "Tensor(out_grad.numpy() / node.inputs[0].numpy())"),
        ],
    },
    "exp": {
        "times the input": [("out_grad * node", "out_grad * node.inputs[0]")],
        "out_grad is ignored": [("out_grad * node", "node * 1")],
        "handed through": [("out_grad * node", "out_grad")],
        "exponentiated twice": [("out_grad * node", "out_grad * exp(node)")],
        "by the power rule": [
            ("out_grad * node", "out_grad * node.inputs[0] * exp(node.inputs[0] - 1)"),
        ],
        "divided by the output": [("out_grad * node", "out_grad / node")],
        "the exponential of out_grad": [("out_grad * node", "exp(out_grad)")],
        "detached": [("out_grad * node", "out_grad * node.detach()")],
        "float64 out of float32": [
            ("out_grad * node", "out_grad * Tensor(node, dtype='float64')"),
        ],
    },
    "relu": {
        "handed through": [("out_grad * (node.numpy() > 0)", "out_grad")],
        "one at zero": [("(node.numpy() > 0)", "(node.numpy() >= 0)")],
        "the input at zero counts": [("(node.numpy() > 0)", "(node.inputs[0].numpy() >= 0)")],
        "a half at zero": [
            ("(node.numpy() > 0)", "np.heaviside(node.inputs[0].numpy(), 0.5)"),
        ],
        "the sign of out_grad decides": [("(node.numpy() > 0)", "(out_grad.numpy() > 0)")],
        "relu of out_grad": [("out_grad * (node.numpy() > 0)", "relu(out_grad)")],
        "times the output": [("out_grad * (node.numpy() > 0)", "out_grad * node")],
        "of the absolute value": [("(node.numpy() > 0)", "np.sign(node.inputs[0].numpy())")],
        "out_grad is ignored": [
            ("out_grad * (node.numpy() > 0)", "Tensor(node.numpy() > 0, dtype=node.dtype)"),
        ],
        "leaky": [("(node.numpy() > 0)", "np.where(node.numpy() > 0, 1, 0.01)")],
        "a threshold above zero": [("(node.numpy() > 0)", "(node.numpy() > 1e-5)")],
        "float64 out of float32": [
            ("(node.numpy() > 0)", "Tensor((node.numpy() > 0).astype('float64'))"),
        ],
        "arrays instead of tensors": [
            ("out_grad * (node.numpy() > 0)", "Tensor(out_grad.numpy() * (node.numpy() > 0))"),
        ],
    },
    "transpose": {
        "handed through": [("out_grad.transpose(self.axes)", "out_grad")],
        "always the last two": [("out_grad.transpose(self.axes)", "out_grad.transpose()")],
        "always the first two": [("out_grad.transpose(self.axes)", "out_grad.transpose((0, 1))")],
        "all axes reversed": [
            ("out_grad.transpose(self.axes)", "Tensor(out_grad.numpy().T)"),
        ],
        "reshaped instead of moved": [
            ("out_grad.transpose(self.axes)", "out_grad.reshape(node.inputs[0].shape)"),
        ],
        "swapped twice": [
            (
                "out_grad.transpose(self.axes)",
                "out_grad.transpose(self.axes).transpose(self.axes)",
            ),
        ],
        "the first and the last": [
            ("out_grad.transpose(self.axes)", "out_grad.transpose((0, -1))"),
        ],
        "the sign of the axes is lost": [
            (
                "out_grad.transpose(self.axes)",
                "out_grad.transpose(self.axes and tuple(abs(i) for i in self.axes))",
            ),
        ],
        "the input transposed": [
            ("out_grad.transpose(self.axes)", "node.transpose(self.axes)"),
        ],
        "arrays instead of tensors": [
            (
                "out_grad.transpose(self.axes)",
                "Tensor(np.swapaxes(out_grad.numpy(), *(self.axes or (-1, -2))))",
            ),
        ],
    },
    "reshape": {
        "handed through": [("out_grad.reshape(node.inputs[0].shape)", "out_grad")],
        "to the new shape": [("node.inputs[0].shape", "self.shape")],
        "flattened": [("node.inputs[0].shape", "(-1,)")],
        "to the input's shape backwards": [("node.inputs[0].shape", "node.inputs[0].shape[::-1]")],
        "the input handed back": [("out_grad.reshape(node.inputs[0].shape)", "node.inputs[0]")],
        "transposed on the way": [
            ("out_grad.reshape", "Tensor(out_grad.numpy().T).reshape"),
        ],
        "arrays instead of tensors": [
            (
                "out_grad.reshape(node.inputs[0].shape)",
                "Tensor(out_grad.numpy().reshape(node.inputs[0].shape))",
            ),
        ],
        "out_grad is ignored": [
            ("out_grad.reshape", "Tensor(np.ones_like(out_grad.numpy())).reshape"),
        ],
    },
    "summation": {
        "broadcast without the missing axes": [
            ("out_grad.reshape(tuple(kept)).broadcast_to", "out_grad.broadcast_to"),
        ],
        "left with axes of length 1": [(".broadcast_to(shape)", "")],
        "shared out as by a mean": [
            (
                "return out_grad.reshape(tuple(kept)).broadcast_to(shape)",
                "return out_grad.reshape(tuple(kept)).broadcast_to(shape) "
                "/ max(1, np.prod(shape) // max(1, np.prod(kept)))",
            ),
        ],
        "out_grad is ignored": [
            ("out_grad.reshape(tuple(kept))", "Tensor(np.ones(kept), dtype=out_grad.dtype)"),
        ],
        "None is not understood": [
            ("range(len(shape)) if self.axes is None else np.atleast_1d(self.axes)", "self.axes"),
        ],
        "an int is not understood": [("np.atleast_1d(self.axes)", "tuple(self.axes)")],
        "only the first of several axes": [
            ("np.atleast_1d(self.axes)", "np.atleast_1d(self.axes)[:1].astype(int)"),
        ],
        "negative axes are skipped": [
            (
                "            kept[axis] = 1",
                "            kept[axis] = 1 if axis >= 0 else kept[axis]",
            ),
        ],
        "all axes, whatever was asked": [
            (
                "range(len(shape)) if self.axes is None else np.atleast_1d(self.axes)",
                "range(len(shape))",
            ),
        ],
        "always the last axis": [("kept[axis] = 1", "kept[-1] = 1")],
        "ones in front": [
            ("tuple(kept)", "(1,) * (len(shape) - len(out_grad.shape)) + out_grad.shape"),
        ],
        "ones behind": [
            ("tuple(kept)", "out_grad.shape + (1,) * (len(shape) - len(out_grad.shape))"),
        ],
        "arrays instead of tensors": [
            (
                "out_grad.reshape(tuple(kept)).broadcast_to(shape)",
                "Tensor(np.broadcast_to(out_grad.numpy().reshape(kept), shape))",
            ),
        ],
    },
    "unbroadcast": {
        "nothing is summed": [("x.sum(axes).reshape(shape) if axes else x", "x")],
        "only the new axes": [("(*range(new), *stretched)", "tuple(range(new))")],
        "only the stretched axes": [("(*range(new), *stretched)", "tuple(stretched)")],
        "aligned left": [
            (
                "new + i for i, n in enumerate(shape) if n == 1 and x.shape[new + i] != 1",
                "i for i, n in enumerate(shape) if n == 1",
            ),
            ("range(new)", "range(len(shape), len(x.shape))"),
        ],
        "the new axes shift nothing": [("(new + i for", "(i for")],
        "axes of length 1 disappear": [(".reshape(shape) if axes", " if axes")],
        "the mean instead of the sum": [
            (
                "x.sum(axes).reshape(shape)",
                "x.sum(axes).reshape(shape) * (np.prod(shape) / np.prod(x.shape))",
            ),
        ],
        "the first copy only": [
            (
                "x.sum(axes).reshape(shape)",
                "Tensor(x.numpy().flat[: int(np.prod(shape))]).reshape(shape)",
            ),
        ],
        "only one axis": [("(*range(new), *stretched)", "(*range(new), *stretched)[:1]")],
        "everything is summed": [
            ("x.sum(axes).reshape(shape) if axes", "x.sum().broadcast_to(shape) if axes"),
        ],
        "arrays instead of tensors": [
            ("x.sum(axes).reshape(shape)", "Tensor(x.numpy().sum(axes).reshape(shape))"),
        ],
    },
    "matmul": {
        "the operands in the other order": [
            ("out_grad @ b.transpose()", "b.transpose() @ out_grad"),
        ],
        "b is not transposed": [("out_grad @ b.transpose()", "out_grad @ b")],
        "a is not transposed": [("a.transpose() @ out_grad", "a @ out_grad")],
        "entry by entry": [("out_grad @ b.transpose()", "out_grad * b")],
        "the two exchanged": [("return a_grad, b_grad", "return b_grad, a_grad")],
        "the copies of a are not summed": [
            ("unbroadcast(out_grad @ b.transpose(), a.shape)", "out_grad @ b.transpose()"),
        ],
        "the copies of b are not summed": [
            ("unbroadcast(a.transpose() @ out_grad, b.shape)", "a.transpose() @ out_grad"),
        ],
        "all axes are reversed": [
            ("a.transpose() @ out_grad", "Tensor(a.numpy().T) @ out_grad"),
        ],
        "the first two axes are swapped": [
            ("a.transpose() @ out_grad", "a.transpose((0, 1)) @ out_grad"),
        ],
        "out_grad is transposed instead": [
            ("a.transpose() @ out_grad", "(a.transpose() @ out_grad).transpose()"),
        ],
        "out_grad is ignored": [
            ("out_grad @ b.transpose()", "(out_grad * 0 + 1) @ b.transpose()"),
        ],
        "only the first of the stack": [
            (
                "unbroadcast(a.transpose() @ out_grad, b.shape)",
                "Tensor(np.resize((a.transpose() @ out_grad).numpy(), b.shape))",
            ),
        ],
        "arrays instead of tensors": [
            ("out_grad @ b.transpose()", "Tensor(out_grad.numpy() @ b.transpose().numpy())"),
        ],
    },
    "topo-sort": {
        "outputs first": [("return order", "return order[::-1]")],
        "looked up in a list": [
            ("visited: set[Value] = set()", "visited: list[Value] = []"),
            ("visited.add(node)", "visited.append(node)"),
        ],
        "a node before its inputs": [
            (
                "            visited.add(node)\n",
                "            visited.add(node)\n            order.append(node)\n",
            ),
            ("order.append(stack.pop())", "stack.pop()"),
        ],
        "nodes more than once": [("node not in visited", "True")],
        "leaves are left out": [
            ("return order", "return [node for node in order if node.inputs]"),
        ],
        "only the first output": [("reversed(node_list)", "node_list[:1]")],
        "only the first input": [("*reversed(node.inputs)", "*node.inputs[:1]")],
        "what requires no gradient is left out": [
            ("return order", "return [node for node in order if node.requires_grad]"),
        ],
        "by levels from the output": [
            ("stack.pop()\n        if", "stack.pop(0)\n        if"),
            ("order.append(stack.pop())", "pass"),
            (
                "stack += [node, None, *reversed(node.inputs)]",
                "order.insert(0, node)\n            stack += node.inputs",
            ),
        ],
        "preorder backwards": [
            ("order.append(stack.pop())", "pass"),
            (
                "stack += [node, None, *reversed(node.inputs)]",
                "order.insert(0, node)\n            stack += node.inputs",
            ),
        ],
        "recursive": [
            (
                "    order: list[Value] = []\n",
                "    order: list[Value] = []\n"
                "    seen: set[Value] = set()\n\n"
                "    def visit(node: Value) -> None:\n"
                "        if node not in seen:\n"
                "            seen.add(node)\n"
                "            for x in node.inputs:\n"
                "                visit(x)\n"
                "            order.append(node)\n\n"
                "    for output in node_list:\n"
                "        visit(output)\n"
                "    return order\n",
            ),
        ],
        "the outputs are left out": [
            ("return order", "return [node for node in order if node not in node_list]"),
        ],
    },
    "reverse-mode": {
        "the last contribution wins": [
            ("grads[x] + x_grad if x in grads else x_grad", "x_grad"),
        ],
        "the first contribution wins": [
            ("grads[x] + x_grad if x in grads else x_grad", "grads.get(x, x_grad)"),
        ],
        "the contributions are averaged": [
            ("grads[x] + x_grad if x in grads", "(grads[x] + x_grad) / 2 if x in grads"),
        ],
        "in the order of computation": [
            ("reversed(find_topo_sort([output]))", "find_topo_sort([output])")
        ],
        "out_grad is ignored": [("{output: out_grad}", "{output: out_grad * 0 + 1}")],
        "added up in place": [
            (
                "grads[x] = grads[x] + x_grad if x in grads else x_grad",
                "if x in grads:\n"
                "                    grads[x].data = grads[x] + x_grad\n"
                "                else:\n"
                "                    grads[x] = x_grad",
            ),
        ],
        "added to the grad of an earlier call": [
            (
                "grad = node.grad = grads.pop(node)",
                "grad = grads.pop(node)\n"
                "        node.grad = grad if node.grad is None else node.grad + grad",
            ),
        ],
        "only leaves get a grad": [
            (
                "grad = node.grad = grads.pop(node)",
                "grad = grads.pop(node)\n        node.grad = grad if node.op is None else None",
            ),
        ],
        "only the results of ops get a grad": [
            (
                "grad = node.grad = grads.pop(node)",
                "grad = grads.pop(node)\n        node.grad = None if node.op is None else grad",
            ),
        ],
        "only the first input": [
            ("zip(node.inputs, node.op", "zip(node.inputs[:1], node.op"),
            ("strict=True", "strict=False"),
        ],
        "the adjoint of the output for everybody": [
            ("gradient_as_tuple(grad, node)", "gradient_as_tuple(out_grad, node)"),
        ],
        "None for what requires no gradient is added": [("if x.requires_grad:", "if True:")],
        "constants get a gradient too": [("if x.requires_grad:", "if x_grad is not None:")],
        "added up from 0": [
            ("grads[x] + x_grad if x in grads else x_grad", "grads.get(x, 0) + x_grad"),
        ],
        "a grad for the constants in the end": [
            (
                "    ### END",
                "    for node in find_topo_sort([output]):\n"
                "        if node.grad is None:\n"
                "            node.grad = Tensor(np.zeros_like(node.numpy()))\n"
                "    ### END",
            ),
        ],
        "path by path": [
            (
                "    grads: dict[Value, Any] = {output: out_grad}\n",
                "    def walk(node: Any, grad: Any, seen: set[Any]) -> None:\n"
                "        node.grad = grad if node not in seen else node.grad + grad\n"
                "        seen.add(node)\n"
                "        if node.op is not None:\n"
                "            grads = node.op.gradient_as_tuple(grad, node)\n"
                "            for x, x_grad in zip(node.inputs, grads, strict=True):\n"
                "                if x.requires_grad:\n"
                "                    walk(x, x_grad, seen)\n\n"
                "    walk(output, out_grad, set())\n"
                "    return\n"
                "    grads: dict[Value, Any] = {output: out_grad}\n",
            ),
        ],
        "detached gradients": [
            ("gradient_as_tuple(grad, node)", "gradient_as_tuple(grad.detach(), node)"),
        ],
    },
}

RIGHT = {
    "by-hand": {
        "on paper": """
def adjoints_by_hand(a, b):
    return b + 1, a
""",
        "one contribution after the other": """
def adjoints_by_hand(a, b):
    adjoint = {"y": 1.0, "p": 0.0, "a": 0.0, "b": 0.0}
    adjoint["p"] += adjoint["y"]
    adjoint["a"] += adjoint["y"]
    adjoint["a"] += adjoint["p"] * b
    adjoint["b"] += adjoint["p"] * a
    return adjoint["a"], adjoint["b"]
""",
        "with NumPy, as a list": """
import numpy as np


def adjoints_by_hand(a, b):
    return list(np.array([b, a]) + np.array([1.0, 0.0]))
""",
    },
    "multiply": {
        "each factor by the other, in a loop": multiply(
            "return tuple(out_grad * other for other in reversed(node.inputs))"
        ),
        "with functions": multiply(
            """
            lhs, rhs = node.inputs
            return multiply(rhs, out_grad), multiply(lhs, out_grad)
            """
        ),
        "through a helper": multiply(
            "return scaled(out_grad, node.inputs[1]), scaled(out_grad, node.inputs[0])",
            extra="def scaled(adjoint, by):\n    return EWiseMul()(adjoint, by)\n",
        ),
    },
    "divide": {
        "with squares": divide(
            """
            a, b = node.inputs
            return out_grad / b, -(out_grad * a) / (b * b)
            """
        ),
        "the square by steps": divide(
            """
            a, b = node.inputs
            return divide(out_grad, b), negate(divide(divide(multiply(out_grad, a), b), b))
            """
        ),
        "from one over b": divide(
            """
            inverse = (node.inputs[1] * 0 + 1) / node.inputs[1]
            return out_grad * inverse, 0 - out_grad * node * inverse
            """
        ),
    },
    "power-scalar": {
        "with functions": power_scalar(
            """
            if self.scalar == 0:
                return mul_scalar(out_grad, 0)
            lowered = power_scalar(node.inputs[0], self.scalar - 1)
            return mul_scalar(multiply(out_grad, lowered), self.scalar)
            """
        ),
        "n = 0 through a": power_scalar(
            """
            a = node.inputs[0]
            n = self.scalar
            return n * out_grad * (a ** (n - 1) if n else a)
            """
        ),
        "the constant and the linear case apart": power_scalar(
            """
            (a,) = node.inputs
            if self.scalar == 1:
                return out_grad
            if self.scalar == 0:
                return out_grad * 0
            if self.scalar == 2:
                return out_grad * a + out_grad * a
            return out_grad * PowerScalar(self.scalar - 1)(a) * self.scalar
            """
        ),
    },
    "log": {
        "times one over a": log("return out_grad * (1 / node.inputs[0])"),
        "with a function": log("(a,) = node.inputs\nreturn divide(out_grad, a)"),
        "with the power -1": log("return multiply(out_grad, node.inputs[0] ** -1)"),
    },
    "exp": {
        "computed once more": exp("return out_grad * exp(node.inputs[0])"),
        "with a function": exp("return multiply(node, out_grad)"),
        "divided by the exponential of -a": exp("return out_grad / exp(-node.inputs[0])"),
    },
    "relu": {
        "a mask as a tensor": relu(
            """
            positive = node.inputs[0].realize_cached_data() > 0
            return out_grad * Tensor(positive, dtype=out_grad.dtype, requires_grad=False)
            """
        ),
        "the sign of the output": relu("return out_grad * np.sign(node.numpy())"),
        "ones and zeros by where": relu(
            """
            mask = np.where(node.inputs[0].numpy() > 0, np.ones(node.shape), np.zeros(node.shape))
            return multiply(out_grad, Tensor(mask.astype(out_grad.dtype)))
            """
        ),
    },
    "transpose": {
        "with a function": transpose("return transpose(out_grad, self.axes)"),
        "the axes the other way round": transpose(
            """
            if self.axes is None:
                return out_grad.transpose()
            first, second = self.axes
            return out_grad.transpose((second, first))
            """
        ),
        "with the op": transpose("return Transpose(self.axes or (-1, -2))(out_grad)"),
    },
    "reshape": {
        "with a function": reshape("return reshape(out_grad, node.inputs[0].shape)"),
        "with the op": reshape("(a,) = node.inputs\nreturn Reshape(a.shape)(out_grad)"),
        "from the array's shape": reshape(
            "return out_grad.reshape(tuple(node.inputs[0].realize_cached_data().shape))"
        ),
    },
    "summation": {
        "the shape from NumPy's keepdims": summation(
            """
            a = node.inputs[0]
            kept = np.sum(a.numpy(), axis=self.axes, keepdims=True).shape
            return broadcast_to(reshape(out_grad, kept), a.shape)
            """
        ),
        "axes made positive": summation(
            """
            shape = node.inputs[0].shape
            axes = summed_axes(self.axes, len(shape))
            kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
            return out_grad.reshape(kept).broadcast_to(shape)
            """,
            extra="""
def summed_axes(axes, ndim):
    if axes is None:
        return set(range(ndim))
    if isinstance(axes, int):
        axes = (axes,)
    return {axis % ndim for axis in axes}
""",
        ),
        "times ones": summation(
            """
            a = node.inputs[0]
            kept = np.empty(a.shape).sum(axis=self.axes, keepdims=True).shape
            ones = Tensor(np.ones(a.shape, dtype=a.dtype), requires_grad=False)
            return ones * out_grad.reshape(kept).broadcast_to(a.shape)
            """
        ),
    },
    "unbroadcast": {
        "one axis at a time": """
def unbroadcast(x, shape):
    while len(x.shape) > len(shape):
        x = x.sum(0)
    for axis, n in enumerate(shape):
        if n == 1:
            kept = x.shape[:axis] + (1,) + x.shape[axis + 1 :]
            x = x.sum((axis,)).reshape(kept)
    return x
""",
        "shapes padded with ones": """
def unbroadcast(x, shape):
    padded = (1,) * (len(x.shape) - len(shape)) + tuple(shape)
    axes = tuple(i for i, (n, m) in enumerate(zip(padded, x.shape)) if n != m)
    return reshape(summation(x, axes), shape)
""",
        "counted from the right": """
def unbroadcast(x, shape):
    axes = []
    for i in range(1, len(x.shape) + 1):
        if i > len(shape) or shape[-i] == 1:
            axes.append(-i)
    return x.sum(tuple(axes)).reshape(tuple(shape))
""",
    },
    "matmul": {
        "both, whoever requires them": matmul(
            """
            lhs, rhs = node.inputs
            lhs_grad = matmul(out_grad, transpose(rhs))
            rhs_grad = matmul(transpose(lhs), out_grad)
            return unbroadcast(lhs_grad, lhs.shape), unbroadcast(rhs_grad, rhs.shape)
            """
        ),
        "transposed products": matmul(
            """
            a, b = node.inputs
            a_grad = (b @ out_grad.transpose()).transpose()
            b_grad = (out_grad.transpose() @ a).transpose()
            return unbroadcast(a_grad, a.shape), unbroadcast(b_grad, b.shape)
            """
        ),
        "the copies written out": matmul(
            """
            a, b = node.inputs
            stack = out_grad.shape[:-2]
            wide_a = a.broadcast_to(stack + a.shape[-2:])
            wide_b = b.broadcast_to(stack + b.shape[-2:])
            a_grad, b_grad = out_grad @ wide_b.transpose(), wide_a.transpose() @ out_grad
            return summed(a_grad, a.shape), summed(b_grad, b.shape)
            """,
            extra="""
def summed(x, shape):
    x = x.sum(tuple(range(len(x.shape) - len(shape)))) if len(x.shape) > len(shape) else x
    for axis, n in enumerate(shape):
        if n != x.shape[axis]:
            x = x.sum(axis).reshape(x.shape[:axis] + (1,) + x.shape[axis + 1 :])
    return x
""",
        ),
    },
    "topo-sort": {
        "pairs of node and mark": """
def find_topo_sort(node_list):
    order, visited = [], set()
    stack = [(node, False) for node in node_list]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif id(node) not in visited:
            visited.add(id(node))
            stack.append((node, True))
            stack.extend((x, False) for x in node.inputs)
    return order
""",
        "a stack of iterators": """
def find_topo_sort(node_list):
    order, visited = [], set()
    for output in node_list:
        if output in visited:
            continue
        visited.add(output)
        stack = [(output, iter(output.inputs))]
        while stack:
            node, rest = stack[-1]
            for x in rest:
                if x not in visited:
                    visited.add(x)
                    stack.append((x, iter(x.inputs)))
                    break
            else:
                order.append(node)
                stack.pop()
    return order
""",
        "counting the inputs that are missing": """
def find_topo_sort(node_list):
    nodes, todo = {}, list(node_list)
    while todo:
        node = todo.pop()
        if node not in nodes:
            nodes[node] = []
            todo += node.inputs
    missing = {}
    for node in nodes:
        missing[node] = len(node.inputs)
        for x in node.inputs:
            nodes[x].append(node)
    ready = [node for node in nodes if not missing[node]]
    order = []
    while ready:
        node = ready.pop()
        order.append(node)
        for user in nodes[node]:
            missing[user] -= 1
            if not missing[user]:
                ready.append(user)
    return order
""",
    },
    "reverse-mode": {
        "lists of contributions": """
def compute_gradient_of_variables(output, out_grad):
    contributions = {output: [out_grad]}
    for node in find_topo_sort([output])[::-1]:
        if node not in contributions:
            continue
        node.grad = add_up(contributions[node])
        if node.is_leaf():
            continue
        grads = node.op.gradient_as_tuple(node.grad, node)
        for i, x in enumerate(node.inputs):
            if x.requires_grad:
                contributions.setdefault(x, []).append(grads[i])


def add_up(tensors):
    total = tensors[0]
    for tensor in tensors[1:]:
        total = total + tensor
    return total
""",
        "straight into grad": """
def compute_gradient_of_variables(output, out_grad):
    order = find_topo_sort([output])
    for node in order:
        node.grad = None
    output.grad = out_grad
    for node in reversed(order):
        if node.op is None or node.grad is None:
            continue
        for x, grad in zip(node.inputs, node.op.gradient_as_tuple(node.grad, node)):
            if x.requires_grad:
                x.grad = grad if x.grad is None else x.grad + grad
""",
        "by identity, with gradient": """
def compute_gradient_of_variables(output, out_grad):
    pending = {id(output): out_grad}
    order = find_topo_sort([output])
    while order:
        node = order.pop()
        if not node.requires_grad or id(node) not in pending:
            continue
        node.grad = pending.pop(id(node))
        if node.op is None:
            continue
        answer = node.op.gradient(node.grad, node)
        answer = answer if isinstance(answer, tuple) else (answer,)
        for x, grad in zip(node.inputs, answer):
            if grad is None or not x.requires_grad:
                continue
            known = pending.get(id(x))
            pending[id(x)] = grad if known is None else grad + known
""",
    },
}
