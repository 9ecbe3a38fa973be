# %% by-hand
"""One graph, walked by hand before there is an engine that does it."""


def adjoints_by_hand(a: float, b: float) -> tuple[float, float]:
    """The adjoints of a and b in y = a b + a, where p = a b and y = p + a."""
    y_bar = 1.0
    p_bar = y_bar  # a sum hands on what it gets
    a_bar = p_bar * b + y_bar
    b_bar = p_bar * a
    return a_bar, b_bar
