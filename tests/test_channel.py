"""What comes out of a student's process is a frame of ours, or one of three exceptions."""

import json
import os
import threading
import time
from contextlib import closing, suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mugrade.sandbox import channel
from mugrade.sandbox.channel import (
    DTYPES,
    END,
    FRAME,
    LOADED,
    LOADING,
    MAGIC,
    MAX_FRAMES,
    VALUE,
    Closed,
    Frame,
    ProtocolError,
    Silence,
    encode,
    frame_value,
    read_frames,
    value_frame,
)
from mugrade.values.close import Close
from mugrade.values.distribution import Distribution
from mugrade.values.observe import Observed

quick = settings(max_examples=60)
NONCE = bytes(range(16))
LAST = encode(NONCE, Frame(END, {}))


def received(data, nonce=NONCE, seconds=5.0, leave_open=False):
    """The frames in `data`, written into a pipe by another thread."""
    read, write = os.pipe()

    def send():
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(write, rest) :]
        except BrokenPipeError:
            pass
        finally:
            if not leave_open:
                os.close(write)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        with closing(read_frames(read, nonce, time.monotonic() + seconds)) as frames:
            return list(frames)
    finally:
        os.close(read)
        thread.join()
        if leave_open:
            os.close(write)


def sent(value, trusted=False):
    first, last = received(encode(NONCE, value_frame(value)) + LAST)
    assert last == Frame(END, {})
    return frame_value(first, trusted)


ARRAYS = st.sampled_from(sorted(DTYPES)).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, min_side=0, max_side=4))
)


@quick
@given(ARRAYS)
def test_arrays_come_back_as_they_were(x):
    value = sent(Observed("array", x))
    assert value.kind == "array" and value.array is not None
    assert (value.array.dtype, value.array.shape) == (x.dtype, x.shape)
    assert value.array.tobytes() == x.tobytes()


@pytest.mark.parametrize(
    "x",
    [
        np.arange(12.0).reshape(3, 4).T,
        np.arange(12.0)[::-2],
        np.arange(3, dtype=">f8"),
        np.broadcast_to(np.float32(1), (3, 4)),
        np.ones((1,) * 64),
    ],
    ids=["transposed", "reversed", "big-endian", "broadcast", "64 axes"],
)
def test_layout_and_byte_order_do_not_matter(x):
    value = sent(Observed("array", x))
    np.testing.assert_array_equal(value.array, x)
    assert value.array.dtype == x.dtype.newbyteorder("<")


@pytest.mark.parametrize("dtype", ["longdouble", "clongdouble"])
def test_a_dtype_that_does_not_travel_is_named(dtype):
    value = sent(Observed("array", np.ones(2, dtype)))
    assert (value.kind, value.array) == ("no datum", None)
    assert np.dtype(dtype).name in value.text


def test_nothing_may_come_after_an_answer():
    with pytest.raises(ProtocolError, match="more than an answer"):
        received(LAST + LAST)


def test_small_values_without_end_are_no_answer():
    value = encode(NONCE, value_frame(Observed("array", np.ones(1))))
    assert len(received(value * (MAX_FRAMES - 1) + LAST)) == MAX_FRAMES
    with pytest.raises(ProtocolError, match=f"more than {MAX_FRAMES} values"):
        received(value * MAX_FRAMES + LAST)


def test_only_a_trusted_sender_names_the_judge():
    judge = Distribution((2,), "float64", 1.0, 2.0)
    value = Observed("array", np.ones(2), line=7, judge=judge)
    assert sent(value, trusted=True).judge == judge
    assert sent(value, trusted=True).line == 7
    assert sent(value).judge == Close()


@pytest.mark.parametrize("kind", ["nothing", "no datum", "error"])
def test_text_is_cut(kind):
    value = sent(Observed(kind, text="x" * 5000, line=3))
    assert (value.kind, value.line, value.text) == (kind, 3, "x" * channel.MAX_TEXT)


def raw(kind=VALUE, header=b"{}", data=b"", magic=MAGIC, nonce=NONCE, sizes=None):
    header_size, data_size = sizes or (len(header), len(data))
    return FRAME.pack(magic, nonce, kind, header_size, data_size) + header + data


@pytest.mark.parametrize(
    "data",
    [
        b"x" * FRAME.size,
        os.urandom(4000),
        b"\x93NUMPY\x01\x00" + bytes(100),
        b"\x80\x04\x95" + bytes(100),
        raw(magic=b"MGR0"),
        raw(nonce=bytes(16)),
        raw(kind=0),
        raw(kind=255),
        raw(header=b"{"),
        raw(header=b""),
        raw(header=b"[]"),
        raw(header=b"null"),
        raw(header=b"\xff\xfe\xfd"),
        raw(header=b"[" * 60_000),
        raw(header=b'{"a":' * 10_000),
        raw(header=b"1" * 60_000),
        raw(sizes=(channel.MAX_HEADER + 1, 0)),
        raw(sizes=(2**32 - 1, 0)),
        raw(sizes=(2, channel.MAX_DATA + 1)),
        raw(sizes=(2, 2**64 - 1)),
    ],
    ids=range(20),
)
def test_anything_else_is_a_protocol_error(data):
    with pytest.raises(ProtocolError):
        received(data + LAST)


