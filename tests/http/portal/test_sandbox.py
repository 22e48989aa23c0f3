"""The sandbox in the portal: an organization's own phones, seen by its members and by nobody else."""

from __future__ import annotations

import asyncio
import json

import pytest

from dialkey.base.phone import PhoneNumber
from dialkey.developers.access import Actor, Role
from dialkey.subscribers.model import FIRST_NUMBERS, MOST_NUMBERS, ForcedOutcome
from dialkey.web.errors import Refusal
from support.portal import Developer, developer, join, organization
from support.site import CHROME, Registered, Site, callback

OPEN, POSTED = ("", "/events", "/recycle", "/remove"), ("outcome", "pin", "label", "recycle", "remove")


@pytest.fixture
async def ada(site: Site) -> Developer:
    return await developer(site)


@pytest.fixture
async def ours(site: Site, ada: Developer) -> str:
    return await organization(site, ada)


@pytest.fixture
async def number(site: Site, ada: Developer, ours: str) -> PhoneNumber:
    return (await site.built.portal.sandbox.list(ada.actor, ours))[0].number


@pytest.fixture
async def here(ours: str, number: PhoneNumber) -> str:
    return f"/portal/o/{ours}/sandbox/{number[1:]}"


async def test_the_first_visit_makes_ten(site: Site, ada: Developer, ours: str) -> None:
    page = await ada.get(f"/portal/o/{ours}/sandbox")
    assert page.status_code == 200 and "10 of at most 100" in page.text
    numbers = [link for link in ada.read.links if link.startswith(f"/portal/o/{ours}/sandbox/999")]
    assert len(set(numbers)) == FIRST_NUMBERS
    again = await ada.get(f"/portal/o/{ours}/sandbox")
    assert "10 of at most 100" in again.text


async def test_more_up_to_a_hundred(site: Site, ada: Developer, ours: str) -> None:
    await ada.get(f"/portal/o/{ours}/sandbox")
    form = ada.read.form("/sandbox/add")
    page = await ada.submit("/sandbox/add", count="5")
    assert page.status_code == 200 and "15 of at most 100" in page.text
    for count in ("0", "-1", "101", "9999", "x", "٣", ""):
        answer = await ada.post(form.action, {**form.fields, "count": count})
        assert answer.status_code == (200 if count == "" else 422), count
    await site.built.portal.sandbox.add(ada.actor, ours, MOST_NUMBERS - 16)
    full = await ada.post(form.action, {**form.fields, "count": "5"})
    assert full.status_code == 422 and "at most 100 test numbers" in full.text
    assert not [form for form in ada.read.forms if form.action.endswith("/add")]


async def test_a_whole_sign_in_in_front_of_its_handset(site: Site, ada: Developer, ours: str, here: str) -> None:
    portal = site.built.portal
    product = await portal.products.create(ada.actor, ours, name="VoiceBox")
    await portal.products.set_scopes(ada.actor, product, required=["phone", "openid", "offline_access"], optional=[])
    from dialkey.developers.clients import ClientDraft
    from dialkey.directory.model import ClientKind

    draft = ClientDraft(kind=ClientKind.WEB, description="Web", redirect_uris=("https://app.example/cb",))
    made = await portal.clients.create(ada.actor, product, draft)
    client = Registered(made.client_id, made.client_secret, product_id=product)
    visitor = site.visitor()
    await visitor.start(client)
    assert "Test mode of VoiceBox" in visitor.page.text  # type: ignore[union-attr]
    pin_page = await visitor.type_number("+" + here.rpartition("/")[2])
    assert here in pin_page.text
    await site.run_jobs()
    handset = await ada.get(here)
    pin = await site.pin("+" + here.rpartition("/")[2])
    assert f'data-copy="{pin}"' in handset.text
    await visitor.type_pin(pin)
    assert callback(await visitor.add_product())["code"]


