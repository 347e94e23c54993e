"""Two moons from scratch: why the article's network 2-4-6-6-4-1 does not learn, and two lines that make it learn.

    python examples/two_moons.py                   some seconds
    python examples/two_moons.py --author          also the network that made the article's 95 %: half a minute more
    python examples/two_moons.py --out FOLDER      also saves pictures there

The page docs/articles/1-two-moons.md goes with it.
"""

import argparse
import math
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.datasets import make_moons
from sklearn.model_selection import train_test_split

import tinygrad_nn as tg
from tinygrad_nn import optim, plots
from tinygrad_nn.nn.functional import binary_cross_entropy, relu, sigmoid

# A network is a list of layers: inputs, outputs, activation.
PRINTED = [(2, 4, relu), (4, 6, relu), (6, 6, relu), (6, 4, relu), (4, 1, sigmoid)]
AUTHORS = [(2, 25, relu), (25, 50, relu), (50, 50, relu), (50, 25, relu), (25, 1, sigmoid)]


def moons():
    """Give the article's points, one per column: X (2, n) and Y (1, n), to train and to test."""
    X, y = make_moons(n_samples=1000, noise=0.2, random_state=100)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.1, random_state=42)
    return (X_train.T, y_train[None].astype(float)), (X_test.T, y_test[None].astype(float))


def article_weights(network, seed=2):
    """Draw weights and biases as the article does: randn * 0.1."""
    random = np.random.RandomState(seed)  # what np.random.seed(seed) would make of the global generator
    return [0.1 * random.randn(n_out, n) for n_in, n_out, _ in network for n in (n_in, 1)]


def he_weights(network, seed=2):
    """Draw weights with the variance 2 / inputs, which keeps the size of a signal through ReLU; biases are 0."""
    random = np.random.RandomState(seed)
    arrays = []
    for n_in, n_out, _ in network:
        arrays += [random.randn(n_out, n_in) * math.sqrt(2 / n_in), np.zeros((n_out, 1))]
    return arrays


def tensors(arrays):
    """Give parameters W1, b1, W2, b2, ... that remember what is computed from them."""
    return [tg.Tensor(a, requires_grad=True, name=f"{'Wb'[i % 2]}{i // 2 + 1}") for i, a in enumerate(arrays)]


def forward(network, parameters, X):
    """Give the activations of every layer, X first; the last is the probability of class 1."""
    activations = [X]
    for (_, _, activation), W, b in zip(network, parameters[0::2], parameters[1::2], strict=True):
        activations.append(activation(W @ activations[-1] + b))
    return activations


def probability(network, parameters, points):
    """Give the probability of class 1 for points, one per row."""
    with tg.no_grad():
        return forward(network, parameters, points.T)[-1].data[0]


def accuracy(network, parameters, X, Y):
    return float(((probability(network, parameters, X.T) > 0.5) == Y[0]).mean())


def train(network, parameters, optimizer, epochs, data, until=1.0):
    """Descend on the whole training set, and stop early when the accuracy on the test set is above `until`."""
    (X, Y), test = data
    history = {"cost": [], "accuracy": [], "test accuracy": []}
    for _ in range(epochs):
        P = forward(network, parameters, X)[-1]
        cost = binary_cross_entropy(P, Y)
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        history["cost"].append(float(cost))
        history["accuracy"].append(float(((P.data > 0.5) == Y).mean()))
        history["test accuracy"].append(accuracy(network, parameters, *test))
        if history["test accuracy"][-1] > until:
            break
    return history


def epochs_until(history, level):
    """Give the number of epochs after which the test accuracy was first above a level, or None."""
    return next((epoch for epoch, a in enumerate(history["test accuracy"], 1) if a > level), None)


def first_step(network, parameters, data):
    """Compute the cost and its gradients once, and keep the graph, so that it can be asked."""
    (X, Y), _ = data
    activations = forward(network, parameters, X)
    cost = binary_cross_entropy(activations[-1], Y)
    cost.backward(retain_graph=True)
    return activations, cost


