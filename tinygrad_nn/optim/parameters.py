"""What may be given to an optimizer: leaf tensors that need a gradient, or groups of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from numpy import ndarray

from ..tensor import Tensor


def label(p: Tensor, number: int) -> str:
    """Name a parameter for a message."""
    name = f" ({p.name!r})" if p.name else ""
    return f"parameter {number}{name} of shape {p.shape}"


def grouped(params: Any, who: str) -> list[dict[str, Any]]:
    """Give groups, dicts with a list of tensors as ``params``, or raise a TypeError or ValueError that says what to do.

    >>> from tinygrad_nn import Tensor
    >>> len(grouped([Tensor([1.0], requires_grad=True)], "SGD"))
    1
    """
    items = listed(params, who)
    if not items:
        raise ValueError(
            f"{who}: no parameters given; an iterator such as model.parameters() can be used only once, "
            f"and a model without parameters needs no optimizer"
        )
    if not any(isinstance(item, Mapping) for item in items):
        return [{"params": leaves(items, who)}]
    groups = []
    for i, item in enumerate(items):
        if not isinstance(item, Mapping):
            raise TypeError(
                f"{who}: tensors and groups are mixed; put the tensors into a group {{'params': [...]}} too"
            )
        if "params" not in item:
            raise ValueError(f"{who}: group {i} has no 'params'; it holds {', '.join(map(repr, item))}")
        members = listed(item["params"], who, one=True)
        if not members:
            raise ValueError(f"{who}: group {i} has no parameters; leave it out")
        groups.append({**item, "params": leaves(members, who)})
    return groups


def listed(params: Any, who: str, one: bool = False) -> list[Any]:
    """Give the items of an iterable of tensors, or raise TypeError with the way to get one from what was given."""
    if isinstance(params, Tensor):
        if one:
            return [params]
        raise TypeError(f"{who}: params is one Tensor, not a list of them; write [w]")
    if callable(getattr(params, "parameters", None)):
        raise TypeError(f"{who}: params is a {type(params).__name__}; give its parameters: model.parameters()")
    if isinstance(params, Mapping):
        raise TypeError(
            f"{who}: params is a dict; give model.parameters(), list(d.values()), or for a group [{{'params': [...]}}]"
        )
    if isinstance(params, str | bytes | ndarray) or not isinstance(params, Iterable):
        raise TypeError(f"{who}: params must be an iterable of tensors, got {type(params).__name__}")
    return list(params)


def leaves(items: list[Any], who: str) -> list[Tensor]:
    """Check that every item is a leaf tensor that needs a gradient."""
    for i, p in enumerate(items):
        if isinstance(p, tuple) and len(p) == 2 and isinstance(p[1], Tensor):
            raise TypeError(f"{who}: item {i} is a pair ({p[0]!r:.40}, Tensor); give model.parameters()")
        if not isinstance(p, Tensor):
            raise TypeError(
                f"{who}: item {i} is {type(p).__name__}, not a Tensor; make it Tensor(..., requires_grad=True)"
            )
        if p.op is not None:
            raise ValueError(
                f"{who}: {label(p, i)} is not a leaf but the result of {p.op.name!r}; "
                f"give the tensors that it was computed from"
            )
        if not p.requires_grad:
            raise ValueError(
                f"{who}: {label(p, i)} does not require a gradient; "
                f"leave it out: [p for p in model.parameters() if p.requires_grad]"
            )
    return items
