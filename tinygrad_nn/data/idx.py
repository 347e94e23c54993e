"""Read IDX files, the format of MNIST: http://yann.lecun.com/exdb/mnist (big-endian, plain or gzip)."""

import gzip
import math
import os
import zlib
from io import BufferedReader
from typing import BinaryIO

import numpy as np

from ..files import Path, open_regular
from .arrays import Splits
from .error import DataError
from .images import as_input

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAX_NDIM = 64  # NumPy's limit
CHUNK = 2**20

# A gzip file that unpacks to more is a bomb or no set of images; DEFLATE itself reaches 1032 : 1
# (https://zlib.net/zlib_tech.html), sets like MNIST 5 : 1.
DEFLATE_RATIO = 1032
FREE_BYTES, RATIO = 2**26, 100

FILES = {
    "training images": ("train-images", 3),
    "training labels": ("train-labels", 1),
    "test images": ("t10k-images", 3),
    "test labels": ("t10k-labels", 1),
}


def read_idx(path: Path) -> np.ndarray:
    """Return the array of an IDX file, plain or gzip (told by its content, not its name), in its own dtype and shape.

    The file is two zero bytes, a byte for the dtype, a byte for the number of dimensions, their sizes as big-endian
    uint32, and the values. Its length must be exactly what the header says; this is checked before memory is taken.
    DataError says what is wrong with the file.

    >>> read_idx("nowhere-idx3-ubyte")
    Traceback (most recent call last):
    tinygrad_nn.data.error.DataError: read_idx: cannot open 'nowhere-idx3-ubyte': No such file or directory
    """
    with open_regular(path, "read_idx", DataError) as file:
        try:
            packed = file.peek(2)[:2] == b"\x1f\x8b"
            return _read_array(gzip.GzipFile(fileobj=file) if packed else file, file, packed)
        except (EOFError, zlib.error, gzip.BadGzipFile) as problem:
            fault: object = f"has damaged gzip data ({problem}); fetch it again"
        except (ValueError, OSError) as problem:
            fault = problem
        except MemoryError:
            fault = "is larger than the free memory"
    raise DataError(f"read_idx: {os.fsdecode(path)!r} {fault}")


def mnist(folder: Path, flat: bool = True) -> Splits:
    """Return MNIST, or a set in its form, from its four IDX files: ((X_train, y_train), (X_test, y_test)).

    X is float32 in [0, 1] (the bytes divided by 255), of shape (n, height * width), or (n, 1, height, width) with
    `flat=False`; y is int64. The files have their usual names, `train-images-idx3-ubyte` or `train-images.idx3-ubyte`
    and so on, each plain or with `.gz`. DataError: a missing or malformed file, images that are not square or differ
    in size, labels outside 0 ... 9, numbers of images and labels that differ.

    >>> mnist("nowhere")
    Traceback (most recent call last):
    tinygrad_nn.data.error.DataError: mnist: 'nowhere' is no folder; give the one that holds the four IDX files
    """
    name = os.fsdecode(folder)
    if not os.path.isdir(name):
        raise DataError(f"mnist: {name!r} is no folder; give the one that holds the four IDX files")
    paths = {role: _find(name, *file) for role, file in FILES.items()}
    if missing := [f"{FILES[role][0]}-idx{FILES[role][1]}-ubyte" for role, path in paths.items() if path is None]:
        raise DataError(f"mnist: {name!r} lacks {', '.join(missing)}; put the four IDX files there, plain or as .gz")
    arrays = {role: _read_bytes(path, FILES[role][1]) for role, path in paths.items() if path is not None}
    for part in ("training", "test"):
        images, labels = arrays[f"{part} images"], arrays[f"{part} labels"]
        if len(images) != len(labels):
            raise DataError(f"mnist: {name!r} has {len(images)} {part} images but {len(labels)} {part} labels")
        if len(images) == 0 or images.shape[1] != images.shape[2] or images.shape[1] == 0:
            raise DataError(f"mnist: {name!r} has {part} images of shape {images.shape}; expected (n, size, size)")
        if labels.max() > 9:
            at = int(labels.argmax())
            raise DataError(f"mnist: {name!r} has the {part} label {labels[at]} at {at}; labels are 0 ... 9")
    train, test = arrays["training images"], arrays["test images"]
    if train.shape[1:] != test.shape[1:]:
        raise DataError(f"mnist: {name!r} has training images of {train.shape[1:]} but test images of {test.shape[1:]}")
    return (
        (as_input(train, 255, flat), arrays["training labels"].astype(np.int64)),
        (as_input(test, 255, flat), arrays["test labels"].astype(np.int64)),
    )


