"""The Python array API standard over tensors: differentiable where the functions are.

>>> from tinygrad_nn import Tensor, array_api as xp
>>> x = Tensor([1.0, 2.0], requires_grad=True)
>>> xp.sum(xp.square(x)).backward()
>>> x.grad
array([2., 4.])
"""

import numpy as _np

from . import adapted, creation, fft, info, linalg  # noqa: F401
from .lift import lifted as _lifted
from .names import ARRAY as _ARRAY
from .names import DTYPES as _DTYPES
from .names import ELEMENTWISE as _ELEMENTWISE

__array_api_version__ = "2025.12"

e, inf, nan, newaxis, pi = _np.e, _np.inf, _np.nan, None, _np.pi

# NumPy 2.0 lacks a few names of the later standard; what it lacks is missing here too.
_functions = {n: _lifted(getattr(_np, n), n) for n in (*_ELEMENTWISE, *_ARRAY) if hasattr(_np, n)}
globals().update(_functions)
globals().update({n: _np.dtype(n) for n in _DTYPES})


globals().update({n: getattr(m, n) for m in (adapted, creation, info) for n in m.__all__})


def __array_namespace_info__() -> info.Info:
    """Tell what the namespace can do."""
    return info.Info()


_others = ["__array_api_version__", "__array_namespace_info__", "e", "fft", "inf", "linalg", "nan", "newaxis", "pi"]
__all__ = sorted([*_functions, *_DTYPES, *adapted.__all__, *creation.__all__, *info.__all__, *_others])
