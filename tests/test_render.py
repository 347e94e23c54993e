"""Draw with a stand-in for `dot`, with the real one where it is installed, and with pygraphviz."""

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import graphviz
import pytest

from tinygrad_nn.draw import fonts
from tinygrad_nn.draw import render as rendering
from tinygrad_nn.draw.labels import field, label, tooltip, visible
from tinygrad_nn.draw.render import RendererNotFound, RenderError, available, render

fcntl = pytest.importorskip("fcntl", reason="the stand-in for `dot` is a POSIX script")
REAL_DOT = shutil.which("dot")
BACKENDS = [
    pytest.param("dot", marks=pytest.mark.skipif(not REAL_DOT, reason="Graphviz's `dot` is not on the PATH")),
    pytest.param(
        "pygraphviz",
        marks=pytest.mark.skipif(not importlib.util.find_spec("pygraphviz"), reason="pygraphviz is not installed"),
    ),
]
FORMATS = ["svg", "png", "pdf", "json"]
SMALL = 'digraph { n0 [label="x"] n1 [label="sin"] n0 -> n1 [label="g * cos(x)"] }'
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"> </svg>\n'
# Names in the SVG.
S, X = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"


def slow_graph(n: int = 3000) -> str:
    """Return a graph that takes every Graphviz a minute: long edges with labels."""
    edges = [f'n{i} -> n{j} [label="g"]' for i in range(n) for j in (i + 1, i + 3) if j < n]
    return "digraph {" + "\n".join(edges) + "}"


@pytest.fixture
def no_dot(tmp_path, monkeypatch):
    """Leave no `dot` on the PATH."""
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))


@pytest.fixture
def no_pygraphviz(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygraphviz", None)


@pytest.fixture
def fake_dot(tmp_path, monkeypatch):
    """Return a function that puts a `dot` on the PATH which runs some Python; `HERE` is a folder for its traces."""

    def install(code: str) -> Path:
        folder = tmp_path / 'b i n; touch "pwned" $(touch pwned)'
        folder.mkdir()
        program = folder / "program.py"
        program.write_text(f"import os, sys, time\nHERE = {str(tmp_path)!r}\nSVG = {SVG!r}\n{code}", encoding="utf-8")
        dot = folder / "dot"
        dot.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "${{0%dot}}program.py" "$@"\n', encoding="utf-8")
        dot.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        monkeypatch.chdir(tmp_path)
        return tmp_path

    return install


# Which renderer


def test_dot_comes_first_and_gets_the_text_by_an_argument_list(fake_dot):
    here = fake_dot(
        "text = sys.stdin.buffer.read()\n"
        "open(f'{HERE}/trace', 'w').write(repr((sys.argv[1:], text)))\n"
        "sys.stdout.buffer.write(SVG)"
    )
    source = 'digraph { "`touch pwned`; $(touch pwned) é\u202e" }'
    picture = render(source)
    assert (picture.data, picture.backend, picture.format, picture.messages) == (SVG, "dot", "svg", ())
    assert (here / "trace").read_text() == repr((["-Tsvg"], source.encode()))
    assert not list(here.rglob("pwned"))  # C175: nothing reached a shell
    assert available()[0] == "dot"


@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_pygraphviz_comes_next(backend, no_dot):
    assert available() == ["pygraphviz"]
    assert available("dot") == []
    assert render(SMALL).backend == backend


@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_backend_picks_one(backend, fake_dot):
    fake_dot("sys.exit('not me')")
    assert available() == ["dot", "pygraphviz"]
    assert available(backend) == [backend]
    assert render(SMALL, backend=backend).backend == backend


def test_none_is_found(no_dot, no_pygraphviz):
    assert available() == []
    with pytest.raises(RendererNotFound) as caught:
        render(SMALL, "png")
    assert str(caught.value) == (
        'render: no Graphviz found to draw png; pip install "tinygrad_nn[pictures]" or apt install graphviz'
    )


def test_the_chosen_one_is_not_found(no_dot, monkeypatch):
    monkeypatch.setattr(rendering, "_folder_of", lambda module: "/somewhere")
    with pytest.raises(RendererNotFound) as caught:
        render(SMALL, backend="dot")
    assert str(caught.value) == (
        "render: backend 'dot' not found to draw svg; apt install graphviz, or choose backend='pygraphviz'"
    )
    monkeypatch.setattr(rendering, "_folder_of", lambda module: None)
    with pytest.raises(RendererNotFound, match=r"backend 'pygraphviz' not found to draw svg; pip install \S+$"):
        render(SMALL, backend="pygraphviz")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"dot": b"digraph {}"}, TypeError, "expected DOT text as a str, got bytes; a Drawing has it as .source"),
        ({"format": "gif"}, ValueError, "unknown format 'gif'; choose one of svg, png, pdf, json"),
        ({"format": "svg; touch pwned"}, ValueError, "unknown format 'svg; touch pwned'; choose"),
        ({"backend": "neato"}, ValueError, "unknown backend 'neato'; choose one of dot, pygraphviz, or None for any"),
        ({"timeout": 0}, ValueError, "timeout must be a positive, finite number of seconds, got 0"),
        ({"timeout": float("nan")}, ValueError, "got nan"),
        ({"timeout": float("inf")}, ValueError, "got inf"),
        ({"timeout": "60"}, ValueError, "got '60'"),
    ],
)
def test_bad_arguments(arguments, error, message, no_dot, no_pygraphviz):
    with pytest.raises(error, match=re.escape(message)) as caught:
        render(**{"dot": SMALL, **arguments})
    assert str(caught.value).startswith("render: ")
    assert "\n" not in str(caught.value)