async def test_outcomes_pins_and_labels(site: Site, ada: Developer, ours: str, here: str, number: PhoneNumber) -> None:
    sandbox = site.built.portal.sandbox
    await ada.get(here)
    page = await ada.submit("/outcome", outcome="declined", lasts="always")
    assert page.status_code == 200 and "Forced until you reset it: The subscriber declines" in page.text
    found = await sandbox.get(ada.actor, ours, number)
    assert (found.outcome, found.once) == (ForcedOutcome.DECLINED, False)
    reset = next(f for f in ada.read.forms if f.fields.get("outcome") == "none" and "lasts" not in f.fields)
    assert "Forced" not in (await ada.post(reset.action, reset.fields)).text
    assert (await ada.submit("/outcome", outcome="explode")).status_code == 422

    wrong = await ada.submit("/pin", pin="12ab")
    assert wrong.status_code == 422 and 'value="12ab"' in wrong.text and "Use exactly 6 digits" in wrong.text
    await ada.submit("/pin", pin="000000")
    assert (await sandbox.get(ada.actor, ours, number)).pin == "000000"
    await ada.submit("/pin", pin="")
    assert (await sandbox.get(ada.actor, ours, number)).pin is None

    await ada.submit("/label", label="<b>Says no</b>", locale="sv", brand=site.world.nordcell)
    found = await sandbox.get(ada.actor, ours, number)
    assert (found.label, found.locale, found.brand_operator_id) == ("<b>Says no</b>", "sv", site.world.nordcell)
    assert "<b>Says no</b>" not in (await ada.get(here)).text
    assert (await ada.submit("/label", label="", brand="nobody")).status_code == 422


async def test_recycling_and_removing_are_asked_for_first(
    site: Site, ada: Developer, ours: str, here: str, number: PhoneNumber
) -> None:
    sandbox = site.built.portal.sandbox
    before = (await sandbox.get(ada.actor, ours, number)).subscription_id
    assert "another <code>sub</code>" in (await ada.get(f"{here}/recycle")).text
    assert (await sandbox.get(ada.actor, ours, number)).subscription_id == before
    await ada.submit("/recycle")
    assert (await sandbox.get(ada.actor, ours, number)).subscription_id != before
    await ada.get(f"{here}/remove")
    assert (await ada.submit("/remove")).status_code == 200
    assert (await ada.get(here)).status_code == 404
    assert len(await sandbox.list(ada.actor, ours)) == FIRST_NUMBERS - 1


async def test_s108_nobody_else_sees_it(site: Site, ada: Developer, ours: str, here: str, number: PhoneNumber) -> None:
    mallory = await developer(site, "Mallory", "mallory@elsewhere.example")
    theirs = await organization(site, mallory, "Elsewhere AS")
    await ada.get(here)
    fields = {form.action.rpartition("/")[2]: form.fields for form in ada.read.forms}
    swapped = here.replace(ours, theirs)
    for base in (here, swapped):
        for end in OPEN:
            assert await mallory.status(base + end) == 404, base + end
        for end in POSTED:
            answer = await mallory.post(f"{base}/{end}", {**fields.get(end, {}), "outcome": "declined"})
            assert answer.status_code in (403, 404), (base, end)
    assert await mallory.status(f"/portal/o/{ours}/sandbox") == 404
    actor = mallory.actor
    for organization_id, status in ((ours, 404), (theirs, 404)):
        for work in (
            site.built.portal.sandbox.handset(actor, organization_id, number),
            site.built.portal.sandbox.set_pin(actor, organization_id, number, "000000"),
            site.built.portal.sandbox.recycle(actor, organization_id, number),
            site.built.portal.sandbox.remove(actor, organization_id, number),
            site.built.portal.sandbox.set_outcome(actor, organization_id, number, ForcedOutcome.DECLINED),
            site.built.portal.sandbox.label(actor, organization_id, number, label="x"),
        ):
            with pytest.raises(Refusal) as caught:
                await work
            assert caught.value.status == status
    found = await site.built.portal.sandbox.get(ada.actor, ours, number)
    assert (found.outcome, found.pin, found.label) == (ForcedOutcome.NONE, None, "")


async def test_s108_signed_out_is_the_way_to_sign_in(site: Site, here: str) -> None:
    async with site.http() as http:
        for end in OPEN:
            answer = await http.get(here + end, headers={**CHROME, "sec-fetch-site": "none"})
            assert answer.status_code == 303 and answer.headers["location"].startswith("/portal/sign-in")
        for end in POSTED:
            answer = await http.post(f"{here}/{end}", data={}, headers={**CHROME, "origin": "null"})
            assert answer.status_code in (303, 403), end


async def test_s108_a_viewer_looks_and_changes_nothing(
    site: Site, ada: Developer, ours: str, here: str, number: PhoneNumber
) -> None:
    viewer = await developer(site, "Vera", "vera@voicebox.example")
    await join(site, ours, viewer, Role.VIEWER)
    page = await viewer.get(here)
    assert page.status_code == 200
    assert not [button for form in viewer.read.forms for button in form.buttons if form.action.startswith(here)]
    own = {form.action.rpartition("/")[2]: form.fields for form in viewer.read.forms}
    for end in POSTED:
        fields = own.get(end) or own["pin"]
        answer = await viewer.post(f"{here}/{end}", {**fields, "outcome": "declined", "pin": "000000"})
        assert answer.status_code == 403, end
    answer = await viewer.post(f"/portal/o/{ours}/sandbox/add", {**own["pin"], "count": "1"})
    assert answer.status_code == 403
    found = await site.built.portal.sandbox.get(ada.actor, ours, number)
    assert (found.outcome, found.pin) == (ForcedOutcome.NONE, None)


