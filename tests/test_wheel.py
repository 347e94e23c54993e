"""The wheel: what it holds works without the repository."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BUILD = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Give a folder with what the wheel would install."""
    pytest.importorskip("hatchling", reason="pip builds with hatchling in an environment of its own")
    made = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-c", BUILD, made], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = made.glob("*.whl")
    folder = tmp_path_factory.mktemp("installed")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def run(installed, cwd, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "tinygrad_nn", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_it_holds_the_package_and_the_course_and_nothing_else(installed):
    held = {path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file()}
    package = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tinygrad_nn").rglob("*") if path.is_file()}
    package = {name for name in package if not re.search(r"__pycache__|\.py[cod]$|(^|/)\.", name)}
    chapters = {f"tinygrad_nn/course/{path.name}" for path in (ROOT / "docs" / "course").glob("*.md")}
    information = {name for name in held if name.split("/")[0].endswith(".dist-info")}
    assert held - information == package | chapters
    assert {"METADATA", "RECORD", "WHEEL", "entry_points.txt"} <= {Path(name).name for name in information}


def test_the_course_runs_without_the_repository(installed, tmp_path):
    listed = run(installed, tmp_path, "course")
    assert (listed.returncode, listed.stderr) == (0, "")
    titles = re.findall(r"^(\d+)\. \S", listed.stdout, re.M)
    assert [int(number) for number in titles] == list(range(1, len(list((ROOT / "docs/course").glob("[0-9]*.md"))) + 1))
    ran = run(installed, tmp_path, "course", "1", "--no-pause")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "# 1. " in ran.stdout


def test_without_built_pages_it_says_so(installed, tmp_path):
    opened = run(installed, tmp_path, "course", "--open")
    assert opened.returncode == 2
    assert "make docs" in opened.stderr
    assert str(installed) not in opened.stderr
