"""A 2-2-1 network of nine scalar weights, and how derivatives typed wrong by hand are found.

    python examples/scalar_network.py
    python examples/scalar_network.py --out FOLDER     also saves pictures there

The page docs/articles/3-scalar-network.md goes with it.
"""

import argparse
from pathlib import Path

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import plots

NAMES = ["w1", "w2", "w3", "w4", "w5", "w6", "b1", "b2", "b3"]

# Weight minus 135 pounds, height minus 66 inches; the target is 1 for a woman.
PEOPLE = {"Alice": (-2, -1, 1), "Bob": (25, 6, 0), "Charlie": (17, 4, 0), "Diana": (-15, -6, 1)}
STRANGERS = {"Emily": (-7, -3), "Frank": (20, 2)}


def scalars(values):
    return [tg.Tensor(float(v), requires_grad=True, name=name) for name, v in zip(NAMES, values, strict=True)]


def all_ones():
    return scalars([1, 1, 1, 1, 1, 1, 0, 0, 0])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def feed_forward(weights, x1, x2, activation=sigmoid):
    """Give the activations h1, h2 of the hidden neurons and o of the output neuron."""
    w1, w2, w3, w4, w5, w6, b1, b2, b3 = weights
    h1 = activation(w1 * x1 + w2 * x2 + b1)
    h2 = activation(w3 * x1 + w4 * x2 + b2)
    o = activation(w5 * h1 + w6 * h2 + b3)
    return h1, h2, o


def first_step():
    """Work the article's example: all weights 1, all biases 0, input (-2, -1), target 1."""
    weights = all_ones()
    h1, h2, o = feed_forward(weights, -2, -1)
    h1.retain_grad()
    o.retain_grad()
    loss = (1 - o) ** 2
    loss.backward(retain_graph=True)
    # The chain rule's three factors, each a quotient of two gradients.
    chain = [float(o.grad), float(h1.grad / o.grad), float(weights[0].grad / h1.grad)]
    return {"weights": weights, "h1": h1, "h2": h2, "o": o, "loss": loss, "chain": chain}


def picture():
    """Draw the example forwards and backwards, with the library's sigmoid: one box instead of four."""
    h1, h2, o = feed_forward(all_ones(), -2, -1, activation=tg.nn.functional.sigmoid)
    return tg.draw((1 - o) ** 2, direction="both", names={"h1": h1, "h2": h2, "o": o})


def mean_loss(weights):
    with tg.no_grad():
        errors = [(target - feed_forward(weights, x1, x2)[2]) ** 2 for x1, x2, target in PEOPLE.values()]
    return float(np.mean([float(e) for e in errors]))


def train(rate=0.1, epochs=1000, rng=0):
    """Descend after each person: stochastic gradient descent in its plainest form."""
    weights = scalars(np.random.default_rng(rng).standard_normal(9))
    losses = [mean_loss(weights)]
    for _ in range(epochs):
        for x1, x2, target in PEOPLE.values():
            loss = (target - feed_forward(weights, x1, x2)[2]) ** 2
            loss.backward()
            for w in weights:
                w.data -= rate * w.grad
                w.zero_grad()
        losses.append(mean_loss(weights))
    return weights, losses


# Three derivatives typed wrong by hand. An operation is a function and the rule of its derivative, so that whatever
# somebody derived on paper can be declared as one and be put to the test.


def sigmoid_typed_wrong():
    """The article's derivative of the sigmoid, e^x / (1 + e^-x)^2: a minus sign is missing in its numerator."""
    wrong = tg.op.elementwise(
        sigmoid, lambda g, y, x: g * np.exp(x) / (1 + np.exp(-x)) ** 2, name="typed_sigmoid", register=False
    )
    *_, o = feed_forward(all_ones(), -2, -1, activation=wrong)
    return tg.check_graph((1 - o) ** 2, raise_error=False)


