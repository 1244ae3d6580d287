"""What bench/src/hosts.rs measures in Rust, in Python: each line is a measurement and its number."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

from phasegate import Engine, Mode, PhaseContext, Pipeline

CALLS, CHAINS, RECORDS, BATCH = (int(argument) for argument in sys.argv[1:])

pipeline = Pipeline("idle")
numbers = Pipeline("numbers")


@pipeline.phase("rest")
async def rest(ctx: PhaseContext) -> None: ...


@numbers.phase("write")
async def write(ctx: PhaseContext) -> None:
    for begin in range(0, RECORDS, BATCH):
        await ctx.commit([{"number": number} for number in range(begin, begin + BATCH)], checkpoint=begin + BATCH)


@numbers.phase("read")
async def read(ctx: PhaseContext) -> int:
    total, batch = 0, []
    async for record in ctx.upstream():
        total += record["number"]
        batch.append({"number": record["number"] * 2})
        if len(batch) == BATCH:
            await ctx.commit(batch)
            batch = []
    return total


async def timed(what: str, count: int, work: Callable[[], Awaitable[object]]) -> None:
    begun = time.perf_counter()
    await work()
    print(what, count / (time.perf_counter() - begun), flush=True)


async def main() -> None:
    async with Engine.open(None, pipeline=[pipeline, numbers]) as engine:
        campaign = await engine.create("calls", pipeline="idle")

        async def calls() -> None:
            for _ in range(CALLS):
                await campaign.view()

        async def chains() -> None:
            for _ in range(CHAINS):
                chain = await engine.create("chain", pipeline="idle", configs={"rest": {}})
                await chain.start("rest")
                await chain.at_rest()

        async def records() -> None:
            large = await engine.create("large", pipeline="numbers", mode=Mode.FULL_SEQUENCE, configs={"write": {}, "read": {}})
            await large.start("write")
            assert (await large.at_rest()).phase("read").summary == RECORDS * (RECORDS - 1) // 2

        await calls()
        await timed("call", CALLS, calls)
        await timed("phase", CHAINS, chains)
        await timed("records", RECORDS, records)


asyncio.run(main())
