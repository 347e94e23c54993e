"""PyTorch as an oracle: the samples of its OpInfo, values and gradients of signed cotangents (slow; needs torch)."""

import warnings

import numpy as np
import pytest

pytest.importorskip("scipy")
torch = pytest.importorskip("torch")
pytest.importorskip("expecttest", reason="torch's samples need the package expecttest")

import opinfo  # noqa: E402

import tinygrad_nn as tg  # noqa: E402
from tinygrad_nn import Tensor  # noqa: E402
from tinygrad_nn.ops.complex import Complex  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def op_infos():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db

    found = {}
    for op in op_db:
        name = op.name + (f":{op.variant_test_name}" if op.variant_test_name else "")
        if name in opinfo.MAP and torch.float64 in op.dtypes:
            found[name] = op
    return found


INFOS = op_infos()

#: Samples that mean something else in NumPy, or whose derivative is a matter of convention: name -> why.
SKIPPED = {
    "tensordot": lambda s: any(n == 1 for x in (s.input, s.args[0]) for n in x.shape),  # torch broadcasts such axes
    "nn.functional.pad:replicate_negative": lambda s: True,  # an axis that is cut to nothing and then filled
    "linalg.vander": lambda s: s.input.ndim == 0,
    "nn.functional.cosine_similarity": lambda s: s.input.ndim == 0,
    "nn.functional.normalize": lambda s: s.input.ndim == 0,
    "norm": lambda s: s.input.ndim == 0,
}


def ours(x, leaves):
    """Turn torch's arguments into tensors and arrays, remembering the leaves that need a gradient."""
    if isinstance(x, torch.Tensor):
        array = x.detach().resolve_conj().resolve_neg().numpy().copy()
        if x.requires_grad and x.dtype == torch.float64:
            t = Tensor(array, requires_grad=True)
            leaves.append((t, x))
            return t
        return array
    if isinstance(x, torch.Size):
        return tuple(x)
    if isinstance(x, (list, tuple)):
        return type(x)([ours(v, leaves) for v in x]) if not hasattr(x, "_fields") else tuple(ours(v, leaves) for v in x)
    if isinstance(x, dict):
        return {k: ours(v, leaves) for k, v in x.items()}
    return x


def flat(y):
    if isinstance(y, (list, tuple)):
        return [v for part in y for v in flat(part)]
    return [y]


def real_parts(y):
    if isinstance(y, Complex):
        return [y.real, y.imag]
    if isinstance(y, torch.Tensor) and y.is_complex():
        return [y.real, y.imag]
    return [y]


def single(sample):
    """Tell whether something of single precision is among the arguments."""
    given = [*sample.args, *sample.kwargs.values()]
    return any(isinstance(v, torch.Tensor) and v.dtype == torch.float32 for v in given)


def both(op, f, sample):
    """Run a sample through our function and through torch's: (leaves, our results, torch's results), real parts."""
    leaves = []
    mine = f(*ours((sample.input, *sample.args), leaves), **ours(sample.kwargs, leaves))
    theirs = op.op(sample.input, *sample.args, **sample.kwargs)
    if op.name in ("linalg.eigh", "linalg.svd", "svd"):
        # Vectors are unique up to their sign, and only as many as the rank of the shape.
        theirs = [v if i == 1 - ("eigh" in op.name) else abs(v) for i, v in enumerate(theirs)]
        if "svd" in op.name:
            k = min(sample.input.shape[-2:])
            vh = theirs[2] if op.name == "linalg.svd" else theirs[2].mT
            theirs = [theirs[0][..., :k], theirs[1], vh[..., :k, :]]
    mine = [p for y in flat(mine) for p in real_parts(y)]
    theirs = [p for y in flat(theirs) if isinstance(y, torch.Tensor) for p in real_parts(y) if p.is_floating_point()]
    theirs = theirs[: len(mine)]
    assert len(mine) == len(theirs)
    return leaves, mine, theirs


def weighted(mine, theirs, rng):
    """Give the two sums of the results times signed cotangents (what is not finite counts for nothing)."""
    total_mine = total_theirs = None
    for a, b in zip(mine, theirs, strict=True):
        value = np.asarray(a._data if isinstance(a, Tensor) else a)
        c = rng.choice([-1.0, 1.0], value.shape) * rng.uniform(0.5, 1.5, value.shape) * np.isfinite(value)
        if isinstance(a, Tensor) and a.requires_grad:
            part = (np.where(np.isfinite(value), a, 0.0) * c).sum()
            total_mine = part if total_mine is None else total_mine + part
        if b.requires_grad:
            part = (torch.where(torch.isfinite(b), b, torch.zeros_like(b)) * torch.tensor(c)).sum()
            total_theirs = part if total_theirs is None else total_theirs + part
    return total_mine, total_theirs


