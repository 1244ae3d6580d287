"""Calls across the boundary: JSON in and out, and exceptions of our own."""

from __future__ import annotations

import atexit
import json
from collections.abc import Awaitable
from typing import Any, TypeVar

from ._native import phasegate as native
from .errors import InvalidArgument, error_of

__all__ = ["InvalidArgument", "dump", "native", "translated", "waited"]

T = TypeVar("T")

# Work that is still under way when the interpreter ends must not call into it.
atexit.register(native.exit)


def translated(error: BaseException) -> BaseException:
    """The exception of this package for one of the generated code."""
    if isinstance(error, native.HostError.Failed):
        return error_of(error.code, error.reason, error.data)
    return error


async def waited(call: Awaitable[T]) -> T:
    """Awaits a call and translates its error."""
    try:
        return await call
    except native.HostError as error:
        raise translated(error) from None


def dump(what: str, value: Any) -> str:
    """Writes an argument as JSON. Raises :class:`InvalidArgument` if it has no JSON form."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"the {what} has no JSON form: {error}", "invalid_argument") from error
