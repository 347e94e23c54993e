"""A worked 2-3-1 network, three losses by hand, and y = 3x learnt by finite differences.

    python examples/worked_example.py
    python examples/worked_example.py --out FOLDER     also saves pictures there

The page docs/articles/2-worked-example.md goes with it.
"""

import argparse
import math
from pathlib import Path

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn.nn.functional import binary_cross_entropy, cross_entropy, mse_loss, sigmoid

X = np.array([1.0, 3.0, 4.0, 8.0, 10.0])
Y = 3 * X
STEP, RATE, EPOCHS = 0.0001, 0.01, 1000


def network():
    """Send (1, 1) through the 2-3-1 network; its target is 0."""
    x = tg.Tensor([1.0, 1.0], name="x")
    V = tg.Tensor([[0.8, 0.4, 0.3], [0.2, 0.9, 0.5]], requires_grad=True, name="V")
    w = tg.Tensor([0.3, 0.5, 0.9], requires_grad=True, name="w")
    sums = x @ V
    hidden = sigmoid(sums)
    output = hidden @ w
    error = (output - 0.0) ** 2
    error.backward()
    return V, w, sums, hidden, output, error


def losses():
    """Give each loss twice: worked out by hand with plain numbers, and by the library."""
    log = math.log
    return {
        "mean squared error of (2.5, 0, 2) for (3, -0.5, 2)": (
            ((2.5 - 3) ** 2 + (0 + 0.5) ** 2 + (2 - 2) ** 2) / 3,
            float(mse_loss([2.5, 0.0, 2.0], [3.0, -0.5, 2.0])),
        ),
        "binary cross-entropy of (0.9, 0.2, 0.6) for (1, 0, 1)": (
            -(log(0.9) + log(1 - 0.2) + log(0.6)) / 3,
            float(binary_cross_entropy([0.9, 0.2, 0.6], [1.0, 0.0, 1.0])),
        ),
        "categorical cross-entropy of (0.1, 0.7, 0.2) for class 1": (
            -log(0.7),
            # It starts from logits, and log(p) are logits whose softmax is p.
            float(cross_entropy(np.log([[0.1, 0.7, 0.2]]), [1])),
        ),
    }


def loss(w, b):
    return np.mean((w * X + b - Y) ** 2)


def forward_differences(w, b):
    """Estimate the gradient from two more values of the loss, each a step to the right."""
    here = loss(w, b)
    return (loss(w + STEP, b) - here) / STEP, (loss(w, b + STEP) - here) / STEP


exact = tg.grad(loss, argnums=(0, 1))


def descend(gradient, w, b):
    for _ in range(EPOCHS):
        dw, db = gradient(w, b)
        w, b = w - RATE * dw, b - RATE * db
    return float(w), float(b)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, help="a folder to save pictures in")
    options = parser.parse_args(arguments)

    V, w, sums, hidden, output, error = network()
    rounded = float(hidden.data.round(2) @ w.data)
    print("A 2-3-1 network, inputs 1 and 1, target 0")
    print("  hidden sums   ", sums.data)
    print("  sigmoids      ", hidden.data)
    print(f"  output         {output:.6f}; {rounded:.3f} from sigmoids rounded to two digits")
    print(f"  squared error  {error:.6f}")
    print("  its derivatives in w", w.grad)
    print("  and in V           ", str(V.grad).replace("\n", "\n" + 22 * " "))

    print("\nLosses: by hand, by the library")
    by_hand = losses()
    for name, (hand, library) in by_hand.items():
        print(f"  {name}: {hand:.6f} {library:.6f}")

    print(f"\ny = 3x from x = 1 3 4 8 10, {EPOCHS} epochs at rate {RATE}")
    ends = {}
    for start in ((2.269, 1.01), (1.4778, 1.0)):
        for name, gradient in (("differences", forward_differences), ("exact", exact)):
            ends[name, start] = descend(gradient, *start)
            print(f"  from w, b = {start}, {name}: ".ljust(43) + "w = {:.9f}, b = {:.9f}".format(*ends[name, start]))

    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        tg.draw(error).save(options.out / "worked_example.svg")
    return {
        "sums": sums.data,
        "hidden": hidden.data,
        "output": float(output),
        "rounded": rounded,
        "error": float(error),
        "losses": by_hand,
        "ends": ends,
    }


if __name__ == "__main__":
    main()
