"""Estimators for scikit-learn: dense networks that work in pipelines, grid searches and cross-validation.

They need scikit-learn, and are not loaded with the package: ``from tinygrad_nn.estimators import MLPClassifier``.
"""

from __future__ import annotations

import warnings
from itertools import pairwise
from typing import Any

import numpy as np

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as problem:
    raise ModuleNotFoundError(
        f'the estimators need scikit-learn 1.6 or newer ({problem}): pip install "tinygrad_nn[all]"'
    ) from None

from . import nn, optim
from .mode import no_grad
from .train import EarlyStopping, fit

ACTIVATIONS = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}
OPTIMIZERS = {"adam": optim.Adam, "adamw": optim.AdamW, "sgd": optim.SGD, "rmsprop": optim.RMSprop, "lion": optim.Lion}


class _MLP(BaseEstimator):
    """What both estimators share: the network, its training, its checks."""

    model_: nn.Sequential
    classes_: Any
    n_iter_: int
    loss_curve_: list[float]
    loss_: float
    _rng: np.random.Generator
    _sizes: list[int]
    _optimizer: Any
    _flat: bool

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        optimizer: str = "adam",
        learning_rate: float = 0.001,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        batch_size: Any = "auto",
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.verbose = verbose

    _loss = ""

    def _check(self) -> tuple[int, ...]:
        """Check the parameters that fit itself does not; give the sizes of the hidden layers."""
        who = type(self).__name__
        sizes = self.hidden_layer_sizes
        hidden = tuple(sizes) if np.iterable(sizes) else (sizes,)
        if any(not isinstance(n, int | np.integer) or n < 1 for n in hidden):
            raise ValueError(f"{who}: hidden_layer_sizes must be whole numbers above 0, got {sizes!r}")
        for name, known in (("activation", ACTIVATIONS), ("optimizer", OPTIMIZERS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{who}: {name}={getattr(self, name)!r} is unknown; choose one of {', '.join(known)}")
        if not isinstance(self.max_iter, int | np.integer) or self.max_iter < 1:
            raise ValueError(f"{who}: max_iter must be a whole number above 0, got {self.max_iter!r}")
        if self.early_stopping and not 0.0 < self.validation_fraction < 1.0:
            raise ValueError(f"{who}: validation_fraction must lie between 0 and 1, got {self.validation_fraction!r}")
        return tuple([int(n) for n in hidden])

    def _begin(self, sizes: list[int], dtype: Any) -> None:
        """Make network and optimizer anew."""
        layers: list[nn.Module] = []
        for i, (a, b) in enumerate(pairwise(sizes)):
            layers += [ACTIVATIONS[self.activation]()] if i else []
            layers.append(nn.Linear(a, b, dtype=dtype, rng=self._rng))
        self.model_ = nn.Sequential(*layers)
        options: dict[str, Any] = {"lr": self.learning_rate, "weight_decay": self.weight_decay}
        if self.optimizer == "sgd":
            options["momentum"] = self.momentum
        self._optimizer = OPTIMIZERS[self.optimizer](self.model_.parameters(), **options)
        self._sizes = list(sizes)
        self.n_iter_ = 0
        self.loss_curve_ = []

    def _train(self, X: Any, y: Any, outputs: int, epochs: int | None, stratify: Any = None) -> None:
        """Train for some epochs more, or (without a number) until the loss no longer falls."""
        hidden = self._check()
        sizes = [X.shape[1], *hidden, outputs]
        dtype = np.float32 if X.dtype == np.float32 else np.float64
        going_on = hasattr(self, "model_") and (epochs is not None or self.warm_start)
        if not going_on or self._sizes != sizes:
            if going_on and epochs is not None:
                raise ValueError(f"{type(self).__name__}: the network has sizes {self._sizes}, these data need {sizes}")
            self._rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31))
            self._begin(sizes, dtype)
        X = X.astype(dtype, copy=False)
        held_out, stopping = None, None
        if epochs is None:
            if self.early_stopping:
                from sklearn.model_selection import train_test_split

                X, X_held, y, y_held = train_test_split(
                    X,
                    y,
                    test_size=self.validation_fraction,
                    random_state=int(self._rng.integers(2**31)),
                    stratify=stratify,
                )
                held_out = (X_held, y_held)
            stopping = EarlyStopping(
                patience=int(self.n_iter_no_change),
                monitor="val_loss" if self.early_stopping else "loss",
                min_delta=float(self.tol),
                restore_best=self.early_stopping,
            )
        size = min(200, len(X)) if isinstance(self.batch_size, str) else int(self.batch_size)
        history = fit(
            self.model_,
            self._loss,
            (X, y),
            held_out,
            epochs=self.max_iter if epochs is None else epochs,
            batch_size=max(1, min(size, len(X))),
            optimizer=self._optimizer,
            callbacks=[stopping] if stopping is not None else [],
            progress=bool(self.verbose),
            rng=self._rng,
            shuffle=bool(self.shuffle),
        )
        self.model_.eval()
        self.loss_curve_ += history["loss"]
        self.loss_ = history["loss"][-1]
        self.n_iter_ += len(history["loss"])
        if epochs is None and not history.stopped:
            warnings.warn(
                f"{type(self).__name__}: max_iter={self.max_iter} epochs are over and the loss still falls",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _scores(self, X: Any) -> Any:
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        dtype = next(iter(self.model_.parameters())).dtype
        with no_grad():
            return np.array(self.model_(X.astype(dtype, copy=False)).data)


class MLPClassifier(ClassifierMixin, _MLP):
    """A dense network that tells classes, trained on the cross entropy, with scikit-learn's interface.

    ``hidden_layer_sizes`` are the units of the hidden layers, ``activation`` one of identity, logistic, tanh, relu,
    gelu, silu, ``optimizer`` one of adam, adamw, sgd, rmsprop, lion. Training ends after ``max_iter`` epochs, or when
    the loss (with ``early_stopping`` that on a ``validation_fraction`` held back) has not fallen by ``tol`` for
    ``n_iter_no_change`` epochs. Inputs are used as they are: put a StandardScaler before it. After ``fit`` there are
    ``classes_``, ``model_`` (the nn.Sequential), ``loss_curve_`` and ``n_iter_``.

    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]] * 5)
    >>> y = ["no", "yes", "yes", "no"] * 5
    >>> net = MLPClassifier((16,), learning_rate=0.05, random_state=0).fit(X, y)
    >>> net.predict([[0.0, 1.0], [1.0, 1.0]])
    array(['yes', 'no'], dtype='<U3')
    """

    _loss = "cross_entropy"

    def fit(self, X: Any, y: Any) -> MLPClassifier:
        """Train on rows X and their classes y."""
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32])
        check_classification_targets(y)
        classes, labels = np.unique(y, return_inverse=True)
        if not (self.warm_start and hasattr(self, "classes_") and np.array_equal(self.classes_, classes)):
            self.__dict__.pop("model_", None)
        self.classes_ = classes
        self._train(X, labels, len(classes), None, labels)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> MLPClassifier:
        """Train for one epoch more; the first call needs all ``classes``."""
        first = not hasattr(self, "model_")
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32], reset=first)
        check_classification_targets(y)
        if first:
            if classes is None:
                raise ValueError("MLPClassifier: the first call of partial_fit needs classes=, all that there will be")
            self.classes_ = np.unique(classes)
        if unknown := sorted(set(np.unique(y).tolist()) - set(self.classes_.tolist())):
            raise ValueError(f"MLPClassifier: the class {unknown[0]!r} is not among the classes {self.classes_}")
        self._train(X, np.searchsorted(self.classes_, y), len(self.classes_), 1)
        return self

    def predict_proba(self, X: Any) -> Any:
        """Give the probability of each class, (rows, classes)."""
        scores = self._scores(X)
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def predict_log_proba(self, X: Any) -> Any:
        """Give the logarithms of the probabilities, from the scores, so that none is lost."""
        scores = self._scores(X)
        z = scores - scores.max(axis=1, keepdims=True)
        return z - np.log(np.exp(z).sum(axis=1, keepdims=True))

    def predict(self, X: Any) -> Any:
        """Give the most probable class of each row."""
        scores = self._scores(X)
        return self.classes_[scores.argmax(axis=1)]


