"""The course: every cell of every chapter runs, every exercise has a checked answer, and nothing is left out."""

import os
import re
import subprocess
import sys

import pytest

import tinygrad_nn as tg
from tinygrad_nn.cli import chapters, course, lesson, main

CHAPTERS = chapters.chapters()

# Other answers to the exercises, by chapter and number: right ones, and wrong ones that a reader may well give.
RIGHT = {
    (1, 1): ["name = 'multiply'; slope = 6", "name = 'multiply'; slope = np.array([6.0])"],
    (1, 2): ["detached = 3"],
    (2, 1): [
        "by_hand = tg.grad(lambda x: np.exp(np.tanh(x)))(0.3)",
        "by_hand = np.exp(np.tanh(0.3)) / np.cosh(0.3)**2",
    ],
    (2, 2): ["slope, visits = 2**64, 64"],
    (3, 1): ["oldest_first = 0"],
    (3, 2): ["order, slope = 'ecdba', 3", "order, slope = list('edcba'), 3.0"],
    (4, 1): ["grad_s = 20", "grad_s = np.ones((4, 5)).sum()"],
    (4, 2): ["grad_u = np.array([[66], [66]])", "grad_u = [[66.0], [66.0]]"],
    (5, 1): ["gradient_A = lambda A, B: np.tile(B.sum(1), (len(A), 1))"],
    (5, 2): ["gradient_trace = tg.grad(lambda A, B: np.trace(A @ B))"],
    (6, 1): ["W = (second.weight @ first.weight).data; c = second(first(np.zeros(2))).data"],
    (6, 2): ["moving = 1", "moving = np.int64(1)"],
    (7, 1): ["g = F.softmax([2.0, 1.0, 0.0]).data - [1, 0, 0]", "g = [-0.3348, 0.2447, 0.0900]"],
    (7, 2): ["loss_2, loss_10 = 0.693, 2.303", "loss_2, loss_10 = -np.log(0.5), -np.log(0.1)"],
    (8, 1): ["best_step, best_error = 1e-4, 2.8e-4", "best_step, best_error = 1e-3, 4e-4"],
    (8, 2): ["right, left, word = 1, -1, 'a kink'"],
    (9, 1): ["mode = 'Forward mode'; velocity = [-0.8414709848, 0.5403023059]"],
    (9, 2): [
        "Dual.__add__ = lambda a, b: Dual(a.value + b.value, a.speed + b.speed); "
        "exp = lambda a: Dual(np.exp(a.value), np.exp(a.value) * a.speed); slope = 6.43656365691809"
    ],
    (10, 1): ["fourth = 12"],
    (10, 2): ["penalty_gradient = lambda w: 36 * w**3"],
    (11, 1): ["slope = np.nan", "slope = float('nan')"],
    (11, 2): [
        "g_max, g_sort = [0.5, 0, 0.5], [1, 0, 0]",
        "g_max, g_sort = np.array([0.5, 0, 0.5]), np.array([0, 0, 1])",
    ],
    (12, 1): ["line = 'd_w2 = np.squeeze(hidden.T @ t3, axis=-1)'"],
    (12, 2): ["wrong = ['b1', 'W1']", "wrong = {'W1', 'b1'}", "wrong = ('W1', 'b1')"],
    (13, 1): ["recordings = 2"],
    (13, 2): ["shared = False", "shared = np.False_"],
    (14, 1): [
        "cube = tg.op.elementwise(lambda x: x * x * x, lambda g, y, x: 3 * x * x * g, name='cube', register=False)"
    ],
    (14, 2): ["backward = lambda y: walk.reverse(walk.graph([y]), {y: np.ones(y.shape)}, retain=True)"],
}
WRONG = {
    (1, 1): ["pass", "name = 'multiply'; slope = 3", "name = 'add'; slope = 6", "name = 'multiply'; slope = 'six'"],
    (1, 2): ["detached = 6", "detached = 0", "detached = None"],
    (2, 1): ["by_hand = np.exp(np.tanh(0.3))", "by_hand = np.exp(1 - np.tanh(0.3)**2)"],
    (2, 2): ["slope, visits = 2**64, 2**64", "slope, visits = 128, 64", "slope, visits = 2**63, 64"],
    (3, 1): ["oldest_first = 114", "oldest_first = 276", "oldest_first = 6"],
    (3, 2): [
        "order, slope = 'edbca', 3",
        "order, slope = 'edcba', 2",
        "order, slope = 'abcde', 3",
        "order, slope = 'edc', 3",
    ],
    (4, 1): ["grad_s = 1", "grad_s = np.ones((4, 5))", "grad_s = np.full(1, 20.0)"],
    (4, 2): ["grad_u = 66.0", "grad_u = np.full((2, 1), 22.0)", "grad_u = np.full((1, 2), 66.0)"],
    (5, 1): ["gradient_A = lambda A, B: B.T", "gradient_A = lambda A, B: B.sum(1)", "gradient_A = 3"],
    (5, 2): ["gradient_trace = lambda A, B: B", "gradient_trace = lambda A, B: np.eye(2)"],
    (6, 1): [
        "W = second.weight.data @ first.weight.data; c = second.bias.data",
        "W = first.weight.data.T @ second.weight.data.T; c = second(first(np.zeros(2))).data",
    ],
    (6, 2): ["moving = 0", "moving = 6", "moving = 2", "moving = 5"],
    (7, 1): ["g = naive(np.array([2.0, 1.0, 0.0]))", "g = np.array([-1.0, 0, 0])", "g = 0.0"],
    (7, 2): ["loss_2, loss_10 = 0.5, 0.1", "loss_2, loss_10 = np.log2(2), np.log2(10)", "loss_2, loss_10 = 0, 0"],
    (8, 1): [
        "best_step, best_error = 1e-8, 3e-9",
        "best_step, best_error = 1e-3, 4e-3",
        "best_step, best_error = 1e-2, 4e-4",
    ],
    (8, 2): [
        "right, left, word = 1, 1, 'kink'",
        "right, left, word = 0, 0, 'kink'",
        "right, left, word = 1, -1, 'fault'",
    ],
    (9, 1): [
        "mode = 'reverse'; velocity = [-np.sin(1), np.cos(1)]",
        "mode = 'forward'; velocity = [np.cos(1), np.sin(1)]",
        "mode = 'forward'; velocity = 1.0",
    ],
    (9, 2): ["slope = 2 * math.e + 1", "slope = 3.0"],
    (10, 1): ["fourth = 24", "fourth = 0", "fourth = -12", "fourth = tg.grad"],
    (10, 2): ["penalty_gradient = lambda w: 9 * w**4", "penalty_gradient = lambda w: 6 * w", "penalty_gradient = 36"],
    (11, 1): ["slope = 1.0", "slope = np.inf", "slope = 0.0"],
    (11, 2): ["g_max, g_sort = [1, 0, 1], [0, 0, 1]", "g_max, g_sort = [0.5, 0, 0.5], [0.5, 0, 0.5]"],
    (12, 1): ["line = 'd_w2 = t3 * w2'", "line = 'd_W1 = x.T @ d_t1'", "line = 3"],
    (12, 2): ["wrong = ['W1']", "wrong = ['W1', 'b1', 'w2']", "wrong = []"],
    (13, 1): ["recordings = 1", "recordings = 4", "recordings = 3"],
    (13, 2): ["shared = True", "shared = None", "shared = 0.5"],
    (14, 1): [
        "cube = tg.op.elementwise(lambda x: x**3, lambda g, y, x: g * 3 * x, name='cube', register=False)",
        "cube = tg.op.elementwise(lambda x: x**2, lambda g, y, x: g * 2 * x, name='cube', register=False)",
        "cube = lambda x: x**3",
    ],
    (14, 2): ["backward = lambda y: {}", "backward = lambda y: {a: a.grad}", "def backward(y): pass"],
}


