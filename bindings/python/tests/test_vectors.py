"""The vectors of `bindings/vectors`, through the package as its users have it: see the README there."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from conftest import in_memory
from phasegate import (
    Campaign,
    CampaignView,
    ConfigInvalid,
    Deferred,
    DryRun,
    DryRunCampaign,
    Engine,
    Envelope,
    Event,
    HostPhaseOptions,
    OnSkip,
    PhaseContext,
    PhaseFailed,
    PhasegateError,
    Pipeline,
    PlannedEvent,
    Preflight,
    PreflightFailed,
    Receipt,
    RetryPolicy,
    Ticket,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "campaigns.json").read_text())


async def scripted(ctx: PhaseContext) -> Any:
    records = ctx.config.get("records", [])
    if records and ctx.records_before == 0:
        await ctx.commit(records, checkpoint=len(records))
    match ctx.config["end"]:
        case "fail_once" if ctx.ticket.attempt > 1:
            return None
        case "complete":
            return ctx.config.get("summary")
        case "fail" | "fail_once":
            raise PhaseFailed("scripted", "it was told to fail")
        case "defer":
            return Deferred()
        case _:
            await ctx.cancelled()
            ctx.ensure_running()


class Player:
    """Plays the steps of one case."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.created: Campaign | None = None

    @property
    def campaign(self) -> Campaign:
        assert self.created is not None
        return self.created

    async def play(self, step: dict[str, Any]) -> dict[str, Any]:
        try:
            return await self._play(step)
        except PhasegateError as error:
            id = "" if self.created is None else self.created.id
            shown: dict[str, Any] = {"code": error.code, "message": str(error).replace(id, "ID") if id else str(error)}
            if isinstance(error, PreflightFailed):
                shown["missingPhases"] = error.missing_phases
            if isinstance(error, PreflightFailed | ConfigInvalid):
                shown["errors"] = [problem(one) for one in error.errors]
            return {"refused": shown}

    async def _play(self, step: dict[str, Any]) -> dict[str, Any]:
        envelope = Envelope(**step.get("envelope", {}))
        match step:
            case {"do": "create", "name": name}:
                given: dict[str, Any] = {key: step[key] for key in ("mode", "configs", "attributes", "skips") if key in step}
                given["retry"] = {phase: policy(one) for phase, one in step.get("retry", {}).items()}
                if step.get("dryRun"):
                    return would_be(await self.engine.dry_run_creation(name, envelope=envelope, **given))
                self.created = await self.engine.create(name, envelope=envelope, **given)
                return {"changed": True}
            case {"do": "report", "outcome": {"completed": summary}}:
                return {"reported": await self.engine.report(self._ticket(step), summary, envelope=envelope)}
            case {"do": "report", "outcome": {"failed": failure}}:
                why = (failure["code"], failure["message"])
                return {"reported": await self.engine.report(self._ticket(step), failure=why, envelope=envelope)}
            case {"do": "list", "attributes": attributes}:
                return {"listed": [view.name for view in await self.engine.campaigns(attributes=attributes)]}
            case {"do": "look"}:
                return {"view": shown(await self.campaign.view())}
            case {"do": "await_status", "status": status}:
                while (view := await self.campaign.view()).status != status:
                    pass
                return {"view": shown(view)}
            case {"do": "settle"}:
                return {"view": shown(await self.campaign.at_rest())}
            case {"do": "records", "phase": phase}:
                return {"records": await self._records(phase)}
            case {"do": "await_records", "phase": phase, "count": count}:
                while len(records := await self._records(phase)) < count:
                    pass
                return {"records": records}
            case {"do": "events"}:
                return {"events": [line(event) async for event in self.campaign.events(follow=False)]}
            case {"do": "audit"}:
                return {"audit": [audited(event) async for event in self.campaign.events(follow=False)]}
        campaign = self.campaign.with_envelope(envelope)
        done = await command(campaign.dry_run if step.get("dryRun") else campaign, step)
        return would_be(done) if isinstance(done, DryRun) else {"changed": done.changed}

    async def _records(self, phase: str) -> list[Any]:
        return [record async for record in self.campaign.records(phase)]

    def _ticket(self, step: dict[str, Any]) -> Ticket:
        return Ticket(self.campaign.id, step["phase"], step["run"], step["attempt"])


