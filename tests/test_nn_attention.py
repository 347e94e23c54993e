"""Attention: against PyTorch over masks and layouts, by hand, rows that see nothing, second order, errors."""

import nn_torch
import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import Tensor, nn
from tinygrad_nn.nn import functional as F

RNG = np.random.default_rng(0)
Q, K, V = RNG.normal(size=(2, 3, 4, 6)), RNG.normal(size=(2, 3, 5, 6)), RNG.normal(size=(2, 3, 5, 7))
SEEN = np.array([[1, 0, 0, 1, 0], [1, 1, 1, 1, 1], [0, 0, 1, 0, 0], [0, 1, 1, 0, 1]], bool)


@pytest.mark.parametrize("scale", [None, 0.3])
@pytest.mark.parametrize("mask", ["none", "bool", "float", "causal", "minus inf"])
def test_function_as_in_pytorch(mask, scale):
    torch = nn_torch.need_torch()
    attend = torch.nn.functional.scaled_dot_product_attention
    given = {
        "none": None,
        "bool": SEEN,
        "float": RNG.normal(size=(2, 3, 4, 5)),
        "causal": None,
        "minus inf": np.where(SEEN, 0.5, -np.inf),
    }[mask]
    options = {"is_causal": mask == "causal", "scale": scale}
    nn_torch.assert_same(
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, given, **options),
        lambda q, k, v: attend(q, k, v, None if given is None else torch.tensor(given), **options),
        [Q, K, V],
    )


def test_by_hand():
    q, k, v = [[1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]], [[1.0], [5.0]]
    e = np.exp(1 / np.sqrt(2.0))
    np.testing.assert_allclose(F.scaled_dot_product_attention(q, k, v).data, [[(e + 5) / (e + 1)]], rtol=1e-14)


def test_a_row_that_sees_nothing_gives_zeros_and_leaks_nothing():
    seen = SEEN.copy()
    seen[2] = False
    for mask in (seen, np.where(seen, 0.0, -np.inf)):
        q, k, v = (Tensor(a, requires_grad=True) for a in (Q, K, V))
        y = F.scaled_dot_product_attention(q, k, v, mask)
        assert (y.data[:, :, 2] == 0).all()
        y.sum().backward()
        assert (q.grad[:, :, 2] == 0).all()
        assert np.isfinite(k.grad).all()
        # Column 4 is seen by rows 1 and 3 only: the row that sees nothing adds nothing to it.
        alone = F.scaled_dot_product_attention(Q[:, :, [0, 1, 3]], K, V, seen[[0, 1, 3]])
        np.testing.assert_allclose(y.data[:, :, [0, 1, 3]], alone.data, rtol=1e-13)


def test_masks_combine():
    both = F.scaled_dot_product_attention(Q, K, V, SEEN, is_causal=True).data
    np.testing.assert_allclose(both, F.scaled_dot_product_attention(Q, K, V, SEEN & np.tri(4, 5, dtype=bool)).data)


def test_a_learned_bias_gets_a_gradient():
    bias = Tensor(np.zeros((4, 5)), requires_grad=True)
    F.scaled_dot_product_attention(Q, K, V, bias).sum().backward()
    assert bias.grad.shape == (4, 5)
    tg.gradcheck(
        lambda q, k, v, b: F.scaled_dot_product_attention(q, k, v, b), Q[0, 0], K[0, 0], V[0, 0], np.zeros((4, 5))
    )


def test_second_order():
    tg.gradcheck(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, SEEN), Q[0, :1], K[0, :1], V[0, :1], order=2)


def test_dropout_of_weights():
    args = (Q, K, V)
    a = F.scaled_dot_product_attention(*args, dropout_p=0.5, rng=1).data
    np.testing.assert_array_equal(a, F.scaled_dot_product_attention(*args, dropout_p=0.5, rng=1).data)
    assert not np.allclose(a, F.scaled_dot_product_attention(*args).data)
    assert (F.scaled_dot_product_attention(*args, dropout_p=1.0).data == 0).all()


VARIANTS = [{}, {"bias": False}, {"kdim": 3, "vdim": 4}, {"batch_first": True}, {"kdim": 3, "bias": False}]


@pytest.mark.parametrize("options", VARIANTS, ids=str)
@pytest.mark.parametrize("alone", [False, True])
def test_layer_as_in_pytorch(options, alone):
    torch = nn_torch.need_torch()
    rng = np.random.default_rng(0)
    widths = (6, options.get("kdim", 6), options.get("vdim", 6))
    lengths = (4, 5, 5)
    arrays = [rng.normal(size=(n, w) if alone else (2, n, w)) for n, w in zip(lengths, widths, strict=True)]
    if not alone and not options.get("batch_first"):
        arrays = [np.swapaxes(a, 0, 1).copy() for a in arrays]
    layer = nn.MultiHeadAttention(6, 3, **options, dtype=float, rng=0)
    for p in layer.parameters():
        p.data[...] = rng.normal(size=p.shape)
    other = torch.nn.MultiheadAttention(6, 3, **options)
    nn_torch.assert_same_module(layer, other, arrays)
    layer.zero_grad(), other.zero_grad()
    nn_torch.assert_same_module(layer, other, arrays, average_attn_weights=False)
    y, weights = layer(*arrays, need_weights=False)
    assert weights is None
    np.testing.assert_allclose(y.data, layer(*arrays)[0].data)


