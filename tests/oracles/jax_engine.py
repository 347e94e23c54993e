"""JAX, on the CPU in 64 bit, with the names that programs use; functions that it lacks are spelled out."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

# Compiling takes nearly all the time, and a program runs once: no optimization. Read when JAX starts.
FLAGS = (
    "--xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true "
    "--xla_cpu_parallel_codegen_split_count=1"
)


def start() -> Any:
    """Import JAX and give the module with its NumPy, its special functions and ``fn``."""
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FLAGS}"
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax
    import jax.numpy as jnp
    import jax.scipy.special

    jax.config.update("jax_enable_x64", True)
    nn, lax = jax.nn, jax.lax

    def reduced(rows: Any, reduction: str) -> Any:
        return {"none": lambda v: v, "mean": jnp.mean, "sum": jnp.sum}[reduction](rows)

    def nll_loss(x: Any, labels: Any, reduction: str) -> Any:
        return reduced(-x[jnp.arange(x.shape[0]), labels], reduction)

    def logits_loss(x: Any, t: Any, reduction: str) -> Any:
        return reduced(jnp.maximum(x, 0) - x * t + jnp.log1p(jnp.exp(-jnp.abs(x))), reduction)

    def conv(x: Any, w: Any, stride: Any, padding: Any, dilation: Any) -> Any:
        return lax.conv_general_dilated(x, w, stride, padding, rhs_dilation=dilation)

    def windows(x: Any, size: Any, stride: Any) -> Any:
        starts = jnp.arange(0, x.shape[-1] - size[0] + 1, stride[0])
        return x[..., starts[:, None] + jnp.arange(size[0])]

    fn = SimpleNamespace(
        relu=nn.relu,
        sigmoid=nn.sigmoid,
        softplus=nn.softplus,
        logsigmoid=nn.log_sigmoid,
        softmax=nn.softmax,
        log_softmax=nn.log_softmax,
        logsumexp=nn.logsumexp,
        leaky_relu=nn.leaky_relu,
        elu=nn.elu,
        celu=nn.celu,
        selu=nn.selu,
        silu=nn.silu,
        mish=nn.mish,
        gelu=lambda x: nn.gelu(x, approximate=False),
        gelu_tanh=lambda x: nn.gelu(x, approximate=True),
        hardtanh=nn.hard_tanh,
        hardsigmoid=nn.hard_sigmoid,
        hardswish=nn.hard_swish,
        softsign=nn.soft_sign,
        cummax=lambda x, axis: lax.cummax(x, axis),
        cummin=lambda x, axis: lax.cummin(x, axis),
        cross_entropy=lambda x, labels, reduction: nll_loss(nn.log_softmax(x, 1), labels, reduction),
        nll_loss=nll_loss,
        mse_loss=lambda a, b, reduction: reduced((a - b) ** 2, reduction),
        binary_cross_entropy=lambda p, t, reduction: reduced(-t * jnp.log(p) - (1 - t) * jnp.log1p(-p), reduction),
        binary_cross_entropy_with_logits=logits_loss,
        affine=lambda x, w, b: x @ w.T + b,
        take_rows=lambda x, index: x[index],
        conv=conv,
        max_pool=lambda x, size, stride, padding, dilation: windows(x, size, stride).max(-1),
        sum_pool=lambda x, size, stride, padding, dilation: windows(x, size, stride).sum(-1),
        standardize=lambda x, axis, eps: nn.standardize(x, axis, epsilon=eps),
        rms_normalize=lambda x, axis, eps: x / jnp.sqrt(jnp.mean(x * x, axis=axis, keepdims=True) + eps),
    )
    return SimpleNamespace(jax=jax, np=jnp, fn=fn, special=jax.scipy.special)
