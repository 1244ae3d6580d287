"""The lead-generation pipeline against the sandbox: real DNS queries and HTTP requests, to servers on this machine."""

import asyncio
import sys
from collections import Counter

from phasegate import Engine, Mode, Pipeline, Sandbox

PLAN = {
    "domain_generation": {
        "pattern_type": "prefix",
        "variable_length": 2,
        "character_set": "abcdefghijklmnopqrstuvwxyz",
        "constant_string": "shop",
        "tld": "test",
        "num_domains": 200,
    },
    "dns_validation": {"personaIds": ["fast"]},
    "http_validation": {"personaIds": ["browser"]},
    "analysis": {"keyword": "phasegate"},
}


async def main(store: str | None) -> None:
    async with Sandbox() as sandbox, Engine.open(store, pipeline=Pipeline.lead_generation()) as engine:
        dns = {"resolvers": ["192.0.2.1:53"], "timeoutMs": 500, "retries": 0, "concurrency": 64}
        http = {"userAgent": "lead-generation-example", "timeoutMs": 5_000, "concurrency": 32}
        await engine.put_resource("dns_persona", "fast", sandbox.point("dns_persona", dns))
        await engine.put_resource("http_persona", "browser", sandbox.point("http_persona", http))

        campaign = await engine.create("shops", mode=Mode.FULL_SEQUENCE, configs=PLAN)
        await campaign.start()
        view = await campaign.at_rest()
        print(view)
        for phase in view.phases:
            print(f"{phase.phase}: {phase.summary}")
        found = Counter([record["status"] async for record in campaign.records("dns_validation")])
        print(dict(sorted(found.items())))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None))
