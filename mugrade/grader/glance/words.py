"""How the page puts texts of the course and numbers into its sentences."""

DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"


def quoted(text: str) -> str:
    """The text between quotation marks."""
    return f"\N{LEFT DOUBLE QUOTATION MARK}{text}\N{RIGHT DOUBLE QUOTATION MARK}"


def sentence(text: str) -> str:
    """The text with an end."""
    return text if text.endswith((".", "?", "!")) else f"{text}."


def percent(share: float | None) -> str:
    """A share in percent, or a dash where there is none."""
    return DASH if share is None else f"{share:.0%}"


def signed(number: float | None) -> str:
    """A correlation, or a dash where there is none."""
    return DASH if number is None else f"{number:.2f}".replace("-", MINUS)
