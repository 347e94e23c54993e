"""Bessel, hypergeometric and elliptic functions from SciPy, and integrals with an elementary derivative."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import Op, case, composite, elementwise
from .domains import POSITIVE, UNIT
from .special import no_rule
from .special import scipy_special as sp

_ORDER = [case(1.0, (3, 4)), case(2.5, ())]

i0 = elementwise(sp.i0, lambda g, y, x: g * sp.i1(x), numpy=(sp.i0, np.i0))
# By the neighbouring orders: i0 - i1 / x would be 0 / 0 at 0 (DLMF 10.29.1; 10.6.1 for the others).
i1 = elementwise(sp.i1, lambda g, y, x: g * (0.5 * (sp.i0(x) + sp.iv(2.0, x))), numpy=sp.i1)
i0e = elementwise(sp.i0e, lambda g, y, x: g * (sp.i1e(x) - np.sign(x) * y), numpy=sp.i0e)
i1e = elementwise(
    sp.i1e, lambda g, y, x: g * (0.5 * (sp.i0e(x) + sp.ive(2.0, x)) - np.sign(x) * y), numpy=sp.i1e, domain="nonzero"
)
j0 = elementwise(sp.j0, lambda g, y, x: -g * sp.j1(x), numpy=sp.j0)
j1 = elementwise(sp.j1, lambda g, y, x: g * (0.5 * (sp.j0(x) - sp.jv(2.0, x))), numpy=sp.j1)
y0 = elementwise(sp.y0, lambda g, y, x: -g * sp.y1(x), numpy=sp.y0, domain=POSITIVE)
y1 = elementwise(sp.y1, lambda g, y, x: g * (0.5 * (sp.y0(x) - sp.yv(2.0, x))), numpy=sp.y1, domain=POSITIVE)
k0 = elementwise(sp.k0, lambda g, y, x: -g * sp.k1(x), numpy=sp.k0, domain=POSITIVE)
k1 = elementwise(sp.k1, lambda g, y, x: g * (-0.5 * (sp.k0(x) + sp.kv(2.0, x))), numpy=sp.k1, domain=POSITIVE)
k0e = elementwise(sp.k0e, lambda g, y, x: g * (y - sp.k1e(x)), numpy=sp.k0e, domain=POSITIVE)
k1e = elementwise(sp.k1e, lambda g, y, x: g * (y - 0.5 * (sp.k0e(x) + sp.kve(2.0, x))), numpy=sp.k1e, domain=POSITIVE)
jv = elementwise(
    sp.jv,
    no_rule("jv", "v"),
    lambda g, y, v, x: g * (0.5 * (sp.jv(v - 1.0, x) - sp.jv(v + 1.0, x))),
    numpy=sp.jv,
    domain=(POSITIVE, POSITIVE),
    cases=_ORDER,
)
yv = elementwise(
    sp.yv,
    no_rule("yv", "v"),
    lambda g, y, v, x: g * (0.5 * (sp.yv(v - 1.0, x) - sp.yv(v + 1.0, x))),
    numpy=sp.yv,
    domain=(POSITIVE, POSITIVE),
    cases=_ORDER,
)
iv = elementwise(
    sp.iv,
    no_rule("iv", "v"),
    lambda g, y, v, x: g * (0.5 * (sp.iv(v - 1.0, x) + sp.iv(v + 1.0, x))),
    numpy=sp.iv,
    domain=(POSITIVE, POSITIVE),
    cases=_ORDER,
)
kv = elementwise(
    sp.kv,
    no_rule("kv", "v"),
    lambda g, y, v, x: g * (-0.5 * (sp.kv(v - 1.0, x) + sp.kv(v + 1.0, x))),
    numpy=sp.kv,
    domain=(POSITIVE, POSITIVE),
    cases=_ORDER,
)
ive = elementwise(
    sp.ive,
    no_rule("ive", "v"),
    lambda g, y, v, x: g * (0.5 * (sp.ive(v - 1.0, x) + sp.ive(v + 1.0, x)) - np.sign(x) * y),
    numpy=sp.ive,
    domain=(POSITIVE, POSITIVE),
    cases=_ORDER,
)
kve = elementwise(
    sp.kve,
    no_rule("kve", "v"),
    lambda g, y, v, x: g * (y - 0.5 * (sp.kve(v - 1.0, x) + sp.kve(v + 1.0, x))),
    numpy=sp.kve,
    domain=(POSITIVE, POSITIVE),
    cases=_ORDER,
)
# The derivative of a hypergeometric function raises each parameter by one (DLMF 13.3.15, 15.5.1, 16.3.1).
hyp0f1 = elementwise(
    sp.hyp0f1,
    no_rule("hyp0f1", "v"),
    lambda g, y, v, x: g * (sp.hyp0f1(v + 1.0, x) / v),
    numpy=sp.hyp0f1,
    cases=_ORDER,
)
hyp1f1 = elementwise(
    sp.hyp1f1,
    no_rule("hyp1f1", "a"),
    no_rule("hyp1f1", "b"),
    lambda g, y, a, b, x: g * (a / b * sp.hyp1f1(a + 1.0, b + 1.0, x)),
    numpy=sp.hyp1f1,
    cases=[case(1.0, 2.5, (3, 4)), case(0.5, 3.0, ())],
)
hyp2f1 = elementwise(
    sp.hyp2f1,
    no_rule("hyp2f1", "a"),
    no_rule("hyp2f1", "b"),
    no_rule("hyp2f1", "c"),
    lambda g, y, a, b, c, x: g * (a * b / c * sp.hyp2f1(a + 1.0, b + 1.0, c + 1.0, x)),
    numpy=sp.hyp2f1,
    domain=(POSITIVE, POSITIVE, POSITIVE, (-0.9, 0.9)),
    cases=[case(0.5, 1.5, 2.0, (3, 4)), case(1.0, 1.0, 2.5, ())],
)
ellipk = elementwise(
    sp.ellipk,
    lambda g, y, x: g * (math.pi / 8.0 * sp.hyp2f1(1.5, 1.5, 2.0, x)),
    numpy=sp.ellipk,
    domain=UNIT,
    kinks="infinite at 1",
)
ellipe = elementwise(
    sp.ellipe,
    lambda g, y, x: g * (-math.pi / 8.0 * sp.hyp2f1(0.5, 1.5, 2.0, x)),
    numpy=sp.ellipe,
    domain=UNIT,
    kinks="infinite at 1",
)


def _part(f: Any, i: int) -> Any:
    def part(x: Any) -> Any:
        return f(x)[i]

    return part


sine_integral: Op = elementwise(
    _part(sp.sici, 0), lambda g, y, x: g * np.sinc(x / math.pi), name="sine_integral", formula="sici(x)[0]"
)
cosine_integral: Op = elementwise(
    _part(sp.sici, 1),
    lambda g, y, x: g * (np.cos(x) / x),
    name="cosine_integral",
    domain=POSITIVE,
    formula="sici(x)[1]",
)
sici = composite(
    lambda x: (sine_integral(x), cosine_integral(x)), name="sici", numpy=sp.sici, domain=POSITIVE, cases=[case((3, 4))]
)
fresnel_s: Op = elementwise(
    _part(sp.fresnel, 0), lambda g, y, x: g * np.sin(0.5 * math.pi * x * x), name="fresnel_s", formula="fresnel(x)[0]"
)
fresnel_c: Op = elementwise(
    _part(sp.fresnel, 1), lambda g, y, x: g * np.cos(0.5 * math.pi * x * x), name="fresnel_c", formula="fresnel(x)[1]"
)
fresnel = composite(lambda x: (fresnel_s(x), fresnel_c(x)), name="fresnel", numpy=sp.fresnel, cases=[case((3, 4))])
