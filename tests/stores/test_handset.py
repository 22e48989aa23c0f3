"""The virtual handset: sealed at rest, test numbers only, and live."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response

from dialkey.base.phone import phone_number
from dialkey.settings import Settings
from dialkey.settings import Sms as SmsSettings
from dialkey.sms import Accepted, Delivery, Refused, Sms, pin_text
from dialkey.sms import routes as handset_routes
from dialkey.sms.routes import HandsetRoutes
from dialkey.storage import Statement
from dialkey.web.errors import Refusal
from dialkey.web.pages import Frame

TEST_NUMBER = phone_number("+46701740605")
OTHER_TEST_NUMBER = phone_number("+4799999901")
REAL_NUMBER = phone_number("+46701740699")
PIN = "493021"

OPERATOR = Statement(
    "test.operator",
    "INSERT INTO operators (id, slug, name, country, locale, accent, sms_sender, status, created_at)"
    " VALUES ('o', 'nordcell', 'Nordcell', 'SE', 'sv', '#000000', 'Nordcell', 'active', 0)",
)
SUBSCRIPTION = Statement(
    "test.subscription",
    "INSERT INTO subscriptions (id, operator_id, status, phone_number, number_since, sandbox, created_at)"
    " VALUES (:id, 'o', 'active', :number, 0, :sandbox, 0)",
)


@pytest.fixture
async def delivery(storage, keyring, clock, entropy) -> Delivery:
    async def unit(writer) -> None:
        await writer.run(OPERATOR)
        for number, sandbox in ((TEST_NUMBER, 1), (OTHER_TEST_NUMBER, 1), (REAL_NUMBER, 0)):
            await writer.run(SUBSCRIPTION, id=f"s{number}", number=number, sandbox=sandbox)

    await storage.write(unit)
    return Delivery(storage, keyring, clock, entropy, Settings())


@pytest.fixture
def handset(delivery, clock) -> HandsetRoutes:
    def frame(request, brand=None) -> Frame:
        return Frame(locale="en", brand=brand, sandbox=True)

    return HandsetRoutes(delivery=delivery, clock=clock, settings=Settings(), frame=frame)


@pytest.fixture
async def browser(handset):
    async def refuse(request, refusal: Refusal) -> Response:
        return PlainTextResponse(refusal.code, refusal.status)

    app = Starlette(routes=handset.routes, exception_handlers={Refusal: refuse})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost:8080") as client:
        client.app = app
        yield client


def sms(to=TEST_NUMBER, *, sandbox=True, pin=PIN) -> Sms:
    text = pin_text(locale="en", product="VoiceBox", pin=pin, host="id.example", minutes=5)
    return Sms(to=to, sender="Nordcell", text=text, reference="r1", sandbox=sandbox)


async def test_a_message_arrives_and_is_gone_after_a_day(delivery, clock):
    outcome = await delivery.send(sms())
    assert isinstance(outcome, Accepted)
    (message,) = await delivery.handsets.list_messages(TEST_NUMBER)
    assert (message.id, message.sender, message.text) == (outcome.message_id, "Nordcell", sms().text)
    assert await delivery.handsets.list_messages(OTHER_TEST_NUMBER) == []
    clock.advance(days=1)
    assert await delivery.handsets.list_messages(TEST_NUMBER) == []


@pytest.mark.parametrize(
    "message",
    [sms(sandbox=False), sms(REAL_NUMBER, sandbox=False), sms(REAL_NUMBER), sms(phone_number("+46701740000"))],
    ids=["flag off", "real", "real, flag wrong", "nobody's"],
)
async def test_only_test_numbers(delivery, storage, message):
    outcome = await delivery.send(message)
    assert outcome == Refused(route="handset", code="not_a_test_number", retry=False)
    row = await storage.read.one(Statement("test.count", "SELECT COUNT(*) AS n FROM handset_messages"))
    assert row.n == 0


async def test_the_pin_is_nowhere_in_the_database(delivery, storage):
    await delivery.send(sms())
    row = await storage.read.one(Statement("test.all", "SELECT * FROM handset_messages"))
    assert PIN.encode() not in b" ".join(value if isinstance(value, bytes) else str(value).encode() for value in row)
    assert b"VoiceBox" not in bytes(row.sealed_body)
    if storage.dialect == "sqlite":
        path = Path(storage.path)
        everything = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
        assert row.id.encode() in everything and PIN.encode() not in everything


async def test_the_log_route_sends_and_tells_nothing(storage, keyring, clock, entropy, capfd, caplog):
    settings = Settings(sms=SmsSettings(route="log"))
    delivery = Delivery(storage, keyring, clock, entropy, settings)
    assert isinstance(await delivery.send(sms(REAL_NUMBER, sandbox=False)), Accepted)
    written = caplog.text + "".join(capfd.readouterr())
    assert PIN not in written and REAL_NUMBER[1:] not in written
    row = await storage.read.one(Statement("test.count", "SELECT COUNT(*) AS n FROM handset_messages"))
    assert row.n == 0
    assert HandsetRoutes(delivery=delivery, clock=clock, settings=settings, frame=Frame).routes == []


async def test_the_list_has_the_latest_first(delivery, browser, clock):
    await delivery.send(sms(pin="111111"))
    clock.advance(hours=1)
    await delivery.send(sms(OTHER_TEST_NUMBER, pin="222222"))
    await delivery.send(sms(OTHER_TEST_NUMBER, pin="333333"))
    handsets = await delivery.handsets.list_handsets(50)
    assert [handset.number for handset in handsets] == [OTHER_TEST_NUMBER, TEST_NUMBER]
    page = await browser.get("/handset")
    assert page.status_code == 200
    assert page.text.index("/handset/4799999901") < page.text.index("/handset/46701740605")
    assert REAL_NUMBER[1:] not in page.text


async def test_a_handset_shows_its_messages(delivery, browser):
    await delivery.send(sms())
    page = await browser.get("/handset/46701740605")
    assert page.status_code == 200 and f"@id.example #{PIN}" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert PIN not in (await browser.get("/handset/4799999901")).text


@pytest.mark.parametrize("digits", ["46701740699", "46701740000", "0046701740605", "+46701740605", "x", "1" * 40])
@pytest.mark.parametrize("rest", ["", "/events"])
async def test_no_handset_for_other_numbers(browser, digits, rest):
    assert (await browser.get(f"/handset/{digits}{rest}")).status_code == 404


class Stream:
    """An ASGI caller that reads a stream and can leave."""

    def __init__(self, app, headers=()) -> None:
        self.sent: list[dict] = []
        self.gone = asyncio.Event()
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/handset/46701740605/events",
            "query_string": b"",
            "headers": list(headers),
        }
        self.task = asyncio.create_task(app(scope, self._receive, self._send))
        self._first = True

    async def _receive(self):
        if self._first:
            self._first = False
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message) -> None:
        self.sent.append(message)

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.sent).decode()

    async def until(self, words: str, seconds: float = 4) -> None:
        async with asyncio.timeout(seconds):
            while words not in self.text:
                await asyncio.sleep(0.005)

    def messages(self) -> list[dict]:
        events = [event.split("\n") for event in self.text.split("\n\n") if event.startswith("event: message\n")]
        return [json.loads(lines[2].removeprefix("data: ")) for lines in events]


async def test_the_stream_brings_messages_at_once_and_once(delivery, browser, handset, clock):
    await delivery.send(sms(pin="100000"))
    clock.advance(hours=1)
    stream = Stream(browser.app)
    await stream.until("retry:")
    assert (b"content-type", b"text/event-stream; charset=utf-8") in stream.sent[0]["headers"]
    started = asyncio.get_running_loop().time()
    await delivery.send(sms())
    await stream.until(PIN)
    assert asyncio.get_running_loop().time() - started < 0.5
    clock.advance(seconds=0.05)
    await delivery.send(sms(pin="200000"))
    await stream.until("200000")
    await asyncio.sleep(1.2)
    assert [message["code"] for message in stream.messages()] == [PIN, "200000"]
    assert set(stream.messages()[0]) == {"id", "sender", "body", "code", "received_at"}
    stream.gone.set()
    await asyncio.wait_for(stream.task, 1)
    assert not handset._streams


async def test_the_stream_sees_what_another_process_received(delivery, browser, storage, keyring, clock, entropy):
    stream = Stream(browser.app)
    await stream.until("retry:")
    await Delivery(storage, keyring, clock, entropy, Settings()).send(sms())
    await stream.until(PIN, 3)
    stream.gone.set()
    await stream.task


async def test_a_stream_goes_on_where_it_broke_off(delivery, browser, clock):
    await delivery.send(sms(pin="100000"))
    seen_at = clock.now()
    clock.advance(minutes=1)
    await delivery.send(sms(pin="200000"))
    clock.advance(minutes=1)
    stream = Stream(browser.app, [(b"last-event-id", f"{seen_at + 1}.abc".encode())])
    await stream.until("200000")
    assert [message["code"] for message in stream.messages()] == ["200000"]
    stream.gone.set()
    await stream.task


async def test_streams_are_bounded_and_end_with_the_server(browser, handset, monkeypatch):
    monkeypatch.setattr(handset_routes, "MOST_STREAMS", 2)
    streams = [Stream(browser.app) for _ in range(2)]
    for stream in streams:
        await stream.until("retry:")
    assert (await browser.get("/handset/46701740605/events")).status_code == 503
    handset.close()
    await asyncio.wait_for(asyncio.gather(*(stream.task for stream in streams)), 1)
    assert all(stream.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False} for stream in streams)


async def test_a_quiet_stream_says_that_it_lives(browser, monkeypatch):
    monkeypatch.setattr(handset_routes, "HEARTBEAT", 0.02)
    monkeypatch.setattr(handset_routes, "POLL", 0.01)
    stream = Stream(browser.app)
    await stream.until("\n: still here\n\n")
    stream.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stream.task
