"""Whether this process lives, whether it can serve, and its figures."""

from __future__ import annotations

import asyncio
import hmac
import os
from ipaddress import ip_address

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.settings import Settings
from dialkey.storage import Storage, StorageUnavailable
from dialkey.web.errors import Refusal
from dialkey.web.http import NO_STORE, json_response

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "via", "x-real-ip")


class Health:
    """`/health/live` and `/health/ready` (the same as `/health`) say nothing but yes or no; `/metrics` speaks only to
    whom settings allow."""

    def __init__(self, settings: Settings, storage: Storage) -> None:
        self._settings = settings
        self._storage = storage
        self.routes = [
            Route("/health", self.ready),
            Route("/health/live", self.live),
            Route("/health/ready", self.ready),
            Route("/metrics", self.metrics),
        ]

    async def live(self, request: Request) -> Response:
        """200 while the process answers at all."""
        return json_response(self._status("ok"))

    async def ready(self, request: Request) -> Response:
        """200 while the database can be written, else 503 within two seconds."""
        try:
            async with asyncio.timeout(1.5):
                await self._storage.ping()
        except (StorageUnavailable, TimeoutError):
            return json_response(self._status("unavailable"), status=503, headers={"Retry-After": "2"})
        return json_response(self._status("ok"))

    async def metrics(self, request: Request) -> Response:
        """Prometheus text; to anybody else there is no such page."""
        if not self._may_read(request):
            raise Refusal(404, "not_found")
        registry: CollectorRegistry = REGISTRY
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            from prometheus_client.multiprocess import MultiProcessCollector

            registry = CollectorRegistry()
            MultiProcessCollector(registry)
        return Response(generate_latest(registry), 200, dict(NO_STORE), CONTENT_TYPE_LATEST)

    def _status(self, status: str) -> dict[str, str]:
        """In the sandbox everybody reads everybody's PINs: a probe that expects a real installation must notice."""
        insecure = {"mode": "sandbox", "security": "insecure"} if self._settings.sandbox else {}
        return {"status": status, **insecure}

    def _may_read(self, request: Request) -> bool:
        token = self._settings.metrics.token
        if token:
            presented = request.headers.get("authorization", "").removeprefix("Bearer ")
            return hmac.compare_digest(presented.encode(), token.encode())
        if self._settings.public or any(name in request.headers for name in _FORWARDED):
            return False
        return request.client is not None and ip_address(request.client.host).is_loopback
