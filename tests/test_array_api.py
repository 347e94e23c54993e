"""The array API namespace: tensors in and out, gradients, errors, and scikit-learn on top of it."""

import inspect
import operator
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import Tensor, gradcheck
from tinygrad_nn import array_api as xp
from tinygrad_nn.array_api.names import ARRAY, DTYPES, ELEMENTWISE, LINALG


def test_import_tinygrad_nn_does_not_load_it():
    code = "import sys, tinygrad_nn; print('tinygrad_nn.array_api' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_a_tensor_knows_its_namespace_and_device():
    t = Tensor([1.0])
    assert t.__array_namespace__() is xp
    assert t.__array_namespace__(api_version="2025.12") is xp
    assert t.device == "cpu"
    assert t.to_device("cpu") is t
    with pytest.raises(ValueError, match="1999"):
        t.__array_namespace__(api_version="1999")
    with pytest.raises(ValueError, match="'gpu'"):
        t.to_device("gpu")


@pytest.mark.parametrize("name", ["add", "less", "bitwise_and", "pow", "floor_divide", "logical_or", "maximum"])
def test_functions_of_two_give_tensors_of_numpys_values(name):
    a, b = (np.array([True, False]), np.array([True, True])) if "logical" in name else (np.arange(1, 4), np.arange(3))
    y = getattr(xp, name)(Tensor(a), Tensor(b + 1 if name == "floor_divide" else b))
    want = getattr(np, name)(a, b + 1 if name == "floor_divide" else b)
    assert type(y) is Tensor
    assert y.dtype == want.dtype
    np.testing.assert_array_equal(y.data, want)


def test_every_name_is_there():
    assert [n for n in (*ELEMENTWISE, *ARRAY, *DTYPES) if not hasattr(xp, n)] == []
    assert [n for n in LINALG if not hasattr(xp.linalg, n)] == []


@pytest.mark.parametrize(
    "f",
    [
        lambda x: xp.sum(xp.exp(x), axis=0),
        lambda x: xp.concat([x, xp.sin(x)]),
        lambda x: xp.std(x, axis=1, correction=1),
        lambda x: xp.permute_dims(x, (1, 0)),
        lambda x: xp.linalg.vector_norm(x),
        lambda x: xp.where(xp.greater(x, 0.5), x, xp.square(x)),
    ],
)
def test_gradients_pass_through(f):
    assert gradcheck(f, np.random.default_rng(0).uniform(0.1, 1.0, (3, 4)))


def test_under_no_grad_and_without_tensors_that_need_one_nothing_is_recorded():
    x = Tensor([1.0], requires_grad=True)
    with tg.no_grad():
        assert not xp.exp(x).requires_grad
    assert xp.exp(x).requires_grad


def test_a_result_that_shares_memory_is_kept_by_value():
    a = np.ones(2)
    w = Tensor([3.0, 4.0], requires_grad=True)
    y = w * xp.asarray(a)
    a[:] = 9
    y.sum().backward()
    np.testing.assert_array_equal(w.grad, [1.0, 1.0])


def test_creation_and_dtypes():
    assert xp.zeros((2, 3), dtype=xp.float32, device="cpu").dtype == np.float32
    assert xp.full_like(Tensor([1.0]), 4.0).tolist() == [4.0]
    assert xp.isdtype(xp.int8, "integral")
    assert xp.isdtype(xp.float32, ("bool", "real floating"))
    assert set(xp.__array_namespace_info__().dtypes(kind="real floating")) == {"float32", "float64"}
    assert xp.result_type(Tensor([1], dtype="int8"), xp.int16) == np.int16
    for bad in (lambda: xp.asarray(["a"]), lambda: xp.zeros(2, dtype=object), lambda: xp.astype(Tensor([1.0]), str)):
        with pytest.raises(TypeError, match=r"<U|object"):
            bad()
    with pytest.raises(ValueError, match="'gpu'"):
        xp.ones(2, device="gpu")


