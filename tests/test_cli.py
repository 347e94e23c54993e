"""The command line itself: help, versions, and one line for every mistake."""

import os
import subprocess
import sys

import pytest

import tinygrad_nn
from tinygrad_nn import cli


def test_help_names_the_commands_and_says_what_they_do(capsys):
    assert cli.main(["--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: tinygrad-nn [-h] [--version] COMMAND")
    assert "train a network and write a run folder" in out
    assert cli.main(["train", "--help"]) == 0
    out = capsys.readouterr().out
    for option in [
        "--hidden",
        "--activation",
        "--epochs",
        "--batch-size",
        "--lr",
        "--momentum",
        "--noise",
        "--label-smoothing",
        "--seed",
        "--out",
        "--quiet",
    ]:
        assert option in out
    assert "(default: 64 32 for digits, 16 16 for moons, 32 32 for spiral, 128 for mnist, 32 32 for csv)" in " ".join(
        out.split()
    )


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"tinygrad-nn {tinygrad_nn.__version__}\n"


def test_as_a_module():
    done = subprocess.run([sys.executable, "-m", "tinygrad_nn", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"tinygrad-nn {tinygrad_nn.__version__}\n")
    done = subprocess.run([sys.executable, "-m", "tinygrad_nn", "walk"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "tinygrad-nn: missing COMMAND; see tinygrad-nn --help"),
        (["fly"], "tinygrad-nn: argument COMMAND: invalid choice: 'fly'"),
        (["--verison"], "tinygrad-nn: "),
        (
            ["train"],
            "tinygrad-nn train: nothing to train on: name digits, moons, spiral or mnist, or give --csv and --target",
        ),
        (["train", "dogs"], "tinygrad-nn train: argument data: invalid choice: 'dogs'"),
        (["train", "digits", "moons"], "tinygrad-nn: unrecognized arguments: moons"),
        (["train", "digits", "--epoch", "3"], "unrecognized arguments: --epoch 3"),
        (["train", "digits", "--epochs", "0"], "tinygrad-nn train: argument --epochs: 0 must be at least 1"),
        (["train", "digits", "--epochs", "many"], "argument --epochs: 'many' is no whole number"),
        (["train", "digits", "--epochs", "2.5"], "argument --epochs: '2.5' is no whole number"),
        (["train", "digits", "--epochs"], "argument --epochs: expected one argument"),
        (["train", "digits", "--batch-size", "0"], "argument --batch-size: 0 must be at least 1"),
        (["train", "digits", "--lr", "-0.1"], "argument --lr: -0.1 must be finite and at least 0"),
        (["train", "digits", "--lr", "nan"], "argument --lr: nan must be finite and at least 0"),
        (["train", "digits", "--lr", "inf"], "argument --lr: inf must be finite and at least 0"),
        (["train", "digits", "--lr", "fast"], "argument --lr: 'fast' is no number"),
        (["train", "digits", "--momentum", "1"], "argument --momentum: 1 must be at least 0 and below 1"),
        (["train", "digits", "--momentum", "nan"], "argument --momentum: nan must be at least 0 and below 1"),
        (["train", "digits", "--noise", "-1"], "argument --noise: -1 must be finite and at least 0"),
        (["train", "digits", "--label-smoothing", "1"], "argument --label-smoothing: 1 must be"),
        (["train", "digits", "--hidden", "64", "0"], "argument --hidden: 0 must be at least 1"),
        (["train", "digits", "--hidden", "9" * 30], "must be at most 1000000"),
        (["train", "digits", "--hidden", "a\nb"], r"argument --hidden: 'a\nb' is no whole number"),
        (["train", "digits", "--activation", "step"], "argument --activation: invalid choice: 'step'"),
        (["train", "digits", "--seed", "-1"], "argument --seed: -1 must be at least 0"),
        (["train", "digits", "--out", ""], "tinygrad-nn train: cannot write to '': the path is empty"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert message in err
    assert os.listdir(tmp_path) == []


class Fails:
    """A command that fails as it is told."""

    def __init__(self, problem):
        self.problem = problem

    def add(self, commands):
        commands.add_parser("fail").set_defaults(command="fail", run=self.run)

    def run(self, options):
        raise self.problem


@pytest.mark.parametrize(
    ("problem", "code", "line"),
    [
        (ValueError("first\n  second"), 2, "tinygrad-nn fail: first second\n"),
        (OSError(28, "No space left on device"), 2, "tinygrad-nn fail: [Errno 28] No space left on device\n"),
        (ModuleNotFoundError("needs x"), 2, "tinygrad-nn fail: needs x\n"),
        (MemoryError(), 2, "tinygrad-nn fail: MemoryError\n"),
        (FloatingPointError("the loss is nan"), 2, "tinygrad-nn fail: the loss is nan\n"),
        (KeyboardInterrupt(), 130, "tinygrad-nn fail: interrupted\n"),
        (ValueError("a name with \udcff and é"), 2, "tinygrad-nn fail: a name with \\udcff and é\n"),
    ],
)
def test_what_a_command_raises(problem, code, line, monkeypatch, capsys):
    monkeypatch.setattr(cli, "COMMANDS", (Fails(problem),))
    assert cli.main(["fail"]) == code
    assert capsys.readouterr().err == line


def test_a_bug_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr(cli, "COMMANDS", (Fails(TypeError("ours")),))
    with pytest.raises(TypeError, match="ours"):
        cli.main(["fail"])


def test_help_tells_defaults_that_say_something(capsys):
    assert cli.main(["course", "--help"]) == 0
    assert "default" not in capsys.readouterr().out
    assert cli.main(["train", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "(default: 0)" in said
    assert "(default: None)" not in said
