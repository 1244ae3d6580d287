"""A pipeline whose phases are all Python: one drafts, one waits for a person, one publishes.

The approval is a deferred phase: it ends when somebody reports its ticket, in this process or in the next.
"""

import asyncio
import json
import sys
from pathlib import Path

from phasegate import Deferred, Engine, FieldProblem, Json, Mode, PhaseContext, Pipeline, Ticket

pipeline = Pipeline("newsletter", title="Newsletter")


@pipeline.phase("draft", schema={"type": "object", "required": ["topics"], "properties": {"topics": {"type": "array", "items": {"type": "string"}}}})
class Draft:
    """Writes a paragraph for each topic."""

    def check(self, config: Json, resources: Json) -> list[FieldProblem]:
        """Says what the schema can't: a topic is not blank."""
        return [
            FieldProblem(f"/topics/{number}", "blank", "a topic needs a name")
            for number, topic in enumerate(config["topics"])
            if not topic.strip()
        ]

    async def run(self, ctx: PhaseContext) -> Json:
        topics = ctx.config["topics"]
        for number in range(ctx.checkpoint or 0, len(topics)):
            paragraph = {"topic": topics[number], "text": f"News about {topics[number]}."}
            await ctx.commit([paragraph], checkpoint=number + 1, done=number + 1, total=len(topics))
        return {"paragraphs": len(topics)}


@pipeline.phase("approve", schema={"type": "object", "required": ["ask"], "properties": {"ask": {"type": "string"}}})
async def approve(ctx: PhaseContext) -> Deferred:
    """Asks a person, and ends when that person has answered."""
    Path(ctx.config["ask"]).write_text(json.dumps(ctx.ticket.to_json()))
    return Deferred()


@pipeline.phase("publish")
async def publish(ctx: PhaseContext) -> Json:
    """Publishes what was drafted; ``run_key`` is the same however often it is tried."""
    return {"published_under": ctx.run_key}


async def main(folder: Path) -> None:
    question = folder / "question.json"
    async with Engine.open(folder / "newsletter.redb", pipeline=pipeline) as engine:
        campaign = await engine.create("week 12", mode=Mode.FULL_SEQUENCE)
        await campaign.plan({"draft": {"topics": ["bees", "honey"]}, "approve": {"ask": str(question)}, "publish": {}})
        await campaign.start()
        async for event in campaign.events():
            print(event.type, event.data.get("phase", ""))
            if event.type == "phase_auto_started" and event.data["phase"] == "approve":
                break
        while not question.exists():
            await asyncio.sleep(0.01)

    # Another process would do: the ticket is all that it needs.
    async with Engine.open(folder / "newsletter.redb", pipeline=pipeline, recover=False) as engine:
        ticket = Ticket.from_json(json.loads(question.read_text()))
        print("reported:", await engine.report(ticket, {"approved_by": "Ada"}))
        print(await (await engine.campaign(ticket.campaign)).at_rest())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