def test_unknown_backend_is_not_merely_unavailable():
    with pytest.raises(ValueError, match="unknown backend 'Dot'"):
        available("Dot")


# The child process

CHILD_THAT_HANGS = """
import fcntl
lock = open(f'{HERE}/lock', 'w')
fcntl.flock(lock, fcntl.LOCK_EX)  # held by the grandchild, too, until both are gone
os.fork()
sys.stderr.write('Fontconfig warning: noise\\nlayout goes on\\n')
sys.stderr.flush()
time.sleep(60)
"""


def ends(path: Path) -> bool:
    """Tell whether every process that holds the lock is gone, after some patience."""
    with path.open() as lock:
        for _ in range(100):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                time.sleep(0.05)
    return False


def test_over_time_it_is_ended_with_its_children(fake_dot):
    here = fake_dot(CHILD_THAT_HANGS)
    start = time.monotonic()
    with pytest.raises(RenderError) as caught:
        render(SMALL, timeout=0.5, backend="dot")
    assert time.monotonic() - start < 5
    assert str(caught.value) == (
        "render: dot took more than 0.5 s (layout goes on); draw less of the graph or give a larger timeout="
    )
    assert ends(here / "lock")


def test_a_grandchild_that_outlives_it_is_ended(fake_dot):
    here = fake_dot(CHILD_THAT_HANGS.replace("os.fork()", "if os.fork(): os._exit(0)"))
    with pytest.raises(RenderError, match=r"took more than 0\.5 s"):
        render(SMALL, timeout=0.5)
    assert ends(here / "lock")


def test_an_interrupt_ends_it(fake_dot, monkeypatch):
    here = fake_dot(CHILD_THAT_HANGS)

    def interrupted(self, data=None, timeout=None):
        while not (here / "lock").exists():
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        render(SMALL)
    assert ends(here / "lock")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("sys.stderr.write('\\n  first\\nsecond\\n'); sys.exit(3)", "dot failed (exit code 3): first"),
        ("sys.stderr.write('Fontconfig warning: old\\nreal'); sys.exit(1)", "dot failed (exit code 1): real"),
        ("os.kill(os.getpid(), 11)", "dot failed (ended by SIGSEGV)"),
        ("sys.exit(0)", "dot failed (its 0 bytes are no complete svg)"),
        ("sys.stdout.buffer.write(SVG[:-9])", f"dot failed (its {len(SVG) - 9} bytes are no complete svg)"),
        ("sys.stdout.write('hello')", "dot failed (its 5 bytes are no complete svg)"),
        ("sys.stderr.write('bad \\x1b[1m\\0 byte'); sys.exit(1)", "dot failed (exit code 1): bad ␛[1m␀ byte"),
        ("sys.stderr.buffer.write(b'\\xff' * 999); sys.exit(1)", "dot failed (exit code 1): " + "�" * 300),
    ],
)
def test_what_fails_is_said_in_one_line(code, message, fake_dot, no_pygraphviz):
    fake_dot(code)
    with pytest.raises(RenderError) as caught:
        render(SMALL)
    assert str(caught.value) == f"render: {message}"


