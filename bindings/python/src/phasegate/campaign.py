"""Campaigns as objects."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypedDict, TypeVar

from ._boundary import called, crossing, dump, native, waited
from .dry_run import DryRun
from .envelope import Envelope
from .model import CampaignView, Event, Json, Mode, Preflight, Progress, Receipt, Ticket
from .retry import RetryPolicy

if TYPE_CHECKING:
    from .engine import Engine

__all__ = ["Campaign", "Commands", "DryRunCampaign", "NewCampaign"]

_PAGE = 1_000

R = TypeVar("R")


class Commands(ABC, Generic[R]):
    """The commands of a campaign. Each gives a :class:`Receipt`, or in a dry run what it would do."""

    def __init__(self, engine: Engine, id: str, envelope: Envelope) -> None:
        self._engine = engine
        self.id = id
        self._envelope = envelope

    @property
    def _native(self) -> native.HostEngine:
        return self._engine._native

    @abstractmethod
    async def _send(self, command: str) -> R: ...

    async def _command(self, command: str, **arguments: Json) -> R:
        return await self._send(dump("command", {"command": command, **arguments}))

    async def describe(self, name: str | None = None, *, attributes: Mapping[str, str | None] | None = None) -> R:
        """Gives it another name, other attributes, or both. An attribute of ``None`` is removed; those not named stay."""
        return await self._command("describe", name=name, attributes=dict(attributes or {}))

    async def configure(self, phase: str, config: Json) -> R:
        """Stores the config of one phase. Raises :class:`ConfigInvalid` with every problem of it."""
        return await self.configure_all({phase: config})

    async def configure_all(self, configs: Mapping[str, Json]) -> R:
        """Stores the configs of several phases in one commit, all of them or none."""
        return await self._command("configure", configs=dict(configs))

    async def unconfigure(self, phase: str) -> R:
        """Takes away the config of a phase that has not started."""
        return await self._command("unconfigure", phase=phase)

    async def set_mode(self, mode: Mode | str) -> R:
        """Sets the mode. It starts nothing; while a phase runs it decides what happens at its end."""
        return await self._command("set_mode", mode=str(mode))

    async def set_retry(self, phase: str, policy: RetryPolicy | None) -> R:
        """Sets its own retry policy for a phase in place of the pipeline's; ``None`` takes it away."""
        return await self._command("set_retry", phase=phase, policy=None if policy is None else policy.to_json())

    async def start(self, phase: str | None = None) -> R:
        """Starts a phase, the next one unless named; in ``full_sequence`` the rest follows by itself.

        Raises :class:`PreflightFailed` with the check of every phase that had to be ready.
        """
        if phase is None:
            phase = await waited(self._native.next_phase(self.id))
        return await self._command("start", phase=phase)

    async def restart(self, phase: str, config: Json = None) -> R:
        """Begins a phase that has run before afresh, with a new config if one is given."""
        return await self._command("restart", phase=phase, config=config)

    async def skip(self, phase: str) -> R:
        """Skips a phase: at once where the campaign has come to it, else when it gets there. The reason is that of the envelope."""
        return await self._command("skip", phase=phase)

    async def unskip(self, phase: str) -> R:
        """Withdraws the plan to skip a phase."""
        return await self._command("unskip", phase=phase)

    async def pause(self) -> R:
        """Pauses the running phase, and returns when it has come to rest."""
        return await self._command("pause")

    async def resume(self) -> R:
        """Goes on after a pause."""
        return await self._command("resume")

    async def stop(self) -> R:
        """Stops the running phase, and returns when it has come to rest."""
        return await self._command("stop")

    async def prune(self, keep_runs: int, phase: str | None = None) -> R:
        """Hides all but the latest runs of one phase or of all, and frees their records. A current run always stays."""
        return await self._command("prune", keepRuns=keep_runs, phase=phase)

    async def delete(self) -> R:
        """Deletes the campaign with everything that belongs to it."""
        return await self._command("delete")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"


class DryRunCampaign(Commands[DryRun]):
    """A campaign whose commands say what they would do now, and do nothing. They raise what the command itself would raise.

    A pause or a stop is shown as the request that it is, and not as the rest that it leads to.
    """

    async def _send(self, command: str) -> DryRun:
        return DryRun.from_json(json.loads(await waited(self._native.dry_run(self.id, command, crossing(self._envelope)))))


class Campaign(Commands[Receipt]):
    """One campaign of an engine. It holds no state: each call reads the store."""

    def __init__(
        self, engine: Engine, id: str, *, idempotency_key: str | None = None, envelope: Envelope | None = None
    ) -> None:
        super().__init__(engine, id, envelope or Envelope())
        self._key = idempotency_key

    def with_idempotency_key(self, key: str) -> Campaign:
        """The same campaign, whose next command carries this key (1 to 255 visible ASCII characters)."""
        return Campaign(self._engine, self.id, idempotency_key=key, envelope=self._envelope)

    def with_envelope(self, envelope: Envelope) -> Campaign:
        """The same campaign, whose commands say who asks, and why."""
        return Campaign(self._engine, self.id, idempotency_key=self._key, envelope=envelope)

    @property
    def dry_run(self) -> DryRunCampaign:
        """The same campaign, whose commands only say what they would do: ``await campaign.dry_run.start()``."""
        return DryRunCampaign(self._engine, self.id, self._envelope)

    async def _send(self, command: str) -> Receipt:
        done = json.loads(await waited(self._native.command(self.id, command, self._key, crossing(self._envelope))))
        return Receipt(done["campaignId"], done["version"], done["changed"])

    async def plan(self, configs: Mapping[str, Json], *, mode: Mode | str | None = None) -> Receipt:
        """Stores the configs of several phases in one commit, all of them or none; then sets the mode, if one is given."""
        receipt = await self.configure_all(configs)
        return receipt if mode is None else await self.set_mode(mode)

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


class NewCampaign(TypedDict, total=False):
    """What may be said of a new campaign, besides its name."""

    pipeline: str | None
    """Its pipeline; needed where the engine has several."""
    mode: Mode | str
    """Its mode; ``step_by_step`` unless given."""
    attributes: Mapping[str, str]
    """Short texts by which it is found again, at most 32."""
    configs: Mapping[str, Json]
    """Configs by phase."""
    retry: Mapping[str, RetryPolicy]
    """Its own retry policies by phase, in place of the pipeline's."""
    skips: Collection[str]
    """The phases to skip."""
    idempotency_key: str | None
    """Makes the creation safe to repeat: the same key and campaign give the same outcome."""


def creation(
    name: str,
    *,
    pipeline: str | None = None,
    mode: Mode | str = Mode.STEP_BY_STEP,
    attributes: Mapping[str, str] | None = None,
    configs: Mapping[str, Json] | None = None,
    retry: Mapping[str, RetryPolicy] | None = None,
    skips: Collection[str] = (),
    idempotency_key: str | None = None,
) -> str:
    """The campaign to be created, as JSON."""
    data: dict[str, Any] = {
        "name": name,
        "mode": str(mode),
        "attributes": dict(attributes or {}),
        "configs": dict(configs or {}),
        "retry": {phase: policy.to_json() for phase, policy in (retry or {}).items()},
        "skips": list(skips),
    }
    if pipeline is not None:
        data["pipeline"] = pipeline
    if idempotency_key is not None:
        data["idempotencyKey"] = idempotency_key
    return dump("campaign", data)
