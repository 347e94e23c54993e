"""The README: its blocks run in order, and its picture is the one that they draw."""

import re
from pathlib import Path

import pytest

from tinygrad_nn.op import OPS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, flags=re.M | re.S)


def test_first_lines_say_what_it_is_and_is_not():
    first = " ".join(README.split("\n\n")[1].split())
    assert "unrelated to the project called tinygrad" in first
    assert len(BLOCKS[0].rstrip().splitlines()) <= 14


def test_all_blocks_run(tmp_path, monkeypatch, capsys):
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "readme"}
    before = dict(OPS)
    try:
        for block in BLOCKS:
            exec(compile(block, "README.md", "exec"), names)
    finally:  # the operations that the blocks declare are no concern of other tests
        OPS.clear()
        OPS.update(before)
    printed = capsys.readouterr().out
    assert "wrong_cube" in printed
    svg = (tmp_path / "loss.svg").read_text(encoding="utf-8")
    shown = (ROOT / "docs" / "images" / "loss.svg").read_text(encoding="utf-8")
    texts = [re.findall(r"<text[^>]*>([^<]*)</text>", s) for s in (svg, shown)]
    assert texts[0] == texts[1], "the picture is not of today: run the README's first block and copy its loss.svg"
