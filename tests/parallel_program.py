"""What each rank runs in test_parallel.py: KINDS OUT EPOCHS [RESUME], kinds with commas between: adam,clip,compile."""

import os
import sys

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import nn, optim, parallel


def main() -> None:
    world = parallel.world()
    kinds, out, epochs, *resume = sys.argv[1:]
    kind = set(kinds.split(","))
    rng = np.random.default_rng(0)
    dtype = np.float32 if "float32" in kind else float
    X = rng.normal(size=(103, 5)).astype(dtype)
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    # The ranks begin with other weights, so that only a broadcast can make them agree.
    first = nn.Linear(5, 16, dtype=dtype, rng=10 * world.rank)
    bend = nn.BatchNorm1d(16, dtype=dtype) if "norm" in kind else nn.Tanh()
    more = [nn.Dropout(0.3, rng=5)] if "dropout" in kind else []
    model = nn.Sequential(first, bend, *more, nn.Linear(16, 2, dtype=dtype, rng=2))
    optimizers = {"adam": optim.Adam, "lbfgs": optim.LBFGS, "plain": lambda p: optim.SGD(p, lr=0.1)}
    make = next((f for name, f in optimizers.items() if name in kind), lambda p: optim.SGD(p, lr=0.1, momentum=0.9))
    optimizer = make(model.parameters())
    # 83 samples in batches of 17: 9 and 8 on two ranks; the last batch has 15.
    train, size = (80, 16) if "even" in kind else (83, 17)
    size = 83 if "lbfgs" in kind else 2 if "tiny" in kind else size
    held_out = slice(83, 84) if "tiny" in kind else slice(83, None)
    history = tg.fit(
        model,
        "cross_entropy",
        (X[:train], y[:train]),
        (X[held_out], y[held_out]),
        epochs=int(epochs),
        batch_size=size,
        optimizer=optimizer,
        schedule=optim.schedules.CosineAnnealingLR(optimizer, 60) if "schedule" in kind else None,
        metrics={"spread": lambda output, target: float(np.var(output))},
        rng=0,
        progress=False,
        world=world,
        clip_norm=0.5 if "clip" in kind else None,
        accumulate=2 if "accumulate" in kind else 1,
        callbacks=[tg.train.Checkpoint(out + ".run")] if "lbfgs" not in kind else [],
        compile="compile" in kind,
        resume=resume[0] if resume else None,
    )
    weights = [p.data for p in model.parameters()]
    from threadpoolctl import threadpool_info

    threads = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    named = {f"history.{name}": np.array(values) for name, values in history.items()}
    buffers = {f"buffer.{k}": v for k, v in model.state_dict().items() if "running" in k}
    np.savez(f"{out}.{world.rank}.npz", *weights, **named, **buffers)
    with open(f"{out}.{world.rank}.threads", "w") as file:
        file.write(f"{max(threads, default=0)} {os.environ.get('OPENBLAS_NUM_THREADS', '')}")


if __name__ == "__main__":
    main()
