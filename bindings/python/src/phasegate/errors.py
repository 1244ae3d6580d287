"""Why a call was refused or failed. Each error has the sentence of the engine, a stable ``code``, and its ``data``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .model import Problem

__all__ = [
    "Closed",
    "ConfigInvalid",
    "Conflict",
    "Damaged",
    "Fenced",
    "Held",
    "Interrupted",
    "InvalidArgument",
    "NotFound",
    "PhaseFailed",
    "PhasegateError",
    "PreflightFailed",
    "Rejected",
    "ResourceInvalid",
    "StorageFailed",
    "UnknownPhase",
]


class PhasegateError(Exception):
    """The base of every error of the engine."""

    code: str
    """A stable word for a program, such as ``preflight_failed``."""
    data: Mapping[str, Any]
    """What belongs to that code."""

    def __init__(self, message: str, code: str = "unexpected", data: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.data = {} if data is None else data

    def __str__(self) -> str:
        return self.message

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r}, code={self.code!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.message, self.code, dict(self.data)))


class Rejected(PhasegateError, RuntimeError):
    """The campaign refused the command, and is unchanged."""


class PreflightFailed(Rejected):
    """Nothing was started, since phases that must be ready lack a valid config."""

    @property
    def missing_phases(self) -> list[str]:
        """The phases whose config is missing or wrong, in pipeline order."""
        return list(self.data["report"]["missingPhases"])

    @property
    def errors(self) -> list[Problem]:
        """Every problem of every phase, in pipeline order."""
        return [Problem.from_json(problem) for problem in self.data["report"]["errors"]]


class ConfigInvalid(Rejected, ValueError):
    """The config is wrong, and none was stored."""

    @property
    def errors(self) -> list[Problem]:
        """Every problem of every config that was given."""
        return [Problem.from_json(problem) for problem in self.data["problems"]["items"]]


class UnknownPhase(Rejected, LookupError):
    """The pipeline has no such phase."""


class NotFound(PhasegateError, LookupError):
    """There is no such campaign or resource, or it was deleted."""


class InvalidArgument(PhasegateError, ValueError):
    """An argument breaks its rule: a name, a pipeline, a query, a document that is too large or too deep."""


class ResourceInvalid(PhasegateError, ValueError):
    """The document of a resource is wrong, and was not stored."""

    @property
    def errors(self) -> list[Problem]:
        """Every problem of the document; their ``phase`` is empty."""
        return [Problem.from_json({"phase": "", **problem}) for problem in self.data["errors"]]


class Conflict(PhasegateError, RuntimeError):
    """A campaign or resource is at another revision, or an idempotency key was used for another command."""


class StorageFailed(PhasegateError, OSError):
    """The store failed. What was acknowledged before is durable."""


class Held(StorageFailed, BlockingIOError):
    """Another process has the store open."""


class Damaged(StorageFailed):
    """A stored value is damaged."""


class Closed(PhasegateError, RuntimeError):
    """The engine is closed, or was opened before this process was forked."""


class Fenced(PhasegateError, RuntimeError):
    """Another attempt, or a command, has replaced this one: nothing that it does counts any more."""


class PhaseFailed(Exception):
    """A phase raises it to end as failed, with this code and sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Interrupted(Exception):
    """A phase raises it to come to rest when it was asked to: see :meth:`PhaseContext.ensure_running`."""


#: The codes of each class. ``schemas/codes.json`` of the repository has the same, and a test compares the two.
_CODES: dict[type[PhasegateError] | type[Interrupted], tuple[str, ...]] = {
    Rejected: (
        "already_running",
        "answer_invalid",
        "input_changed",
        "not_paused",
        "not_running",
        "not_started",
        "nothing_left",
        "out_of_order",
        "paused",
        "pausing",
        "phase_locked",
        "phase_started",
        "pipeline_changed",
        "skip_forbidden",
        "stale_ticket",
        "stopping",
        "unknown_pipeline",
    ),
    PreflightFailed: ("preflight_failed",),
    ConfigInvalid: ("config_invalid",),
    UnknownPhase: ("unknown_phase",),
    NotFound: ("not_found", "resource_not_found"),
    InvalidArgument: (
        "invalid_argument",
        "invalid_attribute",
        "invalid_cursor",
        "invalid_envelope",
        "invalid_name",
        "invalid_pipeline",
        "invalid_retry",
        "pipeline_not_named",
        "probe_input_invalid",
        "probe_unsupported",
        "too_deep",
        "too_large",
        "unknown_resource_kind",
    ),
    ResourceInvalid: ("resource_invalid",),
    Conflict: ("idempotency_key_reused", "lease_held", "precondition_failed", "resource_conflict"),
    StorageFailed: ("newer_format", "outcome_unknown", "storage_failed"),
    Held: ("held",),
    Damaged: ("damaged",),
    Closed: ("closed", "forked", "shut_down"),
    Fenced: ("fenced",),
    Interrupted: ("interrupted",),
    PhasegateError: ("probe_failed", "sandbox_failed", "unexpected"),
}

_BY_CODE = {code: kind for kind, codes in _CODES.items() for code in codes}


def error_of(code: str, message: str, data: str) -> PhasegateError | Interrupted:
    """Makes the exception for an error that crossed the boundary."""
    kind = _BY_CODE.get(code, PhasegateError)
    if issubclass(kind, Interrupted):
        return kind(message)
    return kind(message, code, json.loads(data))
