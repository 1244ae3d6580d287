"""Durations, as the engine has them."""

from __future__ import annotations

from datetime import timedelta


def millis(time: timedelta | None) -> int | None:
    """A duration in milliseconds."""
    return None if time is None else round(time.total_seconds() * 1_000)
