"""``tinygrad-nn draw``: expressions that are never run as code, scripts, formats, and one line for every mistake."""

import json
import sys
import time
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import cli
from tinygrad_nn.cli.expression import assign, compute
from tinygrad_nn.cli.functions import FUNCTIONS
from tinygrad_nn.cli.options import CommandError
from tinygrad_nn.draw.render import available

LET = "w=[[1,2]]; x=[3,4]; b=0.5"
SIGMOID = ["draw", "-e", "sigmoid(w @ x + b)", "--let", LET]

SCRIPT = """
import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import nn

x = tg.Tensor([1.0, 2.0], requires_grad=True)
y = np.sin(x).sum()
constant = tg.Tensor(1.0)
net = nn.Sequential(nn.Linear(2, 3, rng=0), nn.Tanh())
number = 3


def loss():
    return (net(np.ones((4, 2), np.float32)) ** 2).mean()


def both():
    return {"a": x * 2.0, "b": [x] and x * 3.0}


def needs(a, b=1):
    return a


def nothing():
    pass


def boom():
    raise ValueError("bad\\nthing")


def leave():
    raise SystemExit(3)


class Kind:
    pass


if __name__ == "__main__":
    raise SystemExit("ran as the main program")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "model.py").write_text(SCRIPT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_issue_s_expression_gives_its_table(capsys):
    assert cli.main([*SIGMOID, "--backward"]) == 0
    out = capsys.readouterr().out
    for words in ("matmul", "#0 w, #1 x", "sigmoid", "0.9999898700090192", "1.0129888364105518e-05"):
        assert words in out


@pytest.mark.skipif(not available(), reason="no Graphviz at hand")
def test_every_format_is_written(folder, capsys):
    endings = ["svg", "png", "pdf", "dot", "json", "mmd", "html", "txt"]
    outputs = [part for ending in endings for part in ("-o", f"a.{ending}")]
    assert cli.main([*SIGMOID, "--direction", "both", "--color-by", "gradient", *outputs]) == 0
    out = capsys.readouterr().out
    assert [line.split()[2].strip(",") for line in out.splitlines()] == [f"a.{ending}" for ending in endings]
    ElementTree.fromstring((folder / "a.svg").read_text())
    names = {node.get("name") for node in json.loads((folder / "a.json").read_text())["nodes"]}
    assert {"w", "x", "b"} <= names
    assert (folder / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "sigmoid" in (folder / "a.txt").read_text()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("np.sin(x).sum()", np.sin([3.0, 4.0]).sum()),
        ("F.relu(x - 3)[1]", 1.0),
        ("nn.functional.softmax(w, axis=-1)", np.exp([[1, 2]]) / np.exp([1, 2]).sum()),
        ("np.linalg.norm(x)", 5.0),
        ("where(x > 3, x, 0 * x)", [0.0, 4.0]),
        ("concatenate([x, -x])[::-1]", [-4.0, -3.0, 4.0, 3.0]),
        ("w.T @ x[None] / 2 ** 3", np.array([[3.0, 4.0], [6.0, 8.0]]) / 8),
        ("x ** -0.5 * pi", np.pi / np.sqrt([3.0, 4.0])),
        ("[1, 2] * x", [3.0, 8.0]),
        ("x.reshape(2, 1).max()", 4.0),
        ("x[[1, 0, 1]]", [4.0, 3.0, 4.0]),
    ],
)
def test_expressions_are_computed(text, expected):
    y = compute(text, assign(LET, needs_gradient=True))
    np.testing.assert_allclose(y.data, expected)
    y.sum().backward()


def test_what_an_expression_lists_can_be_called():
    x = tg.Tensor([[0.5, 0.25], [0.125, 0.75]], requires_grad=True)
    for name in ("tanh", "log1p", "gelu", "sum", "logsumexp", "ravel", "inv", "stack"):
        text = f"{name}([x])" if name == "stack" else f"{name}(x)"
        assert compute(text, {"x": x}).requires_grad, name
    assert "eval" not in FUNCTIONS
    assert "load" not in FUNCTIONS
    assert "fromfile" not in FUNCTIONS


def test_labels_are_data(capsys):
    arguments = ["draw", "-e", "cross_entropy(z, t)", "--let", "z=[[1,2],[3,4]]", "--data", "t=[0,1]", "--backward"]
    assert cli.main(arguments) == 0
    assert "int64" in capsys.readouterr().out


HOSTILE = [
    "__import__('os').system('touch pwned')",
    "open('pwned', 'w')",
    "x.__class__.__mro__",
    "x.__class__",
    "().__class__.__bases__[0].__subclasses__()",
    "x.data.tofile('pwned')",
    "x.tofile('pwned')",
    "x.backward()",
    "np.save('pwned', x)",
    "np.load('pwned')",
    "np.__dict__",
    "np.linalg.__class__()",
    "np.random.seed(1)",
    "sin.__globals__",
    "sin.__class__(x)",
    "getattr(x, 'data')",
    "eval('1')",
    "(lambda: x)()",
    "[a for a in x]",
    "{a for a in x}",
    "sum(a for a in x)",
    "{**x}",
    "f'{x}'",
    "f'{x!r:{10**9}}'",
    "(y := x)",
    "x if x else x",
    "x and x",
    "not x",
    "await x",
    "sin(*x)",
    "sin(**x)",
    "sin(x, out=x)",
    "sum(x, dtype='O')",
    "9**9**9",
    "9**9**9 * x",
    "-9**99 * x",
    "10**30 * x",
    "1 << 10**9",
    "9.0**9.0**9.0",
    "'a' * 10**9",
    "'a' + x",
    "x + 'a'",
    "b'a'",
    "[0] * 10**9",
    "(0,) * 10**9",
    "reshape(x, 10**9)",
    "zeros(10**9)",
    "tile(x, 10**9)",
    "broadcast_to(x, (10**9, 2))",
    "diff(x, n=10**9)",
    "round(x, 10**18)",
    "x.round(10**18)",
    "round(x, decimals=-(10**18))",
    "1j * x",
    "x ** 1j",
    "-" * 3000 + "x",
    "(" * 300 + "x" + ")" * 300,
    "[" * 190 + "x" + "]" * 190,
    "x" + "+x" * 20_000,
    "x" * 200_000,
    "x\0",
    "x\ny",
    "x; y",
    "import os",
    "del x",
    "\ud800",
    "",
    " ",
    "#",
    "yyy",
    "sin",
    "sni(x)",
    "2 + 2",
    "x @ [1, 2, 3]",
    "x.sum(axis=7)",
    "[[1], [2, 3]] + x",
    "inf[0]",
    "x[x]",
    "x['a']",
    "x[1.5]",
    "x[9]",
    "max(x, x)",
    "e()",
    "...",
    "None + x",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_not_allowed_is_one_line_and_does_nothing(text, folder, capsys):
    start = time.perf_counter()
    assert cli.main(["draw", f"--expression={text}", "--let", LET]) == 2
    assert time.perf_counter() - start < 5
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("tinygrad-nn draw: ")
    assert captured.err.count("\n") == 1
    assert len(captured.err) < 700
    assert [p.name for p in folder.iterdir()] == ["model.py"]


def test_arrays_that_grow_are_refused_before_they_are_made():
    many = ",".join(["1"] * 1500)
    names = assign(f"x=[{many}]", needs_gradient=True)
    for text in ("outer(x, x)", "x[:, None] * x", "x[:, None] @ x[None, :]", "where(x[:, None] > x, x, 0)"):
        with pytest.raises(CommandError, match=r"2,250,000 elements is too large; at most 1,000,000"):
            compute(text, names)
    half = assign(f"x=[{many[:1999]}]", needs_gradient=True)
    with pytest.raises(CommandError, match="elements in all"):
        compute(" + ".join(["outer(x, x)"] * 20), half)


@pytest.mark.parametrize(
    "text",
    ["w", "w=", "=1", "w=1=2", "w==1", "w+=1", "w.x=1", "w[0]=1", "a,b=1,2", "w='a'", "w=[[1],[2,3]]", "w=None",
     "w=open", "w=[1,'a']", "import os", "w=9**9**9", "w=1j", "w=[" * 300, "w=\0", "1", "w=x", "w=10**400", "w=...",
     "w: int = 1"],
)  # fmt: skip
def test_names_that_cannot_be_read_are_one_line(text, capsys):
    assert cli.main(["draw", "-e", "w", "--let", text]) == 2
    err = capsys.readouterr().err
    assert err.startswith("tinygrad-nn draw: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("target", ["model.py:y", "model.py:loss", "model.py:both"])
def test_scripts(target, folder, capsys):
    assert cli.main(["draw", target, "--backward"]) == 0
    assert "operations" in capsys.readouterr().out


def test_names_of_a_script_are_its_variables_and_paths(folder, capsys):
    assert cli.main(["draw", "model.py:y"]) == 0
    assert "#0 x" in capsys.readouterr().out
    assert cli.main(["draw", "model.py:net", "--input-shape", "4,2", "--backward"]) == 0
    out = capsys.readouterr().out
    assert "#4 input, #0 0.weight" in out or "input, #" in out
    assert "float32" in out
    assert "0.weight" in out


def test_depth_folds_the_modules_of_a_script(folder):
    assert cli.main(["draw", "model.py:net", "--input-shape", "4,2", "--depth", "0", "-o", "net.dot"]) == 0
    assert "Sequential" in (folder / "net.dot").read_text()


def test_what_is_left_out_is_said(folder, capsys):
    text = "x" + "".join([f" + sin({k} * x)" for k in range(40)])
    assert cli.main(["draw", "-e", text, "--let", LET, "--no-fold", "--limit", "10", "-o", "a.dot"]) == 0
    assert "nodes left out" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "write SCRIPT.py:NAME or -e EXPRESSION; there is neither"),
        (["model.py:y", "-e", "x"], "both are given"),
        (["model.py:y", "--let", "x=1"], "--let and --data are for -e EXPRESSION"),
        (["model.py:net"], "net is a module: say what goes in, for example --input-shape 8,2"),
        (["model.py:net", "--input-shape", "4,5"], "net: "),
        (["model.py:net", "--input-shape", "a"], "'a' is no shape"),
        (["model.py:net", "--input-shape", "99999999,9"], "is no shape"),
        (["model.py:y", "--input-shape", "2"], "--input-shape is for a module"),
        (["model.py:needs"], "needs takes a; name a function without arguments"),
        (["model.py:nothing"], "nothing gives nothing (None)"),
        (["model.py:boom"], "boom: ValueError: bad thing"),
        (["model.py:leave"], "the program ended itself (3)"),
        (["model.py:Kind"], "Kind is a class"),
        (["model.py:number"], "number gives a value of type int"),
        (["model.py:constant", "--backward"], "nothing here needs a gradient"),
        (["model.py:none"], "model.py has no 'none'"),
        (["absent.py:y"], "there is no such file"),
        (["model.py:y", "-o", "a.foo"], "unknown format 'foo'"),
        (["model.py:y", "-o", "plain"], "has no ending that tells the format"),
        (["model.py:y", "-o", "no/such/a.dot"], "No such file or directory"),
        (["model.py:y", "--limit", "0"], "0 must be at least 1"),
        (["model.py:y", "--direction", "up"], "invalid choice: 'up'"),
    ],
)
def test_mistakes_are_one_line(arguments, message, folder, capsys):
    assert cli.main(["draw", *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert [p.name for p in folder.iterdir() if p.name != "__pycache__"] == ["model.py"]


def test_without_a_renderer_it_says_what_needs_none(folder, capsys, monkeypatch):
    monkeypatch.setattr(sys.modules["tinygrad_nn.draw.render"], "_commands", lambda backend: [])
    assert cli.main(["draw", "model.py:y", "-o", "a.svg"]) == 2
    assert ".dot, .html, .json, .mmd and .txt need no renderer" in capsys.readouterr().err
    assert not (folder / "a.svg").exists()
    assert cli.main(["draw", "model.py:y", "-o", "a.dot", "-o", "a.html"]) == 0


def test_a_path_is_never_a_shell_word(folder):
    assert cli.main([*SIGMOID, "-o", "a; touch pwned; $(touch pwned).dot"]) == 0
    assert not (folder / "pwned").exists()


def test_functions_are_listed(capsys):
    assert cli.main(["draw", "--functions"]) == 0
    assert "sigmoid, sign, silu, sin" in capsys.readouterr().out