@quick
@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda tail: raw()[:33] + tail))
def test_garbage_raises_nothing_else(data):
    with pytest.raises((ProtocolError, Closed)):
        received(data)


@quick
@given(st.data())
def test_half_an_answer_is_closed_or_silence(data):
    whole = encode(NONCE, value_frame(Observed("array", np.ones(3)))) + LAST
    part = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(Closed):
        received(part)
    with pytest.raises(Silence):
        received(part, seconds=0.01, leave_open=True)


def test_an_answer_to_an_earlier_request_does_not_count():
    with pytest.raises(ProtocolError):
        received(LAST, nonce=bytes(16))


def test_all_frames_of_an_answer_share_one_limit(monkeypatch):
    monkeypatch.setattr(channel, "MAX_DATA", 10_000)
    one = encode(NONCE, value_frame(Observed("array", np.zeros(500))))
    assert len(received(one + one + LAST)) == 3
    with pytest.raises(ProtocolError):
        received(one * 3 + LAST)
    with pytest.raises(ProtocolError):
        received(raw() * 1000 + LAST)


def test_a_stream_that_never_ends_meets_the_deadline(monkeypatch):
    for most in ("MAX_DATA", "MAX_FRAMES"):
        monkeypatch.setattr(channel, most, 1 << 60)
    stop = threading.Event()
    read, write = os.pipe()

    def flood():
        while not stop.is_set():
            os.write(write, raw())

    thread = threading.Thread(target=flood)
    thread.start()
    started = time.monotonic()
    try:
        with pytest.raises(Silence):
            list(read_frames(read, NONCE, started + 0.2))
        assert time.monotonic() - started < 2
    finally:
        stop.set()
        os.set_blocking(read, False)
        while thread.is_alive():
            thread.join(0.01)
            with suppress(BlockingIOError):
                os.read(read, 1 << 20)
        os.close(read)
        os.close(write)


HEADER = {"kind": "array", "text": "", "line": 0, "dtype": "<f8", "shape": [2]}
DEEP = json.loads("[" * 500 + "]" * 500)


@pytest.mark.parametrize(
    "lie",
    [
        {"shape": [3]},
        {"shape": [-2]},
        {"shape": [-1, -2]},
        {"shape": [2.0]},
        {"shape": [True, 2]},
        {"shape": "2"},
        {"shape": {"0": 2}},
        {"shape": None},
        {"shape": DEEP},
        {"shape": [1] * 64 + [2]},
        {"shape": [2**28, 2**28, 2**28]},
        {"shape": [10**4000]},
        {"dtype": "<f4"},
        {"dtype": "|O"},
        {"dtype": "<U4"},
        {"dtype": "<M8[s]"},
        {"dtype": ">f8"},
        {"dtype": "f8"},
        {"dtype": "|V16"},
        {"dtype": [["a", "<f8"]]},
        {"dtype": {}},
        {"dtype": None},
        {"dtype": DEEP},
        {"dtype": "|b1", "shape": [16]},
        {"kind": "pickle"},
        {"kind": ["array"]},
        {"kind": None},
        {"text": DEEP},
        {"text": 1},
        {"line": "0"},
        {"line": None},
    ],
    ids=lambda lie: str(lie)[:40],
)
def test_lies_in_a_header_are_protocol_errors(lie):
    frame = Frame(VALUE, HEADER | lie, np.array([1.5, -2.5]).tobytes())
    with pytest.raises(ProtocolError):
        frame_value(frame)


@pytest.mark.parametrize("shape", [[0, 2**28, 2**28, 2**28], [0] * 65, [0, 10**400]])
def test_empty_arrays_of_impossible_shapes(shape):
    with pytest.raises(ProtocolError):
        frame_value(Frame(VALUE, HEADER | {"shape": shape}))


@pytest.mark.parametrize("kind", [END, LOADED, LOADING])
def test_a_frame_of_another_kind_is_no_value(kind):
    with pytest.raises(ProtocolError):
        frame_value(Frame(kind, HEADER, bytes(16)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("a<f8", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=1), inner),
    max_leaves=5,
)


@quick
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(HEADER, JSON)), st.binary(max_size=16))
def test_no_header_raises_anything_else(lies, data):
    try:
        value = frame_value(Frame(VALUE, HEADER | lies, data))
    except ProtocolError:
        return
    assert value.array is None or value.array.nbytes == len(data)
