"""How values leave the process that runs student code: framed bytes, nothing unpickled.

A frame is: magic (4 bytes), nonce (16), kind (1), length of the header (4), length of the data
(8), the header in JSON, the data. A value's data are its array's bytes, little-endian, C order.
It is packed by hand: a library would cost every sandbox its start, and what is not there is safe.
"""

import json
import math
import os
import selectors
import struct
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from mugrade.values.datum import Datum
from mugrade.values.judges import judge_from_json, judge_to_json
from mugrade.values.observe import DEFAULT, Kind, Observed
from mugrade.values.wire import datum_from_json, datum_to_json

MAGIC = b"MGR1"
FRAME = struct.Struct("<4s16sBIQ")
VALUE, END, LOADED, LOADING = 1, 2, 3, 4
KINDS: dict[str, Kind] = {str(kind): kind for kind in Kind}
READY, FORK = b"!", b"+"  # what nursery and grader say on their socket
MAX_HEADER = 1 << 16
MAX_TEXT = 500
MAX_DATA = 1 << 28  # of one reply, all its frames together
MAX_DATUM = 1 << 22  # of one value in JSON
MAX_FRAMES = 20_000  # of one reply
MAX_DIMENSIONS = 64
MAX_OUTPUT = 1 << 24  # bytes printed by one submission
DTYPES = {"<f2", "<f4", "<f8", "<c8", "<c16", "|b1"} | {
    f"{order}{kind}{size}"
    for kind in "iu"
    for order, size in (("|", 1), ("<", 2), ("<", 4), ("<", 8))
}


class Silence(Exception):
    """No complete answer came in time."""


class Closed(Exception):
    """The other side closed its end."""


class Flood(Exception):
    """More was printed than anybody will read."""


class ProtocolError(Exception):
    """What came is not a frame of ours."""


@dataclass(frozen=True)
class Frame:
    """One message from a guest; only a VALUE has data."""

    kind: int
    header: dict[str, Any]
    data: bytes = b""


def encode(nonce: bytes, frame: Frame) -> bytes:
    """The bytes of a frame, under the nonce of the request that it replies to."""
    header = json.dumps(frame.header).encode()
    return FRAME.pack(MAGIC, nonce, frame.kind, len(header), len(frame.data)) + header + frame.data