def _find(folder: str, stem: str, ndim: int) -> str | None:
    names = [f"{stem}{joint}idx{ndim}-ubyte{suffix}" for suffix in ("", ".gz") for joint in "-."]
    return next((path for n in names if os.path.exists(path := os.path.join(folder, n))), None)


def _read_bytes(path: str, ndim: int) -> np.ndarray:
    array = read_idx(path)
    if array.dtype != np.uint8 or array.ndim != ndim:
        raise DataError(f"mnist: {path!r} holds {array.dtype} of {array.ndim} dimensions; expected uint8 of {ndim}")
    return array


# A ValueError says what is wrong with the file, `read_idx` adds which file.


def _read_array(stream: BinaryIO | gzip.GzipFile, file: BufferedReader, packed: bool) -> np.ndarray:
    magic = _read(stream, 4, "its first four bytes")
    code, ndim = magic[2:]
    if magic[:2] != b"\0\0" or code not in DTYPES:
        swapped = "; its bytes are in little-endian order" if magic[2:] == b"\0\0" else ""
        raise ValueError(f"is no IDX file: it starts with the bytes {magic.hex(' ')}{swapped}")
    if not 1 <= ndim <= MAX_NDIM:
        raise ValueError(f"has an array of {ndim} dimensions; expected 1 to {MAX_NDIM}")
    shape = np.frombuffer(_read(stream, 4 * ndim, f"the sizes of its {ndim} dimensions"), ">u4").tolist()
    dtype = np.dtype(DTYPES[code])
    _check_size(4 + 4 * ndim + math.prod(shape) * dtype.itemsize, shape, os.fstat(file.fileno()).st_size, packed)

    try:
        array = np.empty(shape, dtype)
    except ValueError:
        raise ValueError(f"has an array of shape {tuple(shape)!s:.100}, which NumPy cannot hold") from None
    memory = array.reshape(-1).view(np.uint8).data
    for start in range(0, len(memory), CHUNK):
        part = _read(stream, min(CHUNK, len(memory) - start), f"an array of shape {tuple(shape)}")
        memory[start : start + len(part)] = part
    if stream.read(1):  # also makes gzip compare its checksum
        raise ValueError(f"goes on after its array of shape {tuple(shape)}; it is damaged or no IDX file")
    return array.astype(dtype.newbyteorder("="), copy=False)


def _check_size(expected: int, shape: list[int], size: int, packed: bool) -> None:
    header = f"says in its header that it holds an array of shape {tuple(shape)!s:.100}"
    if not packed and expected != size:
        raise ValueError(f"{header}, {expected} bytes in all, but it has {size} bytes; fetch it again")
    if packed and expected > size * DEFLATE_RATIO:
        raise ValueError(f"{header}, {expected} bytes, which {size} bytes of gzip cannot hold; fetch it again")
    if packed and expected > FREE_BYTES + RATIO * size:
        raise ValueError(f"{header}, {expected} bytes out of {size} bytes of gzip; if you trust it, unpack it first")


def _read(stream: BinaryIO | gzip.GzipFile, count: int, what: str) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise ValueError(f"ends before {what} {'are' if what.endswith('s') else 'is'} complete; fetch it again")
    return data
