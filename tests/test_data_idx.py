"""IDX files and MNIST: right values in every dtype, one error for every fault, before memory is taken."""

import contextlib
import gzip
import math
import os
import struct
import tracemalloc
import zlib

import numpy as np
import pytest

from tinygrad_nn.data import DataError, mnist, read_idx

CODES = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}


def idx(array, code=0x08, dims=None):
    """Return an IDX file, written here a second time with struct, with a header that may lie."""
    dims = array.shape if dims is None else dims
    values = array.astype(np.dtype(CODES.get(code, "u1")).newbyteorder(">"))
    return struct.pack(f">HBB{len(dims)}I", 0, code, len(dims), *dims) + values.tobytes()


IMAGES = np.arange(3 * 4 * 4).reshape(3, 4, 4)
GOOD = idx(IMAGES)


def refuse(path, data=None):
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(DataError) as caught:
        read_idx(path)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    message = str(caught.value)
    assert message.startswith("read_idx: ")
    assert "\n" not in message
    assert len(message) < 400 + len(str(path))
    return message


@contextlib.contextmanager
def little_memory(limit=3_000_000):
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file-idx3-ubyte"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("shape", [(5,), (2, 3), (3, 4, 4), (2, 1, 3, 2), (0, 4, 4), (1,) * 10])
@pytest.mark.parametrize("code", CODES)
def test_C171_values_of_every_dtype(path, code, shape, packed):
    dtype = np.dtype(CODES[code])
    rng = np.random.default_rng(0)
    if dtype.kind == "f":
        array = rng.standard_normal(shape).astype(dtype)
    else:
        array = rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    data = idx(array, code)
    path.write_bytes(gzip.compress(data) if packed else data)
    read = read_idx(path)
    np.testing.assert_array_equal(read, array, strict=True)
    assert read.dtype.isnative
    assert read.flags.writeable


def test_larger_than_one_chunk(path):
    array = np.random.default_rng(0).integers(0, 256, (3000, 1000), np.uint8)
    for data in (idx(array), gzip.compress(idx(array), 1)):
        path.write_bytes(data)
        np.testing.assert_array_equal(read_idx(path), array, strict=True)


def test_C171_gzip_is_told_by_content_not_by_name(tmp_path):
    for name in ("plain", "named.gz"):
        for data in (GOOD, gzip.compress(GOOD)):
            (tmp_path / name).write_bytes(data)
            assert (read_idx(tmp_path / name) == IMAGES).all()
            assert (read_idx(str(tmp_path / name)) == IMAGES).all()


def test_gzip_in_several_members_and_zero_padding(path):
    path.write_bytes(gzip.compress(GOOD[:20]) + gzip.compress(GOOD[20:]) + bytes(512))
    assert (read_idx(path) == IMAGES).all()


@pytest.mark.parametrize("packed", [False, True])
def test_C171_cut_at_every_byte(path, packed):
    data = gzip.compress(GOOD) if packed else GOOD
    for length in range(len(data)):
        refuse(path, data[:length])


def test_C171_every_bit_flip_of_the_header_is_refused(path):
    for position in range(16):
        for bit in range(8):
            damaged = bytearray(GOOD)
            damaged[position] ^= 1 << bit
            path.write_bytes(damaged)
            try:
                array = read_idx(path)
            except DataError:
                continue
            # uint8 and int8 differ by one bit and have the same size: nothing in the format tells them apart
            assert (position, bit, array.dtype) == (2, 0, np.int8)


def test_C171_every_bit_flip_of_packed_data_is_refused_or_harmless(path):
    packed = gzip.compress(GOOD, mtime=0)
    refused = 0
    for position in range(len(packed)):
        for bit in range(8):
            damaged = bytearray(packed)
            damaged[position] ^= 1 << bit
            path.write_bytes(damaged)
            try:
                array = read_idx(path)
            except DataError:
                refused += 1
            else:
                np.testing.assert_array_equal(array, IMAGES.astype(np.uint8), strict=True)
    assert refused > 8 * (len(packed) - 10)  # time, flags and system in gzip's header are free


