"""The portal's start page, its navigation, and the two answers around every handler."""

from __future__ import annotations

import pytest

from dialkey.developers.access import Role
from dialkey.developers.reviews import Reviews
from dialkey.directory.registration import ClientRegistration
from dialkey.portal.house import PortalHouse
from support.portal import complete_product, developer, join, organization
from support.site import Site


async def test_who_is_not_signed_in_goes_to_the_sign_in_page_and_comes_back(site: Site) -> None:
    async with site.http() as http:
        headers = {"accept": "text/html"}
        assert (await http.get("/portal", headers=headers)).headers["location"] == "/portal/sign-in"
        page = await http.get("/portal/p/abc/scopes?q=sms", headers=headers)
        assert page.status_code == 303
        assert page.headers["location"] == "/portal/sign-in?next=/portal/p/abc/scopes%3Fq%3Dsms"
        posted = await http.post("/portal/p/abc/scopes", headers=headers)
        assert posted.headers["location"] == "/portal/sign-in"


@pytest.mark.parametrize(
    ("target", "goes"),
    [
        ("/portal/p/abc/scopes?q=sms", "/portal/p/abc/scopes?q=sms"),
        ("/portal", "/portal"),
        ("https://evil.example/", "/portal"),
        ("//evil.example/portal/", "/portal"),
        ("/portal/../oauth2/auth", "/portal"),
        ("/portal//evil", "/portal"),
        ("/portal\\evil", "/portal"),
        ("/portalx", "/portal"),
        ("/portal/\r\nx: y", "/portal"),
        ("/handset", "/portal"),
        (None, "/portal"),
    ],
)
def test_s012_after_signing_in_people_stay_here(target: str | None, goes: str) -> None:
    assert PortalHouse.safe_next(target) == goes


async def test_the_checklist_fills_itself(site: Site) -> None:
    ada = await developer(site)
    portal = site.built.portal

    async def now() -> str:
        page = await ada.get("/portal")
        assert page.status_code == 200
        marker = page.text.split('class="check check-now"')
        return marker[1].split('check-title">')[1].split("<")[0] if len(marker) == 2 else ""

    assert await now() == "Create your organization"
    assert "Welcome, Ada" in ada.read.text
    owner = await organization(site, ada)
    assert await now() == "Create a product"
    assert f"/portal/o/{owner}/products/new" in ada.read.links
    product = await portal.products.create(ada.actor, owner, name="VoiceBox")
    assert await now() == "Choose its scopes"
    await complete_product(site, ada, product)
    assert await now() == "Create a client"
    await site.directory.create_client(
        actor="cli:tests",
        product_id=product,
        registration=ClientRegistration(description="Web", redirect_uris=("https://app.example/cb",)),
    )
    assert await now() == "Try it"
    await portal.versions.submit(ada.actor, product)
    assert await now() == "Try it"
    await Reviews(portal.products._office).decide("cli:tests", product, 1, "approve")
    assert await now() == ""
    assert "VoiceBox" in ada.read.text
    assert "Live" in ada.read.text


async def test_a_viewer_is_offered_nothing_to_make(site: Site) -> None:
    ada, eve = await developer(site), await developer(site, "Eve", "eve@voicebox.example")
    owner = await organization(site, ada)
    await join(site, owner, eve, Role.VIEWER)
    page = await eve.get("/portal")
    assert "No product yet" in page.text
    assert not [link for link in eve.read.links if link.endswith("/products/new")]


async def test_s108_another_organization_is_nowhere_on_the_page(site: Site) -> None:
    ada, mallory = await developer(site), await developer(site, "Mallory", "mallory@evil.example")
    owner = await organization(site, ada, "Secret Works")
    await site.built.portal.products.create(ada.actor, owner, name="Hidden")
    page = await mallory.get("/portal")
    assert "Secret Works" not in page.text
    assert "Hidden" not in page.text


async def test_a_refusal_is_a_page_of_the_portal_for_people_and_problem_details_for_programs(site: Site) -> None:
    ada = await developer(site)
    page = await ada.get("/portal/p/AAAAAAAAAAAAAAAAAAAAAA/general")
    assert page.status_code == 404
    assert "We cannot find that" in page.text
    assert "ada@voicebox.example" in page.text
    assert page.headers["cache-control"] == "no-store"
    program = await ada.http.get("/portal/p/AAAAAAAAAAAAAAAAAAAAAA/general", headers={"accept": "application/json"})
    assert program.status_code == 404
    assert program.headers["content-type"] == "application/problem+json"
    assert program.json()["code"] == "no_such_product"


async def test_a_note_is_one_of_ours(site: Site) -> None:
    ada = await developer(site)
    assert "Saved." in (await ada.get("/portal?done=saved")).text
    assert "evil" not in (await ada.get("/portal?done=evil%20text")).text


async def test_home_costs_three_statements(site: Site) -> None:
    ada = await developer(site)
    owner = await organization(site, ada)
    for name in ("One", "Two", "Three"):
        await site.built.portal.products.create(ada.actor, owner, name=name)
    before = site.storage.statements
    await ada.get("/portal")
    assert site.storage.statements - before == 3
