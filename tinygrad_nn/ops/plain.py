"""NumPy functions that have no derivative by nature: on tensors they give plain arrays and numbers."""

from __future__ import annotations

import numpy as np

from ..op import PLAIN

PLAIN.update(
    [
        *(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal),
        *(np.isnan, np.isinf, np.isfinite, np.signbit, np.logical_and, np.logical_or, np.logical_not, np.logical_xor),
        *(np.argmax, np.argmin, np.argsort, np.argpartition, np.argwhere, np.nonzero, np.flatnonzero),
        *(np.count_nonzero, np.searchsorted, np.digitize, np.nanargmax, np.nanargmin),
        *(np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.min_scalar_type, np.iscomplexobj, np.isrealobj),
        *(np.all, np.any, np.isclose, np.allclose, np.array_equal, np.array_equiv, np.isin),
        *(np.zeros_like, np.ones_like, np.empty_like),
        *(np.array2string, np.array_repr, np.array_str, np.save, np.savetxt, np.may_share_memory, np.shares_memory),
        *(np.lexsort, np.isposinf, np.isneginf, np.linalg.matrix_rank),
        *(np.diag_indices_from, np.tril_indices_from, np.triu_indices_from, np.common_type, np.isreal, np.iscomplex),
        *(np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.left_shift, np.right_shift, np.gcd, np.lcm),
        *(np.einsum_path, np.ravel_multi_index, np.unravel_index, np.ix_, np.savez, np.savez_compressed),
    ]
)
