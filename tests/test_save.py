"""Checkpoints: right for every layout of memory, refused for every fault, never half-written."""

import contextlib
import hashlib
import importlib
import io
import itertools
import json
import os
import pickle
import random
import signal
import subprocess
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.numpy

from tinygrad_nn.save import CheckpointError, load, load_metadata, load_with_metadata, save

ROOT = Path(__file__).parents[1]
DTYPES = ["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "c8"]


def refuse(call, *arguments, **named):
    """Return the message of the one CheckpointError, which is a single line without a second error behind it."""
    with pytest.raises(CheckpointError) as caught:
        call(*arguments, **named)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{call.__name__}: ")
    assert len(message) < 400
    return message


def small_state():
    return {
        "0.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
        "0.bias": np.array([0.5, -0.0]),
        "größe": np.array(7),
        "mask": np.array([True, False, True]),
        "none": np.zeros((0, 3), np.float32),
    }


def raw(header, data=b"", pad=0):
    """Return a file with this header, which may be wrong in any way."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    text += b" " * pad
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype="F32", shape=(1,), offsets=(0, 4)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def assert_same(loaded, expected):
    assert loaded.keys() == expected.keys()
    for name, array in expected.items():
        assert type(loaded[name]) is np.ndarray
        assert loaded[name].dtype == array.dtype.newbyteorder("=")
        assert loaded[name].shape == array.shape
        assert loaded[name].tobytes() == np.array(array, dtype=loaded[name].dtype, order="C").tobytes()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.fixture
def saved(path):
    save(small_state(), path, metadata={"epoch": "3", "note": 'zwölf\n"quoted" \\ 数'})
    return path.read_bytes()


# What goes in comes out --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (1,), (5,), (0,), (2, 3), (0, 3), (2, 0, 4), (3, 1, 2), (1,) * 32])
def test_round_trip_is_bitwise(path, dtype, shape):
    rng = np.random.default_rng(len(shape))
    values = rng.integers(0, 256, size=np.zeros(shape, dtype).nbytes, dtype=np.uint8)
    array = (values & 1 if dtype == "?" else values).view(dtype).reshape(shape)  # NaN payloads included
    save({"a": array}, path)
    assert_same(load(path), {"a": array})
    assert_same(safetensors.numpy.load_file(path), {"a": array})


BASE = np.arange(60.0).reshape(3, 4, 5)
LAYOUTS = {
    "fortran": np.asfortranarray(BASE),
    "transposed": BASE.T,
    "moved axes": np.moveaxis(BASE, 0, 1),
    "step": BASE[::2, :, ::3],
    "negative step": BASE[:, ::-1, ::-1],
    "column": BASE[:, :, 1],
    "broadcast": np.broadcast_to(np.arange(3.0)[:, None], (3, 4)),
    "overlapping windows": np.lib.stride_tricks.sliding_window_view(np.arange(7.0), 3),
    "diagonal": np.diagonal(BASE[0, :, :4]),
    "big-endian": BASE.astype(">f8"),
    "big-endian fortran": np.asfortranarray(BASE.astype(">f8")),
    "unaligned": np.frombuffer(b"x" + BASE.tobytes(), np.float64, offset=1),
    "field of a record": np.zeros(3, [("a", "i2"), ("b", "f4")])["b"],
    "read-only": np.frombuffer(BASE.tobytes()),
    "0-d view": BASE[1, 2, 3:4].reshape(()),
    "empty strided": BASE[:, 4:, ::2],
    "subclass": BASE[0].T.view(np.recarray),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_of_memory_keeps_its_values(path, layout):
    array = LAYOUTS[layout]
    save({"a": array, "b": BASE}, path)
    for loaded in (load(path), safetensors.numpy.load_file(path)):
        assert loaded["a"].tolist() == array.tolist()
        assert loaded["a"].shape == array.shape
        assert loaded["b"].tolist() == BASE.tolist()


def test_the_library_alone_would_corrupt_strided_arrays():
    """Holds the reason for our copies; when this fails, safetensors has mended it."""
    file = safetensors.numpy.save({"a": np.arange(6.0).reshape(2, 3).T})
    assert safetensors.numpy.load(file)["a"].tolist() != np.arange(6.0).reshape(2, 3).T.tolist()


def test_loaded_arrays_are_writable_and_share_nothing(path):
    state = small_state()
    save(state, path)
    first, second = load(path), load(path)
    assert list(first) == sorted(state)
    for name, array in first.items():
        assert array.flags.writeable
        assert array.flags.c_contiguous
        assert array.flags.aligned
        array[...] = True
        assert_same({name: second[name]}, {name: state[name]})
    for one, other in itertools.combinations(first.values(), 2):
        assert not np.shares_memory(one, other)


def test_a_model_and_tensors_are_taken_by_their_data(path):
    class Tensor:
        def __init__(self, data):
            self.data = data

        def __array__(self, dtype=None, copy=None):
            raise TypeError("needs a gradient")

    class Model:
        def state_dict(self):
            return {"w": Tensor(BASE.T), "b": BASE[0], "scalar": np.float32(2.5)}

    save(Model(), path)
    assert_same(load(path), {"w": BASE.T, "b": BASE[0], "scalar": np.array(2.5, np.float32)})


def test_saving_changes_nothing_in_the_model(path):
    state = {"f": np.asfortranarray(BASE), "e": BASE.astype(">f4")}
    copies = {name: array.copy(order="K") for name, array in state.items()}
    save(state, path, metadata=(notes := {"a": "1"}))
    assert notes == {"a": "1"}
    assert all((state[name] == copies[name]).all() and state[name].strides == copies[name].strides for name in state)
    assert state["e"].dtype == ">f4"


def test_empty_state_and_names_of_all_kinds(path):
    save({}, path)
    assert load(path) == {}
    names = ["", "../x", "a b", "é", "数.0", "🎲", '"', "\\", "{}", "__class__", "tinygrad_nn.sha256", "x" * 1000, "\t"]
    save({name: np.array(i) for i, name in enumerate(names)}, path)
    assert {name: int(a) for name, a in load(path).items()} == {name: i for i, name in enumerate(names)}
    assert os.listdir(path.parent) == [path.name]


def test_metadata_comes_back_and_others_see_it(path):
    notes = {"z": "", "epoch": "3", "a": '{"lr": 0.1}\n', "ключ": "значение"}
    save(small_state(), path, metadata=notes)
    assert load_metadata(path) == notes
    arrays, again = load_with_metadata(path)
    assert again == notes
    assert_same(arrays, small_state())
    with safetensors.safe_open(path, framework="np") as file:
        seen = file.metadata()
    assert {key: seen[key] for key in notes} == notes
    assert seen["tinygrad_nn.format"] == "1"
    save({}, path)
    assert load_metadata(path) == {}


def test_checksum_is_over_names_dtypes_shapes_values_and_metadata(path):
    states = [
        {"a": np.zeros(4, np.float32)},
        {"b": np.zeros(4, np.float32)},
        {"a": np.zeros(4, np.int32)},
        {"a": np.zeros((2, 2), np.float32)},
        {"a": np.array([0, 0, 0, -0.0], np.float32)},
        {"a": np.zeros(2, np.float32), "b": np.zeros(2, np.float32)},
    ]
    sums = set()
    for state, notes in [*((state, {}) for state in states), (states[0], {"k": "v"}), (states[0], {"kv": ""})]:
        save(state, path, metadata=notes)
        with safetensors.safe_open(path, framework="np") as file:
            sums.add(file.metadata()["tinygrad_nn.sha256"])
    assert len(sums) == len(states) + 2


def test_plain_safetensors_files_load(path):
    state = small_state()
    for notes in (None, {"format": "pt"}):
        safetensors.numpy.save_file(state, path, metadata=notes)
        assert_same(load(path), state)
        assert load_metadata(path) == (notes or {})


def test_PyTorch_reads_ours_and_we_read_its_files(path):
    torch = pytest.importorskip("torch", reason="PyTorch is no dependency, only an oracle")
    from safetensors.torch import load_file, save_file

    layer = torch.nn.Linear(3, 2)
    save_file(layer.state_dict(), path, metadata={"format": "pt"})
    ours = load(path)
    assert ours.keys() == {"weight", "bias"}
    np.testing.assert_array_equal(ours["weight"], layer.weight.detach().numpy(), strict=True)
    save({"weight": ours["weight"].T.copy().T * 2, "bias": ours["bias"]}, path)
    back = load_file(path)
    assert torch.equal(back["weight"], layer.weight * 2)
    save_file({"half": torch.ones(2, dtype=torch.bfloat16)}, path)
    assert "'half' as BF16, a dtype that NumPy lacks" in refuse(load, path)


# The same content gives the same bytes -----------------------------------------------------------------------------

DETERMINISTIC = """
import hashlib, sys
import numpy as np
from tinygrad_nn.save import save
names = list({"layers.0.weight", "layers.0.bias", "a", "b", "c", "größe"})  # a set: its order depends on the seed
notes = {key: key for key in {"epoch", "lr", "note", "x", "y"}}
save({name: np.full(3, len(name), "f4" if len(name) > 1 else "f8") for name in names}, sys.argv[1], metadata=notes)
print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())
"""


def run(code, *arguments, **environment):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment)


def test_C162_bytes_do_not_depend_on_the_hash_seed(path):
    runs = [run(DETERMINISTIC, path, PYTHONHASHSEED=seed) for seed in ("0", "1", "12345")]
    assert [done.stderr for done in runs] == [""] * 3
    assert len({done.stdout for done in runs}) == 1


def test_C162_bytes_do_not_depend_on_order_or_chance(path):
    state, notes = small_state(), dict.fromkeys("abcdefgh", "v")
    files = set()
    for _ in range(20):
        save(state, path, metadata=notes)
        files.add(path.read_bytes())
        state, notes = (dict(reversed(mapping.items())) for mapping in (state, notes))
    assert len(files) == 1


# What is wrong is refused ------------------------------------------------------------------------------------------


def assert_refused_at_every_length(path, data):
    path.write_bytes(data)
    for length in reversed(range(len(data))):
        os.truncate(path, length)
        refuse(load, path)


def test_C163_file_cut_at_every_byte(path, saved):
    assert_same(load(path), small_state())
    assert_refused_at_every_length(path, saved)


def test_C163_plain_file_cut_at_every_byte(path):
    state = {"a": np.arange(3.0), "b": np.arange(2, dtype=np.int16)}
    assert_refused_at_every_length(path, safetensors.numpy.save(state, metadata={"k": "v"}))


def test_every_single_bit_flip_is_refused(path, saved):
    with open(path, "r+b", buffering=0) as file:
        for position, bit in itertools.product(range(len(saved)), range(8)):
            os.pwrite(file.fileno(), bytes([saved[position] ^ 1 << bit]), position)
            try:
                load(path)
            except CheckpointError:
                pass
            else:
                pytest.fail(f"bit {bit} of byte {position} may be flipped")
            os.pwrite(file.fileno(), saved[position : position + 1], position)
    assert_same(load(path), small_state())


def test_neighbours_of_a_bit_flip(path, saved):
    end = 8 + int.from_bytes(saved[:8], "little")
    swapped = saved[:end] + saved[end + 8 : end + 16] + saved[end : end + 8] + saved[end + 16 :]
    doubled = saved[: len(saved) // 2] + saved[len(saved) // 2 - 1 :]
    zeroed = saved[:-16] + bytes(16)
    assert len({saved, swapped, doubled, zeroed}) == 4
    for damaged in (swapped, doubled, zeroed, saved + b"\0", saved + b"\n", saved + saved, b"\0" + saved, saved[1:]):
        path.write_bytes(damaged)
        refuse(load, path)


@pytest.mark.parametrize("key", ["tinygrad_nn.format", "tinygrad_nn.sha256"])
def test_a_lost_mark_does_not_make_our_file_look_foreign(path, key):
    save(small_state(), path)
    with safetensors.safe_open(path, framework="np") as file:
        notes = file.metadata()
    del notes[key]
    safetensors.numpy.save_file(small_state(), path, metadata=notes)
    assert "checksum" in refuse(load, path)


def test_a_newer_format_says_so(path, saved):
    path.write_bytes(saved.replace(b'"tinygrad_nn.format":"1"', b'"tinygrad_nn.format":"2"'))
    assert "format '2', this version reads '1'; update" in refuse(load, path)


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_C165_pickles_and_object_arrays_are_refused_and_nothing_runs(path, tmp_path):
    touched = tmp_path / "touched"
    array = np.array([Bomb(touched)], dtype=object)
    npy, npz = io.BytesIO(), io.BytesIO()
    np.save(npy, array, allow_pickle=True)
    np.savez(npz, a=array)
    pickles = [pickle.dumps(Bomb(touched), protocol=protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for data in (npy.getvalue(), npz.getvalue(), *pickles):
        path.write_bytes(data)
        assert "is not a safetensors file" in refuse(load, path)
    assert not touched.exists()
    path.unlink()
    for data in (array, np.array([None]), np.array(["x"], dtype=object)):
        assert "'w' has dtype object" in refuse(save, {"w": data}, path)
    assert os.listdir(tmp_path) == []


def test_the_error_names_what_the_file_is(path):
    npz = io.BytesIO()
    np.savez(npz, a=np.ones(3))
    for data, kind in [
        (npz.getvalue(), "zip archive"),
        (pickle.dumps({"a": 1}), "pickle"),
        (b"\x93NUMPY\x01\x00", "NumPy"),
        (b"\x1f\x8b\x08\x00" + bytes(6), "gzip"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"", "cut short"),
        (b"hello", "cut short"),
    ]:
        path.write_bytes(data)
        assert kind in refuse(load, path)


class Opaque:
    pass


@pytest.mark.parametrize(
    "value",
    [1.0, [1.0], None, "text", {"nested": np.ones(1)}, memoryview(b"x"), Opaque, np.ma.masked_array([1.0], [True])],
)
def test_what_is_no_array_is_refused(path, value):
    path.write_bytes(b"old")
    assert "'w' is " in refuse(save, {"good": np.ones(2), "w": value}, path)
    assert path.read_bytes() == b"old"
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("dtype", ["c16", "g", "O", "U3", "S3", "M8[s]", "m8", "V4", [("a", "f4")], "T"])
def test_dtypes_that_the_format_lacks_are_named(path, dtype):
    array = np.zeros(2, np.dtypes.StringDType() if dtype == "T" else dtype)
    assert f"'w' has dtype {array.dtype}" in refuse(save, {"w": array}, path)
    assert os.listdir(path.parent) == []


def test_bfloat16_is_named_both_ways(path):
    path.write_bytes(raw({"w": entry("BF16", (2,), (0, 4))}, b"1234"))
    assert "'w' as BF16, a dtype that NumPy lacks" in refuse(load, path)
    for code, size in [("F8_E4M3", 1), ("F8_E5M2", 1), ("F4", 1), ("nonsense", 4)]:
        path.write_bytes(raw({"w": entry(code, (1,), (0, size))}, bytes(size)))
        assert f"'w' as {code}" in refuse(load, path)


@pytest.mark.parametrize("wrong", [3, None, "text", [np.ones(1)], np.ones(1), Opaque()])
def test_what_is_no_model_is_a_type_error(path, wrong):
    with pytest.raises(TypeError, match="save: expected a model with state_dict"):
        save(wrong, path)
    assert not path.exists()


def test_names_and_metadata_must_be_clean_text(path):
    for name in (1, None, b"w", ("a",)):
        with pytest.raises(TypeError, match=r"save: the name .* names and metadata are text"):
            save({name: np.ones(1)}, path)
    for notes in ({"epoch": 3}, {3: "epoch"}, {"a": None}):
        with pytest.raises(TypeError, match=r"save: the metadata.* names and metadata are text"):
            save({}, path, metadata=notes)
    with pytest.raises(TypeError, match="metadata must be a dict of text, got list"):
        save({}, path, metadata=["a"])
    for text in ("nul\0", "\x1b[31m", "\ud800", "__metadata__"):
        refuse(save, {text: np.ones(1)}, path)
    for text in ("nul\0", "\x1b[31m", "\ud800"):
        refuse(save, {}, path, metadata={"a": text})
        refuse(save, {}, path, metadata={text: "a"})
    assert "reserved" in refuse(save, {}, path, metadata={"tinygrad_nn.sha256": "0"})
    assert os.listdir(path.parent) == []


GOOD = {"a": entry(), "b": entry("F64", (), (4, 12))}
HOSTILE = {
    "name twice": b'{"a":%(e)s,"a":%(e)s}',
    "name twice, escaped": b'{"a":%(e)s,"\\u0061":%(e)s}',
    "metadata twice": b'{"__metadata__":{},"__metadata__":{},"a":%(e)s}',
    "key of metadata twice": b'{"__metadata__":{"x":"1","x":"2"},"a":%(e)s}',
    "field twice": b'{"a":{"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]}}',
    "not an object": b"[%(e)s]",
    "number": b"12",
    "null entry": b'{"a":null}',
    "not JSON": b"hello world",
    "not UTF-8": b'{"\xff":%(e)s}',
    "half a surrogate pair": b'{"\\ud800":%(e)s}',
    "NUL in name": b'{"\0":%(e)s}',
    "byte order mark": b"\xef\xbb\xbf{}",
    "text after it": b'{"a":%(e)s}x',
    "cut": b'{"a":%(e)s',
    "deep list": b"[" * 100_000,
    "deep object": b'{"a":' * 100_000,
    "endless number": b'{"a":{"dtype":"F32","shape":[' + b"9" * 5000 + b'],"data_offsets":[0,4]}}',
    "metadata is a number": b'{"__metadata__":{"x":1},"a":%(e)s}',
    "metadata is a list": b'{"__metadata__":[],"a":%(e)s}',
    "impossible shape": b'{"a":{"dtype":"F32","shape":[9223372036854775808,0],"data_offsets":[0,0]},"b":%(e)s}',
    "no shape": b'{"a":{"dtype":"F32","data_offsets":[0,4]}}',
    "a field too many": b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":NaN}}',
    **{
        f"{field} {value}": b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],%s}}'.replace(
            {"dtype": b'"dtype":"F32",', "shape": b'"shape":[1],', "data_offsets": b'"data_offsets":[0,4],'}[field], b""
        )
        % f'"{field}":{value}'.encode()
        for field, values in {
            "dtype": ["1", "[]", "null", '"f4"', '"F64"', '"F16"', '""', '"BOOL"', "{}"],
            "shape": ["1", "[-1]", "[-1,-1]", "[1.0]", "[true]", '["1"]', "[2]", "[]x", "[0]", "[1,1,0]",
                      "[4294967297]", "null",
                      "[9223372036854775808,0]", "[4611686018427387904,4]", "[18446744073709551617]", "{}", "[NaN]",
                      "[1e0]", "[" + "1," * 64 + "1]", "[[1]]"],
            "data_offsets": ["[0]", "[0,4,4]", "[4,0]", "[0,5]", "[0,3]", "[1,4]", "[-4,0]", "[0.0,4.0]", "[0,true]",
                             "4", "null", "[-0,4]", "[0,18446744073709551620]", "[4,8]", '"04"', "{}"],
        }.items()
        for value in values
    },
}  # fmt: skip


CLEARER = {
    "name twice": "'a' twice",
    "endless number": "impossible number 999",
    "impossible shape": "a shape that NumPy lacks",
    "shape [" + "1," * 64 + "1]": "malformed",  # before its product is taken, which could last for minutes
}


@pytest.mark.parametrize("name", HOSTILE)
def test_C167_hostile_header(path, name):
    text = HOSTILE[name].replace(b"%(e)s", json.dumps(entry()).encode())
    path.write_bytes(raw(text, b"\x00\x00\x80\x7f"))
    message = refuse(load, path)
    assert CLEARER.get(name, "") in message


@pytest.mark.parametrize(
    ("header", "data"),
    [
        ({"a": entry(), "b": entry()}, 4),  # overlap
        ({"a": entry(), "b": entry(offsets=(2, 6))}, 6),
        ({"a": entry(), "b": entry(offsets=(8, 12))}, 12),  # gap
        ({"a": entry(offsets=(4, 8))}, 8),
        (GOOD, 11),
        (GOOD, 13),  # trailing
        (GOOD, 0),
        ({}, 1),
    ],
)
def test_C167_arrays_cover_the_file_without_gap_overlap_or_trailing_bytes(path, header, data):
    path.write_bytes(raw(header, bytes(data)))
    refuse(load, path)
    path.write_bytes(raw(GOOD, bytes(12)))
    assert load(path).keys() == {"a", "b"}


def test_C167_a_name_that_climbs_is_only_a_name(path):
    folder = path.parent / "inner"
    folder.mkdir()
    for name in ("../x", "/etc/passwd", "..\\x", "C:x"):
        (folder / "m").write_bytes(raw({name: entry()}, bytes(4)))
        assert load(folder / "m")[name].tolist() == [0.0]
    assert os.listdir(folder) == ["m"]
    assert os.listdir(path.parent) == ["inner"]


def test_C167_zip_bomb_in_disguise(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../x", bytes(10_000_000))
    assert "zip archive" in refuse(load, path)
    bomb = path.read_bytes()
    save(small_state(), path)
    path.write_bytes(path.read_bytes() + bomb)
    refuse(load, path)
    assert os.listdir(path.parent) == [path.name]


def test_C167_a_hundred_thousand_members(path):
    header = {f"layer.{i}": entry("U8", (1,), (i, i + 1)) for i in range(100_000)}
    text = json.dumps(header).encode()
    path.write_bytes(raw(text, bytes(100_000)))
    start = time.perf_counter()
    assert len(load(path)) == 100_000
    path.write_bytes(raw(text.replace(b"layer.99999", b"layer.99998"), bytes(100_000)))
    assert "'layer.99998' twice" in refuse(load, path)
    assert time.perf_counter() - start < 10


@contextlib.contextmanager
def little_memory():
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("length", [0, 1, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1, 100_000_001])
def test_size_of_the_header_is_checked_before_memory_is_taken(path, length):
    path.write_bytes(length.to_bytes(8, "little") + b'{"a": 1}')
    with little_memory():
        refuse(load, path)
    os.truncate(path, 200_000_000)  # a sparse file, so that only the limit of the format is in the way
    with little_memory():
        refuse(load, path)


def test_header_above_the_limit_is_not_written(path, monkeypatch):
    monkeypatch.setattr(importlib.import_module("tinygrad_nn.save"), "MAX_HEADER", 200)
    assert "the format allows 200" in refuse(save, {"x" * 200: np.ones(1)}, path)
    assert os.listdir(path.parent) == []


def test_sizes_of_arrays_are_checked_before_memory_is_taken(path):
    many = 2**33
    for header in (
        {"a": entry("F32", (many,), (0, 4 * many))},
        {"a": entry("F32", (many,), (0, 4))},
        {"a": entry("U8", (1,), (0, 1)), "b": entry("F32", (many,), (1, 1 + 4 * many))},
    ):
        path.write_bytes(raw(header, bytes(4)))
        with little_memory():
            refuse(load, path)


def test_a_file_larger_than_the_memory_is_one_error(path, saved, monkeypatch):
    def exhausted(*_):
        raise MemoryError

    monkeypatch.setattr(np, "empty", exhausted)
    assert "larger than the free memory" in refuse(load, path)


def test_bool_arrays_hold_zeros_and_ones_only(path):
    path.write_bytes(raw({"a": entry("BOOL", (2,), (0, 2))}, b"\x01\x02"))
    assert "bool array 'a'" in refuse(load, path)
    path.write_bytes(raw({"a": entry("BOOL", (2,), (0, 2))}, b"\x01\x00"))
    assert load(path)["a"].tolist() == [True, False]


def test_messages_stay_short_for_long_names(path):
    name = "n" * 100_000 + "\n"
    path.write_bytes(raw({name: entry("BF16", (2,), (0, 4))}, bytes(4)))
    refuse(load, path)
    refuse(save, {name: None}, path)
    refuse(save, {name: np.array([None])}, path)


def test_whatever_the_library_refuses_we_refuse_and_else_we_agree(path):
    """Differential fuzzing: the library is the oracle; we may be stricter, never laxer."""
    rng = random.Random(5)
    whole = raw({"__metadata__": {"k": "v"}, **GOOD, "c": entry("I16", (2, 1), (12, 16))}, bytes(range(16)), pad=3)
    outcomes = {"both": 0, "neither": 0, "stricter": 0}
    for _ in range(1500):
        data = bytearray(whole)
        for _ in range(rng.choice([1, 1, 2, 3])):
            at = rng.randrange(len(data))
            kind = rng.randrange(5)
            if kind == 4:
                data[-rng.randrange(1, 17)] ^= 1 << rng.randrange(8)
            elif kind == 0:
                data[at] = rng.choice(b'{}[]:,"0123456789 -.eE\\abFI\0\xff')
            elif kind == 1:
                data[at:at] = rng.choice([b'"', b"0", b",", b"[", b" ", b"1e1", b'"a":'])
            elif kind == 2:
                del data[at : at + rng.randrange(1, 4)]
            else:
                other = rng.randrange(len(data))
                data[at], data[other] = data[other], data[at]
        if rng.random() < 0.7 and len(data) > 24:
            data[:8] = (len(data) - 24).to_bytes(8, "little")  # else nearly all would fail at the first number
        path.write_bytes(data)
        try:
            theirs = safetensors.numpy.load(bytes(data))
        except (safetensors.SafetensorError, KeyError, ValueError):
            theirs = None
        try:
            ours = load(path)
        except CheckpointError:
            ours = None
        if theirs is None:
            assert ours is None, bytes(data)
        elif ours is not None:
            assert_same(ours, theirs)
        outcomes["neither" if theirs is None else "stricter" if ours is None else "both"] += 1
    assert outcomes["both"] > 200
    assert outcomes["neither"] > 400


# Paths and interruptions -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["model", "model.npz", "größe 数 🎲.safetensors", "%s.tmp"])
def test_C170_the_path_is_taken_as_given(tmp_path, name):
    for path in (tmp_path / name, str(tmp_path / name)):
        save(small_state(), path)
        assert_same(load(path), small_state())
        assert os.listdir(tmp_path) == [name]


def test_C170_link_is_followed_and_stays(tmp_path):
    (tmp_path / "link").symlink_to("real")
    save(small_state(), tmp_path / "link")
    save({"a": BASE}, tmp_path / "link")
    assert_same(load(tmp_path / "link"), {"a": BASE})
    assert (tmp_path / "link").is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["link", "real"]


def test_C170_folder_missing_file_and_missing_folder_are_one_error(tmp_path):
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", tmp_path / "nowhere" / "model", tmp_path, ""):
        assert "choose a file in a folder that is writable" in refuse(save, small_state(), path)
        assert repr(os.fspath(path)) in refuse(load, path)
    assert "No such file" in refuse(load, tmp_path / "model")
    assert os.listdir(tmp_path) == ["folder"]
    assert os.listdir(tmp_path / "folder") == []


def test_failure_while_saving_keeps_the_old_file(path, monkeypatch):
    save(small_state(), path)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert "No space left on device" in refuse(save, {"a": BASE}, path)
    assert_same(load(path), small_state())
    assert os.listdir(path.parent) == [path.name]


KILLED = """
import os, signal, sys
import numpy as np
from tinygrad_nn.save import save
path, step, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
real = getattr(os, step)
def die(*arguments):
    global count
    count -= 1
    if count == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments)