MALFORMED = {
    "empty": (b"", "ends before its first four bytes"),
    "three bytes": (b"\0\0\x08", "ends before its first four bytes"),
    "one dimension said to be two": (b"\0\0\x08\x02" + idx(np.arange(10))[4:], "shape (10, 66051)"),
    "two dimensions said to be one": (b"\0\0\x08\x01" + idx(np.ones((2, 5)))[4:], "has 22 bytes"),
    "60000 labels announced, 3 there": (idx(np.arange(3), dims=(60000,)), "60008 bytes in all, but it has 11"),
    "last image missing": (GOOD[:-16], "64 bytes in all, but it has 48 bytes"),
    "last byte missing": (GOOD[:-1], "but it has 63 bytes"),
    "trailing byte": (GOOD + b"\0", "but it has 65 bytes"),
    "trailing newline": (GOOD + b"\n", "but it has 65 bytes"),
    "n = 2^31 - 1": (idx(np.arange(3), dims=(2**31 - 1,)), "2147483655 bytes"),
    "n = 2^32 - 1": (idx(np.arange(3), dims=(2**32 - 1, 28, 28)), "shape (4294967295, 28, 28)"),
    "product that overflows to 0": (idx(np.ones(0), dims=(2**31, 2**31, 4)), "shape (2147483648, 2147483648, 4)"),
    "product that overflows to 48": (idx(IMAGES, dims=(2**32 - 1, 2**32 - 1, 48)), "has 64 bytes"),
    "zero and huge": (idx(np.ones(0), dims=(0, 2**32 - 1, 2**32 - 1, 2**32 - 1)), "which NumPy cannot hold"),
    "little-endian": (struct.pack("<I3I", 0x803, 3, 4, 4) + bytes(48), "little-endian order"),
    "little-endian sizes": (struct.pack(">I", 0x803) + struct.pack("<3I", 3, 4, 4) + bytes(48), "(50331648, "),
    "first byte": (b"\1" + GOOD[1:], "starts with the bytes 01 00 08 03"),
    "second byte": (b"\0\1" + GOOD[2:], "starts with the bytes 00 01 08 03"),
    "dtype 0x0A": (b"\0\0\x0a" + GOOD[3:], "starts with the bytes 00 00 0a 03"),
    "dtype 0": (b"\0\0\0" + GOOD[3:], "starts with the bytes 00 00 00 03"),
    "dtype of another size": (b"\0\0\x0d" + GOOD[3:], "208 bytes in all"),
    "no dimension": (b"\0\0\x08\0" + b"\1", "0 dimensions"),
    "255 dimensions": (b"\0\0\x08\xff" + b"\0\0\0\1" * 255 + b"\1", "255 dimensions"),
    "cut sizes": (GOOD[:10], "ends before the sizes of its 3 dimensions are complete"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(60), "is no IDX file"),
    "a page": (b"<!DOCTYPE html><html>404</html>", "is no IDX file"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", MALFORMED)
def test_C171_malformed(path, name, packed):
    data, message = MALFORMED[name]
    data = gzip.compress(data) if packed else data
    with little_memory(1_000_000):
        said = refuse(path, data)
    if not packed:
        assert message in said


def test_C171_truncated_and_damaged_gzip(path):
    packed = gzip.compress(GOOD)
    assert "damaged gzip data" in refuse(path, packed[:-9])
    crc = bytearray(packed)
    crc[-8] ^= 1
    assert "CRC check failed" in refuse(path, bytes(crc))
    length = bytearray(packed)
    length[-1] ^= 1
    assert "Incorrect length" in refuse(path, bytes(length))
    assert "damaged gzip data" in refuse(path, packed + b"rubbish")
    assert "damaged gzip data" in refuse(path, packed[:12] + b"\xff\xff\xff" + packed[15:])
    refuse(path, gzip.compress(gzip.compress(GOOD)))
    assert "goes on after its array of shape (3, 4, 4)" in refuse(path, gzip.compress(GOOD + b"\0"))
    assert "goes on after" in refuse(path, gzip.compress(GOOD) + gzip.compress(b"\0"))


def bomb(header, size):
    """Return a gzip file that unpacks to the header and `size` zero bytes, without ever holding them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(2**20)
    parts = [packer.compress(header)]
    parts += [packer.compress(block[: min(2**20, size - start)]) for start in range(0, size, 2**20)]
    return b"".join([*parts, packer.flush()])


SIZE = 400 * 2**20


@pytest.fixture(scope="module")
def bombs():
    honest = idx(np.ones(0), dims=(SIZE // 1024, 32, 32))
    return {"honest": bomb(honest, SIZE), "small": bomb(GOOD, 2 * SIZE // 10)}


def test_C171_gzip_bomb_that_tells_its_size(path, bombs):
    assert len(bombs["honest"]) < SIZE / 900
    path.write_bytes(bombs["honest"])
    with little_memory():
        assert "if you trust it, unpack it first" in refuse(path)


def test_C171_gzip_bomb_behind_a_small_array(path, bombs):
    path.write_bytes(bombs["small"])
    with little_memory():
        assert "goes on after its array" in refuse(path)


def test_C171_gzip_too_short_for_what_it_announces(path):
    data = gzip.compress(idx(np.arange(3), dims=(60000, 28, 28)))
    with little_memory(1_000_000):
        assert "of gzip cannot hold" in refuse(path, data)


def test_sets_as_compressible_as_real_ones_are_read(path):
    """Black images, 8 MB out of some kB: high ratios are refused only where much memory is at stake."""
    path.write_bytes(gzip.compress(idx(np.zeros((10000, 28, 28)))))
    assert read_idx(path).shape == (10000, 28, 28)


def test_more_than_the_memory_is_one_error(path, monkeypatch):
    def exhausted(*_):
        raise MemoryError

    path.write_bytes(GOOD)
    monkeypatch.setattr(np, "empty", exhausted)
    assert "larger than the free memory" in refuse(path)


def test_what_is_no_file_is_refused(tmp_path):
    assert "is a folder" in refuse(tmp_path)
    assert "No such file" in refuse(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    assert "no regular file" in refuse(tmp_path / "pipe")
    assert refuse(tmp_path / "nul\0")


# MNIST


def write_set(folder, joint="-", suffix="", pack=False, **changes):
    rng = np.random.default_rng(0)
    arrays = {
        "train-images": rng.integers(0, 256, (12, 5, 5)),
        "train-labels": np.arange(12) % 10,
        "t10k-images": rng.integers(0, 256, (4, 5, 5)),
        "t10k-labels": np.array([9, 0, 3, 3]),
    }
    arrays["train-images"][0, 0, :2] = 0, 255
    arrays |= {name.replace("_", "-"): array for name, array in changes.items()}
    for stem, array in arrays.items():
        if array is not None:
            data = array if isinstance(array, bytes) else idx(array)
            kind = 3 if stem.endswith("images") else 1
            (folder / f"{stem}{joint}idx{kind}-ubyte{suffix}").write_bytes(gzip.compress(data) if pack else data)
    return arrays


@pytest.mark.parametrize("joint", ["-", "."])
@pytest.mark.parametrize(("suffix", "pack"), [("", False), (".gz", True), ("", True), (".gz", False)])
def test_mnist_from_its_four_files(tmp_path, joint, suffix, pack):
    arrays = write_set(tmp_path, joint, suffix, pack)
    for folder in (tmp_path, str(tmp_path)):
        (X_train, y_train), (X_test, y_test) = mnist(folder)
        for X, y, part in ((X_train, y_train, "train"), (X_test, y_test, "t10k")):
            images, labels = arrays[f"{part}-images"], arrays[f"{part}-labels"]
            assert (X.dtype, y.dtype) == (np.float32, np.int64)
            np.testing.assert_array_equal(X, (images.reshape(len(images), 25) / 255).astype(np.float32))
            np.testing.assert_array_equal(y, labels)
    assert (X_train.min(), X_train.max()) == (0, 1)
    (X, _), (Z, _) = mnist(tmp_path, flat=False)
    assert (X.shape, Z.shape) == ((12, 1, 5, 5), (4, 1, 5, 5))
    np.testing.assert_array_equal(X.reshape(12, 25), X_train)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train_images": np.zeros((12, 14, 56))},
            r"training images of shape \(12, 14, 56\); expected \(n, size, size\)",
        ),
        ({"t10k_images": np.zeros((4, 4, 4))}, r"training images of \(5, 5\) but test images of \(4, 4\)"),
        ({"train_labels": np.r_[np.zeros(11), 200]}, "the training label 200 at 11; labels are 0 ... 9"),
        ({"t10k_labels": np.array([10, 0, 0, 0])}, "the test label 10 at 0"),
        ({"train_labels": np.zeros(11)}, "12 training images but 11 training labels"),
        ({"train_labels": np.zeros(13)}, "12 training images but 13 training labels"),
        ({"t10k_images": np.zeros((5, 5, 5))}, "5 test images but 4 test labels"),
        ({"t10k_images": np.zeros((0, 5, 5)), "t10k_labels": np.zeros(0)}, r"test images of shape \(0, 5, 5\)"),
        ({"train_images": np.zeros((12, 0, 0))}, r"training images of shape \(12, 0, 0\)"),
        ({"train_images": np.zeros((12, 25))}, "holds uint8 of 2 dimensions; expected uint8 of 3"),
        ({"train_labels": np.zeros((12, 1))}, "holds uint8 of 2 dimensions; expected uint8 of 1"),
        ({"train_images": idx(np.zeros((12, 5, 5)), 0x0D)}, "holds float32 of 3 dimensions"),
        ({"t10k_labels": idx(np.zeros(4), 0x09)}, "holds int8 of 1 dimensions"),
        ({"t10k_images": idx(np.zeros((4, 5, 5)))[:-25]}, r"read_idx: .*fetch it again"),
        ({"t10k_images": None}, "lacks t10k-images-idx3-ubyte; put the four IDX files there"),
        ({"train_images": None, "t10k_labels": None}, "lacks train-images-idx3-ubyte, t10k-labels-idx1-ubyte"),
    ],
)
def test_C171_mnist_that_does_not_fit(tmp_path, changes, message):
    write_set(tmp_path, **changes)
    with pytest.raises(DataError, match=message) as caught:
        mnist(tmp_path)
    assert "\n" not in str(caught.value)


def test_C171_images_and_labels_swapped(tmp_path):
    write_set(tmp_path, train_images=np.arange(12) % 10, train_labels=np.zeros((12, 5, 5)))
    with pytest.raises(DataError, match="expected uint8 of 3"):
        mnist(tmp_path)


def test_mnist_needs_a_folder(tmp_path):
    (tmp_path / "file").write_bytes(GOOD)
    for folder in (tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(DataError, match="is no folder; give the one that holds the four IDX files"):
            mnist(folder)
    (tmp_path / "train-images-idx3-ubyte").mkdir()
    write_set(tmp_path, train_images=None)
    with pytest.raises(DataError, match="is a folder"):
        mnist(tmp_path)


def test_real_size_is_quick_to_check(path):
    """The header of the real file is accepted by arithmetic alone."""
    shape = (60000, 28, 28)
    with open(path, "wb") as file:
        file.write(struct.pack(">4I", 0x803, *shape))
        file.truncate(16 + math.prod(shape))
    assert read_idx(path).shape == shape
