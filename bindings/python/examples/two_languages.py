"""Two phases in Python behind a built-in one. Kill it in the middle and run it again: it goes on, with each record once."""

import asyncio
import sys

from phasegate import Engine, Mode, PhaseContext, SyncPhaseContext

engine = Engine.open(sys.argv[1] if len(sys.argv) > 1 else "shops.redb", pipeline="shops")
engine.builtin("domain_generation")


@engine.phase("measure")
async def measure(ctx: PhaseContext) -> None:
    async for record in ctx.upstream(ctx.records_before):
        await ctx.commit([{"domain": record["domain"], "length": len(record["domain"])}])


@engine.phase("grade", schema={"type": "object", "required": ["short"], "properties": {"short": {"type": "integer"}}})
def grade(ctx: SyncPhaseContext) -> None:
    for record in ctx.upstream(ctx.records_before):
        ctx.commit([{**record, "short": record["length"] <= ctx.config["short"]}])


NAMES = {"pattern_type": "prefix", "variable_length": 2, "character_set": "abc", "constant_string": "shop", "tld": "test", "num_domains": 9}


async def main() -> None:
    async with engine:
        unfinished = (await engine.campaigns(name="spring")).items
        if unfinished:
            campaign = await engine.campaign(unfinished[0].id)
        else:
            campaign = await engine.create("spring", mode=Mode.FULL_SEQUENCE)
            await campaign.plan({"domain_generation": NAMES, "measure": {}, "grade": {"short": 11}})
            await campaign.start()
        print(await campaign.at_rest())
        async for record in campaign.records("grade"):
            print(record)


asyncio.run(main())
