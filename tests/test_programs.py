"""Programs as users write them from memory, each with an outcome that is checked."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import Tensor, nn, optim

F = nn.functional


def test_micrograd_moons_with_scalars_and_a_margin():
    """micrograd's demo: every weight a scalar tensor, the margin loss, a decaying rate."""

    class Neuron:
        def __init__(self, n, bend, rng):
            self.w = [Tensor(rng.uniform(-1, 1), requires_grad=True) for _ in range(n)]
            self.b = Tensor(0.0, requires_grad=True)
            self.bend = bend

        def __call__(self, x):
            act = sum([w * v for w, v in zip(self.w, x, strict=True)], self.b)
            return act.relu() if self.bend else act

        def parameters(self):
            return [*self.w, self.b]

    rng = np.random.default_rng(1337)
    layers = [[Neuron(2, True, rng) for _ in range(8)], [Neuron(8, False, rng)]]
    parameters = [p for layer in layers for neuron in layer for p in neuron.parameters()]
    (X, y), _ = tg.data.moons(60, noise=0.1, rng=0)
    signs = y * 2 - 1

    def model(x):
        for layer in layers:
            x = [neuron(x) for neuron in layer]
        return x[0]

    for step in range(40):
        scores = [model([float(v) for v in row]) for row in X]
        losses = [(1 + -float(s) * score).relu() for s, score in zip(signs, scores, strict=True)]
        loss = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum([p * p for p in parameters])
        for p in parameters:
            p.grad = None
        loss.backward()
        for p in parameters:
            p.data -= (1.0 - 0.9 * step / 40) * p.grad
    accuracy = np.mean([(s > 0) == (float(score) > 0) for s, score in zip(signs, scores, strict=True)])
    assert accuracy > 0.85


def test_rosenbrock_with_scipy():
    from scipy.optimize import minimize, rosen, rosen_der, rosen_hess_prod

    def f(x):
        return np.sum(100.0 * (x[1:] - x[:-1] ** 2.0) ** 2.0 + (1 - x[:-1]) ** 2.0)

    x0, v = np.array([1.3, 0.7, 0.8, 1.9, 1.2]), np.arange(5.0)
    assert np.isclose(f(x0), rosen(x0))
    np.testing.assert_allclose(tg.grad(f)(x0), rosen_der(x0), rtol=1e-12)
    np.testing.assert_allclose(tg.hvp(f)(x0, v), rosen_hess_prod(x0, v), rtol=1e-12)
    for method, more in (("BFGS", {}), ("Newton-CG", {"hessp": tg.hvp(f)}), ("trust-ncg", {"hessp": tg.hvp(f)})):
        np.testing.assert_allclose(minimize(f, x0, jac=tg.grad(f), method=method, **more).x, 1.0, atol=1e-3)


def test_autograds_recurrent_network_on_characters():
    text = "hello world " * 4
    letters = sorted(set(text))
    codes = np.array([letters.index(c) for c in text])
    one_hot = np.eye(len(letters))[codes]
    rng = np.random.default_rng(0)
    shapes = {"change": (len(letters) + 24 + 1, 24), "predict": (24 + 1, len(letters))}
    params = {name: 0.3 * rng.normal(size=shape) for name, shape in shapes.items()}
    params["start"] = np.zeros(24)

    def concat_and_multiply(weights, *args):
        return np.hstack([*args, np.ones(1)]) @ weights

    def loss(params):
        h, total = params["start"], 0.0
        for x, code in zip(one_hot[:-1], codes[1:], strict=True):
            h = np.tanh(concat_and_multiply(params["change"], x, h))
            scores = concat_and_multiply(params["predict"], h)
            total = total - (scores - F.logsumexp(scores))[int(code)]
        return total / (len(codes) - 1)

    value_and_grad = tg.value_and_grad(loss)
    first = loss(params)
    moment = {k: np.zeros_like(v) for k, v in params.items()}
    for _ in range(60):
        value, grads = value_and_grad(params)
        for k in params:
            moment[k] = 0.9 * moment[k] + grads[k]
            params[k] = params[k] - 0.05 * moment[k]
    assert value < 0.2 < first


