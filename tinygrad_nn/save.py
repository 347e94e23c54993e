"""Save and load models: safetensors files, written atomically, with a checksum, and never a pickle."""

import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from io import BufferedReader
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from .convert import Foreign, on_host
from .files import Path, open_regular, write_atomically

FORMAT = "1"
RESERVED = "tinygrad_nn."
FORMAT_KEY = RESERVED + "format"
CHECKSUM_KEY = RESERVED + "sha256"
MAX_HEADER = 100_000_000  # bytes, the limit of the format: https://github.com/huggingface/safetensors#format
MAX_NDIM = 64  # NumPy's limit

DTYPES = {
    code: np.dtype(name)
    for code, name in {
        "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8",
        "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8", "C64": "<c8",
    }.items()
}  # fmt: skip
LITTLE_ENDIAN = {dtype.str[1:]: dtype for dtype in DTYPES.values()}  # by kind and size: f4, i8, ...

# What a wrong file usually is, by its first bytes.
FOREIGN = {
    b"PK": "a zip archive (.npz, or torch.save's format)",
    b"\x93NUMPY": "a NumPy .npy file",
    b"\x80": "a pickle",
    b"\x1f\x8b": "gzip data",
    b"\x89HDF": "an HDF5 file",
    b"version ": "a Git LFS pointer, not the file itself",
}


class CheckpointError(ValueError):
    """A checkpoint that cannot be written or must not be trusted."""


