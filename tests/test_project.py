"""Hold what the project says about itself: version, changelog, test command, extras, records, tracked files."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

import tinygrad_nn

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
COMMAND = 'python3 -m venv .venv && .venv/bin/pip install -q -e ".[all]" && .venv/bin/pytest -q -n 2'
MARKER = "<!-- test-command -->"

CACHE = re.compile(
    r"(^|/)(__pycache__|\.venv|venv|\.(pytest|mypy|ruff)_cache|\.hypothesis|\.ipynb_checkpoints|[^/]*\.egg-info)(/|$)"
    r"|\.py[cod]$|(^|/)\.(coverage|DS_Store)$"
)
# Written in pieces, so that this file does not hold what it looks for.
MACHINE_PATH = re.compile(r"(?<![\w.~$}-])/" + r"(work|root|opt)" + r"/")

needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason=".ci/run is a bash script")


def tracked_files() -> list[Path] | None:
    """Return the files that git tracks, or None where git or the repository is missing (an unpacked archive)."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        return None
    listing = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, check=True)
    return [ROOT / name for name in listing.stdout.decode().split("\0") if name]


def text_files() -> dict[str, str]:
    """Return every text file of the project by its path: the tracked ones or, without git, all but the caches."""
    paths = tracked_files()
    if paths is None:
        paths = [p for p in ROOT.rglob("*") if not CACHE.search(p.relative_to(ROOT).as_posix())]
    texts = {}
    for path in paths:
        if path.is_file() and b"\0" not in (data := path.read_bytes()):
            texts[path.relative_to(ROOT).as_posix()] = data.decode("utf-8")
    return texts


def printed_test_command(*readme: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", ROOT / ".ci/run", "--test-command", *readme], capture_output=True, text=True)


def test_version_is_stated_once():
    assert tinygrad_nn.__version__ == PROJECT["version"]


def test_changelog_has_this_version_and_unreleased():
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert PROJECT["version"] in headings[1:2], "the newest entry of CHANGELOG.md is the version of pyproject.toml"


def test_readme_gives_the_test_command():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert lines.count(MARKER) == 1
    fence, command, end = [line for line in lines[lines.index(MARKER) + 1 :] if line.strip()][:3]
    assert fence.startswith("```")
    assert command == COMMAND
    assert end == "```"


@needs_bash
def test_ci_takes_the_readme_test_command():
    result = printed_test_command()
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == COMMAND + "\n"


@needs_bash
@pytest.mark.parametrize(
    "text",
    [f"{MARKER}\n```\n{COMMAND}\n```\n", f"# T\n\n{MARKER}\n\n```sh\n\n{COMMAND}\n```\n```\nother\n```\n"],
)
def test_ci_finds_a_command(tmp_path, text):
    (tmp_path / "README.md").write_text(text, encoding="utf-8")
    assert printed_test_command(tmp_path / "README.md").stdout == COMMAND + "\n"


@needs_bash
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no line <!-- test-command -->"),
        (f"```\n{COMMAND}\n```\n", "no line <!-- test-command -->"),
        (f"{MARKER}\n```\n{COMMAND}\n```\n" * 2, "more than one <!-- test-command -->"),
        (f"{MARKER}\nthen\n```\n{COMMAND}\n```\n", "no fenced block"),
        (f"{MARKER}\n```\nfirst\nsecond\n```\n", "more than one line"),
        (f"{MARKER}\n```\n\n```\n", "is empty"),
        (f"{MARKER}\n```\n{COMMAND}\n", "does not end"),
        (f"{MARKER}\n", "does not end"),
    ],
)
def test_ci_refuses_a_missing_or_ambiguous_command(tmp_path, text, message):
    (tmp_path / "README.md").write_text(text, encoding="utf-8")
    result = printed_test_command(tmp_path / "README.md")
    assert result.returncode != 0
    assert result.stdout == ""
    assert message in result.stderr


@needs_bash
def test_ci_refuses_an_unknown_argument():
    result = subprocess.run(["bash", ROOT / ".ci/run", "--fast"], capture_output=True, text=True)
    assert result.returncode != 0
    assert "--fast" in result.stderr


def test_ci_can_be_run():
    assert (ROOT / ".ci/run").stat().st_mode & 0o111


def test_all_brings_everything_but_other_engines_and_the_builder_of_the_pages():
    extras = PROJECT["optional-dependencies"]
    (brought,) = extras["all"]
    left_out = {"all", "bench", "docs", "opinfo", "oracles"}
    assert set(re.fullmatch(r"tinygrad-nn\[(.+)\]", brought)[1].split(",")) == set(extras) - left_out


def test_make_and_contributing_know_the_same_targets():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    phony = set(re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[1].split())
    named = set(re.findall(r"`make ([a-z-]+)`", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))
    assert targets == phony
    assert named <= targets
    assert {"setup", "test", "slow", "lint", "format", "types", "ci"} <= named


def test_decision_records_are_numbered_and_titled():
    records = sorted(p for p in (ROOT / "docs/decisions").glob("*.md") if p.name != "README.md")
    numbers = [record.name[:4] for record in records]
    assert len(numbers) == len(set(numbers)), "two records have the same number"
    for record in records:
        assert re.fullmatch(r"\d{4}(-[a-z0-9]+)+\.md", record.name), record.name
        assert record.read_text(encoding="utf-8").startswith(f"# {record.name[:4]}. "), record.name


def test_no_cache_is_tracked():
    tracked = tracked_files()
    if tracked is None:
        pytest.skip("nothing is tracked here: git or the repository is missing")
    assert [name for path in tracked if CACHE.search(name := path.relative_to(ROOT).as_posix())] == []


def test_no_path_of_one_machine():
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, text in text_files().items()
        for number, line in enumerate(text.splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("name", ["work", "root", "opt"])
def test_machine_paths_are_seen(name):
    path = f"/{name}/x"
    for line in (path, f"cd {path}", f'"{path}"', f"file://{path}", f"(see {path})"):
        assert MACHINE_PATH.search(line), line
    for line in (
        f"frame{path}",
        f"~{path}",
        f".{path}",
        f"https://example.org{path}",
        f"$HOME{path}",
        f"/{name}",
        f"${{d}}{path}",
    ):
        assert not MACHINE_PATH.search(line), line


@pytest.mark.parametrize(
    "name", ["a/__pycache__/b.py", "x.pyc", ".venv/bin/x", "t.egg-info/PKG", "a/.mypy_cache/x", ".coverage"]
)
def test_caches_are_seen(name):
    assert CACHE.search(name)
    assert not CACHE.search("tests/test_cache.py")
