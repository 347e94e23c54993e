"""Digits drawn as text: the right picture, or one error that says where the text goes wrong."""

import os

import numpy as np
import pytest

from tinygrad_nn.data import DataError, read_digit_text

PICTURE = (np.add.outer(np.arange(32) // 3, np.arange(32) ** 2) % 3 == 0).astype(np.uint8)
LINES = ["".join(map(str, row)) for row in PICTURE]
GOOD = "".join(line + "\n" for line in LINES).encode()


def changed(line, text):
    """Return the good text with one line (from 1) replaced."""
    return "".join((text if number == line else old) + "\n" for number, old in enumerate(LINES, 1)).encode("utf-8")


def refuse(path):
    with pytest.raises(DataError) as caught:
        read_digit_text(path)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    message = str(caught.value)
    assert message.startswith("read_digit_text: ")
    assert "\n" not in message
    assert "\0" not in message
    assert len(message) < 300 + len(os.fspath(path))
    return message


@pytest.fixture
def path(tmp_path):
    return tmp_path / "7_0.txt"


@pytest.mark.parametrize(
    "data",
    [
        GOOD,
        GOOD.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + GOOD,
        b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n"),
        GOOD[:-1],
        GOOD.replace(b"\n", b"\r\n")[:-2],
        GOOD + b"\n",
        GOOD + b"\r\n\n",
        GOOD.replace(b"\n", b"\r\n", 7),
    ],
    ids=["LF", "CRLF", "BOM", "BOM CRLF", "no last LF", "no last CRLF", "two last LF", "three mixed", "mixed"],
)
def test_C172_right_picture(path, data):
    path.write_bytes(data)
    for given in (path, str(path)):
        image = read_digit_text(given)
        np.testing.assert_array_equal(image, PICTURE, strict=True)
        assert image.flags.writeable


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (changed(5, LINES[4][:-1]), "has 31 characters in line 5; expected 32"),
        (changed(5, LINES[4] + "0"), "has 33 characters in line 5; expected 32"),
        (changed(32, ""), "has 31 lines; expected 32"),
        (changed(1, ""), "has 0 characters in line 1"),
        (changed(7, ""), "has 0 characters in line 7"),
        (b"".join(GOOD.splitlines(True)[:31]), "has 31 lines; expected 32"),
        (GOOD + GOOD[:33], "has 33 lines; expected 32"),
        (changed(3, "2" + LINES[2][1:]), "has '2' in line 3, column 1; expected only 0 and 1"),
        (changed(3, LINES[2][:31] + "-"), "has '-' in line 3, column 32"),
        (changed(3, LINES[2][:9] + " " + LINES[2][10:]), "has ' ' in line 3, column 10"),
        (changed(3, LINES[2] + " "), "has ' ' in line 3, column 33"),
        (changed(3, LINES[2][:9] + "\u0661" + LINES[2][10:]), "line 3, column 10"),
        (changed(3, LINES[2][:9] + "\u0661" + LINES[2][11:]), "line 3, column 10"),  # 32 bytes
        (changed(3, LINES[2][:9] + "\0" + LINES[2][10:]), "line 3, column 10"),
        (changed(3, LINES[2][:9] + "O" + LINES[2][10:]), "has 'O' in line 3, column 10"),
        (GOOD[:50] + b"\xe9" + GOOD[51:], r"has '\\xe9' in line 2, column 18"),
        (GOOD.replace(b"\n", b"\r"), "line 1, column 33"),
        (GOOD.decode().encode("utf-16")[:900], "line 1, column 1"),
        (b"", "has 0 characters in line 1"),
        (b"\n" * 10, "has 0 characters in line 1"),
        (b"\xef\xbb\xbf", "has 0 characters in line 1"),
        (GOOD.replace(b"\n", b""), "has 1024 characters in line 1"),
        (b"0" * 5_000_000, "is longer than"),
        (GOOD + b"\n" * 100, "is longer than"),
        (b"0,1\n" * 32, "has ',' in line 1, column 2"),
    ],
)
def test_C172_wrong_text_is_refused(path, data, message):
    path.write_bytes(data)
    assert message in refuse(path)


def test_every_byte_but_0_and_1_is_refused(path):
    for byte in set(range(256)) - {48, 49}:
        path.write_bytes(GOOD[:40] + bytes([byte]) + GOOD[41:])
        refuse(path)


def test_C172_cut_at_every_byte(path):
    path.write_bytes(GOOD)
    for length in reversed(range(len(GOOD) - 1)):
        os.truncate(path, length)
        refuse(path)


def test_endless_file_is_not_read(path):
    with open(path, "wb") as file:
        file.truncate(2**40)
    assert "is longer than" in refuse(path)


def test_what_is_no_file_is_refused(tmp_path):
    assert "No such file" in refuse(tmp_path / "nowhere.txt")
    os.mkfifo(tmp_path / "1_0.txt")
    assert "no regular file" in refuse(tmp_path / "1_0.txt")
    assert "no regular file" in refuse(tmp_path)


def test_folder_in_the_order_of_label_and_number(tmp_path):
    expected = {}
    for label, number in [(3, "10"), (3, "9"), (0, "0"), (9, "007"), (0, "2")]:
        picture = np.roll(PICTURE, 5 * label + int(number))
        text = "\n".join("".join(map(str, row)) for row in picture)
        (tmp_path / f"{label}_{number}.txt").write_text(text)
        expected[label, int(number)] = picture
    for other in ("README.md", ".hidden.txt", "3_9.png", "3_9.txt.bak"):
        (tmp_path / other).write_text("not a digit")
    for given in (tmp_path, str(tmp_path)):
        images, labels = read_digit_text(given)
        np.testing.assert_array_equal(labels, np.array([0, 0, 3, 3, 9], np.int64), strict=True)
        np.testing.assert_array_equal(images, np.stack([expected[key] for key in sorted(expected)]), strict=True)
    (tmp_path / "4_1.txt").write_bytes(GOOD[:-5])
    assert "4_1.txt' has 28 characters in line 32" in refuse(tmp_path)


@pytest.mark.parametrize(
    "name", ["seven.txt", "7.txt", "7_.txt", "_7.txt", "x_1.txt", "7_1_2.txt", "12_1.txt", "\u0661_1.txt", "-1_2.txt"]
)
def test_file_that_is_not_named_by_its_label_is_refused(tmp_path, name):
    (tmp_path / "7_1.txt").write_bytes(GOOD)
    (tmp_path / name).write_bytes(GOOD)
    assert f"{name!r} in" in refuse(tmp_path)


def test_folder_without_digits_is_refused(tmp_path):
    assert "holds no file named LABEL_N.txt" in refuse(tmp_path)
    (tmp_path / "notes.md").write_text("x")
    assert "holds no file named LABEL_N.txt" in refuse(tmp_path)
