"""Webhooks: signed as the Standard Webhooks specification says, tried for three days, and never at the expense of others."""

from __future__ import annotations

import asyncio
import hmac
import json
import ssl
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dialkey.base.clock import DAY, HOUR, MINUTE, SECOND
from dialkey.developers.access import Role
from dialkey.developers.notices import NoticeKind
from dialkey.storage import Statement
from dialkey.web.posting import Poster, Unreachable
from support.portal import developer, join
from support.receiver import Got, Receiver
from support.site import Site
from support.world import ANNA, BO, NUMBERS

_ROWS = Statement("tests.deliveries", "SELECT * FROM webhook_deliveries ORDER BY created_at, message_id")
_HOOK = Statement("tests.hook", "SELECT * FROM webhooks")
_PUBLIC = ("https://hooks.voicebox.example/a", "https://127.0.0.1.nip.example/")


class Hook:
    """An endpoint of the world's organization, and the server behind it."""

    def __init__(self, site: Site, actor: Any, receiver: Receiver, made: Any) -> None:
        self.site, self.actor, self.receiver = site, actor, receiver
        self.id, self.secret = made.webhook_id, made.secret
        self.organization = site.world.organization

    async def deliver(self) -> None:
        await self.site.built.publisher.turn()
        await self.site.built.deliveries.run_due()

    async def rows(self) -> list[Any]:
        return await self.site.storage.read.all(_ROWS)

    async def row(self) -> Any:
        return await self.site.storage.read.one(_HOOK)

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(got.body) for got in self.receiver.got]


def good(secret: str, got: Got) -> bool:
    """Written after the specification, not after our code."""
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    expected = b64encode(hmac.digest(b64decode(secret.removeprefix("whsec_")), signed, "sha256")).decode()
    return f"v1,{expected}" in got.headers["webhook-signature"].split(" ")


async def _hook(site: Site) -> AsyncIterator[Hook]:
    receiver = await Receiver().start()
    ada = await developer(site)
    await join(site, site.world.organization, ada, Role.OWNER)
    made = await site.built.portal.webhooks.create(ada.actor, site.world.organization, url=f"{receiver.url}/hook?x=1")
    yield Hook(site, ada.actor, receiver, made)
    await receiver.stop()


@pytest.fixture
async def hook(site: Site) -> AsyncIterator[Hook]:
    async for made in _hook(site):
        yield made


@pytest.fixture
async def any_hook(any_site: Site) -> AsyncIterator[Hook]:
    async for made in _hook(any_site):
        yield made


