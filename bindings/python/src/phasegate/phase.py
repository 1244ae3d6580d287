"""Phases in Python: what they are given, and how they are defined."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from . import _boundary
from ._boundary import dump, native, waited
from .errors import Interrupted
from .model import Json, Ticket

__all__ = ["Deferred", "FieldProblem", "InputChange", "Phase", "PhaseContext", "SyncPhaseContext"]

_PAGE = 1_000


class Deferred:
    """A phase returns it when somebody will report its ticket later."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing wrong with one field of a config, found by a phase's own check."""

    pointer: str
    keyword: str
    message: str


@dataclass(frozen=True, slots=True)
class InputChange:
    """How the inputs of a failed or stopped run have changed since."""

    old_config: Json
    new_config: Json
    changed_resources: list[dict[str, str]]
    checkpoint: Json


@runtime_checkable
class Phase(Protocol):
    """A phase as a class. ``check`` and ``can_continue`` may be left out; each may be ``async`` or not."""

    def run(self, ctx: Any, /) -> Any:
        """Runs the phase from ``ctx.checkpoint`` to its end, and returns its summary."""
        ...


class _Context:
    """What both forms of a context have."""

    def __init__(self, job: native.Job) -> None:
        self._job = job
        given: dict[str, Any] = json.loads(job.input())
        self.ticket: Ticket = Ticket.from_json(given["ticket"])
        """The right to report for this attempt."""
        self.run_key: str = given["runKey"]
        """The same for every attempt of this run and for no other run: a key for effects outside the store."""
        self.config: Json = given["config"]
        """The config of this attempt."""
        self.resources: Mapping[str, Mapping[str, Json]] = given["resources"]
        """The documents that the config refers to, by kind and id."""
        self.checkpoint: Json = given["checkpoint"]
        """The last checkpoint that an earlier attempt committed; ``None`` before the first."""
        self.records_before: int = given["recordsBefore"]
        """How many records earlier attempts of this run committed."""

    @property
    def phase(self) -> str:
        """The name of the phase."""
        return self.ticket.phase

    @property
    def is_cancelled(self) -> bool:
        """Whether the attempt was asked to come to rest: a pause, a stop, a timeout, a deletion or a close."""
        return self._job.is_cancelled()

    def ensure_running(self) -> None:
        """Raises :class:`Interrupted` if the attempt was asked to come to rest. A phase that lets it pass is paused, stopped or to be
        recovered, with what it has committed. A phase that returns instead is completed."""
        if self.is_cancelled:
            raise Interrupted

    def progress(self, done: int, total: int | None = None) -> None:
        """Tells how far the run has come. It is cheap, shown to whoever watches, and not durable."""
        self._job.progress(done, total)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.ticket}>"


def _records(records: Sequence[Json]) -> str:
    if isinstance(records, (str, bytes, Mapping)):
        raise _boundary.InvalidArgument("give commit a list of records, not one record", "invalid_argument")
    return dump("records", list(records))


class PhaseContext(_Context):
    """What a running attempt may know and do."""

    async def upstream(self, start: int = 0) -> AsyncIterator[Json]:
        """The records of the phase before, from the index ``start`` on."""
        at: int | None = start
        while at is not None:
            page = await waited(self._job.upstream(at, _PAGE))
            for record in json.loads(page.records):
                yield record
            at = page.next

    async def upstream_total(self) -> int:
        """How many records the phase before has."""
        return await waited(self._job.upstream_total())

    async def commit(
        self,
        records: Sequence[Json],
        checkpoint: Json = None,
        *,
        done: int | None = None,
        total: int | None = None,
    ) -> None:
        """Appends records with the checkpoint that covers them, as one unit: durable on return.

        After a crash the next attempt finds either all of it or nothing. It also works after a cancellation, so that
        work at hand is not lost. A record and a checkpoint have at most 64 KiB of JSON each, the records of one commit at most
        16 MiB. Raises :class:`InvalidArgument`, with nothing stored, for what is beyond, and :class:`Fenced` when another attempt
        has taken over.
        """
        point = None if checkpoint is None else dump("checkpoint", checkpoint)
        await waited(self._job.commit(_records(records), point, done, total))

    async def cancelled(self) -> None:
        """Waits until the attempt is asked to come to rest."""
        await self._job.cancelled()


class SyncPhaseContext(_Context):
    """What a running attempt may know and do, for a phase that runs in a thread of its own."""

    def __init__(self, job: native.Job, call: Any) -> None:
        super().__init__(job)
        self._call = call

    def upstream(self, start: int = 0) -> Iterator[Json]:
        """The records of the phase before, from the index ``start`` on."""
        at: int | None = start
        while at is not None:
            page = self._call(self._job.upstream(at, _PAGE))
            yield from json.loads(page.records)
            at = page.next

    def upstream_total(self) -> int:
        """How many records the phase before has."""
        total: int = self._call(self._job.upstream_total())
        return total

    def commit(
        self,
        records: Sequence[Json],
        checkpoint: Json = None,
        *,
        done: int | None = None,
        total: int | None = None,
    ) -> None:
        """Appends records with the checkpoint that covers them, as one unit: see :meth:`PhaseContext.commit`."""
        point = None if checkpoint is None else dump("checkpoint", checkpoint)
        self._call(self._job.commit(_records(records), point, done, total))
