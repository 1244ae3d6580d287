"""What is said of a phase, of a campaign and of a request, beyond what the vectors have."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from conftest import PATIENCE_S, in_memory, started
from phasegate import (
    CampaignStatus,
    Deferred,
    Envelope,
    Fenced,
    InvalidArgument,
    Json,
    Mode,
    OnSkip,
    PhaseContext,
    Pipeline,
    RetryPolicy,
)

SOON = timedelta(milliseconds=50)


def waiting() -> Pipeline:
    pipeline = Pipeline("waiting")

    @pipeline.phase("approve", on_skip=OnSkip.EMPTY)
    async def approve(ctx: PhaseContext) -> Deferred:
        return Deferred()

    return pipeline


async def test_a_silent_phase_loses_its_job_and_what_it_does_then_changes_nothing() -> None:
    pipeline = Pipeline("silent")
    ended = asyncio.Event()

    @pipeline.phase("say", job_timeout=SOON)
    async def say(ctx: PhaseContext) -> None:
        if ctx.config["tells"]:
            return
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(3):
                with pytest.raises(Fenced):
                    await ctx.commit(["late"])
            ended.set()

    async with asyncio.timeout(PATIENCE_S), in_memory(pipeline) as engine:
        silent = await started(engine, say={"tells": False})
        failure = (await silent.at_rest()).phase("say").failure
        assert failure is not None and failure["code"] == "job_expired"
        assert [record async for record in silent.records("say")] == []
        telling = await started(engine, say={"tells": True})
        assert (await telling.at_rest()).status is CampaignStatus.COMPLETED
        await ended.wait()


async def test_the_manifest_has_what_was_said_of_a_phase() -> None:
    pipeline = Pipeline("said")
    said: dict[str, Any] = {
        "title": "Collect",
        "timeout": timedelta(seconds=2),
        "retry": RetryPolicy(3, initial_delay=SOON, final=["bad_input"]),
        "max_recoveries": 2,
        "record_schema": {"type": "string"},
    }
    pipeline.phase("collect", on_skip="pass_through", **said)(print)
    pipeline.builtin("analysis", on_skip=OnSkip.EMPTY, **said)
    async with in_memory(pipeline) as engine:
        for phase, on_skip in zip(engine.manifests()[0]["phases"], ["pass_through", "empty"], strict=True):
            shown = {name: phase[name] for name in ("title", "timeoutMs", "maxRecoveries", "recordSchema", "onSkip")}
            assert shown == {
                "title": "Collect",
                "timeoutMs": 2_000,
                "maxRecoveries": 2,
                "recordSchema": {"type": "string"},
                "onSkip": on_skip,
            }
            policy = RetryPolicy.from_json(phase["retry"])
            assert policy == RetryPolicy(3, SOON, 2.0, timedelta(minutes=5), 0.5, ("bad_input",))


async def test_what_a_pipeline_does_not_have_is_refused() -> None:
    pipeline = Pipeline("wrong")
    with pytest.raises(TypeError, match="retries"):
        pipeline.phase("collect", retries=3)  # type: ignore[call-arg]
    with pytest.raises(InvalidArgument, match="positive"):
        pipeline.phase("collect", job_timeout=timedelta(0))
    pipeline.builtin("analysis", job_timeout=SOON)  # type: ignore[call-arg]
    with pytest.raises(InvalidArgument, match="jobTimeoutMs"):
        async with in_memory(pipeline):
            raise AssertionError("it must not open")


async def test_records_and_look_ups_run_no_check_of_the_host() -> None:
    pipeline = Pipeline("checked")
    checks = 0

    @pipeline.phase("write")
    class Write:
        async def check(self, config: Json, resources: Any) -> list[Any]:
            nonlocal checks
            checks += 1
            return []

        async def run(self, ctx: PhaseContext) -> None:
            await ctx.commit(["a"])

    @pipeline.phase("later")
    class Later(Write):
        pass

    async with in_memory(pipeline) as engine:
        campaign = await engine.create("spring", configs={"write": {}, "later": {}})
        await campaign.start()
        await campaign.at_rest()
        before = checks
        assert [record async for record in campaign.records("write")] == ["a"]
        assert [record async for record in campaign.records("later")] == []
        assert await engine.campaign(campaign.id) == campaign
        assert checks == before
        await campaign.view()
        assert checks > before


async def test_a_start_without_a_name_passes_over_what_is_to_be_skipped() -> None:
    pipeline = waiting()

    @pipeline.phase("publish")
    async def publish(ctx: PhaseContext) -> None: ...

    async with in_memory(pipeline) as engine:
        campaign = await engine.create("spring", configs={"publish": {}}, skips=["approve"])
        await campaign.start()
        assert (await campaign.at_rest()).status is CampaignStatus.COMPLETED


async def test_an_envelope_and_a_key_go_together() -> None:
    async with in_memory(waiting()) as engine:
        campaign = await engine.create("spring")
        ada = campaign.with_envelope(Envelope(actor="ada")).with_idempotency_key("mode-1")
        first = await ada.set_mode(Mode.FULL_SEQUENCE)
        bob = campaign.with_idempotency_key("mode-1").with_envelope(Envelope(actor="bob"))
        assert await bob.set_mode(Mode.FULL_SEQUENCE) == first, "who asks is no part of what is asked"
        events = [event async for event in campaign.events(follow=False)]
        assert [(event.type, event.envelope.actor) for event in events] == [("campaign_created", None), ("mode_changed", "ada")]


async def test_who_changes_a_resource_stands_in_the_log() -> None:
    pipeline = waiting().resource_kind("server", {"type": "object"})
    async with in_memory(pipeline) as engine:
        await engine.put_resource("server", "main", {}, envelope=Envelope("ada", "it moved"))
        await engine.delete_resource("server", "main", envelope=Envelope("bob"))
        events = [event async for event in engine.events(follow=False)]
        assert [(event.type, event.envelope) for event in events] == [
            ("resource_stored", Envelope("ada", "it moved")),
            ("resource_removed", Envelope("bob")),
        ]
        with pytest.raises(InvalidArgument) as refused:
            await engine.put_resource("server", "main", {}, envelope=Envelope("a" * 201))
        assert refused.value.code == "invalid_envelope"


async def test_a_view_says_what_a_campaign_waits_for() -> None:
    pipeline = waiting()

    @pipeline.phase("fail", retry=RetryPolicy(2, initial_delay=timedelta(days=1), jitter=0.0))
    async def fail(ctx: PhaseContext) -> None:
        raise RuntimeError("it fails")

    async with asyncio.timeout(PATIENCE_S), in_memory(pipeline) as engine:
        campaign = await engine.create("spring", configs={"approve": {}, "fail": {}})
        await campaign.start()
        while (view := await campaign.view()).status is not CampaignStatus.WAITING_FOR_REPORT:
            pass
        wait = view.phase("approve").waits_for
        assert wait is not None and (wait.note, wait.form, wait.deadline_at) == (None, None, None)
        await campaign.stop()
        await campaign.skip("approve")
        await campaign.start()
        while (view := await campaign.view()).status is not CampaignStatus.RETRYING:
            pass
        again = view.phase("fail").retry_at
        assert again is not None and again == view.due_at and again > view.changed_at
