"""``tinygrad-nn check``: what it checks, what it prints, and its exit codes."""

import subprocess
import sys

import numpy as np
import pytest

from tinygrad_nn import cli
from tinygrad_nn.cli.inputs import drawn, given
from tinygrad_nn.cli.options import CommandError
from tinygrad_nn.cli.target import Target

SCRIPT = """
import sys

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import nn

bad = tg.op.elementwise(np.sin, lambda g, y, x: g * np.cos(x) * 1.0005, name="bad_sin", register=False)
W = tg.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True, name="W")
model = nn.Sequential(nn.Linear(3, 2, rng=0), nn.Tanh())
number = 3.0


def loss():
    return np.tanh(W @ W / 9.0).sum()


def fresh():
    w = tg.Tensor([1.0, 2.0], requires_grad=True, name="w")
    return {"a": np.sin(w), "b": [w * w, 3.0]}


def wrong_loss():
    h = W * 2.0
    return bad(h).sum()


def cut_loss():
    return (W * W.data).sum()


def pair():
    return (lambda x, w: np.exp(x) @ w), (np.ones((2, 3)), np.ones(3))


def one():
    return np.sin, np.ones(3)


def three():
    return np.hypot, 3.0, np.ones(2)


def f(x, w):
    return (x * w).sum()


def keyword(x, *, axis, names=()):
    assert type(axis) is int
    return np.sum(x, axis=axis) * 2.0


def every(*xs):
    return xs[0] * xs[1]


def more(a, **options):
    return a * options["scale"]


def only_position(x, /, w):
    return x * w


def tree(p):
    return (p["w"] * p["b"]).sum()


def wrong(x):
    h = x * 2.0
    return bad(h).sum()


def layer(x):
    return x @ W


def fails(x):
    raise KeyError("no such\\nkey")


def quits(x):
    sys.exit(0)


def noisy(x):
    return x * np.random.default_rng().normal()


def cut(x):
    return x * float(x.sum())


def silent(x):
    return "3.0"


def nothing():
    return 3.0


def bare():
    return tg.Tensor([1.0])


def no_inputs():
    return (np.sin,)


def own_fault():
    return tg.gradcheck(bad, np.ones(2))


def own_report():
    return tg.gradcheck(np.sin, np.ones(2))


class Model:
    def loss(self, x):
        return x

    @staticmethod
    def static(x):
        return x * x
"""