class MLPRegressor(RegressorMixin, _MLP):
    """A dense network that tells numbers, trained on the mean squared error, with scikit-learn's interface.

    The parameters are those of :class:`MLPClassifier`; y may have several columns.

    >>> X = np.linspace(-1.0, 1.0, 40)[:, None]
    >>> net = MLPRegressor((32,), learning_rate=0.05, max_iter=400, random_state=0).fit(X, 3.0 * X[:, 0])
    >>> net.score(X, 3.0 * X[:, 0]) > 0.99
    True
    """

    _loss = "mse_loss"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any) -> MLPRegressor:
        """Train on rows X and their numbers y, (rows,) or (rows, outputs)."""
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32], multi_output=True, y_numeric=True)
        if not self.warm_start:
            self.__dict__.pop("model_", None)
        self._fit(X, y, None)
        return self

    def partial_fit(self, X: Any, y: Any) -> MLPRegressor:
        """Train for one epoch more."""
        first = not hasattr(self, "model_")
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32], multi_output=True, y_numeric=True, reset=first)
        self._fit(X, y, 1)
        return self

    def _fit(self, X: Any, y: Any, epochs: int | None) -> None:
        self._flat = y.ndim == 1
        rows = y.reshape(len(y), -1).astype(np.float32 if X.dtype == np.float32 else np.float64)
        self._train(X, rows, rows.shape[1], epochs)

    def predict(self, X: Any) -> Any:
        """Give the numbers of each row, in the shape that y had."""
        scores = self._scores(X)
        return scores[:, 0] if self._flat else scores
