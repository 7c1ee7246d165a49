"""Calls a Rust root that is the registrar at an address, and prints one line for each case."""

import os
import signal
import sys

import trio
import tractor
from tractor import ContextCancelled, MsgTypeError, RemoteActorError, TransportClosed

import rust_side
from py_side import address

CASES = []


def case(name):
    def add(func):
        CASES.append((name, func))
        return func

    return add


class Fails:
    """A block that has to fail with this error."""

    def __init__(self, kind, src_type=None, text=""):
        self.kind, self.src_type, self.text = kind, src_type, text

    def __enter__(self):
        return self

    def __exit__(self, _type, error, _trace):
        assert error is not None, "it has not failed"
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        if not isinstance(error, self.kind):
            return False
        if self.src_type:
            assert error.src_type_str == self.src_type, error.src_type_str
        assert self.text in str(error), str(error)
        self.error = error
        return True


@case("a call")
async def _(rust):
    assert await rust.run(rust_side.echo, n=7) == 7


@case("a call with any value")
async def _(rust):
    value = {"a": [None, 1 << 40, -1, 0.5, True], "b": bytes(range(256)), "é": {}}
    assert await rust.run(rust_side.same, value=value) == value


@case("a large value")
async def _(rust):
    value = "x" * 3_000_000
    assert await rust.run(rust_side.same, value=value) == value


@case("a frame over the limit, and the next call")
async def _(rust):
    with Fails(RemoteActorError, "MessagingError", "frame_bytes_max"):
        await rust.run(rust_side.same, value="x" * 17_000_000)
    assert await rust.run(rust_side.echo, n=7) == 7


@case("100 calls at once")
async def _(rust):
    async def call(n):
        assert await rust.run(rust_side.echo, n=n) == n

    async with trio.open_nursery() as tn:
        for n in range(100):
            tn.start_soon(call, n)


@case("an error, with its text")
async def _(rust):
    with Fails(RemoteActorError, "ValueError", "no luck") as failed:
        await rust.run(rust_side.fails, text="no luck")
    assert failed.error.src_uid[0] == rust.chan.aid.name


@case("a panic, with its place")
async def _(rust):
    with Fails(RemoteActorError, "Panic", "rust_side.rs"):
        await rust.run(rust_side.panics)


@case("a function that there is not")
async def _(rust):
    with Fails(RemoteActorError, "AttributeError", "absent"):
        await rust.run(rust_side.absent)


@case("a module that is not exposed")
async def _(rust):
    with Fails(RemoteActorError, "ModuleNotExposed", "hidden"):
        await rust.run_from_ns("hidden", "function")


@case("arguments that do not fit")
async def _(rust):
    with Fails(RemoteActorError, "TypeError", "n"):
        await rust.run(rust_side.echo, m=1)


@case("a one-way stream, to its end")
async def _(rust):
    async with rust.open_stream_from(rust_side.counts, n=50) as stream:
        assert [n async for n in stream] == list(range(50))
    assert await rust.run(rust_side.ended) == ["stream"]


@case("a one-way stream, left early")
async def _(rust):
    async with rust.open_stream_from(rust_side.counts, n=1 << 40) as stream:
        assert await stream.receive() == 0
    assert await rust.run(rust_side.ended) == ["stream"]


@case("a context: values both ways, and a result")
async def _(rust):
    async with rust.open_context(rust_side.doubler) as (ctx, first):
        assert first == 0
        async with ctx.open_stream() as stream:
            for n in range(100):
                await stream.send(n)
                assert await stream.receive() == n * 2
        assert await ctx.wait_for_result() == 100


@case("a context that fails")
async def _(rust):
    with Fails(RemoteActorError, "ValueError", "late"):
        async with rust.open_context(rust_side.fails_later, text="late") as (ctx, _first):
            async with ctx.open_stream() as stream:
                await stream.send(1)
                await stream.receive()


@case("MsgTypeError: a first value")
async def _(rust):
    with Fails(MsgTypeError):
        async with rust.open_context(rust_side.starts_wrong):
            pass


@case("MsgTypeError: a streamed value, from Rust")
async def _(rust):
    with Fails(MsgTypeError):
        async with rust.open_context(rust_side.streams_wrong) as (ctx, _first):
            async with ctx.open_stream() as stream:
                await stream.receive()


