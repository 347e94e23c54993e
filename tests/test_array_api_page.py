"""docs/array-api.md: its blocks run, and print what it says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# scikit-learn and SciPy read the variable when they are imported: hence a process of its own.
SCRIPT = """
import sys
from pathlib import Path
from test_articles import run

page = Path(sys.argv[1])
found = run(page.read_text(encoding="utf-8"), page.name)
assert len(found) > 2
for printed, said in found:
    assert printed == (said or ""), f"printed {printed!r}, the page says {said!r}"
"""


def test_the_blocks_print_what_the_page_says(tmp_path):
    for package in ("sklearn", "einops", "scipy"):
        pytest.importorskip(package)
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(ROOT / "docs" / "array-api.md")],
        env={**os.environ, "SCIPY_ARRAY_API": "1", "PYTHONPATH": paths},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
