"""The course: every cell of every chapter runs, every exercise has a checked answer, and nothing is left out."""

import re

import pytest

from tinygrad_nn.cli import chapters, course, main

CHAPTERS = chapters.chapters()


def cells(number):
    return [p for p in chapters.parts(CHAPTERS[number].read_text(encoding="utf-8")) if p.kind == "code"]


@pytest.mark.parametrize("number", CHAPTERS)
def test_cells_run_and_answers_hold(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    names = {"__name__": "__main__"}
    for i, cell in enumerate(cells(number)):
        chapters.run(cell.text, names, f"chapter {number}, cell {i}")


@pytest.mark.parametrize("number", CHAPTERS)
def test_every_exercise_has_a_checked_answer(number):
    text = CHAPTERS[number].read_text(encoding="utf-8")
    exercises = re.findall(r"^\*\*\d+\.\*\*", text.partition("\n## Exercises\n")[2], re.M)
    answers = [cell for cell in cells(number) if cell.hidden]
    assert exercises, "a chapter ends with exercises"
    assert len(answers) == len(exercises)
    assert all(re.search(r"^\s*assert ", cell.text, re.M) for cell in answers)


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
    found = list(chapters.parts(text))
    assert [(p.kind, p.text, p.hidden) for p in found] == [
        ("prose", "# 1. T", False),
        ("code", "x = 1\n", False),
        ("prose", "more", False),
        ("code", "x\n", True),
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

    monkeypatch.setattr(course, "show", fail)
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
