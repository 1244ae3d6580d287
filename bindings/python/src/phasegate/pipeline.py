"""Pipelines: the phases in their order, built-in ones and those of the host."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from ._boundary import dump, native
from .errors import InvalidArgument
from .model import Json

__all__ = ["Pipeline", "builtin_phases"]

F = TypeVar("F")

_ANY_OBJECT: dict[str, Json] = {"type": "object"}


def builtin_phases() -> list[str]:
    """The names of the built-in phases, in the order of the pipeline ``lead_generation``."""
    return native.builtin_phases()


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

    def builtin(self, name: str, *, timeout: timedelta | None = None) -> Pipeline:
        """Adds a built-in phase."""
        return self._add({"builtin": name}, timeout)

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
        title: str = "",
        timeout: timedelta | None = None,
    ) -> Callable[[F], F]:
        """Adds a phase: an async function, an ordinary function (which runs in a thread of its own), or a class or an
        object with ``run`` and optionally ``check`` and ``can_continue``.

        The function is given a context, and returns the summary of the phase. ``schema`` describes its config; without one
        any object will do. ``timeout`` ends one attempt as failed.
        """

        def add(phase: F) -> F:
            made: Any = phase() if inspect.isclass(phase) else phase
            run = getattr(made, "run", made)
            if not callable(run):
                raise InvalidArgument(f"phase {name} is neither a function nor has it run(ctx)", "invalid_pipeline")
            hosted = _Hosted(run, getattr(made, "check", None), getattr(made, "can_continue", None))
            definition: dict[str, Json] = {
                "name": name,
                "title": title,
                "configSchema": _ANY_OBJECT if schema is None else dict(schema),
                "answers": [job for job in ("check", "can_continue") if getattr(hosted, job) is not None],
            }
            self._add(definition, timeout)
            self._hosted[name] = hosted
            return phase

        return add

    def _add(self, definition: dict[str, Json], timeout: timedelta | None) -> Pipeline:
        self._open()
        if timeout is not None:
            ms = round(timeout.total_seconds() * 1_000)
            if ms <= 0:
                raise InvalidArgument(f"a timeout is positive, and this one is {timeout}", "invalid_pipeline")
            definition["timeoutMs"] = ms
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
