"""no_grad and its kin: nesting, exceptions, threads, generators."""

import asyncio
import threading

import pytest

import tinygrad_nn as tg


def test_nothing_is_recorded_inside_no_grad():
    x = tg.Tensor(2.0, requires_grad=True)
    with tg.no_grad():
        y = x * x
        with tg.enable_grad():
            z = x * x
    assert not y.requires_grad
    assert y.is_leaf
    assert z.requires_grad


def test_C139_exceptions_restore_and_one_object_nests():
    block = tg.no_grad()
    with pytest.raises(KeyError), block:
        raise KeyError
    assert tg.is_grad_enabled()
    with block, block:
        assert not tg.is_grad_enabled()
    assert tg.is_grad_enabled()

    @tg.no_grad()
    def f(n):
        assert not tg.is_grad_enabled()
        return f(n - 1) if n else "done"

    assert f(3) == "done"
    assert tg.is_grad_enabled()


def test_decorators_with_and_without_parentheses():
    @tg.no_grad
    def off():
        return tg.is_grad_enabled()

    @tg.set_grad_enabled(False)
    def also_off():
        return tg.is_grad_enabled()

    assert not off()
    assert not also_off()
    assert tg.is_grad_enabled()


def test_set_grad_enabled_at_once_and_as_a_block():
    try:
        tg.set_grad_enabled(False)
        assert not tg.is_grad_enabled()
    finally:
        tg.set_grad_enabled(True)
    with tg.set_grad_enabled(False):
        assert not tg.is_grad_enabled()
    assert tg.is_grad_enabled()
    with pytest.raises(TypeError, match="True or False"):
        tg.set_grad_enabled(1)


def test_C141_threads_do_not_see_each_other():
    entered, leave, seen = threading.Event(), threading.Event(), []

    def other():
        with tg.no_grad():
            entered.set()
            leave.wait(5)
        seen.append(tg.is_grad_enabled())

    thread = threading.Thread(target=other)
    thread.start()
    entered.wait(5)
    with tg.no_grad():
        leave.set()
        thread.join()
        assert not tg.is_grad_enabled()
    assert tg.is_grad_enabled()
    assert seen == [True]


def test_interleaved_exits_of_generators():
    def generator(block):
        with block:
            yield
        yield

    a, b = generator(tg.no_grad()), generator(tg.no_grad())
    next(a)
    next(b)
    next(a)
    assert not tg.is_grad_enabled()
    next(b)
    assert tg.is_grad_enabled()


def test_a_decorated_generator_leaves_its_consumer_alone():
    @tg.no_grad()
    def numbers():
        got = yield tg.is_grad_enabled()
        try:
            yield got
        except ValueError:
            yield tg.is_grad_enabled()
        return "end"

    g = numbers()
    assert next(g) is False
    assert tg.is_grad_enabled()
    assert g.send("sent") == "sent"
    assert g.throw(ValueError()) is False
    with pytest.raises(StopIteration) as stop:
        next(g)
    assert stop.value.value == "end"
    assert tg.is_grad_enabled()


def test_a_decorated_coroutine_has_the_mode_and_its_neighbours_do_not():
    seen = {"inside": [], "beside": []}

    @tg.no_grad()
    async def inside():
        for _ in range(3):
            seen["inside"].append(tg.is_grad_enabled())
            await asyncio.sleep(0)
        return 7

    async def beside():
        for _ in range(3):
            seen["beside"].append(tg.is_grad_enabled())
            await asyncio.sleep(0)

    async def both():
        return await asyncio.gather(inside(), beside())

    assert asyncio.run(both())[0] == 7
    assert seen == {"inside": [False] * 3, "beside": [True] * 3}

    async def numbers():
        yield 1

    with pytest.raises(TypeError, match="no_grad: cannot decorate numbers, an asynchronous generator"):
        tg.no_grad()(numbers)
