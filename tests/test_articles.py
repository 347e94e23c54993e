"""The articles' pages: every block runs in order and prints what the page says; links lead somewhere."""

import io
import linecache
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from threads import one_thread

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "articles"
PAGES = sorted(FOLDER.glob("*.md"))
BLOCK = re.compile(r"^```python\n(?P<code>.*?)^```\n(?:\n*^```text\n(?P<printed>.*?)^```\n)?", flags=re.M | re.S)
LINK = re.compile(r"\]\(([^)#]+)")


def blocks(text: str) -> list[tuple[str, str | None]]:
    """Give the code and the output of each block; the code stands in the line that it has in the page."""
    return [("\n" * text[: m.start("code")].count("\n") + m["code"], m["printed"]) for m in BLOCK.finditer(text)]


def run(text: str, name: str) -> list[tuple[str, str | None]]:
    """Run all blocks in one namespace and give what each printed beside what the page says."""
    # The library quotes lines of the program that it runs in: they are those of the page.
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    names: dict[str, object] = {"__name__": name}
    found = []
    for code, said in blocks(text):
        with redirect_stdout(io.StringIO()) as printed, one_thread():
            exec(compile(code, name, "exec"), names)
        found.append((printed.getvalue(), said))
    return found


def test_there_is_a_page_for_each_script():
    scripts = {p.name for p in (FOLDER.parents[1] / "examples").glob("*.py")}
    linked = {Path(link).name for page in PAGES for link in LINK.findall(page.read_text(encoding="utf-8"))}
    assert scripts <= linked


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_every_block_prints_what_the_page_says(page, tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    found = run(page.read_text(encoding="utf-8"), page.name)
    assert found
    for printed, said in found:
        assert printed == (said or "")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_every_link_leads_to_a_file(page):
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert links
    assert [link for link in links if not (FOLDER / link).exists()] == []


def test_every_picture_is_shown():
    shown = {link for page in PAGES for link in LINK.findall(page.read_text(encoding="utf-8"))}
    assert {f"images/{p.name}" for p in (FOLDER / "images").iterdir()} <= shown


def test_a_wrong_page_is_noticed():
    page = "# T\n\n```python\nx = 2\n```\n\nSo:\n\n```python\nprint(x + 1)\n```\n\n```text\n4\n```\n"
    assert run(page, "page") == [("", None), ("3\n", "4\n")]
    page = "```python\n1 / 0\n```\n"
    with pytest.raises(ZeroDivisionError):
        run(page, "page")
