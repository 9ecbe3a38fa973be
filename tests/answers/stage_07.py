"""Answers to stage 07 that must lose points (WRONG) and that must not (RIGHT)."""

BEGINS_WRONG = 'if content[:3] != b"\\0\\0\\x08" or len(content) < 4:'
HEADER_CUT = (
    "    if len(content) < start:\n"
    '        raise ValueError(f"{len(content)} bytes do not hold a header of {start}")\n'
)
ENTRIES = "return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)"
DAMAGE = "(gzip.BadGzipFile, EOFError, zlib.error, ValueError)"
TRANSFORM_EACH = "np.stack([self.apply_transforms(image) for image in images])"
SCALED = "self.images[index] / np.float32(255)"
LOADER_BODY = (
    "        n = len(self.dataset)\n"
    "        order = np.random.permutation(n) if self.shuffle else np.arange(n)\n"
    "        for start in range(0, n, self.batch_size):\n"
    "            batch = self.dataset[order[start : start + self.batch_size]]\n"
    "            yield tuple(Tensor(part, requires_grad=False) for part in batch)\n"
)
SHIFTS = "pad + np.random.randint(-pad, pad + 1, size=2)"
SHORT = "pad + np.random.randint(-pad, max(pad, 1)"
CUT = "return padded[top : top + height, left : left + width]"