async def command(campaign: Campaign | DryRunCampaign, step: dict[str, Any]) -> Receipt | DryRun:
    match step:
        case {"do": "describe", "attributes": attributes}:
            return await campaign.describe(step.get("name"), attributes=attributes)
        case {"do": "configure", "configs": configs}:
            return await campaign.configure_all(configs)
        case {"do": "set_mode", "mode": mode}:
            return await campaign.set_mode(mode)
        case {"do": "set_retry", "phase": phase}:
            return await campaign.set_retry(phase, policy(step["policy"]) if "policy" in step else None)
        case {"do": "restart", "phase": phase}:
            return await campaign.restart(phase, step.get("config"))
        case {"do": "prune", "keepRuns": keep}:
            return await campaign.prune(keep, step.get("phase"))
        case {"do": "unconfigure", "phase": phase}:
            return await campaign.unconfigure(phase)
        case {"do": "start", "phase": phase}:
            return await campaign.start(phase)
        case {"do": "skip", "phase": phase}:
            return await campaign.skip(phase)
        case {"do": "unskip", "phase": phase}:
            return await campaign.unskip(phase)
        case {"do": "pause"}:
            return await campaign.pause()
        case {"do": "resume"}:
            return await campaign.resume()
        case {"do": "stop"}:
            return await campaign.stop()
        case {"do": "delete"}:
            return await campaign.delete()
        case _:
            raise AssertionError(f"no step does that: {step}")


def policy(data: dict[str, Any]) -> RetryPolicy:
    def delay(member: str) -> timedelta | None:
        return timedelta(milliseconds=data[member]) if member in data else None

    return RetryPolicy(
        data["maxTries"],
        delay("initialDelayMs"),
        data.get("factor"),
        delay("maxDelayMs"),
        data.get("jitter"),
        data.get("final", ()),
    )


def options(data: dict[str, Any]) -> HostPhaseOptions:
    said: HostPhaseOptions = {}
    for member, value in data.items():
        match member:
            case "onSkip":
                said["on_skip"] = OnSkip(value)
            case "retry":
                said["retry"] = policy(value)
            case _:
                raise AssertionError(f"no case says that: {member}")
    return said


def policy_shown(one: RetryPolicy) -> dict[str, Any]:
    return {member: value for member, value in one.to_json().items() if value != []}


def would_be(dry_run: DryRun) -> dict[str, Any]:
    view = None if dry_run.campaign is None else shown(dry_run.campaign)
    return {"wouldBe": {"events": [line(event) for event in dry_run.events], "view": view}}


def audited(event: Event) -> dict[str, Any]:
    said = {"actor": event.envelope.actor, "reason": event.envelope.reason, "traceparent": event.envelope.traceparent}
    return {"event": line(event), "envelope": {member: value for member, value in said.items() if value is not None}}


def problem(one: Any) -> dict[str, str]:
    return {"phase": one.phase, "pointer": one.pointer, "keyword": one.keyword, "message": one.message}


def line(event: Event | PlannedEvent) -> str:
    words, data = [event.type], event.data
    if "phase" in data:
        words.append(data["phase"])
    if "startedAt" in data:  # It launched an attempt.
        words.append(f"{data['run']}.{data['attempt']}")
    return " ".join(words)


def shown(view: CampaignView) -> dict[str, Any]:
    preflight: Preflight = view.preflight
    return {
        "name": view.name,
        "attributes": view.attributes,
        "mode": view.mode,
        "status": view.status,
        "position": view.position,
        "currentPhase": view.current_phase,
        "phases": {
            one.phase: {
                "status": one.status,
                "configured": one.configured,
                "retry": None if one.retry is None else policy_shown(one.retry),
                "skip": None if one.skip is None else {"reads": one.skip.reads, "reason": one.skip.reason},
                "run": one.run,
                "attempt": one.attempt,
                "summary": one.summary,
                "failure": one.failure,
            }
            for one in view.phases
        },
        "missingPhases": preflight.missing_phases,
        "errors": [problem(one) for one in preflight.errors],
        "allowed": [
            " ".join(word for word in (one.command, one.phase, one.mode) if word) for one in view.next if one.allowed
        ],
    }


@pytest.mark.parametrize("case", VECTORS["cases"], ids=[case["name"] for case in VECTORS["cases"]])
async def test_a_vector_comes_to_what_it_says(case: dict[str, Any]) -> None:
    pipeline = Pipeline("scripted")
    for phase in case["phases"]:
        pipeline.phase(phase, schema=VECTORS["schema"], **options(case.get("options", {}).get(phase, {})))(scripted)
    async with in_memory(pipeline) as engine:
        player = Player(engine)
        for number, step in enumerate(case["steps"]):
            assert await player.play(step) == step["then"], f"step {number}: {step}"
