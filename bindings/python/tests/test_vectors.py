"""The vectors of `bindings/vectors`, through the package as its users have it: see the README there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import in_memory
from phasegate import (
    Campaign,
    CampaignView,
    ConfigInvalid,
    Deferred,
    Engine,
    PhaseContext,
    PhaseFailed,
    PhasegateError,
    Pipeline,
    Preflight,
    PreflightFailed,
    Ticket,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "campaigns.json").read_text())


async def scripted(ctx: PhaseContext) -> Any:
    records = ctx.config.get("records", [])
    if records and ctx.records_before == 0:
        await ctx.commit(records, checkpoint=len(records))
    match ctx.config["end"]:
        case "complete":
            return ctx.config.get("summary")
        case "fail":
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
        match step:
            case {"do": "create"}:
                given = {key: step[key] for key in ("mode", "configs") if key in step}
                self.created = await self.engine.create(step["name"], **given)
                return {"changed": True}
            case {"do": "report", "outcome": {"completed": summary}}:
                return {"reported": await self.engine.report(self._ticket(step), summary)}
            case {"do": "report", "outcome": {"failed": failure}}:
                told = await self.engine.report(self._ticket(step), failure=(failure["code"], failure["message"]))
                return {"reported": told}
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
                return {"events": [line(event.type, event.data) async for event in self.campaign.events(follow=False)]}
            case {"do": "configure", "configs": configs}:
                receipt = await self.campaign.plan(configs)
            case {"do": "unconfigure", "phase": phase}:
                receipt = await self.campaign.unconfigure(phase)
            case {"do": "set_mode", "mode": mode}:
                receipt = await self.campaign.set_mode(mode)
            case {"do": "start", "phase": phase}:
                receipt = await self.campaign.start(phase)
            case {"do": "restart", "phase": phase}:
                receipt = await self.campaign.restart(phase, step.get("config"))
            case {"do": "delete"}:
                await self.campaign.delete()
                return {"changed": True}
            case {"do": "pause" | "resume" | "stop" as command}:
                receipt = await getattr(self.campaign, command)()
            case _:
                raise AssertionError(f"no step does that: {step}")
        return {"changed": receipt.changed}

    async def _records(self, phase: str) -> list[Any]:
        return [record async for record in self.campaign.records(phase)]

    def _ticket(self, step: dict[str, Any]) -> Ticket:
        return Ticket(self.campaign.id, step["phase"], step["run"], step["attempt"])


def problem(one: Any) -> dict[str, str]:
    return {"phase": one.phase, "pointer": one.pointer, "keyword": one.keyword, "message": one.message}


def line(kind: str, data: dict[str, Any]) -> str:
    words = [kind]
    if "phase" in data:
        words.append(data["phase"])
    if "startedAt" in data:  # It launched an attempt.
        words.append(f"{data['run']}.{data['attempt']}")
    return " ".join(words)


def shown(view: CampaignView) -> dict[str, Any]:
    preflight: Preflight = view.preflight
    return {
        "name": view.name,
        "mode": view.mode,
        "status": view.status,
        "position": view.position,
        "currentPhase": view.current_phase,
        "phases": {
            one.phase: {
                "status": one.status,
                "configured": one.configured,
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
        pipeline.phase(phase, schema=VECTORS["schema"])(scripted)
    async with in_memory(pipeline) as engine:
        player = Player(engine)
        for number, step in enumerate(case["steps"]):
            assert await player.play(step) == step["then"], f"step {number}: {step}"
