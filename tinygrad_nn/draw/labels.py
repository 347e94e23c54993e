"""Make any text safe to stand in DOT: a label or tooltip shows exactly the characters that it was given."""

import re

import graphviz

# What XML 1.0 cannot hold (https://www.w3.org/TR/xml/#charsets): Graphviz copies it into SVG all the same, or, for
# NUL, cuts the whole text there. DEL is legal but invisible.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_FORBIDDEN = re.compile("[\ud800-\udfff\ufffe\uffff]")
# What record labels give a meaning; a space beside another is dropped unless it is escaped.
_STRUCTURE = re.compile("[{}|<>]|(?<= ) ")

LONGEST = 3000
"""Longer texts are cut: Graphviz refuses more than 16,384 characters in quotes, and escapes take up to five each."""


def visible(text: str) -> str:
    """Replace control characters by their pictures (U+2400 to U+2421) and what is no character at all by U+FFFD.

    Tabs and line breaks stay. The result can be encoded, and can stand in XML.

    >>> visible("a\\0b\\x1b[1m\\ud800")
    'a␀b␛[1m�'
    """
    return _FORBIDDEN.sub("\ufffd", _CONTROL.sub(lambda match: _picture(match[0]), text))


def _picture(character: str) -> str:
    return "␡" if character == "\x7f" else chr(0x2400 + ord(character))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def label(text: str) -> str:
    r"""Quote text for a label: `graphviz.Digraph().node("n0", label=label(text))` shows `text`, whatever it is.

    Backslashes are no escapes, `&amp;` is five characters, `<b>` is no markup. A line break breaks the line (centred;
    for other justification join labels of single lines by r"\l", and wrap the whole in `graphviz.nohtml`).

    >>> label("<b> & \\n")
    '<b> &amp; \\\\n'
    """
    text = _short(visible(text)).replace("\r\n", "\n").replace("\r", "\n")
    if text.startswith("\n"):
        text = f" {text}"  # Graphviz 14 crashes on an edge label whose first line is empty
    return graphviz.escape(text.replace("&", "&amp;"))


def tooltip(text: str) -> str:
    r"""Quote text for a tooltip, which Graphviz unescapes once more often than a label.

    >>> tooltip(r"\N")
    '\\\\\\\\N'
    """
    return graphviz.escape(_short(visible(text)).replace("&", "&amp;").replace("\\", "\\\\"))


def field(text: str) -> str:
    r"""Quote text for one field of a record label, its lines centred; braces, bars and angles are no structure.

    >>> field("a|b {c}")
    'a\\|b \\{c\\}'
    """
    # A tab would be dropped.
    lines = _short(visible(text)).replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ").split("\n")
    return r"\n".join([_STRUCTURE.sub(r"\\\g<0>", graphviz.escape(line.replace("&", "&amp;"))) for line in lines])
