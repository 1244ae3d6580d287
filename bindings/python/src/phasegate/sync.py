"""The blocking form of :mod:`phasegate`, for scripts, tests and notebooks.

::

    from phasegate.sync import Engine

    engine = Engine.open("campaigns.redb", pipeline="orders")

    @engine.phase("collect", schema={"type": "object"})
    def collect(ctx): ...

    with engine:
        campaign = engine.create("spring", mode="full_sequence", configs={"collect": {}})
        campaign.start()
        print(campaign.at_rest())

Each method does what its asynchronous twin does, and returns when that is done. An engine keeps an event loop in a thread of
its own, on which its asynchronous phases run; ordinary functions run in threads of their own.
"""

from __future__ import annotations

import asyncio
import functools
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Protocol, Self, TypeVar, Unpack

from . import campaign as _campaign
from . import engine as _engine
from . import sandbox as _sandbox
from .campaign import NewCampaign
from .envelope import Envelope
from .errors import Closed, InvalidArgument
from .model import Event, Json, Progress, Recovery
from .pipeline import HostPhaseOptions, PhaseOptions, Pipeline

__all__ = ["Campaign", "DryRunCampaign", "Engine", "Sandbox", "verify_file"]

A = TypeVar("A")
F = TypeVar("F")
T = TypeVar("T")
P = ParamSpec("P")


