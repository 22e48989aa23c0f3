"""GET /events/v1/consents: what a product's server is told, by poll and by stream."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from dialkey.base.phone import PhoneNumber
from support.events import EVENTS, Consumer, own_token, remove, signed_in_tokens
from support.site import Site
from support.world import ACTOR, ANNA, BO


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [next(k for k in event["consentChangeEvent"] if k in ("added", "updated", "revoked")) for event in events]


async def test_the_life_of_a_consent_is_told(any_site: Site) -> None:
    site = any_site
    consumer = await Consumer.of(site)
    assert await consumer.poll() == []
    tokens = await signed_in_tokens(site, site.world.web, ANNA, scope="openid phone")
    site.clock.advance(seconds=5)
    visitor = site.visitor()
    await visitor.sign_in(site.world.web, ANNA, scope="openid phone voicemail.get")
    await visitor.add_product(**{"scope:voicemail.get": "on"})
    site.clock.advance(seconds=5)
    await remove(site, ANNA, tokens["access_token"])
    events = await consumer.poll()
    assert kinds(events) == ["added", "updated", "revoked"]
    changes = [event["consentChangeEvent"] for event in events]
    assert all(change["number"] == {"e164": ANNA} for change in changes)
    assert sorted(changes[0]["added"]["scopes"]) == ["openid", "phone"]
    assert sorted(changes[1]["updated"]["scopes"]) == ["openid", "phone", "voicemail.get"]
    assert changes[2]["revoked"] == {}
    async with site.http() as http:
        introspected = (await http.post("/oauth2/introspect", data={"token": tokens["access_token"]}, auth=site.world.web.basic)).json()
    assert introspected == {"active": False}
    metadata = [event["metadata"] for event in events]
    assert len({one["identifier"]["subscriptionIdentifier"]["value"] for one in metadata}) == 1
    assert [one["position"] for one in metadata] == ["1", "2", "3"]
    assert not any(one["isRedelivered"] for one in metadata)
    assert await consumer.ack(*events) == ["SUCCESS"] * 3
    assert await consumer.poll() == []


async def test_s070_the_number_is_told_only_where_the_consent_covers_it(site: Site) -> None:
    await site.directory.set_product_scopes(
        actor=ACTOR, product_id=site.world.other_product, required=["openid"], optional=["voicemail.get"]
    )
    site.built.house.directory.forget()
    consumer = await Consumer.of(site, site.world.other)
    await consumer.poll()
    back = await site.visitor().complete(site.world.other, ANNA, scope="openid")
    assert "code" in back
    [event] = await consumer.poll()
    change = event["consentChangeEvent"]
    assert "number" not in change
    assert len(change["subject"]) == 128
    assert ANNA not in json.dumps(event)


async def test_the_same_answer_again_tells_nothing(site: Site) -> None:
    consumer = await Consumer.of(site)
    await consumer.poll()
    for _ in range(2):
        site.clock.advance(seconds=1)
        await site.visitor().complete(site.world.web, ANNA, prompt="consent")
    assert kinds(await consumer.poll()) == ["added"]


async def test_products_hear_of_their_own_consents_only(site: Site) -> None:
    mine, theirs = await Consumer.of(site), await Consumer.of(site, site.world.other)
    await mine.poll()
    await theirs.poll()
    await site.visitor().complete(site.world.web, ANNA)
    [event] = await mine.poll()
    assert await theirs.poll() == []
    assert await theirs.ack(event) == ["FAILURE"]
    assert (await theirs.get(cursor="0", wait=0)).json() == {"events": [], "nextCursor": "0"}


async def test_a_cursor_is_kept_by_the_consumer(site: Site) -> None:
    consumer = await Consumer.of(site)
    for number in (ANNA, BO):
        await site.visitor().complete(site.world.web, number)
    await site.built.publisher.turn()
    first = (await consumer.get(cursor="0", wait=0, limit=1)).json()
    assert first["nextCursor"] == "1"
    assert "ackInfo" not in first["events"][0]["metadata"]
    again = (await consumer.get(cursor="0", wait=0, limit=1)).json()
    assert again == first
    second = (await consumer.get(cursor="1", wait=0)).json()
    assert (len(second["events"]), second["nextCursor"]) == (1, "2")


async def test_number_reassigned_suspended_ended(any_site: Site) -> None:
    site = any_site
    consumer = await Consumer.of(site)
    await consumer.poll()
    for number in (ANNA, BO):
        await site.visitor().complete(site.world.web, number)
    site.clock.advance(seconds=5)
    await site.subscribers.suspend(actor=ACTOR, subscription_id=site.world.subscriptions[BO])
    assert kinds(await consumer.poll()) == ["added", "added"], "a suspended subscription keeps its consents"
    await site.subscribers.reassign_number(actor=ACTOR, number=ANNA, operator_id=site.world.nordcell)
    await site.subscribers.end(actor=ACTOR, subscription_id=site.world.subscriptions[BO])
    events = await consumer.poll()
    assert kinds(events) == ["revoked", "revoked"]
    assert {event["consentChangeEvent"]["number"]["e164"] for event in events} == {ANNA, BO}


async def test_an_operator_that_disables_the_product_ends_its_consents_in_batches(any_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from dialkey.oauth import withdrawing

    site, numbers = any_site, [PhoneNumber(f"+467017406{n:02d}") for n in range(10, 15)]
    monkeypatch.setattr(withdrawing, "BATCH", 2)
    tokens = [await signed_in_tokens(site, site.world.web, number) for number in numbers]
    away = await signed_in_tokens(site, site.world.web, "+447700900001")
    consumer = await Consumer.of(site)
    await consumer.poll()
    site.clock.advance(seconds=5)
    await site.directory.disable_product(actor=ACTOR, product_id=site.world.product, operator_id=site.world.nordcell)
    await site.run_jobs()
    events = await consumer.poll()
    assert kinds(events) == ["revoked"] * 5
    assert {event["consentChangeEvent"]["number"]["e164"] for event in events} == set(numbers)
    await site.directory.enable_product(actor=ACTOR, product_id=site.world.product, operator_id=site.world.nordcell)
    site.built.house.directory.forget()
    async with site.http() as http:
        for one, status in [(tokens[0], 401), (tokens[4], 401), (away, 200)]:
            answer = await http.get("/userinfo", headers={"authorization": f"Bearer {one['access_token']}"})
            assert answer.status_code == status


async def test_an_operator_product_hears_of_its_operators(site: Site) -> None:
    product = await site.directory.create_product(
        actor=ACTOR, organization_id=site.world.organization, name="Care desk", kind="operator"
    )
    await site.directory.set_product_scopes(actor=ACTOR, product_id=product, required=["subscription.read"])
    from dialkey.directory.model import ClientKind, GrantType
    from dialkey.directory.registration import ClientRegistration
    from support.site import Registered

    made = await site.directory.create_client(
        actor=ACTOR, product_id=product,
        registration=ClientRegistration(kind=ClientKind.MACHINE, grant_types=frozenset({GrantType.CLIENT_CREDENTIALS})),
    )  # fmt: skip
    key = {"actor": ACTOR, "product_id": product, "operator_id": site.world.nordcell}
    await site.directory.list_product(**key)
    await site.directory.enable_product(**key)
    site.clock.advance(seconds=1)
    await site.directory.disable_product(**key)
    consumer = await Consumer.of(site, Registered(made.client_id, made.client_secret))
    await site.built.publisher.turn()
    events = await consumer.poll(start="oldest")
    changes = [event["consentChangeEvent"] for event in events]
    assert changes == [
        {"added": {"scopes": ["subscription.read"]}, "tenant": "nordcell"},
        {"revoked": {}, "tenant": "nordcell"},
    ]


@pytest.mark.parametrize(
    ("query", "status"),
    [({"start": "tomorrow"}, 400), ({"start": "timestamp"}, 400), ({"start": "timestamp", "timestamp": "2026-01-01"}, 400),
     ({"start": "id", "id": "x"}, 400), ({"start": "id", "id": "A" * 22}, 404), ({"cursor": "-1"}, 400), ({"cursor": "x"}, 400),
     ({"cursor": "1", "queue": "q"}, 400), ({"queue": "a b"}, 400), ({"queue": "q" * 65}, 400), ({"max_in_flight": "0"}, 400),
     ({"max_in_flight": "201"}, 400), ({"ack_deadline": "9"}, 400), ({"ack_deadline": "601"}, 400), ({"wait": "61"}, 400),
     ({"limit": "0"}, 400), ({"colour": "blue"}, 400)],
)  # fmt: skip
async def test_questions_that_make_no_sense(site: Site, query: dict[str, str], status: int) -> None:
    consumer = await Consumer.of(site)
    response = await consumer.get(**{"wait": "0", **query})
    assert response.status_code == status
    assert set(response.json()) == {"error", "error_description"}


async def test_who_may_ask(site: Site) -> None:
    tokens = await signed_in_tokens(site, site.world.web, ANNA)
    async with site.http() as http:
        assert (await http.get(EVENTS)).status_code == 401
        for bearer in ("x", tokens["access_token"], tokens["refresh_token"]):
            answer = await http.get(EVENTS, headers={"authorization": f"Bearer {bearer}"})
            assert answer.status_code == 401, "a subscriber's token is not the product's"
            assert answer.headers["www-authenticate"].startswith("Bearer")
    token = await own_token(site, site.world.web)
    consumer = Consumer(site, token)
    assert (await consumer.get(wait=0)).status_code == 200
    async with site.http() as http:
        await http.post("/oauth2/revoke", data={"token": token}, auth=site.world.web.basic)
    assert (await consumer.get(wait=0)).status_code == 401


@pytest.mark.parametrize("body", [[], {}, {"ackInfo": []}, {"ackInfo": "x"}, {"ackInfo": {"value": 1}}, {"ackInfo": [{}]},
                                  {"ackInfo": {"value": "x"}, "status": "MAYBE"}, {"ackInfo": [{"value": "x"}] * 201}])  # fmt: skip
async def test_an_ack_that_cannot_be_read(site: Site, body: Any) -> None:
    consumer = await Consumer.of(site)
    assert (await consumer.post(f"{EVENTS}/ack", body)).status_code == 400
    unknown = await consumer.post(f"{EVENTS}/ack", {"ackInfo": {"value": "nothing"}})
    assert unknown.json() == {"value": "nothing", "ackStatus": "FAILURE"}


async def test_a_failure_comes_again_at_once(site: Site) -> None:
    consumer = await Consumer.of(site)
    await consumer.poll()
    await site.visitor().complete(site.world.web, ANNA)
    [event] = await consumer.poll()
    assert await consumer.poll() == []
    assert await consumer.ack(event, status="FAILURE") == ["SUCCESS"]
    [again] = await consumer.poll()
    assert again["metadata"]["isRedelivered"]
    assert again["metadata"]["id"] == event["metadata"]["id"]


async def test_a_waiting_poll_is_woken(site: Site) -> None:
    consumer = await Consumer.of(site)
    await consumer.poll()
    waiting = asyncio.create_task(consumer.poll(wait=30))
    await asyncio.sleep(0.05)
    await site.visitor().complete(site.world.web, ANNA)
    began = asyncio.get_running_loop().time()
    await site.built.publisher.turn()
    assert kinds(await waiting) == ["added"]
    assert asyncio.get_running_loop().time() - began < 0.5


class Stream:
    """A stream by hand: httpx's transport waits for the end of an answer."""

    def __init__(self, site: Site, token: str, query: str = "", **headers: str) -> None:
        self.site, self.sent, self.leave = site, [], asyncio.Event()
        given = {"host": site.settings.host, "authorization": f"Bearer {token}", "accept": "text/event-stream", **headers}
        self.scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "https",
            "path": EVENTS, "raw_path": EVENTS.encode(), "query_string": query.encode(), "root_path": "", "server": None,
            "headers": [(k.encode(), v.encode()) for k, v in given.items()], "client": ("198.51.100.7", 1),
        }  # fmt: skip
        self.task = asyncio.create_task(site.app(self.scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        await self.leave.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.sent).decode()

    async def until(self, found: str) -> None:
        async with asyncio.timeout(5):
            while found not in self.text:
                await asyncio.sleep(0.01)

    async def close(self) -> None:
        self.leave.set()
        async with asyncio.timeout(5):
            await self.task


async def test_a_stream_tells_as_it_happens_and_ends_when_nobody_listens(site: Site) -> None:
    token = await own_token(site, site.world.web)
    stream = Stream(site, token)
    await stream.until("retry:")
    await site.visitor().complete(site.world.web, ANNA)
    await site.built.publisher.turn()
    await stream.until("event: consent")
    data = json.loads(stream.text.partition("data: ")[2].partition("\n")[0])
    assert data["consentChangeEvent"]["number"]["e164"] == ANNA
    assert "\nid: " not in stream.text
    assert await Consumer(site, token).ack(data) == ["SUCCESS"]
    await stream.close()
    assert site.built.events._open.total() == 0


async def test_a_stream_with_a_cursor_goes_on_where_it_was(site: Site) -> None:
    token = await own_token(site, site.world.web)
    for number in (ANNA, BO):
        await site.visitor().complete(site.world.web, number)
    await site.built.publisher.turn()
    stream = Stream(site, token, "cursor=0")
    await stream.until("id: 2\n")
    await stream.close()
    again = Stream(site, token, "cursor=0", **{"last-event-id": "1"})
    await again.until("id: 2\n")
    assert "id: 1\n" not in again.text
    await again.close()


async def test_a_stream_ends_with_its_token(site: Site) -> None:
    token = await own_token(site, site.world.web)
    stream = Stream(site, token)
    await stream.until("retry:")
    async with site.http() as http:
        await http.post("/oauth2/revoke", data={"token": token}, auth=site.world.web.basic)
    await site.visitor().complete(site.world.web, ANNA)
    await site.built.publisher.turn()
    async with asyncio.timeout(5):
        await stream.task
    assert "consent" not in stream.text, "nothing is told to a token that was revoked"


async def test_streams_are_bounded(site: Site) -> None:
    token = await own_token(site, site.world.web)
    streams = [Stream(site, token, f"queue=q{n % 20}") for n in range(20)]
    for stream in streams:
        await stream.until("retry:")
    consumer = Consumer(site, token)
    refused = await consumer.get(wait=0, queue="q1")
    assert (refused.status_code, "retry-after" in refused.headers) == (429, True)
    await streams[0].close()
    assert (await consumer.get(wait=0, queue="q1")).status_code == 200
    site.built.events.close()
    async with asyncio.timeout(5):
        await asyncio.gather(*(stream.task for stream in streams))
    assert site.built.events._open.total() == 0
