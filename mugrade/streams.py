"""Standard output and error that take any text, whatever the console's encoding."""

import codecs
import io
import os
import sys
import unicodedata

READABLE = "mugrade.readable"
SIGNS = {
    **dict.fromkeys("·−–—", "-"),
    **dict.fromkeys("‘’", "'"),
    **dict.fromkeys("“”", '"'),
    **{"✓": "+", "✗": "x", "×": "x", "→": "->", "←": "<-", "⁄": "/"},
    **{"≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "±": "+-"},
    **{"∂": "d", "∇": "grad", "∑": "sum", "∏": "prod", "√": "sqrt", "∞": "inf"},
}


def ready() -> None:
    """Let whatever this process prints arrive, or at least raise nothing.

    What an encoding lacks is written in ASCII: a Greek letter by its name, a tick as a plus. A
    stream or descriptor that is not open, as under pythonw, becomes one that swallows everything.
    """
    for fd in range(3):
        _open(fd)
    codecs.register_error(READABLE, _readable)
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or sys.stdout
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=READABLE)


def _open(fd: int) -> None:
    """Else the next file or pipe would get this number, and be taken for a standard stream."""
    try:
        os.fstat(fd)
    except OSError:
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != fd:
            os.dup2(nowhere, fd)
            os.close(nowhere)
        os.set_inheritable(fd, True)


def _readable(error: UnicodeError) -> tuple[str, int]:
    """The error handler of that name, for `codecs`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_in_ascii, error.object[error.start : error.end])), error.end


def _in_ascii(character: str) -> str:
    """What one character is called or looks like: e for é, theta for θ, <= for ≤."""
    if character in SIGNS:
        return SIGNS[character]
    parts = unicodedata.normalize("NFKD", character)
    if parts != character:
        return "".join(part if part.isascii() else _in_ascii(part) for part in parts)
    if unicodedata.combining(character):
        return ""
    kind, _, name = unicodedata.name(character, "").partition(" LETTER ")
    if not kind.startswith("GREEK"):
        return "?"
    name = name.removeprefix("FINAL ").replace("LAMDA", "LAMBDA")
    return name.capitalize() if kind.endswith("CAPITAL") else name.lower()