def test_self_attention_with_masks_as_in_pytorch():
    torch = nn_torch.need_torch()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 4, 6))
    layer = nn.MultiHeadAttention(6, 2, batch_first=True, dtype=float, rng=0)
    other = torch.nn.MultiheadAttention(6, 2, batch_first=True).double()
    pairs = nn_torch.twins(layer, other)
    padding = np.array([[False, False, False, True], [False, False, True, True]])
    forbidden = ~np.tri(4, dtype=bool)
    each = rng.normal(size=(4, 4, 4))
    for ours in (
        {"key_padding_mask": padding},
        {"attn_mask": forbidden},
        {"key_padding_mask": padding, "attn_mask": forbidden},
        {"attn_mask": rng.normal(size=(4, 4))},
        {"attn_mask": each},
    ):
        t, s = torch.tensor(x, requires_grad=True), Tensor(x, requires_grad=True)
        theirs = {k: torch.tensor(v) for k, v in ours.items()}
        layer.zero_grad(), other.zero_grad()
        nn_torch.compare(layer(s, s, s, **ours), other(t, t, t, **theirs), [*pairs, (s, t)])
    causal = layer(x, x, x, is_causal=True)[0].data
    np.testing.assert_allclose(causal, layer(x, x, x, attn_mask=forbidden)[0].data, rtol=1e-13)


def test_the_same_tensor_or_equal_ones():
    x = Tensor(np.random.default_rng(0).normal(size=(3, 4, 6)))
    layer = nn.MultiHeadAttention(6, 2, dtype=float, rng=0)
    np.testing.assert_allclose(layer(x, x, x)[0].data, layer(x, x.copy(), x.copy())[0].data, rtol=1e-13)


def test_padding_that_hides_everything_gives_the_bias():
    layer = nn.MultiHeadAttention(6, 2, batch_first=True, dtype=float, rng=0)
    x = np.ones((1, 3, 6))
    y, weights = layer(x, x, x, key_padding_mask=np.ones((1, 3), bool))
    assert (y.data == 0).all()
    assert (weights.data == 0).all()


def test_dropout_only_in_training():
    x = np.random.default_rng(0).normal(size=(3, 4, 6))
    layer = nn.MultiHeadAttention(6, 2, dropout=0.5, dtype=float, rng=0)
    assert not np.array_equal(layer(x, x, x)[0].data, layer(x, x, x)[0].data)
    layer.eval()
    np.testing.assert_array_equal(layer(x, x, x)[0].data, layer(x, x, x)[0].data)


def test_pytorchs_spelling_and_repr():
    assert nn.MultiheadAttention is nn.MultiHeadAttention
    assert repr(nn.MultiHeadAttention(4, 2)).splitlines()[0] == "MultiHeadAttention(4, 2"
    x = np.ones((2, 3, 4), np.float32)
    assert {v.dtype for v in nn.MultiHeadAttention(4, 2)(x, x, x)} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: F.scaled_dot_product_attention(Q, K[..., :5], V), r"needs query \(\.\.\., L, E\), key"),
        (lambda: F.scaled_dot_product_attention(Q, K, V[:, :, :4]), "got shapes"),
        (
            lambda: F.scaled_dot_product_attention(Q, K, V, np.ones((3, 5))),
            r"attn_mask must .* broadcast to \(2, 3, 4, 5\)",
        ),
        (lambda: F.scaled_dot_product_attention(Q, K, V, np.ones((4, 5), int)), "must hold bool or floats"),
        (lambda: F.scaled_dot_product_attention(Q, K, V, dropout_p=2.0), "p must be a probability"),
        (lambda: nn.MultiHeadAttention(6, 4), "num_heads=4 must divide embed_dim=6"),
        (lambda: nn.MultiHeadAttention(6, 2)(Q, Q, Q), "must have 2 or 3 axes"),
        (lambda: nn.MultiHeadAttention(6, 2)(Q[0], K[0], K[0, :2]), "batches or lengths differ"),
        (
            lambda: nn.MultiHeadAttention(6, 2)(Q[0], Q[0], Q[0], key_padding_mask=np.ones((3, 3), bool)),
            r"key_padding_mask must hold bool or floats, of shape \(4, 3\)",
        ),
        (lambda: nn.MultiHeadAttention(6, 2)(Q[0], Q[0], Q[0], attn_mask=np.ones((3, 4))), "attn_mask must hold"),
    ],
)
def test_bad_input(call, text):
    with pytest.raises(ValueError, match=text) as e:
        call()
    assert "\n" not in str(e.value)