def parts(number):
    return list(chapters.parts(CHAPTERS[number].read_text(encoding="utf-8")))


def cells(number):
    return [p for p in parts(number) if p.kind != "prose"]


@pytest.mark.parametrize("number", CHAPTERS)
def test_cells_run_and_checks_tell_right_from_wrong(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    names, before, exercise = {"__name__": "__main__"}, {}, 0
    for i, cell in enumerate(cells(number)):
        where = f"chapter {number}, cell {i}"
        if cell.kind == "check":
            exercise += 1
            tries = [(text, True) for text in RIGHT[number, exercise]] + [
                (text, False) for text in WRONG[number, exercise]
            ]
            assert chapters.flaw(cell.text, before, where) is not None, "nothing answered"
            for text, right in tries:
                tried = dict(before)
                exec(text, tried)
                said = chapters.flaw(cell.text, tried, where)
                assert (said is None) == right, (exercise, text, said)
        elif cell.kind == "answer":
            before = dict(names)
        chapters.run(cell.text, names, where)


@pytest.mark.parametrize("number", CHAPTERS)
def test_every_exercise_has_an_answer_and_a_check(number):
    text = CHAPTERS[number].read_text(encoding="utf-8")
    exercises = re.findall(r"^\*\*\d+\.\*\*", text.partition("\n## Exercises\n")[2], re.M)
    folded = [cell for cell in cells(number) if cell.kind != "code"]
    assert len(exercises) >= 2, "a chapter ends with exercises"
    assert [cell.kind for cell in folded] == ["answer", "check"] * len(exercises)
    for cell in folded[1::2]:
        asserts = re.findall(r"^\s*assert .*$", cell.text, re.M)
        assert asserts
        assert cell.text.count('"') + cell.text.count("'") >= 2 * len(asserts), "every assert says what is wrong"
    for cell in folded[0::2]:
        assert "assert" not in cell.text


@pytest.mark.parametrize("number", CHAPTERS)
def test_chapters_are_short_and_fit_the_page_and_the_terminal(number):
    lines = CHAPTERS[number].read_text(encoding="utf-8").splitlines()
    assert len(lines) < 250
    assert [line for cell in cells(number) for line in cell.text.splitlines() if len(line) > 90] == []


@pytest.mark.parametrize("number", CHAPTERS)
def test_chapters_have_pictures(number):
    code = "\n".join(cell.text for cell in cells(number) if cell.kind == "code")
    text = CHAPTERS[number].read_text(encoding="utf-8")
    assert re.search(r"tg\.draw\(|tg\.explore\(|tg\.plots\.|plt\.|!\[", code + text)


@pytest.mark.parametrize("number", CHAPTERS)
def test_plots_are_shown(number):
    # They are drawn without pyplot, which alone shows figures that no cell gives.
    last = [cell.text.rstrip().splitlines()[-1] for cell in cells(number) if "tg.plots." in cell.text]
    assert [line for line in last if not line.endswith(".figure")] == []


def test_chapters_are_numbered_and_listed():
    assert list(CHAPTERS) == list(range(1, len(CHAPTERS) + 1))
    listed = (chapters.folder() / "index.md").read_text(encoding="utf-8")
    for number, path in CHAPTERS.items():
        assert chapters.title(path).startswith(f"{number}. ")
        assert f"\n{path.stem}\n" in listed


def test_a_wrong_answer_is_found():
    with pytest.raises(AssertionError):
        chapters.run("assert 1 == 2", {}, "cell")


def test_parts_of_a_chapter():
    text = "---\na: b\n---\n\n# 1. T\n\n```{code-cell}\nx = 1\n```\n\nmore\n\n```{code-cell}\n:tags: [hide-cell]\n\n"
    text += "x\n```\n"
    text += "```{code-cell}\n:tags: [hide-cell, check]\n:mystnb: {a: b}\n\nassert x\n```\n"
    found = list(chapters.parts(text))
    assert [(p.kind, p.text) for p in found] == [
        ("prose", "# 1. T"),
        ("code", "x = 1\n"),
        ("prose", "more"),
        ("answer", "x\n"),
        ("check", "assert x\n"),
    ]


def test_command_lists_and_runs(capsys):
    assert main(["course"]) == 0
    assert "1. A number that remembers" in capsys.readouterr().out
    assert main(["course", "1", "--no-pause"]) == 0
    said = capsys.readouterr().out
    assert "Tensor(6.90929743, op=add)" in said


@pytest.fixture
def opened(monkeypatch, tmp_path):
    """Give what the command would open in the browser, with built pages in an otherwise empty folder."""
    pages = []
    monkeypatch.setattr(course.webbrowser, "open", pages.append)
    monkeypatch.setattr(course, "folder", lambda: tmp_path / "nowhere" / "course")
    monkeypatch.chdir(tmp_path)
    return pages


@pytest.mark.parametrize(("arguments", "page"), [([], "index"), (["3"], "03-why-a-topological-sort")])
def test_command_opens_the_built_pages(opened, tmp_path, arguments, page, capsys):
    built = tmp_path / "docs" / "_build" / "html" / "course"
    built.mkdir(parents=True)
    (built / f"{page}.html").write_text("", encoding="utf-8")
    assert main(["course", *arguments, "--open"]) == 0
    assert opened == [(built / f"{page}.html").as_uri()]
    assert capsys.readouterr().out.strip() == str(built / f"{page}.html")


def test_without_built_pages_it_says_what_to_do(opened, capsys):
    assert main(["course", "--open"]) == 2
    said = capsys.readouterr().err
    assert opened == []
    assert len(said.splitlines()) == 1
    assert "make docs" in said
    assert "course 1" in said


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (ModuleNotFoundError("No module named 'scipy'", name="scipy"), 'needs scipy: pip install "tinygrad_nn[all]"'),
        (ModuleNotFoundError('plots: no matplotlib; pip install "tinygrad_nn[all]"'), "plots: no matplotlib"),
    ],
)
def test_a_missing_package_is_named(problem, said, monkeypatch, capsys):
    def fail(*_, **__):
        raise problem

    # Collecting doctests imports the modules again: this is the one that main uses.
    monkeypatch.setattr(main.__globals__["course"].Lesson, "show", fail)
    assert main(["course", "1"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


def test_the_end_of_input_ends_the_chapter(monkeypatch, capsys):
    def leave(prompt):
        raise EOFError

    monkeypatch.setattr("builtins.input", leave)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert main(["course", "1"]) == 0
    assert "# 1. A number that remembers" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["99"], ["0"], ["x"], ["99", "--open"]])
