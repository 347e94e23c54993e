"""What each rank runs in test_parallel.py: KIND OUT EPOCHS [RESUME]."""

import sys

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import nn, optim, parallel


def main() -> None:
    world = parallel.world()
    kind, out, epochs, *resume = sys.argv[1:]
    rng = np.random.default_rng(0)
    dtype = np.float32 if kind == "float32" else float
    X = rng.normal(size=(103, 5)).astype(dtype)
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    # The ranks begin with other weights, so that only a broadcast can make them agree.
    first = nn.Linear(5, 16, dtype=dtype, rng=10 * world.rank)
    bend = nn.BatchNorm1d(16, dtype=dtype) if kind == "norm" else nn.Tanh()
    model = nn.Sequential(first, bend, nn.Linear(16, 2, dtype=dtype, rng=2))
    optimizers = {"adam": optim.Adam, "lbfgs": optim.LBFGS}
    optimizer = optimizers.get(kind, lambda p: optim.SGD(p, lr=0.1, momentum=0.9))(model.parameters())
    history = tg.fit(
        model,
        "cross_entropy",
        (X[:80], y[:80]),
        (X[80:], y[80:]),
        epochs=int(epochs),
        batch_size=80 if kind == "lbfgs" else 16,
        optimizer=optimizer,
        rng=0,
        progress=False,
        world=world,
        clip_norm=1.0 if kind == "clip" else None,
        accumulate=2 if kind == "accumulate" else 1,
        callbacks=[tg.train.Checkpoint(out + ".run")] if kind != "lbfgs" else [],
        resume=resume[0] if resume else None,
    )
    weights = [p.data for p in model.parameters()]
    np.savez(f"{out}.{world.rank}.npz", *weights, loss=history["loss"], val=history["val_loss"])


if __name__ == "__main__":
    main()
