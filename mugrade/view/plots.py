"""Plots that can also be read aloud."""

import base64
import html
import io


def show(alt: str) -> None:
    """Display the current matplotlib figure with `alt` as its alternative text.

    As HTML too, because JupyterLab gives a bare PNG no alternative text.
    """
    import matplotlib.pyplot as plt
    from IPython.display import display

    buffer = io.BytesIO()
    plt.savefig(buffer, format="png", dpi=100, bbox_inches="tight")
    plt.close()
    png = base64.b64encode(buffer.getvalue()).decode("ascii")
    image = f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{png}">'
    data = {"text/html": image, "image/png": png, "text/plain": alt}
    display(data, raw=True, metadata={"image/png": {"alt": alt}})
