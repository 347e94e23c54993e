"""Lend fonts to Graphviz on a machine that has none.

Graphviz asks fontconfig for the width of text. Without any font (a bare Debian or a slim container) every character
counts as 0.54 em, whatever the font name, so that text in a monospaced font (0.6 em) runs over its box, and in PNG
and PDF each character is an empty box. matplotlib brings the DejaVu fonts along.

Which font to name in a drawing: SVG is measured here but shown elsewhere, so a list of fonts of the same width, the
widest first ("DejaVu Sans Mono,Menlo,Consolas,monospace": 0.602, 0.602, 0.55 em; or "DejaVu Sans,Verdana,sans-serif").
Which size: pango rounds the advance of each character to a whole pixel at 96 dpi. At 12 points a character of DejaVu
Sans Mono gets 7.5 points of room for 7.2, at 11 it gets 6.75 for 6.6, but at 14, the default, 8.25 for 8.4: a line of
60 characters then runs over its box.
"""

import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from xml.sax.saxutils import escape

_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "/usr/share/X11/fonts", "~/.fonts", "~/.local/share/fonts")
_SYSTEM = "/etc/fonts/fonts.conf"
_SUFFIXES = (".ttf", ".otf", ".ttc", ".pfb", ".otb", ".pcf.gz")
_NO_FONTS = (
    "no fonts on this machine: widths are guessed, and PNG and PDF show empty boxes for letters; "
    'apt install fonts-dejavu-core or pip install "tinygrad_nn[plots]"'
)

# Without the system's rules the generic names would match any font at all.
_FAMILIES = {
    "sans-serif": ("DejaVu Sans", ("sans-serif", "sans", "Helvetica", "Arial")),
    "serif": ("DejaVu Serif", ("serif", "Times", "Times New Roman", "Times-Roman")),
    "monospace": ("DejaVu Sans Mono", ("monospace", "Courier", "Courier New", "Menlo", "Consolas")),
}


@contextmanager
def lend_fonts() -> Iterator[tuple[Mapping[str, str], tuple[str, ...]]]:
    """Give (environment variables, notes) for a process that draws text: nothing to add where there are fonts.

    Where there are none, the variables point to matplotlib's DejaVu fonts, if matplotlib is installed (it is not
    imported); if not, the note says what is wrong with the picture and how to mend it.

    >>> with lend_fonts() as (variables, notes):
    ...     set(variables) <= {"FONTCONFIG_FILE"}, len(notes) <= 1
    (True, True)
    """
    if not sys.platform.startswith("linux") or "FONTCONFIG_FILE" in os.environ or _has_fonts():
        yield {}, ()
    elif folder := _matplotlib_fonts():
        with tempfile.TemporaryDirectory(prefix="tinygrad_nn-fonts-") as temporary:
            path = Path(temporary, "fonts.conf")
            path.write_text(_configuration(folder), encoding="utf-8")
            yield {"FONTCONFIG_FILE": str(path)}, ()
    else:
        yield {}, (_NO_FONTS,)


def _has_fonts() -> bool:
    folders = [*_FOLDERS, os.path.join(os.environ.get("XDG_DATA_HOME") or "~/.local/share", "fonts")]
    return any(
        name.lower().endswith(_SUFFIXES)
        for folder in folders
        for _, _, names in os.walk(os.path.expanduser(folder))
        for name in names
    )


def _matplotlib_fonts() -> Path | None:
    try:
        spec = importlib.util.find_spec("matplotlib")
    except (ImportError, ValueError):  # ValueError: something without a __spec__ stands in sys.modules
        return None
    folder = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" if spec and spec.origin else None
    return folder if folder and folder.is_dir() else None


def _configuration(folder: Path) -> str:
    rules = "".join(
        f"<alias><family>{name}</family><prefer><family>{font}</family></prefer></alias>"
        for font, names in _FAMILIES.values()
        for name in names
    )
    # The system's own configuration comes first: it may know a folder of fonts that _FOLDERS does not.
    return (
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
        f'<include ignore_missing="yes">{_SYSTEM}</include>'
        f"<dir>{escape(str(folder))}</dir>{rules}</fontconfig>"
    )
