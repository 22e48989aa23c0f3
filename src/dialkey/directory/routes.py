"""Pictures of products and operators, from the database; their address is their content's digest."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.directory.store import ClientDirectory
from dialkey.web.errors import Refusal


class MediaRoutes:
    """Serves what was re-encoded when it was stored, and as nothing but an image."""

    def __init__(self, directory: ClientDirectory) -> None:
        self._directory = directory
        self.routes = [Route("/media/{id}", self.image)]

    async def image(self, request: Request) -> Response:
        image = await self._directory.find_image(request.path_params["id"])
        if image is None:
            raise Refusal(404, "not_found")
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        return Response(image.content, 200, headers, image.media_type)
