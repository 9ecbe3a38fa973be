"""Answers to stage 08 that must lose points (WRONG) and that must not (RIGHT)."""

BLOCK_RETURN = "return nn.Sequential(nn.Residual(fn), nn.ReLU())"
INNER_RELU = "        nn.ReLU(),\n        nn.Dropout(drop_prob),\n"
FIRST_NORM = "        norm(hidden_dim),\n"
LAST_NORM = "        norm(dim),\n    )"
MODEL_LOOP = (
    "    for _ in range(num_blocks):\n"
    "        blocks.append(ResidualBlock(hidden_dim, hidden_dim // 2, norm, drop_prob))\n"
)
STEM = "blocks = [nn.Linear(dim, hidden_dim), nn.ReLU()]"
HEAD = "nn.Linear(hidden_dim, num_classes)"
MODES = (
    "    if opt is None:\n        model.eval()\n    else:\n        model.train()\n"
    "    flatten, loss_of"
)
UPDATE = "            opt.reset_grad()\n            loss.backward()\n            opt.step()\n"
WRONG_COUNT = "int((logits.numpy().argmax(axis=1) != y.numpy()).sum())"
RESULT = "return wrong / examples, total_loss / examples"
LOSS_SUM = "float(loss.numpy()) * n  # the loss is a mean over the batch"
SIGNATURE = (
    "def epoch(\n"
    "    dataloader: Iterable[Any], model: nn.Module, opt: Optimizer | None = None\n"
    ") -> tuple[float, float]:\n"
)
TRAIN_SIGNATURE = (
    "def train_mnist(\n"
    "    batch_size: int = 100,\n"
    "    epochs: int = 10,\n"
    "    optimizer: Callable[..., Optimizer] = Adam,\n"
    "    lr: float = 0.001,\n"
    "    weight_decay: float = 0.001,\n"
    "    hidden_dim: int = 100,\n"
    '    data_dir: str = "data",\n'
    ") -> tuple[float, float, float, float]:\n"
)
BLOCK_SIGNATURE = (
    "(\n"
    "    dim: int,\n"
    "    hidden_dim: int,\n"
    "    norm: Callable[[int], nn.Module] = nn.BatchNorm1d,\n"
    "    drop_prob: float = 0.1,\n"
    ") -> nn.Module:\n"
)
MODEL_SIGNATURE = (
    "def MLPResNet(\n"
    "    dim: int,\n"
    "    hidden_dim: int = 100,\n"
    "    num_blocks: int = 3,\n"
    "    num_classes: int = 10,\n"
    "    norm: Callable[[int], nn.Module] = nn.BatchNorm1d,\n"
    "    drop_prob: float = 0.1,\n"
    ") -> nn.Module:\n"
)
TEST_EPOCH = "epoch(DataLoader(test, batch_size), model)"
OPTIMIZER = "optimizer(model.parameters(), lr=lr, weight_decay=weight_decay)"

