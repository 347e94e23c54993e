"""The documentation as a whole: links and pictures lead somewhere, every page can be reached, the first page runs."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tinygrad_nn.cli.chapters import parts, run

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [
    *[ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")],
    *sorted(
        path for path in DOCS.rglob("*.md") if "_build" not in path.parts and ".ipynb_checkpoints" not in path.parts
    ),
]
FENCE = re.compile(r"^(?P<fence>`{3,}|~{3,})(?P<info>[^\n]*)\n(?P<body>.*?)^(?P=fence)[ \t]*$", re.M | re.S)
#: [text](target), ![text](target "title"), [text]: target, <a href="target">, <img src="target">
LINKS = (
    re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)"),
    re.compile(r"^\[[^\]]+\]:\s+<?(\S+?)>?(?:\s|$)", re.M),
    re.compile(r"<(?:a|img|iframe|script|link|source)\b[^>]*?\b(?:href|src)=[\"']([^\"']+)[\"']"),
)
HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+", re.I)


def links(text):
    """Give the targets of all links and pictures; code is not looked into, but may be the text of a link."""
    bare = re.sub(r"<!--.*?-->", "", FENCE.sub("", text), flags=re.S)
    bare = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "code", bare, flags=re.S)
    return sorted({target for form in LINKS for target in form.findall(bare)})


def anchors(text):
    """Give the anchors of a page: its headings as GitHub and MyST call them, and those that it names itself."""
    body, found, seen = FENCE.sub("", text), set(), {}
    for heading in re.findall(r"^#{1,6}[ \t]+(.+?)[ \t]*#*$", body, re.M):
        words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        number = seen[slug] = seen.get(slug, -1) + 1
        found.add(f"{slug}-{number}" if number else slug)
    found |= set(re.findall(r"^\(([\w-]+)\)=$", body, re.M)) | set(re.findall(r"\bid=[\"']([\w-]+)[\"']", body))
    return found | set(re.findall(r"\{#([\w-]+)", body))


def faults(page, text):
    """Give what is wrong with the links of a page, one line each."""
    found = []
    for target in links(text):
        parts = urlsplit(target)
        if parts.scheme in ("http", "https"):
            if parts.scheme == "http" or not HOST.fullmatch(parts.hostname or ""):
                found.append(f"{target}: no address that a browser would take")
        elif parts.scheme:
            found.append(f"{target}: neither a file of the project nor an address")
        elif target.startswith("/"):
            found.append(f"{target}: a path of one machine")
        else:
            file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if not file.is_relative_to(ROOT):
                found.append(f"{target}: outside of the project")
            elif parts.path and not file.exists():
                found.append(f"{target}: there is no such file")
            elif parts.fragment and file.suffix == ".md":
                there = anchors(file.read_text(encoding="utf-8") if parts.path else text)
                if unquote(parts.fragment) not in there:
                    found.append(f"{target}: {file.name} has no such heading")
    return found


def listed(page, text):
    """Give the pages that the toctrees of a page list."""
    found = set()
    for block in re.findall(r"^```\{toctree\}\n(.*?)^```$", text, re.M | re.S):
        for line in block.splitlines():
            if (entry := line.strip()) and not entry.startswith(":"):
                name = re.sub(r"^.*<(.+)>$", r"\1", entry)
                matched = sorted(page.parent.glob(f"{name}.md"))
                assert matched, f"{page.name}: the toctree lists {entry}, which does not exist"
                found |= {path.resolve() for path in matched}
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page):
    assert faults(page, page.read_text(encoding="utf-8")) == []


def test_every_page_can_be_reached_from_the_first():
    waiting, reached = [DOCS / "index.md"], set()
    while waiting:
        page = waiting.pop().resolve()
        if page not in reached:
            reached.add(page)
            waiting += listed(page, page.read_text(encoding="utf-8"))
    assert {path for path in PAGES if path.is_relative_to(DOCS)} - reached == set()


def test_every_picture_is_shown():
    shown = set()
    for page in PAGES:
        shown |= {
            (page.parent / unquote(urlsplit(link).path)).resolve() for link in links(page.read_text(encoding="utf-8"))
        }
    pictures = {path for folder in DOCS.rglob("images") if "_build" not in folder.parts for path in folder.iterdir()}
    assert pictures - shown == set()


def test_first_page_runs():
    text = (DOCS / "index.md").read_text(encoding="utf-8")
    cells = [part for part in parts(text) if part.kind == "code"]
    assert cells
    names, shown = {"__name__": "index"}, []
    for number, cell in enumerate(cells):
        shown.append(run(cell.text, names, f"index, cell {number}"))
    assert shown[0].shape == (2,)
    assert shown[1].svg().startswith("<?xml") or "<svg" in shown[1].svg()


def test_first_page_says_all_before_its_table():
    text = (DOCS / "index.md").read_text(encoding="utf-8").partition("# tinygrad_nn\n")[2].partition("| you want to")[0]
    assert "unrelated to the project called tinygrad" in text.lower()
    assert "pip install" in text
    assert "backward()" in text


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[a](nowhere.md)", "no such file"),
        ("![a](images/nothing.svg)", "no such file"),
        ("[`code`](nowhere.md)", "no such file"),
        ("[a\nb](nowhere.md)", "no such file"),
        ("[a]: nowhere.md", "no such file"),
        ('<img src="nothing.png">', "no such file"),
        ("[a](memory.md#nothing)", "no such heading"),
        ("[a](#nothing)", "no such heading"),
        ("[a](/tmp/x.md)", "one machine"),
        ("[a](file:///tmp/x.md)", "neither"),
        ("[a](../../x.md)", "outside"),
        ("[a](https://localhost/x)", "no address"),
        ("[a](http://example.org)", "no address"),
    ],
)
def test_planted_fault_is_found(text, fault):
    (found,) = faults(DOCS / "index.md", f"# T\n\n{text}\n")
    assert fault in found


@pytest.mark.parametrize(
    "text",
    [
        "# A title: `x`, y\n\n[a](#a-title-x-y)",
        "# A\n\n## B\n\n## B\n\n[a](#b-1)",
        "(here)=\n\n[a](#here)",
        "[a](memory.md), [b](articles/1-two-moons.md#the-network-as-printed), [c](https://example.org/a?b#c)",
        "`[a](nowhere)` and ``x[0](y)``\n\n```python\n[a](nowhere)\n```\n",
        "![p](images/loss.svg)",
    ],
)
def test_sound_links_are_left_alone(text):
    assert faults(DOCS / "index.md", text) == []