@case("MsgTypeError: a streamed value, to Rust")
async def _(rust):
    with Fails(MsgTypeError):
        async with rust.open_context(rust_side.doubles_text) as (ctx, _first):
            async with ctx.open_stream() as stream:
                await stream.send("no number")
                await stream.receive()


@case("an overrun: Rust does not read")
async def _(rust):
    with Fails(RemoteActorError, "StreamOverrun"):
        async with rust.open_context(rust_side.deaf) as (ctx, _first):
            async with ctx.open_stream() as stream:
                for _ in range(200):
                    await stream.send(1)
                await stream.receive()


@case("an overrun: Python does not read")
async def _(rust):
    with Fails(RemoteActorError, "StreamOverrun"):
        async with rust.open_context(rust_side.floods, n=200) as (ctx, _first):
            async with ctx.open_stream():
                await trio.sleep_forever()


@case("a context that Python cancels")
async def _(rust):
    async with rust.open_context(rust_side.holds) as (ctx, _first):
        await ctx.cancel()
    assert ctx.cancel_acked
    assert await rust.run(rust_side.ended) == ["context"]


@case("a context whose body fails")
async def _(rust):
    with Fails(KeyError):
        async with rust.open_context(rust_side.holds):
            raise KeyError("ours")
    assert await rust.run(rust_side.ended) == ["context"]


@case("a context around which the time is over")
async def _(rust):
    with trio.move_on_after(0.1):
        async with rust.open_context(rust_side.holds) as (ctx, _first):
            await trio.sleep_forever()
    assert await rust.run(rust_side.ended) == ["context"]


@case("a context that Rust cancels")
async def _(rust):
    with Fails(ContextCancelled) as gone:
        async with rust.open_context(rust_side.cancels_itself) as (ctx, _first):
            await trio.sleep_forever()
    assert tuple(gone.error.canceller) == rust.chan.aid.uid, gone.error.canceller


@case("registrar: it has our name, and others have not")
async def _(rust):
    async with tractor.get_registry(REGISTRY) as registry:
        rows = await registry.run_from_ns("self", "get_registry")
    assert any(row.startswith("py.") for row in rows), rows
    async with tractor.find_actor("nobody") as nobody:
        assert nobody is None


@case("registrar: Rust finds us, and calls back")
async def _(rust):
    assert await rust.run_from_ns("rust_side", "call_back", name="py", n=8) == 8


@case("cancel_actor")
async def _(_rust):
    async with tractor.wait_for_actor("ended") as child:
        if TRANSPORT == "uds":
            assert await child.cancel_actor()
        else:  # without a proof it may end no actor
            with Fails(RemoteActorError):
                await child.cancel_actor()


# This sends, because `receive` would wait for ever: the library does not report the end of the connection to it.
@case("kill -9 of Rust: the next send fails, and its name leads nowhere")
async def _(_rust):
    async with tractor.wait_for_actor("killed") as child:
        with Fails((TransportClosed, trio.BrokenResourceError)):
            async with child.open_context(rust_side.holds) as (ctx, _first):
                async with ctx.open_stream() as stream:
                    os.kill(child.chan.aid.pid, signal.SIGKILL)
                    while True:
                        await stream.send(1)
                        await trio.sleep(0.01)
    async with tractor.find_actor("killed") as nobody:
        assert nobody is None


async def main(text):
    global REGISTRY, TRANSPORT
    REGISTRY, TRANSPORT = address(text)
    async with tractor.open_root_actor(
        name="py",
        registry_addrs=[REGISTRY],
        enable_transports=[TRANSPORT],
        enable_modules=["py_side"],
        loglevel="critical",
    ):
        async with tractor.find_actor("rust") as rust:
            for name, run in CASES:
                try:
                    with trio.fail_after(15):
                        await run(rust)
                    verdict = "ok"
                except BaseException as error:
                    verdict = "FAILED: " + repr(error).replace("\n", " / ")
                print(f"{name}\t{verdict}", flush=True)
            async with rust.open_context(rust_side.holds):
                print("kill me", flush=True)
                await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
