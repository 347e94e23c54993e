"""CSV tables: right arrays, or one error that names column and row."""

import sys

import numpy as np
import pytest

from tinygrad_nn.data import DataError, read_csv

pytest.importorskip("pandas", reason="pandas reads the tables")


@pytest.fixture
def csv(tmp_path):
    def write(text, **named):
        path = tmp_path / "table.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_csv(path, **{"target": "y", **named})

    return write


def refuse(csv, text, **named):
    with pytest.raises(DataError) as caught:
        csv(text, **named)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    message = str(caught.value)
    assert message.startswith("read_csv: ")
    assert "\n" not in message
    return message


def same(array, values, dtype):
    np.testing.assert_array_equal(array, np.array(values, dtype), strict=True)


def test_numbers_and_text_labels(csv):
    table = csv("a,y,b\n1,cat,2.5\n-3,ant,1e3\n0,cat,.5\n")
    same(table.X, [[1, 2.5], [-3, 1000], [0, 0.5]], np.float32)
    same(table.y, [1, 0, 1], np.int64)
    assert table.features == ("a", "b")
    assert table.classes == ("ant", "cat")
    X, y, *_ = table
    assert X is table.X
    assert y is table.y


def test_target_of_numbers(csv):
    table = csv("a,y\n1,5\n2,-7\n3,5\n")
    same(table.y, [5, -7, 5], np.int64)
    assert table.classes is None
    table = csv("a,y\n1,5\n2,-7\n3,5\n", classify=True)
    same(table.y, [1, 0, 1], np.int64)
    assert table.classes == (-7, 5)
    table = csv("a,y\n1,0.5\n2,1\n")
    same(table.y, [0.5, 1], np.float32)
    assert table.classes is None
    assert csv("a,y\n1,0.5\n2,1\n", classify=True).classes == (0.5, 1.0)
    assert csv("a,y\n1,x\n2,1\n").classes == ("1", "x")
    assert "column 'y' holds 'x', which is no number" in refuse(csv, "a,y\n1,x\n2,1\n", classify=False)


def test_true_and_false(csv):
    table = csv("a,y\ntrue,False\nFALSE,True\n")
    same(table.X, [[1], [0]], np.float32)
    same(table.y, [0, 1], np.int64)
    assert table.classes == (False, True)


@pytest.mark.parametrize(
    "text",
    [
        "a,y\r\n1,2\r\n3,4\r\n",
        "\ufeffa,y\n1,2\n3,4",
        "a,y\n\n1,2\n3,4\n\n",
        ' a , y \n 1 , 2 \n3," 4"\n',
        '"a","y"\n"1","2"\n"3","4"\n',
    ],
    ids=["CRLF", "BOM", "blank lines", "spaces", "quotes"],
)
def test_forms_of_one_table(csv, text):
    table = csv(text)
    same(table.X, [[1], [3]], np.float32)
    same(table.y, [2, 4], np.int64)


def test_text_is_data(csv):
    table = csv('größe,"a, b",y\n1,2,NA\n3,4,"né ""x"""\n5,6,None\n')
    assert table.features == ("größe", "a, b")
    assert table.classes == ("NA", "None", 'né "x"')


def test_numbers_keep_all_digits(csv):
    values = np.random.default_rng(0).standard_normal(200).astype(np.float32)
    table = csv("a,y\n" + "".join(f"{value!r},1\n" for value in values.tolist()))
    same(table.X[:, 0], values, np.float32)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "No columns to parse"),
        ("\n\n", "No columns to parse"),
        ("a,y\n", "0 rows and 1 columns beside 'y'; nothing to learn from"),
        ("y\n1\n", "1 rows and 0 columns beside 'y'"),
        ("a,b\n1,2\n", "no column 'y' among 'a', 'b'; choose one of these"),
        ("a;y\n1;2\n", "no column 'y' among 'a;y'"),
        ("a,a,y\n1,2,3\n", "names 'a', 'a', 'y' are not unique"),
        ("a,,y\n1,2,3\n", "names 'a', '', 'y' are not unique or one is empty"),
        ("a,y\n1,2\n3,4,5\n", "Expected 2 fields in line 3, saw 3"),
        ("a,y\n1,2,3\n4,5,6\n", "Expected 2 fields in line 2, saw 3"),
        ("a,y\n1,2\n3\n", "1 values are missing in column 'y', the first in row 2"),
        ("a,y\n1,2\n,4\n,5\n", "2 values are missing in column 'a', the first in row 2"),
        ("a,y\n1,2\nx,4\n", "column 'a' holds 'x', which is no number; encode or drop"),
        ("a,y\n1,2\nNA,4\n", "column 'a' holds 'NA'"),
        ("a,y\n1,2\nnan,4\n", "column 'a' holds 'nan'"),
        ("a,y\ninf,2\n3,4\n", "column 'a' holds inf, which is not finite"),
        ("a,y\n1,2.5\n3,-inf\n", "column 'y' holds -inf"),
        ("a,y\n1e39,2\n3,4\n", "column 'a' holds 1e+39, which is not finite as float32"),
        ("a,y\n1,2\n true ,4\n", "column 'a' holds 'true'"),
        ('a,y\n"1,2\n3,4\n', "EOF inside string"),
        (b"a,y\n1,\xe9\n", "is not UTF-8 text (byte 0xe9); save it as UTF-8"),
        ("a,y\n1,2\n".encode("utf-16"), "is not UTF-8 text (byte 0xff)"),
    ],
)
def test_wrong_tables_are_refused(csv, text, message):
    assert message in refuse(csv, text)


def test_integers_beyond_64_bits(csv):
    same(csv(f"a,y\n{10**30},1\n2,3\n").X, [[1e30], [2]], np.float32)
    same(csv(f"a,y\n1,{2**63}\n2,3\n").y, [2.0**63, 3], np.float32)


def test_what_is_no_file_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere.csv", "http://127.0.0.1:9/x.csv"):
        with pytest.raises(DataError, match=r"^read_csv: "):
            read_csv(path, "y")


def test_without_pandas_one_error_says_what_to_install(monkeypatch, tmp_path):
    for name in [name for name in sys.modules if name.split(".")[0] == "pandas"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pandas", None)
    message = r'read_csv: needs pandas, which is not installed; pip install "tinygrad_nn\[all\]"'
    with pytest.raises(ModuleNotFoundError, match=message):
        read_csv(tmp_path / "table.csv", "y")