class _Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._process = os.getpid()
        # A daemon, so that an engine that was never closed doesn't keep the process from its end.
        self._thread = threading.Thread(target=self._loop.run_forever, name="phasegate loop", daemon=True)
        self._thread.start()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs it on the loop, and returns what it gives. Whatever interrupts the waiting cancels the work."""
        if os.getpid() != self._process:
            work.close()
            raise Closed("this process was forked after its engine was opened, whose threads it doesn't have", "forked")
        if threading.current_thread() is self._thread:
            work.close()
            raise InvalidArgument(
                "a blocking call would stop the event loop that it waits for: in an asynchronous phase use its context",
                "invalid_argument",
            )
        try:
            outcome = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:
            work.close()
            raise Closed("the engine is closed: open it again", "closed") from None
        try:
            return outcome.result()
        finally:
            outcome.cancel()

    def close(self) -> None:
        """Cancels what still works on the loop, and ends its thread."""
        if os.getpid() != self._process or self._loop.is_closed():
            return
        self.wait(self._cancel_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _cancel_others(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        # Once: a task that ignores it is left behind, as it would be by the engine.
        await asyncio.sleep(0)


class _Twin(Protocol):
    """A blocking object, and the asynchronous one that does its work."""

    @property
    def _twin(self) -> Any: ...

    @property
    def _loop(self) -> _Loop: ...


def _blocking(method: Callable[Concatenate[A, P], Coroutine[Any, Any, T]]) -> Callable[Concatenate[Any, P], T]:
    """The blocking form of a method, with its signature and its documentation."""

    @functools.wraps(method)
    def call(self: _Twin, /, *arguments: P.args, **named: P.kwargs) -> T:
        return self._loop.wait(method(self._twin, *arguments, **named))

    return call


def _each(loop: _Loop, pages: AsyncIterator[list[T]]) -> Iterator[T]:
    async def page() -> list[T] | None:
        return await anext(pages, None)

    while (items := loop.wait(page())) is not None:
        yield from items


class DryRunCampaign:
    """A campaign whose commands only say what they would do: the blocking twin of :class:`phasegate.DryRunCampaign`."""

    def __init__(self, twin: _campaign.DryRunCampaign, loop: _Loop) -> None:
        self._twin = twin
        self._loop = loop

    @property
    def id(self) -> str:
        """Its id."""
        return self._twin.id

    describe = _blocking(_campaign.DryRunCampaign.describe)
    configure = _blocking(_campaign.DryRunCampaign.configure)
    configure_all = _blocking(_campaign.DryRunCampaign.configure_all)
    unconfigure = _blocking(_campaign.DryRunCampaign.unconfigure)
    set_mode = _blocking(_campaign.DryRunCampaign.set_mode)
    set_retry = _blocking(_campaign.DryRunCampaign.set_retry)
    start = _blocking(_campaign.DryRunCampaign.start)
    restart = _blocking(_campaign.DryRunCampaign.restart)
    skip = _blocking(_campaign.DryRunCampaign.skip)
    unskip = _blocking(_campaign.DryRunCampaign.unskip)
    pause = _blocking(_campaign.DryRunCampaign.pause)
    resume = _blocking(_campaign.DryRunCampaign.resume)
    stop = _blocking(_campaign.DryRunCampaign.stop)
    prune = _blocking(_campaign.DryRunCampaign.prune)
    delete = _blocking(_campaign.DryRunCampaign.delete)

    def __repr__(self) -> str:
        return repr(self._twin)


class Campaign:
    """One campaign of an engine. It holds no state: each call reads the store."""

    def __init__(self, twin: _campaign.Campaign, loop: _Loop) -> None:
        self._twin = twin
        self._loop = loop

    @property
    def id(self) -> str:
        """Its id."""
        return self._twin.id

    def with_idempotency_key(self, key: str) -> Campaign:
        """The same campaign, whose next command carries this key (1 to 255 visible ASCII characters)."""
        return Campaign(self._twin.with_idempotency_key(key), self._loop)

    def with_envelope(self, envelope: Envelope) -> Campaign:
        """The same campaign, whose commands say who asks, and why."""
        return Campaign(self._twin.with_envelope(envelope), self._loop)

    @property
    def dry_run(self) -> DryRunCampaign:
        """The same campaign, whose commands only say what they would do: ``campaign.dry_run.start()``."""
        return DryRunCampaign(self._twin.dry_run, self._loop)

    describe = _blocking(_campaign.Campaign.describe)
    configure = _blocking(_campaign.Campaign.configure)
    configure_all = _blocking(_campaign.Campaign.configure_all)
    plan = _blocking(_campaign.Campaign.plan)
    unconfigure = _blocking(_campaign.Campaign.unconfigure)
    set_mode = _blocking(_campaign.Campaign.set_mode)
    set_retry = _blocking(_campaign.Campaign.set_retry)
    start = _blocking(_campaign.Campaign.start)
    restart = _blocking(_campaign.Campaign.restart)
    skip = _blocking(_campaign.Campaign.skip)
    unskip = _blocking(_campaign.Campaign.unskip)
    pause = _blocking(_campaign.Campaign.pause)
    resume = _blocking(_campaign.Campaign.resume)
    stop = _blocking(_campaign.Campaign.stop)
    prune = _blocking(_campaign.Campaign.prune)
    delete = _blocking(_campaign.Campaign.delete)
    config = _blocking(_campaign.Campaign.config)
    view = _blocking(_campaign.Campaign.view)
    preflight = _blocking(_campaign.Campaign.preflight)
    at_rest = _blocking(_campaign.Campaign.at_rest)

    def progress(self) -> Progress | None:
        """How far the running phase has come in this process; ``None`` when nothing runs here."""
        return self._twin.progress()

    def records(self, phase: str, start: int = 0) -> Iterator[Json]:
        """The records of a phase's current run, from the index ``start`` on."""
        return _each(self._loop, self._twin._record_pages(phase, start))

    def events(self, after: str | None = None, *, follow: bool = True) -> Iterator[Event]:
        """The events after a cursor. With ``follow`` those that come are next, without an end.

        Each is given once, in order, and only when it is durable; it skips nothing, however slow its reader is.
        """
        return _each(self._loop, self._twin._event_pages(after, follow))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Campaign) and self._twin == other._twin

    def __hash__(self) -> int:
        return hash(self._twin)

    def __repr__(self) -> str:
        return repr(self._twin)

    def _repr_html_(self) -> str:
        return self.view()._repr_html_()


