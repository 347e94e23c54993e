"""Matrix products on one thread: tests run side by side, and threads of small products would wait for each other."""

from contextlib import AbstractContextManager, nullcontext

#: For a child process.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def one_thread() -> AbstractContextManager:
    """Keep NumPy's matrix products to one thread, where threadpoolctl (which scikit-learn brings) is there to do so."""
    try:
        from threadpoolctl import threadpool_limits
    except ModuleNotFoundError:
        return nullcontext()
    return threadpool_limits(1)