def save(model_or_state_dict: Any, path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Save a model, or a dict from names to arrays, as a safetensors file.

    A model is whatever has `state_dict()`; a value is an ndarray or holds one as `.data` (a Tensor does). The path is
    taken as it is given, nothing is appended, and a symbolic link is followed. The file appears whole or not at all;
    the same content gives the same bytes. Its metadata carries a SHA-256 over names, dtypes, shapes, values and the
    given `metadata` (text by name). Other programs read it as any safetensors file.

    Raises CheckpointError, and leaves an older file as it was, where a value has a dtype that the format lacks
    (object, text, complex128, ...) or the file cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save({"weight": np.eye(2, dtype=np.float32)}, f"{folder}/model.safetensors", metadata={"epoch": "3"})
    ...     load(f"{folder}/model.safetensors"), load_metadata(f"{folder}/model.safetensors")
    ({'weight': array([[1., 0.], [0., 1.]], dtype=float32)}, {'epoch': '3'})
    """
    arrays = {_text(name, "the name"): _array(name, value) for name, value in _state(model_or_state_dict).items()}
    notes = _notes(metadata)
    notes[FORMAT_KEY] = FORMAT
    notes[CHECKSUM_KEY] = _checksum(arrays, notes)
    try:
        blob = safetensors.numpy.save(arrays, metadata=notes)
    except safetensors.SafetensorError as problem:
        raise CheckpointError(f"save: safetensors refuses the arrays: {problem}") from None
    write_atomically(path, _in_fixed_order(blob), "save", CheckpointError)


def load(path: Path) -> dict[str, np.ndarray]:
    """Load the arrays of a safetensors file by name, writable and in their own dtypes.

    A file by `save` is checked against its checksum; any other safetensors file (PyTorch's, say) loads as well.
    Everything else raises CheckpointError: a file that was cut, changed, is of another format, or holds a dtype that
    NumPy lacks (bfloat16). Sizes are checked before memory is taken, and nothing in the file is ever executed.

    >>> load("nowhere.safetensors")
    Traceback (most recent call last):
    tinygrad_nn.save.CheckpointError: load: cannot open 'nowhere.safetensors': No such file or directory
    """
    return load_with_metadata(path)[0]


def load_metadata(path: Path) -> dict[str, str]:
    """Load the metadata that `save` was given, from a file that passes every check of `load`."""
    return load_with_metadata(path)[1]


def load_with_metadata(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Load arrays and metadata in one pass; errors as in `load`."""
    with open_regular(path, "load", CheckpointError) as file:
        try:
            entries, notes = _read_header(file)
            arrays = _read_arrays(file, entries)
            _verify(arrays, notes)
        except (ValueError, OSError) as problem:
            raise CheckpointError(f"load: {os.fsdecode(path)!r} {problem}") from None
        except MemoryError:
            raise CheckpointError(f"load: {os.fsdecode(path)!r} is larger than the free memory") from None
    return arrays, {key: value for key, value in notes.items() if not key.startswith(RESERVED)}


# Writing ---------------------------------------------------------------------------------------------------------


def _state(source: Any) -> Mapping[Any, Any]:
    state = source.state_dict() if callable(getattr(source, "state_dict", None)) else source
    if not isinstance(state, Mapping):
        raise TypeError(f"save: expected a model with state_dict() or a dict of arrays, got {type(source).__name__}")
    return state


def _text(text: Any, role: str) -> str:
    """Return a name or note that JSON and UTF-8 hold in exactly one way."""
    if not isinstance(text, str):
        raise TypeError(f"save: {role} {text!r:.60} is {type(text).__name__}; names and metadata are text")
    if text == "__metadata__" or any((c < " " and c not in "\t\n\r") or "\ud800" <= c <= "\udfff" for c in text):
        raise CheckpointError(f"save: {role} {text!r:.60} is reserved or holds a control character; choose another")
    return text


def _array(name: str, value: Any) -> np.ndarray:
    """Return the value as a C-contiguous little-endian array."""
    data = value if isinstance(value, np.ndarray | np.generic | Foreign) else getattr(value, "data", None)
    if isinstance(data, Foreign):
        data = on_host(data)
    if not isinstance(data, np.ndarray | np.generic) or isinstance(data, np.ma.MaskedArray):
        kind = type(value).__name__
        raise CheckpointError(f"save: {name!r:.60} is {kind}, not an array; convert it with np.asarray first")
    dtype = LITTLE_ENDIAN.get(data.dtype.str[1:])
    if dtype is None:
        raise CheckpointError(
            f"save: {name!r:.60} has dtype {data.dtype}, which a checkpoint cannot hold; "
            "convert it to float32, float64 or an integer dtype first"
        )
    # safetensors 0.8.0 writes the memory of strided and Fortran-ordered arrays as if it were C-ordered.
    return np.asarray(data, dtype=dtype, order="C")


def _notes(metadata: Mapping[str, str] | None) -> dict[str, str]:
    if not isinstance(metadata, Mapping | None):
        raise TypeError(f"save: metadata must be a dict of text, got {type(metadata).__name__}")
    notes = {_text(key, "the metadata key"): _text(note, "the metadata") for key, note in (metadata or {}).items()}
    if taken := [key for key in notes if key.startswith(RESERVED)]:
        raise CheckpointError(f"save: the metadata key {taken[0]!r:.60} starts with {RESERVED!r}, which is reserved")
    return notes


def _in_fixed_order(blob: bytes) -> list[bytes | memoryview]:
    """Return the file in parts, its metadata sorted: the library writes it in an order that differs from run to run."""
    end = 8 + int.from_bytes(blob[:8], "little")
    header = json.loads(blob[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER:
        raise CheckpointError(f"save: names and metadata take {len(text)} bytes, the format allows {MAX_HEADER}")
    return [len(text).to_bytes(8, "little"), text, memoryview(blob)[end:]]


def _checksum(arrays: Mapping[str, np.ndarray], notes: Mapping[str, str]) -> str:
    names = sorted(arrays)
    described = [(name, arrays[name].dtype.str, arrays[name].shape) for name in names]
    digest = hashlib.sha256(json.dumps([sorted(notes.items()), described]).encode())
    for name in names:
        digest.update(_bytes(arrays[name]))
    return digest.hexdigest()


def _bytes(array: np.ndarray) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


# Reading: a ValueError says what is wrong with the file, `load_with_metadata` adds which file. Not the library's
# reader: it takes a name that stands twice, fails on bfloat16 with KeyError, and holds everything in memory twice.

Entry = tuple[int, int, str, tuple[int, ...], np.dtype]  # begin and end in bytes, name, shape, dtype


def _read_header(file: BufferedReader) -> tuple[list[Entry], dict[str, str]]:
    """Read and check the header: the entries cover the rest of the file without gap or overlap."""
    size = os.fstat(file.fileno()).st_size
    start = file.read(8)
    length = int.from_bytes(start, "little")
    if size < 8 or not 2 <= length <= min(size - 8, MAX_HEADER):
        kind = next(
            (kind for magic, kind in FOREIGN.items() if start.startswith(magic)), "cut short, or of another format"
        )
        raise ValueError(f"is not a safetensors file: {kind}; give a file that tinygrad_nn or safetensors wrote")
    header = _parse(file.read(length))
    notes = header.pop("__metadata__", {})
    if not isinstance(notes, dict) or not all(isinstance(note, str) for note in notes.values()):
        raise ValueError("has metadata that is not text; it is damaged")
    entries = sorted(_entry(name, info) for name, info in header.items())
    position = 0
    for begin, end, name, shape, dtype in entries:
        if begin != position or end - begin != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"puts {name!r:.60} where it cannot be, at bytes {begin} to {end}; it is damaged")
        position = end
    if position != size - 8 - length:
        raise ValueError(f"should hold {position} bytes of arrays but holds {size - 8 - length}; it is damaged")
    return entries, notes


def _parse(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text.decode(), object_pairs_hook=_unique, parse_int=_natural)
        json.dumps(header, ensure_ascii=False).encode()  # refuses halves of surrogate pairs
    except (json.JSONDecodeError, UnicodeError, RecursionError):
        raise ValueError("has a header that is not JSON; it is damaged or no safetensors file") from None
    if not isinstance(header, dict):
        raise ValueError("has a header that is not a JSON object; it is damaged or no safetensors file")
    return header


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"holds the name {twice!r:.60} twice; write it again with unique names")
    return result


def _natural(digits: str) -> int:
    if not digits.isdecimal() or len(digits) > 19:
        raise ValueError(f"has the impossible number {digits:.30} in its header; it is damaged")
    return int(digits)


def _entry(name: str, info: Any) -> Entry:
    try:
        code, shape, (begin, end) = info["dtype"], info["shape"], info["data_offsets"]
        sound = len(info) == 3 and isinstance(code, str) and isinstance(shape, list) and len(shape) <= MAX_NDIM
    except (KeyError, TypeError, ValueError):
        sound = False
    if not sound or not all(type(number) is int for number in (*shape, begin, end)):
        raise ValueError(f"has a malformed entry for {name!r:.60} in its header; it is damaged")
    if code not in DTYPES:
        raise ValueError(f"holds {name!r:.60} as {code:.30}, a dtype that NumPy lacks; convert it to F32 first")
    return begin, end, name, tuple(shape), DTYPES[code]


def _read_arrays(file: BufferedReader, entries: Iterable[Entry]) -> dict[str, np.ndarray]:
    arrays = {}
    for _, _, name, shape, dtype in entries:
        try:
            array = np.empty(shape, dtype)
        except ValueError:
            raise ValueError(f"holds {name!r:.60} in a shape that NumPy lacks, {shape!r:.60}; it is damaged") from None
        memory = _bytes(array)
        if file.readinto(memory) != len(memory):
            raise ValueError("became shorter while it was read; try again")
        if dtype == np.bool_ and array.size and array.view(np.uint8).max() > 1:
            raise ValueError(f"holds bytes other than 0 and 1 in the bool array {name!r:.60}; it is damaged")
        arrays[name] = array
    return {name: arrays[name] for name in sorted(arrays)}


def _verify(arrays: Mapping[str, np.ndarray], notes: Mapping[str, str]) -> None:
    """Check what `save` promised. Two keys mark its files, so that no single fault makes one look foreign."""
    if not any(key.startswith(RESERVED) for key in notes):
        return
    rest = {key: note for key, note in notes.items() if key != CHECKSUM_KEY}
    if FORMAT_KEY in notes and notes[FORMAT_KEY] != FORMAT:
        raise ValueError(f"has format {notes[FORMAT_KEY]!r:.30}, this version reads {FORMAT!r}; update tinygrad_nn")
    if notes.get(CHECKSUM_KEY) != _checksum(arrays, rest):
        raise ValueError("does not match its checksum: it was changed or damaged after it was saved; use a backup")
