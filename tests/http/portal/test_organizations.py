"""The organization pages: making one, joining one, its people, its end."""

from __future__ import annotations

import html as entities
import re
from typing import Any

import msgspec
import pytest

from dialkey.developers.access import Role
from dialkey.storage import Statement
from support.portal import Developer, developer, join, organization
from support.site import Site

_MAILS = Statement("tests.mails", "SELECT id, kind, sealed FROM mail_messages ORDER BY queued_at, id")


async def letters(site: Site, kind: str) -> list[dict[str, Any]]:
    return [
        msgspec.json.decode(site.keyring.open_box(f"mail/{row.id}", row.sealed))
        for row in await site.storage.read.all(_MAILS)
        if row.kind == kind
    ]


async def invitation_url(site: Site) -> str:
    text = (await letters(site, "invitation"))[-1]["text"]
    return re.search(r"/portal/invitations\?token=[\w-]+", text)[0]  # type: ignore[index]


def words(who: Developer) -> str:
    assert who.page is not None
    return " ".join(entities.unescape(re.sub(r"<[^>]+>", " ", who.page.text)).split())


async def team(site: Site) -> tuple[Developer, Developer, Developer, Developer, str]:
    """(owner, developer, viewer, somebody else who owns another organization, the organization)."""
    ada = await developer(site)
    bo = await developer(site, "Bo Diaz", "bo@voicebox.example")
    cleo = await developer(site, "Cleo Moon", "cleo@voicebox.example")
    eve = await developer(site, "Eve Other", "eve@other.example")
    own = await organization(site, ada)
    await organization(site, eve, "Other AB")
    await join(site, own, bo, Role.DEVELOPER)
    await join(site, own, cleo, Role.VIEWER)
    return ada, bo, cleo, eve, own


async def test_from_nothing_to_an_organization(site: Site) -> None:
    ada = await developer(site)
    await ada.get("/portal/organizations/new")
    assert "Create your organization" in words(ada)
    page = await ada.submit("/organizations/new", name="Voice  Box")
    assert page.status_code == 422
    assert "double" in words(ada) and 'value="Voice  Box"' in page.text
    page = await ada.submit("/organizations/new", name="VoiceBox AB")
    assert page.status_code == 200
    assert "Your organization is ready" in words(ada)
    assert "Create a product" in words(ada)


async def test_who_is_signed_out_goes_to_sign_in(site: Site) -> None:
    ada, *_, own = await team(site)
    for path in ("", "/members", "/settings", "/keys", "/keys/new", "/audit", "/webhooks", "/notifications", "/delete"):
        async with site.http() as http:
            answer = await http.get(f"/portal/o/{own}{path}", headers={"accept": "text/html"})
        assert answer.status_code == 303, path
        assert answer.headers["location"].startswith("/portal/sign-in?next=")
    for path in ("/members", "/delete", "/undelete", "/leave", "/keys/new", "/audit/export", "/webhooks/new"):
        async with site.http() as http:
            answer = await http.post(f"/portal/o/{own}{path}", data={"csrf": "x", "name": "VoiceBox AB"})
        assert answer.status_code == 303, path
        assert answer.headers["location"] == "/portal/sign-in"
    assert await ada.status(f"/portal/o/{own}") == 200