def dead(data):
    """Show what the printed network does: nothing, from the first step on."""
    parameters = tensors(article_weights(PRINTED))
    activations, cost = first_step(PRINTED, parameters, data)
    print("2-4-6-6-4-1 as printed: weights and biases randn * 0.1, seed 2, descent at rate 0.01")
    print("  largest gradient of", ", ".join([f"{p.name} {np.abs(p.grad).max():.2g}" for p in parameters]))
    positive = [float((a.data > 0).mean()) for a in activations[1:-1]]
    print("  share of positive activations in layers 1 to 4:", ", ".join([f"{share:.0%}" for share in positive]))
    reason = tg.why(parameters[0])
    print(f"  {reason}")
    gradients = {p.name: p.grad for p in parameters}

    history = train(PRINTED, parameters, optim.SGD(parameters, lr=0.01), 1000, data)
    for epoch in (1, 10, 100, 1000):
        cost, hits = history["cost"][epoch - 1], history["test accuracy"][epoch - 1]
        print(f"  epoch {epoch:4}: cost {cost:.5f}, test accuracy {hits:.0%}")
    return {"parameters": parameters, "gradients": gradients, "positive": positive, "why": reason, "history": history}


CURES = {
    "Adam at 0.03": lambda p: optim.Adam(p, lr=0.03),
    "momentum 0.9 at 0.1": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "plain descent at 0.1": lambda p: optim.SGD(p, lr=0.1),
    "plain descent at 0.01": lambda p: optim.SGD(p, lr=0.01),
}


def cure(name, data, seed=2, most=10000):
    """Train the same network from He's weights until more than 95 % of the test set are right."""
    parameters = tensors(he_weights(PRINTED, seed))
    history = train(PRINTED, parameters, CURES[name](parameters), most, data, until=0.95)
    return parameters, history, epochs_until(history, 0.95)


def author(data):
    """Train the network of the article's own program as long as it did: 10 000 epochs of plain descent."""
    parameters = tensors(article_weights(AUTHORS))
    history = train(AUTHORS, parameters, optim.SGD(parameters, lr=0.01), 10000, data)
    reached = epochs_until(history, 0.949)
    print("\n2-25-50-50-25-1, the network of the article's program, descent at 0.01")
    print(f"  95 % of the test set after {reached} epochs, {history['test accuracy'][-1]:.0%} after 10000")
    return {"reached": reached, "history": history}


def pictures(data, before, after, histories, folder):
    """Save what the dead and the cured network see, the gradients of the dead one, and the costs."""
    from matplotlib.figure import Figure

    (X, Y), _ = data
    seen = Figure(figsize=(11, 4), layout="constrained").subplots(1, 2)
    for ax, title, parameters in zip(seen, ("as printed", "cured"), (before["parameters"], after), strict=True):
        predict = partial(probability, PRINTED, parameters)
        plots.decision_boundary(predict, X.T, Y[0].astype(int), labels=["upper moon", "lower moon"], ax=ax)
        ax.set_title(title)
    plots.save(seen, folder / "two_moons.png")

    plots.save(plots.gradient_flow(before["gradients"]), folder / "two_moons_gradients.svg")

    costs = {"as printed": before["history"]["cost"][:250]}
    costs |= {name: histories[name]["cost"][:250] for name in list(CURES)[:3]}
    ax = Figure(figsize=(7, 3.5), layout="constrained").add_subplot()
    plots.history(costs, ax=ax)
    ax.set_ylabel("cost")
    plots.save(ax, folder / "two_moons_costs.svg")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--author", action="store_true", help="also train the network that made the article's 95 %%")
    parser.add_argument("--out", type=Path, help="a folder to save pictures in")
    options = parser.parse_args(arguments)
    data = moons()
    found = {"dead": dead(data)}

    print("\nThe same network from He's weights: epochs until more than 95 % of the test set are right")
    found["cures"], histories, cured = {}, {}, {}
    for name in CURES:
        cured[name], histories[name], found["cures"][name] = cure(name, data)
        print(f"  {name + ':':22} {found['cures'][name]}")
    print("and from the seeds 0 to 9, at most 300 epochs")
    found["seeds"] = {name: [cure(name, data, seed, 300)[2] for seed in range(10)] for name in list(CURES)[:2]}
    for name, epochs in found["seeds"].items():
        print(f"  {name + ':':22} {' '.join(['-' if n is None else str(n) for n in epochs])}")

    if options.author:
        found["author"] = author(data)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        pictures(data, found["dead"], cured["Adam at 0.03"], histories, options.out)
    return found


if __name__ == "__main__":
    main()
