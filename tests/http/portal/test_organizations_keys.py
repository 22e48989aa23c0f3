"""API keys, the audit log and webhooks in the portal."""

from __future__ import annotations

import csv
import html as entities
import io
import re

from dialkey.audit import Tag
from dialkey.developers.access import Role
from dialkey.developers.notices import NoticeKind
from dialkey.portal.trail_views import GROUPS
from dialkey.portal.trail_words import EVENTS, notice
from support.portal import Developer, developer, join, organization
from support.site import Site

TOKEN = re.compile(r"dk_ak_[A-Za-z0-9_-]{43}")


def words(who: Developer) -> str:
    assert who.page is not None
    return " ".join(entities.unescape(re.sub(r"<[^>]+>", " ", who.page.text)).split())


async def test_s119_a_key_is_shown_once(site: Site) -> None:
    ada = await developer(site)
    own = await organization(site, ada)
    await ada.get(f"/portal/o/{own}/keys")
    assert "No API key yet" in words(ada)
    await ada.get(f"/portal/o/{own}/keys/new")
    page = await ada.submit("/keys/new", name="Terraform")
    assert page.status_code == 422 and "Choose at least one scope" in words(ada) and 'value="Terraform"' in page.text
    ticks = {"scope.products:read": "on", "scope.clients:write": "on"}
    form = ada.read.form("/keys/new")
    page = await ada.post(form.action, {**form.fields, "name": "Terraform", **ticks})
    assert page.status_code == 200 and "no-store" in page.headers["cache-control"]
    (token,) = set(TOKEN.findall(page.text))
    actor = await site.built.portal.keys.authenticate(token)
    assert actor is not None and actor.grants == {"products:read", "clients:write"}
    # the same form once more makes no other key, and shows nothing
    page = await ada.post(form.action, {**form.fields, "name": "Terraform", **ticks})
    assert "nothing was done twice" in words(ada)
    assert len(await site.built.portal.keys.list_of_organization(ada.actor, own)) == 1
    for path in ("/keys", "/audit", ""):
        page = await ada.get(f"/portal/o/{own}{path}")
        assert token not in page.text and token[6:] not in page.text
    await ada.get(f"/portal/o/{own}/keys")
    assert f"dk_ak_…{token[-4:]}" in words(ada)
    await ada.get(f"/portal/o/{own}/keys/{actor.id}/revoke")
    await ada.submit("/revoke")
    assert "It opens nothing any more" in words(ada)
    assert await site.built.portal.keys.authenticate(token) is None


async def test_personal_keys(site: Site) -> None:
    ada, eve = await developer(site), await developer(site, "Eve", "eve@other.example")
    await ada.get("/portal/account/keys")
    assert "No API key yet" in words(ada)
    await ada.get("/portal/account/keys/new")
    page = await ada.submit("/keys/new", name="Laptop", expires="never", **{"scope.audit:read": "on"})
    (token,) = set(TOKEN.findall(page.text))
    actor = await site.built.portal.keys.authenticate(token)
    assert actor is not None and actor.account_id == ada.account_id
    assert (await eve.get(f"/portal/account/keys/{actor.id}/revoke")).status_code == 404
    csrf = site.built.portal.session_token(f"session-of-{eve.account_id}", "keys.revoke")
    assert (await eve.post(f"/portal/account/keys/{actor.id}/revoke", {"csrf": csrf})).status_code == 404
    assert await site.built.portal.keys.authenticate(token) is not None
    await ada.get(f"/portal/account/keys/{actor.id}/revoke")
    await ada.submit("/revoke")
    assert await site.built.portal.keys.authenticate(token) is None


async def test_only_owners_see_an_organizations_keys(site: Site) -> None:
    ada, bo = await developer(site), await developer(site, "Bo", "bo@voicebox.example")
    own = await organization(site, ada)
    await join(site, own, bo, Role.DEVELOPER)
    made = await site.built.portal.keys.create_for_organization(ada.actor, own, name="CI", scopes=["products:read"])
    await bo.get(f"/portal/o/{own}/keys")
    assert "Owners manage API keys" in words(bo)
    assert made.token[-4:] not in words(bo) and "CI" not in words(bo).split()


