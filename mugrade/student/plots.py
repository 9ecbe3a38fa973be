"""Plots that can also be read aloud."""

import io


def show(alt: str) -> None:
    """Display the current matplotlib figure as a PNG with `alt` as its alternative text."""
    import matplotlib.pyplot as plt
    from IPython.display import Image, display

    buffer = io.BytesIO()
    plt.savefig(buffer, format="png", dpi=100, bbox_inches="tight")
    plt.close()
    display(Image(buffer.getvalue(), alt=alt))