def test_small_convolutional_network_on_digits():
    pytest.importorskip("sklearn")
    (X, y), (X_test, y_test) = tg.data.digits(flat=False)
    X, X_test = X.reshape(-1, 1, 8, 8), X_test.reshape(-1, 1, 8, 8)
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64, 10, rng=rng),
    )  # fmt: skip
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    for _ in range(4):
        for xb, yb in tg.data.DataLoader(tg.data.TensorDataset(X, y), 64, shuffle=True, rng=rng):
            loss = F.cross_entropy(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert (model(X_test).data.argmax(1) == y_test).mean() > 0.93


def test_bigram_language_model_finds_the_counts():
    """makemore: the trained logits must give the frequencies that counting gives."""
    words = ["emma", "olivia", "ava", "isabella", "sophia", "mia", "amelia", "evelyn"]
    letters = [".", *sorted(set("".join(words)))]
    pairs = [(letters.index(a), letters.index(b)) for w in words for a, b in zip("." + w, w + ".", strict=True)]
    xs, ys = np.array(pairs).T
    W = Tensor(np.random.default_rng(0).normal(size=(len(letters),) * 2), requires_grad=True)
    for _ in range(300):
        counts = np.exp(W[xs])
        probs = counts / counts.sum(axis=1, keepdims=True)
        loss = -np.log(probs[np.arange(len(ys)), ys]).mean()
        W.grad = None
        loss.backward()
        W.data -= 20.0 * W.grad
    table = np.zeros((len(letters),) * 2)
    np.add.at(table, (xs, ys), 1)
    frequent = table / table.sum(axis=1, keepdims=True)
    best = -np.log(frequent[xs, ys]).mean()
    assert best < loss.item() < best + 0.05


def test_attention_with_einsum_agrees_with_loops():
    rng = np.random.default_rng(0)
    x = Tensor(rng.normal(size=(2, 5, 8)), requires_grad=True)
    wq, wk, wv, wo = [Tensor(rng.normal(size=(8, 2, 4)), requires_grad=True) for _ in range(4)]
    q, k, v = [np.einsum("btd,dhe->bhte", x, w) for w in (wq, wk, wv)]
    scores = np.einsum("bhte,bhse->bhts", q, k) / 4**0.5
    mask = np.triu(np.full((5, 5), -np.inf), 1)
    weights = (scores + mask).softmax()
    out = np.einsum("bhts,bhse,dhe->btd", weights, v, wo)
    out.sum().backward()
    assert all(np.isfinite(t.grad).all() for t in (x, wq, wk, wv, wo))
    for b in range(2):
        total = np.zeros((5, 8))
        for h in range(2):
            Q, K, V = [x.data[b] @ w.data[:, h] for w in (wq, wk, wv)]
            e = np.exp(Q @ K.T / 2.0) * np.tril(np.ones((5, 5)))
            total += (e / e.sum(1, keepdims=True)) @ V @ wo.data[:, h].T
        np.testing.assert_allclose(out.data[b], total, rtol=1e-10, atol=1e-12)
    # The first place sees itself alone, so that later inputs have no part in it.
    (later,) = tg.gradients(np.einsum("btd,dhe->bhte", x, wq)[:, :, 0].sum(), [x])
    assert not np.asarray(later.data)[:, 1:].any()


def test_logistic_regression_by_newton():
    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(200), rng.normal(size=(200, 2))])
    y = (rng.random(200) < 1 / (1 + np.exp(-X @ [0.5, 2.0, -1.0]))).astype(float)

    def loss(w):
        return F.binary_cross_entropy_with_logits(X @ w, y, reduction="sum")

    w = np.zeros(3)
    for _ in range(8):
        w = w - np.linalg.solve(tg.hessian(loss)(w), tg.grad(loss)(w))
    assert np.abs(tg.grad(loss)(w)).max() < 1e-9
    p = 1 / (1 + np.exp(-X @ w))
    np.testing.assert_allclose(tg.hessian(loss)(w), X.T @ (X * (p * (1 - p))[:, None]), rtol=1e-9)


def test_gaussian_process_likelihood():
    from scipy.stats import multivariate_normal

    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-3, 3, 25))
    y = np.sin(x) + 0.1 * rng.normal(size=25)

    def covariance(theta):
        scale, length, noise = np.exp(theta)
        d = (x[:, None] - x[None, :]) / length
        return scale * np.exp(-0.5 * d * d) + noise * np.eye(25)

    def by_cholesky(theta):
        L = np.linalg.cholesky(covariance(theta))
        a = np.linalg.solve(L, y)
        return 0.5 * (a @ a) + np.log(np.diag(L)).sum() + 12.5 * np.log(2 * np.pi)

    def by_slogdet(theta):
        K = covariance(theta)
        return 0.5 * (y @ np.linalg.solve(K, y)) + 0.5 * np.linalg.slogdet(K)[1] + 12.5 * np.log(2 * np.pi)

    theta = np.array([0.1, -0.2, -2.0])
    assert np.isclose(by_cholesky(theta), -multivariate_normal(cov=covariance(theta)).logpdf(y))
    np.testing.assert_allclose(tg.grad(by_cholesky)(theta), tg.grad(by_slogdet)(theta), rtol=1e-8)
    from scipy.optimize import minimize

    found = minimize(by_cholesky, theta, jac=tg.grad(by_cholesky))
    assert found.fun < by_cholesky(theta)
    assert np.abs(tg.grad(by_slogdet)(found.x)).max() < 1e-3


