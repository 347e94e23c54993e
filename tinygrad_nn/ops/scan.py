"""Recurrences over time as one operation each: steps of an RNN, an LSTM, a GRU, with backpropagation through time.

The inputs' part of the gates is computed outside, for all times at once. One node for a whole sequence keeps the graph
small, and the gradient of a step never touches the memory of the others.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..convert import empty
from ..op import Op, case, general
from .elementwise import sigmoid
from .window import keywords


def _parts(a: Any, n: int) -> list[Any]:
    """Cut the last axis into n equal parts."""
    size = a.shape[-1] // n
    return [a[..., i * size : (i + 1) * size] for i in range(n)]


def _before(h0: Any, hs: Any) -> Any:
    """Give the state before each step."""
    return np.concatenate([np.expand_dims(h0, 0), hs[:-1]], axis=0)


def _weight_gradient(da: Any, before: Any) -> Any:
    """Give the sum over time and batch of da.T @ before."""
    return np.matmul(np.reshape(da, (-1, da.shape[-1])).T, np.reshape(before, (-1, before.shape[-1])))


def _check(gates: Any, n: int, states: tuple[Any, ...], weight: Any) -> None:
    size = weight.shape[-1]
    if gates.ndim != 3 or not len(gates) or weight.shape != (n * size, size) or gates.shape[-1] != n * size:
        raise ValueError(
            f"needs gates (time, batch, {n} * hidden), at least one step, and a weight ({n} * hidden, hidden); "
            f"got shapes {gates.shape} and {weight.shape}"
        )
    for s in states:
        if s.shape != (gates.shape[1], size):
            raise ValueError(f"needs a state (batch, hidden) = {(gates.shape[1], size)}, got shape {s.shape}")


# -- RNN ------------------------------------------------------------------------------------------------------------


def _rnn(gates: Any, h: Any, weight: Any, *, nonlinearity: str = "tanh") -> Any:
    _check(gates, 1, (h,), weight)
    y = empty(gates.shape, np.result_type(gates, h, weight), gates)
    for t in range(len(gates)):
        a = gates[t] + h @ weight.T
        h = y[t] = np.tanh(a) if nonlinearity == "tanh" else np.maximum(a, 0.0)
    return y


def _rnn_rule(g: Any, y: Any, gates: Any, h: Any, weight: Any, nonlinearity: str = "tanh") -> list[Any]:
    slope = 1.0 - y * y if nonlinearity == "tanh" else (y > 0) * 1.0
    das: list[Any] = []
    dh: Any = 0.0
    for t in range(y.shape[0] - 1, -1, -1):
        da = (g[t] + dh) * slope[t]
        das.append(da)
        dh = np.matmul(da, weight)
    da = np.stack(das[::-1])
    return [da, dh, _weight_gradient(da, _before(h, y))]


_RNN = [case((3, 2, 2), (2, 2), (2, 2)), case((1, 2, 2), (2, 2), (2, 2), nonlinearity="relu")]
rnn: Op = general(
    _rnn,
    lambda g, y, *inputs, **params: _rnn_rule(g, y, *inputs, **params),
    name="rnn",
    variadic=True,
    bind=keywords,
    formula="h[t] = tanh(gates[t] + h[t-1] @ weight.T)",
    cases=_RNN,
)

# -- LSTM -----------------------------------------------------------------------------------------------------------


def _lstm(gates: Any, h: Any, c: Any, weight: Any) -> tuple[Any, Any]:
    _check(gates, 4, (h, c), weight)
    size = weight.shape[1]
    y = empty((*gates.shape[:2], 2 * size), np.result_type(gates, h, c, weight), gates)
    active = empty(gates.shape, y.dtype, gates)
    across = weight.T
    with np.errstate(over="ignore"):
        for t in range(len(gates)):
            a = gates[t] + h @ across
            s = active[t]
            np.divide(1.0, 1.0 + np.exp(-a), out=s)
            i, f, u, o = s[:, :size], s[:, size : 2 * size], s[:, 2 * size : 3 * size], s[:, 3 * size :]
            np.tanh(a[:, 2 * size : 3 * size], out=u)
            c = y[t, :, size:] = f * c + i * u
            h = y[t, :, :size] = o * np.tanh(c)
    return y, active


def _lstm_rule(g: Any, y: Any, gates: Any, h: Any, c: Any, weight: Any, residual: Any = None) -> list[Any]:
    hs, cs = _parts(y, 2)
    before = _before(h, hs)
    if residual is None:
        a = _parts(gates + np.matmul(before, weight.T), 4)
        i, f, u, o = sigmoid(a[0]), sigmoid(a[1]), np.tanh(a[2]), sigmoid(a[3])
    else:
        i, f, u, o = _parts(residual, 4)
    gh, gc = _parts(g, 2)
    tc = np.tanh(cs)
    into_c = o * (1.0 - tc * tc)
    # What each gate's pre-activation gets, per unit of dc (for o: of dh).
    by_c = np.stack([u * (i * (1.0 - i)), _before(c, cs) * (f * (1.0 - f)), i * (1.0 - u * u)], axis=2)
    by_o = tc * (o * (1.0 - o))
    batch, size = y.shape[1], hs.shape[2]
    das: list[Any] = []
    dh: Any = 0.0
    dc: Any = 0.0
    for t in range(y.shape[0] - 1, -1, -1):
        dh = gh[t] + dh
        dc = gc[t] + dc + dh * into_c[t]
        through_c = np.reshape(by_c[t] * np.expand_dims(dc, 1), (batch, 3 * size))
        da = np.concatenate([through_c, dh * by_o[t]], axis=-1)
        das.append(da)
        dh = np.matmul(da, weight)
        dc = dc * f[t]
    da = np.stack(das[::-1])
    return [da, dh, dc, _weight_gradient(da, before)]


lstm: Op = general(
    _lstm,
    lambda g, y, *inputs, **params: _lstm_rule(g, y, *inputs, **params),
    name="lstm",
    residual=True,
    variadic=True,
    bind=keywords,
    formula="c[t] = f * c[t-1] + i * u; h[t] = o * tanh(c[t]); i f u o from gates[t] + h[t-1] @ weight.T",
    cases=[case((3, 2, 8), (2, 2), (2, 2), (8, 2))],
)

# -- GRU ------------------------------------------------------------------------------------------------------------


def _gru(gates: Any, h: Any, weight: Any, bias: Any) -> tuple[Any, Any]:
    _check(gates, 3, (h,), weight)
    size = weight.shape[1]
    y = empty((*gates.shape[:2], size), np.result_type(gates, h, weight, bias), gates)
    active = empty((*gates.shape[:2], 4 * size), y.dtype, gates)
    for t in range(len(gates)):
        own = h @ weight.T + bias
        s = active[t]
        s[:, : 2 * size] = sigmoid(gates[t, :, : 2 * size] + own[:, : 2 * size])
        s[:, 3 * size :] = own[:, 2 * size :]
        r, z, n, inner = _parts(s, 4)
        n[...] = np.tanh(gates[t, :, 2 * size :] + r * inner)
        h = y[t] = n + z * (h - n)
    return y, active


def _gru_rule(g: Any, y: Any, gates: Any, h: Any, weight: Any, bias: Any, residual: Any = None) -> list[Any]:
    before = _before(h, y)
    if residual is None:
        own = _parts(np.matmul(before, weight.T) + bias, 3)
        given = _parts(gates, 3)
        r, z, inner = sigmoid(given[0] + own[0]), sigmoid(given[1] + own[1]), own[2]
        n = np.tanh(given[2] + r * inner)
    else:
        r, z, n, inner = _parts(residual, 4)
    by_n = (1.0 - z) * (1.0 - n * n)
    by_z = (before - n) * (z * (1.0 - z))
    by_r = inner * (r * (1.0 - r))
    given_, own_ = [], []
    dh: Any = 0.0
    for t in range(y.shape[0] - 1, -1, -1):
        dh = g[t] + dh
        dn = dh * by_n[t]
        dr, dz = dn * by_r[t], dh * by_z[t]
        down = np.concatenate([dr, dz, dn * r[t]], axis=-1)
        given_.append(np.concatenate([dr, dz, dn], axis=-1))
        own_.append(down)
        dh = dh * z[t] + np.matmul(down, weight)
    down = np.stack(own_[::-1])
    return [np.stack(given_[::-1]), dh, _weight_gradient(down, before), np.sum(down, axis=(0, 1))]


gru: Op = general(
    _gru,
    lambda g, y, *inputs, **params: _gru_rule(g, y, *inputs, **params),
    name="gru",
    residual=True,
    variadic=True,
    bind=keywords,
    formula="h[t] = (1 - z) * n + z * h[t-1]; r z n from gates[t] and h[t-1] @ weight.T + bias",
    cases=[case((3, 2, 6), (2, 2), (6, 2), (6,))],
)
