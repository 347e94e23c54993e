"""The one error of this package."""


class DataError(ValueError):
    """Data that cannot be used as they are: a malformed file, arrays that do not fit together, labels out of range."""
