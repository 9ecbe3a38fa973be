"""What checks yield: observed, judged against recorded answers, and explained where it differs."""

from enum import StrEnum


class Category(StrEnum):
    """What became of a check; from TIMEOUT on there was nothing to judge.

    WRITTEN is an answer in words, which only a teacher judges.
    """

    PASS = "pass"
    UNSOLVED = "unsolved"
    WRITTEN = "written"
    SHAPE = "shape"
    DTYPE = "dtype"
    TYPE = "type"
    VALUE = "value"
    NOTHING = "nothing"
    NOT_AN_ARRAY = "not an array"
    ERROR = "error"
    TIMEOUT = "timeout"
    CRASH = "crash"
    MEMORY = "memory"
    OUTPUT = "output"
    PROTOCOL = "protocol"
    NOT_RUN = "not run"
