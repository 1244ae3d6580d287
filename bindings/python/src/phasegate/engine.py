"""The engine."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from ._boundary import called, crossing, dump, native, waited
from ._durations import millis
from ._worker import Worker
from .campaign import Campaign, NewCampaign, creation
from .dry_run import DryRun
from .envelope import Envelope
from .errors import Closed, InvalidArgument
from .model import (
    Activity,
    CampaignPage,
    CampaignView,
    Event,
    Json,
    Mode,
    Preflight,
    Recovery,
    Reported,
    Resource,
    Ticket,
)
from .pipeline import HostPhaseOptions, PhaseOptions, Pipeline

__all__ = ["Engine", "verify_file"]

F = TypeVar("F")


class Engine:
    """An engine: campaigns in one file, run by this process.

    ::

        engine = Engine.open("campaigns.redb", pipeline="orders")

        @engine.phase("collect", schema={"type": "object"})
        async def collect(ctx): ...

        async with engine:
            campaign = await engine.create("spring", mode=Mode.FULL_SEQUENCE, configs={"collect": {}})
            await campaign.start()
            print(await campaign.at_rest())

    Its phases that are written in Python run on the event loop that it was opened on, or, if they are ordinary functions,
    each in a thread of its own. Its methods may be called from any event loop. Closing it is not a pause: running
    phases stay running in the file, and go on when it is opened again.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        pipelines: list[Pipeline],
        options: native.EngineOptions,
        recover: bool,
    ) -> None:
        self._path = path
        self._pipelines = pipelines
        self._options = options
        self._recover = recover
        self._opened: native.HostEngine | None = None
        self._worker: Worker | None = None
        self._closing = False
        self.recovery: Recovery | None = None
        """What was taken up when it was opened."""

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str] | None,
        *,
        pipeline: Pipeline | str | Sequence[Pipeline],
        grace: timedelta | None = None,
        max_running_phases: int | None = None,
        idempotency_ttl: timedelta | None = None,
        recover: bool = True,
    ) -> Self:
        """An engine that opens with ``async with``, or by awaiting it.

        ``path`` is the file of its store, created if it isn't there; ``None`` for a store in memory. ``pipeline`` may be the
        id of a new one, whose phases are added with :meth:`phase`. ``grace`` is how long a cancelled phase may take to come
        to rest (10 s), ``idempotency_ttl`` how long idempotency keys are kept (24 h). Opening takes up
        what was running when the last process ended, unless ``recover`` is false.

        Opening raises :class:`Held` when another process has the file open.
        """
        pipelines: list[Pipeline]
        if isinstance(pipeline, str):
            pipelines = [Pipeline(pipeline)]
        elif isinstance(pipeline, Pipeline):
            pipelines = [pipeline]
        else:
            pipelines = list(pipeline)
        options = native.EngineOptions(
            path=None if path is None else os.fspath(path),
            grace_ms=millis(grace),
            max_running_phases=max_running_phases,
            idempotency_ttl_ms=millis(idempotency_ttl),
        )
        return cls(path, pipelines, options, recover)

    def phase(
        self,
        name: str,
        *,
        schema: Mapping[str, Json] | None = None,
        **options: Unpack[HostPhaseOptions],
    ) -> Callable[[F], F]:
        """Adds a phase to its only pipeline, before it opens: see :meth:`Pipeline.phase`."""
        return self._pipeline().phase(name, schema=schema, **options)

    def builtin(self, name: str, **options: Unpack[PhaseOptions]) -> Pipeline:
        """Adds a built-in phase to its only pipeline, before it opens."""
        return self._pipeline().builtin(name, **options)

    def _pipeline(self) -> Pipeline:
        if len(self._pipelines) != 1:
            raise InvalidArgument("the engine has several pipelines: add the phase to one of them", "invalid_pipeline")
        return self._pipelines[0]

    @property
    def _native(self) -> native.HostEngine:
        if self._opened is None:
            raise Closed("the engine is not open: use it within 'async with'", "closed")
        return self._opened

    async def __aenter__(self) -> Self:
        if self._opened is not None:
            raise InvalidArgument("the engine is open already", "invalid_argument")
        definitions = [pipeline._definition() for pipeline in self._pipelines]
        opened = await waited(native.HostEngine.open(self._options, definitions))
        # Before the recovery, which gives jobs.
        self._opened, self._worker = opened, Worker(opened, self._pipelines)
        if self._recover:
            found = json.loads(await waited(opened.recover()))
            self.recovery = Recovery(found["resumed"], found["settled"], found["heldElsewhere"], found["failed"])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __await__(self) -> Generator[Any, None, Self]:
        return self.__aenter__().__await__()

    async def close(self) -> None:
        """Brings every phase to rest and closes the file. It is not a pause. Closing it again does nothing."""
        opened, worker = self._opened, self._worker
        if opened is None or worker is None or self._closing:
            return
        self._closing = True
        try:
            await waited(opened.shutdown())
        except Closed:
            pass
        await worker.finished()

    @property
    def abandoned_threads(self) -> int:
        """How many threads and tasks of ended attempts are still at work. They ignored the end, and can change nothing any more."""
        return 0 if self._worker is None else self._worker.abandoned

    @property
    def running_phases(self) -> int:
        """How many phases this process works on, those included that wait for a place."""
        return called(self._native.running_phases)

    def manifests(self) -> list[dict[str, Json]]:
        """The manifests of its pipelines: ids, phases, schemas, kinds of resources."""
        manifests: list[dict[str, Json]] = json.loads(called(self._native.pipelines))
        return manifests

    async def create(self, name: str, *, envelope: Envelope | None = None, **campaign: Unpack[NewCampaign]) -> Campaign:
        """Creates a campaign with its configs, in one commit. ``name`` has 1 to 200 characters, and need not be unique; see
        :class:`NewCampaign` for what else may be said of it.

        Raises :class:`ConfigInvalid` with every problem of every config; nothing is created then.
        """
        id = await waited(self._native.create(creation(name, **campaign), crossing(envelope)))
        return Campaign(self, id)

    async def dry_run_creation(
        self, name: str, *, envelope: Envelope | None = None, **campaign: Unpack[NewCampaign]
    ) -> DryRun:
        """What :meth:`create` would do. The id that it shows is not that of a later creation."""
        would_be = self._native.dry_run_creation(creation(name, **campaign), crossing(envelope))
        return DryRun.from_json(json.loads(await waited(would_be)))

    async def campaign(self, id: str) -> Campaign:
        """A campaign that exists. Raises :class:`NotFound` if it doesn't."""
        await waited(self._native.find(id))
        return Campaign(self, id)

    async def campaigns(
        self,
        *,
        name: str | None = None,
        mode: Mode | str | None = None,
        activity: Activity | str | None = None,
        attributes: Mapping[str, str] | None = None,
        newest_first: bool = False,
        after: str | None = None,
        limit: int = 100,
    ) -> CampaignPage:
        """One page of campaigns, at most ``limit`` (1 to 1,000). With several conditions a page may be short, or empty, and still
        not be the last."""
        query: dict[str, Json] = {"newestFirst": newest_first, "limit": limit, "attributes": dict(attributes or {})}
        given = {"name": name, "mode": mode, "activity": activity, "after": after}
        query.update({key: str(value) for key, value in given.items() if value is not None})
        page = json.loads(await waited(self._native.campaigns(dump("query", query))))
        return CampaignPage([CampaignView.from_json(view) for view in page["items"]], page["next"])

    async def report(
        self,
        ticket: Ticket,
        outcome: Json = None,
        *,
        failure: tuple[str, str] | None = None,
        envelope: Envelope | None = None,
    ) -> Reported:
        """Reports how a deferred phase ended: with a summary, or with the code and sentence of a ``failure``.

        It may be repeated and raced: only the first report changes anything.
        """
        text: Json = {"completed": outcome}
        if failure is not None:
            text = {"failed": {"code": failure[0], "message": failure[1]}}
        reported = self._native.report(dump("ticket", ticket.to_json()), dump("outcome", text), crossing(envelope))
        return Reported(await waited(reported))

    async def preflight_plan(
        self,
        configs: Mapping[str, Json],
        *,
        pipeline: str | None = None,
        resources: Mapping[str, Mapping[str, Json]] | None = None,
    ) -> Preflight:
        """Checks configs without storing anything; ``resources`` (by kind and id) stand in for stored ones."""
        report = self._native.preflight_plan(pipeline, dump("configs", dict(configs)), dump("resources", resources or {}))
        return Preflight.from_json(json.loads(await waited(report)))

    async def put_resource(
        self, kind: str, id: str, document: Json, *, revision: int | None = None, envelope: Envelope | None = None
    ) -> int:
        """Stores a resource, and gives its revision. ``revision`` is the one that it replaces, 0 for none at all."""
        text = dump("document", document)
        return await waited(self._native.put_resource(kind, id, text, revision, crossing(envelope)))

    async def delete_resource(
        self, kind: str, id: str, *, revision: int | None = None, envelope: Envelope | None = None
    ) -> None:
        """Deletes a resource. Configs that refer to it have a problem from now on."""
        await waited(self._native.delete_resource(kind, id, revision, crossing(envelope)))

    async def resource(self, kind: str, id: str) -> Resource | None:
        """A resource, secrets included."""
        found = await waited(self._native.resource(kind, id))
        return None if found is None else _resource(json.loads(found))

    async def resources(self, kind: str, *, after: str | None = None, limit: int = 100) -> list[Resource]:
        """One page of a kind's resources in the order of their ids, after an id."""
        return [_resource(one) for one in json.loads(await waited(self._native.resources(kind, after, limit)))]

    async def events(self, after: str | None = None, *, follow: bool = True) -> AsyncIterator[Event]:
        """The events of all campaigns after a cursor. With ``follow`` those that come are next, without an end."""
        async for page in self._event_pages(None, after, follow):
            for event in page:
                yield event

    async def _event_pages(self, campaign: str | None, after: str | None, follow: bool) -> AsyncIterator[list[Event]]:
        events = called(self._native.events, campaign, after)
        while page := json.loads(await waited(events.next() if follow else events.next_if_any())):
            yield [Event.from_json(event) for event in page]

    async def backup(self, to: str | os.PathLike[str]) -> None:
        """Copies the file, as it is at this moment, into a new one, while it is in use. (A plain copy of an open file is
        not a backup.)"""
        await waited(self._native.backup(os.fspath(to)))

    def __repr__(self) -> str:
        state = "closed" if self._opened is None or self._closing else "open"
        return f"<Engine on {self._path or 'memory'}, {state}>"


def _resource(data: Mapping[str, Any]) -> Resource:
    return Resource(data["kind"], data["id"], data["revision"], data["document"])


async def verify_file(path: str | os.PathLike[str]) -> dict[str, Json]:
    """Checks a file that nobody has open: ``clean``, and the ``findings``, each with ``table``, ``key`` and ``problem``."""
    report: dict[str, Json] = json.loads(await waited(native.verify_file(os.fspath(path))))
    return report


