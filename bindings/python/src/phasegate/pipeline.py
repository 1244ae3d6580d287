"""Pipelines: the phases in their order, built-in ones and those of the host."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict, TypeVar, Unpack

from ._boundary import dump, native
from ._durations import millis
from .errors import InvalidArgument
from .model import Json, OnSkip
from .retry import RetryPolicy

__all__ = ["HostPhaseOptions", "PhaseOptions", "Pipeline", "builtin_phases"]

F = TypeVar("F")

_ANY_OBJECT: dict[str, Json] = {"type": "object"}


def builtin_phases() -> list[str]:
    """The names of the built-in phases, in the order of the pipeline ``lead_generation``."""
    return native.builtin_phases()


class PhaseOptions(TypedDict, total=False):
    """What a pipeline says of a phase, as its manifest has it."""

    title: str
    """What a person calls it."""
    timeout: timedelta | None
    """How long the work of one attempt may take; then the phase fails with the code ``timed_out``."""
    retry: RetryPolicy | None
    """When its failures are tried again. Without a policy there is no retry."""
    max_recoveries: int | None
    """How many recoveries in a row are counted without progress before the run fails with the code ``crash_loop``; 5 unless given."""
    on_skip: OnSkip | str | None
    """Whether it may be skipped, and what the phase after it reads then; ``forbidden`` unless given."""
    record_schema: Mapping[str, Json] | None
    """The JSON Schema of its records, for whoever reads them. The engine checks no record."""


class HostPhaseOptions(PhaseOptions, total=False):
    """What a pipeline says of a phase that is written in Python."""

    job_timeout: timedelta | None
    """How long an attempt may neither commit nor tell of progress; then it is ended, and the phase fails with the code
    ``job_expired``. Without it a phase may be silent for ever."""


def _manifest(
    *,
    title: str | None = None,
    timeout: timedelta | None = None,
    retry: RetryPolicy | None = None,
    max_recoveries: int | None = None,
    on_skip: OnSkip | str | None = None,
    record_schema: Mapping[str, Json] | None = None,
    job_timeout: timedelta | None = None,
) -> dict[str, Json]:
    """What is said of a phase, as its manifest has it."""
    said: dict[str, Json] = {
        "title": title,
        "timeoutMs": _limit(timeout),
        "retry": None if retry is None else retry.to_json(),
        "maxRecoveries": max_recoveries,
        "onSkip": None if on_skip is None else str(on_skip),
        "recordSchema": None if record_schema is None else dict(record_schema),
        "jobTimeoutMs": _limit(job_timeout),
    }
    return {member: value for member, value in said.items() if value is not None}


def _limit(time: timedelta | None) -> int | None:
    ms = millis(time)
    if ms is not None and ms <= 0:
        raise InvalidArgument(f"a timeout is positive, and this one is {time}", "invalid_pipeline")
    return ms


@dataclass(slots=True)
class _Hosted:
    """A phase of the host: how to make what runs it."""

    run: Callable[..., Any]
    check: Callable[..., Any] | None
    can_continue: Callable[..., Any] | None


class Pipeline:
    """An ordered list of phases, each with a JSON Schema (draft 2020-12) for its config.

    >>> orders = Pipeline("orders")
    >>> @orders.phase("collect", schema={"type": "object"})
    ... async def collect(ctx): ...
    """

    def __init__(self, id: str, *, title: str = "") -> None:
        self.id = id
        self.title = title
        self._phases: list[dict[str, Json]] = []
        self._hosted: dict[str, _Hosted] = {}
        self._kinds: list[dict[str, Json]] = []
        self._sealed = False

    @classmethod
    def lead_generation(cls) -> Pipeline:
        """The reference pipeline: domain generation, DNS validation, HTTP validation, analysis."""
        pipeline = cls("lead_generation", title="Lead generation")
        for name in builtin_phases():
            pipeline.builtin(name)
        return pipeline

    @property
    def phases(self) -> list[str]:
        """The names of its phases, in order."""
        return [phase.get("builtin") or phase["name"] for phase in self._phases]

    def builtin(self, name: str, **options: Unpack[PhaseOptions]) -> Pipeline:
        """Adds a built-in phase. What isn't said of it is as the phase itself has it."""
        return self._add({"builtin": name, **_manifest(**options)})

    def resource_kind(self, kind: str, schema: Mapping[str, Json], *, title: str = "") -> Pipeline:
        """Adds a kind of resource, which configs refer to by a string with ``"x-phasegate-resource": kind``."""
        self._open()
        self._kinds.append({"kind": kind, "title": title, "schema": dict(schema)})
        return self

    def phase(
        self,
        name: str,
        *,
        schema: Mapping[str, Json] | None = None,
        **options: Unpack[HostPhaseOptions],
    ) -> Callable[[F], F]:
        """Adds a phase: an async function, an ordinary function (which runs in a thread of its own), or a class or an
        object with ``run`` and optionally ``check`` and ``can_continue``.

        The function is given a context, and returns the summary of the phase. ``schema`` describes its config; without one
        any object will do. ``options`` say what else the pipeline says of it: see :class:`HostPhaseOptions`.
        """
        manifest = _manifest(**options)

        def add(phase: F) -> F:
            made: Any = phase() if inspect.isclass(phase) else phase
            run = getattr(made, "run", made)
            if not callable(run):
                raise InvalidArgument(f"phase {name} is neither a function nor has it run(ctx)", "invalid_pipeline")
            hosted = _Hosted(run, getattr(made, "check", None), getattr(made, "can_continue", None))
            definition: dict[str, Json] = {
                "name": name,
                "configSchema": _ANY_OBJECT if schema is None else dict(schema),
                "answers": [job for job in ("check", "can_continue") if getattr(hosted, job) is not None],
                **manifest,
            }
            self._add(definition)
            self._hosted[name] = hosted
            return phase

        return add

    def _add(self, definition: dict[str, Json]) -> Pipeline:
        self._open()
        self._phases.append(definition)
        return self

    def _open(self) -> None:
        if self._sealed:
            raise InvalidArgument(f"pipeline {self.id} is in use: define all of it before the engine opens", "invalid_pipeline")

    def _definition(self) -> str:
        self._sealed = True
        definition = {"id": self.id, "title": self.title, "phases": self._phases, "resourceKinds": self._kinds}
        return dump("pipeline", definition)

    def __repr__(self) -> str:
        return f"Pipeline({self.id!r}: {' → '.join(self.phases)})"
