"""Campaigns as objects."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from ._boundary import called, dump, native, waited
from .model import CampaignView, Event, Json, Mode, Preflight, Progress, Receipt, Ticket

if TYPE_CHECKING:
    from .engine import Engine

__all__ = ["Campaign"]

_PAGE = 1_000


class Campaign:
    """One campaign of an engine. It holds no state: each call reads the store."""

    def __init__(self, engine: Engine, id: str, *, idempotency_key: str | None = None) -> None:
        self._engine = engine
        self.id = id
        self._key = idempotency_key

    def with_idempotency_key(self, key: str) -> Campaign:
        """The same campaign, whose next command carries this key (1 to 255 visible ASCII characters)."""
        return Campaign(self._engine, self.id, idempotency_key=key)

    @property
    def _native(self) -> native.HostEngine:
        return self._engine._native

    async def _command(self, command: str, **arguments: Json) -> Receipt:
        text = dump("command", {"command": command, **arguments})
        done = json.loads(await waited(self._native.command(self.id, text, self._key)))
        return Receipt(done["campaignId"], done["version"], done["changed"])

    async def configure(self, phase: str, config: Json) -> Receipt:
        """Stores the config of one phase. Raises :class:`ConfigInvalid` with every problem of it."""
        return await self._command("configure", configs={phase: config})

    async def plan(self, configs: Mapping[str, Json], *, mode: Mode | str | None = None) -> Receipt:
        """Stores the configs of several phases in one commit, all of them or none; then sets the mode, if one is given."""
        receipt = await self._command("configure", configs=dict(configs))
        return receipt if mode is None else await self.set_mode(mode)

    async def unconfigure(self, phase: str) -> Receipt:
        """Takes away the config of a phase that has not started."""
        return await self._command("unconfigure", phase=phase)

    async def set_mode(self, mode: Mode | str) -> Receipt:
        """Sets the mode. It starts nothing; while a phase runs it decides what happens at its end."""
        return await self._command("set_mode", mode=str(mode))

    async def start(self, phase: str | None = None) -> Receipt:
        """Starts a phase, the current one unless named; in ``full_sequence`` the rest follows by itself.

        Raises :class:`PreflightFailed` with the check of every phase that had to be ready.
        """
        if phase is None:
            view = await self.view()
            phase = view.current_phase or view.phases[-1].phase
        return await self._command("start", phase=phase)

    async def restart(self, phase: str, config: Json = None) -> Receipt:
        """Begins a phase that has run before afresh, with a new config if one is given."""
        return await self._command("restart", phase=phase, config=config)

    async def pause(self) -> Receipt:
        """Pauses the running phase, and returns when it has come to rest."""
        return await self._command("pause")

    async def resume(self) -> Receipt:
        """Goes on after a pause."""
        return await self._command("resume")

    async def stop(self) -> Receipt:
        """Stops the running phase, and returns when it has come to rest."""
        return await self._command("stop")

    async def delete(self) -> None:
        """Deletes the campaign with everything that belongs to it."""
        await self._command("delete")

    async def view(self) -> CampaignView:
        """What is shown of it: statuses, blockers, and the commands that are allowed next."""
        return CampaignView.from_json(json.loads(await waited(self._native.view(self.id))))

    async def preflight(self) -> Preflight:
        """The check of every remaining phase."""
        return (await self.view()).preflight

    async def config(self, phase: str) -> Json:
        """The stored config of a phase; ``None`` if it has none."""
        config = await waited(self._native.config(self.id, phase))
        return None if config is None else json.loads(config)

    async def at_rest(self) -> CampaignView:
        """Waits until nothing runs and nothing starts by itself."""
        return CampaignView.from_json(json.loads(await waited(self._native.at_rest(self.id))))

    def progress(self) -> Progress | None:
        """How far the running phase has come in this process; ``None`` when nothing runs here."""
        shown = called(self._native.progress, self.id)
        if shown is None:
            return None
        data = json.loads(shown)
        return Progress(Ticket.from_json(data["ticket"]), data["done"], data["total"])

    async def records(self, phase: str, start: int = 0) -> AsyncIterator[Json]:
        """The records of a phase's current run, from the index ``start`` on."""
        async for page in self._record_pages(phase, start):
            for record in page:
                yield record

    async def _record_pages(self, phase: str, start: int) -> AsyncIterator[list[Json]]:
        run = await waited(self._native.current_run(self.id, phase))
        at: int | None = start
        while at is not None:
            page = await waited(self._native.records(self.id, phase, run, at, _PAGE))
            yield json.loads(page.records)
            at = page.next

    async def events(self, after: str | None = None, *, follow: bool = True) -> AsyncIterator[Event]:
        """The events after a cursor. With ``follow`` those that come are next, without an end.

        Each is given once, in order, and only when it is durable. A slow reader misses none.
        """
        async for page in self._event_pages(after, follow):
            for event in page:
                yield event

    def _event_pages(self, after: str | None, follow: bool) -> AsyncIterator[list[Event]]:
        return self._engine._event_pages(self.id, after, follow)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Campaign) and (self.id, self._engine) == (other.id, other._engine)

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<Campaign {self.id}>"


def creation(
    name: str,
    pipeline: str | None,
    mode: Mode | str,
    configs: Mapping[str, Json] | None,
    idempotency_key: str | None,
) -> str:
    """The campaign to be created, as JSON."""
    data: dict[str, Any] = {"name": name, "mode": str(mode), "configs": dict(configs or {})}
    if pipeline is not None:
        data["pipeline"] = pipeline
    if idempotency_key is not None:
        data["idempotencyKey"] = idempotency_key
    return dump("campaign", data)
