"""A DNS server and a web site on loopback, to try the built-in phases against."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Self

from ._boundary import called, dump, native, waited
from .errors import Closed
from .model import Json

__all__ = ["Sandbox"]


class Sandbox:
    """Answers for every name under ``test``, by a hash of the name, so the same every time.

    ::

        async with Sandbox() as sandbox:
            await engine.put_resource("dns_persona", "fast", sandbox.point("dns_persona", persona))
    """

    def __init__(self) -> None:
        self._started: native.HostSandbox | None = None

    async def __aenter__(self) -> Self:
        self._started = await waited(native.HostSandbox.start())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._started is not None:
            await self._started.shutdown()

    @property
    def _native(self) -> native.HostSandbox:
        if self._started is None:
            raise Closed("the sandbox is not running: use it within 'async with'", "closed")
        return self._started

    @property
    def dns_address(self) -> str:
        """``127.0.0.1:PORT`` of its DNS server."""
        return called(self._native.dns_address)

    @property
    def http_address(self) -> str:
        """``127.0.0.1:PORT`` of its web site."""
        return called(self._native.http_address)

    def point(self, kind: str, document: Json) -> Json:
        """The document of a persona, pointed at the sandbox."""
        return json.loads(called(self._native.point, kind, dump("document", document)))
