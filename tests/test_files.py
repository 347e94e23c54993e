"""Open regular files only, and write whole files or nothing."""

import errno
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tinygrad_nn.files import open_regular, write_atomically

resource = pytest.importorskip("resource", reason="limits on the size of files are a POSIX feature")


class FileError(ValueError):
    pass


def write(path, *parts):
    write_atomically(path, parts, "store", FileError)


def read(path):
    with open_regular(path, "fetch", FileError) as file:
        return file.read()


def refuse(call, *arguments):
    """Return the message of the one error, which is a single line."""
    with pytest.raises(FileError) as caught:
        call(*arguments)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_written_parts_are_read_back(tmp_path):
    write(tmp_path / "a", b"one", memoryview(b"two"), b"")
    assert read(tmp_path / "a") == b"onetwo"
    write(tmp_path / "a")
    assert read(tmp_path / "a") == b""
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("name", ["plain", "no.suffix.added", "größe 数 🎲", "-rf", "new\nline", "x" * 255, "%s{}'\""])
def test_name_is_taken_as_given(tmp_path, name):
    for path in (tmp_path / name, str(tmp_path / name), os.fsencode(tmp_path / name)):
        write(path, b"x")
        assert read(path) == b"x"
        assert os.listdir(tmp_path) == [name]


def test_relative_path_and_bare_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("bare", b"x")
    write("~", b"home")
    assert sorted(os.listdir(tmp_path)) == ["bare", "~"]


def test_link_stays_and_its_target_is_written(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("far/real")
    (tmp_path / "chain").symlink_to("link")
    (tmp_path / "dangling").symlink_to("far/new")
    write(tmp_path / "chain", b"new")
    write(tmp_path / "dangling", b"made")
    assert all((tmp_path / name).is_symlink() for name in ("link", "chain", "dangling"))
    assert ((tmp_path / "far" / "real").read_bytes(), (tmp_path / "far" / "new").read_bytes()) == (b"new", b"made")
    assert read(tmp_path / "chain") == b"new"
    assert sorted(os.listdir(tmp_path / "far")) == ["new", "real"]


def test_permissions_follow_the_umask_and_stay(tmp_path):
    old = os.umask(0o027)
    try:
        write(tmp_path / "a", b"")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640
    (tmp_path / "a").chmod(0o604)
    write(tmp_path / "a", b"")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o604


def test_what_is_no_file_is_not_opened_and_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    before = sorted(os.listdir(tmp_path))
    targets = [tmp_path / name for name in ("pipe", "folder", "a", "folder/x/y", "nul\0", "surrogate\ud800", "x" * 256)]
    for path in [
        "",
        ".",
        os.fspath(tmp_path / "folder") + "/",
        os.fspath(tmp_path / "new") + "/",
        *targets,
    ]:
        assert refuse(read, path).startswith("fetch: ")
        message = refuse(write, path, b"x")
        assert message.startswith("store: cannot write ")
        assert message.endswith("choose a file in a folder that is writable")
    assert sorted(os.listdir(tmp_path)) == before
    assert os.listdir(tmp_path / "folder") == []
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert refuse(read, "/dev/null").startswith("fetch: ")


@pytest.mark.parametrize("wrong", [3, None, 1.5])
def test_wrong_kind_of_path_is_a_type_error(wrong):
    with pytest.raises(TypeError, match="PathLike"):
        read(wrong)
    with pytest.raises(TypeError, match="PathLike"):
        write(wrong, b"")


def test_disk_that_fills_up_leaves_the_old_file(tmp_path):
    write(tmp_path / "a", b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        message = refuse(write, tmp_path / "a", bytes(90_000), bytes(90_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.strerror(errno.EFBIG) in message
    assert read(tmp_path / "a") == b"old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
@pytest.mark.parametrize("problem", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_failure_of_any_step_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch, step, problem):
    write(tmp_path / "a", b"old")

    def fail(*_):
        raise problem

    with monkeypatch.context() as patched:
        patched.setattr(os, step, fail)
        with pytest.raises(FileError if isinstance(problem, OSError) else KeyboardInterrupt):
            write(tmp_path / "a", b"new")
    assert read(tmp_path / "a") == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_content_reaches_the_disk_before_it_takes_the_name(tmp_path, monkeypatch):
    steps = []
    fsync, replace = os.fsync, os.replace

    def recorded_fsync(descriptor):
        steps.append(("fsync", os.fstat(descriptor).st_size if stat.S_ISREG(os.fstat(descriptor).st_mode) else None))
        fsync(descriptor)

    def recorded_replace(old, new):
        steps.append(("replace", os.path.dirname(old), os.fspath(new)))
        replace(old, new)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(os, "replace", recorded_replace)
    write(tmp_path / "a", b"content")
    folder = os.path.realpath(tmp_path)
    assert steps == [("fsync", 7), ("replace", folder, os.path.join(folder, "a")), ("fsync", None)]


def test_nothing_stays_open(tmp_path):
    def lowest_free_descriptor():
        descriptor = os.open(tmp_path, os.O_RDONLY)
        os.close(descriptor)
        return descriptor

    before = lowest_free_descriptor()
    refuse(read, tmp_path)
    refuse(write, tmp_path, b"x")
    write(tmp_path / "a", b"x")
    assert lowest_free_descriptor() == before


DENIED = """
import os, sys
sys.path[:0] = {path!r}
from tinygrad_nn.files import open_regular, write_atomically
if os.geteuid() == 0:
    os.setuid(65534)  # the superuser may write anywhere
for store in (True, False):
    for path in sys.argv[1:]:
        try:
            write_atomically(path, [b"new"], "store", ValueError) if store else open_regular(path, "fetch", ValueError)
            print("no error")
        except ValueError as error:
            print(error)
"""


def test_permission_denied_is_one_error():
    # The superuser gives its rights up, and then reaches only folders that are open to all.
    with tempfile.TemporaryDirectory(dir="/tmp" if os.geteuid() == 0 else None) as name:
        folder = Path(name)
        (folder / "closed").mkdir()
        (folder / "locked").write_bytes(b"old")
        (folder / "locked").chmod(0o000)
        (folder / "closed").chmod(0o000)
        folder.chmod(0o755)
        paths = [folder / "locked", folder / "closed" / "new"]
        code = DENIED.format(path=[str(Path(__file__).parents[1]), *sys.path])
        done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, check=True)
        (folder / "closed").chmod(0o700)
        (folder / "locked").chmod(0o600)
        assert [line.split("'")[0] for line in done.stdout.splitlines()] == ["store: cannot write "] * 2 + [
            "fetch: cannot open "
        ] * 2
        assert "write-protected" in done.stdout.splitlines()[0]
        assert "Permission denied" in done.stdout.splitlines()[1]
        assert (folder / "locked").read_bytes() == b"old"
        assert os.listdir(folder / "closed") == []
        assert sorted(os.listdir(folder)) == ["closed", "locked"]