def test_what_version_2025_12_added():
    assert xp.broadcast_shapes((2, 1), (3,)) == (2, 3)
    assert xp.broadcast_shapes() == ()
    assert xp.isin(Tensor([1, 2, 3]), Tensor([3, 1])).tolist() == [True, False, True]
    assert xp.isin(Tensor([1, 2]), 2, invert=True).tolist() == [True, False]
    assert xp.expand_dims(Tensor([1, 2]), (0, -1)).shape == (1, 2, 1)
    a = np.array([[0.0, -2.0], [3.0, 1.0]])
    values, vectors = xp.linalg.eig(Tensor(a))
    w, v = (t.real.data + 1j * t.imag.data for t in (values, vectors))
    np.testing.assert_allclose(a @ v, v * w, atol=1e-12)
    np.testing.assert_allclose(xp.linalg.eigvals(Tensor(a)).real.data, w.real)
    with pytest.raises(TypeError, match="eigvals"):
        xp.linalg.eigvals(Tensor(a, requires_grad=True))


def test_sorting_takes_the_standards_arguments():
    a = np.array([[2.0, 1.0, 2.0, 3.0]])
    assert xp.sort(Tensor(a), descending=True).tolist() == [[3.0, 2.0, 2.0, 1.0]]
    assert xp.argsort(Tensor(a), descending=True).tolist() == [[3, 0, 2, 1]]  # equal elements keep their order
    assert xp.argsort(Tensor(a), axis=0).tolist() == [[0, 0, 0, 0]]
    assert gradcheck(lambda x: xp.sort(x, axis=0, descending=True), np.random.default_rng(1).normal(size=(4, 2)))


def test_reshape_with_copy():
    t = Tensor([1.0, 2.0])
    for _ in range(2):  # the second time the memory of t is out in the open
        y = xp.reshape(t, (2, 1), copy=True)
        t[0] = 9.0
        assert y.tolist() == [[1.0], [2.0]]
        t[0] = 1.0
    assert xp.reshape(t, (2, 1), copy=False).tolist() == [[1.0], [2.0]]
    with pytest.raises(ValueError, match="copy"):
        xp.reshape(Tensor(np.ones((2, 3)).T), (6,), copy=False)
    assert gradcheck(lambda x: xp.reshape(x, (4,), copy=True), np.ones((2, 2)))


def test_signatures_are_the_standards_and_limits_are_python_numbers():
    assert str(inspect.signature(xp.sum)) == "(x, /, *, axis=None, dtype=None, keepdims=False)"
    assert str(inspect.signature(xp.linalg.vector_norm)) == "(x, /, *, axis=None, keepdims=False, ord=2)"
    limits = xp.finfo(xp.float32)
    assert {type(v) for v in (limits.eps, limits.max, limits.min, limits.smallest_normal)} == {float}
    assert (limits.bits, limits.dtype, limits.max) == (32, np.float32, float(np.finfo(np.float32).max))


def test_complex_numbers_are_constants_that_never_meet_a_gradient():
    a, b = np.array([1 + 2j, 3 - 1j]), np.array([2.0, 5.0])
    c, r, w = xp.asarray(a), Tensor(b), Tensor(b, requires_grad=True)
    assert isinstance(c, Tensor)
    assert (c.dtype, xp.asarray(1j).dtype, xp.zeros(1, dtype=xp.complex64).dtype) == ("c16", "c16", "c8")
    for f in (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.matmul):
        np.testing.assert_allclose(f(c, c).numpy(), f(a, a))
        np.testing.assert_allclose(f(c, r).numpy(), f(a, b))
        np.testing.assert_allclose(f(r, c).numpy(), f(b, a))
        for left, right in ((c, w), (w, c)):
            with pytest.raises(TypeError, match="do not mix"):
                f(left, right)
    for refused in (
        lambda: xp.add(w, c),
        lambda: xp.where(xp.asarray([True, False]), w, c),
        lambda: np.multiply(w, c),
        lambda: setattr(c, "requires_grad", True),
        lambda: xp.astype(w, xp.complex64),
        lambda: xp.astype(c, xp.float64),
        lambda: xp.asarray(c, dtype=xp.float64),
        lambda: float(c[0]),
        lambda: Tensor(a),
    ):
        with pytest.raises(TypeError):
            refused()
    assert xp.real(c).tolist() == c.real.tolist() == [1.0, 3.0]
    assert abs(xp.asarray(3 + 4j)).item() == 5.0
    np.testing.assert_allclose(xp.exp(c).numpy(), np.exp(a))
    np.testing.assert_allclose(xp.sum(c).item(), c.sum().item(), a.sum())
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(c)).numpy(), a)
    assert complex(c[0]) == 1 + 2j