async def test_s108_an_api_key_needs_the_scope(site: Site, ours: str, number: PhoneNumber) -> None:
    sandbox = site.built.portal.sandbox

    def key(*grants: str) -> Actor:
        return Actor(kind="key", id="k", organization_id=ours, grants=frozenset(grants))

    assert len(await sandbox.list(key("sandbox:read"), ours)) == FIRST_NUMBERS
    await sandbox.set_pin(key("sandbox:write"), ours, number, "000000")
    for work in (
        sandbox.set_pin(key("sandbox:read", "organization:write"), ours, number, "111111"),
        sandbox.messages(key("organization:read"), ours, number),
    ):
        with pytest.raises(Refusal) as caught:
            await work
        assert (caught.value.status, caught.value.code) == (403, "grant")


async def test_a_form_of_another_purpose_or_session_is_refused(site: Site, ada: Developer, ours: str, here: str) -> None:
    await ada.get(here)
    fields = ada.read.form("/pin").fields
    other = await developer(site, "Olle", "olle@voicebox.example")
    await join(site, ours, other, Role.DEVELOPER)
    assert (await other.post(f"{here}/pin", {**fields, "pin": "000000"})).status_code == 403
    assert (await ada.post(f"{here}/pin", {"pin": "000000"})).status_code == 403
    assert (await ada.post(f"{here}/pin", {**fields, "pin": "000000"}, origin="https://evil.example",
                           **{"sec-fetch-site": "cross-site"})).status_code == 403  # fmt: skip


async def test_messages_arrive_live(site: Site, ada: Developer, ours: str, here: str, number: PhoneNumber) -> None:
    delivery = site.built.portal.handsets
    assert (await ada.http.head(f"{here}/events")).status_code in (200, 405)
    got: list[bytes] = []

    async def watch() -> None:
        scope_done = asyncio.Event()

        async def receive() -> dict[str, object]:
            await scope_done.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                got.append(str(message["status"]).encode())
            got.append(bytes(message.get("body", b"")))  # type: ignore[arg-type]
            if b"event: message" in b"".join(got):
                scope_done.set()

        request = ada.http.build_request("GET", f"{here}/events", headers=CHROME)
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "https",
            "path": request.url.path, "raw_path": request.url.raw_path, "query_string": b"", "root_path": "",
            "headers": [(k.lower(), v) for k, v in request.headers.raw], "server": ("id.localhost", 443),
            "client": ("198.51.100.7", 5),
        }  # fmt: skip
        await asyncio.wait_for(site.app(scope, receive, send), 10)

    from dialkey.sms import Delivery, Sms

    sender = Delivery(site.storage, site.keyring, site.clock, site.entropy, site.settings)
    watching = asyncio.create_task(watch())
    await asyncio.sleep(0.1)
    await sender.send(Sms(to=number, sender="Test", text="hello\n\n@id.localhost #493021", reference="r", sandbox=True))
    await watching
    text = b"".join(got).decode()
    assert text.startswith("200")
    event = json.loads(next(line for line in text.splitlines() if line.startswith("data: "))[6:])
    assert (event["sender"], event["code"]) == ("Test", "493021")
    assert not delivery._streams


@pytest.mark.parametrize("end", ["", "/recycle"])
async def test_a_page_costs_few_statements(site: Site, ada: Developer, here: str, end: str) -> None:
    await ada.get(here)
    before = site.storage.statements
    await ada.get(here + end)
    assert site.storage.statements - before <= 8
    listed = here.rpartition("/")[0]
    before = site.storage.statements
    await ada.get(listed)
    assert site.storage.statements - before <= 8


@pytest.mark.parametrize("end", ["outcome", "pin", "label"])
async def test_a_reload_of_what_is_only_posted_to_leads_back(ada: Developer, here: str, end: str) -> None:
    assert (await ada.get(f"{here}/{end}")).status_code == 200
    assert ada.visited[-1] == here


@pytest.mark.parametrize("number", ["0", "46701740605", "999", "%00", "999123456789", "x" * 300])
async def test_what_is_no_test_number_is_not_found(ada: Developer, ours: str, number: str) -> None:
    assert await ada.status(f"/portal/o/{ours}/sandbox/{number}") in (400, 404)