def test_a_failure_is_not_passed_over_but_points_to_the_other(fake_dot, monkeypatch):
    monkeypatch.setattr(rendering, "_folder_of", lambda module: "/somewhere")
    here = fake_dot("sys.exit('Format: \"svg\" not recognized')")
    with pytest.raises(RenderError, match=r"not recognized; backend='pygraphviz' is at hand, too$"):
        render(SMALL)
    (here / 'b i n; touch "pwned" $(touch pwned)' / "dot").write_bytes(b"\x00 no program")
    with pytest.raises(RenderError, match=r"dot cannot be started: .*; backend='pygraphviz' is at hand, too$"):
        render(SMALL)


def test_complaints_of_a_success_are_handed_on(fake_dot):
    fake_dot("sys.stdout.buffer.write(SVG); sys.stderr.write('Warning: graph has 2000 nodes...\\nscaled to fit\\n')")
    assert render(SMALL).messages == ("scaled to fit",)


def test_more_than_a_pipe_holds(fake_dot):
    fake_dot("text = sys.stdin.buffer.read(); sys.stdout.buffer.write(SVG[:62] + text + SVG[62:])")
    source = "digraph {" + "n0 " * 1_000_000 + "}"
    assert len(render(source).data) == len(SVG) + len(source)


def test_a_dot_that_does_not_read(fake_dot):
    fake_dot("sys.stdout.buffer.write(SVG); os._exit(7)")
    with pytest.raises(RenderError, match="exit code 7"):
        render("digraph {" + "n0 " * 1_000_000 + "}")


@pytest.fixture
def fake_pygraphviz(tmp_path, monkeypatch, no_dot):
    def install(body: str) -> None:
        (tmp_path / "pygraphviz").mkdir()
        code = "import json, sys\nclass graphviz:\n  gvContextWithBuiltins = int\n"
        code += f"class AGraph:\n  def __init__(self, string): pass\n  def draw(self, **given): {body}\n"
        (tmp_path / "pygraphviz" / "__init__.py").write_text(code, encoding="utf-8")
        monkeypatch.setattr(rendering, "_folder_of", lambda module: str(tmp_path))

    return install