def neuron_typed_wrong():
    """The article's second hidden neuron, whose derivative in w4 takes the input x1 instead of x2."""
    neuron = tg.op.general(
        lambda w3, w4, b2, x1, x2: sigmoid(w3 * x1 + w4 * x2 + b2),
        lambda g, y, w3, w4, b2, x1, x2: g * y * (1 - y) * x1,
        lambda g, y, w3, w4, b2, x1, x2: g * y * (1 - y) * x1,
        lambda g, y, w3, w4, b2, x1, x2: g * y * (1 - y),
        None,
        None,
        name="typed_neuron",
        register=False,
    )
    w1, w2, w3, w4, w5, w6, b1, b2, b3 = all_ones()
    x1, x2 = -2.0, -1.0
    h1 = sigmoid(w1 * x1 + w2 * x2 + b1)
    h2 = neuron(w3, w4, b2, x1, x2)
    o = sigmoid(w5 * h1 + w6 * h2 + b3)
    return tg.check_graph((1 - o) ** 2, raise_error=False)


def listing_typed_wrong():
    """The article's listing as one operation: its forward pass, and the nine derivatives of the real network."""
    x1, x2 = -2.0, -1.0

    def forward(w1, w2, w3, w4, w5, w6, b1, b2, b3):
        return sigmoid(w5 * x1 + w6 * x2 + b3)  # x1 and x2, where h1 and h2 belong

    def typed(w1, w2, w3, w4, w5, w6, b1, b2, b3):
        h1, h2 = sigmoid(w1 * x1 + w2 * x2 + b1), sigmoid(w3 * x1 + w4 * x2 + b2)
        o = forward(w1, w2, w3, w4, w5, w6, b1, b2, b3)
        slope, slope1, slope2 = o * (1 - o), w5 * o * (1 - o) * h1 * (1 - h1), w6 * o * (1 - o) * h2 * (1 - h2)
        return slope1 * x1, slope1 * x2, slope2 * x1, slope2 * x2, slope * h1, slope * h2, slope1, slope2, slope

    def rule(k):
        return lambda g, y, *weights: g * typed(*weights)[k]

    listing = tg.op.general(forward, *[rule(k) for k in range(9)], name="listing", register=False)
    return tg.check_graph((1 - listing(*all_ones())) ** 2, raise_error=False)


def faults(report):
    return [f"{o.op.name} ({o.name or 'unnamed'}), {fault}" for o in report.faulty for fault in o.faults]


def show(title, lines):
    print(f"\n{title}")
    for line in lines:
        print(f"  {line}")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, help="a folder to save pictures in")
    options = parser.parse_args(arguments)

    step = first_step()
    print("All weights 1, all biases 0, input (-2, -1), target 1")
    print(f"  h1 = {step['h1']:.4f}, h2 = {step['h2']:.4f}, output = {step['o']:.3f}, loss = {step['loss']:.3f}")
    a, b, c = step["chain"]
    print(f"  dL/dw1 = dL/do * do/dh1 * dh1/dw1 = {a:.6f} * {b:.6f} * {c:.6f} = {a * b * c:.6f}")
    rounded = -2 * (1 - round(float(step["o"]), 3)) * round(b, 3) * round(c, 4)
    print(f"         from rounded numbers, as in the article: -2 (1 - .524) * {b:.3f} * {c:.4f} = {rounded:.4f}")

    weights, losses = train()
    show("Descent after each person at rate 0.1", [f"epoch {e:4}: {losses[e]:.4f}" for e in range(0, 1001, 200)])
    guesses = {name: float(feed_forward(weights, *x)[2]) for name, x in STRANGERS.items()}
    show("Strangers", [f"{name}: {guess:.3f}" for name, guess in guesses.items()])

    reports = {"sigmoid": sigmoid_typed_wrong(), "neuron": neuron_typed_wrong(), "listing": listing_typed_wrong()}
    show("The sigmoid's derivative typed as e^x / (1 + e^-x)^2", faults(reports["sigmoid"]))
    show("dh2/dw4 typed with x1 instead of x2", faults(reports["neuron"]))
    show("The output neuron fed with the inputs", faults(reports["listing"]))

    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        picture().save(options.out / "scalar_network.svg")
        plots.save(plots.history({"loss": losses}), options.out / "scalar_network_loss.svg")
    found = {"step": step, "rounded": rounded, "weights": weights, "losses": losses, "guesses": guesses}
    return {**found, "reports": reports}


if __name__ == "__main__":
    main()