async def test_the_audit_log_is_paged_narrowed_and_exported(site: Site) -> None:
    ada, bo = await developer(site, "=HYPERLINK(1)"), await developer(site, "Bo", "bo@voicebox.example")
    own = await organization(site, ada)
    await join(site, own, bo, Role.OWNER)
    portal = site.built.portal
    for number in range(60):
        site.clock.advance(seconds=1)
        await portal.organizations.rename(ada.actor if number % 2 else bo.actor, own, name=f"VoiceBox {number}")
    page = await ada.get(f"/portal/o/{own}/audit")
    assert page.text.count("organization.renamed") == 50
    (earlier,) = re.findall(r'href="(/portal/o/[^"]*cursor=[^"]*)"', page.text)
    page = await ada.get(entities.unescape(earlier))
    assert page.text.count("organization.renamed") == 10 and "Created the organization" in words(ada)
    page = await ada.get(f"/portal/o/{own}/audit?by=account:{bo.account_id}")
    assert page.text.count("organization.renamed") == 30 and "Only what Bo did" in words(ada)
    page = await ada.get(f"/portal/o/{own}/audit?tag=member")
    assert "Nothing of this kind" in words(ada)
    for forged in ("x", "' OR 1=1 --", earlier.partition("cursor=")[2] + "A"):
        assert (await ada.get(f"/portal/o/{own}/audit?cursor={forged}")).status_code == 400
    await ada.get(f"/portal/o/{own}/audit")
    form = ada.read.form("/audit/export")
    page = await ada.post(form.action, form.fields)
    assert page.headers["content-type"].startswith("text/csv")
    assert page.headers["content-disposition"].startswith("attachment")
    rows = list(csv.reader(io.StringIO(page.text, newline="")))
    assert len(rows) == 1 + 62
    assert {row[3] for row in rows[1:]} == {"Bo", "'=HYPERLINK(1)"}
    assert not any(cell[:1] in "=+-@" for row in rows for cell in row if cell)


async def test_webhook_pages(site: Site) -> None:
    ada, eye = await developer(site), await developer(site, "Eye", "eye@voicebox.example")
    own = await organization(site, ada)
    await join(site, own, eye, Role.VIEWER)
    await ada.get(f"/portal/o/{own}/webhooks")
    assert "No endpoint yet" in words(ada)
    await ada.get(f"/portal/o/{own}/webhooks/new")
    for wrong in ("http://hooks.voicebox.example/", "https://127.0.0.1/", "https://10.1.2.3/x", "https://[::1]/", "https://nas.local/"):
        page = await ada.submit("/webhooks/new", url=wrong)
        assert page.status_code == 422, wrong
    page = await ada.submit("/webhooks/new", url="https://hooks.voicebox.example/a", description="Production")
    (secret,) = set(re.findall(r"whsec_[A-Za-z0-9+/]{43}=", entities.unescape(page.text)))
    page = await ada.get(f"/portal/o/{own}/webhooks")
    assert secret not in entities.unescape(page.text)
    (one,) = await site.built.portal.webhooks.list_webhooks(ada.actor, own)
    url = f"/portal/o/{own}/webhooks/{one.id}"
    await ada.get(url)
    assert "No deliveries yet" in words(ada)
    await ada.submit("/disable")
    assert "nothing is sent to it" in words(ada)
    await ada.submit("/enable")
    page = await ada.submit(one.id, url="https://10.0.0.1/", description="Production")
    assert page.status_code == 422
    await ada.get(f"{url}/rotate")
    page = await ada.submit("/rotate", overlap="86400000")
    (second,) = set(re.findall(r"whsec_[A-Za-z0-9+/]{43}=", entities.unescape(page.text)))
    assert second != secret
    (one,) = await site.built.portal.webhooks.list_webhooks(ada.actor, own)
    assert len(one.secrets) == 2
    page = await eye.get(url)
    assert "Rotate" not in words(eye) and "Delete" not in words(eye)
    await ada.get(f"{url}/delete")
    await ada.submit("/delete")
    assert "No endpoint yet" in words(ada)


def test_every_event_of_an_organization_has_words() -> None:
    groups = {key for key, _ in GROUPS if key}
    silent = [tag.value for tag in Tag if tag.value.partition(".")[0] in groups and tag.value not in EVENTS]
    assert silent == []
    for kind in NoticeKind:
        words, action = notice(kind, {"decision": "approve", "product": "VoiceBox"})
        assert words.endswith(".") and action
