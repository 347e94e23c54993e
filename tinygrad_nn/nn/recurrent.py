"""Recurrent layers: RNN, LSTM and GRU over sequences, and their single steps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..convert import zeros
from ..ops import scan
from ..ops.dense import affine
from ..tensor import Parameter, Tensor, apply, as_tensor, constant
from .functional import dropout
from .functional.dropout import probability
from .module import Module
from .options import Rng, drawn, generator, positive


class _Recurrent(Module):
    """What recurrent layers share: their parameters, directions, layers and shapes. Names and shapes are PyTorch's."""

    _gates = 1
    _states = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        dtype: Any = np.float32,
        rng: Rng = None,
    ) -> None:
        who = type(self).__name__
        self.input_size = positive(input_size, "input_size", who)
        self.hidden_size = positive(hidden_size, "hidden_size", who)
        self.num_layers = positive(num_layers, "num_layers", who)
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = probability(dropout, who)
        self.bidirectional = bidirectional
        self.rng = generator(rng, who)
        bound = 1.0 / math.sqrt(hidden_size)
        rows = self._gates * hidden_size
        for layer in range(num_layers):
            width = input_size if layer == 0 else hidden_size * self._directions
            for end in self._ends(layer):
                shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, width), "weight_hh": (rows, hidden_size)}
                if bias:
                    shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
                for name, shape in shapes.items():
                    setattr(self, name + end, drawn(bound, shape, dtype, self.rng, who))

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _ends(self, layer: int) -> list[str]:
        """Give what the names of a layer's parameters end with, one for each direction."""
        return [f"_l{layer}", f"_l{layer}_reverse"][: self._directions]

    def _own(self, end: str) -> tuple[Any, ...]:
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return tuple([getattr(self, name + end, None) for name in names])

    def forward(self, x: Any, state: Any = None) -> Any:
        """Give the last layer's states at all times, and every layer's last state.

        ``x`` is (time, batch, input), with batch_first (batch, time, input), or (time, input) without a batch. States
        (the first, zeros by default, and the last) are (layers * directions, batch, hidden).
        """
        who = type(self).__name__
        x = as_tensor(x, who)
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            order = "batch, time" if self.batch_first else "time, batch"
            raise ValueError(f"{who}: needs ({order}, {self.input_size}) or (time, {self.input_size}), got {x.shape}")
        alone = x.ndim == 2
        if alone:
            x = np.expand_dims(x, 1)
        elif self.batch_first:
            x = np.swapaxes(x, 0, 1)
        given = self._first(state, x, alone)
        last: list[Any] = []
        for layer in range(self.num_layers):
            if layer and self.training and self.dropout:
                x = dropout(x, self.dropout, rng=self.rng)
            ways = []
            for d, end in enumerate(self._ends(layer)):
                k = layer * self._directions + d
                y, states = self._scan(np.flip(x, 0) if d else x, [s[k] for s in given], *self._own(end))
                ways.append(np.flip(y, 0) if d else y)
                last.append(states)
            x = ways[0] if len(ways) == 1 else np.concatenate(ways, axis=-1)
        final = [np.stack([states[i] for states in last]) for i in range(self._states)]
        if alone:
            x, final = x[:, 0], [s[:, 0] for s in final]
        elif self.batch_first:
            x = np.swapaxes(x, 0, 1)
        return x, final[0] if self._states == 1 else tuple(final)

    def _first(self, state: Any, x: Tensor, alone: bool) -> list[Any]:
        who = type(self).__name__
        shape = (self.num_layers * self._directions, x.shape[1], self.hidden_size)
        if state is None:
            dtype = np.result_type(x.dtype, self._own("_l0")[0].dtype)
            return [constant(zeros(shape, dtype, x))] * self._states
        several = tuple(state) if self._states > 1 else (state,)
        if len(several) != self._states:
            raise ValueError(f"{who}: the state is a pair (h, c), got {len(several)} parts")
        found = [as_tensor(s, who) for s in several]
        if alone:
            found = [s.reshape(s.shape[0], 1, *s.shape[1:]) if s.ndim == 2 else s for s in found]
        for s in found:
            if s.shape != shape:
                raise ValueError(f"{who}: a state must have shape {shape}, got {s.shape}")
        return found

    def _scan(self, x: Any, states: list[Any], wi: Any, wh: Any, bi: Any, bh: Any) -> tuple[Any, list[Any]]:
        raise NotImplementedError

    def extra_repr(self) -> str:
        """Give the sizes and the options that are not the usual ones."""
        text = f"{self.input_size}, {self.hidden_size}"
        usual = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False}
        return text + "".join([f", {k}={getattr(self, k)!r}" for k, v in usual.items() if getattr(self, k) != v])