def agree(got, want, sample, fine):
    want = np.zeros(got.shape) if want is None else want.detach().numpy(force=True)
    assert got.shape == want.shape
    scale = max(1.0, float(np.nanmax(np.abs(want), initial=0.0)))
    fine = 1e-4 if single(sample) else fine
    np.testing.assert_allclose(got, want, rtol=10 * fine, atol=fine * scale)


def compare(op, f, sample, rng):
    leaves, mine, theirs = both(op, f, sample)
    for a, b in zip(mine, theirs, strict=True):
        value = np.asarray(a.data if isinstance(a, Tensor) else a)
        fine = 1e-9 if b.dtype == torch.float64 and not single(sample) else 1e-4
        np.testing.assert_allclose(value, b.detach().resolve_neg().numpy(), rtol=fine, atol=fine)
        assert value.shape == tuple(b.shape)
    total_mine, total_theirs = weighted(mine, theirs, rng)
    if total_mine is None or total_theirs is None:
        return 0
    total_mine.backward()
    wanted = torch.autograd.grad(total_theirs, [x for _, x in leaves], allow_unused=True)
    for (t, _), w in zip(leaves, wanted, strict=True):
        agree(np.zeros(t.shape) if t.grad is None else t.grad, w, sample, 1e-8)
    return 1


def compare_second(op, f, sample, rng):
    leaves, mine, theirs = both(op, f, sample)
    total_mine, total_theirs = weighted(mine, theirs, rng)
    if total_mine is None or total_theirs is None:
        return
    ts, xs = [t for t, _ in leaves], [x for _, x in leaves]
    firsts = tg.gradients(total_mine, ts, create_graph=True, allow_unused=True)
    wanted = torch.autograd.grad(total_theirs, xs, allow_unused=True, create_graph=True)
    pairs = [(g, w) for g, w in zip(firsts, wanted, strict=True) if w is not None]
    if not pairs:
        return
    total_mine, total_theirs = weighted([g for g, _ in pairs], [w for _, w in pairs], rng)
    if total_theirs is None:
        return
    wanted = torch.autograd.grad(total_theirs, xs, allow_unused=True)
    if total_mine is None:
        assert all(w is None or not w.any() for w in wanted)
        return
    for g, w in zip(tg.gradients(total_mine, ts, allow_unused=True), wanted, strict=True):
        agree(g.data, w, sample, 1e-7)


@pytest.mark.parametrize("name", sorted(INFOS))
def test_opinfo(name):
    op = INFOS[name]
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    compared = 0
    for number, sample in enumerate(op.sample_inputs("cpu", torch.float64, requires_grad=True)):
        if number >= 60:
            break
        if skipped(name, sample):
            continue
        try:
            compared += compare(op, opinfo.MAP[name], sample, rng)
        except Exception as e:
            raise AssertionError(f"{name}, sample {number}: {sample!r:.400}\n{type(e).__name__}: {e}") from e
    assert compared or name in WITHOUT_GRADIENT


@pytest.mark.parametrize("name", [n for n in sorted(INFOS) if INFOS[n].supports_gradgrad])
def test_opinfo_second_order(name):
    op = INFOS[name]
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    for number, sample in enumerate(op.sample_inputs("cpu", torch.float64, requires_grad=True)):
        if number >= 12:
            break
        if skipped(name, sample) or (name in SKIPPED_SECOND and SKIPPED_SECOND[name](sample)):
            continue
        try:
            compare_second(op, opinfo.MAP[name], sample, rng)
        except Exception as e:
            raise AssertionError(f"{name}, sample {number}: {sample!r:.400}\n{type(e).__name__}: {e}") from e


#: At 0 the second derivative of a norm is 0 here and NaN there: a matter of convention.
SKIPPED_SECOND = {"linalg.norm:subgradients_at_zero": lambda s: True}
WITHOUT_GRADIENT = {"nn.functional.pad:replicate_negative"}


def skipped(name, sample):
    rule = SKIPPED.get(name)
    return rule is not None and rule(sample)


def test_at_least_150_functions_of_torch_are_compared():
    assert len(INFOS) >= 150
