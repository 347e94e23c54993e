"""Pooling layers."""

from __future__ import annotations

from typing import Any

from . import functional as F
from .activation import vars_of
from .functional.window import Size
from .module import Module


class _Pool(Module):
    def extra_repr(self) -> str:
        """Give the options that are set."""
        return ", ".join([f"{k}={v!r}" for k, v in vars_of(self).items() if v is not None])


class MaxPool1d(_Pool):
    """The largest element of each window: see :func:`tinygrad_nn.nn.functional.max_pool1d`.

    >>> MaxPool1d(2)([[[1.0, 3.0, 2.0, 0.0]]])
    Tensor([[[3., 2.]]])
    """

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.ceil_mode = ceil_mode

    def forward(self, x: Any) -> Any:
        """Give the maxima."""
        return F.max_pool1d(x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)


class MaxPool2d(MaxPool1d):
    """The largest element of each window of images.

    >>> import numpy as np
    >>> MaxPool2d(2)(np.ones((2, 3, 8, 8))).shape
    (2, 3, 4, 4)
    """

    def forward(self, x: Any) -> Any:
        """Give the maxima."""
        return F.max_pool2d(x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)


class AvgPool1d(_Pool):
    """The mean of each window: see :func:`tinygrad_nn.nn.functional.avg_pool1d`.

    >>> AvgPool1d(2)([[[1.0, 3.0, 2.0, 0.0]]])
    Tensor([[[2., 1.]]])
    """

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, x: Any) -> Any:
        """Give the means."""
        return F.avg_pool1d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class AvgPool2d(_Pool):
    """The mean of each window of images.

    >>> import numpy as np
    >>> AvgPool2d(2)(np.ones((2, 3, 8, 8))).shape
    (2, 3, 4, 4)
    """

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, x: Any) -> Any:
        """Give the means."""
        return F.avg_pool2d(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class AdaptiveAvgPool1d(_Pool):
    """Means over as many bins as output_size says.

    >>> AdaptiveAvgPool1d(2)([[[1.0, 2.0, 3.0, 4.0]]])
    Tensor([[[1.5, 3.5]]])
    """

    def __init__(self, output_size: Any) -> None:
        self.output_size = output_size

    def forward(self, x: Any) -> Any:
        """Give the means."""
        return F.adaptive_avg_pool1d(x, self.output_size)


class AdaptiveAvgPool2d(AdaptiveAvgPool1d):
    """Means over a grid of bins; None keeps the length of an axis.

    >>> import numpy as np
    >>> AdaptiveAvgPool2d(1)(np.ones((2, 3, 8, 8))).shape
    (2, 3, 1, 1)
    """

    def forward(self, x: Any) -> Any:
        """Give the means."""
        return F.adaptive_avg_pool2d(x, self.output_size)