PAGES = (
    "", "/members", "/settings", "/keys", "/audit", "/webhooks", "/notifications", "/leave", "/delete", "/keys/new",
    "/webhooks/new", "/members/{m}", "/members/{m}/remove", "/members/{m}/transfer", "/webhooks/{w}", "/webhooks/{w}/rotate",
    "/webhooks/{w}/delete", "/keys/{k}/revoke",
)  # fmt: skip
OWNERS = {"/delete", "/keys/new", "/members/{m}", "/members/{m}/remove", "/members/{m}/transfer", "/keys/{k}/revoke"}
DEVELOPERS = {"/webhooks/new", "/webhooks/{w}/rotate", "/webhooks/{w}/delete"}
POSTS = (
    "/settings", "/delete", "/undelete", "/members", "/members/{m}", "/members/{m}/remove", "/members/{m}/transfer",
    "/invitations/{i}/resend", "/invitations/{i}/withdraw", "/leave", "/keys/new", "/keys/{k}/revoke", "/audit/export",
    "/notifications", "/webhooks/new", "/webhooks/{w}", "/webhooks/{w}/enable", "/webhooks/{w}/disable",
    "/webhooks/{w}/rotate", "/webhooks/{w}/delete",
)  # fmt: skip
PURPOSES = {
    "/settings": "organization.settings", "/delete": "organization.delete", "/undelete": "organization.undelete",
    "/members": "members", "/members/{m}": "member", "/members/{m}/remove": "member.remove",
    "/members/{m}/transfer": "member.transfer", "/invitations/{i}/resend": "members",
    "/invitations/{i}/withdraw": "members", "/leave": "member.leave", "/keys/new": "keys.new",
    "/keys/{k}/revoke": "keys.revoke", "/audit/export": "trail.export", "/notifications": "notices.read",
    "/webhooks/new": "webhook.new", "/webhooks/{w}": "webhook.change", "/webhooks/{w}/enable": "webhook.change",
    "/webhooks/{w}/disable": "webhook.change", "/webhooks/{w}/rotate": "webhook.rotate",
    "/webhooks/{w}/delete": "webhook.delete",
}  # fmt: skip
FIELDS = {
    "name": "VoiceBox AB", "email": "x@y.example", "role": "owner", "scope.products:read": "on", "expires": "30",
    "url": "https://evil.example/", "overlap": "0", "ticket": "x",
}  # fmt: skip


async def _things(site: Site, ada: Developer, own: str) -> dict[str, str]:
    portal = site.built.portal
    members = await portal.members.list_members(ada.actor, own)
    webhook = await portal.webhooks.create(ada.actor, own, url="https://hooks.voicebox.example/")
    key = await portal.keys.create_for_organization(ada.actor, own, name="CI", scopes=["products:read"])
    invitation = await portal.members.invite(ada.actor, own, email="dan@voicebox.example", role=Role.VIEWER)
    bo = next(member.id for member in members if member.name == "Bo Diaz")
    return {"m": bo, "w": webhook.webhook_id, "k": key.id, "i": invitation}


async def test_s108_every_page_in_every_role(site: Site) -> None:
    ada, bo, cleo, eve, own = await team(site)
    things = await _things(site, ada, own)
    for path in PAGES:
        url = f"/portal/o/{own}" + path.format(**things)
        assert await ada.status(url) == 200, path
        assert await eve.status(url) == 404, path
        assert await cleo.status(url) == (403 if path in OWNERS | DEVELOPERS else 200), path
        assert await bo.status(url) == (403 if path in OWNERS else 200), path


async def test_s108_s110_every_form_in_every_role(site: Site) -> None:
    ada, bo, cleo, eve, own = await team(site)
    things = await _things(site, ada, own)
    portal = site.built.portal
    theirs = (await portal.organizations.list_memberships(eve.actor))[0].organization_id
    before = await site.storage.read.all(Statement("t.m", "SELECT id, role FROM members ORDER BY id"))
    for path in POSTS:
        for who, expected in ((eve, 404), (cleo, 403), (bo, 403)):
            if who is not eve and path in ("/leave", "/notifications", "/audit/export"):
                continue  # theirs to do
            if who is bo and path.startswith("/webhooks"):
                continue
            fields = {**FIELDS, "csrf": portal.session_token(f"session-of-{who.account_id}", PURPOSES[path])}
            answer = await who.post(f"/portal/o/{own}" + path.format(**things), fields)
            assert answer.status_code == expected, (path, who.name, answer.status_code)
        # the ids of one organization within another
        if "{" in path:
            fields = {**FIELDS, "csrf": portal.session_token(f"session-of-{eve.account_id}", PURPOSES[path])}
            answer = await eve.post(f"/portal/o/{theirs}" + path.format(**things), fields)
            assert answer.status_code == 404, path
    assert before == await site.storage.read.all(Statement("t.m", "SELECT id, role FROM members ORDER BY id"))
    assert (await portal.organizations.get(ada.actor, own)).closes_at is None