@pytest.fixture
def script(tmp_path, monkeypatch):
    (tmp_path / "model.py").write_text(SCRIPT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return tmp_path


RIGHT = [
    (["loss"], "input 0 'W' (2, 2)"),
    (["fresh"], "input 0 'w' (2,)"),
    (["pair"], "input 1 (3,)"),
    (["one"], "input 0 (3,)"),
    (["three"], "input 0 () float64"),
    (["f", "--shape", "x=3,4", "--shape", "w=4"], "input 0 'x' (3, 4)"),
    (["f", "--shape", "w=4", "--input", "x=[[1.0, 2, 3, 4]]"], "input 0 'x' (1, 4)"),
    (["f", "--shape", "x=", "--input", "w=3"], "input 0 'x' ()"),
    (["keyword", "--shape", "x=2,3", "--input", "axis=1"], "input 0 'x' (2, 3)"),
    (["every", "--shape", "a=2", "--shape", "b=2"], "input 1 'b' (2,)"),
    (["more", "--shape", "a=2", "--input", "scale=2.0"], "input 1 'scale' ()"),
    (["more", "--shape", "a=2", "--input", "scale=2"], "input 0 'a' (2,)"),
    (["only_position", "--shape", "w=2", "--shape", "x=2"], "input 0 'x' (2,)"),
    (["tree", "--input", 'p={"w": [1.0, 2.0], "b": 3.0}'], "input 0['b'] ()"),
    (["layer", "--shape", "x=3,2", "--order", "2"], "input 1 'W' (2, 2)"),
    (["model", "--shape", "x=5,3"], "input 1"),
    (["Model.static", "--shape", "x=2"], "input 0 'x' (2,)"),
    (["own_report"], "input 0 (2,)"),
]


@pytest.mark.parametrize(("arguments", "words"), RIGHT, ids=[r[0][0] for r in RIGHT])
def test_a_right_function_passes(arguments, words, script, capsys):
    assert cli.main(["check", f"model.py:{arguments[0]}", *arguments[1:]]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("gradcheck: passed, agrees to ")
    assert words in out
    assert ("derivative 2: passed" in out) == ("--order" in arguments)
    assert ("check_graph: " in out) == (arguments[0] != "own_report")
    assert err == ""


WRONG = [
    (["wrong", "--shape", "x=3"], "bad_sin at ", "scaled by a factor 1.0005", "return bad(h).sum()"),
    (["wrong_loss"], "bad_sin at ", "scaled by a factor 1.0005", "input 0 'W', element (0, 0)"),
    (["cut_loss"], "the path is cut at multiply", "input 0 'W'"),
    (["cut", "--shape", "x="], "the path is cut at multiply", "input 0 'x'"),
    (["noisy", "--shape", "x="], "the function is not deterministic"),
    (["own_fault"], "bad_sin at "),
]


@pytest.mark.parametrize("arguments", WRONG, ids=[w[0][0] for w in WRONG])
def test_a_wrong_derivative_is_named_and_exits_with_1(arguments, script, capsys):
    (name, *options), *words = arguments
    assert cli.main(["check", f"model.py:{name}", *options]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("gradcheck: FAILED")
    for w in words:
        assert w in out
    assert err == ""


def test_check_graph_names_the_operation_beside_gradcheck(script, capsys):
    assert cli.main(["check", "model.py:wrong", "--shape", "x=3"]) == 1
    out = capsys.readouterr().out
    assert "check_graph: 1 of 3 operations with a wrong derivative\n  bad_sin at " in out


BAD = [
    (["model.py"], "model.py: name the function after a colon, as in model.py:f; it has loss, fresh, "),
    (["model.py:"], "model.py: name the function after a colon"),
    (["model"], "model: name the function after a colon"),
    ([":f"], "':f' names no script or module; write SCRIPT.py:FUNCTION or MODULE:FUNCTION"),
    ([""], "'' names no script or module"),
    (["model.py:g"], "model.py has no 'g'; it has loss, "),
    (["model.py:number"], "model.py:number is no function but float"),
    (["model.py:f(3)"], "'f(3)' is no name of a function; write SCRIPT.py:FUNCTION"),
    (["missing.py:f"], "missing.py: there is no such file"),
    (["missing:f"], "there is no module 'missing' here"),
    (["missing.module:f"], "there is no module 'missing' here"),
    (["model.missing:f"], "there is no module 'model.missing' here"),
    (["not a module:f"], "'not a module' is neither a .py file nor the name of a module"),
    (["folder:f"], "folder has no 'f'"),
    (["folder.py:f"], "folder.py is a folder"),
    (["./folder:f"], "./folder is a folder"),
    (["text.txt:f"], "text.txt is no .py file"),
    ([r"C:\code\model.py:f"], r"C:\code\model.py: there is no such file"),
    ([r"C:\code\model.py"], r"C:\code\model.py: there is no such file"),
    (["syntax.py:f"], "importing syntax.py: SyntaxError: "),
    (["zero.py:f"], "importing zero.py: SyntaxError: "),
    (["import.py:f"], "importing import.py: ModuleNotFoundError: No module named 'no_such_thing' ("),
    (["raises.py:f"], "importing raises.py: ZeroDivisionError: division by zero ("),
    (["ends.py:f"], "importing ends.py: the program ended itself (0) ("),
    (["model.py:f"], "f takes x, w: give values, for example --shape x=3,4 --shape w=3,4"),
    (["model.py:f", "--shape", "x=2"], "f takes w: give values"),
    (["model.py:f", "--shape", "z=2"], "f has no argument 'z'; it takes x, w"),
    (["model.py:loss", "--shape", "z=2"], "loss has no argument 'z'; it takes no arguments"),
    (["model.py:f", "--shape", "x=2", "--input", "x=2.0"], "argument x of f is given twice"),
    (["model.py:f", "--shape", "x=2", "--shape", "w=3"], "f: ValueError: multiply: operands could not be broadcast"),
    (["model.py:f", "--shape", "3,4"], "argument --shape: '3,4' does not begin with the name of an argument"),
    (["model.py:f", "--shape", "x=a"], "argument --shape: 'a' is no shape"),
    (["model.py:f", "--shape", "x=-1"], "argument --shape: '-1' is no shape"),
    (["model.py:f", "--shape", "x=99999999,99999999"], "argument --shape: x=99999999,99999999 has too many elements"),
    (["model.py:f", "--input", "x"], "argument --input: 'x' does not begin with the name of an argument"),
    (["model.py:f", "--input", "x="], "argument --input: '' is no value"),
    (["model.py:f", "--input", "x=open('a')"], "argument --input: \"open('a')\" is no value"),
    (["model.py:f", "--input", "x=[1.0"], "argument --input: '[1.0' is no value"),
    (["model.py:f", "--input", "x=" + "[" * 9999], "is no value"),
    (["model.py:f", "--range", "1", "1"], "--range: 1 must be below 1"),
    (["model.py:f", "--range", "1", "nan"], "argument --range: nan must be finite"),
    (["model.py:f", "--order", "0"], "argument --order: 0 must be at least 1"),
    (["model.py:f", "--samples", "0"], "argument --samples: 0 must be at least 1"),
    (["model.py:Model.loss", "--shape", "x=2"], "Model.loss is a method"),
    (["model.py:fails", "--shape", "x=2"], "fails: KeyError: 'no such\\nkey' ("),
    (["model.py:quits", "--shape", "x=2"], "quits: the program ended itself (0) ("),
    (["model.py:silent", "--shape", "x=2"], "gradcheck: the function must give a Tensor of floats"),
    (["model.py:layer", "--input", "x=[1, 2]"], ""),
    (["model.py:nothing"], "nothing() gave float; return a Tensor computed from one with requires_grad=True, or "),
    (["model.py:bare"], "bare() gave a Tensor without a graph"),
    (["model.py:no_inputs"], "no_inputs gave a function without inputs"),
    ([], "tinygrad-nn check: missing SCRIPT_OR_MODULE:FUNCTION; see tinygrad-nn check --help"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(b[0])[:40] for b in BAD])
def test_bad_usage_is_one_line_and_exit_code_2(arguments, message, script, capsys):
    (script / "folder").mkdir()
    (script / "folder.py").mkdir()
    for name, text in {
        "text.txt": "",
        "syntax.py": "x = 1 +\n",
        "zero.py": "\0",
        "import.py": "import no_such_thing\n",
        "raises.py": "1 / 0\n",
        "ends.py": "import sys\nsys.exit(0)\n",
    }.items():
        (script / name).write_text(text)
    if arguments[:1] == ["model.py:layer"]:
        # Nothing to move among the inputs, but the function closes over W: that is checked.
        assert cli.main(["check", *arguments]) == 0
        assert "input 0 'W'" in capsys.readouterr().out
        return
    assert cli.main(["check", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("tinygrad-nn check: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "where", "name"),
    [
        ("a.py:f", "a.py", "f"),
        (r"C:\a.py:f", r"C:\a.py", "f"),
        ("C:/a.py:A.f", "C:/a.py", "A.f"),
        (r"C:\a.py", r"C:\a.py", ""),
        ("a b:c.py:f", "a b:c.py", "f"),
        ("a.b.c:f", "a.b.c", "f"),
        ("a.py:", "a.py", ""),
        ("ä.py:größe", "ä.py", "größe"),
    ],
)
def test_a_target_is_cut_at_its_last_colon(text, where, name):
    target = Target(text)
    assert (target.where, target.name) == (where, name)


def test_scripts_are_found_beside_what_they_import_and_take_no_modules_place(tmp_path, capsys):
    folder = tmp_path / "some folder"
    folder.mkdir()
    (folder / "helper_of_random.py").write_text("SCALE = 2.0\n")
    (folder / "random.py").write_text(
        "from helper_of_random import SCALE\nimport numpy as np\n\n\ndef f(x):\n    return SCALE * np.sin(x)\n"
    )
    import random

    try:
        assert cli.main(["check", f"{folder}/random.py:f", "--shape", "x=2"]) == 0
    finally:
        sys.path.remove(str(folder))
    assert sys.modules["random"] is random
    assert "gradcheck: passed" in capsys.readouterr().out


def test_a_script_with_another_encoding_on_a_narrow_terminal(tmp_path):
    (tmp_path / "größe.py").write_text(
        "import numpy as np, tinygrad_nn as tg\n"
        'op = tg.op.elementwise(np.sin, lambda g, y, x: g, name="größe")\n'
        "def f(x): return op(x)  # größe\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "tinygrad_nn", "check", "größe.py:f", "--shape", "x=2"],
        cwd=tmp_path,
        capture_output=True,
        env={"PYTHONPATH": ":".join([p for p in sys.path if p]), "PYTHONIOENCODING": "ascii", "PATH": ""},
    )
    assert done.returncode == 1, done.stderr
    assert rb"gr\xf6\xdfe at " in done.stdout
    assert b"Traceback" not in done.stderr


def test_values_are_read():
    rng = np.random.default_rng(0)
    read = lambda text: given(text).value(rng, 0.0, 1.0)  # noqa: E731
    assert read("x=2.5") == 2.5
    assert type(read("x=3")) is int
    assert read("x='a=b'") == "a=b"
    assert read("x=True") is True
    assert read("x=None") is None
    assert read("x=[1, 2]").dtype == np.int64
    assert read("x=[1, 2.5]").dtype == np.float64
    assert read("x=[]").shape == (0,)
    assert read(" x = ((1.0,), (2.0,))").shape == (2, 1)
    ragged = read("x=[[1.0], [2.0, 3.0]]")
    assert [a.shape for a in ragged] == [(1,), (2,)]
    assert read("x={'a': [1.0], 'b': (1, 'c')}")["b"] == (1, "c")


def test_shapes_are_read_and_drawn_from_the_seed():
    assert drawn("x=").value(np.random.default_rng(0), 0.0, 1.0).shape == ()
    assert drawn("x=()").value(np.random.default_rng(0), 0.0, 1.0).shape == ()
    assert drawn("x=(3,)").value(np.random.default_rng(0), 0.0, 1.0).shape == (3,)
    assert drawn(" x = 2 , 0").value(np.random.default_rng(0), 0.0, 1.0).shape == (2, 0)
    x = drawn("x=50").value(np.random.default_rng(1), 2.0, 3.0)
    assert np.all((x >= 2.0) & (x < 3.0))
    np.testing.assert_array_equal(x, drawn("x=50").value(np.random.default_rng(1), 2.0, 3.0))


def test_load_says_what_a_module_holds(script):
    with pytest.raises(CommandError, match="it has loss, fresh, wrong_loss"):
        Target("model:g").load()


def test_numpy_functions_and_range(script, capsys):
    assert cli.main(["check", "numpy:log", "--shape", "x=3", "--range", "0.5", "2", "--seed", "3"]) == 0
    assert cli.main(["check", "numpy:log", "--shape", "x=3", "--range", "-2", "-1"]) == 1
    assert "gives nan as element (0,)" in capsys.readouterr().out


def test_help_has_examples_and_exit_codes(capsys):
    assert cli.main(["check", "--help"]) == 0
    out = capsys.readouterr().out
    assert "tinygrad-nn check model.py:f --shape x=3,4 --shape w=4" in out
    assert "exit code: 0 where everything agrees" in out
