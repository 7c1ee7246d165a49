"""The functions that Rust actors call. As a program, a root actor `pyside` that serves them, and is the registrar."""

import json
import sys

import trio
import tractor

ENDED: list[str] = []  # the cancelled functions, in order


def address(text):
    """An address in the form of the library, and its transport."""
    addr = json.loads(text)
    return tuple(addr), "tcp" if isinstance(addr[1], int) else "uds"


async def py_echo(n: int) -> int:
    return n


async def same(value):
    return value


async def wrong() -> str:
    return "no number"


async def fails(text: str):
    raise ValueError(text)


async def relays(name: str, text: str):
    """Lets a Rust actor fail, and passes the failure on."""
    async with tractor.find_actor(name) as portal:
        await portal.run_from_ns("rust_side", "fails", text=text)


async def call_back(name: str, n: int) -> int:
    async with tractor.wait_for_actor(name) as portal:
        return await portal.run_from_ns("rust_side", "echo", n=n)


async def knows(name: str) -> bool:
    async with tractor.find_actor(name) as portal:
        return portal is not None


async def hangs():
    try:
        await trio.sleep_forever()
    finally:
        ENDED.append("function")


async def ended() -> list[str]:
    seen = list(ENDED)
    ENDED.clear()
    return seen


async def counts(n: int):
    try:
        for i in range(n):
            yield i
    finally:
        ENDED.append("generator")


@tractor.stream
async def ticks(ctx):
    try:
        n = 0
        while True:
            await ctx.send_yield(n)
            n += 1
            await trio.sleep(0.001)
    finally:
        ENDED.append("stream")


@tractor.context(pld_spec=int)
async def doubler(ctx: tractor.Context) -> int:
    await ctx.started(0)
    seen = 0
    async with ctx.open_stream() as stream:
        async for n in stream:
            seen += 1
            await stream.send(n * 2)
    return seen


@tractor.context
async def starts_wrong(ctx: tractor.Context):
    await ctx.started("no number")
    await trio.sleep_forever()


@tractor.context
async def streams_wrong(ctx: tractor.Context):
    await ctx.started(0)
    async with ctx.open_stream() as stream:
        await stream.send("no number")
        await trio.sleep_forever()


@tractor.context
async def holds(ctx: tractor.Context):
    await ctx.started(0)
    try:
        await trio.sleep_forever()
    finally:
        ENDED.append("context")


@tractor.context
async def fails_later(ctx: tractor.Context, text: str):
    await ctx.started(0)
    async with ctx.open_stream() as stream:
        await stream.receive()
        raise ValueError(text)


@tractor.context
async def cancels_itself(ctx: tractor.Context):
    await ctx.started(0)
    async with ctx.open_stream() as stream:
        await stream.receive()
        await ctx.cancel()
        await trio.sleep_forever()


@tractor.context
async def floods(ctx: tractor.Context, n: int):
    await ctx.started(0)
    async with ctx.open_stream() as stream:
        for i in range(n):
            await stream.send(i)
        await trio.sleep_forever()


async def main(text: str):
    addr, transport = address(text)
    async with tractor.open_root_actor(
        name="pyside",
        registry_addrs=[addr],
        enable_transports=[transport],
        enable_modules=["py_side"],
        loglevel="critical",
    ):
        print("ready", flush=True)
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