WRONG = {
    "parse-idx": {
        "errors without a word of what was found": [
            (
                'f"it begins with {list(content[:4])}, not with 0, 0, 8 and a size"',
                '"this is no IDX file"',
            ),
            (
                'f"it has {len(content)} bytes, the header {shape} asks for {size}"',
                '"this is no IDX file"',
            ),
        ],
        "only the header is told": [
            ("it has {len(content)} bytes, the header {shape}", "the header {shape}"),
        ],
        "the sizes are little-endian": [('f">{content[3]}I"', 'f"<{content[3]}I"')],
        "the magic number is not looked at": [(BEGINS_WRONG, "if len(content) < 4:")],
        "the type of the entries is not looked at": [
            ('content[:3] != b"\\0\\0\\x08"', 'content[:2] != b"\\0\\0"'),
        ],
        "only the type of the entries is looked at": [
            ('content[:3] != b"\\0\\0\\x08"', 'content[2:3] != b"\\x08"'),
        ],
        "a wrong magic number is an AssertionError": [
            (BEGINS_WRONG, 'assert content[:3] == b"\\0\\0\\x08"\n    if len(content) < 4:'),
        ],
        "a header that is cut leaves as struct.error": [(HEADER_CUT, "")],
        "four bytes are taken for granted": [(" or len(content) < 4", "")],
        "as many images as came, however many were promised": [
            ("if len(content) != size:", "if len(content) == start:"),
            (".reshape(shape)", ".reshape(-1, *shape[1:])"),
        ],
        "what is missing is zero": [
            ("if len(content) != size:", "if len(content) > size:"),
            (
                ENTRIES,
                "entries = np.frombuffer(content, dtype=np.uint8, offset=start)\n"
                "    whole = np.zeros(math.prod(shape), dtype=np.uint8)\n"
                "    whole[: entries.size] = entries\n"
                "    return whole.reshape(shape)",
            ),
        ],
        "what is left over is ignored": [
            ("if len(content) != size:", "if len(content) < size:"),
            ("offset=start)", "count=math.prod(shape), offset=start)"),
        ],
        "signed bytes": [("dtype=np.uint8", "dtype=np.int8")],
        "float32 entries": [
            (".reshape(shape)", ".reshape(shape).astype(np.float32)"),
        ],
        "the first axis fastest": [(".reshape(shape)", '.reshape(shape, order="F")')],
        "always three axes": [
            (
                "start = 4 + 4 * content[3]",
                "start = 16",
            ),
            ('f">{content[3]}I"', '">3I"'),
        ],
        "always a header of 16 bytes": [
            (
                "start = 4 + 4 * content[3]\n",
                "start = 16\n",
            ),
            ("content[4:start]", "content[4 : 4 + 4 * content[3]]"),
        ],
        "always 28 x 28 pixels": [
            (
                ".reshape(shape)",
                ".reshape((shape[0], 28, 28) if len(shape) == 3 else shape)",
            ),
        ],
        "a flat array": [(".reshape(shape)", "")],
        "sizes of two bytes": [
            ('struct.unpack(f">{content[3]}I", content[4:start])', "tuple(content[7:start:4])"),
        ],
    },
    "read-idx": {
        "the file is not named": [('f"{path} is no gzipped', 'f"it is no gzipped')],
        "what parse_idx says does not name the file": [
            (", ValueError) as error:", ") as error:"),
        ],
        "the file is not unpacked": [("gzip.open(path)", 'open(path, "rb")')],
        "errors of gzip pass as they are": [(DAMAGE, "ValueError")],
        "a file that ends too early is an EOFError": [
            (DAMAGE, "(gzip.BadGzipFile, zlib.error, ValueError)"),
        ],
        "a garbled file is a zlib.error": [(DAMAGE, "(gzip.BadGzipFile, EOFError, ValueError)")],
        "no gzip file is a BadGzipFile": [(DAMAGE, "(EOFError, zlib.error, ValueError)")],
        "a missing file is a ValueError": [(DAMAGE, "(OSError, EOFError, zlib.error, ValueError)")],
        "everything is a ValueError": [(DAMAGE, "Exception")],
        "what is not gzip is read as it is": [
            (
                "        with gzip.open(path) as file:\n            return parse_idx(file.read())",
                '        with open(path, "rb") as file:\n            content = file.read()\n'
                '        if content[:2] == b"\\x1f\\x8b":\n'
                "            content = gzip.decompress(content)\n"
                "        return parse_idx(content)",
            ),
        ],
        "the checksum is not looked at": [
            (
                "        with gzip.open(path) as file:\n            return parse_idx(file.read())",
                '        with open(path, "rb") as file:\n'
                "            unpack = zlib.decompressobj(-15)\n"
                "            return parse_idx(unpack.decompress(file.read()[10:]))",
            ),
        ],
        "a damaged file is empty": [
            (
                'raise ValueError(f"{path} is no gzipped IDX file: {error}") from None',
                "return np.zeros(0, dtype=np.uint8)",
            ),
        ],
        "a damaged file is None": [
            (
                'raise ValueError(f"{path} is no gzipped IDX file: {error}") from None',
                "return None",
            ),
        ],
        "the file is unpacked and not parsed": [
            ("parse_idx(file.read())", "np.frombuffer(file.read(), np.uint8)"),
        ],
    },
    "ndarray-dataset": {
        "a list as the item": [
            ("tuple(array[index] for array in self.arrays)", "[a[index] for a in self.arrays]"),
        ],
        "an item of one part is that part": [
            (
                "return tuple(array[index] for array in self.arrays)",
                "item = tuple(array[index] for array in self.arrays)\n"
                "        return item if len(item) > 1 else item[0]",
            ),
        ],
        "the length is the number of arrays": [
            ("return len(self.arrays[0])", "return len(self.arrays)")
        ],
        "the length is the number of entries": [
            ("return len(self.arrays[0])", "return self.arrays[0].size")
        ],
        "only the first array": [("for array in self.arrays)", "for array in self.arrays[:1])")],
        "only two arrays": [("for array in self.arrays)", "for array in self.arrays[:2])")],
        "the last array first": [("for array in self.arrays)", "for array in self.arrays[::-1])")],
        "the labels are not indexed": [
            (
                "tuple(array[index] for array in self.arrays)",
                "(self.arrays[0][index], *self.arrays[1:])",
            ),
        ],
        "an int only": [("array[index] for", "array[int(index)] for")],
        "slices are not understood": [
            (
                "array[index] for",
                "(array[index] if isinstance(index, int) else array[list(index)]) for",
            ),
        ],
        "an int gives a batch of one": [("array[index] for", "array[np.atleast_1d(index)] for")],
        "float32 throughout": [
            ("array[index] for", 'np.asarray(array[index]).astype("float32") for')
        ],
        "all arrays become one": [("self.arrays = arrays", "self.arrays = np.array(arrays)")],
        "unequal lengths are accepted": [("if len(set(lengths)) > 1:", "if not lengths:")],
        "unequal lengths are cut": [
            ("if len(set(lengths)) > 1:", "if not lengths:"),
            ("self.arrays = arrays", "self.arrays = [a[: min(lengths)] for a in arrays]"),
        ],
        "unequal shapes are refused": [("[len(array) for", "[array.shape for")],
        "examples are counted from one": [
            ("array[index] for", "array[index - 1 if isinstance(index, int) else index] for"),
        ],
        "a shuffle of its own": [
            ("self.arrays = arrays", "self.arrays = [np.random.permutation(a) for a in arrays]"),
        ],
        "indices are sorted": [
            (
                "array[index] for",
                "array[np.sort(index) if isinstance(index, np.ndarray) else index] for",
            ),
        ],
    },
    "mnist-dataset": {
        "the images are not scaled": [(SCALED, 'self.images[index].astype("float32")')],
        "the images are bytes": [(SCALED, "self.images[index]")],
        "float64 images": [(SCALED, "self.images[index] / 255.0")],
        "scaled by 256": [("np.float32(255)", "np.float32(256)")],
        "scaled by the largest pixel": [("np.float32(255)", "np.float32(self.images.max())")],
        "standardized": [
            (SCALED, "(self.images[index] / np.float32(255) - np.float32(0.13)) / np.float32(0.3)"),
        ],
        "divided as whole numbers": [(SCALED, '(self.images[index] // 255).astype("float32")')],
        "no channel": [
            ("images[..., np.newaxis]", "images"),
            ("images.ndim == 3", "images.ndim == 2"),
        ],
        "the channel first": [("images[..., np.newaxis]", "images[:, np.newaxis]")],
        "flat images": [
            ("images[..., np.newaxis]", "images.reshape(len(images), -1)"),
            ("images.ndim == 3:\n            return", "images.ndim == 1:\n            return"),
        ],
        "transposed images": [("images[..., np.newaxis]", "images.transpose(0, 2, 1)[..., None]")],
        "always 28 x 28 pixels": [
            ("images[..., np.newaxis]", "images.reshape(-1, 28, 28, 1)"),
        ],
        "int64 labels": [("self.labels = labels", "self.labels = labels.astype(int)")],
        "float32 labels": [("self.labels = labels", 'self.labels = labels.astype("float32")')],
        "one-hot labels": [("self.labels = labels", "self.labels = np.eye(256)[labels]")],
        "the whole batch is transformed at once": [
            (TRANSFORM_EACH, "self.apply_transforms(images)"),
        ],
        "one image is transformed and copied": [
            (TRANSFORM_EACH, "np.stack([self.apply_transforms(images[0])] * len(images))"),
        ],
        "batches are not transformed": [(TRANSFORM_EACH, "images")],
        "single images are not transformed": [
            ("return self.apply_transforms(images), labels", "return images, labels"),
        ],
        "transformed once, when the files are read": [
            (
                "self.labels = labels",
                "self.labels = labels\n        self.ready = [\n"
                "            self.apply_transforms(i / np.float32(255)) for i in self.images\n"
                "        ]",
            ),
            (SCALED, "np.array(self.ready)[index]"),
            ("return self.apply_transforms(images), labels", "return images, labels"),
            (TRANSFORM_EACH, "images"),
        ],
        "transformed before they are scaled": [
            (SCALED, 'self.images[index].astype("float32")'),
            (
                "return self.apply_transforms(images), labels",
                "return self.apply_transforms(images) / 255, labels",
            ),
            ("return images, labels", "return images / 255, labels"),
        ],
        "the transforms are lost": [("super().__init__(transforms)", "super().__init__()")],
        "slices are not understood": [
            (SCALED, "self.images[np.asarray(index, dtype=int)] / np.float32(255)"),
        ],
        "a slice of one gives one image": [
            (
                "if images.ndim == 3:",
                "if len(images) == 1:\n            images = images[0]\n"
                "        if images.ndim == 3:",
            ),
        ],
        "an empty batch fails": [("if self.transforms and len(images):", "if images.ndim == 4:")],
        "fewer labels than images are accepted": [
            ("if len(images) != len(labels):", "if len(images) < len(labels):"),
        ],
        "more labels than images are accepted": [
            ("if len(images) != len(labels):", "if len(images) > len(labels):"),
        ],
        "any file of images is accepted": [
            ("if images.ndim != 3 or labels.ndim != 1:", "if labels.ndim != 1:"),
        ],
        "any file of labels is accepted": [
            ("if images.ndim != 3 or labels.ndim != 1:", "if images.ndim != 3:"),
        ],
        "the labels are not indexed": [("self.labels[index]", "self.labels")],
        "the length is the height": [("len(self.labels)", "self.images.shape[1]")],
    },
    "flip": {
        "upside down": [("img[:, ::-1]", "img[::-1]")],
        "both ways": [("img[:, ::-1]", "img[::-1, ::-1]")],
        "the channels are swapped": [("img[:, ::-1]", "img[:, ::-1, ::-1]")],
        "only the channels are swapped": [("img[:, ::-1]", "img[..., ::-1]")],
        "transposed": [("img[:, ::-1]", "img.transpose(1, 0, 2)")],
        "always": [("if np.random.rand() < self.p", "if np.random.rand() < 2")],
        "never": [("if np.random.rand() < self.p", "if np.random.rand() < 0")],
        "with probability 1 - p": [("np.random.rand() < self.p", "np.random.rand() > self.p")],
        "always with one half": [("np.random.rand() < self.p", "np.random.rand() < 0.5")],
        "a normal draw": [("np.random.rand() <", "np.random.randn() <")],
        "drawn from another generator": [
            (
                "np.random.rand() <",
                'vars(self).setdefault("own", np.random.default_rng(0)).random() <',
            )
        ],
        "each row on its own": [
            (
                "return img[:, ::-1] if np.random.rand() < self.p else img",
                "rows = np.random.rand(len(img), 1, 1) < self.p\n"
                "        return np.where(rows, img[:, ::-1], img)",
            ),
        ],
        "nothing is drawn if p is 0 or 1": [
            (
                "np.random.rand() < self.p",
                "self.p > 0 and (self.p >= 1 or np.random.rand() < self.p)",
            ),
        ],
        "decided once, for all images": [
            (
                "return img[:, ::-1] if np.random.rand() < self.p else img",
                'if not hasattr(self, "flip"):\n            self.flip = np.random.rand() < self.p\n'
                "        return img[:, ::-1] if self.flip else img",
            ),
        ],
        "in place": [
            (
                "return img[:, ::-1] if np.random.rand() < self.p else img",
                "if np.random.rand() < self.p:\n            img[:] = img[:, ::-1].copy()\n"
                "        return img",
            ),
        ],
        "float32 throughout": [
            (
                "return img[:, ::-1] if np.random.rand() < self.p else img",
                "flipped = img[:, ::-1] if np.random.rand() < self.p else img\n"
                '        return flipped.astype("float32")',
            ),
        ],
        "shifted by one": [("img[:, ::-1]", "np.roll(img[:, ::-1], 1, axis=1)")],
    },
    "crop": {
        "what leaves comes back on the other side": [
            (CUT, "return np.roll(img, (pad - top, pad - left), axis=(0, 1))"),
        ],
        "the edge is repeated instead of zeros": [
            (
                CUT,
                'padded = np.pad(img, ((pad, pad), (pad, pad), (0, 0)), mode="edge")\n        '
                + CUT,
            ),
        ],
        "the margin is filled from the other side": [
            (
                CUT,
                'padded = np.pad(img, ((pad, pad), (pad, pad), (0, 0)), mode="wrap")\n        '
                + CUT,
            ),
        ],
        "ones instead of zeros": [("np.zeros(", "np.ones(")],
        "no padding": [(CUT, "return img[max(0, top - pad) :, max(0, left - pad) :]")],
        "the channels are padded": [(CUT, "padded = np.pad(img, pad)\n        " + CUT)],
        "height and width are exchanged in the shift": [("top, left =", "left, top =")],
        "height and width are exchanged in the size": [
            (CUT, "return padded[top : top + width, left : left + height]"),
        ],
        "one shift for both axes": [
            ("top, left =", "top, _ ="),
            (CUT, "left = top\n        " + CUT),
        ],
        "the largest shift never comes": [("pad + np.random.randint(-pad, pad + 1", SHORT)],
        "shifted only one way": [(SHIFTS, "pad + np.random.randint(0, pad + 1, size=2)")],
        "shifted the other way": [(SHIFTS, "pad - np.random.randint(-pad, pad + 1, size=2)")],
        "from 0 to the largest but one": [
            (SHIFTS, "np.random.randint(0, max(1, 2 * pad), size=2)")
        ],
        "the padding is always 3": [("pad = self.padding", "pad = 3")],
        "always the middle": [(CUT, "top = left = pad\n        " + CUT)],
        "the margin stays": [(CUT, "return padded")],
        "the piece is as small as the padding makes it": [
            (CUT, "return padded[top : height + pad, left : width + pad]"),
        ],
        "always 28 x 28 pixels": [(CUT, "return padded[top : top + 28, left : left + 28]")],
        "float64 zeros": [(", dtype=img.dtype)", ")")],
        "float32 zeros": [("dtype=img.dtype", "dtype=np.float32")],
        "in place": [
            (CUT, "img[:] = padded[top : top + height, left : left + width]\n        return img"),
        ],
        "drawn from another generator": [
            (
                "+ np.random.randint(-pad, pad + 1,",
                "+ np.random.default_rng(0).integers(-pad, pad + 1,",
            ),
        ],
        "drawn twice": [("top, left = ", "np.random.rand()\n        top, left = ")],
        "drawn once, for all images": [
            (
                f"top, left = {SHIFTS}",
                'if not hasattr(self, "shift"):\n            self.shift = '
                + SHIFTS
                + "\n        top, left = self.shift",
            ),
        ],
    },
    "data-loader": {
        "a list for a batch": [
            (
                "yield tuple(Tensor(part, requires_grad=False) for part in batch)",
                "yield [Tensor(part, requires_grad=False) for part in batch]",
            ),
        ],
        "the last short batch is dropped": [
            ("range(0, n, self.batch_size)", "range(0, n - self.batch_size + 1, self.batch_size)"),
        ],
        "the last batch is always dropped": [
            ("range(0, n, self.batch_size)", "range(0, n - self.batch_size, self.batch_size)"),
        ],
        "the last batch begins again at the first example": [
            (
                "order[start : start + self.batch_size]",
                "order[np.arange(start, start + self.batch_size) % n]",
            ),
        ],
        "the last batch is filled with examples of the one before": [
            (
                "order[start : start + self.batch_size]",
                "order[max(0, min(start, n - self.batch_size)) :][: self.batch_size]",
            ),
        ],
        "shuffled once": [
            (
                LOADER_BODY,
                '        if not hasattr(self, "order"):\n'
                + LOADER_BODY.split("        for")[0]
                .replace("        ", "            ")
                .replace("order =", "self.order =")
                + "        n = len(self.order)\n        order = self.order\n        for"
                + LOADER_BODY.split("        for", 1)[1],
            ),
        ],
        "never shuffled": [
            ("np.random.permutation(n) if self.shuffle else np.arange(n)", "np.arange(n)")
        ],
        "always shuffled": [(" if self.shuffle else np.arange(n)", "")],
        "shuffled with the same seed in each epoch": [
            ("= np.random.permutation(n)", "= np.random.RandomState(0).permutation(n)"),
        ],
        "shuffled by a generator of its own": [
            ("= np.random.permutation(n)", "= np.random.default_rng(5).permutation(n)"),
        ],
        "only the order of the batches is shuffled": [
            ("np.random.permutation(n) if self.shuffle else np.arange(n)", "np.arange(n)"),
            (
                "range(0, n, self.batch_size):",
                "np.random.permutation(range(0, n, self.batch_size)) if self.shuffle "
                "else range(0, n, self.batch_size):",
            ),
        ],
        "shuffled only within a batch": [
            ("np.random.permutation(n) if self.shuffle else np.arange(n)", "np.arange(n)"),
            (
                "self.dataset[order[start : start + self.batch_size]]",
                "self.dataset[np.random.permutation(order[start : start + self.batch_size])"
                " if self.shuffle else order[start : start + self.batch_size]]",
            ),
        ],
        "shuffled anew for each batch": [
            (
                "            batch = self",
                "            order = np.random.permutation(n) if self.shuffle else order\n"
                "            batch = self",
            ),
        ],
        "drawn with replacement": [("= np.random.permutation(n)", "= np.random.randint(0, n, n)")],
        "the labels are not shuffled with the images": [
            (
                "            yield tuple(",
                "            batch = batch[0], *self.dataset[start : start + self.batch_size][1:]\n"
                "            yield tuple(",
            ),
        ],
        "the batches require gradients": [(", requires_grad=False", "")],
        "the batches are arrays": [("Tensor(part, requires_grad=False)", "part")],
        "the labels are left as arrays": [
            (
                "yield tuple(Tensor(part, requires_grad=False) for part in batch)",
                "yield (Tensor(batch[0], requires_grad=False), *batch[1:])",
            ),
        ],
        "float32 labels": [("Tensor(part, requires", 'Tensor(part, dtype="float32", requires')],
        "the first part only": [("for part in batch)", "for part in batch[:1])")],
        "exactly two parts": [
            (
                "            yield tuple(",
                "            images, labels = batch\n            yield tuple(",
            ),
        ],
        "one example at a time": [
            (
                "batch = self.dataset[order[start : start + self.batch_size]]",
                "where = order[start : start + self.batch_size]\n"
                "            batch = map(np.array, zip(*[self.dataset[i] for i in where]))",
            ),
        ],
        "one request for each part": [
            (
                "batch = self.dataset[order[start : start + self.batch_size]]",
                "where = order[start : start + self.batch_size]\n"
                "            count = len(self.dataset[where])\n"
                "            batch = [self.dataset[where][k] for k in range(count)]",
            ),
        ],
        "batches of one more": [("start + self.batch_size]", "start + self.batch_size + 1]")],
        "every example is a batch": [
            ("range(0, n, self.batch_size)", "range(0, n)"),
            ("start + self.batch_size]", "start + 1]"),
        ],
        "the position is kept in the loader": [
            (
                LOADER_BODY,
                "        n = len(self.dataset)\n"
                "        self.order = np.random.permutation(n) if self.shuffle else np.arange(n)\n"
                "        self.start = 0\n"
                "        return self\n\n"
                "    def __next__(self):\n"
                "        if self.start >= len(self.order):\n"
                "            raise StopIteration\n"
                "        where = self.order[self.start : self.start + self.batch_size]\n"
                "        self.start += self.batch_size\n"
                "        batch = self.dataset[where]\n"
                "        return tuple(Tensor(part, requires_grad=False) for part in batch)\n",
            ),
        ],
        "the order is kept in the loader": [
            (LOADER_BODY, LOADER_BODY.replace("order", "self.order")),
        ],
        "the first epoch's batches for ever": [
            (
                LOADER_BODY,
                '        if not self.shuffle and hasattr(self, "kept"):\n'
                "            yield from self.kept\n            return\n"
                "        self.kept = []\n"
                + LOADER_BODY.replace("yield tuple(", "self.kept.append(tuple(").replace(
                    "for part in batch)\n", "for part in batch))\n            yield self.kept[-1]\n"
                ),
            ),
        ],
        "a list of indices": [
            (
                "self.dataset[order[start : start + self.batch_size]]",
                "self.dataset[order.tolist()[start : start + self.batch_size]]",
            ),
        ],
        "only one epoch": [
            (
                LOADER_BODY,
                '        if hasattr(self, "done"):\n            return\n        self.done = True\n'
                + LOADER_BODY,
            ),
        ],
        "goes on for ever": [
            (
                LOADER_BODY,
                "        while True:\n"
                + "".join("    " + line + "\n" for line in LOADER_BODY.splitlines()),
            ),
        ],
    },
}

