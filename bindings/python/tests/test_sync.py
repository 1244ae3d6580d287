"""The blocking twin."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

import phasegate
from phasegate import Closed, InvalidArgument, Mode, PhaseContext, PreflightFailed, SyncPhaseContext
from phasegate.sync import Campaign, DryRunCampaign, Engine, Sandbox, verify_file


def numbers(path: Path | None) -> Engine:
    engine = Engine.open(path, pipeline="numbers")

    @engine.phase("count")
    def count(ctx: SyncPhaseContext) -> None:
        ctx.commit(list(range(2_500)))

    @engine.phase("add")
    async def add(ctx: PhaseContext) -> int:
        return sum([number async for number in ctx.upstream()])

    return engine


def test_a_script_runs_a_chain_and_reads_what_came_of_it(store: Path) -> None:
    with numbers(store) as engine:
        campaign = engine.create("spring", mode=Mode.FULL_SEQUENCE)
        with pytest.raises(PreflightFailed) as refused:
            campaign.start()
        assert refused.value.missing_phases == ["count", "add"]
        campaign.plan({"count": {}, "add": {}})
        campaign.start()
        assert campaign.at_rest().phase("add").summary == sum(range(2_500))
        assert list(campaign.records("count")) == list(range(2_500))
        assert list(campaign.records("count", 2_499)) == [2_499]
        types = []
        for event in campaign.events():
            types.append(event.type)
            if event.type == "campaign_completed":
                break
        assert types[0] == "campaign_created"
        assert [event.type for event in engine.events(follow=False)] == types
        assert engine.campaign(campaign.id) == campaign
    assert verify_file(store)["clean"] is True


def test_a_notebook_connects_and_closes_by_hand() -> None:
    engine = numbers(None).connect()
    campaign = engine.create("spring")
    assert "<b>spring</b>" in campaign._repr_html_()
    engine.close()
    engine.close()
    with pytest.raises(Closed):
        campaign.view()
    with pytest.raises(Closed):
        numbers(None).create("never opened")


def test_a_blocking_call_on_its_own_loop_is_refused_instead_of_waiting_for_ever() -> None:
    engine = Engine.open(None, pipeline="loop")
    seen: list[str] = []

    @engine.phase("ask")
    async def ask(ctx: PhaseContext) -> None:
        try:
            engine.campaigns()
        except InvalidArgument as error:
            seen.append(str(error))

    with engine:
        campaign = engine.create("spring", configs={"ask": {}})
        campaign.start()
        campaign.at_rest()
    assert len(seen) == 1 and "event loop" in seen[0]


def test_an_engine_that_cannot_open_leaves_no_thread_behind(tmp_path: Path) -> None:
    import threading

    before = threading.active_count()
    with pytest.raises(OSError):
        numbers(tmp_path / "no" / "such" / "folder.redb").connect()
    assert threading.active_count() == before


def test_every_method_of_the_asynchronous_form_is_there_with_its_words() -> None:
    twins = (
        (phasegate.Campaign, Campaign),
        (phasegate.DryRunCampaign, DryRunCampaign),
        (phasegate.Engine, Engine),
        (phasegate.Sandbox, Sandbox),
    )
    for there, here in twins:
        for name, method in inspect.getmembers(there, inspect.isfunction):
            if name.startswith("_"):
                continue
            twin = getattr(here, name)
            assert inspect.getdoc(twin), name
            theirs, ours = inspect.signature(method), inspect.signature(twin)
            assert list(theirs.parameters) == list(ours.parameters), name


def test_the_sandbox_answers_while_it_runs() -> None:
    with Sandbox() as sandbox:
        persona = sandbox.point("dns_persona", {"resolvers": ["192.0.2.1:53"]})
        assert persona["resolvers"] == [sandbox.dns_address]
        assert sandbox.http_address.startswith("127.0.0.1:")
    with pytest.raises(Closed):
        sandbox.dns_address  # noqa: B018


def test_a_script_says_who_asks_and_tries_before_it_does() -> None:
    with numbers(None) as engine:
        ada = phasegate.Envelope(actor="ada", reason="spring")
        planned = engine.dry_run_creation("spring", configs={"count": {}}, attributes={"team": "north"}, envelope=ada)
        assert [event.type for event in planned.events] == ["campaign_created", "phase_configured"]
        assert engine.campaigns().items == []
        campaign = engine.create("spring", attributes={"team": "north"}, envelope=ada).with_envelope(ada)
        assert [view.name for view in engine.campaigns(attributes={"team": "north"})] == ["spring"]
        described = campaign.dry_run.describe(attributes={"team": None})
        assert described.campaign is not None and described.campaign.attributes == {}
        campaign.describe("summer", attributes={"team": "south"})
        campaign.set_retry("count", phasegate.RetryPolicy(2))
        assert campaign.view().attributes == {"team": "south"}
        assert {event.envelope.actor for event in campaign.events(follow=False)} == {"ada"}
        assert campaign.dry_run.delete().campaign is None