def test_what_is_no_chapter(arguments, capsys):
    assert main(["course", *arguments]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


CHAPTER = """# 1. T

```{code-cell}
x = 2
x
```

**1.** Set `n` to x + 1.

```{code-cell}
:tags: [hide-cell]

n = 3
```

```{code-cell}
:tags: [hide-cell, check]

assert n == 3, "one more than x"
```
"""


def typed(lines, tmp_path, monkeypatch, capsys):
    """Give what a chapter prints to somebody who types these lines and then Ctrl-D."""
    path = tmp_path / "01-t.md"
    path.write_text(CHAPTER, encoding="utf-8")
    waiting = iter(lines)

    def read(prompt=""):
        print(prompt, end="")
        try:
            return next(waiting)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", read)
    lesson.Lesson(path, pause=True).show()
    assert list(waiting) == []
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("lines", "said", "unsaid"),
    [
        (["", ""], [], ["Right", "Not yet"]),  # just Enter: the answer
        (["", "n = x + 1", ""], ["Right."], ["Not yet"]),
        (["", "n = 7", "", "n = 3", ""], ["Not yet: one more than x", "Right."], []),
        (["", "m = 3", "", ""], ["Not yet: there is no n yet"], ["Right"]),
        (["", "n = (", "x + 1)", ""], ["Right."], ["Error"]),
        (["", "def f():", "    return 3", "", "n = f()", ""], ["Right."], ["Error"]),
        (["", "n = = 3", "1 / 0", "x", "n = 3", ""], ["SyntaxError", "ZeroDivisionError", ">>> Right."], ["Not yet"]),
        (["", "raise KeyboardInterrupt", "n = 3", ""], [">>> KeyboardInterrupt\n", "Right."], ["Not yet"]),
        (["", "n = 'three'", "", ""], ["Not yet"], ["Right", "Traceback"]),
    ],
)
def test_a_reader_answers_in_the_terminal(lines, said, unsaid, tmp_path, monkeypatch, capsys):
    out = typed(lines, tmp_path, monkeypatch, capsys)
    assert all(text in out for text in said), out
    assert not any(text in out for text in unsaid), out
    assert out.endswith("An answer:\n\n    n = 3\n\n")


