"""Photographs every page in every state, on a phone and on a desk, in light and in dark, into ./screenshots/.

    python tools/screenshots.py [--locale sv] [--only signin/pin]

The pages come from a small local server with the assets and the content policy of production, so that what the
policy would block is missing from the picture too; each such refusal, and each script error, is printed.
"""

from __future__ import annotations

import argparse
import importlib
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from dialkey.web import assets, i18n, rendering  # noqa: E402
from dialkey.web.pages import Frame, Language, Page  # noqa: E402

ROOMS = (
    *("signin.views", "consent.views", "oauth.views", "sms.views", "demo.views", "web.gallery", "api.views"),
    *(f"portal.{path.stem}" for path in sorted((ROOT / "src/dialkey/portal").glob("*_views.py"))),
)
WIDTHS = {"360": (360, 740), "1280": (1280, 860)}
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self' https:; frame-ancestors 'none'; base-uri 'none'"
)


def pages() -> Iterator[tuple[str, Page]]:
    """Every sample of every page, by a name such as `signin-pin-wrong`."""
    for room in ROOMS:
        module = importlib.import_module(f"dialkey.{room}")
        for kind in vars(module).values():
            ours = isinstance(kind, type) and issubclass(kind, Page) and kind is not Page
            if ours and kind.__module__ == module.__name__:
                stem = kind.template.removesuffix(".html").replace("/", "-")
                for state, page in kind.samples().items():
                    yield f"{stem}-{state}", page


def frame(locale: str, *, sandbox: bool) -> Frame:
    """The surroundings in the pictures."""
    languages = tuple(
        Language(code=code, name=name, href=f"?ui_locales={code}", current=code == locale)
        for code, name in i18n.LOCALES.items()
    )
    return Frame(locale=locale, languages=languages, request_id="Qm9v", sandbox=sandbox, handset_url="/handset")


def application(locale: str) -> Starlette:
    """Serves `/<name>`, and the assets."""
    samples = dict(pages())

    async def show(request: Request) -> Response:
        page = samples.get(request.path_params["name"])
        if page is None:
            return Response(status_code=404)
        html = rendering.render(page, frame(locale, sandbox=request.query_params.get("sandbox") == "1"))
        # The answer would leave the picture at once.
        html = html.replace(" data-auto-submit", "")
        return HTMLResponse(html, headers={"content-security-policy": POLICY, "x-content-type-options": "nosniff"})

    return Starlette(routes=[*assets.ROUTES, Route("/{name}", show)])


def serve(locale: str) -> tuple[uvicorn.Server, str]:
    """Starts the server on a free port; its handle and its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application(locale), log_level="error", lifespan="off"))
    threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()
    while not server.started:
        time.sleep(0.02)
    return server, f"http://127.0.0.1:{listener.getsockname()[1]}"


def photograph(browser: Browser, address: str, names: list[str], folder: Path) -> int:
    """Takes the pictures; the number of complaints from the browser."""
    complaints = 0
    for width, (across, down) in WIDTHS.items():
        for scheme in ("light", "dark"):
            context = browser.new_context(
                viewport={"width": across, "height": down},
                color_scheme=scheme,
                reduced_motion="reduce",
                device_scale_factor=2 if width == "360" else 1,
            )
            tab = context.new_page()
            heard: list[str] = []
            tab.on("console", lambda message, heard=heard: message.type == "error" and heard.append(message.text))
            tab.on("pageerror", lambda error, heard=heard: heard.append(str(error)))
            for name in names:
                heard.clear()
                sandbox = "?sandbox=1" if name == "signin-number-empty" else ""
                tab.goto(f"{address}/{name}{sandbox}", wait_until="load")
                tab.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=True)
                if tab.evaluate("document.documentElement.scrollWidth > innerWidth"):
                    heard.append("wider than the window")
                # The stream of messages does not exist here.
                for text in (t for t in heard if "handset" not in name or ("404" not in t and "EventSource" not in t)):
                    complaints += 1
                    print(f"{name} {width} {scheme}: {text}")
            context.close()
    return complaints


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--locale", default="en", choices=list(i18n.LOCALES))
    parser.add_argument("--only", default="", help="part of a page's name, such as signin-pin")
    parser.add_argument("--into", type=Path, default=ROOT / "screenshots")
    chosen = parser.parse_args()
    names = [name for name, _ in pages() if chosen.only.replace("/", "-") in name]
    chosen.into.mkdir(parents=True, exist_ok=True)
    server, address = serve(chosen.locale)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or "/usr/bin/chromium", args=ARGUMENTS
        )
        complaints = photograph(browser, address, names, chosen.into)
        browser.close()
    server.should_exit = True
    print(f"{len(names)} pages, {len(names) * 4} pictures in {chosen.into}, {complaints} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
