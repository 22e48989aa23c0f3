"""`Idempotency-Key`, `If-Match` and `If-None-Match`, on both databases: one effect, whatever is sent how often."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dialkey.api import once
from dialkey.storage import Statement
from support.api import Program, personal_key, problem, program
from support.portal import developer, organization
from support.site import Site

_ANSWERS = Statement("tests.answers", "SELECT digest, fingerprint, sealed, expires_at FROM api_answers")
WEB = {"kind": "web", "redirect_uris": ["https://app.example/cb"]}


class Bench:
    """A program, and its product."""

    def __init__(self, site: Site, caller: Program, actor: Any, organization_id: str, product: str) -> None:
        self.site, self.caller, self.actor = site, caller, actor
        self.organization, self.product = organization_id, product

    @property
    def clients(self) -> str:
        return f"/products/{self.product}/clients"

    async def count(self) -> int:
        return len((await self.caller.get(self.clients)).json()["data"])


@pytest.fixture
async def bench(any_site: Site) -> Bench:
    site = any_site
    ada = await developer(site)
    organization_id = await organization(site, ada)
    caller = program(site, await personal_key(site, ada.actor))
    product = (await caller.post(f"/organizations/{organization_id}/products", {"name": "Vox"})).json()["id"]
    return Bench(site, caller, ada.actor, organization_id, product)


async def test_the_same_request_again_gets_the_same_answer(bench: Bench) -> None:
    first = await bench.caller.post(bench.clients, WEB, idempotency_key="run-1")
    again = await bench.caller.post(bench.clients, WEB, idempotency_key="run-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert first.json()["client_secret"].startswith("dk_cs_")
    assert await bench.count() == 1


async def test_the_answer_is_kept_as_it_was_whatever_happens_to_the_object(bench: Bench) -> None:
    first = await bench.caller.post(bench.clients, WEB, idempotency_key="run-1")
    await bench.caller.delete(f"/clients/{first.json()['client_id']}")
    again = await bench.caller.post(bench.clients, WEB, idempotency_key="run-1")
    assert again.content == first.content
    assert await bench.count() == 0


async def test_another_request_with_the_key_is_refused(bench: Bench) -> None:
    await bench.caller.post(bench.clients, WEB, idempotency_key="run-1")
    other = await bench.caller.post(bench.clients, {**WEB, "description": "x"}, idempotency_key="run-1")
    problem(other, 422, "idempotency_key_reused")
    elsewhere = f"/organizations/{bench.organization}/products"
    problem(
        await bench.caller.post(elsewhere, {"name": "Other"}, idempotency_key="run-1"), 422, "idempotency_key_reused"
    )
    assert await bench.count() == 1


async def test_keys_of_two_callers_have_nothing_to_do_with_each_other(bench: Bench) -> None:
    other = program(bench.site, await personal_key(bench.site, bench.actor))
    first = await bench.caller.post(bench.clients, WEB, idempotency_key="run-1")
    second = await other.post(bench.clients, WEB, idempotency_key="run-1")
    assert first.json()["client_id"] != second.json()["client_id"]
    assert await bench.count() == 2


async def test_twenty_at_once_are_one(bench: Bench) -> None:
    """In one process those behind the first are told to come again; what they get then is the first one's answer."""
    answers = await asyncio.gather(*(bench.caller.post(bench.clients, WEB, idempotency_key="run-1") for _ in range(20)))
    made = {answer.content for answer in answers if answer.status_code == 201}
    for answer in answers:
        if answer.status_code != 201:
            problem(answer, 409, "idempotency_running")
            assert answer.headers["retry-after"] == "1"
    assert len(made) == 1
    assert (await bench.caller.post(bench.clients, WEB, idempotency_key="run-1")).content in made
    assert await bench.count() == 1


async def test_two_processes_at_once_are_one(bench: Bench) -> None:
    """What a second process does not know, the database tells it: the second effect is undone."""
    from dialkey.app import Server, build

    site = bench.site
    other_app = Server(site.settings)
    other_app._built = build(site.settings, site.storage, site.keyring, site.clock, site.entropy)
    callers = [bench.caller, program(site, bench.caller.token)]
    import httpx

    transport = httpx.ASGITransport(other_app, raise_app_exceptions=False)
    callers[1].http = httpx.AsyncClient(transport=transport, base_url=site.settings.base_url)
    for turn in range(8):
        key = f"turn-{turn}"
        answers = await asyncio.gather(*(caller.post(bench.clients, WEB, idempotency_key=key) for caller in callers))
        assert [answer.status_code for answer in answers] == [201, 201], [answer.text for answer in answers]
        assert answers[0].content == answers[1].content
        assert sorted("idempotency-replayed" in answer.headers for answer in answers) == [False, True]
    assert await bench.count() == 8


async def test_what_was_refused_is_not_kept(bench: Bench) -> None:
    wrong = {"kind": "web", "redirect_uris": ["http://app.example/cb"]}
    problem(await bench.caller.post(bench.clients, wrong, idempotency_key="run-1"), 422, "redirect_uri")
    assert (await bench.caller.post(bench.clients, WEB, idempotency_key="run-1")).status_code == 201
    assert await bench.count() == 1


