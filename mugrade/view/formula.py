"""Formulas of course texts for where nothing typesets them: `$\\sqrt{x}$` reads sqrt(x)."""

import re

FORMULA = re.compile(r"\$([^$]+)\$")
GROUP = r"\{([^{}]*)\}"
WORDS = {
    "cdot": "*",
    "times": "*",
    "le": "<=",
    "leq": "<=",
    "ge": ">=",
    "geq": ">=",
    "ne": "!=",
    "neq": "!=",
    "approx": "~",
    "sim": "~",
    "infty": "inf",
    "partial": "d",
    "to": "->",
    "in": "in",
    "ldots": "...",
    "dots": "...",
    "left": "",
    "right": "",
    "odot": "*",
    "pm": "+-",
}


def readable(text: str) -> str:
    """The text with each `$formula$` written as one would type it."""
    return FORMULA.sub(lambda match: _typed(match.group(1)), text)


def _typed(tex: str) -> str:
    tex = re.sub(r"\\[,;:! ]", " ", tex)
    before = ""
    while tex != before:
        before = tex
        tex = re.sub(rf"\\(?:text|mathrm|mathbf|operatorname){GROUP}", r"\1", tex)
        tex = re.sub(rf"\\d?frac{GROUP}{GROUP}", _fraction, tex)
        tex = re.sub(rf"\\(sqrt|hat|bar|tilde|vec){GROUP}", r"\1(\2)", tex)
        tex = re.sub(rf"([_^]){GROUP}", lambda m: m[1] + _grouped(m[2]), tex)
    tex = re.sub(r"\\([A-Za-z]+)", lambda m: WORDS.get(m[1], m[1]), tex)
    return " ".join(re.sub(r"[\\{}]", "", tex).split())


def _fraction(match: re.Match[str]) -> str:
    return f"{_grouped(match[1])} / {_grouped(match[2])}"


def _grouped(tex: str) -> str:
    return tex if re.fullmatch(r"\\?\w+|\w+\([^()]*\)", tex.strip()) else f"({tex})"