def test_where_output_knows_ascii_only(tmp_path):
    where = {**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "80"}
    command = [sys.executable, "-m", "tinygrad_nn", "course", "2", "--pictures", str(tmp_path)]
    done = subprocess.run(command, env=where, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    assert b"3 sin(x?)" in done.stdout


def test_exit_ends_a_chapter(tmp_path, monkeypatch, capsys):
    with pytest.raises(EOFError):
        typed(["", "exit()"], tmp_path, monkeypatch, capsys)


def test_ctrl_c_ends_a_chapter(monkeypatch, capsys):
    def interrupt(prompt):
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", interrupt)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert main(["course", "1"]) == 130
    assert capsys.readouterr().err.splitlines() == ["tinygrad-nn course: interrupted"]


def test_pictures_are_kept(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    assert main(["course", "8", "--no-pause", "--pictures", str(tmp_path / "a" / "b")]) == 0
    (picture,) = (tmp_path / "a" / "b").glob("*.svg")
    assert f"[picture: {picture.resolve()}]" in capsys.readouterr().out
    assert picture.read_text(encoding="utf-8").lstrip().startswith("<?xml")


def test_without_graphviz_the_table_is_the_picture(tmp_path, capsys, monkeypatch):
    def missing(self, path):
        raise lesson.RendererNotFound("render: no Graphviz found to draw svg")

    monkeypatch.setattr(type(tg.draw(tg.Tensor(1.0, requires_grad=True) * 2.0)), "save", missing)
    assert main(["course", "1", "--no-pause", "--pictures", str(tmp_path / "a")]) == 0
    out = capsys.readouterr().out
    assert "[no picture: render: no Graphviz found" in out
    assert "#0 a, #1 b" in out
    assert not (tmp_path / "a").exists()


def test_text_fits_eighty_columns(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["course", "2", "--no-pause"]) == 0
    prose = [line for line in capsys.readouterr().out.splitlines() if not re.match(r"    |\[|#|\|| *\d|[\w-]+  ", line)]
    assert max(map(len, prose)) <= 80
