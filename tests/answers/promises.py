"""What hidden inputs demand, and the sentence of the task that asks for it.

Stage -> exercise, or one check of it -> the kind of input.
"""

PROMISES: dict[str, dict[str, dict[str, str]]] = {
    "00": {
        "by-hand": {
            "other numbers": "The adjoints of a and b in y = a b + a",
        },
        "multiply": {
            "any shape": "everything here acts entry by entry",
            "the gradient is differentiated again": "could not be differentiated again",
        },
        "divide": {
            "any shape": "element by element",
        },
        "power-scalar": {
            "n of every kind, also of NumPy": "with a fixed number $n$",
            "n = 0 where a = 0": "the gradient is 0 for n = 0, also where a = 0",
            "n = 1 where a = 0": "Differentiate $a^1$ twice",
        },
        "log": {
            "numbers near 0": "where $a$ is $10^{-6}$, the derivative really is a million",
        },
        "relu": {
            "entries at 0": "the gradient at 0 is taken to be 0",
        },
        "transpose": {
            "negative axes": "Its `axes` may be negative",
            "stacks of matrices": "a stack of matrices is transposed matrix by matrix",
        },
        "reshape": {
            "a length of -1": "One length may be -1",
            "shape ()": "Either shape may be `()`",
        },
        "summation": {
            "None, ints and tuples": "as None, as an int or as a tuple",
            "negative axes": "and may be negative",
            "a tensor of shape ()": "A tensor of shape `()` has no axes",
        },
        "unbroadcast": {
            "new axes": "over the axes that `shape` lacks on the left",
            "stretched axes": "over those that have length 1 in it",
            "shape ()": "which is `()` if a single number was broadcast",
            "equal shapes": "`x.shape` if nothing was copied",
        },
        "matmul": {
            "stacks that are broadcast": "broadcasts the axes in front",
        },
        "topo-sort": {
            "several outputs, and the same twice": "Return the given nodes",
            "constants": "all that they depend on",
            "nodes used twice": "each once",
            "deep graphs": "a graph may be thousands of nodes deep",
            "large graphs under a time limit": "for which the grader has a few seconds",
            "large graphs under a time limit, too": "not as its square",
        },
        "reverse-mode": {
            "ops that give None": "may get None from an op",
            "constants": "its `grad` stays None",
            "a second call": "so a second call replaces what `grad` held",
            "tuples": "A node may also be a `TensorTuple`",
            "every hidden node is asked for its grad": "`grad` of every node that",
        },
    },
    "01": {
        "xavier-uniform": {
            "a leaf": "What they return is a leaf",
            "the global state": "draw from NumPy's global state",
            "keywords": "hand the keywords `device`, `dtype` and",
            "float32 without a gradient unasked": "return float32, and tensors that need",
            "keywords, too": "device, dtype and requires_grad in `kwargs` are those of",
        },
        "xavier-normal": {
            "a leaf": "a leaf, has shape",
            "keywords": "device, dtype and requires_grad in `kwargs` are those of",
        },
        "kaiming-uniform": {
            "a leaf": "a leaf, has shape",
            "keywords": "device, dtype and requires_grad in `kwargs` are those of",
            "other activations": 'Raises ValueError for a nonlinearity other than "relu"',
        },
        "kaiming-normal": {
            "a leaf": "a leaf, has shape",
            "keywords": "device, dtype and requires_grad in `kwargs` are those of",
            "other activations": 'Raises ValueError for a nonlinearity other than "relu"',
        },
    },
    "02": {
        "linear": {
            "the order of the draws": "first the weight, then the bias",
            "leaves": "The parameters must be leaves",
            "no bias": "or None, with nothing drawn for it, if `bias` is false",
            "both modes": "Training and evaluation are alike",
            "dtypes": "have the given dtype",
            "more axes": "with two axes or more",
        },
        "flatten": {
            "any number of axes": "From shape (n, a, b, ...)",
            "both modes": "in training and in evaluation alike",
            "shape (n,)": "of shape (n,), becomes (n, 1)",
        },
        "relu-layer": {
            "any shape": "entry by entry, of any shape",
            "both modes": "in training and in evaluation alike",
        },
        "sequential": {
            "no modules": "with none, y = x",
            "both modes": "Training and evaluation are alike",
            "the modes of the modules": "each module stays in the mode in which it is",
            "the attribute": "The modules are kept in `modules`, in this order",
            "chains in chains": "chains can be links of other chains",
        },
        "residual": {
            "a module that counts its calls": "and is called once",
            "both modes": "Training and evaluation are alike",
            "the mode of the module": "fn stays in the mode in which it is",
        },
    },
    "03": {
        "logsumexp": {
            "masked logits": "0 where z_i is -inf",
            "both dtypes": "the result has shape and dtype of z",
            "every kind of axes": "an int, a tuple of ints, or None for all axes",
            "differentiated again": "so that it can be differentiated again",
        },
        "stable-logsumexp": {
            "ints, tuples, negative axes, None": "each may be negative",
            "both dtypes": "float32 stays float32, float64 stays float64",
            "-inf": "An entry of -inf adds nothing",
            "rows of -inf": "a slice of nothing but -inf gives -inf",
            "+inf": "one with +inf gives +inf",
            "the array afterwards": "is left as it was",
        },
    },
    "04": {
        "logsoftmax": {
            "large and unlikely logits": "also where `exp` over- or underflows",
            "both dtypes": "The result has the dtype of `array`",
            "the array afterwards": "which is left as it was",
            "differentiated again": "so that it can be differentiated again",
        },
        "softmax-loss": {
            "any integers as labels": "integers of any type",
            "both dtypes": "The loss has the dtype of the logits",
            "batches of all sizes": "It is a **mean** over the batch",
        },
    },
    "05": {
        "layernorm-forward": {
            "other shapes": "From shape (n, dim) to the same shape.",
            "eval mode": "Training and evaluation are alike.",
        },
        "layernorm-eps": {
            "equal entries": "For a row of equal entries the derivative of",
        },
        "layernorm-parameters": {
            "the start": "Parameters: `weight`, ones, and `bias`, zeros",
        },
        "layernorm-gradients": {
            "the gradient": "Part of the gradient flows through them.",
        },
        "layernorm-dtype": {
            "float64": "on `device` and of the given dtype",
        },
        "batchnorm-running": {
            "other momentums": "running = (1 - momentum) * running + momentum * batch",
            "the start": "at first zeros, and `running_var`, at first ones",
        },
        "batchnorm-affine": {
            "eval mode": "In eval mode they are the running values.",
        },
        "batchnorm-eval": {
            "running values afterwards": "eval mode only *uses* them",
        },
        "batchnorm-parameters": {
            "running values": "The running values are plain tensors.",
        },
        "batchnorm-state": {
            "running values": "They carry no graph.",
        },
        "batchnorm-dtype": {
            "float64": "All four have shape (dim,), live on `device` and have",
        },
        "dropout-forward": {
            "p of 0": "0 <= p <= 1",
            "three axes and one": "Any shape; the dtype stays",
            "the default": "p: float = 0.5",
        },
        "dropout-draw": {
            "a seed": "an entry is kept where `init.randb(*x.shape, p=1 - p)` is true",
        },
        "dropout-distribution": {
            "two calls": "In each training step every entry of the activations is set to "
            "zero with probability p, by an independent draw.",
        },
        "dropout-eval": {
            "eval mode": "in eval mode y = x",
            "the draws": "in eval mode y = x and nothing is drawn",
        },
        "dropout-dtype": {
            "float64": "the dtype stays",
        },
    },
    "06": {
        "decayed-gradient-adds": {
            "a parameter without axes": "It has the shape and the dtype of `param`",
        },
        "decayed-gradient-is-clean": {
            "a gradient with a graph": "and is part of no graph",
            "float64 for float32": "It has the shape and the dtype of `param`",
            "the old gradient afterwards": "`param` and `param.grad` are left as they were.",
        },
        "clip-is-careful": {
            "a gradient that two share": "because two parameters may share one",
            "no gradient": "parameters without a gradient are skipped and stay without one",
            "squares beyond float32": "summed in float64",
        },
        "clip-walks-once": {
            "a generator": "`params` may be an iterator, which can be walked only once.",
        },
        "sgd-skips": {
            "no gradient": "parameters without a gradient keep their value and their u",
        },
        "sgd-weight-decay": {
            "momentum and decay": "where beta = `momentum` and g is the gradient with weight decay",
            "the point ahead": "Weight decay uses the value that the parameter holds.",
        },
        "sgd-keeps-dtype": {
            "float64 for float32": "keeps each parameter's dtype",
        },
        "sgd-leaves-no-trace": {
            "gradients with a graph": "leaves gradients alone and no graph behind",
        },
        "adam-eps": {
            "zeros": "Where gradients are zero it turns 0/0 into 0.",
        },
        "adam-skips": {
            "no gradient for a while": "without a gradient keep their value and their averages",
        },
        "adam-keeps-dtype": {
            "float64 for float32": "keeps each parameter's dtype",
        },
        "adam-leaves-no-trace": {
            "gradients with a graph": "leaves gradients alone and no graph behind",
        },
        "hessian-values": {
            "theta without axes": "theta may have any shape, () too.",
            "a matrix theta": "counted in row-major order",
        },
        "hessian-is-careful": {
            "a linear function": "a linear function has a gradient that depends on nothing, whose "
            "derivative is 0",
            "an array, not a tensor": "the result is an array, not a tensor",
            "theta.grad": "`theta` and `theta.grad` are left as they were.",
        },
        "newton-step-lands": {
            "theta of other shapes": "theta may have any shape",
        },
        "newton-step-refuses": {
            "no curvature": "Raises np.linalg.LinAlgError if H is singular.",
        },
        "newton-step-is-careful": {
            "theta.grad": "`theta.grad` is left as it was.",
            "float32 and float64": "keeps its dtype",
        },
    },
    "07": {
        "idx-says": {
            "two damages": "The message says what was found: the first bytes, or how many "
            "bytes there are.",
        },
        "idx-refused": {
            "headers that are cut": "if it is shorter or longer than the header says",
        },
        "idx-file-named": {
            "files": "Raises ValueError, which names the path",
        },
        "idx-file": {
            "no file": "FileNotFoundError if there is none",
        },
        "ndarray-indices": {
            "none and the last": "-1 is the last example, an array may name an example twice, or "
            "none at all.",
        },
        "ndarray-tuples": {
            "one array": "An item is a tuple with one part for each array",
        },
        "ndarray-refused": {
            "lengths": "Raises ValueError if the arrays are not equally long.",
        },
        "mnist-indices": {
            "none": "gives shapes (n, H, W, 1) and (n,), also for n = 0",
        },
        "mnist-transforms": {
            "draws": "each image transformed by a call of its own, in order",
        },
        "mnist-refused": {
            "axes": "Raises ValueError unless the images have 3 axes, the labels 1, "
            "and there are as many of both.",
        },
        "flip-mirrors": {
            "the draws": "Return `img` mirrored if one `np.random.rand()` is less than p",
            "p of 0": "It draws for every image, flipped or not",
            "other dtypes": "an array of shape (H, W, C) and its dtype",
        },
        "crop-shifts": {
            "the draws": "(s, t) = `np.random.randint(-padding, padding + 1, size=2)`",
            "more padding than image": "img[i + s, j + t, c] where that exists, else 0",
        },
        "loader-tensors": {
            "kinds": "Batches as tuples of tensors that need no gradient",
        },
        "loader-shuffles": {
            "the draws": "one `np.random.permutation(n)` drawn for this iteration",
        },
        "loader-two-at-once": {
            "two": "Any number of iterations may be under way at once.",
        },
        "loader-asks-once": {
            "requests": "Each batch is one call `dataset[indices]`",
            "arrays": "with an array of indices, made anew in every iteration",
        },
    },
    "08": {
        "epoch-evaluates": {
            "running statistics": "Without: in eval mode, nothing is changed.",
            "the gradients": "Without: in eval mode, nothing is changed.",
            "images of three axes": "A batch is a pair of images of shape (n, ...)",
        },
        "epoch-weighs": {
            "a short batch": "a short last batch counts for as many examples as it has",
        },
        "epoch-trains": {
            "dropout": "Seeds NumPy with 4 before it draws the first batch.",
        },
    },
    "09": {
        "fast-linear-gradients": {
            "more axes": "$X$ may have more than two axes.",
        },
        "fast-linear-data": {
            "data": "The first layer sees data, which require no gradient.",
        },
        "fast-loss-value": {
            "large logits": "Subtract the maximum of each row first",
        },
        "fast-layernorm-gradients": {
            "a weight of 0": "A weight may be 0: then the output no longer tells what $h$ was",
        },
        "fast-batchnorm-gradients": {
            "a weight of 0": "(A weight may be 0, so the output does not tell what they were.)",
        },
        "fast-batchnorm-forward": {
            "the running values": "`compute` also leaves `self.mean` and `self.var` (biased, "
            "without $\\epsilon$)",
        },
        "fast-adam-state": {
            "in place": "`theta`, `u` and `v` have to be changed in place",
        },
    },
}