def _given(x: Any, weight: Any, bias: Any) -> Any:
    """Give the input's part of the gates for all times at once."""
    return np.matmul(x, weight.T) if bias is None else apply(affine, (x, weight, bias))


def _both(bi: Any, bh: Any) -> Any:
    return None if bi is None else bi + bh


def _rnn(x: Any, states: list[Any], wi: Any, wh: Any, bi: Any, bh: Any, nonlinearity: str) -> tuple[Any, list[Any]]:
    y = apply(scan.rnn, (_given(x, wi, _both(bi, bh)), states[0], wh), {"nonlinearity": nonlinearity})
    return y, [y[-1]]


def _lstm(x: Any, states: list[Any], wi: Any, wh: Any, bi: Any, bh: Any) -> tuple[Any, list[Any]]:
    y = apply(scan.lstm, (_given(x, wi, _both(bi, bh)), states[0], states[1], wh))
    n = wh.shape[1]
    return y[..., :n], [y[-1, :, :n], y[-1, :, n:]]


def _gru(x: Any, states: list[Any], wi: Any, wh: Any, bi: Any, bh: Any) -> tuple[Any, list[Any]]:
    none = constant(zeros(wh.shape[:1], wh.dtype, wh)) if bh is None else bh
    y = apply(scan.gru, (_given(x, wi, bi), states[0], wh, none))
    return y, [y[-1]]