def test_physics_informed_network_solves_an_oscillator():
    """u'' = -u, u(0) = 0, u'(0) = 1 has the solution sin: derivatives of the network are part of its loss."""
    rng = np.random.default_rng(0)
    t = np.linspace(0.0, 2.0, 20)
    params = [rng.normal(size=16), np.zeros(16), 0.1 * rng.normal(size=16)]

    def u(t, w, b, a):
        return a @ np.tanh(w * t + b)

    def loss(params):
        residual = 0.0
        velocity = tg.grad(u)
        acceleration = tg.grad(velocity)
        for s in t[::2]:
            residual = residual + (acceleration(s, *params) + u(s, *params)) ** 2
        start = u(0.0, *params) ** 2 + (velocity(0.0, *params) - 1.0) ** 2
        return residual / 10 + 10 * start

    from scipy.optimize import minimize

    split = lambda v: [v[:16], v[16:32], v[32:]]  # noqa: E731
    flat = tg.value_and_grad(lambda v: loss([v[:16], v[16:32], v[32:]]))
    found = minimize(flat, np.concatenate(params), jac=True, method="L-BFGS-B", options={"maxiter": 60})
    solution = [float(u(s, *split(found.x))) for s in t]
    np.testing.assert_allclose(solution, np.sin(t), atol=0.05)


def test_learning_to_learn_goes_through_the_gradient():
    """MAML on lines: the outer gradient, through an inner step of descent, agrees with differences."""
    rng = np.random.default_rng(0)
    tasks = [(a, rng.normal(size=(5, 1))) for a in (0.5, 1.0, 2.0)]

    def inner_loss(w, x, y):
        return ((x @ w - y) ** 2).mean()

    def outer(w):
        total = 0.0
        for a, x in tasks:
            adapted = w - 0.1 * tg.grad(inner_loss)(w, x, a * x)
            total = total + inner_loss(adapted, x, a * x)
        return total

    w = np.array([[0.3]])
    exact = tg.grad(outer)(w)
    h = 1e-5
    np.testing.assert_allclose(exact, (outer(w + h) - outer(w - h)) / (2 * h), rtol=1e-6)
    for _ in range(100):
        w = w - 0.1 * tg.grad(outer)(w)
    assert abs(w.item() - 1.2) < 0.4


def test_variational_autoencoder_with_the_reparameterisation():
    pytest.importorskip("sklearn")
    (X, _), _ = tg.data.digits()
    rng = np.random.default_rng(0)
    encoder = nn.Sequential(nn.Linear(64, 64, rng=rng), nn.ReLU(), nn.Linear(64, 16, rng=rng))
    decoder = nn.Sequential(nn.Linear(8, 64, rng=rng), nn.ReLU(), nn.Linear(64, 64, rng=rng))
    optimizer = optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=0.003)
    losses = []
    for epoch in range(8):
        total = 0.0
        for rows in np.array_split(rng.permutation(len(X)), 12):
            x = X[rows]
            mean, log_var = np.split(encoder(x), 2, axis=1)
            z = mean + np.exp(0.5 * log_var) * rng.standard_normal(mean.shape, np.float32)
            fit = F.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum")
            kl = -0.5 * (1 + log_var - mean**2 - np.exp(log_var)).sum()
            loss = (fit + kl) / len(x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        losses.append(total / 12)
        assert loss.dtype == np.float32, epoch
    assert losses[-1] < 0.75 * losses[0]


def test_policy_gradient_learns_a_bandit():
    rng = np.random.default_rng(0)
    rewards = np.array([0.1, 0.9, 0.3])
    scores = Tensor(np.zeros(3), requires_grad=True)
    optimizer = optim.SGD([scores], lr=0.5)
    for _ in range(200):
        p = scores.softmax()
        action = rng.choice(3, p=p.data)
        reward = float(rng.random() < rewards[action])
        loss = -np.log(p[action]) * (reward - 0.4)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert scores.softmax().data.argmax() == 1


def test_lstm_continues_a_sine():
    rng = np.random.default_rng(0)
    wave = np.sin(np.arange(120) * 0.3).astype(np.float32)
    X = np.stack([wave[i : i + 20] for i in range(80)])[:, :, None]
    y = wave[20:100, None]
    lstm, head = nn.LSTM(1, 16, batch_first=True, rng=rng), nn.Linear(16, 1, rng=rng)
    optimizer = optim.Adam([*lstm.parameters(), *head.parameters()], lr=0.02)
    for _ in range(60):
        output, _ = lstm(X)
        loss = F.mse_loss(head(output[:, -1]), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.01


def test_skip_gram_with_negative_sampling():
    rng = np.random.default_rng(0)
    words = rng.integers(0, 2, 400) * 5 + rng.integers(0, 5, 400)
    words = np.sort(words.reshape(-1, 2) // 5 * 5 + rng.integers(0, 5, (200, 2)), axis=1)
    words[:, 1] = words[:, 0] // 5 * 5 + words[:, 1] % 5  # two topics of five words: neighbours share theirs
    inner, outer = nn.Embedding(10, 4, rng=rng), nn.Embedding(10, 4, rng=rng)
    optimizer = optim.Adam([*inner.parameters(), *outer.parameters()], lr=0.05)
    for _ in range(80):
        centre, near = inner(words[:, 0]), outer(words[:, 1])
        far = outer(rng.integers(0, 10, (200, 5)))
        loss = -(F.logsigmoid((centre * near).sum(axis=1)).mean() + F.logsigmoid(-(far @ centre[:, :, None])).mean())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    affinity = inner.weight.data @ outer.weight.data.T
    same = np.kron(np.eye(2), np.ones((5, 5))).astype(bool)
    assert affinity[same].mean() > affinity[~same].mean() + 0.5