class Printout:
    """What a submission prints: read so that it never blocks, counted, and all but thrown away."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.total = 0
        self.end = b""

    def drain(self) -> bool:
        """Read what is there; returns whether there may be more. Raises Flood."""
        chunk = os.read(self.fd, 1 << 16)
        self.total += len(chunk)
        self.end = (self.end + chunk)[-MAX_TEXT:]
        if self.total > MAX_OUTPUT:
            raise Flood
        return bool(chunk)

    def last_line(self) -> str:
        """The last line that was printed, where Python says why it ended."""
        return self.end.decode(errors="replace").strip().rpartition("\n")[2]


class Reply:
    """The bytes of one reply, read before `deadline` (of time.monotonic); drains `printed` too."""

    def __init__(self, fd: int, deadline: float, printed: Printout | None) -> None:
        self.fd, self.deadline, self.printed = fd, deadline, printed
        self.buffer = bytearray()
        self.selector = selectors.DefaultSelector()
        self.selector.register(fd, selectors.EVENT_READ)
        if printed:
            self.selector.register(printed.fd, selectors.EVENT_READ)

    def take(self, size: int) -> bytes:
        """The next `size` bytes; raises Silence, Closed or Flood."""
        while (missing := size - len(self.buffer)) > 0:
            self._receive(missing)
        taken = bytes(memoryview(self.buffer)[:size])
        del self.buffer[:size]
        return taken

    def _receive(self, missing: int) -> None:
        seconds = self.deadline - time.monotonic()
        ready = self.selector.select(seconds) if seconds > 0 else []
        if not ready:
            raise Silence
        for key, _ in ready:
            if key.fd == self.fd:
                chunk = os.read(self.fd, min(max(missing, 1 << 16), 1 << 20))
                if not chunk:
                    raise Closed
                self.buffer += chunk
            elif self.printed and not self.printed.drain():
                self.selector.unregister(self.printed.fd)

    def close(self) -> None:
        self.selector.close()


def read_frames(
    fd: int, nonce: bytes, deadline: float, printed: Printout | None = None
) -> Iterator[Frame]:
    """Frames up to and including END or LOADED; `printed` is drained meanwhile.

    Raises Silence, Closed, ProtocolError or Flood.
    """
    left = MAX_DATA
    with closing(Reply(fd, deadline, printed)) as reply:
        for _ in range(MAX_FRAMES):
            magic, got, kind, header_size, data_size = FRAME.unpack(reply.take(FRAME.size))
            left -= FRAME.size + header_size + data_size
            if magic != MAGIC or got != nonce or kind not in (VALUE, END, LOADED, LOADING):
                raise ProtocolError("not a frame of this request")
            if header_size > MAX_HEADER or left < 0:
                raise ProtocolError(f"an answer of more than {MAX_DATA >> 20} MB")
            try:
                header = json.loads(reply.take(header_size).decode())
            except (ValueError, RecursionError):
                raise ProtocolError("a header that is not JSON") from None
            if not isinstance(header, dict):
                raise ProtocolError("a header that is not an object")
            frame = Frame(kind, header, reply.take(data_size))
            is_last = kind in (END, LOADED)
            if is_last and reply.buffer:
                raise ProtocolError("more than an answer")
            yield frame
            if is_last:
                return
    raise ProtocolError(f"an answer of more than {MAX_FRAMES} values")


def value_frame(value: Observed) -> Frame:
    """One observed value as a frame."""
    header: dict[str, Any] = {"kind": value.kind, "text": value.text, "line": value.line}
    if value.turn:
        header["turn"] = value.turn
    if value.points:
        header["points"] = value.points
    if value.judge != DEFAULT:
        header["judge"] = judge_to_json(value.judge)
    if value.kind == Kind.DATUM:
        return _datum_frame(header, value.value)
    if value.array is None:
        return Frame(VALUE, header)
    array = value.array.astype(value.array.dtype.newbyteorder("<"), copy=False)
    if array.dtype.str not in DTYPES:
        kind, text = Kind.NO_DATUM, f"array of {array.dtype}"
        return Frame(VALUE, {**header, "kind": kind, "text": text})
    return Frame(VALUE, {**header, "dtype": array.dtype.str, "shape": array.shape}, array.tobytes())


def _datum_frame(header: dict[str, Any], datum: Datum) -> Frame:
    data = json.dumps(datum_to_json(datum)).encode()
    if len(data) > MAX_DATUM:
        text = f"value of more than {MAX_DATUM >> 20} MB"
        return Frame(VALUE, {**header, "kind": Kind.NO_DATUM, "text": text})
    return Frame(VALUE, header, data)


def _datum(data: bytes) -> Datum:
    """The data in a frame, if they are such."""
    if len(data) > MAX_DATUM:
        raise ProtocolError(f"data of more than {MAX_DATUM >> 20} MB")
    try:
        return datum_from_json(json.loads(data))
    except (ValueError, RecursionError):
        raise ProtocolError("data that are none") from None


def frame_value(frame: Frame, trusted: bool = False) -> Observed:
    """The observed value in a frame; the judge it names counts only if the sender is trusted."""
    header = frame.header
    text, line = header.get("text"), header.get("line")
    if frame.kind != VALUE or not isinstance(text, str) or type(line) is not int:
        raise ProtocolError("not a frame of a value")
    said = header.get("kind")
    kind = KINDS.get(said) if isinstance(said, str) else None
    if kind is None:
        raise ProtocolError("a value of a kind that does not exist")
    if kind not in (Kind.ARRAY, Kind.DATUM):
        return Observed(kind, None, text[:MAX_TEXT], line)
    is_array = kind == Kind.ARRAY
    value = _array(header.get("dtype"), header.get("shape"), frame.data) if is_array else None
    value = value if is_array else _datum(frame.data)
    if not trusted:
        return Observed(kind, value, "" if is_array else text[:MAX_TEXT])
    judge = judge_from_json(header["judge"]) if "judge" in header else DEFAULT
    turn = tuple((str(name), str(plain)) for name, plain in header.get("turn", ()))
    return Observed(kind, value, text, line, judge, turn, header.get("points", 0))


def _array(dtype: Any, shape: Any, data: bytes) -> np.ndarray:
    """The array that a header describes, if it describes the data exactly."""
    if not isinstance(dtype, str) or dtype not in DTYPES or not isinstance(shape, list):
        raise ProtocolError("an array of a dtype or shape that is not allowed")
    if len(shape) > MAX_DIMENSIONS or not all(type(n) is int and 0 <= n <= MAX_DATA for n in shape):
        raise ProtocolError("an array with an impossible shape")
    if math.prod(shape) * np.dtype(dtype).itemsize != len(data):
        raise ProtocolError("an array whose size is not that of its data")
    if dtype == "|b1" and data.strip(b"\0\1"):
        raise ProtocolError("a bool that is neither 0 nor 1")
    try:
        return np.frombuffer(data, dtype).reshape(shape)
    except ValueError:
        raise ProtocolError("an array with an impossible shape") from None


def write_all(fd: int, data: bytes, deadline: float) -> None:
    """Write everything before `deadline`, to a reader that may have stopped reading.

    `fd` does not block.
    """
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            _wait_to_write(fd, deadline)


def _wait_to_write(fd: int, deadline: float) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(fd, selectors.EVENT_WRITE)
        if not selector.select(max(0, deadline - time.monotonic())):
            raise Silence
