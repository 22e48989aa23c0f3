"""A real browser: Debian's Chromium, watched for everything that a calm page never does."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # no name but our own leads anywhere
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE [::1], EXCLUDE ::1",
]
PATIENCE = 10_000
"""Milliseconds that a page may take to show something."""
VIOLATIONS = """document.addEventListener('securitypolicyviolation',
  (event) => console.error(`policy: ${event.effectiveDirective} ${event.blockedURI}`))"""
NUMBERS = tuple(f"+467017406{n:02d}" for n in range(5, 100))


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or "/usr/bin/chromium", args=ARGUMENTS
        )
        expect.set_options(timeout=PATIENCE)
        yield browser
        browser.close()


class Watch:
    """Writes down every error in the console, breach of a policy, failed load and request to somebody else."""

    def __init__(self, context: BrowserContext, ours: Iterable[str], absent: Iterable[str]) -> None:
        self.complaints: list[str] = []
        self.hosts = {*ours, *absent}
        self.absent = set(absent)
        self.requests: list[str] = []
        context.on("console", self._console)
        context.on("weberror", lambda error: self.complaints.append(f"script: {error.error}"))
        context.on("request", self._request)
        context.on("response", self._response)
        context.on("requestfailed", self._failed)

    def _console(self, message: ConsoleMessage) -> None:
        # an error page is a document with a status; what a page loads is looked at in `_response`
        if message.type in ("error", "warning") and "responded with a status of" not in message.text:
            self.complaints.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        self.requests.append(request.url)
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.netloc not in self.hosts:
            self.complaints.append(f"went elsewhere: {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 400 and not response.request.is_navigation_request():
            self.complaints.append(f"{response.status} for {response.url}")

    def _failed(self, request: Request) -> None:
        if urlsplit(request.url).netloc in self.absent:
            return
        # a page that is left closes its stream
        if request.resource_type != "eventsource" and request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"failed: {request.url} {request.failure}")


class Visitor:
    """One subscriber with a browser of their own, and with a handset. `hosts` are those of clients; nobody answers at
    those that are `absent`, though a browser may be sent there."""

    def __init__(
        self,
        browser: Browser,
        base_url: str,
        number: str,
        *,
        hosts: Iterable[str] = (),
        absent: Iterable[str] = (),
        **options: Any,
    ) -> None:
        self.base_url = base_url
        self.number = number
        self.scripts = options.get("java_script_enabled", True)
        self.context = browser.new_context(**{"viewport": {"width": 412, "height": 800}, "locale": "en-GB"} | options)
        self.context.set_default_timeout(PATIENCE)
        self.context.add_init_script(VIOLATIONS)
        self.watch = Watch(self.context, (urlsplit(base_url).netloc, *hosts), tuple(absent))
        self.tab = self.context.new_page()

    def close(self) -> None:
        self.context.close()
        assert not self.watch.complaints, self.watch.complaints

    # the pages

    def open(self, url: str, tab: Page | None = None) -> Page:
        page = tab or self.tab
        page.goto(url)
        return page

    def heading(self, tab: Page | None = None) -> Locator:
        return (tab or self.tab).get_by_role("heading", level=1)

    def type_number(self, number: str | None = None, tab: Page | None = None) -> None:
        page = tab or self.tab
        page.locator("input[name=number]").fill(number or self.number)
        page.locator("form[action='/signin'] button").click()

    def pin_field(self, tab: Page | None = None) -> Locator:
        return (tab or self.tab).locator("input[name=pin]")

    def handset(self, number: str | None = None) -> Page:
        """Another tab with the number's messages."""
        tab = self.context.new_page()
        tab.goto(f"{self.base_url}/handset/{(number or self.number).removeprefix('+')}")
        return tab

    def newest_code(self, number: str | None = None) -> str:
        """The PIN on the handset, as soon as it is there."""
        tab = self.handset(number)
        try:
            if not self.scripts:  # the page comes anew by itself, but slowly
                while tab.locator("[data-bubbles] > li").count() == 0:
                    tab.wait_for_timeout(100)
                    tab.reload()
            return code_on(tab)
        finally:
            tab.close()

    def type_pin(self, pin: str, tab: Page | None = None) -> None:
        """With scripts, the last digit sends it."""
        page = tab or self.tab
        if self.scripts:
            self.pin_field(page).press_sequentially(pin)
        else:
            self.pin_field(page).fill(pin)
            page.locator("form[data-pin] button").click()

    def sign_in(self, url: str, number: str | None = None, tab: Page | None = None) -> None:
        """Up to the consent page."""
        self.open(url, tab)
        self.sign_in_here(number, tab)

    def sign_in_here(self, number: str | None = None, tab: Page | None = None) -> None:
        """The same from the number page."""
        page = tab or self.tab
        self.type_number(number, page)
        expect(self.pin_field(page)).to_be_visible()
        self.type_pin(self.newest_code(number), page)
        expect(page.locator("form#add")).to_be_visible()

    def add_product(self, tab: Page | None = None) -> None:
        page = tab or self.tab
        for box in page.locator("form#add input[required]").all():
            box.check()
        page.locator("button[name=decision][value=add]").click()

    def arrived(self, at: str, tab: Page | None = None) -> dict[str, str]:
        """The parameters with which the browser came to an address of the client."""
        page = tab or self.tab
        page.wait_for_url(re.compile(re.escape(at) + r"\?"))
        return parameters(page.url)


def parameters(url: str) -> dict[str, str]:
    pairs = parse_qsl(urlsplit(url).query, strict_parsing=True, keep_blank_values=True)
    assert len(dict(pairs)) == len(pairs), url
    return dict(pairs)


def code_on(handset: Page) -> str:
    """The newest message's code, waited for."""
    button = handset.locator("[data-bubbles] > li:first-child [data-copied]")
    expect(button).to_have_attribute("data-copy", re.compile(r"^\d{6}$"))
    return button.get_attribute("data-copy") or ""
