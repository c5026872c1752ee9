"""Which symbols a text uses, and which of them the notation page lacks."""

import re

GREEK = (
    r"alpha|beta|gamma|delta|epsilon|varepsilon|zeta|eta|theta|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|phi|varphi|chi|psi"
    r"|omega|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Phi|Psi|Omega"
)
# commands that are no symbols, with their argument
WORDS = r"\\(?:mathrm|text|operatorname|quad|begin|end|label)\*? *(?:\{[^{}]*\}|[a-z](?![a-z]))?"
# constants of mathematics, and letters that count or stand for something within one formula
COMMON = {r"\pi", *"abceijklmnrM", r"\zeta", r"\varphi"}
SYMBOL = re.compile(
    r"\\(?:mathcal|mathbf|mathbb) *\{?(?P<letter>[A-Za-z])\}?"
    rf"|\\(?P<greek>{GREEK})(?![a-zA-Z])"
    r"|(?<![\\a-zA-Z])(?P<latin>[A-Za-z])(?![a-zA-Z])"
)


def formulas(text) -> list[str]:
    """Returns all formulas of a MyST text, code left out."""
    text = re.sub(r"^(`{3,})\w+\n.*?^\1$", "", text, flags=re.M | re.S)
    text = re.sub(r"(?<!`)`[^`\n]+`(?!`)", "", text)
    blocks = re.findall(r"\$\$(.*?)\$\$", text, flags=re.S)
    inline = re.findall(r"(?<![\\$])\$([^$\n]+?)\$(?!\d)", re.sub(r"\$\$.*?\$\$", "", text, flags=re.S))
    return blocks + inline


def symbols(text) -> set[str]:
    """Returns the symbols of a text's formulas, without index, accent or argument."""
    found = set()
    for formula in formulas(text):
        plain = re.sub(WORDS, " ", formula)
        plain = re.sub(r"[_^](?:\{[^{}]*\}|\\?\w+|.)", " ", plain)  # an index is no symbol of its own
        for match in SYMBOL.finditer(plain):
            kind, letter = match.lastgroup, match[match.lastgroup]
            if kind == "letter":
                style = re.match(r"\\(mathcal|mathbf|mathbb)", match[0])[1]
                found.add(rf"\{style} {letter}")
            else:
                found.add(rf"\{letter}" if kind == "greek" else letter)
    return found


def missing(text, page) -> set[str]:
    """Returns the symbols that ``text`` uses and the notation page's text lacks."""
    return symbols(text) - symbols(page) - COMMON
