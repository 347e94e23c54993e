"""A configurable network for handwritten digits: train, look, evaluate, save, load, predict.

    python examples/digits.py                                  scikit-learn's digits, a few seconds
    python examples/digits.py --layers 128 64 --rate 0.002     two hidden layers
    python examples/digits.py --mnist FOLDER --epochs 5        the four IDX files of MNIST, plain or .gz
    python examples/digits.py --text FOLDER                    digits as 32 x 32 characters 0 and 1, named LABEL_N.txt
    python examples/digits.py --out FOLDER                     also saves the network and pictures there

The page docs/articles/5-digits.md goes with it.
"""

import argparse
import os
import tempfile
from itertools import pairwise
from pathlib import Path

# Matrix products this small gain nothing from threads and lose much on a busy machine, where these wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import data, nn, optim, plots


def digits(options):
    """Give ((X_train, y_train), (X_test, y_test)): images as rows of numbers from 0 to 1, and labels."""
    if options.mnist:
        return data.mnist(options.mnist)
    if options.text:
        images, labels = data.read_digit_text(options.text)
        X = images.reshape(len(images), -1).astype(np.float32)
        return data.split(X, labels, test_size=0.2, rng=0, stratify=labels)
    return data.digits()


def network(sizes, rng):
    """Stack dense layers of these sizes with ReLU in between; the last gives a score for each digit."""
    rng = np.random.default_rng(rng)  # one generator for all layers: equal seeds would make equal layers
    layers = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs, rng=rng), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def watched(model, X):
    """Choose what to record every epoch: the weight of the pixel that varies most, and a bias at either end."""
    pixel = int(X.var(axis=0).argmax())
    return [("0.weight", (0, pixel)), ("0.bias", (0,)), (f"{len(model) - 1}.bias", (0,))]


def train(model, train_set, test_set, options):
    optimizer = optim.Adam(model.parameters(), lr=options.rate)
    return tg.fit(
        model,
        nn.CrossEntropyLoss(label_smoothing=options.smoothing),
        train_set,
        test_set,
        epochs=options.epochs,
        batch_size=options.batch_size,
        optimizer=optimizer,
        schedule=optim.schedules.InverseTimeLR(optimizer, options.decay),
        record=watched(model, train_set[0]),
        rng=options.seed,
        progress=False,
    )


def predict(model, X):
    """Give the probabilities of the ten digits for every image."""
    with tg.no_grad():
        return model(X).softmax().data


def pictures(history, X, y, probabilities, folder):
    """Save the curves of the training, and the first digits: those that were taken for others come first."""
    plots.save(plots.history(history), folder / "digits_history.svg")
    shown = np.argsort(probabilities.argmax(axis=1) == y, kind="stable")[:24]
    axes = plots.digits(X[shown], labels=y[shown], probabilities=probabilities[shown], columns=8)
    plots.save(axes, folder / "digits.svg")


def parsed(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--layers", type=int, nargs="*", default=[1024], help="units of each hidden layer")
    parser.add_argument("--rate", type=float, default=0.003, help="learning rate")
    parser.add_argument("--decay", type=float, default=0.1, help="the rate falls as rate / (1 + decay * epoch)")
    parser.add_argument("--smoothing", type=float, default=0.1, help="share of the target spread over all digits")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--mnist", type=Path, metavar="FOLDER", help="read MNIST's IDX files")
    source.add_argument("--text", type=Path, metavar="FOLDER", help="read digits written as text")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="save the network and pictures there")
    return parser, parser.parse_args(arguments)


def main(arguments=None):
    parser, options = parsed(arguments)
    try:
        train_set, test_set = digits(options)
        model = network([train_set[0].shape[1], *options.layers, 10], options.seed)
        print(model.summary(input_shape=(options.batch_size, train_set[0].shape[1])))
        history = train(model, train_set, test_set, options)
    except (ValueError, ModuleNotFoundError) as problem:
        parser.error(str(problem))

    print("\nepoch    rate    loss  accuracy  on the test set")
    for epoch in range(1, options.epochs + 1):
        if epoch in (1, 2, 3, 5, options.epochs) or epoch % 10 == 0:
            row = {name: numbers[epoch - 1] for name, numbers in history.items()}
            print("{:5} {lr:.5f} {loss:.5f}   {accuracy:6.2%}           {val_accuracy:6.2%}".format(epoch, **row))

    X, y = test_set
    probabilities = predict(model, X)
    found = tg.evaluate(model, nn.CrossEntropyLoss(), test_set)
    one_hot = tg.evaluate(model, nn.CrossEntropyLoss(), (X, data.one_hot(y, 10)))
    print(f"\n{len(y)} digits not seen: cross-entropy {found['loss']:.4f}, accuracy {found['accuracy']:.2%}")
    print(f"the first is a {y[0]}, one-hot {data.one_hot(y[:1], 10)[0]}, recognised with {probabilities[0, y[0]]:.2%}")

    with tempfile.TemporaryDirectory() as temporary:
        folder = options.out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        tg.save(model, folder / "digits.safetensors")
        twin = network([X.shape[1], *options.layers, 10], options.seed + 1)
        twin.load_state_dict(tg.load(folder / "digits.safetensors"))
    again = predict(twin, X)
    print(
        "saved, loaded into another network: predictions", "identical" if (again == probabilities).all() else "DIFFER"
    )

    if options.out:
        pictures(history, X, y, probabilities, options.out)
    return {"history": history, "evaluated": found, "one_hot": one_hot, "probabilities": probabilities, "again": again}


if __name__ == "__main__":
    main()