@pytest.mark.parametrize("path", POSTS)
async def test_a_form_of_another_session_or_purpose_changes_nothing(site: Site, path: str) -> None:
    ada, bo, _, _, own = await team(site)
    things = await _things(site, ada, own)
    portal = site.built.portal
    for csrf in (
        "",
        "x",
        portal.session_token(f"session-of-{ada.account_id}", "something.else"),
        portal.session_token(f"session-of-{bo.account_id}", PURPOSES[path]),
    ):
        answer = await ada.post(f"/portal/o/{own}" + path.format(**things), {**FIELDS, "csrf": csrf})
        assert answer.status_code == 403
    good = portal.session_token(f"session-of-{ada.account_id}", PURPOSES[path])
    url = f"/portal/o/{own}" + path.format(**things)
    answer = await ada.post(url, {**FIELDS, "csrf": good}, **{"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403


async def test_s109_a_form_sets_only_its_own_fields(site: Site) -> None:
    ada = await developer(site)
    await ada.get("/portal/organizations/new")
    await ada.submit(
        "/organizations/new", name="VoiceBox AB", verified="1", verified_at="1", id="mine", created_by="x", role="viewer"
    )
    (mine,) = await site.built.portal.organizations.list_memberships(ada.actor)
    assert (mine.verified, mine.role, mine.organization_id != "mine") == (False, Role.OWNER, True)
    await ada.get(f"/portal/o/{mine.organization_id}/settings")
    await ada.submit("/settings", name="VoiceBox", verified="1", closes_at="0")
    (mine,) = await site.built.portal.organizations.list_memberships(ada.actor)
    assert (mine.organization_name, mine.verified, mine.closes_at) == ("VoiceBox", False, None)


async def test_s114_invited_by_mail_and_joined(site: Site) -> None:
    ada, *_, own = await team(site)
    await ada.get(f"/portal/o/{own}/members")
    page = await ada.submit("/members", email="not an address", role="developer")
    assert page.status_code == 422 and "Use an e-mail address" in words(ada)
    page = await ada.submit("/members", email="dan@voicebox.example", role="emperor")
    assert page.status_code == 422 and "Choose a role" in words(ada)
    await ada.submit("/members", email="Dan@VoiceBox.example", role="developer")
    assert "on its way" in words(ada) and "dan@voicebox.example" in words(ada)
    url = await invitation_url(site)
    # signed out: what it is, and the two ways in, which come back here
    stranger = site.visitor()
    page = await stranger.get(url)
    assert page.status_code == 200 and "Join VoiceBox AB" in page.text
    assert "/portal/sign-up?next=/portal/invitations%3Ftoken%3D" in page.text
    assert "dan@" not in page.text
    assert page.headers["referrer-policy"] == "no-referrer" and "no-store" in page.headers["cache-control"]
    # signed in with another address
    eve = await developer(site, "Eve", "eve@evil.example")
    page = await eve.get(url)
    assert "another e-mail address" in words(eve) and "dan@" not in page.text
    portal = site.built.portal
    token = url.partition("token=")[2]
    csrf = portal.session_token(f"session-of-{eve.account_id}", "invitation.accept")
    await eve.post("/portal/invitations", {"csrf": csrf, "token": token})
    assert "another e-mail address" in words(eve)
    assert await portal.organizations.list_memberships(eve.actor) == []
    # the one who was meant
    dan = await developer(site, "Dan", "dan@voicebox.example")
    await dan.get(url)
    page = await dan.submit("/portal/invitations")
    assert "You belong to the organization now" in words(dan)
    assert (await portal.organizations.get(dan.actor, own)).role is Role.DEVELOPER
    assert (await dan.get(url)).status_code == 404
    assert "This invitation is over" in words(dan)
    for wrong in ("", "x", "x" * 43, "%00" * 43, "é" * 43):
        assert (await stranger.get(f"/portal/invitations?token={wrong}")).status_code == 404
    (told,) = await letters(site, "invitation_accepted")
    assert told["to"] == "ada@voicebox.example"
    await ada.get(f"/portal/o/{own}/notifications")
    assert "Dan joined as a developer" in words(ada)
    await ada.submit("/notifications")
    assert "Mark all as read" not in words(ada)


async def test_invitations_are_sent_again_and_withdrawn(site: Site) -> None:
    ada, *_, own = await team(site)
    await ada.get(f"/portal/o/{own}/members")
    await ada.submit("/members", email="dan@voicebox.example", role="viewer")
    page = await ada.submit("/resend")
    assert page.status_code == 429 and "Wait ten minutes" in words(ada)
    site.clock.advance(minutes=11)
    await ada.get(f"/portal/o/{own}/members")
    await ada.submit("/resend")
    assert len(await letters(site, "invitation")) == 2
    await ada.submit("/withdraw")
    assert "Its link no longer works" in words(ada) and "dan@" not in words(ada)
    assert (await site.visitor().get(await invitation_url(site))).status_code == 404


async def test_roles_removing_leaving_handing_over(site: Site) -> None:
    ada, bo, cleo, _, own = await team(site)
    portal = site.built.portal
    by_name = {m.name: m.id for m in await portal.members.list_members(ada.actor, own)}
    await ada.get(f"/portal/o/{own}/members/{by_name['Bo Diaz']}")
    await ada.submit(by_name["Bo Diaz"], role="viewer")
    assert (await portal.organizations.get(bo.actor, own)).role is Role.VIEWER
    # the last owner
    await ada.get(f"/portal/o/{own}/members/{by_name['Ada Lovelace']}")
    page = await ada.submit(by_name["Ada Lovelace"], role="viewer")
    assert page.status_code == 422 and "always has an owner" in words(ada)
    await ada.get(f"/portal/o/{own}/leave")
    page = await ada.submit("/leave")
    assert page.status_code == 409 and "always has an owner" in words(ada)
    # removed: at the next request
    assert await cleo.status(f"/portal/o/{own}") == 200
    await ada.get(f"/portal/o/{own}/members/{by_name['Cleo Moon']}/remove")
    await ada.submit("/remove")
    assert await cleo.status(f"/portal/o/{own}") == 404
    assert [letter["to"] for letter in await letters(site, "member_removed")] == ["cleo@voicebox.example"]
    # handed over
    await ada.get(f"/portal/o/{own}/members/{by_name['Bo Diaz']}/transfer")
    await ada.submit("/transfer")
    assert "You are a developer now" in words(ada)
    assert (await portal.organizations.get(bo.actor, own)).role is Role.OWNER
    await ada.get(f"/portal/o/{own}/leave")
    await ada.submit("/leave")
    assert await ada.status(f"/portal/o/{own}") == 404


async def test_deleting_asks_for_the_name_and_can_be_undone(site: Site) -> None:
    ada, bo, *_, own = await team(site)
    await ada.get(f"/portal/o/{own}/delete")
    page = await ada.submit("/delete", name="voicebox ab")
    assert page.status_code == 422 and "exactly as it stands" in words(ada)
    await ada.submit("/delete", name="VoiceBox AB")
    assert "This organization was deleted" in words(ada) and "Keep the organization" in words(ada)
    assert sorted(letter["to"] for letter in await letters(site, "organization_closing")) == [
        "ada@voicebox.example", "bo@voicebox.example", "cleo@voicebox.example",
    ]  # fmt: skip
    await bo.get(f"/portal/o/{own}")
    assert "an owner can undo it" in words(bo) and "Keep the organization" not in words(bo)
    assert await bo.status(f"/portal/o/{own}/products/new") == 409
    await ada.get(f"/portal/o/{own}/members")
    assert "Send invitation" not in words(ada)
    assert await ada.status(f"/portal/o/{own}/delete") == 409
    await ada.get(f"/portal/o/{own}/settings")
    await ada.submit("/undelete")
    assert "stays" in words(ada) and "This organization was deleted" not in words(ada)
    assert len(await letters(site, "organization_kept")) == 3


async def test_s113_hostile_names_are_inert_and_their_links_are_gone_from_mails(site: Site) -> None:
    ada = await developer(site, "<script>alert(1)</script> http://evil.example/")
    portal = site.built.portal
    own = await portal.organizations.create(ada.actor, name='"><img src=x> evil.example')
    for path in ("", "/members", "/settings", "/delete", "/audit"):
        page = await ada.get(f"/portal/o/{own}{path}")
        assert page.status_code == 200
        assert "<script>alert" not in page.text and "<img src=x" not in page.text
    await portal.members.invite(ada.actor, own, email="dan@voicebox.example", role=Role.VIEWER)
    (letter,) = await letters(site, "invitation")
    both = letter["subject"] + letter["text"]
    assert "evil.example" not in both and "http://" not in both
    assert both.count("https://") == 1


async def test_pages_cost_few_statements(site: Site) -> None:
    ada, *_, own = await team(site)
    await _things(site, ada, own)
    for path in ("", "/members", "/settings", "/keys", "/audit", "/webhooks", "/notifications", "/delete"):
        await ada.get(f"/portal/o/{own}{path}")
        before = site.storage.statements
        await ada.get(f"/portal/o/{own}{path}")
        assert site.storage.statements - before <= 6, path
