"""The frame of a page: language, brand, sandbox banner, from the request."""

from __future__ import annotations

from starlette.requests import Request

from dialkey.settings import Settings
from dialkey.web.cookies import Cookie
from dialkey.web.i18n import LOCALES, negotiate
from dialkey.web.pages import Brand, Frame, Language


class Frames:
    """Makes frames. A language chosen on the switch or by the client (`ui_locales`) stays by a cookie."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cookie = Cookie("dialkey_language", secure=settings.secure, max_age=365 * 24 * 3600)

    def locale(self, request: Request, asked: str | None = None) -> str:
        """`asked` (or the request's `ui_locales`), then the cookie, then Accept-Language, then the default."""
        return self._negotiate(request, asked or request.query_params.get("ui_locales"))

    def __call__(
        self, request: Request, brand: Brand | None = None, *, locale: str | None = None, here: str | None = None
    ) -> Frame:
        """`here` is the address that shows this page again by GET, for the language switch; without it a GET is its own."""
        locale = locale or self.locale(request)
        chosen = locale != self._negotiate(request, None)
        if here is None and request.method == "GET":
            here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return Frame(
            locale=locale,
            languages=_languages(here, locale) if here is not None and len(here) < 6000 else (),
            brand=brand,
            request_id=request.scope.get("dialkey.request_id", ""),
            sandbox=self._settings.sandbox,
            handset_url="/handset" if self._settings.sandbox else None,
            language_cookie=self._cookie.put(locale) if chosen else None,
        )

    def _negotiate(self, request: Request, asked: str | None) -> str:
        return negotiate(
            asked,
            self._cookie.read(request),
            request.headers.get("accept-language"),
            self._settings.default_locale,
        )


def _languages(here: str, locale: str) -> tuple[Language, ...]:
    """Links to this address in each language; the rest of the query stays as it was sent."""
    path, _, query = here.partition("?")
    kept = [part for part in query.split("&") if part and not part.startswith("ui_locales=")]
    start = f"{path}?{'&'.join(kept)}{'&' if kept else ''}ui_locales="
    return tuple(
        Language(code=code, name=name, href=start + code, current=code == locale) for code, name in LOCALES.items()
    )
