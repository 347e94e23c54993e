"""Activation functions and a three-layer forward pass.

    python examples/activations.py
    python examples/activations.py --out FOLDER     also saves pictures there

The page docs/articles/4-activations.md goes with it.
"""

import argparse
from pathlib import Path

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import plots
from tinygrad_nn.nn.functional import relu, sigmoid, softmax

NETWORK = {
    "W1": [[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]],
    "b1": [0.1, 0.2, 0.3],
    "W2": [[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]],
    "b2": [0.1, 0.2],
    "W3": [[0.1, 0.3], [0.2, 0.4]],
    "b3": [0.1, 0.2],
}


def step(x):
    """Give 1 where x is above 0, else 0. Its slope is 0 wherever it has one, so nothing can be learnt through it."""
    return np.heaviside(x, 0.0)


def identity(x):
    return 1.0 * x


def derivative(f):
    """Give the function that has the slope of f, element by element."""
    return lambda x: tg.grad(lambda t: f(t).sum())(x)


ACTIVATIONS = {f.__name__: (f, derivative(f)) for f in (step, sigmoid, relu, identity)}


def forward(x):
    """Give the hidden activations z1, z2 and the result y of the three-layer network."""
    n = {name: tg.Tensor(value, requires_grad=True, name=name) for name, value in NETWORK.items()}
    z1 = sigmoid(x @ n["W1"] + n["b1"])
    z2 = sigmoid(z1 @ n["W2"] + n["b2"])
    y = identity(z2 @ n["W3"] + n["b3"])
    return z1, z2, y


def naive_softmax(x):
    with np.errstate(over="ignore", invalid="ignore"):  # the overflow is the point
        return np.exp(x) / np.exp(x).sum()


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, help="a folder to save pictures in")
    options = parser.parse_args(arguments)

    x = np.array([-2.0, -0.5, 0.5, 2.0])
    table = {name: (np.asarray(f(x), float), slope(x)) for name, (f, slope) in ACTIVATIONS.items()}
    print("x                     ", x)
    for name, (y, slope) in table.items():
        print(f"{name:9} value        {y.round(4)}")
        print(f"{name:9} derivative   {slope.round(4)}")

    z1, z2, y = forward(np.array([1.0, 0.5]))
    print("\nThe three-layer network at (1, 0.5)")
    print("  first layer ", z1.data)
    print("  second layer", z2.data)
    print("  result      ", y.data)

    small, large = np.array([0.3, 2.9, 4.0]), np.array([1010.0, 1000.0, 990.0])
    shares = {"small": softmax(small).data, "large": softmax(large).data, "naive": naive_softmax(large)}
    print("\nSoftmax")
    print("  of (0.3, 2.9, 4)       ", shares["small"], "sum", shares["small"].sum())
    print("  of (1010, 1000, 990)   ", shares["large"])
    print("  exp(x) / sum(exp(x))   ", shares["naive"])

    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        plots.save(plots.activations(ACTIVATIONS), options.out / "activations.svg")
        tg.draw(y).save(options.out / "three_layers.svg")
    return {"table": table, "z1": z1, "z2": z2, "y": y, "softmax": shares}


if __name__ == "__main__":
    main()
