"""Features of the exercises: the edits that leave one out, and the checks that may fail for it.

Stage -> exercise -> feature. No edits at all leave the whole exercise open.
"""

FEATURES: dict[str, dict[str, dict[str, tuple[list[tuple[str, str]], set[str]]]]] = {
    "00": {
        "multiply": {
            "a graph": (
                [
                    (
                        "out_grad * b, out_grad * a",
                        "(out_grad * b).detach(), (out_grad * a).detach()",
                    )
                ],
                {"second-order"},
            ),
            "the dtype": (
                [
                    (
                        "return out_grad",
                        "out_grad = (out_grad * Tensor(np.ones(out_grad.shape)))\n"
                        "        return out_grad",
                    )
                ],
                {"gradients-keep-dtype"},
            ),
        },
        "divide": {
            "a graph": ([("out_grad / b", "(out_grad / b).detach()")], {"second-order"}),
            "the dtype": (
                [("out_grad / b", "(out_grad * Tensor(np.ones(out_grad.shape))) / b")],
                {"gradients-keep-dtype"},
            ),
        },
        "power-scalar": {
            "0 at 0 for n = 0": ([("if n == 0:", "if False:")], {"power-scalar-at-zero"}),
            "the dtype": (
                [
                    (
                        "return out_grad * (n",
                        "return (out_grad * Tensor(np.ones(out_grad.shape))) * (n",
                    )
                ],
                {"gradients-keep-dtype"},
            ),
        },
        "log": {
            "a graph": ([("node.inputs[0]", "node.inputs[0].detach()")], {"second-order"}),
            "the dtype": (
                [("out_grad /", "(out_grad * Tensor(np.ones(out_grad.shape))) /")],
                {"gradients-keep-dtype"},
            ),
        },
        "exp": {
            "a graph": ([("out_grad * node", "out_grad * node.detach()")], {"second-order"}),
            "the dtype": (
                [("out_grad *", "(out_grad * Tensor(np.ones(out_grad.shape))) *")],
                {"gradients-keep-dtype"},
            ),
        },
        "relu": {
            "0 at 0": ([("node.numpy() > 0", "node.inputs[0].numpy() >= 0")], {"relu-at-zero"}),
            "the dtype": (
                [("(node.numpy() > 0)", "Tensor((node.numpy() > 0).astype(float))")],
                {"gradients-keep-dtype"},
            ),
        },
        "transpose": {
            "axes": (
                [("self.axes)\n        ###", "None)\n        ###")],
                {"transpose-gradient-axes"},
            ),
        },
        "reshape": {
            "a graph": ([("out_grad.reshape", "out_grad.detach().reshape")], {"second-order"}),
        },
        "summation": {
            "several axes": (
                [
                    (
                        "np.atleast_1d(self.axes)",
                        "[self.axes] if np.ndim(self.axes) == 0 else self.axes[:1]",
                    )
                ],
                {"summation-gradient-axes"},
            ),
            "None": (
                [("range(len(shape)) if self.axes is None else ", "")],
                {"summation-gradient-axes"},
            ),
            "negative axes": (
                [("kept[axis] = 1", "kept[axis] = 1 if axis >= 0 else kept[axis]")],
                {"summation-gradient-axes"},
            ),
        },
        "unbroadcast": {
            "a graph": (
                [("return x.sum(axes)", "x = x.detach()\n    return x.sum(axes)")],
                {"second-order"},
            ),
        },
        "matmul": {
            "copies of b in a stack": (
                [("unbroadcast(a.transpose() @ out_grad, b.shape)", "a.transpose() @ out_grad")],
                {"matmul-gradient-of-stacks", "second-order"},
            ),
            "the dtype": (
                [
                    (
                        "a, b = node.inputs",
                        "a, b = node.inputs\n"
                        "        out_grad = (out_grad * Tensor(np.ones(out_grad.shape)))",
                    )
                ],
                {"gradients-keep-dtype"},
            ),
        },
        "topo-sort": {
            "a stack of its own": (
                [
                    (
                        "    order: list[Value] = []\n",
                        "    order: list[Value] = []\n"
                        "    seen: set[Value] = set()\n"
                        "\n"
                        "    def visit(node: Value) -> None:\n"
                        "        if node not in seen:\n"
                        "            seen.add(node)\n"
                        "            for x in node.inputs:\n"
                        "                visit(x)\n"
                        "            order.append(node)\n"
                        "\n"
                        "    for output in node_list:\n"
                        "        visit(output)\n"
                        "    return order\n",
                    )
                ],
                {"topo-sort-deep"},
            ),
            "a set": (
                [
                    ("visited: set[Value] = set()", "visited: list[Value] = []"),
                    ("visited.add(node)", "visited.append(node)"),
                ],
                {"topo-sort-large"},
            ),
        },
        "reverse-mode": {
            "None for constants": (
                [("if x.requires_grad:", "if True:")],
                {"reverse-mode-constants"},
            ),
            "no gradient for constants": (
                [("if x.requires_grad:", "if x_grad is not None:")],
                {"reverse-mode-constants"},
            ),
            "a second call": (
                [
                    (
                        "grad = node.grad = grads.pop(node)",
                        "grad = grads.pop(node)\n"
                        "        node.grad = grad if node.grad is None else node.grad + "
                        "grad",
                    )
                ],
                {"reverse-mode-again", "second-order"},
            ),
            "tuples": (
                [("grads[x] + x_grad if x in grads else x_grad", "grads.get(x, 0) + x_grad")],
                {"reverse-mode-tuples"},
            ),
            "a graph": (
                [("gradient_as_tuple(grad, node)", "gradient_as_tuple(grad.detach(), node)")],
                {"second-order"},
            ),
        },
    },
    "01": {
        "xavier-uniform": {
            "a leaf": (
                [("low=-bound, high=bound, **kwargs)", "low=-1, high=1, **kwargs) * bound")],
                {"xavier-uniform-options"},
            ),
            "the keywords": (
                [(", **kwargs)\n    ### END", ")\n    ### END")],
                {"xavier-uniform-options"},
            ),
            "the dtype": (
                [
                    (
                        "    ### BEGIN SOLUTION\n",
                        "    ### BEGIN SOLUTION\n    kwargs['dtype'] = 'float64'\n",
                    )
                ],
                {"xavier-uniform-options"},
            ),
            "the global state": (
                [
                    (
                        "    ### BEGIN SOLUTION\n",
                        "    ### BEGIN SOLUTION\n    np.random.seed(None)\n",
                    )
                ],
                {"xavier-uniform-seed"},
            ),
            "the gain": ([("gain * math", "math")], {"xavier-uniform-gain"}),
        },
        "xavier-normal": {
            "a leaf": (
                [("mean=0, std=std, **kwargs)", "**kwargs) * std")],
                {"xavier-normal-options"},
            ),
            "the keywords": (
                [(", **kwargs)\n    ### END", ")\n    ### END")],
                {"xavier-normal-options"},
            ),
            "the dtype": (
                [
                    (
                        "    ### BEGIN SOLUTION\n",
                        "    ### BEGIN SOLUTION\n    kwargs['dtype'] = 'float64'\n",
                    )
                ],
                {"xavier-normal-options"},
            ),
            "the global state": (
                [
                    (
                        "    ### BEGIN SOLUTION\n",
                        "    ### BEGIN SOLUTION\n    np.random.seed(None)\n",
                    )
                ],
                {"xavier-normal-seed"},
            ),
            "the gain": ([("gain * math", "math")], {"xavier-normal-gain"}),
        },
        "kaiming-uniform": {
            "a leaf": (
                [("low=-bound, high=bound, **kwargs)", "low=-1, high=1, **kwargs) * bound")],
                {"kaiming-uniform-options"},
            ),
            "the keywords": (
                [(", **kwargs)\n    ### END", ")\n    ### END")],
                {"kaiming-uniform-options"},
            ),
            "the dtype": (
                [
                    (
                        "    ### BEGIN SOLUTION\n",
                        "    ### BEGIN SOLUTION\n    kwargs['dtype'] = 'float64'\n",
                    )
                ],
                {"kaiming-uniform-options"},
            ),
            "the global state": (
                [
                    (
                        "    ### BEGIN SOLUTION\n",
                        "    ### BEGIN SOLUTION\n    np.random.seed(None)\n",
                    )
                ],
                {"kaiming-uniform-seed"},
            ),
            "only relu": (
                [("    _demand_relu(nonlinearity)\n", "")],
                {"kaiming-uniform-nonlinearity"},
            ),
        },
        "kaiming-normal": {
            "a leaf": (
                [("mean=0, std=std, **kwargs)", "**kwargs) * std")],
                {"kaiming-normal-options"},
            ),
            "the keywords": (
                [(", **kwargs)\n    ### END", ")\n    ### END")],
                {"kaiming-normal-options"},
            ),
            "the dtype": (
                [
                    (
                        "    ### BEGIN SOLUTION\n",
                        "    ### BEGIN SOLUTION\n    kwargs['dtype'] = 'float64'\n",
                    )
                ],
                {"kaiming-normal-options"},
            ),
            "the global state": (
                [
                    (
                        "    ### BEGIN SOLUTION\n",
                        "    ### BEGIN SOLUTION\n    np.random.seed(None)\n",
                    )
                ],
                {"kaiming-normal-seed"},
            ),
            "only relu": (
                [("    _demand_relu(nonlinearity)\n", "")],
                {"kaiming-normal-nonlinearity"},
            ),
        },
    },
    "02": {
        "linear": {
            "the order of the draws": (
                [
                    (
                        "weight = init.kaiming_uniform",
                        "first = bias and init.kaiming_uniform(out_features, 1, dtype=dtype)\n"
                        "        weight = init.kaiming_uniform",
                    ),
                    ("init.kaiming_uniform(out_features, 1, device=device, dtype=dtype)", "first"),
                ],
                {"linear-draws-in-order"},
            ),
            "the dtype": (
                [
                    (
                        "in_features, out_features, device=device, dtype=dtype",
                        "in_features, out_features",
                    )
                ],
                {"linear-dtype"},
            ),
            "float32 by default": (
                [("super().__init__()\n", "super().__init__()\n        dtype = 'float64'\n")],
                {"linear-dtype"},
            ),
            "no bias": ([("        if bias:\n", "        if True:\n")], {"linear-without-bias"}),
            "no draw without a bias": (
                [
                    (
                        "        if bias:\n",
                        "        bias or init.kaiming_uniform(out_features, 1)\n        if bias:\n",
                    )
                ],
                {"linear-without-bias"},
            ),
            "no bias in forward": (
                [("if self.bias is None:", "if False:")],
                {"linear-without-bias"},
            ),
            "more axes": (
                [("broadcast_to(y.shape)", "broadcast_to((x.shape[0], self.out_features))")],
                {"linear-on-more-axes"},
            ),
        },
        "flatten": {
            "plain numbers": (
                [("return x.reshape", "return x if len(x.shape) == 1 else x.reshape")],
                {"flatten-numbers"},
            ),
        },
        "relu-layer": {
            "evaluation": (
                [("return relu(x)", "return relu(x) if self.training else x")],
                {"relu-layer-bends"},
            ),
        },
        "sequential": {
            "evaluation": (
                [("in self.modules:", "in self.modules[: None if self.training else 1]:")],
                {"sequential-chains"},
            ),
            "the modes of the modules": (
                [("x = module(x)", "module.train()\n            x = module(x)")],
                {"sequential-chains"},
            ),
            "nothing": (
                [
                    (
                        "for module in self.modules:",
                        "self.modules[0]\n        for module in self.modules:",
                    )
                ],
                {"sequential-empty"},
            ),
        },
        "residual": {
            "the mode of the module": (
                [("return x + self.fn(x)", "self.fn.train()\n        return x + self.fn(x)")],
                {"residual-forward"},
            ),
            "a single call": (
                [("return x + self.fn(x)", "self.fn(x)\n        return x + self.fn(x)")],
                {"residual-calls-once"},
            ),
        },
    },
    "03": {
        "stable-logsumexp": {
            "the dtype": (
                [("np.squeeze(result, axis=axes)", "np.squeeze(result, axis=axes).astype(float)")],
                {"logsumexp-keeps-dtype"},
            ),
            "float64": (
                [("    top = np.max(", '    array = array.astype("float32")\n    top = np.max(')],
                {"logsumexp-keeps-dtype"},
            ),
            "the input as it was": (
                [("np.exp(array - shift)", "np.exp(np.subtract(array, shift, out=array))")],
                {"logsumexp-leaves-its-input"},
            ),
            "the maximum": (
                [("np.where(np.isfinite(top), top, 0)", "np.zeros_like(top)")],
                {"logsumexp-infinities", "logsumexp-is-stable"},
            ),
            "infinities": (
                [("np.where(np.isfinite(top), top, 0)", "top")],
                {"logsumexp-infinities"},
            ),
            "several axes": (
                [
                    (
                        "    top = np.max(",
                        "    axes = np.ravel(axes)[0] if axes else axes\n    top = np.max(",
                    )
                ],
                {"logsumexp-axes"},
            ),
        },
        "logsumexp": {
            "the dtype": (
                [("exp(z - log_sum)", "exp(z - log_sum) * Tensor(np.ones(z.shape))")],
                {"logsumexp-gradient-keeps-dtype"},
            ),
            "None": (
                [
                    (
                        "range(len(z.shape)) if self.axes is None else np.atleast_1d(self.axes)",
                        "self.axes if isinstance(self.axes, tuple) else (self.axes,)",
                    )
                ],
                {"logsumexp-gradient-axes"},
            ),
            "negative axes": (
                [("kept[axis] = 1", "kept[axis] = 1 if axis >= 0 else kept[axis]")],
                {"logsumexp-gradient-axes"},
            ),
            "no overflow": (
                [("exp(z - log_sum)", "(exp(z) / exp(log_sum))")],
                {"logsumexp-gradient-is-stable"},
            ),
            "a graph": (
                [("exp(z - log_sum)", "exp(z - log_sum).detach()")],
                {"logsumexp-second-derivative"},
            ),
        },
    },
    "04": {
        "logsoftmax": {
            "the maximum": (
                [("array - np.max(array, axis=1, keepdims=True)", "array - 0")],
                {"logsoftmax-gradient-is-stable", "logsoftmax-is-stable"},
            ),
            "the dtype": (
                [("shifted = array - np.max", "shifted = array.astype(float) - np.max")],
                {"logsoftmax-dtype"},
            ),
            "float64": (
                [("shifted = array", 'array = array.astype("float32")\n        shifted = array')],
                {"logsoftmax-dtype"},
            ),
            "the dtype of the gradient": (
                [
                    (
                        "return out_grad",
                        "out_grad = (out_grad * Tensor(np.ones(out_grad.shape)))\n"
                        "        return out_grad",
                    )
                ],
                {"logsoftmax-dtype"},
            ),
            "the input as it was": (
                [
                    (
                        "shifted = array - np.max(array, axis=1, keepdims=True)",
                        "array -= np.max(array, axis=1, keepdims=True)\n        shifted = array",
                    )
                ],
                {"logsoftmax-leaves-its-input"},
            ),
            "a stable softmax in the gradient": (
                [
                    (
                        "return out_grad - exp(node)",
                        "e = exp(node.inputs[0])\n"
                        "        s = e / e.sum(1).reshape((-1, "
                        "1)).broadcast_to(node.shape)\n"
                        "        return out_grad - s",
                    )
                ],
                {"logsoftmax-gradient-is-stable"},
            ),
            "a graph": ([("exp(node)", "exp(node.detach())")], {"logsoftmax-second-derivative"}),
        },
        "softmax-loss": {
            "the dtype": ([(".sum() / n", ".sum() / Tensor(n)")], {"softmax-loss-dtypes"}),
            "logsumexp": (
                [
                    ("pick(logsoftmax(logits), y)", "pick(logits, y) - log(exp(logits).sum(1))"),
                    ("n = logits", "from needle.ops import exp, log\n\n        n = logits"),
                ],
                {"softmax-loss-is-stable", "softmax-loss-keeps-digits"},
            ),
            "a gradient": (
                [("n = logits.shape[0]", "n = logits.shape[0]\n        logits = logits.detach()")],
                {"softmax-loss-gradient", "softmax-loss-is-stable", "softmax-loss-keeps-digits"},
            ),
        },
    },
    "05": {
        "layernorm": {
            "eps": ([("(var + self.eps) ** 0.5", "var**0.5")], {"layernorm-eps"}),
            "the choice of eps": (
                [("(var + self.eps) ** 0.5", "(var + 1e-5) ** 0.5")],
                {"layernorm-eps"},
            ),
            "the weight": (
                [("self.weight.broadcast_to(x.shape) * normalized", "normalized")],
                {"layernorm-affine"},
            ),
            "the bias": ([(" + self.bias.broadcast_to(x.shape)", "")], {"layernorm-affine"}),
            "being parameters": (
                [
                    ("Parameter(init.ones(dim, ", "(init.ones(dim, requires_grad=True, "),
                    ("Parameter(init.zeros(dim, ", "(init.zeros(dim, requires_grad=True, "),
                ],
                {"layernorm-parameters"},
            ),
            "dtypes": (
                [
                    ("init.ones(dim, device=device, dtype=dtype)", "init.ones(dim)"),
                    ("init.zeros(dim, device=device, dtype=dtype)", "init.zeros(dim)"),
                ],
                {"layernorm-dtype"},
            ),
            "gradients": (
                [("column = (x", "x = Tensor(x.numpy())\n        column = (x")],
                {"layernorm-gradients"},
            ),
        },
        "batchnorm": {
            "eps": ([("(var + self.eps) ** 0.5", "var**0.5")], {"batchnorm-eps"}),
            "the weight": (
                [("scale = self.weight / std", "scale = std**-1.0")],
                {"batchnorm-affine"},
            ),
            "the bias": ([(" + self.bias.broadcast_to(x.shape)", "")], {"batchnorm-affine"}),
            "running values": (
                [
                    ("self.running_mean.data = old * self.running_mean.data", "_ = 0.0"),
                    ("self.running_var.data = old * self.running_var.data", "_ = 0.0"),
                ],
                {"batchnorm-running"},
            ),
            "the choice of a momentum": (
                [("old, new = 1 - self.momentum, self.momentum", "old, new = 0.9, 0.1")],
                {"batchnorm-running"},
            ),
            "eval mode": (
                [
                    ("if self.training:\n            n", "if True:\n            n"),
                    ("if self.training:\n            var", "if True:\n            var"),
                ],
                {"batchnorm-eval"},
            ),
            "running values that are no parameters": (
                [
                    ("running_mean = init.zeros(dim", "running_mean = Parameter(init.zeros(dim"),
                    (
                        "dtype=dtype)\n"
                        "        self.running_var = init.ones(dim, device=device, "
                        "dtype=dtype)",
                        "dtype=dtype))\n"
                        "        self.running_var = Parameter(init.ones(dim, "
                        "device=device, dtype=dtype))",
                    ),
                ],
                {"batchnorm-parameters"},
            ),
            "running values without a graph": (
                [
                    ("self.running_var.data = ", "self.running_var = "),
                    ("self.running_var.data + new * var.data", "self.running_var + new * var"),
                ],
                {"batchnorm-state"},
            ),
            "dtypes": (
                [
                    (
                        "weight = Parameter(init.ones(dim, device=device, dtype=dtype))",
                        "weight = Parameter(init.ones(dim))",
                    ),
                    (
                        "bias = Parameter(init.zeros(dim, device=device, dtype=dtype))",
                        "bias = Parameter(init.zeros(dim))",
                    ),
                    (
                        "mean = init.zeros(dim, device=device, dtype=dtype)",
                        "mean = init.zeros(dim)",
                    ),
                    ("var = init.ones(dim, device=device, dtype=dtype)", "var = init.ones(dim)"),
                ],
                {"batchnorm-dtype"},
            ),
            "gradients": (
                [("n = x.shape[0]", "x = Tensor(x.numpy())\n            n = x.shape[0]")],
                {"batchnorm-gradients"},
            ),
        },
        "dropout": {
            "rescaling": ([(" / (1 - self.p)", "")], {"dropout-forward"}),
            "eval mode": ([("if not self.training:", "if False:")], {"dropout-eval"}),
            "the draw that is agreed on": (
                [
                    (
                        "init.randb(*x.shape, p=1 - self.p, dtype=x.dtype)",
                        "Tensor(np.random.uniform(size=x.shape) >= self.p, dtype=x.dtype)",
                    )
                ],
                {"dropout-draw"},
            ),
            "NumPy's global state": (
                [
                    (
                        "init.randb(*x.shape, p=1 - self.p, dtype=x.dtype)",
                        "Tensor(np.random.default_rng().random(x.shape) >= self.p, dtype=x.dtype)",
                    )
                ],
                {"dropout-draw"},
            ),
            "gradients": ([("return x * (", "return x.detach() * (")], {"dropout-gradients"}),
        },
    },
    "06": {
        "clip-grad-norm": {
            "the exercise": ([], {"clip-is-careful", "clip-keeps-direction", "clip-walks-once"}),
            "iterators": (
                [
                    (
                        "        for param in found:",
                        "        for param in [p for p in params if p.grad is not None]:",
                    )
                ],
                {"clip-walks-once"},
            ),
        },
        "sgd": {
            "momentum": (
                [("beta * before + (1 - beta) * grad", "grad * 1.0")],
                {"sgd-momentum", "sgd-nesterov", "sgd-unbiased"},
            ),
            "weight decay": (
                [("decayed_gradient(param, self.weight_decay)", "decayed_gradient(param)")],
                {"sgd-weight-decay"},
            ),
            "unbiased": (
                [("u / (1 - beta**self.t) if self.unbiased else u", "u")],
                {"sgd-unbiased"},
            ),
            "nesterov": ([("step + u - before", "step")], {"sgd-nesterov"}),
            "parameters without a gradient": (
                [("            if param.grad is None:\n                continue\n", "")],
                {"sgd-skips"},
            ),
            "dtypes": (
                [
                    (
                        "decayed_gradient(param, self.weight_decay).numpy()",
                        "param.grad.numpy() + self.weight_decay * param.numpy()",
                    )
                ],
                {"sgd-keeps-dtype"},
            ),
            "being without a graph": (
                [
                    (
                        "decayed_gradient(param, self.weight_decay).numpy()",
                        "Tensor(param.grad, dtype=param.dtype) + self.weight_decay * param",
                    )
                ],
                {"sgd-leaves-no-trace"},
            ),
        },
        "adam": {
            "the correction": ([("if self.bias_correction:", "if False:")], {"adam-corrected"}),
            "the choice of a correction": (
                [("if self.bias_correction:", "if True:")],
                {"adam-uncorrected"},
            ),
            "eps": ([("(v / c2) ** 0.5 + self.eps", "(v / c2) ** 0.5")], {"adam-eps"}),
            "eps in the right place": (
                [("(v / c2) ** 0.5 + self.eps", "(v / c2 + self.eps**2) ** 0.5")],
                {"adam-eps"},
            ),
            "weight decay": (
                [("decayed_gradient(param, self.weight_decay)", "decayed_gradient(param)")],
                {"adam-weight-decay"},
            ),
            "parameters without a gradient": (
                [("            if param.grad is None:\n                continue\n", "")],
                {"adam-skips"},
            ),
            "being without a graph": (
                [
                    (
                        "decayed_gradient(param, self.weight_decay).numpy()",
                        "Tensor(param.grad, dtype=param.dtype) + self.weight_decay * param",
                    ),
                    ("u *= ", "u = u * "),
                    ("u += ", "u = self.u[i] = u + "),
                    ("v *= ", "v = v * "),
                    ("v += ", "v = self.v[i] = v + "),
                    ("param.numpy() - self.lr", "param.data - self.lr"),
                ],
                {"adam-leaves-no-trace"},
            ),
        },
        "hessian": {
            "functions that are linear": (
                [("if grad is not None and grad.requires_grad:", "if True:")],
                {"hessian-is-careful"},
            ),
        },
        "newton-step": {
            "singular Hessians": (
                [
                    ("np.linalg.solve(", "np.linalg.lstsq("),
                    ("reshape(-1))\n", "reshape(-1), rcond=None)[0]\n"),
                ],
                {"newton-step-refuses"},
            ),
            "theta's gradient": ([("x = Tensor(theta)", "x = theta")], {"newton-step-is-careful"}),
        },
    },
    "07": {
        "parse-idx": {
            "what the messages say": (
                [
                    ('f"it begins with {list(content[:4])}, not', '"it begins with something, not'),
                    ('f"it has {len(content)} bytes, the header {shape} asks for {size}"', '"no"'),
                ],
                {"idx-says"},
            ),
        },
        "read-idx": {
            "the path": ([("{path} is no", "this is no")], {"idx-file-named"}),
        },
        "ndarray-dataset": {
            "tuples": ([("return tuple(", "return list(")], {"ndarray-tuples"}),
            "unequal lengths": ([("if len(set(lengths)) > 1:", "if False:")], {"ndarray-refused"}),
        },
        "mnist-dataset": {
            "empty indices": ([(" and len(images):", ":")], {"mnist-indices"}),
            "transforms": (
                [("super().__init__(transforms)", "super().__init__(None)")],
                {"mnist-indices", "mnist-transforms"},
            ),
            "unequal lengths": (
                [("if len(images) != len(labels):", "if False:")],
                {"mnist-refused"},
            ),
        },
        "data-loader": {
            "tuples": ([("yield tuple(", "yield list(")], {"loader-tensors"}),
            "data without a gradient": ([(", requires_grad=False", "")], {"loader-tensors"}),
            "shuffling": (
                [("np.random.permutation(n) if self.shuffle else np.arange(n)", "np.arange(n)")],
                {"loader-shuffles"},
            ),
            "the permutation that is agreed on": (
                [("np.random.permutation(n) if", "np.random.default_rng(5).permutation(n) if")],
                {"loader-shuffles"},
            ),
        },
    },
    "08": {
        "epoch": {
            "the weight of a short batch": (
                [
                    ("examples += n", "examples += 1"),
                    ("wrong += int((", "wrong += float(("),
                    ("y.numpy()).sum())", "y.numpy()).mean())"),
                    ("float(loss.numpy()) * n", "float(loss.numpy())"),
                ],
                {"epoch-weighs"},
            ),
            "seeding for a measurement": (
                [
                    (
                        "    np.random.seed(4)\n    if opt is None:",
                        "    if opt is not None:\n        np.random.seed(4)\n    if opt is None:",
                    )
                ],
                {"epoch-trains"},
            ),
            "no gradient of a measurement": (
                [
                    (
                        "            opt.reset_grad()\n            loss.backward()\n",
                        "            opt.reset_grad()\n        loss.backward()\n"
                        "        if opt is not None:\n",
                    )
                ],
                {"epoch-evaluates"},
            ),
            "resetting the gradients": (
                [("            opt.reset_grad()\n", "")],
                {"epoch-resets-gradients"},
            ),
            "letting go of the losses": (
                [
                    ("total_loss = 0, 0, 0.0", "total_loss = 0, 0, 0.0\n    kept = []"),
                    (
                        "        n = y.shape[0]\n",
                        "        n = y.shape[0]\n        kept.append(loss)\n",
                    ),
                ],
                {"epoch-lets-go"},
            ),
        },
    },
    "09": {
        "fast-layernorm": {
            "the choice of eps": ([("var + self.eps", "var + 1e-5")], {"fast-layernorm-eps"}),
        },
        "fast-batchnorm": {
            "the choice of eps": (
                [("self.var + self.eps", "self.var + 1e-5")],
                {"fast-batchnorm-eps"},
            ),
        },
        "fast-adam": {
            "weight decay": (
                [("        grad += np.multiply(theta, self.weight_decay, out=scratch)\n", "")],
                {"fast-adam-weight-decay"},
            ),
            "the choice of a correction": (
                [
                    ("self.beta1**self.t if self.bias_correction else 1.0", "self.beta1**self.t"),
                    ("self.beta2**self.t if self.bias_correction else 1.0", "self.beta2**self.t"),
                ],
                {"fast-adam-uncorrected"},
            ),
            "the choice of eps": ([("scratch += self.eps", "scratch += 1e-8")], {"fast-adam-eps"}),
        },
    },
}