class Engine:
    """An engine: campaigns in one file, run by this process. The blocking twin of :class:`phasegate.Engine`.

    It opens with ``with``, or by :meth:`connect`. Its methods may be called from any thread.
    """

    def __init__(self, twin: _engine.Engine) -> None:
        self._twin = twin
        self._running: _Loop | None = None

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
        """An engine that opens with ``with`` or :meth:`connect`; the arguments are those of :meth:`phasegate.Engine.open`."""
        twin = _engine.Engine.open(
            path,
            pipeline=pipeline,
            grace=grace,
            max_running_phases=max_running_phases,
            idempotency_ttl=idempotency_ttl,
            recover=recover,
        )
        return cls(twin)

    def phase(
        self,
        name: str,
        *,
        schema: Mapping[str, Json] | None = None,
        **options: Unpack[HostPhaseOptions],
    ) -> Callable[[F], F]:
        """Adds a phase to its only pipeline, before it opens: see :meth:`phasegate.Pipeline.phase`."""
        return self._twin.phase(name, schema=schema, **options)

    def builtin(self, name: str, **options: Unpack[PhaseOptions]) -> Pipeline:
        """Adds a built-in phase to its only pipeline, before it opens."""
        return self._twin.builtin(name, **options)

    @property
    def _loop(self) -> _Loop:
        if self._running is None:
            raise Closed("the engine is not open: use it within 'with', or call connect()", "closed")
        return self._running

    def connect(self) -> Self:
        """Opens it without a ``with``, as in a notebook; :meth:`close` it yourself."""
        if self._running is not None:
            raise InvalidArgument("the engine is open already", "invalid_argument")
        loop = _Loop()
        try:
            loop.wait(self._twin.__aenter__())
        except BaseException:
            loop.close()
            raise
        self._running = loop
        return self

    def __enter__(self) -> Self:
        return self.connect()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Brings every phase to rest and closes the file. It is not a pause. Closing it again does nothing."""
        loop = self._running
        if loop is None or loop._loop.is_closed():
            return
        try:
            loop.wait(self._twin.close())
        finally:
            loop.close()

    @property
    def recovery(self) -> Recovery | None:
        """What was taken up when it was opened."""
        return self._twin.recovery

    @property
    def abandoned_threads(self) -> int:
        """How many threads and tasks of ended attempts are still at work. They ignored the end, and can change nothing any more."""
        return self._twin.abandoned_threads

    @property
    def running_phases(self) -> int:
        """How many phases this process works on, those included that wait for a place."""
        return self._twin.running_phases

    def manifests(self) -> list[dict[str, Json]]:
        """The manifests of its pipelines: ids, phases, schemas, kinds of resources."""
        return self._twin.manifests()

    def create(self, name: str, *, envelope: Envelope | None = None, **campaign: Unpack[NewCampaign]) -> Campaign:
        """Creates a campaign with its configs, in one commit. ``name`` has 1 to 200 characters, and need not be unique; see
        :class:`phasegate.NewCampaign` for what else may be said of it.

        Raises :class:`phasegate.ConfigInvalid` with every problem of every config; nothing is created then.
        """
        loop = self._loop
        return Campaign(loop.wait(self._twin.create(name, envelope=envelope, **campaign)), loop)

    dry_run_creation = _blocking(_engine.Engine.dry_run_creation)

    def campaign(self, id: str) -> Campaign:
        """A campaign that exists. Raises :class:`phasegate.NotFound` if it doesn't."""
        loop = self._loop
        return Campaign(loop.wait(self._twin.campaign(id)), loop)

    campaigns = _blocking(_engine.Engine.campaigns)
    report = _blocking(_engine.Engine.report)
    preflight_plan = _blocking(_engine.Engine.preflight_plan)
    put_resource = _blocking(_engine.Engine.put_resource)
    delete_resource = _blocking(_engine.Engine.delete_resource)
    resource = _blocking(_engine.Engine.resource)
    resources = _blocking(_engine.Engine.resources)
    backup = _blocking(_engine.Engine.backup)

    def events(self, after: str | None = None, *, follow: bool = True) -> Iterator[Event]:
        """The events of all campaigns after a cursor. With ``follow`` those that come are next, without an end."""
        return _each(self._loop, self._twin._event_pages(None, after, follow))

    def __repr__(self) -> str:
        return repr(self._twin)


class Sandbox:
    """A DNS server and a web site on loopback: the blocking twin of :class:`phasegate.Sandbox`."""

    def __init__(self) -> None:
        self._twin = _sandbox.Sandbox()
        self._running: _Loop | None = None

    def __enter__(self) -> Self:
        self._running = _Loop()
        self._running.wait(self._twin.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._running is not None:
            self._running.wait(self._twin.__aexit__(kind, error, trace))
            self._running.close()

    @property
    def dns_address(self) -> str:
        """``127.0.0.1:PORT`` of its DNS server."""
        return self._twin.dns_address

    @property
    def http_address(self) -> str:
        """``127.0.0.1:PORT`` of its web site."""
        return self._twin.http_address

    def point(self, kind: str, document: Json) -> Json:
        """The document of a persona, pointed at the sandbox."""
        return self._twin.point(kind, document)


def verify_file(path: str | os.PathLike[str]) -> dict[str, Json]:
    """Checks a file that nobody has open: ``clean``, and the ``findings``, each with ``table``, ``key`` and ``problem``."""
    return asyncio.run(_engine.verify_file(path))