setattr(os, step, die)
save({"a": np.full(100_000, 2.0)}, path)
"""


@pytest.mark.parametrize(("step", "count", "value"), [("fsync", 1, 1.0), ("replace", 1, 1.0), ("fsync", 2, 2.0)])
def test_killed_at_each_step_leaves_the_old_file_or_the_new(path, step, count, value):
    save({"a": np.full(100_000, 1.0)}, path)
    assert run(KILLED, path, step, str(count)).returncode == -signal.SIGKILL
    assert set(load(path)["a"].tolist()) == {value}


ENDLESS = """
import itertools, sys
import numpy as np
from tinygrad_nn.save import save
for i in itertools.count(2):
    save({"a": np.full(500_000, float(i))}, sys.argv[1])
    print(i, flush=True)
"""


def test_killed_at_any_moment_leaves_a_whole_file(path):
    save({"a": np.full(500_000, 1.0)}, path)
    rng = random.Random(0)
    for _ in range(3):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        child = subprocess.Popen([sys.executable, "-c", ENDLESS, path], env=environment, stdout=subprocess.PIPE)
        with child:
            assert child.stdout.readline() == b"2\n"
            time.sleep(rng.uniform(0, 0.05))
            child.kill()
        values = load(path)["a"]
        assert values.shape == (500_000,)
        assert values.min() == values.max() >= 2.0


def test_checksum_can_be_computed_from_the_format_alone(path):
    """The checksum as the documentation could state it, computed a second time without our code."""
    save({"b": BASE[0].astype(np.float32), "a": np.array([1, 2])}, path, metadata={"k": "é"})
    with safetensors.safe_open(path, framework="np") as file:
        notes = file.metadata()
        arrays = file.get_tensors()
    head = '[[["k", "\\u00e9"], ["tinygrad_nn.format", "1"]], [["a", "<i8", [2]], ["b", "<f4", [4, 5]]]]'
    digest = hashlib.sha256(head.encode() + arrays["a"].tobytes() + arrays["b"].tobytes()).hexdigest()
    assert notes["tinygrad_nn.sha256"] == digest
