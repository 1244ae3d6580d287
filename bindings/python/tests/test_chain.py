"""How a chain runs, waits, is refused and goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from conftest import in_memory, started
from phasegate import (
    CampaignStatus,
    ConfigInvalid,
    Deferred,
    Engine,
    Mode,
    NotFound,
    PhaseContext,
    PhaseStatus,
    Pipeline,
    PreflightFailed,
    Problem,
    Rejected,
    ResourceInvalid,
    UnknownPhase,
)

WORD = {"type": "object", "required": ["word"], "properties": {"word": {"type": "string"}}, "additionalProperties": False}


def words() -> Pipeline:
    """Two phases: one that writes a word, one that shouts what it finds."""
    pipeline = Pipeline("words")

    @pipeline.phase("write", schema=WORD)
    async def write(ctx: PhaseContext) -> dict[str, int]:
        await ctx.commit([ctx.config["word"], {"nested": [1, 2.5, None, "ä"]}], checkpoint={"written": 2}, done=2, total=2)
        return {"words": 2}

    @pipeline.phase("shout", schema=WORD)
    async def shout(ctx: PhaseContext) -> None:
        async for word in ctx.upstream():
            await ctx.commit([f"{word}!"])

    return pipeline


async def test_a_chain_of_python_phases_runs_to_its_end_after_one_start() -> None:
    async with in_memory(words()) as engine:
        campaign = await started(engine, write={"word": "ahoy"}, shout={"word": ""})
        view = await campaign.at_rest()
        assert view.status is CampaignStatus.COMPLETED
        assert view.phase("write").summary == {"words": 2}
        assert [record async for record in campaign.records("write")] == ["ahoy", {"nested": [1, 2.5, None, "ä"]}]
        assert [record async for record in campaign.records("shout", 1)] == ["{'nested': [1, 2.5, None, 'ä']}!"]


async def test_a_refused_start_carries_the_whole_report_and_starts_nothing() -> None:
    async with in_memory(words()) as engine:
        campaign = await engine.create("spring", mode=Mode.FULL_SEQUENCE)
        with pytest.raises(PreflightFailed) as refused:
            await campaign.start("write")
        assert refused.value.code == "preflight_failed"
        assert refused.value.missing_phases == ["write", "shout"]
        assert [(problem.phase, problem.keyword) for problem in refused.value.errors] == [
            ("write", "config_missing"),
            ("shout", "config_missing"),
        ]
        assert "write, shout" in str(refused.value)
        assert isinstance(refused.value, RuntimeError)
        assert [event.type async for event in campaign.events(follow=False)] == ["campaign_created"]


async def test_a_bad_config_is_refused_with_every_problem() -> None:
    async with in_memory(words()) as engine:
        campaign = await engine.create("spring")
        with pytest.raises(ConfigInvalid) as refused:
            await campaign.plan({"write": {"word": 1}, "shout": {"loud": True}})
        pointers = {(problem.phase, problem.pointer, problem.keyword) for problem in refused.value.errors}
        assert pointers == {
            ("write", "/word", "type"),
            ("shout", "/loud", "additionalProperties"),
            ("shout", "/word", "required"),
        }
        assert isinstance(refused.value, ValueError)
        assert await campaign.config("write") is None
        with pytest.raises(UnknownPhase):
            await campaign.configure("whisper", {})


async def test_a_chain_that_meets_a_missing_config_waits_and_names_it() -> None:
    pipeline = Pipeline("words")

    @pipeline.phase("write")
    async def write(ctx: PhaseContext) -> Deferred:
        return Deferred()

    @pipeline.phase("shout")
    async def shout(ctx: PhaseContext) -> None: ...

    async with in_memory(pipeline) as engine:
        campaign = await started(engine, write={}, shout={})
        await campaign.unconfigure("shout")
        ticket = (await campaign.view()).phase("write")
        assert ticket.run is not None and ticket.attempt is not None
        running = await _ticket(campaign.id, "write")
        assert await engine.report(running, {"by": "hand"}) == "recorded"
        view = await campaign.at_rest()
        assert view.status is CampaignStatus.WAITING_FOR_CONFIGURATION
        assert view.preflight.missing_phases == ["shout"] and not view.preflight
        await campaign.configure("shout", {})
        assert (await campaign.view()).status is CampaignStatus.IDLE
        await campaign.start()
        assert (await campaign.at_rest()).status is CampaignStatus.COMPLETED


async def _ticket(campaign: str, phase: str) -> Any:
    from phasegate import Ticket

    return Ticket(campaign, phase, 1, 1)


async def test_a_hundred_reports_at_once_start_the_next_phase_once() -> None:
    pipeline = Pipeline("words")
    launches = 0

    @pipeline.phase("approve")
    async def approve(ctx: PhaseContext) -> Deferred:
        return Deferred()

    @pipeline.phase("publish")
    async def publish(ctx: PhaseContext) -> None:
        nonlocal launches
        launches += 1

    async with in_memory(pipeline) as engine:
        campaign = await started(engine, approve={}, publish={})
        ticket = await _ticket(campaign.id, "approve")
        told = await asyncio.gather(*(engine.report(ticket) for _ in range(100)))
        assert sorted(told) == ["already_recorded"] * 99 + ["recorded"]
        assert (await campaign.at_rest()).status is CampaignStatus.COMPLETED
        assert launches == 1
        assert await engine.report(ticket, failure=("late", "too late")) == "stale"


async def test_a_pause_keeps_what_was_committed_and_a_resume_goes_on_from_it() -> None:
    pipeline = Pipeline("count")
    halfway = asyncio.Event()

    @pipeline.phase("count")
    async def count(ctx: PhaseContext) -> int:
        begin: int = ctx.checkpoint or 0
        for number in range(begin, 10):
            await ctx.commit([number], checkpoint=number + 1, done=number + 1, total=10)
            if number == 4 and begin == 0:
                halfway.set()
                await ctx.cancelled()
                raise asyncio.CancelledError
        return ctx.records_before

    async with in_memory(pipeline) as engine:
        campaign = await started(engine, count={})
        await halfway.wait()
        progress = campaign.progress()
        assert progress is not None and (progress.done, progress.total) == (5, 10)
        await campaign.pause()
        assert (await campaign.view()).phase("count").status is PhaseStatus.PAUSED
        await campaign.resume()
        view = await campaign.at_rest()
        assert (view.phase("count").summary, view.phase("count").attempt) == (5, 2)
        assert [record async for record in campaign.records("count")] == list(range(10))


async def test_idempotency_keys_give_the_same_campaign_and_the_same_receipt() -> None:
    async with in_memory(words()) as engine:
        one = await engine.create("spring", idempotency_key="order-1")
        assert await engine.create("spring", idempotency_key="order-1") == one
        keyed = one.with_idempotency_key("mode-1")
        first = await keyed.set_mode(Mode.FULL_SEQUENCE)
        await one.set_mode(Mode.STEP_BY_STEP)
        assert await keyed.set_mode(Mode.FULL_SEQUENCE) == first
        assert (await one.view()).mode is Mode.STEP_BY_STEP
        with pytest.raises(RuntimeError) as refused:
            await engine.create("summer", idempotency_key="order-1")
        assert getattr(refused.value, "code", None) == "idempotency_key_reused"


async def test_campaigns_are_listed_page_by_page_and_a_deleted_one_is_not_found() -> None:
    async with in_memory(words()) as engine:
        created = [await engine.create(f"campaign {number}") for number in range(5)]
        page = await engine.campaigns(limit=3)
        rest = await engine.campaigns(limit=3, after=page.next)
        assert [view.id for view in [*page, *rest]] == [campaign.id for campaign in created]
        assert rest.next is None
        await created[0].delete()
        with pytest.raises(NotFound) as gone:
            await created[0].view()
        assert gone.value.data == {"campaign": created[0].id}
        assert isinstance(gone.value, LookupError)
        with pytest.raises(NotFound):
            await engine.campaign("no id at all")
        assert [view.name for view in await engine.campaigns(name="campaign 3")] == ["campaign 3"]


async def test_resources_are_stored_referred_to_and_reported_when_they_are_gone() -> None:
    pipeline = Pipeline("mail")
    pipeline.resource_kind("server", {"type": "object", "required": ["host"], "properties": {"host": {"type": "string"}}})

    @pipeline.phase(
        "send",
        schema={"type": "object", "required": ["server"], "properties": {"server": {"type": "string", "x-phasegate-resource": "server"}}},
    )
    async def send(ctx: PhaseContext) -> Any:
        return ctx.resources["server"]["main"]

    async with in_memory(pipeline) as engine:
        with pytest.raises(ResourceInvalid) as wrong:
            await engine.put_resource("server", "main", {"host": 1})
        assert wrong.value.errors == [Problem("", "/host", "type", wrong.value.errors[0].message)]
        revision = await engine.put_resource("server", "main", {"host": "localhost", "password": "secret"})
        found = await engine.resource("server", "main")
        assert found is not None and found.revision == revision and "secret" not in repr(found)
        campaign = await started(engine, send={"server": "main"})
        assert (await campaign.at_rest()).phase("send").summary == {"host": "localhost", "password": "secret"}
        await engine.delete_resource("server", "main")
        assert await engine.resource("server", "main") is None and await engine.resources("server") == []
        report = await engine.preflight_plan({"send": {"server": "main"}})
        assert [problem.keyword for problem in report.errors] == ["resource_missing"]


async def test_events_are_followed_from_a_cursor_on(store: Path) -> None:
    async with Engine.open(store, pipeline=words()) as engine:
        campaign = await engine.create("spring", mode=Mode.FULL_SEQUENCE, configs={"write": {"word": "a"}, "shout": {"word": "b"}})
        first = [event async for event in campaign.events(follow=False)]
        assert [event.seq for event in first] == [1, 2, 3]
        seen = []

        async def follow() -> None:
            async for event in campaign.events(first[0].cursor):
                seen.append(event.type)
                if event.type == "campaign_completed":
                    return

        following = asyncio.create_task(follow())
        await campaign.start()
        await following
        assert seen == [
            "phase_configured",
            "phase_configured",
            "phase_started",
            "phase_completed",
            "phase_auto_started",
            "phase_completed",
            "campaign_completed",
        ]
        everywhere = [event.campaign_id async for event in engine.events(follow=False)]
        assert set(everywhere) == {campaign.id}


async def test_a_rejection_says_what_to_do() -> None:
    async with in_memory(words()) as engine:
        campaign = await engine.create("spring")
        with pytest.raises(Rejected) as refused:
            await campaign.resume()
        assert (refused.value.code, str(refused.value)) == ("not_paused", "nothing to resume: the campaign is idle")
        with pytest.raises(Rejected) as refused:
            await campaign.start("shout")
        assert refused.value.data["expected"] == "write"
