"""docs/pictures.md: its blocks run, and print what it says."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from tinygrad_nn import cli
from tinygrad_nn.draw.render import available

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "pictures.md").read_text(encoding="utf-8")


@pytest.mark.skipif("pygraphviz" not in available() or "dot" in available(), reason="it says that pygraphviz draws")
def test_the_blocks_run_and_print_what_the_page_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {"__name__": "pictures"}
    for block, printed in re.findall(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", TEXT, re.S):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(block, "pictures.py", "exec"), names)
        assert out.getvalue() == printed
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        [f"{n}.svg" for n in ("scalars", "network", "folded", "bytes", "loop", "slope")] + ["loss.html"]
    )


def test_the_command_prints_what_the_page_says(capsys):
    printed = re.search(r"--backward\n```\n\n```text\n(.*?)```", TEXT, re.S)
    assert printed is not None
    let = "w=[[1,2]]; x=[3,4]; b=0.5"
    assert cli.main(["draw", "-e", "sigmoid(w @ x + b)", "--let", let, "--backward"]) == 0
    assert capsys.readouterr().out == printed[1]


def test_every_picture_is_there():
    for name in re.findall(r"!\[.+?\]\((.+?)\)", TEXT):
        assert (ROOT / "docs" / name).is_file(), name