def test_fourier_transforms_give_spectra_and_record():
    assert xp.fft.fftfreq(4, device="cpu").tolist() == np.fft.fftfreq(4).tolist()
    a = np.random.default_rng(0).normal(size=(3, 8))
    for name in ("fft", "ifft", "fftn", "ifftn", "rfft", "rfftn", "ihfft"):
        y = getattr(xp.fft, name)(Tensor(a))
        np.testing.assert_allclose(y.real.data + 1j * y.imag.data, getattr(np.fft, name)(a), atol=1e-12)
    np.testing.assert_allclose(xp.fft.fftshift(xp.fft.fft(Tensor(a))).real.data, np.fft.fftshift(np.fft.fft(a)).real)
    assert gradcheck(lambda x: xp.fft.irfft(xp.fft.rfft(x, n=6, axis=0), n=5, axis=0), a)


def test_dlpack_goes_both_ways_and_refuses_to_lose_a_gradient():
    t = Tensor([1.0, 2.0])
    np.testing.assert_array_equal(np.from_dlpack(t), [1.0, 2.0])
    assert xp.from_dlpack(t).tolist() == xp.from_dlpack(np.array([1.0, 2.0])).tolist() == [1.0, 2.0]
    with pytest.raises(BufferError, match="detach"):
        np.from_dlpack(Tensor([1.0], requires_grad=True))


def test_item_assignment_writes_to_constants_only():
    c, w = Tensor([1.0, 2.0]), Tensor([3.0, 4.0], requires_grad=True)
    y = c * w
    c[Tensor([True, False])] = Tensor(9.0)
    assert c.tolist() == [9.0, 2.0]
    y.sum().backward()
    np.testing.assert_array_equal(w.grad, [1.0, 2.0])  # the graph keeps what it was recorded with
    for refused in (lambda: w.__setitem__(0, 1.0), lambda: c.__setitem__(0, w[0])):
        with pytest.raises(TypeError, match="item assignment"):
            refused()


SKLEARN = """
import numpy as np, sklearn
from sklearn.decomposition import PCA
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, StandardScaler
import tinygrad_nn as tg
sklearn.set_config(array_api_dispatch=True)
a = np.random.default_rng(0).normal(size=(8, 3))
for scaler in (StandardScaler(), MinMaxScaler(), MaxAbsScaler(), Normalizer(), PCA(2, svd_solver='full')):
    y = scaler.fit_transform(tg.Tensor(a))
    assert type(y) is tg.Tensor, type(y)
    with sklearn.config_context(array_api_dispatch=False):
        want = scaler.fit_transform(a)
    np.testing.assert_allclose(y.data, want, rtol=1e-12, atol=1e-12)
print("same")
"""


def test_scikit_learn_scalers_take_and_give_tensors():
    pytest.importorskip("sklearn", reason='scikit-learn is not installed: pip install "tinygrad_nn[all]"')
    env = {**os.environ, "SCIPY_ARRAY_API": "1"}
    done = subprocess.run([sys.executable, "-c", SKLEARN], capture_output=True, text=True, env=env)
    assert done.stdout == "same\n", done.stderr


def test_operators_on_bits_give_constants_and_only_whole_numbers_index():
    a, b = np.array([1, 6, 3]), np.array([3, 2, 1])
    for f in ("and_", "or_", "xor", "lshift", "rshift"):
        op = getattr(operator, f)
        for left, right in ((Tensor(a), Tensor(b)), (Tensor(a), b), (Tensor(a), 2), (2, Tensor(b))):
            y = op(left, right)
            assert type(y) is Tensor
            np.testing.assert_array_equal(y.data, op(*[v.data if isinstance(v, Tensor) else v for v in (left, right)]))
    np.testing.assert_array_equal((~Tensor(a)).data, ~a)
    assert (xp.less(Tensor(a), 4) & ~xp.equal(Tensor(a), 1)).tolist() == [False, False, True]
    assert "abc"[Tensor(1)] == "b"
    assert complex(Tensor(2.0)) == 2 + 0j
    for refused in (Tensor([1]), Tensor(1.0), Tensor(True)):
        with pytest.raises(TypeError, match="0-d tensor of integers"):
            operator.index(refused)
    with pytest.raises(TypeError, match="bitwise_and"):
        Tensor([1.0]) & 1