RIGHT = {
    "parse-idx": {
        "by int.from_bytes in a loop": '''
def parse_idx(content):
    """Read the sizes one by one, then count."""
    if len(content) < 4 or tuple(content[:3]) != (0, 0, 8):
        raise ValueError(f"not an IDX file of unsigned bytes: {content[:4]}")
    shape, place, count = [], 4, 1
    for _ in range(content[3]):
        size = content[place : place + 4]
        if len(size) != 4:
            raise ValueError("the header is cut")
        shape.append(int.from_bytes(size, "big"))
        count *= shape[-1]
        place += 4
    entries = content[place:]
    if len(entries) != count:
        raise ValueError(f"{len(entries)} entries, expected {count}")
    return np.array(list(entries), dtype=np.uint8).reshape(shape)
''',
        "by NumPy's big-endian integers": '''
def parse_idx(content):
    """The magic number as one integer, the sizes as another array."""
    if len(content) < 4:
        raise ValueError("too short")
    magic = int(np.frombuffer(content[:4], ">u4")[0])
    if magic >> 8 != 8:
        raise ValueError(f"wrong magic number {magic:#010x}")
    ndim = magic & 255
    if len(content) < 4 * (1 + ndim):
        raise ValueError("too short")
    sizes = np.frombuffer(content, ">u4", count=ndim, offset=4).tolist()
    entries = np.frombuffer(content[4 * (1 + ndim) :], np.uint8)
    return entries.reshape(sizes).copy()
''',
        "by reading from a stream": '''
class Stream:
    """Bytes that are taken from the front."""

    def __init__(self, content):
        self.content, self.size = memoryview(content), len(content)

    def take(self, count):
        if count > len(self.content):
            raise ValueError(f"the content is cut after {self.size} bytes")
        head, self.content = self.content[:count], self.content[count:]
        return bytes(head)


def parse_idx(content):
    """Take the header, the sizes and the entries; nothing may be left."""
    stream = Stream(content)
    zero, kind, ndim = struct.unpack(">HBB", stream.take(4))
    if (zero, kind) != (0, 8):
        raise ValueError(f"wrong magic number {zero}, {kind}")
    sizes = [struct.unpack(">I", stream.take(4))[0] for _ in range(ndim)]
    entries = stream.take(math.prod(sizes))
    if len(stream.content):
        raise ValueError(f"{len(stream.content)} bytes more than the header says")
    return np.ndarray(sizes, dtype="uint8", buffer=bytearray(entries))
''',
    },
    "read-idx": {
        "read first, unpack afterwards": '''
def read_idx(path):
    """The open is outside the try, so a missing file speaks for itself."""
    with open(path, "rb") as file:
        packed = file.read()
    try:
        return parse_idx(gzip.decompress(packed))
    except Exception as error:
        raise ValueError(f"{path}: {error}") from error
''',
        "the missing file is let through by name": '''
def read_idx(path):
    """FileNotFoundError is an OSError, so it comes first."""
    try:
        content = gzip.open(path, "rb").read()
    except FileNotFoundError:
        raise
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(str(path)) from error
    try:
        return parse_idx(content)
    except ValueError as error:
        raise ValueError(f"in {os.fspath(path)!r}: {error}") from error
''',
        "by zlib, with gzip's header": '''
def read_idx(path):
    """wbits 31 is zlib's way to say gzip."""
    from pathlib import Path

    packed = Path(path).read_bytes()
    unpacker = zlib.decompressobj(wbits=31)
    try:
        content = unpacker.decompress(packed) + unpacker.flush()
    except zlib.error as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    if not unpacker.eof:
        raise ValueError(f"{path} ends too early")
    try:
        return parse_idx(content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
''',
    },
    "ndarray-dataset": {
        "a list, a loop and a remembered length": '''
class NDArrayDataset(Dataset):
    """Counts once."""

    def __init__(self, *arrays):
        super().__init__()
        self.n = len(arrays[0])
        for array in arrays[1:]:
            if len(array) != self.n:
                raise ValueError(f"{len(array)} is not {self.n}")
        self.parts = list(arrays)

    def __getitem__(self, index):
        item = []
        for part in self.parts:
            item.append(part[index])
        return tuple(item)

    def __len__(self):
        return self.n
''',
        "every index becomes an array": '''
class NDArrayDataset(Dataset):
    """Slices by arange, ints by take."""

    def __init__(self, *arrays):
        self.transforms = None
        self.arrays = tuple(np.array(a) for a in arrays)
        first, *others = self.arrays
        if any(other.shape[0] != first.shape[0] for other in others):
            raise ValueError("unequal lengths")

    def __getitem__(self, index):
        where = np.arange(len(self))[index]
        return tuple(np.take(a, where, axis=0) for a in self.arrays)

    def __len__(self):
        return self.arrays[0].shape[0]
''',
        "np.unique for the lengths": '''
class NDArrayDataset(Dataset):
    """The lengths are a set."""

    def __init__(self, *arrays):
        super().__init__(None)
        if np.unique([a.shape[0] for a in arrays]).size != 1:
            raise ValueError("the arrays differ in length")
        self.arrays = arrays

    def __getitem__(self, i):
        return (*(array[i, ...] for array in self.arrays),)

    def __len__(self):
        return min(map(len, self.arrays))
''',
    },
    "mnist-dataset": {
        "everything in float32 when it is read": '''
class MNISTDataset(Dataset):
    """Scales and reshapes once."""

    def __init__(self, image_filename, label_filename, transforms=None):
        super().__init__(transforms)
        pixels = read_idx(image_filename)
        self.y = read_idx(label_filename)
        if len(pixels.shape) != 3 or len(self.y.shape) != 1 or len(pixels) != len(self.y):
            raise ValueError("images and labels do not belong together")
        n, height, width = pixels.shape
        self.x = pixels.astype("float32").reshape(n, height, width, 1) / 255.0

    def __getitem__(self, index):
        image, label = self.x[index], self.y[index]
        if np.ndim(label) == 0:
            return self.apply_transforms(image), label
        if not self.transforms or len(label) == 0:
            return image, label
        return np.array([self.apply_transforms(one) for one in image]), label

    def __len__(self):
        return len(self.x)
''',
        "flat rows, reshaped on the way out": '''
class MNISTDataset(Dataset):
    """As in the homework: rows of pixels."""

    def __init__(self, image_filename, label_filename, transforms=None):
        super().__init__(transforms)
        images = read_idx(image_filename)
        labels = read_idx(label_filename)
        if images.ndim != 3 or labels.shape != images.shape[:1]:
            raise ValueError(f"{images.shape} images, {labels.shape} labels")
        self.size = images.shape[1:]
        self.rows = np.multiply(images.reshape(len(images), -1), 1 / 255, dtype="float32")
        self.labels = labels

    def __getitem__(self, index):
        rows = self.rows[index]
        if rows.ndim == 1:
            return self.image(rows), self.labels[index]
        if len(rows) == 0:
            return np.zeros((0, *self.size, 1), dtype="float32"), self.labels[index]
        return np.stack([self.image(row) for row in rows]), self.labels[index]

    def image(self, row):
        return self.apply_transforms(row.reshape(*self.size, 1))

    def __len__(self):
        return self.rows.shape[0]
''',
        "by its own transforms' loop, filling an array": '''
class MNISTDataset(Dataset):
    """Recursion for batches: each image is an item."""

    def __init__(self, image_filename, label_filename, transforms=None):
        super().__init__(transforms)
        self.images = np.expand_dims(read_idx(image_filename), -1)
        self.labels = read_idx(label_filename)
        if self.images.ndim != 4 or self.labels.ndim != 1:
            raise ValueError("wrong number of axes")
        if self.images.shape[0] != self.labels.shape[0]:
            raise ValueError("wrong number of labels")

    def __getitem__(self, index):
        where = np.arange(len(self))[index]
        if where.ndim == 0:
            image = np.float32(self.images[where]) / np.float32(255)
            for transform in self.transforms or []:
                image = transform(image)
            return image, self.labels[where]
        items = [self[int(i)][0] for i in where]
        empty = np.zeros((0, *self.images.shape[1:]), dtype=np.float32)
        return (np.array(items) if items else empty), self.labels[where]

    def __len__(self):
        return self.labels.size
''',
    },
    "flip": {
        "by np.flip": """
class RandomFlipHorizontal:
    def __init__(self, p=0.5):
        self.p = p

    def __call__(self, img):
        flip_img = np.random.rand() < self.p
        if flip_img:
            img = np.flip(img, axis=1)
        return img
""",
        "by fancy indexing, of a copy": """
class RandomFlipHorizontal:
    def __init__(self, p=0.5):
        self.p = p

    def __call__(self, img):
        width = img.shape[1]
        columns = np.arange(width)
        if np.random.random() < self.p:
            columns = width - 1 - columns
        return img[:, columns, :]
""",
        "by np.fliplr and an array of one draw": """
class RandomFlipHorizontal:
    def __init__(self, p=0.5):
        self.p = p

    def __call__(self, img):
        (draw,) = np.random.rand(1)
        return np.fliplr(img).copy() if draw <= self.p else img.copy()
""",
    },
    "crop": {
        "into zeros, where the two overlap": """
class RandomCrop:
    def __init__(self, padding=3):
        self.padding = padding

    def __call__(self, img):
        s, t = np.random.randint(low=-self.padding, high=self.padding + 1, size=2)
        height, width = img.shape[:2]
        result = np.zeros_like(img)
        if abs(s) >= height or abs(t) >= width:
            return result
        rows = slice(max(0, -s), min(height, height - s))
        columns = slice(max(0, -t), min(width, width - t))
        piece = img[max(0, s) : height + min(0, s), max(0, t) : width + min(0, t)]
        result[rows, columns] = piece
        return result
""",
        "by np.roll of the padded image": """
class RandomCrop:
    def __init__(self, padding=3):
        self.padding = padding

    def __call__(self, img):
        p = self.padding
        shift = np.random.randint(-p, p + 1, size=2)
        padded = np.pad(img, [(p, p), (p, p), (0, 0)], mode="constant", constant_values=0)
        rolled = np.roll(padded, tuple(-shift), axis=(0, 1))
        return rolled[p : p + img.shape[0], p : p + img.shape[1], :]
""",
        "pixel by pixel": """
class RandomCrop:
    def __init__(self, padding=3):
        self.padding = padding

    def __call__(self, img):
        s, t = np.random.randint(-self.padding, self.padding + 1, size=2)
        height, width, channels = img.shape
        result = np.zeros((height, width, channels), dtype=img.dtype)
        for i in range(height):
            for j in range(width):
                if 0 <= i + s < height and 0 <= j + t < width:
                    result[i, j] = img[i + s, j + t]
        return result
""",
    },
    "data-loader": {
        "an iterator class, drawn when the iteration begins": '''
class Batches:
    """One iteration."""

    def __init__(self, loader):
        self.loader, self.at = loader, 0
        self.order = np.arange(len(loader.dataset))
        if loader.shuffle:
            np.random.shuffle(self.order)

    def __iter__(self):
        return self

    def __next__(self):
        where = self.order[self.at : self.at + self.loader.batch_size]
        if where.size == 0:
            raise StopIteration
        self.at += self.loader.batch_size
        parts = self.loader.dataset[where]
        return tuple(Tensor(part, requires_grad=False) for part in parts)


class DataLoader:
    def __init__(self, dataset, batch_size=1, shuffle=False):
        self.dataset, self.batch_size, self.shuffle = dataset, batch_size, shuffle

    def __iter__(self):
        return Batches(self)
''',
        "by np.array_split": """
class DataLoader:
    def __init__(self, dataset, batch_size=1, shuffle=False):
        self.dataset = dataset
        self.shuffle = shuffle
        self.batch_size = batch_size

    def __iter__(self):
        order = np.arange(len(self.dataset))
        if self.shuffle:
            order = np.random.permutation(order)
        cuts = range(self.batch_size, len(order), self.batch_size)
        for where in np.array_split(order, cuts):
            yield tuple([Tensor(part).detach() for part in self.dataset[where]])
""",
        "by map over a list of index arrays": """
class DataLoader:
    def __init__(self, dataset, batch_size=1, shuffle=False):
        self.dataset = dataset
        self.shuffle = shuffle
        self.batch_size = batch_size

    def __iter__(self):
        n, size = len(self.dataset), self.batch_size
        order = np.random.permutation(n) if self.shuffle else np.array(range(n))
        return map(self.load, [order[i * size : (i + 1) * size] for i in range(-(-n // size))])

    def load(self, where):
        return tuple(Tensor(np.asarray(x), requires_grad=False) for x in self.dataset[where])
""",
        "slices when in order, arrays when shuffled": """
class DataLoader:
    def __init__(self, dataset, batch_size=1, shuffle=False):
        self.dataset = dataset
        self.shuffle = shuffle
        self.batch_size = batch_size

    def __iter__(self):
        n, start = len(self.dataset), 0
        order = np.random.permutation(n) if self.shuffle else None
        while start < n:
            where = slice(start, min(n, start + self.batch_size))
            batch = self.dataset[where if order is None else order[where]]
            yield tuple(Tensor.make_const(np.ascontiguousarray(part)) for part in batch)
            start += self.batch_size
""",
    },
}
