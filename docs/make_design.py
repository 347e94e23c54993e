"""Write what docs/design.md says of the layers, and their picture, from the package itself: ``make reference``.

The table has the layers of tests/test_layers.py with the first sentence of each module's docstring; the picture has
the imports, without those that others imply; and a table lists the decision records.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "design.md"
PICTURE = ROOT / "docs" / "images" / "layers.svg"
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from test_layers import LAYERS, PACKAGE, SOURCES, edges, unit  # noqa: E402


def shown(name: str) -> str:
    """Give a module or folder as it is called in the repository."""
    return f"{name}/" if f"{PACKAGE}.{name}.__init__" in SOURCES else f"{name}.py"


def rows() -> list[list[str]]:
    """Give the names of each layer that exist, the lowest layer first."""
    there = {unit(module) for module in SOURCES}
    return [row for line in LAYERS.splitlines() if (row := [name for name in line.split() if name in there])]


def holds(name: str) -> str:
    """Give the first paragraph of a module's docstring."""
    source = SOURCES.get(f"{PACKAGE}.{name}.__init__") or SOURCES[f"{PACKAGE}.{name}"]
    first = (ast.get_docstring(ast.parse(source)) or "").split("\n\n")[0]
    return re.sub(r"``([^`]+)``", r"`\1`", " ".join(first.split()))


def table() -> str:
    """Give the table of the layers."""
    lines = ["| layer | module | what it holds |", "|---|---|---|"]
    for number, row in enumerate(rows(), 1):
        for i, name in enumerate(row):
            lines.append(f"| {'' if i else number} | `{shown(name)}` | {holds(name)} |")
    return "\n".join(lines) + "\n"


def imports() -> dict[str, set[str]]:
    """Give what each module or folder imports of the others, without what its imports import already."""
    direct: dict[str, set[str]] = {unit(module): set() for module in SOURCES}
    for module, _, target in edges(SOURCES):
        if unit(module) != unit(target):
            direct[unit(module)].add(unit(target))
    order = [name for row in rows() for name in row]  # what is imported comes first
    reached: dict[str, set[str]] = {}
    for name in order:
        reached[name] = direct[name].union(*[reached[other] for other in direct[name]])
    return {name: {x for x in direct[name] if not any(x in reached[y] for y in direct[name])} for name in order}


def source() -> str:
    """Give the picture as DOT: one rank for each layer, arrows to what is imported."""
    lines = [
        "digraph layers {",
        '  graph [rankdir=TB, ranksep=0.35, nodesep=0.25, bgcolor="transparent", fontname="Helvetica"]',
        '  node [shape=box, style="rounded,filled", fillcolor="#e8f1f2", color="#3b7a86", fontname="Helvetica",'
        " fontsize=12, height=0.3]",
        '  edge [color="#7a8b99", arrowsize=0.5]',
    ]
    for row in rows():
        lines.append("  { rank=same; " + "; ".join([f'"{shown(name)}"' for name in row]) + " }")
    for name, others in imports().items():
        lines += [f'  "{shown(name)}" -> "{shown(other)}"' for other in sorted(others)]
    return "\n".join([*lines, "}"]) + "\n"


def decisions() -> str:
    """Give the table of the decision records."""
    lines = ["| record | what was decided |", "|---|---|"]
    for path in sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md")):
        number, _, title = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").partition(". ")
        lines.append(f"| [{number}](decisions/{path.name}) | {title} |")
    return "\n".join(lines) + "\n"


def page(text: str) -> str:
    """Give the text of the page with today's tables between their marks."""
    for name, made in (("layers", table()), ("decisions", decisions())):
        start, end = f"<!-- {name}: written by make reference -->\n", f"<!-- end of {name} -->\n"
        before, _, rest = text.partition(start)
        text = f"{before}{start}\n{made}\n{end}{rest.partition(end)[2]}"
    return text


def write() -> None:
    """Write the page and its picture."""
    from tinygrad_nn.draw.render import render

    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    PICTURE.write_bytes(render(source()).data)
    print(PAGE.relative_to(ROOT), PICTURE.relative_to(ROOT))


if __name__ == "__main__":
    write()
