# %% data-idx-module
"""IDX, the file format of MNIST."""

import gzip
import math
import os
import struct
import zlib

import numpy as np


# %% parse-idx
def parse_idx(content: bytes) -> np.ndarray:
    """Return the array of unsigned bytes that the content of an IDX file holds.

    Bytes 0, 0, 8, then d, the number of axes; d sizes, each a big-endian unsigned 32-bit integer;
    the entries, one byte each, in C order. The result has dtype uint8 and these sizes, d >= 1.
    Raises ValueError if the content begins otherwise, or if it is shorter or longer than the
    header says. The message says what was found: the first bytes, or how many bytes there are.
    Source: LeCun, Cortes and Burges, the MNIST database.
    """
    if content[:3] != b"\0\0\x08" or len(content) < 4:
        raise ValueError(f"it begins with {list(content[:4])}, not with 0, 0, 8 and a size")
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise ValueError(f"{len(content)} bytes do not hold a header of {start}")
    shape = struct.unpack(f">{content[3]}I", content[4:start])
    size = start + math.prod(shape)
    if len(content) != size:
        raise ValueError(f"it has {len(content)} bytes, the header {shape} asks for {size}")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


# %% read-idx
def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """Return the array of unsigned bytes in the gzipped IDX file at `path`.

    Raises ValueError, which names the path, for a file that is not gzip, is damaged, ends too
    early or is not IDX; FileNotFoundError if there is none.
    """
    try:
        with gzip.open(path) as file:
            return parse_idx(file.read())
    except (gzip.BadGzipFile, EOFError, zlib.error, ValueError) as error:
        raise ValueError(f"{path} is no gzipped IDX file: {error}") from None