WRONG = {
    "residual-block": {
        "no way round": [(BLOCK_RETURN, "return nn.Sequential(fn, nn.ReLU())")],
        "no ReLU after the sum": [(BLOCK_RETURN, "return nn.Residual(fn)")],
        "the last ReLU is inside": [
            (BLOCK_RETURN, "return nn.Residual(nn.Sequential(fn, nn.ReLU()))"),
        ],
        "a ReLU before the sum as well": [
            (
                BLOCK_RETURN,
                "return nn.Sequential(nn.Residual(nn.Sequential(fn, nn.ReLU())), nn.ReLU())",
            ),
        ],
        "two ways round": [
            (BLOCK_RETURN, "return nn.Sequential(nn.Residual(nn.Residual(fn)), nn.ReLU())"),
        ],
        "norm after the sum": [
            (LAST_NORM, "    )"),
            (BLOCK_RETURN, "return nn.Sequential(nn.Residual(fn), norm(dim), nn.ReLU())"),
        ],
        "no second norm": [(LAST_NORM, "    )")],
        "no first norm": [(FIRST_NORM, "")],
        "norm before the first linear layer": [
            (
                "        nn.Linear(dim, hidden_dim),\n" + FIRST_NORM,
                "        norm(dim),\n        nn.Linear(dim, hidden_dim),\n",
            ),
        ],
        "norm after the inner ReLU": [
            (FIRST_NORM + "        nn.ReLU(),\n", "        nn.ReLU(),\n" + FIRST_NORM),
        ],
        "no inner ReLU": [(INNER_RELU, "        nn.Dropout(drop_prob),\n")],
        "always BatchNorm1d": [
            (FIRST_NORM, "        nn.BatchNorm1d(hidden_dim),\n"),
            (LAST_NORM, "        nn.BatchNorm1d(dim),\n    )"),
        ],
        "always BatchNorm1d at the end": [(LAST_NORM, "        nn.BatchNorm1d(dim),\n    )")],
        "no dropout": [("        nn.Dropout(drop_prob),\n", "")],
        "dropout of a half": [("nn.Dropout(drop_prob)", "nn.Dropout()")],
        "drop_prob is what is kept": [("nn.Dropout(drop_prob)", "nn.Dropout(1 - drop_prob)")],
        "dropout at the end": [
            ("        nn.Dropout(drop_prob),\n", ""),
            (LAST_NORM, "        norm(dim),\n        nn.Dropout(drop_prob),\n    )"),
        ],
        "dropout before the first norm": [
            (
                FIRST_NORM + INNER_RELU,
                "        nn.Dropout(drop_prob),\n" + FIRST_NORM + "        nn.ReLU(),\n",
            ),
        ],
        "a second dropout": [
            (LAST_NORM, "        norm(dim),\n        nn.Dropout(drop_prob),\n    )"),
        ],
        "linear layers without a bias": [
            ("nn.Linear(dim, hidden_dim)", "nn.Linear(dim, hidden_dim, bias=False)"),
            ("nn.Linear(hidden_dim, dim)", "nn.Linear(hidden_dim, dim, bias=False)"),
        ],
        "hidden_dim is ignored": [
            ("nn.Linear(dim, hidden_dim)", "nn.Linear(dim, dim)"),
            (FIRST_NORM, "        norm(dim),\n"),
            ("nn.Linear(hidden_dim, dim)", "nn.Linear(dim, dim)"),
        ],
        "the second linear layer is drawn first": [
            ("fn = nn.Sequential(", "back = nn.Linear(hidden_dim, dim)\n    fn = nn.Sequential("),
            ("        nn.Linear(hidden_dim, dim),\n", "        back,\n"),
        ],
    },
    "mlp-resnet": {
        "one block, many times": [
            (
                MODEL_LOOP,
                "    block = ResidualBlock(hidden_dim, hidden_dim // 2, norm, drop_prob)\n"
                "    blocks += [block] * num_blocks\n",
            ),
        ],
        "one block too many": [("range(num_blocks)", "range(num_blocks + 1)")],
        "one block too few": [("range(num_blocks)", "range(1, num_blocks)")],
        "always three blocks": [("range(num_blocks)", "range(3)")],
        "one block at least": [("range(num_blocks)", "range(max(1, num_blocks))")],
        "no ReLU in front": [(STEM, "blocks = [nn.Linear(dim, hidden_dim)]")],
        "a norm in front": [
            (STEM, "blocks = [nn.Linear(dim, hidden_dim), norm(hidden_dim), nn.ReLU()]"),
        ],
        "dropout in front": [
            (STEM, "blocks = [nn.Linear(dim, hidden_dim), nn.ReLU(), nn.Dropout(drop_prob)]"),
        ],
        "blocks as wide inside as outside": [("hidden_dim // 2, norm", "hidden_dim, norm")],
        "twice as wide inside": [("hidden_dim // 2, norm", "2 * hidden_dim, norm")],
        "rounded up": [("hidden_dim // 2, norm", "(hidden_dim + 1) // 2, norm")],
        "half of the features of the input": [("hidden_dim // 2, norm", "max(1, dim // 2), norm")],
        "norm is not handed on": [
            ("hidden_dim // 2, norm, drop_prob", "hidden_dim // 2, drop_prob=drop_prob")
        ],
        "dropout is not handed on": [("hidden_dim // 2, norm, drop_prob", "hidden_dim // 2, norm")],
        "a ReLU on the logits": [(HEAD + ")", HEAD + ", nn.ReLU())")],
        "always ten classes": [(HEAD, "nn.Linear(hidden_dim, 10)")],
        "the last layer is drawn first": [
            (STEM, "head = " + HEAD + "\n    " + STEM),
            ("nn.Sequential(*blocks, " + HEAD + ")", "nn.Sequential(*blocks, head)"),
        ],
        "the blocks are drawn from the last to the first": [
            (
                MODEL_LOOP,
                "    for _ in range(num_blocks):\n"
                "        block = ResidualBlock(hidden_dim, hidden_dim // 2, norm, drop_prob)\n"
                "        blocks.insert(2, block)\n",
            ),
        ],
        "the blocks are drawn before the first layer": [
            (
                STEM + "\n" + MODEL_LOOP,
                "middle = [ResidualBlock(hidden_dim, hidden_dim // 2, norm, drop_prob)\n"
                "              for _ in range(num_blocks)]\n"
                "    blocks = [nn.Linear(dim, hidden_dim), nn.ReLU(), *middle]\n",
            ),
        ],
    },
    "epoch": {
        "no eval mode": [
            (MODES, "    model.train()\n    flatten, loss_of"),
        ],
        "no train mode": [
            (MODES, "    if opt is None:\n        model.eval()\n    flatten, loss_of"),
        ],
        "the modes are swapped": [("if opt is None:", "if opt is not None:")],
        "eval mode is set after the pass": [
            (MODES, "    flatten, loss_of"),
            ("    return wrong", "    if opt is None:\n        model.eval()\n    return wrong"),
        ],
        "the accuracy": [("argmax(axis=1) != y", "argmax(axis=1) == y")],
        "the number of errors": [("wrong / examples", "float(wrong)")],
        "errors per batch": [
            (
                "examples, wrong, total_loss = 0, 0, 0.0",
                "examples, wrong, total_loss = 0, 0, 0.0\n    batches = 0",
            ),
            ("        n = y.shape[0]\n", "        n = y.shape[0]\n        batches += 1\n"),
            ("wrong / examples", "wrong / batches"),
        ],
        "the smallest logit": [(".argmax(axis=1)", ".argmin(axis=1)")],
        "the sum of the losses": [("total_loss / examples", "total_loss")],
        "batch means divided by examples": [(LOSS_SUM, "float(loss.numpy())")],
        "the mean of the batches' losses": [
            ("examples, wrong, total_loss = 0, 0, 0.0", "examples, wrong, losses = 0, 0, []"),
            (
                "total_loss += float(loss.numpy()) * n  # the loss is a mean over the batch",
                "losses.append(float(loss.numpy()))",
            ),
            ("total_loss / examples", "float(np.mean(losses))"),
        ],
        "the means of the batches' means": [
            ("examples, wrong, total_loss = 0, 0, 0.0", "losses, errors = [], []"),
            ("        examples += n\n", ""),
            (
                "wrong += int((logits.numpy().argmax(axis=1) != y.numpy()).sum())",
                "errors.append((logits.numpy().argmax(axis=1) != y.numpy()).mean())",
            ),
            (
                "total_loss += float(loss.numpy()) * n  # the loss is a mean over the batch",
                "losses.append(float(loss.numpy()))",
            ),
            (
                "return wrong / examples, total_loss / examples",
                "return float(np.mean(errors)), float(np.mean(losses))",
            ),
            ("    if examples == 0:\n", "    if not losses:\n"),
        ],
        "the largest logit of each column": [
            (
                "int((logits.numpy().argmax(axis=1) != y.numpy()).sum())",
                "sum(int(i != t) for i, t in zip(logits.numpy().argmax(axis=0), y.numpy()))",
            ),
        ],
        "the loss of the last batch": [
            ("total_loss += float(loss.numpy()) * n", "total_loss = float(loss.numpy()) * n"),
            ("total_loss / examples", "total_loss / n"),
        ],
        "the loss before the error": [(RESULT, "return total_loss / examples, wrong / examples")],
        "gradients are not reset": [("            opt.reset_grad()\n", "")],
        "gradients are reset before the step": [
            (
                UPDATE,
                "            loss.backward()\n            opt.reset_grad()\n"
                "            opt.step()\n",
            ),
        ],
        "no step": [("            opt.step()\n", "")],
        "one step at the end": [
            (UPDATE, "            opt.reset_grad()\n            loss.backward()\n"),
            ("    return wrong", "    if opt is not None:\n        opt.step()\n    return wrong"),
        ],
        "only the first batch": [
            (
                "  # the loss is a mean over the batch\n",
                "  # the loss is a mean over the batch\n        break\n",
            ),
        ],
        "figures after the step": [
            (
                "        n = y.shape[0]\n",
                "        logits = model(flatten(x))\n"
                "        loss = loss_of(logits, y)\n        n = y.shape[0]\n",
            ),
        ],
        "no seed": [("    np.random.seed(4)\n", "")],
        "another seed": [("np.random.seed(4)", "np.random.seed(0)")],
        "seeded for every batch": [
            ("        logits = model", "        np.random.seed(4)\n        logits = model"),
        ],
        "seeded after the loader has drawn": [
            (
                "    np.random.seed(4)\n",
                "    dataloader = list(dataloader)\n    np.random.seed(4)\n",
            ),
        ],
        "seeded in training only": [
            ("    np.random.seed(4)\n", "    if opt is None:\n        np.random.seed(4)\n"),
        ],
        "the images are not flattened": [("model(flatten(x))", "model(x)")],
        "flattened to 28 x 28 pixels": [
            ("model(flatten(x))", "model(x.reshape((x.shape[0], 784)))"),
        ],
        "the losses are summed as tensors": [
            ("total_loss = 0, 0, 0.0", "total_loss = 0, 0, 0"),
            (LOSS_SUM, "loss * n"),
            ("total_loss / examples", "float((total_loss / examples).numpy())"),
        ],
        "the losses are kept in a list": [
            ("total_loss = 0, 0, 0.0", "total_loss = 0, 0, 0.0\n    kept = []"),
            ("        n = y.shape[0]\n", "        n = y.shape[0]\n        kept.append(loss)\n"),
        ],
        "a step in evaluation": [
            (
                "        if opt is not None:\n" + UPDATE,
                "        loss.backward()\n        if opt is not None:\n            opt.step()\n"
                "            opt.reset_grad()\n        else:\n"
                "            for theta in model.parameters():\n"
                "                theta.data = theta.data - 0.01 * theta.grad.data\n",
            ),
        ],
    },
    "train-mnist": {
        "no seed": [("    np.random.seed(4)\n", "")],
        "seeded after the model": [
            ("    np.random.seed(4)\n", ""),
            ("    opt = optimizer", "    np.random.seed(4)\n    opt = optimizer"),
        ],
        "another seed": [("np.random.seed(4)", "np.random.seed(0)")],
        "the training data are not shuffled": [(", shuffle=True", "")],
        "the test data are the training data": [("DataLoader(test,", "DataLoader(train,")],
        "trained on the test data": [
            ("DataLoader(train, batch_size", "DataLoader(test, batch_size"),
        ],
        "one epoch": [("range(epochs)", "range(1)")],
        "one epoch too many": [("range(epochs)", "range(epochs + 1)")],
        "tested before the training": [
            (
                "    for _ in range(epochs):\n",
                "    test_error, test_loss = " + TEST_EPOCH + "\n    for _ in range(epochs):\n",
            ),
            ("    test_error, test_loss = " + TEST_EPOCH + "\n    return", "    return"),
        ],
        "tested before the last epoch": [
            (
                "        train_error, train_loss =",
                "        test_error, test_loss = "
                + TEST_EPOCH
                + "\n        train_error, train_loss =",
            ),
            ("    test_error, test_loss = " + TEST_EPOCH + "\n    return", "    return"),
        ],
        "tested with the optimizer": [
            (TEST_EPOCH, "epoch(DataLoader(test, batch_size), model, opt)")
        ],
        "training figures of the first epoch": [
            (
                "        train_error, train_loss = epoch(train_batches, model, opt)",
                "        figures = epoch(train_batches, model, opt)\n"
                "        train_error, train_loss = figures if not _ else (train_error, train_loss)",
            ),
        ],
        "the training figures are measured afterwards": [
            (
                "    return train_error",
                "    train_error, train_loss = epoch(train_batches, model)\n    return train_error",
            ),
        ],
        "the test figures first": [
            (
                "return train_error, train_loss, test_error, test_loss",
                "return test_error, test_loss, train_error, train_loss",
            ),
        ],
        "errors first, then losses": [
            (
                "return train_error, train_loss, test_error, test_loss",
                "return train_error, test_error, train_loss, test_loss",
            ),
        ],
        "accuracies": [
            (
                "return train_error, train_loss, test_error, test_loss",
                "return 1 - train_error, train_loss, 1 - test_error, test_loss",
            ),
        ],
        "always Adam": [(OPTIMIZER, "Adam(model.parameters(), lr=lr, weight_decay=weight_decay)")],
        "lr is ignored": [(OPTIMIZER, "optimizer(model.parameters(), weight_decay=weight_decay)")],
        "weight decay is ignored": [(OPTIMIZER, "optimizer(model.parameters(), lr=lr)")],
        "weight decay in third place": [
            (OPTIMIZER, "optimizer(model.parameters(), lr, weight_decay)"),
        ],
        "hidden_dim is ignored": [(", hidden_dim)\n", ")\n")],
        "batch_size is ignored": [
            ("DataLoader(train, batch_size,", "DataLoader(train, 100,"),
        ],
        "always 784 features": [("math.prod(image.shape)", "784")],
        "a new optimizer every epoch": [
            (
                "        train_error, train_loss =",
                "        opt = " + OPTIMIZER + "\n        train_error, train_loss =",
            ),
        ],
        "always the folder data": [('f"{data_dir}/{part}-images', 'f"data/{part}-images')],
        "no dropout": [(", hidden_dim)\n", ", hidden_dim, drop_prob=0.0)\n")],
        "two blocks": [(", hidden_dim)\n", ", hidden_dim, num_blocks=2)\n")],
    },
}
RIGHT = {
    "residual-block": {
        "as a module": """\
class ResidualBlock(nn.Module):
    def __init__(self, dim, hidden_dim, norm=nn.BatchNorm1d, drop_prob=0.1):
        super().__init__()
        self.down = nn.Linear(dim, hidden_dim)
        self.inner_norm = norm(hidden_dim)
        self.dropout = nn.Dropout(drop_prob)
        self.up = nn.Linear(hidden_dim, dim)
        self.outer_norm = norm(dim)
        self.relu = nn.ReLU()

    def forward(self, x):
        hidden = self.dropout(self.relu(self.inner_norm(self.down(x))))
        return self.relu(x + self.outer_norm(self.up(hidden)))
""",
        "as a kind of Residual": """\
class ResidualBlock(nn.Residual):
    def __init__(self, dim, hidden_dim, norm=nn.BatchNorm1d, drop_prob=0.1):
        first = nn.Linear(dim, hidden_dim), norm(hidden_dim), nn.ReLU(), nn.Dropout(drop_prob)
        super().__init__(nn.Sequential(*first, nn.Linear(hidden_dim, dim), norm(dim)))
        self.last = nn.ReLU()

    def forward(self, x):
        return self.last(super().forward(x))
""",
        "as one long expression": "def ResidualBlock"
        + BLOCK_SIGNATURE
        + """\
    return nn.Sequential(
        nn.Residual(
            nn.Sequential(
                nn.Sequential(nn.Linear(dim, hidden_dim), norm(hidden_dim)),
                nn.Sequential(nn.ReLU(), nn.Dropout(drop_prob)),
                nn.Sequential(nn.Linear(hidden_dim, dim), norm(dim)),
            )
        ),
        nn.ReLU(),
    )
""",
        "with a helper and a list of layers": "def ResidualBlock"
        + BLOCK_SIGNATURE
        + """\
    def affine(fan_in, fan_out):
        return [nn.Linear(fan_in, fan_out), norm(fan_out)]

    layers = affine(dim, hidden_dim)
    layers += [nn.ReLU(), nn.Dropout(p=drop_prob)]
    layers.extend(affine(hidden_dim, dim))
    return nn.Sequential(nn.Residual(nn.Sequential(*layers)), nn.Identity(), nn.ReLU())
""",
    },
    "mlp-resnet": {
        "as a module with attributes": """\
class MLPResNet(nn.Module):
    def __init__(
        self,
        dim,
        hidden_dim=100,
        num_blocks=3,
        num_classes=10,
        norm=nn.BatchNorm1d,
        drop_prob=0.1,
    ):
        super().__init__()
        self.first = nn.Linear(dim, hidden_dim)
        self.relu = nn.ReLU()
        self.blocks = []
        for _ in range(num_blocks):
            self.blocks.append(
                ResidualBlock(hidden_dim, hidden_dim // 2, norm=norm, drop_prob=drop_prob)
            )
        self.last = nn.Linear(hidden_dim, num_classes)

    def forward(self, x):
        x = self.relu(self.first(x))
        for block in self.blocks:
            x = block(x)
        return self.last(x)
""",
        "by a comprehension": MODEL_SIGNATURE
        + """\
    return nn.Sequential(
        nn.Linear(dim, hidden_dim),
        nn.ReLU(),
        *[
            ResidualBlock(
                dim=hidden_dim, hidden_dim=hidden_dim // 2, norm=norm, drop_prob=drop_prob
            )
            for _ in range(num_blocks)
        ],
        nn.Linear(hidden_dim, num_classes),
    )
""",
        "in three nested parts": MODEL_SIGNATURE
        + """\
    stem = nn.Sequential(nn.Linear(dim, hidden_dim), nn.ReLU())
    middle = nn.Sequential(
        *(
            ResidualBlock(hidden_dim, int(hidden_dim / 2), norm, drop_prob)
            for _ in range(num_blocks)
        )
    )
    head = nn.Linear(hidden_dim, num_classes)
    return nn.Sequential(stem, middle, head)
""",
        "by nesting one model in the next": MODEL_SIGNATURE
        + """\
    model = nn.Sequential(nn.Linear(dim, hidden_dim), nn.ReLU())
    while num_blocks:
        model = nn.Sequential(model, ResidualBlock(hidden_dim, hidden_dim // 2, norm, drop_prob))
        num_blocks -= 1
    return nn.Sequential(model, nn.Linear(hidden_dim, num_classes))
""",
    },
    "epoch": {
        "figures in lists, weighed by np.average": SIGNATURE
        + """\
    np.random.seed(4)
    model.train() if opt is not None else model.eval()
    loss_fn = nn.SoftmaxLoss()
    losses, sizes, errors = [], [], []
    for images, labels in dataloader:
        logits = model(nn.Flatten()(images))
        loss = loss_fn(logits, labels)
        losses.append(loss.numpy())
        sizes.append(len(logits.numpy()))
        errors.append(np.argmax(logits.numpy(), axis=1) != labels.numpy())
        if opt:
            opt.reset_grad()
            loss.backward()
            opt.step()
    return np.mean(np.concatenate(errors)), np.average(losses, weights=sizes)
""",
        "two loops": SIGNATURE
        + """\
    np.random.seed(4)
    loss_fn = nn.SoftmaxLoss()
    total, wrong, n = 0.0, 0.0, 0
    if opt is None:
        model.eval()
        for x, y in dataloader:
            logits = model(x.reshape((x.shape[0], math.prod(x.shape[1:]))))
            total += loss_fn(logits, y).numpy().item() * len(y.numpy())
            wrong += np.count_nonzero(logits.numpy().argmax(1) - y.numpy())
            n += len(y.numpy())
        return wrong / n, total / n
    model.train()
    for x, y in dataloader:
        opt.reset_grad()
        logits = model(x.reshape((x.shape[0], math.prod(x.shape[1:]))))
        loss = loss_fn(logits, y)
        loss.backward()
        opt.step()
        total += loss.detach().numpy().item() * len(y.numpy())
        wrong += np.count_nonzero(logits.numpy().argmax(1) - y.numpy())
        n += len(y.numpy())
    return wrong / n, total / n
""",
        "with the softmax loss by hand": SIGNATURE
        + """\
    np.random.seed(4)
    model.train()
    if opt is None:
        model.eval()
    examples = []
    for x, y in dataloader:
        n = x.shape[0]
        z = model(x.reshape((n, int(x.numpy().size // n))))
        k = z.shape[1]
        from needle.init import one_hot
        from needle.ops import logsumexp

        losses = logsumexp(z, axes=(1,)) - (z * one_hot(k, y)).sum(axes=(1,))
        if opt is not None:
            opt.reset_grad()
            (losses.sum() / n).backward()
            opt.step()
        right = z.numpy().argmax(axis=-1) == y.numpy()
        examples.append(np.stack([1.0 - right, losses.numpy()]))
    error, loss = np.concatenate(examples, axis=1).mean(axis=1)
    return float(error), float(loss)
""",
        "through a generator": SIGNATURE
        + """\
    def figures():
        for x, y in dataloader:
            logits = model(nn.Flatten()(x))
            loss = nn.SoftmaxLoss()(logits, y)
            if opt is not None:
                loss.backward()
                opt.step()
                opt.reset_grad()
            n = len(y.numpy())
            hits = (logits.numpy().argmax(axis=1) == y.numpy()).sum()
            yield n, n - hits, n * loss.numpy()

    np.random.seed(4)
    (model.eval if opt is None else model.train)()
    if opt is not None:
        opt.reset_grad()
    total = np.zeros(3)
    for row in figures():
        total += row
    return total[1] / total[0], total[2] / total[0]
""",
    },
    "train-mnist": {
        "file by file": TRAIN_SIGNATURE
        + """\
    import os

    np.random.seed(4)
    train_set = MNISTDataset(
        os.path.join(data_dir, "train-images-idx3-ubyte.gz"),
        os.path.join(data_dir, "train-labels-idx1-ubyte.gz"),
    )
    test_set = MNISTDataset(
        os.path.join(data_dir, "t10k-images-idx3-ubyte.gz"),
        os.path.join(data_dir, "t10k-labels-idx1-ubyte.gz"),
    )
    train_loader = DataLoader(train_set, batch_size=batch_size, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=batch_size, shuffle=False)
    model = MLPResNet(train_set[0][0].size, hidden_dim=hidden_dim)
    opt = optimizer(model.parameters(), weight_decay=weight_decay, lr=lr)
    for _ in range(epochs):
        training = epoch(train_loader, model, opt)
    testing = epoch(test_loader, model, None)
    return (*training, *testing)
""",
        "the test data in one batch, opened at the end": TRAIN_SIGNATURE
        + """\
    def dataset(part):
        names = (f"{data_dir}/{part}-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1"))
        return MNISTDataset(*names)

    np.random.seed(4)
    train = dataset("train")
    height, width, _ = train[0][0].shape
    model = MLPResNet(height * width, hidden_dim)
    opt = optimizer(model.parameters(), lr=lr, weight_decay=weight_decay)
    loader = DataLoader(train, batch_size, True)
    figures = [epoch(loader, model, opt) for _ in range(epochs)]
    test = dataset("t10k")
    return figures[-1] + epoch(DataLoader(test, len(test)), model)
""",
        "a new loader every epoch": TRAIN_SIGNATURE
        + """\
    from pathlib import Path

    folder = Path(data_dir)
    train = MNISTDataset(
        str(folder / "train-images-idx3-ubyte.gz"), str(folder / "train-labels-idx1-ubyte.gz")
    )
    test = MNISTDataset(
        str(folder / "t10k-images-idx3-ubyte.gz"), str(folder / "t10k-labels-idx1-ubyte.gz")
    )
    np.random.seed(4)
    model = MLPResNet(train[:1][0].size, hidden_dim, 3, 10)
    opt = optimizer(model.parameters(), lr=lr, weight_decay=weight_decay)
    train_error = train_loss = 0.0
    while epochs > 0:
        train_error, train_loss = epoch(DataLoader(train, batch_size, shuffle=True), model, opt)
        epochs -= 1
    test_error, test_loss = epoch(DataLoader(test, batch_size), model)
    return np.array([train_error, train_loss, test_error, test_loss])
""",
    },
}
