"""SciPy's special functions: they record, they are loaded when the first one is met, and their absence is told."""

import subprocess
import sys

import numpy as np
import pytest

sp = pytest.importorskip("scipy.special")

from tinygrad_nn import Tensor  # noqa: E402


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)


def test_scipys_functions_record():
    x = Tensor([0.3, 2.0], requires_grad=True)
    y = sp.erf(x) + sp.gammaln(x) + np.i0(x) + sp.expm1(x)
    np.testing.assert_allclose(y.data, sp.erf(x.data) + sp.gammaln(x.data) + np.i0(x.data) + np.expm1(x.data))
    y.sum().backward()
    want = 2 / np.sqrt(np.pi) * np.exp(-(x.data**2)) + sp.psi(x.data) + sp.i1(x.data) + np.exp(x.data)
    np.testing.assert_allclose(x.grad, want)


def test_an_argument_without_a_rule_is_named():
    a = Tensor(1.5, requires_grad=True)
    y = sp.gammainc(a, 2.0)
    with pytest.raises(TypeError, match=r"gammainc.*argument a"):
        y.backward()


def test_log_ndtr_keeps_its_digits_far_out():
    x = Tensor([-1e8, -50.0, 0.0, 50.0], requires_grad=True)
    sp.log_ndtr(x).sum().backward()
    np.testing.assert_allclose(x.grad, [1e8, 50.01998403, np.sqrt(2 / np.pi), 0.0], rtol=1e-9, atol=1e-300)


def test_the_package_does_not_load_scipy_by_itself():
    done = run("import sys, tinygrad_nn; print('scipy' in sys.modules)")
    assert done.stdout.strip() == "False", done.stderr


def test_without_scipy_everything_else_works_and_the_message_says_what_to_install():
    done = run(
        "import sys; sys.modules['scipy'] = None\n"
        "import numpy as np, tinygrad_nn as tg\n"
        "t = tg.Tensor([1.0], requires_grad=True)\n"
        "np.sin(t).backward([1.0])\n"
        "try: np.i0(t)\n"
        "except TypeError as e: print(e)\n"
        "try: import tinygrad_nn.ops.special\n"
        "except ModuleNotFoundError as e: print(e)\n"
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert "i0: no derivative rule" in first
    assert 'pip install "tinygrad_nn[all]"' in second