async def test_an_effect_without_its_answer_is_no_effect(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that dies between the effect and its answer has done nothing: both are one transaction."""

    async def dies(*_: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(once.Answers, "keep", dies)
        assert (await bench.caller.post(bench.clients, WEB, idempotency_key="run-1")).status_code == 500
    assert await bench.count() == 0
    assert (await bench.caller.post(bench.clients, WEB, idempotency_key="run-1")).status_code == 201
    assert await bench.count() == 1


async def test_after_a_day_it_is_forgotten(bench: Bench) -> None:
    first = await bench.caller.post(bench.clients, WEB, idempotency_key="run-1")
    bench.site.clock.advance(hours=23)
    assert (await bench.caller.post(bench.clients, WEB, idempotency_key="run-1")).content == first.content
    bench.site.clock.advance(hours=2)
    second = await bench.caller.post(bench.clients, WEB, idempotency_key="run-1")
    assert second.status_code == 201
    assert second.json()["client_id"] != first.json()["client_id"]


async def test_s119_no_secret_lies_in_the_stored_answer(bench: Bench) -> None:
    made = (await bench.caller.post(bench.clients, WEB, idempotency_key="a-key-of-mine")).json()
    (row,) = await bench.site.storage.read.all(_ANSWERS)
    for text in (made["client_secret"], made["client_id"], "a-key-of-mine", "client_secret"):
        assert text.encode() not in bytes(row.sealed)
        assert text not in f"{row.digest} {row.fingerprint}"
    assert bench.site.keyring.open_box("api/another", row.sealed) is None


@pytest.mark.parametrize("key", ["", "a" * 256, "a\tb"])
async def test_a_key_that_cannot_be_one_is_refused(bench: Bench, key: str) -> None:
    found = problem(await bench.caller.post(bench.clients, WEB, idempotency_key=key), 400, "idempotency_key")
    assert found["errors"][0]["parameter"] == "Idempotency-Key"
    assert await bench.count() == 0


@pytest.mark.parametrize("path", ["products", "webhooks", "sandbox/numbers"])
async def test_every_creation_honours_it(bench: Bench, path: str) -> None:
    body = {"products": {"name": "Other"}, "webhooks": {"url": "https://app.example/x"}}.get(path, {"count": 3})
    address = f"/organizations/{bench.organization}/{path}"
    first = await bench.caller.post(address, body, idempotency_key="k")
    again = await bench.caller.post(address, body, idempotency_key="k")
    assert first.status_code == 201, first.text
    assert again.content == first.content


async def test_secrets_are_rotated_once(bench: Bench) -> None:
    client = (await bench.caller.post(bench.clients, WEB)).json()["client_id"]
    address = f"/clients/{client}/secrets/rotation"
    first = await bench.caller.post(address, {"grace": 60}, idempotency_key="k")
    again = await bench.caller.post(address, {"grace": 60}, idempotency_key="k")
    assert first.json()["client_secret"] == again.json()["client_secret"]
    live = (await bench.caller.get(f"/clients/{client}/secrets")).json()["data"]
    assert len(live) == 2
    assert [secret["id"] for secret in live if secret["expires_at"] is None] == [first.json()["id"]]


# conditions


async def test_if_match_keeps_from_overwriting(bench: Bench) -> None:
    client = (await bench.caller.post(bench.clients, WEB)).json()["client_id"]
    for path, change in (
        (f"/clients/{client}", {"description": "one"}),
        (f"/products/{bench.product}", {"subtitle": "one"}),
    ):
        read = await bench.caller.get(path)
        tag = read.headers["etag"]
        changed = await bench.caller.patch(path, change, if_match=tag)
        assert changed.status_code == 200, changed.text
        assert changed.headers["etag"] != tag
        late = await bench.caller.patch(path, dict.fromkeys(change, "two"), if_match=tag)
        problem(late, 412, "precondition")
        now = await bench.caller.get(path)
        assert {name: now.json()[name] for name in change} == change
        assert now.headers["etag"] == changed.headers["etag"]
        problem(await bench.caller.delete(path, if_match=tag), 412, "precondition")
        fine = await bench.caller.patch(path, dict.fromkeys(change, "three"), if_match=f'"x", {now.headers["etag"]}')
        assert fine.status_code == 200
        assert (await bench.caller.patch(path, change, if_match="*")).status_code == 200
        assert (await bench.caller.patch(path, change, if_match="nonsense")).status_code == 412


async def test_of_many_with_one_etag_one_wins(bench: Bench) -> None:
    path = f"/products/{bench.product}"
    tag = (await bench.caller.get(path)).headers["etag"]
    answers = await asyncio.gather(
        *(bench.caller.patch(path, {"subtitle": f"number {n}"}, if_match=tag) for n in range(12))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 11


async def test_scopes_have_a_tag_of_their_own(bench: Bench) -> None:
    path = f"/products/{bench.product}/scopes"
    tag = (await bench.caller.get(path)).headers["etag"]
    assert (await bench.caller.put(path, {"required": ["phone"]}, if_match=tag)).status_code == 200
    problem(await bench.caller.put(path, {"required": ["openid"]}, if_match=tag), 412, "precondition")
    assert (await bench.caller.get(path)).json() == {"required": ["phone"], "optional": []}


async def test_if_none_match_saves_the_body(bench: Bench) -> None:
    path = f"/products/{bench.product}"
    tag = (await bench.caller.get(path)).headers["etag"]
    again = await bench.caller.get(path, if_none_match=tag)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == tag
    assert (await bench.caller.get(path, if_none_match='"another"')).status_code == 200
