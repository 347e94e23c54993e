"""The form in which every set of images is handed out."""

import numpy as np


def as_input(images: np.ndarray, maximum: float, flat: bool) -> np.ndarray:
    """Return images (n, height, width) with values 0 ... maximum as float32 in [0, 1].

    The shape is (n, height * width) or, with `flat=False`, (n, 1, height, width), as convolutions take it (NCHW).

    >>> as_input(np.array([[[0, 16], [8, 4]]]), 16, flat=True)
    array([[0. , 1. , 0.5 , 0.25]], dtype=float32)
    """
    n, height, width = images.shape
    shape = (n, height * width) if flat else (n, 1, height, width)
    return np.divide(images, np.float32(maximum), dtype=np.float32).reshape(shape)
