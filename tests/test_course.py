"""The course: every cell of every chapter runs, every exercise has a checked answer, and nothing is left out."""

import re

import pytest

from tinygrad_nn.cli import chapters, main

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


@pytest.mark.parametrize("arguments", [["99"], ["0"], ["x"]])
def test_what_is_no_chapter(arguments, capsys):
    assert main(["course", *arguments]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