async def test_s118_a_consent_is_told_with_a_signature(any_hook: Hook) -> None:
    hook = any_hook
    await hook.site.visitor().complete(hook.site.world.web, ANNA)
    await hook.deliver()
    [got], [message] = hook.receiver.got, hook.messages
    assert got.path == "/hook?x=1"
    assert got.headers["content-type"] == "application/json"
    assert good(hook.secret, got)
    assert not good("whsec_" + b64encode(b"x" * 32).decode(), got)
    assert abs(int(got.headers["webhook-timestamp"]) - hook.site.clock.now() // 1000) <= 1
    assert list(message) == ["type", "timestamp", "data"]
    assert message["type"] == "consent.added"
    assert message["data"]["productId"] == hook.site.world.product
    assert message["data"]["number"] == {"e164": ANNA}
    [row] = await hook.rows()
    assert (row.state, row.attempts, row.status, row.outcome) == ("delivered", 1, 204, "ok")
    assert row.message_id == got.headers["webhook-id"]
    assert ANNA not in repr(row) and "4670" not in repr(row), "the log holds no number"
    await hook.deliver()
    assert len(hook.receiver.got) == 1
    assert (await hook.row()).due_at is None


async def test_while_two_secrets_live_both_sign(hook: Hook) -> None:
    new = await hook.site.built.portal.webhooks.rotate(hook.actor, hook.organization, hook.id, overlap=24 * HOUR)
    await hook.site.visitor().complete(hook.site.world.web, ANNA)
    await hook.deliver()
    [got] = hook.receiver.got
    assert good(hook.secret, got) and good(new.secret, got)
    assert len(got.headers["webhook-signature"].split(" ")) == 2
    hook.site.clock.advance(seconds=25 * 3600)
    await hook.site.visitor().complete(hook.site.world.web, BO)
    await hook.deliver()
    assert good(new.secret, hook.receiver.got[1]) and not good(hook.secret, hook.receiver.got[1])


async def test_what_fails_is_tried_again_with_growing_pauses_for_three_days(any_hook: Hook) -> None:
    hook = any_hook
    hook.receiver.answer = lambda got: 500
    await hook.site.visitor().complete(hook.site.world.web, ANNA)
    began, tried = hook.site.clock.now(), []
    for _ in range(60):
        before = len(hook.receiver.got)
        await hook.deliver()
        if len(hook.receiver.got) > before:
            tried.append(hook.site.clock.now() - began)
        [row] = await hook.rows()
        if row.state != "waiting":
            break
        due = max(row.next_at, (await hook.row()).resting_until)
        hook.site.clock.advance(seconds=(due - hook.site.clock.now()) / 1000)
    assert row.state == "failed"
    assert len({got.headers["webhook-id"] for got in hook.receiver.got}) == 1
    assert all(good(hook.secret, got) for got in hook.receiver.got)
    assert tried[0] == 0
    assert 4 * SECOND <= tried[1] <= 6 * SECOND + 1
    assert 4 * MINUTE <= tried[2] - tried[1] <= 6 * MINUTE + 1
    assert tried[-1] <= 3 * DAY
    assert 8 <= len(tried) <= 11


async def test_an_endpoint_that_is_well_again_gets_all_it_missed(hook: Hook) -> None:
    hook.receiver.answer = lambda got: 503
    for number in NUMBERS[:6]:
        await hook.site.visitor().complete(hook.site.world.web, number)
    await hook.deliver()
    assert len(hook.receiver.got) <= 4, "one round, and no more"
    for _ in range(3):
        hook.site.clock.advance(seconds=1)
        await hook.deliver()
    assert len(hook.receiver.got) <= 4, "a failing endpoint rests"
    hook.receiver.answer = lambda got: 200
    hook.site.clock.advance(seconds=7 * 60)
    await hook.deliver()
    assert {row.state for row in await hook.rows()} == {"delivered"}
    row = await hook.row()
    assert (row.failures, row.failing_since, row.due_at) == (0, None, None)


@pytest.mark.parametrize("date", [False, True])
async def test_retry_after_is_honoured(hook: Hook, date: bool) -> None:
    from email.utils import formatdate

    wait = 3600
    when = formatdate(hook.site.clock.now() / 1000 + wait, usegmt=True) if date else str(wait)
    hook.receiver.answer = lambda got: (429, {"retry-after": when})
    await hook.site.visitor().complete(hook.site.world.web, ANNA)
    await hook.deliver()
    assert len(hook.receiver.got) == 1
    hook.site.clock.advance(seconds=wait - 5)
    await hook.deliver()
    assert len(hook.receiver.got) == 1
    hook.receiver.answer = lambda got: 200
    hook.site.clock.advance(seconds=6)
    await hook.deliver()
    assert len(hook.receiver.got) == 2


async def test_410_disables_at_once_and_says_so(hook: Hook) -> None:
    hook.receiver.answer = lambda got: 410
    await hook.site.visitor().complete(hook.site.world.web, ANNA)
    await hook.deliver()
    row = await hook.row()
    assert (row.status, row.disabled_why) == ("disabled", "gone")
    [notice] = await hook.site.built.portal.notices.list_mine(hook.actor, hook.organization)
    assert notice.kind is NoticeKind.WEBHOOK_DISABLED and notice.path.endswith(hook.id)
    await hook.site.visitor().complete(hook.site.world.web, BO)
    await hook.deliver()
    assert len(hook.receiver.got) == 1, "nothing is sent to what is disabled"
    await hook.site.built.portal.webhooks.enable(hook.actor, hook.organization, hook.id)
    assert (await hook.row()).disabled_why == ""


async def test_days_of_failure_disable_with_a_notice(any_hook: Hook) -> None:
    hook = any_hook
    hook.receiver.answer = lambda got: 500
    for hours in range(80):
        if hours % 8 == 0:
            await hook.site.visitor().complete(hook.site.world.web, NUMBERS[hours // 8])
        await hook.deliver()
        hook.site.clock.advance(seconds=3600)
    row = await hook.row()
    assert (row.status, row.disabled_why) == ("disabled", "failing")
    assert len(await hook.site.built.portal.notices.list_mine(hook.actor, hook.organization)) == 1


async def test_a_message_that_is_refused_does_not_hold_up_the_others(hook: Hook) -> None:
    hook.receiver.answer = lambda got: 400 if BO.encode() in got.body else 200
    for number in NUMBERS[:8]:
        await hook.site.visitor().complete(hook.site.world.web, number)
    await hook.deliver()
    await hook.deliver()
    states = [row.state for row in await hook.rows()]
    assert sorted(states) == ["delivered"] * 7 + ["waiting"]
    assert (await hook.row()).resting_until == 0


@pytest.mark.parametrize("location", ["http://169.254.169.254/latest", "https://elsewhere.example/"])
async def test_s020_redirects_are_not_followed(hook: Hook, location: str) -> None:
    hook.receiver.answer = lambda got: (302, {"location": location})
    await hook.site.visitor().complete(hook.site.world.web, ANNA)
    await hook.deliver()
    [row] = await hook.rows()
    assert (row.state, row.outcome, row.status, len(hook.receiver.got)) == ("waiting", "redirect", 302, 1)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "::1", "fd00::1",
     "fe80::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "224.0.0.1"],
)  # fmt: skip
@pytest.mark.parametrize("among", [False, True])
async def test_s020_a_name_that_leads_inside_is_not_called(address: str, among: bool) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return (["93.184.216.34"] if among else []) + [address]

    poster = Poster(local=False, resolve=resolve)
    with pytest.raises(Unreachable) as refused:
        await poster.post(_PUBLIC[0], b"{}", {}, timeout=2)
    assert refused.value.code == "address"


async def test_s020_the_checked_address_is_the_one_that_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that changes between the look-up and the call: it is looked up once."""
    asked: list[str] = []
    called: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["93.184.216.34"] if len(asked) == 1 else ["127.0.0.1"]

    async def connect(host: str, port: int, **options: Any) -> Any:
        called.append(host)
        assert options["server_hostname"] == "hooks.voicebox.example"
        assert isinstance(options["ssl"], ssl.SSLContext)
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio, "open_connection", connect)
    with pytest.raises(Unreachable, match="connect"):
        await Poster(local=False, resolve=resolve).post(_PUBLIC[0], b"{}", {}, timeout=2)
    assert (asked, called) == (["hooks.voicebox.example"], ["93.184.216.34"])


@pytest.mark.parametrize("url", ["http://hooks.voicebox.example/", "https://127.0.0.1/", "https://[::1]/", "https://2130706433/",
                                 "https://0x7f.1/", "https://localhost/", "http://127.0.0.1:1/", "https://x.internal/"])  # fmt: skip
async def test_s020_addresses_are_checked_again_at_every_call(url: str) -> None:
    with pytest.raises(Unreachable, match="url"):
        await Poster(local=False).post(url, b"{}", {}, timeout=1)


async def test_s020_a_local_name_that_leads_elsewhere_is_not_called() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["10.0.0.1"]

    with pytest.raises(Unreachable, match="address"):
        await Poster(local=True, resolve=resolve).post("http://localhost:9/", b"{}", {}, timeout=1)


async def test_s020_an_endless_answer_is_left(hook: Hook) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
                await writer.drain()
        except ConnectionError:
            pass

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    posted = await Poster(local=True).post(url, b"{}", {}, timeout=5)
    assert posted.status == 200
    server.close()


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 ", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000])
async def test_an_answer_that_is_none(reply: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    with pytest.raises(Unreachable, match="protocol"):
        await Poster(local=True).post(url, b"{}", {}, timeout=5)
    server.close()


async def test_silence_ends(hook: Hook) -> None:
    hook.receiver.delay = 30
    began = asyncio.get_running_loop().time()
    with pytest.raises(Unreachable, match="timeout"):
        await Poster(local=True).post(hook.receiver.url, b"{}", {}, timeout=0.3)
    assert asyncio.get_running_loop().time() - began < 1


async def test_no_more_than_a_few_calls_at_a_time(hook: Hook) -> None:
    hook.receiver.delay = 0.02
    for number in NUMBERS[:12]:
        await hook.site.visitor().complete(hook.site.world.web, number)
    await hook.deliver()
    assert len(hook.receiver.got) == 12
    assert hook.receiver.most_open <= 4


async def test_two_processes_do_not_share_an_endpoint(any_hook: Hook) -> None:
    from dialkey.developers.delivering import DeliveryLane
    from dialkey.events import EventLog

    hook, site = any_hook, any_hook.site
    other = DeliveryLane(
        site.storage, site.settings, site.keyring, site.clock, site.entropy, EventLog(site.storage), Poster(local=True),
        site.built.portal.webhooks.signing_keys,
    )  # fmt: skip
    hook.receiver.delay = 0.05
    for number in NUMBERS[:5]:
        await site.visitor().complete(site.world.web, number)
    await site.built.publisher.turn()
    await asyncio.gather(site.built.deliveries.run_due(), other.run_due(), site.built.deliveries.run_due())
    ids = [got.headers["webhook-id"] for got in hook.receiver.got]
    assert len(ids) == len(set(ids)) == 5


async def test_a_process_that_died_gives_its_endpoint_back(hook: Hook) -> None:
    await hook.site.visitor().complete(hook.site.world.web, ANNA)
    await hook.site.built.publisher.turn()
    claim = Statement("tests.claim", "UPDATE webhooks SET claimed_until = :until")

    async def unit(writer: Any) -> None:
        await writer.run(claim, until=hook.site.clock.now() + 60_000)

    await hook.site.storage.write(unit)
    await hook.deliver()
    assert hook.receiver.got == []
    hook.site.clock.advance(seconds=61)
    await hook.deliver()
    assert len(hook.receiver.got) == 1


async def test_deliveries_in_the_portal(site: Site) -> None:
    receiver = await Receiver().start()
    ada = await developer(site)
    await join(site, site.world.organization, ada, Role.OWNER)
    made = await site.built.portal.webhooks.create(ada.actor, site.world.organization, url=receiver.url)
    url = f"/portal/o/{site.world.organization}/webhooks/{made.webhook_id}"
    assert "No deliveries yet" in (await ada.get(url)).text
    await ada.submit("/test")
    await site.built.deliveries.run_due()
    assert json.loads(receiver.got[0].body)["type"] == "webhook.test"
    page = await ada.get(url)
    assert "webhook.<wbr>test" in page.text and "204 after" in page.text
    receiver.answer = lambda got: 400
    await site.visitor().complete(site.world.web, ANNA)
    await site.built.publisher.turn()
    await site.built.deliveries.run_due()
    page = await ada.get(url)
    assert "400 after" in page.text and ANNA not in page.text and ANNA[4:] not in page.text
    assert "Every call since" in page.text
    receiver.answer = lambda got: 200
    form = next(form for form in ada.read.forms if form.action.endswith("/replay"))
    await ada.post(form.action, form.fields)
    await site.built.deliveries.run_due()
    assert receiver.got[-1].headers["webhook-id"] == form.fields["message"]
    viewer = await developer(site, "Vera", "vera@voicebox.example")
    await join(site, site.world.organization, viewer, Role.VIEWER)
    page = await viewer.get(url)
    assert "webhook.<wbr>test" in page.text and "/replay" not in page.text and "/test" not in page.text
    assert (await viewer.post(f"{url}/test", {})).status_code in (403, 404, 400)
    eve = await developer(site, "Eve", "eve@other.example")
    assert (await eve.get(url)).status_code == 404
    await receiver.stop()
