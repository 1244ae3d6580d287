"""Calls across the boundary: JSON in and out, and exceptions of our own."""

from __future__ import annotations

import atexit
import json
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar, cast

from ._native import phasegate as native
from .envelope import Envelope
from .errors import InvalidArgument, error_of

__all__ = ["InvalidArgument", "called", "crossing", "dump", "native", "translated", "waited"]

T = TypeVar("T")
P = ParamSpec("P")


def _continue(place: int, code: int) -> None:
    """Wakes the task that waits for a call. Its loop may have been closed meanwhile: then nobody waits."""
    loop, future = _generated._UniffiContinuationHandleMap.remove(place)
    try:
        loop.call_soon_threadsafe(_generated._uniffi_set_future_result, future, code)
    except RuntimeError:
        pass


_generated: Any = native
# The callback of the generated code prints a traceback when its loop is closed.
_generated._uniffi_continuation_callback = _generated._UNIFFI_RUST_FUTURE_CONTINUATION_CALLBACK(_continue)

# Work that is still under way when the interpreter ends must not call into it.
atexit.register(native.exit)


# Type checkers can't follow how the generated code makes its exceptions.
HostError = cast("type[Exception]", native.HostError)
_Failed: Any = cast("Any", native.HostError).Failed


def translated(error: BaseException) -> BaseException:
    """The exception of this package for one of the generated code."""
    if isinstance(error, _Failed):
        failed: Any = error
        return error_of(failed.code, failed.reason, failed.data)
    return error


async def waited(call: Awaitable[T]) -> T:
    """Awaits a call and translates its error."""
    try:
        return await call
    except HostError as error:
        raise translated(error) from None


def called(call: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Makes a call that doesn't wait, and translates its error."""
    try:
        return call(*arguments, **named)
    except HostError as error:
        raise translated(error) from None


def dump(what: str, value: Any) -> str:
    """Writes an argument as JSON. Raises :class:`InvalidArgument` if it has no JSON form."""
    try:
        text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
        if not text.isascii():
            text.encode()  # Half a surrogate pair is a str, but no text.
        return text
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"the {what} has no JSON form: {error}", "invalid_argument") from error


def crossing(envelope: Envelope | None) -> native.HostEnvelope:
    """An envelope as it crosses the boundary."""
    given = envelope or Envelope()
    return native.HostEnvelope(actor=given.actor, reason=given.reason, traceparent=given.traceparent)
