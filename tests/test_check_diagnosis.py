"""check_graph names a fault planted in any registered operation, with the right diagnosis."""

import re

import numpy as np
import pytest
from mutations import broadcast_dropped, cotangent_ignored, gradients, mutant, scaled, sign
from op_samples import REFUSES, samples

import tinygrad_nn as tg
from tinygrad_nn.op import OPS
from tinygrad_nn.tensor import apply
from tinygrad_nn.walk import fold


def half(g, x, rule, rng):
    return rule(g) * 0.5


def nothing(g, x, rule, rng):
    return rule(g) * 0.0


def transposed(g, x, rule, rng):
    gx = np.array(fold(rule(g), np.shape(x)))
    return gx.T.reshape(gx.shape) if gx.ndim == 2 else gx


#: A diagnosis, the fault that it belongs to.
DIAGNOSES = {
    r"scaled by a factor 1\.0005": scaled,
    r"scaled by a factor 1/2": half,
    r"it has the wrong sign": sign,
    r"a path is missing": nothing,
    r"it ignores the cotangent": cotangent_ignored,
    # What becomes of a matrix when its transpose is read in the wrong shape.
    r"transposed|permuted|the right numbers in the wrong places|shifted|reversed": transposed,
    r"not summed over a broadcast ax[ei]s": broadcast_dropped,
}


def planted():
    """Give (sample, which input, diagnosis) for all registered operations."""
    for name in sorted(OPS):
        if OPS[name].family != "composite" and name not in REFUSES:
            for s in samples(name)[:3]:
                for k, x in enumerate(s.leaves()):
                    if x.size and all(np.isfinite(v).all() for v in s.leaves()):
                        for words in DIAGNOSES:
                            yield s, k, words


def diagnosed(s, k, words):
    """Give None where the fault changes nothing, else what is wrong with the diagnosis (nothing where it is right)."""
    xs = s.leaves()
    at = s.varies[k][-1] if s.op.variadic else s.varies[k][0]
    wrong = mutant(s.op, at, DIAGNOSES[words], 1)
    with np.errstate(all="ignore"):
        right, got = gradients(s.op, s, xs, k), gradients(wrong, s, xs, k)
        if right is None or not np.isfinite(right).all():
            return None
        if np.max(np.abs(got - right), initial=0.0) <= 1e-6 * np.max(np.abs(right), initial=0.0):
            return None
        before = [tg.Tensor(x, requires_grad=True) * 1.0 for x in xs]
        made = apply(wrong, s.with_leaves(before), s.params)
        loss = (np.tanh(made) * 2.0).sum()
    report = tg.check_graph(loss, raise_error=False)
    if [o.node for o in report.faulty] != [made]:
        return f"{s} input {k}: named {[o.title for o in report.faulty]}"
    return "" if re.search(words, report.faulty[0].faults[0]) else f"{s} input {k}: {report.faulty[0].faults}"


def check(faults):
    results = [diagnosed(*fault) for fault in faults]
    return sum(r is not None for r in results), [r for r in results if r]


def some(count, seed):
    faults = list(planted())
    rng = np.random.default_rng(seed)
    by_kind = {words: [f for f in faults if f[2] == words] for words in DIAGNOSES}
    return [group[i] for group in by_kind.values() for i in rng.choice(len(group), count, replace=False)]


def test_planted_faults_in_registered_operations_are_named_and_diagnosed():
    n, bad = check(some(5, seed=0))
    assert n >= 15
    assert not bad


@pytest.mark.slow
def test_many_planted_faults_are_named_and_diagnosed():
    n, bad = check(some(100, seed=1))
    print(f"{n} faults named, {len(bad)} of them with another diagnosis")
    assert n >= 300
    assert len(bad) <= 0.01 * n, bad