def test_the_child_of_pygraphviz_imports_nothing_needless(fake_pygraphviz, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    fake_pygraphviz("return json.dumps([given, sys.flags.isolated, sys.flags.no_site, list(sys.modules)]).encode()")
    monkeypatch.setitem(rendering._FRAMES, "json", (b"[", b"]"))
    given, isolated, no_site, modules = json.loads(render(SMALL, "json").data)
    assert given == {"format": "json", "prog": "dot"}
    assert isolated
    assert no_site
    assert {"numpy", "tinygrad_nn", "graphviz", "site"}.isdisjoint(modules)


def test_a_broken_pygraphviz_is_one_line(fake_pygraphviz):
    fake_pygraphviz("raise ImportError('libgvc.so.7: cannot open shared object file')")
    with pytest.raises(RenderError) as caught:
        render(SMALL)
    assert str(caught.value) == (
        "render: pygraphviz failed (exit code 1): ImportError: libgvc.so.7: cannot open shared object file"
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_graph_that_takes_too_long(backend):
    with pytest.raises(RenderError, match=rf"render: {backend} took more than 0\.3 s"):
        render(slow_graph(), backend=backend, timeout=0.3)


@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_the_child_gives_up_when_its_parent_is_gone(backend):
    (_, command) = rendering._commands(backend)[0]
    done = subprocess.run([*command, "svg", "1"], input=slow_graph().encode(), capture_output=True, timeout=20)
    assert done.returncode == -signal.SIGALRM


@pytest.mark.parametrize("backend", BACKENDS)
def test_bad_dot_is_one_line_and_no_reason_to_change_the_renderer(backend):
    with pytest.raises(
        RenderError, match=rf"^render: {backend} failed \(exit code 1\): .*syntax error in line 2[^;]*$"
    ):
        render("digraph {\n n0 -> ->\n}", backend=backend)


# The pictures


@pytest.mark.parametrize("backend", BACKENDS)
def test_formats(backend):
    svg, png, pdf, layout = (render(SMALL, format, backend).data for format in FORMATS)
    root = ET.fromstring(svg)
    assert root.tag == f"{S}svg"
    assert [t.text for t in root.iter(f"{S}text")] == ["x", "sin", "g * cos(x)"]
    width, height = int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
    assert 50 < width < 500 > height > 50
    assert re.search(rb"/Type\s*/Page\b", pdf)
    nodes = {node["name"]: node for node in json.loads(layout)["objects"]}
    assert [nodes[name]["label"] for name in ("n0", "n1")] == ["x", "sin"]
    x, y = map(float, nodes["n0"]["pos"].split(","))
    assert y > float(nodes["n1"]["pos"].split(",")[1]) > 0 < x


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_node_without_a_label_shows_its_name(backend):
    root = ET.fromstring(render('digraph { a [label="x"]; a -> b }', backend=backend).data)
    assert [t.text for t in root.iter(f"{S}text")] == ["x", "b"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_same_text_gives_the_same_bytes(backend, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    first = [render(SMALL, format, backend).data for format in FORMATS]
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    assert [render(SMALL, format, backend).data for format in FORMATS] == first
    assert re.findall(rb"\(D:(\d{4})", first[2]) == [b"1970"]  # the time at which it is drawn does not matter


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_picture_that_is_scaled_down_says_so(backend):
    chain = "digraph { node [shape=box height=5]; " + "".join(f"n{i} -> n{i + 1}\n" for i in range(100)) + "}"
    assert "too large" in render(chain, "png", backend).messages[0]
    assert render(chain, "svg", backend).messages == ()


HOSTILE = [
    "a < b > c & d",
    "<b>bold</b>",
    "<script>alert(1)</script>",
    "<",
    "<>",
    "<!-- -->",
    "--><!--",
    "]]>",
    "<![CDATA[x]]>",
    "&lt;",
    "&amp;",
    "&#65;",
    "&nbsp;x",
    "&",
    'say "hi"',
    '"',
    '\\"',
    "it's",
    "back\\slash",
    "end\\",
    "\\\\",
    "\\n",
    "\\N",
    "\\G",
    "\\l",
    "\\\\N",
    "\\E\\T\\H\\L",
    "one\ntwo",
    "\nafter",
    "\n",
    "cr\rx",
    "crlf\r\nx",
    "nul\0x",
    "bell\x07 escape\x1b[31m",
    "\x7f",
    "\x85\xa0\u2028",
    "\ufffe\uffff",
    "\ud800",
    "emoji 😀🏳️\u200d🌈",
    "שלום עולם",
    "\u202egnp.exe",
    "{a|<p> b}",
    "x -> y; }",
    "`id` $(id) ; | > /dev/null",
    "%s %d %n",
    "javascript:alert(1)",
    "tab\tx",
    "  two  spaces  ",
    "é" * 2000,
]


def spaced(text: str) -> str:
    """Undo what Graphviz does to spaces, and what XML does to white space in attributes."""
    return re.sub(r"\s", " ", text.replace("\xa0", " "))


@pytest.mark.parametrize("backend", BACKENDS)
def test_hostile_labels_are_data(backend):
    drawing = graphviz.Digraph()
    for i, text in enumerate(HOSTILE):
        quoted, tip = label(text), tooltip(text)
        drawing.node(f"n{i}", label=quoted, tooltip=tip, shape="box")
        drawing.edge(f"n{i}", f"m{i}", label=quoted, edgetooltip=tip, labeltooltip=tip)
    root = ET.fromstring(render(drawing.source, backend=backend).data)
    groups = {group.findtext(f"{S}title"): group for group in root.iter(f"{S}g") if group.get("class") != "graph"}
    assert not list(root.iter(f"{S}script"))
    for i, text in enumerate(HOSTILE):
        expected = visible(text).replace("\r\n", "\n").replace("\r", "\n")
        lines = expected.split("\n")
        for name in (f"n{i}", f"n{i}->m{i}"):
            drawn = [spaced(t.text or "") for t in groups[name].iter(f"{S}text")]
            # An empty line is not drawn, one that leads is drawn as a space, and the last break ends the last line.
            assert [t for t in drawn if t.strip()] == [spaced(t) for t in lines if t.strip()], (text, name)
            tips = [a.get(f"{X}title") for a in groups[name].iter(f"{S}a")]
            assert tips or not text.strip()
            assert {spaced(t or "") for t in tips} <= {spaced(visible(text))}, (text, name)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("text", [text for text in HOSTILE if text.startswith("\n")])
def test_an_empty_first_line_is_drawn(backend, text):
    # One by one: the crash hides where another label has been drawn before.
    drawing = graphviz.Digraph()
    drawing.edge("a", "b", label=label(text))
    assert text.strip() in render(drawing.source, backend=backend).data.decode()


@pytest.mark.parametrize("backend", BACKENDS)
def test_hostile_fields_are_data(backend):
    drawing = graphviz.Digraph(node_attr={"shape": "record"})
    for i, text in enumerate(HOSTILE):
        drawing.node(f"n{i}", label=graphviz.nohtml(f"{{{field(text)}|<p> end}}"))
    root = ET.fromstring(render(drawing.source, backend=backend).data)
    groups = {group.findtext(f"{S}title"): group for group in root.iter(f"{S}g")}
    for i, text in enumerate(HOSTILE):
        drawn = [spaced(t.text or "") for t in groups[f"n{i}"].iter(f"{S}text")]
        lines = visible(text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        assert [t.strip() for t in drawn if t.strip()] == [*(spaced(t).strip() for t in lines if t.strip()), "end"], (
            text
        )


@pytest.mark.parametrize("backend", BACKENDS)
def test_hostile_labels_leave_json_valid(backend):
    drawing = graphviz.Digraph()
    for i, text in enumerate(HOSTILE):
        drawing.node(f"n{i}", label=label(text), tooltip=tooltip(text))
    nodes = json.loads(render(drawing.source, "json", backend).data)["objects"]
    assert {node["name"] for node in nodes} == {f"n{i}" for i in range(len(HOSTILE))}
    assert all(re.fullmatch(r"[\d.e+]+,[\d.e+]+", node["pos"]) for node in nodes)


@pytest.mark.parametrize("backend", BACKENDS)
def test_control_characters_that_reach_the_renderer_leave_the_svg_valid(backend):
    root = ET.fromstring(render('digraph { a [label="\0\x01\ud800\uffff"] }', backend=backend).data)
    assert [t.text for t in root.iter(f"{S}text")] == ["␀␁��"]


def test_visible_gives_only_what_xml_can_hold():
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    assert len(visible(everything)) == len(everything)
    ET.fromstring(f"<a>{visible(everything).translate({ord('<'): None, ord('&'): None})}</a>")
    assert visible("tab\t line\n é😀") == "tab\t line\n é😀"


# Fonts


def box_width(data: bytes) -> float:
    root = ET.fromstring(data)
    points = next(g for g in root.iter(f"{S}g") if g.get("class") == "node").find(f"{S}polygon").get("points")
    xs = [float(point.split(",")[0]) for point in points.split()]
    return max(xs) - min(xs)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("family", ["DejaVu Sans", "DejaVu Sans Mono"])
def test_text_fits_its_box(backend, family):
    pytest.importorskip("matplotlib", reason="its fonts are what the width is measured by")
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    text = "grad mean -0.1234 max 1.5e-08 (64, 128) float32 WWW"
    true = TextPath((0, 0), text, size=14, prop=FontProperties(family=family)).get_extents().width
    width = box_width(render(f'digraph {{ a [shape=box fontname="{family}" label="{text}"] }}', backend=backend).data)
    assert true < width < true + 30  # 8 points of margin on each side, and hinting


@pytest.fixture
def no_fonts(monkeypatch, tmp_path):
    """Pretend that the machine has neither fonts nor rules about them."""
    monkeypatch.setattr(fonts, "_FOLDERS", ())
    monkeypatch.setattr(fonts, "_SYSTEM", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("FONTCONFIG_FILE", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux draws with fontconfig")
@pytest.mark.parametrize("backend", BACKENDS)
def test_fonts_are_lent_where_there_are_none(backend, no_fonts, monkeypatch, tmp_path):
    pytest.importorskip("matplotlib", reason="it brings the fonts")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    boxes = {
        (name, text): box_width(
            render(
                f'digraph {{ a [shape=box width=0 margin=0 fontname="{name}" label="{text}"] }}', backend=backend
            ).data
        )
        for name in ("monospace", "Helvetica,sans-serif")
        for text in ("iiiiiiiiii", "MMMMMMMMMM")
    }
    assert boxes["monospace", "iiiiiiiiii"] == boxes["monospace", "MMMMMMMMMM"]
    assert boxes["monospace", "iiiiiiiiii"] == pytest.approx(10 * 14 * 0.602, rel=0.03)  # DejaVu Sans Mono
    assert boxes["Helvetica,sans-serif", "iiiiiiiiii"] == pytest.approx(10 * 14 * 0.278, rel=0.1)  # DejaVu Sans
    assert boxes["Helvetica,sans-serif", "MMMMMMMMMM"] == pytest.approx(10 * 14 * 0.863, rel=0.03)
    assert list(tmp_path.iterdir()) == []


def test_the_renderer_is_told_of_the_fonts(no_fonts, fake_dot):
    pytest.importorskip("matplotlib", reason="it brings the fonts")
    here = fake_dot(
        "path = os.environ['FONTCONFIG_FILE']; open(f'{HERE}/trace', 'w').write(path + '\\n' + open(path).read())\n"
        "sys.stdout.buffer.write(SVG)"
    )
    assert render(SMALL).messages == ()
    path, configuration = (here / "trace").read_text().split("\n")
    assert "mpl-data" in configuration
    assert not Path(path).exists()


def test_without_any_font_the_picture_says_so(no_fonts, monkeypatch, fake_dot):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    fake_dot("sys.stdout.buffer.write(SVG)")
    (message,) = render(SMALL).messages
    assert message.startswith("no fonts on this machine")
    assert 'pip install "tinygrad_nn[plots]"' in message


def test_fonts_that_are_there_are_left_alone(no_fonts, monkeypatch, tmp_path):
    (tmp_path / "fonts" / "deep").mkdir(parents=True)
    (tmp_path / "fonts" / "deep" / "A.TTF").touch()
    with fonts.lend_fonts() as lent:
        assert lent == ({}, ())
    (tmp_path / "fonts" / "deep" / "A.TTF").rename(tmp_path / "fonts" / "readme.txt")
    monkeypatch.setenv("FONTCONFIG_FILE", "/my/own")
    with fonts.lend_fonts() as lent:
        assert lent == ({}, ())
    monkeypatch.delenv("FONTCONFIG_FILE")
    with fonts.lend_fonts() as lent:
        assert lent != ({}, ())


def test_a_path_may_hold_markup(tmp_path):
    root = ET.fromstring(fonts._configuration(tmp_path / "a & <b>").split(">", 2)[2])
    assert root.findtext("dir") == str(tmp_path / "a & <b>")


def test_environment_of_this_process_is_untouched():
    before = dict(os.environ)
    if available():
        render(SMALL)
    assert dict(os.environ) == before
