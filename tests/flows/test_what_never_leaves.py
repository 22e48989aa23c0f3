"""The PIN goes to the phone and nowhere else; the code goes to the client and nowhere else."""

from __future__ import annotations

import logging
import re
from typing import Any

import httpx
import pytest
import structlog

from dialkey.signin.pins import pin_of
from dialkey.signin.store import SignInStore
from support.site import Site, callback, exchange, refresh, userinfo
from support.world import ANNA


class Wire:
    """Everything that the server says to a browser and to a client's server."""

    def __init__(self) -> None:
        self.said: list[str] = []

    async def hear(self, response: httpx.Response) -> None:
        await response.aread()
        head = "\n".join(f"{name}: {value}" for name, value in response.headers.multi_items())
        self.said.append(f"{response.status_code}\n{head}\n{response.text}")

    def client(self, site: Site) -> httpx.AsyncClient:
        return site.http(event_hooks={"response": [self.hear]})


def _holds(text: str, pin: str) -> bool:
    return re.search(rf"(?<![0-9A-Za-z_-]){pin}(?![0-9A-Za-z_-])", text) is not None


async def test_s082_the_pin_is_in_no_answer_cookie_or_log(site: Site) -> None:
    wire = Wire()
    with structlog.testing.capture_logs() as logs:
        visitor = site.visitor()
        visitor.http.event_hooks = {"response": [wire.hear]}
        await visitor.start(site.world.web)
        await visitor.type_number(ANNA)
        pin = await site.pin(ANNA)
        wrong = "000000" if pin != "000000" else "111111"
        await visitor.type_pin(wrong)
        site.clock.advance(seconds=31)
        await visitor.submit("/resend")
        assert await site.pin(ANNA) == pin
        sign_in = await SignInStore().find(site.storage.read, visitor.visited[-1].split("/")[2].partition("?")[0])
        assert sign_in is not None
        await visitor.type_pin(pin)
        callback(await visitor.add_product())
    assert pin == pin_of(site.keyring, sign_in.id, sign_in.phone_number, sign_in.seed, sign_in.digits)
    everything = [*wire.said, *(str(cookie.value) for cookie in visitor.http.cookies.jar), *map(str, logs)]
    assert len(wire.said) > 8
    assert not [text for text in everything if _holds(text, pin)]
    assert not [text for text in everything if sign_in.seed in text]


async def test_s044_the_code_is_said_once_and_never_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    wire = Wire()
    with structlog.testing.capture_logs() as logs:
        visitor = site.visitor()
        visitor.http.event_hooks = {"response": [wire.hear]}
        back = await visitor.complete(site.world.web, ANNA)
        tokens: dict[str, Any] = (await exchange(site, site.world.web, back["code"])).json()
        await userinfo(site, tokens["access_token"])
        await refresh(site, site.world.web, tokens["refresh_token"])
        assert (await exchange(site, site.world.web, back["code"])).status_code == 400
    saying = [text for text in wire.said if back["code"] in text]
    assert len(saying) == 1
    assert saying[0].startswith("303\n")
    assert back["code"] not in str(logs) + caplog.text


async def test_s044_no_page_of_the_flow_tells_its_address_or_loads_anything_from_elsewhere(site: Site) -> None:
    visitor = site.visitor()
    pages = [await visitor.start(site.world.web), await visitor.type_number(ANNA)]
    pages.append(await visitor.type_pin(await site.pin(ANNA)))
    back = await visitor.add_product()
    for page in pages:
        assert page.status_code == 200
        loaded = re.findall(r'<(?:script|img|link|iframe|source)\b[^>]*?(?:src|href)="([^"]+)"', page.text)
        assert loaded
        assert all(address.startswith("/") and not address.startswith("//") for address in loaded)
    for answer in (*pages, back):
        assert answer.headers["referrer-policy"] == "no-referrer"