class RNN(_Recurrent):
    """h[t] = tanh(x[t] @ weight_ih.T + bias_ih + h[t-1] @ weight_hh.T + bias_hh), or with ``"relu"``.

    All parameters are drawn uniformly from ±1/sqrt(hidden), as in PyTorch.

    >>> y, h = RNN(3, 4, rng=0)(np.ones((5, 2, 3), np.float32))
    >>> y.shape, h.shape
    ((5, 2, 4), (1, 2, 4))
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", **options: Any
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNN: nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}")
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, num_layers, **options)

    def _scan(self, x: Any, states: list[Any], wi: Any, wh: Any, bi: Any, bh: Any) -> tuple[Any, list[Any]]:
        return _rnn(x, states, wi, wh, bi, bh, self.nonlinearity)


class LSTM(_Recurrent):
    """c[t] = f * c[t-1] + i * u and h[t] = o * tanh(c[t]), with gates i, f, u, o from x[t] and h[t-1].

    i, f and o are sigmoids, u is a tanh; the rows of the weights come in the order i, f, u, o. The state is a pair
    (h, c). Hochreiter and Schmidhuber, "Long Short-Term Memory" (1997).

    >>> y, (h, c) = LSTM(3, 4, num_layers=2, rng=0)(np.ones((5, 2, 3), np.float32))
    >>> y.shape, h.shape, c.shape
    ((5, 2, 4), (2, 2, 4), (2, 2, 4))
    """

    _gates = 4
    _states = 2

    def _scan(self, x: Any, states: list[Any], wi: Any, wh: Any, bi: Any, bh: Any) -> tuple[Any, list[Any]]:
        return _lstm(x, states, wi, wh, bi, bh)


class GRU(_Recurrent):
    """h[t] = (1 - z) * n + z * h[t-1], with n = tanh(x part + r * (h[t-1] part)) and sigmoid gates r, z.

    The rows of the weights come in the order r, z, n. Cho et al., "Learning Phrase Representations using RNN
    Encoder-Decoder" (2014), in the form that PyTorch uses.

    >>> y, h = GRU(3, 4, bidirectional=True, rng=0)(np.ones((5, 2, 3), np.float32))
    >>> y.shape, h.shape
    ((5, 2, 8), (2, 2, 4))
    """

    _gates = 3

    def _scan(self, x: Any, states: list[Any], wi: Any, wh: Any, bi: Any, bh: Any) -> tuple[Any, list[Any]]:
        return _gru(x, states, wi, wh, bi, bh)


class _Cell(Module):
    """One step of a recurrent layer."""

    _gates = 1
    _states = 1

    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, dtype: Any = np.float32, rng: Rng = None
    ) -> None:
        who = type(self).__name__
        self.input_size = positive(input_size, "input_size", who)
        self.hidden_size = positive(hidden_size, "hidden_size", who)
        draw, bound, rows = generator(rng, who), 1.0 / math.sqrt(hidden_size), self._gates * hidden_size
        self.weight_ih = drawn(bound, (rows, input_size), dtype, draw, who)
        self.weight_hh = drawn(bound, (rows, hidden_size), dtype, draw, who)
        self.bias_ih = drawn(bound, (rows,), dtype, draw, who) if bias else None
        self.bias_hh = drawn(bound, (rows,), dtype, draw, who) if bias else None

    def forward(self, x: Any, state: Any = None) -> Any:
        """Give the next state for an input (batch, input) or (input,), from a state that is zeros by default."""
        who = type(self).__name__
        x = as_tensor(x, who)
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            raise ValueError(f"{who}: needs (batch, {self.input_size}) or ({self.input_size},), got shape {x.shape}")
        alone = x.ndim == 1
        rows = x.reshape(1, 1, -1) if alone else np.expand_dims(x, 0)
        shape = (rows.shape[1], self.hidden_size)
        if state is None:
            first = [constant(zeros(shape, np.result_type(x.dtype, self.weight_ih.dtype), x))] * self._states
        else:
            first = [as_tensor(s, who) for s in (state if self._states > 1 else (state,))]
            first = [s.reshape(1, -1) if alone and s.ndim == 1 else s for s in first]
            if len(first) != self._states or any(s.shape != shape for s in first):
                raise ValueError(
                    f"{who}: needs {self._states} state(s) of shape {shape}, got {[s.shape for s in first]}"
                )
        _, states = self._step(rows, first, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        if alone:
            states = [s[0] for s in states]
        return states[0] if self._states == 1 else tuple(states)

    def _step(self, x: Any, states: list[Any], wi: Any, wh: Any, bi: Any, bh: Any) -> tuple[Any, list[Any]]:
        raise NotImplementedError

    def extra_repr(self) -> str:
        """Give the sizes."""
        return f"{self.input_size}, {self.hidden_size}" + ", bias=False" * (self.bias_ih is None)


class RNNCell(_Cell):
    """One step of an :class:`RNN`.

    >>> RNNCell(3, 4, rng=0)(np.ones((2, 3), np.float32)).shape
    (2, 4)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        dtype: Any = np.float32,
        rng: Rng = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNNCell: nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}")
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, bias, dtype, rng)

    def _step(self, x: Any, states: list[Any], wi: Any, wh: Any, bi: Any, bh: Any) -> tuple[Any, list[Any]]:
        return _rnn(x, states, wi, wh, bi, bh, self.nonlinearity)


class LSTMCell(_Cell):
    """One step of an :class:`LSTM`: it takes and gives a pair (h, c).

    >>> h, c = LSTMCell(3, 4, rng=0)(np.ones((2, 3), np.float32))
    >>> h.shape, c.shape
    ((2, 4), (2, 4))
    """

    _gates = 4
    _states = 2

    def _step(self, x: Any, states: list[Any], wi: Any, wh: Any, bi: Any, bh: Any) -> tuple[Any, list[Any]]:
        return _lstm(x, states, wi, wh, bi, bh)


class GRUCell(_Cell):
    """One step of a :class:`GRU`.

    >>> GRUCell(3, 4, rng=0)(np.ones((2, 3), np.float32)).shape
    (2, 4)
    """

    _gates = 3

    def _step(self, x: Any, states: list[Any], wi: Any, wh: Any, bi: Any, bh: Any) -> tuple[Any, list[Any]]:
        return _gru(x, states, wi, wh, bi, bh)
