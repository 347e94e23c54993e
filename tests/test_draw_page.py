"""Open the page of tg.explore in a real browser that has no network: play it, fold it, search it."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
from browser import CHROMIUM, MISSING, Browser
from test_draw import HOSTILE

import tinygrad_nn as tg

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)
# Set it to a folder to look at what the tests have seen.
PICTURES = os.environ.get("TINYGRAD_NN_PICTURES")


@pytest.fixture(scope="module")
def browser():
    one = Browser()
    yield one
    one.close()


@pytest.fixture
def page(browser, tmp_path):
    def show(y, **options):
        path = tmp_path / "page.html"
        tg.explore(y, path, **options)
        browser.took = browser.open(path)
        assert browser.requests == [path.as_uri()]
        assert browser.complaints == []
        return browser

    yield show
    assert browser.complaints == []
    assert all(url.startswith("file:") for url in browser.requests)


def picture(browser, name):
    if PICTURES:
        browser.screenshot(Path(PICTURES, f"{name}.png"))


def words(browser):
    return [line for line in browser.run("document.getElementById('words').innerText").splitlines() if line]


def texts(browser, key):
    script = f"[...document.querySelectorAll('[data-key={key}] text')].map(t => t.textContent).filter(Boolean)"
    return browser.run(script)


def classes(browser, kind):
    return browser.run(f"[...document.querySelectorAll('.node.{kind}')].map(n => n.dataset.key)")


def expression():
    a = tg.Tensor(2.0, requires_grad=True, name="a")
    b = tg.Tensor(-3.0, requires_grad=True, name="b")
    e = a * b
    result = np.tanh(e / 5.0) + a
    result.name = "L"
    return result


def test_the_graph_is_to_be_seen(page):
    browser = page(expression(), title="an expression")
    assert browser.run("document.title") == "an expression"
    assert texts(browser, "r0")[:3] == ["#0 a", "() float64", "2.0"]
    assert texts(browser, "r3")[:2] == ["left", "right = 5.0"]
    assert texts(browser, "r5")[0] == "#5 L = add  (result)"
    assert browser.run("document.querySelectorAll('.edge').length") == 6
    picture(browser, "expression")


def test_playing_goes_forward_then_backward(page):
    browser = page(expression())
    browser.click("#first")
    assert words(browser)[0] == "start: the leaves have their values"
    assert classes(browser, "waiting") == ["r2", "r3", "r4", "r5"]
    browser.click("#next")
    assert words(browser) == ["forward: #2 multiply", "a * b = 2.0 * (-3.0) = -6.0"]
    assert classes(browser, "active") == ["r2"]
    assert sorted(classes(browser, "input")) == ["r0", "r1"]
    assert classes(browser, "waiting") == ["r3", "r4", "r5"]
    assert texts(browser, "r2")[0] == "▶ #2 multiply"
    assert browser.run("document.querySelectorAll('.edge.lit').length") == 2
    for _ in range(5):
        browser.click("#next")
    assert words(browser)[0] == "backward: #5 L = add"
    assert "grad of a so far: 1.0  (1 of 2 parts; it must wait for the rest)" in words(browser)
    assert texts(browser, "r0")[-1] == "grad 1.0 (1 of 2 parts)"
    assert browser.run("document.querySelectorAll('.edge.lit.backward').length") == 2
    picture(browser, "one of two parts")
    browser.click("#last")
    assert words(browser)[0] == "backward: #2 multiply"
    assert any("complete, all 2 parts are in" in line for line in words(browser))
    assert texts(browser, "r0")[-1].startswith("grad 0.8169")
    browser.click("#back")
    assert words(browser)[0] == "backward: #3 divide"
    picture(browser, "step by step")


def test_it_plays_by_itself_and_stops(page):
    browser = page(expression())
    browser.run("document.getElementById('speed').value = '250'")
    browser.click("#play")
    assert browser.run("document.getElementById('play').textContent") == "❚❚ pause"
    time.sleep(0.9)
    at = int(browser.run("document.getElementById('slider').value"))
    assert 1 <= at <= 5
    browser.click("#play")
    time.sleep(0.4)
    assert int(browser.run("document.getElementById('slider').value")) in (at, at + 1)


def test_the_slider_and_the_keys_move_too(page):
    browser = page(expression())
    browser.run("slider.value = 3; slider.dispatchEvent(new Event('input'))")
    assert words(browser)[0] == "forward: #4 tanh"
    browser.key("ArrowRight")
    assert words(browser)[0] == "forward: #5 L = add"
    browser.key("Home")
    assert words(browser)[0].startswith("start")
    browser.key("End")
    assert words(browser)[0].startswith("backward")


def network():
    rng = np.random.default_rng(0)
    model = tg.nn.Sequential(tg.nn.Linear(4, 3, rng=rng), tg.nn.ReLU(), tg.nn.Linear(3, 2, rng=rng))
    x = tg.Tensor(rng.normal(size=(5, 4)).astype(np.float32))
    loss = ((model(x) - 1.0) ** 2).mean()
    return model, loss


def test_modules_fold_by_a_click(page):
    model, loss = network()
    browser = page(loss, names=model)
    keys = "[...shown.nodes.keys()]"
    assert {"r0", "r1"} <= set(browser.run(keys))
    frames = browser.run("[...document.querySelectorAll('.frame text')].map(t => t.textContent)")
    assert frames == ["▾ sequential (Sequential)", "▾ 0 (Linear)", "▾ 1 (ReLU)", "▾ 2 (Linear)"]
    picture(browser, "network")
    browser.click(".frame[data-box='2'] rect.title")
    assert not {"r0", "r1"} & set(browser.run(keys))
    assert texts(browser, "b2") == ["▸ 0 (Linear)", "affine", "2 parameters, 15 numbers"]
    browser.click(".node[data-key=b2]")
    assert {"r0", "r1"} <= set(browser.run(keys))
    browser.click("#fold")
    assert set(browser.run(keys)) == {"r4", "b1", "r8", "r9", "r10"}
    browser.click("#first")
    browser.click("#next")
    assert classes(browser, "active") == ["b1"]
    picture(browser, "network folded")
    browser.click("#unfold")
    assert len(browser.run(keys)) == 11


def test_nodes_do_not_overlap_and_stay_in_their_frames(page):
    model, loss = network()
    browser = page(loss, names=model)
    boxes = browser.run("[...shown.nodes.values()].map(n => [n.X, n.Y, n.w, n.h])")
    for i, (x, y, w, h) in enumerate(boxes):
        for x2, y2, w2, h2 in boxes[:i]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    fits = """[...document.querySelectorAll('.node')].every(n => [...n.querySelectorAll('text')].every(t => {
        const a = t.getBoundingClientRect(), b = n.querySelector('rect').getBoundingClientRect();
        return a.left >= b.left - 1 && a.right <= b.right + 1 && a.bottom <= b.bottom + 1; }))"""
    assert browser.run(fits)


def test_searching_unfolds_what_it_finds(page):
    model, loss = network()
    browser = page(loss, names=model)
    browser.click("#fold")
    browser.click("#search")
    browser.type("2.bias")
    assert browser.run("document.getElementById('found').value") == "1 found"
    assert classes(browser, "hit") == ["b1"]
    browser.key("Enter", "\r")
    assert classes(browser, "hit") == ["r3"]
    assert "2.bias" in browser.run("document.getElementById('details').innerText")
    assert browser.run("document.getElementById('found').value") == "1 of 1 found"
    browser.run("document.getElementById('search').value = 'nothing'; search()")
    assert browser.run("document.getElementById('found').value") == "0 found"


def test_pointing_at_a_node_tells_all_of_it(page):
    y = expression()
    browser = page(y)
    browser.move(".node[data-key=r2]")
    time.sleep(0.05)
    details = browser.run("document.getElementById('details').innerText")
    for text in (
        "#2 multiply",
        "() float64",
        "-6.0",
        "grad of b += g * a",
        "saves 16 B",
        "test_draw_page.py:",
        "e = a * b",
    ):
        assert text in details


def test_zooming_and_moving(page):
    browser = page(expression())
    before = browser.run("[view.x, view.y, view.scale]")
    browser.key("+", "+")
    assert browser.run("view.scale") > before[2]
    browser.key("0", "0")
    assert browser.run("[view.x, view.y, view.scale]") == pytest.approx(before)
    browser.run(
        "graph.dispatchEvent(new WheelEvent('wheel', {deltaY: 300, clientX: 300, clientY: 300, cancelable: true}))"
    )
    assert browser.run("view.scale") < before[2]


def test_a_window_of_another_size_shows_the_same_middle(page):
    browser = page(expression())

    def resize(width, height):
        # As of a page that is embedded in another one, which has its width after the other has been laid out.
        browser._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        browser.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def middle():
        return browser.run("[graph.clientWidth / 2 - view.x, graph.clientHeight / 2 - view.y].map(v => v / view.scale)")

    half = browser.run("[shown.w / 2, shown.h / 2]")
    try:
        for width, height in ((800, 900), (1300, 700)):
            resize(width, height)
            assert middle() == pytest.approx(half, abs=1)
        browser.key("+", "+")
        browser.key("ArrowRight")
        browser.run("view.x -= 30, show()")
        moved, scale = middle(), browser.run("view.scale")
        resize(900, 800)
        assert middle() == pytest.approx(moved, abs=1)
        assert browser.run("view.scale") == scale
    finally:
        browser._call("Emulation.clearDeviceMetricsOverride")


def test_dark_and_light(page):
    browser = page(expression(), theme="dark")
    dark = "getComputedStyle(document.body).backgroundColor"
    assert browser.run(dark) == "rgb(22, 24, 29)"
    picture(browser, "dark")
    browser.click("#turn")
    assert browser.run(dark) == "rgb(255, 255, 255)"


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_hostile_names_are_shown_as_they_are(page, name):
    from tinygrad_nn.draw.labels import visible

    w = tg.Tensor([1.0, 2.0], requires_grad=True, name=name)
    browser = page((w * 2.0).sum(), title=name)
    assert texts(browser, "r0")[0] == f"#0 {visible(name)}"
    assert browser.run("document.querySelectorAll('script, b').length") == 2
    assert browser.run("Object.keys(records).length") == 3


def test_a_script_in_the_data_could_not_run(page):
    browser = page(expression())
    browser.run(
        "const s = document.createElement('script'); s.textContent = 'window.pwned = 1'; document.body.append(s);"
        "const i = document.createElement('img'); i.src = 'http://example.org/x.png'; document.body.append(i);"
    )
    time.sleep(0.1)
    assert browser.run("window.pwned") is None
    assert len(browser.complaints) == 2
    assert all("Content Security Policy" in text for text in browser.complaints)
    assert browser.refused == ["csp"]  # the image: refused before anything is sent
    browser.complaints.clear()
    browser.requests.clear()


def test_1000_nodes_open_within_three_seconds(page):
    rng = np.random.default_rng(0)
    w = tg.Tensor(1.5, requires_grad=True)
    y = w
    for i in rng.integers(0, 4, 1000):
        y = (np.sin, np.cos, np.tanh, lambda z: z * w)[i](y)
    browser = page(y)
    assert browser.took < 3
    start = time.perf_counter()
    browser.run("setAll(true)")
    assert time.perf_counter() - start < 3
    assert browser.run("shown.nodes.size") > 1000
    picture(browser, "1000 nodes")


def test_a_loop_of_5000_nodes_is_folded_and_plays(page):
    w = tg.Tensor(1.1, requires_grad=True)
    s = tg.Tensor(0.5)
    for _ in range(1250):
        s = np.tanh(s * w + 0.1) - 0.05
    browser = page(s, max_nodes=6000)
    assert browser.took < 3
    assert browser.run("shown.nodes.size") < 200
    browser.run("go(2500)")
    assert words(browser)[0].startswith("forward: #")
    assert len(classes(browser, "active")) == 1
    start = time.perf_counter()
    browser.run("go(7000)")
    assert time.perf_counter() - start < 0.5
    assert words(browser)[0].startswith("backward: #")
    picture(browser, "5000 nodes")
