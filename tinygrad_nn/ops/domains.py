"""Where operations are defined and smooth: the intervals that declarations name, for the tests and the reference page.

A domain is an interval (low, high), ``"nonzero"``, ``"bool"``, ``"int"``, ``"spd"`` (symmetric positive definite
matrices), ``"symmetric"``, ``"invertible"`` (square, well conditioned), or a tuple of these, one per input.
"""

from __future__ import annotations

INF = float("inf")
REAL = (-INF, INF)
POSITIVE = (0.0, INF)
UNIT = (-1.0, 1.0)
