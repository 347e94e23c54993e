"""Freed pages are kept: counted by the system, in a process of its own."""

import os
import subprocess
import sys

import pytest

from tinygrad_nn import malloc

FAULTS = """
import resource
import sys
import numpy as np
import tinygrad_nn.malloc
print(tinygrad_nn.malloc.keep_pages())
def work():
    for _ in range(20):
        a = np.ones(200_000)
        b = a * 2.0
        c = a + b
        del a, b, c
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def run(**settings):
    names = ("TINYGRAD_NN_KEEP_PAGES", "GLIBC_TUNABLES", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")
    env = {k: v for k, v in os.environ.items() if k not in names} | settings
    done = subprocess.run([sys.executable, "-c", FAULTS], env=env, capture_output=True, text=True, check=True)
    told, faults = done.stdout.split()
    return told == "True", int(faults)


@pytest.mark.skipif(not malloc.keep_pages(), reason="this process has no glibc, or settings of its own")
def test_arrays_that_die_leave_their_pages():
    kept, few = run()
    left, many = run(TINYGRAD_NN_KEEP_PAGES="0")
    assert kept
    assert not left
    # One array is 390 pages; 60 are made.
    assert few < 400 < many


@pytest.mark.parametrize(
    "settings",
    [
        {"TINYGRAD_NN_KEEP_PAGES": "0"},
        {"MALLOC_TRIM_THRESHOLD_": "131072"},
        {"MALLOC_MMAP_THRESHOLD_": "131072"},
        {"GLIBC_TUNABLES": "glibc.malloc.trim_threshold=131072"},
    ],
)
def test_the_users_own_settings_stand(settings):
    assert not run(**settings)[0]


def test_another_c_library_is_left_alone(monkeypatch):
    for name in ("TINYGRAD_NN_KEEP_PAGES", "GLIBC_TUNABLES", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(malloc.ctypes, "CDLL", lambda _: object())
    assert not malloc.keep_pages()
