"""A product's pages: making one, its texts and pictures, operators, scopes, handing it in, deleting it."""

from __future__ import annotations

import re

import pytest

from dialkey.developers.access import Role
from dialkey.developers.content import Availability
from dialkey.developers.reviews import Reviews
from dialkey.directory.registration import ClientRegistration
from support.portal import Developer, complete_product, developer, join, organization, png
from support.site import CHROME, Site

TABS = ("general", "listing", "scopes", "submit")


@pytest.fixture
async def ada(site: Site) -> Developer:
    return await developer(site)


@pytest.fixture
async def owner(site: Site, ada: Developer) -> str:
    return await organization(site, ada)


@pytest.fixture
async def product(site: Site, ada: Developer, owner: str) -> str:
    return await site.built.portal.products.create(ada.actor, owner, name="VoiceBox")


async def ready(site: Site, ada: Developer, product: str) -> None:
    """All that the Submit tab asks for."""
    await complete_product(site, ada, product)
    await site.directory.create_client(
        actor="cli:tests",
        product_id=product,
        registration=ClientRegistration(description="Web", redirect_uris=("https://app.example/cb",)),
    )


async def approve(site: Site, ada: Developer, product: str, number: int = 1) -> None:
    portal = site.built.portal
    await portal.versions.submit(ada.actor, product)
    await Reviews(portal.products._office).decide("cli:tests", product, number, "approve")


# making one


async def test_a_name_and_a_kind_are_enough(site: Site, ada: Developer, owner: str) -> None:
    await ada.get(f"/portal/o/{owner}/products/new")
    page = await ada.submit("/products/new", name="  VoiceBox ")
    assert page.status_code == 200
    assert re.fullmatch(r"/portal/p/[\w-]{22}/general\?done=product-created", ada.visited[-1])
    assert "Your product is there" in page.text
    assert ada.read.form("/general").fields["name"] == "VoiceBox"


async def test_an_operator_product_says_that_nobody_is_asked(site: Site, ada: Developer, owner: str) -> None:
    await ada.get(f"/portal/o/{owner}/products/new")
    await ada.submit("/products/new", name="Spam shield", kind="operator")
    product = ada.visited[-1].split("/")[3]
    assert "Nobody is asked one by one" in (await ada.get(f"/portal/p/{product}/scopes")).text


async def test_a_refused_name_comes_back_as_it_was_typed(site: Site, ada: Developer, owner: str) -> None:
    await ada.get(f"/portal/o/{owner}/products/new")
    page = await ada.submit("/products/new", name="Vоicе", kind="operator")  # with Cyrillic letters
    assert page.status_code == 422
    assert "mixes letters" in page.text
    assert "<title>Check this: " in page.text
    assert ada.read.form("/new").fields == {
        "csrf": ada.read.form("/new").fields["csrf"],
        "name": "Vоicе",
        "kind": "operator",
    }


# general


async def test_general_saves_what_was_typed(site: Site, ada: Developer, product: str) -> None:
    await ada.get(f"/portal/p/{product}/general")
    typed = {
        "subtitle": "Your voicemail",
        "description": "# Hello\r\n\r\n- one",
        "price": "19 kr",
        "support": "help@voicebox.example",
        "terms_url": "https://voicebox.example/terms",
        "accent": "#5B3DF5",
    }
    page = await ada.submit("/general", **typed)
    assert "Saved." in page.text
    fields = ada.read.form("/general").fields
    assert fields["description"] == "# Hello\n\n- one"
    assert (fields["subtitle"], fields["price"], fields["accent"]) == ("Your voicemail", "19 kr", "#5b3df5")
    await ada.submit("/general", price="")
    assert ada.read.form("/general").fields["price"] == ""
    assert ada.read.form("/general").fields["subtitle"] == "Your voicemail"


async def test_a_refused_link_stays_with_its_problem_beside_it(site: Site, ada: Developer, product: str) -> None:
    await ada.get(f"/portal/p/{product}/general")
    page = await ada.submit("/general", terms_url="javascript:alert(1)", price="19 kr")
    assert page.status_code == 422
    assert 'id="terms_url-problem"' in page.text
    assert ada.read.form("/general").fields["price"] == "19 kr"
    assert (await site.built.portal.products.get(ada.actor, product)).draft.price == ""


async def test_s113_a_description_is_previewed_and_inert(site: Site, ada: Developer, product: str) -> None:
    await ada.get(f"/portal/p/{product}/general")
    text = "**bold** <script>alert(1)</script> [x](javascript:alert(1)) ![y](https://evil.example/p.png)"
    page = await ada.submit("/general", description=text, do="preview", subtitle='"><script>')
    assert page.status_code == 200
    assert "<strong>bold</strong>" in page.text
    assert "<script>alert" not in page.text
    assert 'href="javascript' not in page.text
    assert '<img src="https' not in page.text
    assert ada.read.form("/general").fields["description"] == text
    assert (await site.built.portal.products.get(ada.actor, product)).draft.description == ""


async def test_s109_a_form_sets_nothing_but_its_own_fields(
    site: Site, ada: Developer, owner: str, product: str
) -> None:
    await ada.get(f"/portal/p/{product}/general")
    await ada.submit(
        "/general", status="approved", verified="1", organization_id="x", verified_at="1", sector="x", availability="full",
        required_scopes="phone", kind="operator",
    )  # fmt: skip
    view = await site.built.portal.products.get(ada.actor, product)
    assert not view.approved
    assert view.organization_id == owner
    assert view.kind == "subscriber"
    assert view.availability == Availability.LIMITED
    assert view.draft.required_scopes == ()


async def test_pictures_are_made_anew_and_can_be_removed(site: Site, ada: Developer, product: str) -> None:
    await ada.get(f"/portal/p/{product}/general")
    page = await ada.upload("/pictures", png(), picture="icon")
    assert "The picture is in place" in page.text
    content = (await site.built.portal.products.get(ada.actor, product)).draft
    assert f"/media/{content.icon_id}" in page.text
    picture = await ada.http.get(f"/media/{content.icon_id}")
    assert picture.headers["content-type"] == "image/png"
    page = await ada.upload("/pictures", b"<svg onload=alert(1)>", picture="icon")
    assert page.status_code == 422
    assert "Use a PNG, JPEG or WebP picture" in page.text
    page = await ada.upload("/pictures", b"", picture="icon")
    assert page.status_code == 422
    await ada.get(f"/portal/p/{product}/general")
    await ada.submit("/pictures/remove")
    assert (await site.built.portal.products.get(ada.actor, product)).draft.icon_id is None


# listing


async def test_an_offer_is_made_and_taken_back(site: Site, ada: Developer, product: str) -> None:
    nordcell = site.world.nordcell
    page = await ada.get(f"/portal/p/{product}/listing")
    assert "Sweden" in page.text
    await ada.submit(f"/{nordcell}/offer")
    assert "Offered. The operator sees it" in ada.read.text
    await ada.submit(f"/{nordcell}/withdraw")
    assert "No longer offered there" in ada.read.text


async def test_where_it_is_enabled_withdrawing_asks_first(site: Site, ada: Developer, product: str) -> None:
    nordcell = site.world.nordcell
    await site.built.portal.products.offer(ada.actor, product, [nordcell])
    await site.directory.enable_product(actor="cli:tests", product_id=product, operator_id=nordcell)
    await ada.get(f"/portal/p/{product}/listing")
    page = await ada.submit(f"/{nordcell}/withdraw")
    assert "Withdraw VoiceBox from Nordcell?" in page.text
    page = await ada.submit(f"/{nordcell}/withdraw")
    assert "No longer offered there" in page.text


async def test_full_availability_offers_to_all(site: Site, ada: Developer, product: str) -> None:
    await ada.get(f"/portal/p/{product}/listing")
    page = await ada.submit("/availability", availability="full")
    assert "Every operator may enable it" in page.text
    assert not [form for form in ada.read.forms if form.action.endswith("/offer")]
    page = await ada.submit("/availability", availability="nonsense")
    assert page.status_code == 422


async def test_operators_are_found_by_name_and_country(site: Site, ada: Developer, product: str) -> None:
    page = await ada.get(f"/portal/p/{product}/listing?q=fjord")
    assert "Fjordtel" in page.text
    assert "Nordcell" not in page.text
    assert "No operator found" in (await ada.get(f"/portal/p/{product}/listing?q=%25")).text


# scopes


async def test_scopes_are_enabled_and_made_optional(site: Site, ada: Developer, product: str) -> None:
    await ada.get(f"/portal/p/{product}/scopes")
    ticks = {"on:phone": "on", "on:voicemail.get": "on", "optional:voicemail.get": "on"}
    form = next(form for form in ada.read.forms if form.method == "post" and form.action.endswith("/scopes"))
    page = await ada.post(form.action, {**form.fields, **ticks})
    assert "Know your phone number" in page.text
    view = await site.built.portal.products.get(ada.actor, product)
    assert (view.draft.required_scopes, view.draft.optional_scopes) == (("phone",), ("voicemail.get",))


async def test_the_filter_leaves_what_it_hides(site: Site, ada: Developer, product: str) -> None:
    await site.built.portal.products.set_scopes(ada.actor, product, required=["phone"], optional=["sim.import.write"])
    page = await ada.get(f"/portal/p/{product}/scopes?q=voicemail+get")
    assert "voicemail.get" in page.text
    form = next(form for form in ada.read.forms if form.method == "post" and form.action.endswith("/scopes"))
    assert "on:phone" not in form.boxes
    await ada.post(form.action, {**form.fields, "on:voicemail.get": "on"})
    view = await site.built.portal.products.get(ada.actor, product)
    assert set(view.draft.required_scopes) == {"phone", "voicemail.get"}
    assert view.draft.optional_scopes == ("sim.import.write",)


async def test_optional_alone_is_said_and_kept(site: Site, ada: Developer, product: str) -> None:
    await ada.get(f"/portal/p/{product}/scopes?q=phone")
    form = next(form for form in ada.read.forms if form.method == "post" and form.action.endswith("/scopes"))
    page = await ada.post(form.action, {**form.fields, "optional:phone": "on"})
    assert page.status_code == 422
    assert "phone is Optional but not Enabled" in page.text


# submit


async def test_the_checklist_leads_to_each_missing_field(site: Site, ada: Developer, product: str) -> None:
    page = await ada.get(f"/portal/p/{product}/submit")
    assert "Before you can submit version 1" in page.text
    links = [link for link in ada.read.links if link.startswith(f"/portal/p/{product}/")]
    assert f"/portal/p/{product}/general#terms_url" in links
    general = (await ada.get(f"/portal/p/{product}/general")).text
    for link in links:
        if "#" in link:
            assert f'id="{link.partition("#")[2]}"' in general, link


async def test_s112_a_version_is_handed_in_approved_and_edited_while_it_stays_live(
    site: Site, ada: Developer, product: str
) -> None:
    await ready(site, ada, product)
    await ada.get(f"/portal/p/{product}/submit")
    page = await ada.submit("/submit", note="First one.")
    assert "is being reviewed" in page.text
    assert "readonly" in (await ada.get(f"/portal/p/{product}/general")).text
    await Reviews(site.built.portal.products._office).decide("cli:tests", product, 1, "approve")
    page = await ada.get(f"/portal/p/{product}/submit")
    assert "Version 1 is live" in page.text
    await ada.get(f"/portal/p/{product}/general")
    page = await ada.submit("/general", subtitle="Now with search")
    assert "You are editing version 2; version 1 is live" in page.text
    page = await ada.get(f"/portal/p/{product}/submit")
    assert "What this version changes" in page.text
    assert "Your voicemail, in one tap" in page.text
    assert "Now with search" in page.text
    client = await site.built.portal.client_directory.find_client(await _client_of(site, product))
    assert client is not None
    assert client.product.subtitle == "Your voicemail, in one tap"
    await ada.get(f"/portal/p/{product}/submit/discard")
    page = await ada.submit("/discard")
    assert "The draft is gone" in page.text
    assert "What this version changes" not in page.text


async def test_a_comment_comes_back(site: Site, ada: Developer, product: str) -> None:
    await ready(site, ada, product)
    await site.built.portal.versions.submit(ada.actor, product)
    await Reviews(site.built.portal.products._office).decide(
        "cli:tests", product, 1, "return", comment="The <b>terms</b> cannot be opened."
    )
    page = await ada.get(f"/portal/p/{product}/submit")
    assert "The reviewer asks for changes" in page.text
    assert "The &lt;b&gt;terms&lt;/b&gt; cannot be opened." in page.text
    assert "Read the comment" in (await ada.get(f"/portal/p/{product}/general")).text


async def test_what_is_in_review_can_be_taken_back(site: Site, ada: Developer, product: str) -> None:
    await ready(site, ada, product)
    await site.built.portal.versions.submit(ada.actor, product)
    await ada.get(f"/portal/p/{product}/submit")
    form = ada.read.form("/withdraw")
    page = await ada.post(form.action, form.fields)
    assert "Taken back" in page.text
    page = await ada.post(form.action, form.fields)
    assert "was done already" in page.text


async def test_an_edit_during_review_is_refused_and_keeps_what_was_typed(
    site: Site, ada: Developer, product: str
) -> None:
    await ready(site, ada, product)
    await ada.get(f"/portal/p/{product}/general")
    form = ada.read.form("/general")
    await site.built.portal.versions.submit(ada.actor, product)
    page = await ada.post(form.action, {**form.fields, "subtitle": "Too late"})
    assert page.status_code == 422
    assert "It is being reviewed" in page.text
    assert ada.read.form("/general").fields["subtitle"] == "Too late"


# deleting


async def test_deleting_wants_the_name(site: Site, ada: Developer, owner: str, product: str) -> None:
    await ada.get(f"/portal/p/{product}/delete")
    page = await ada.submit("/delete", name="voicebox")
    assert page.status_code == 422
    form = ada.read.form("/delete")
    response = await ada.http.post(form.action, data={**form.fields, "name": "VoiceBox"}, headers=CHROME)
    assert response.headers["location"] == f"/portal/o/{owner}?done=deleted"
    assert await ada.status(f"/portal/p/{product}/general") == 404


async def test_deleting_asks_who_it_is_where_that_was_long_ago(site: Site, ada: Developer, product: str) -> None:
    site.clock.advance(minutes=20)
    response = await ada.http.get(f"/portal/p/{product}/delete", headers=CHROME)
    assert response.status_code == 303
    assert response.headers["location"] == f"/portal/account/confirm?next=/portal/p/{product}/delete"


# who may


@pytest.mark.parametrize("tab", [*TABS, "delete", "submit/discard"])
async def test_s108_another_organizations_product_does_not_exist(
    site: Site, ada: Developer, product: str, tab: str
) -> None:
    mallory = await developer(site, "Mallory", "mallory@evil.example")
    await organization(site, mallory, "Evil Inc")
    assert await mallory.status(f"/portal/p/{product}/{tab}") == 404


async def test_s108_s110_roles_decide_who_may_change(site: Site, ada: Developer, owner: str, product: str) -> None:
    eve, dan = (
        await developer(site, "Eve", "eve@voicebox.example"),
        await developer(site, "Dan", "dan@voicebox.example"),
    )
    await join(site, owner, eve, Role.VIEWER)
    await join(site, owner, dan, Role.DEVELOPER)
    for tab in TABS:
        page = await eve.get(f"/portal/p/{product}/{tab}")
        assert page.status_code == 200
        assert "your role here is viewer" in page.text
    house = site.built.portal
    csrf = house.session_token(f"session-of-{eve.account_id}", "product.general")
    fields = {"csrf": csrf, "name": "Hacked", "accent": "#000000"}
    page = await eve.post(f"/portal/p/{product}/general", fields)
    assert page.status_code == 403
    assert "Your role does not allow this" in page.text
    assert await dan.status(f"/portal/p/{product}/delete") == 403
    assert await dan.status(f"/portal/o/{owner}/products/new") == 200
    assert await eve.status(f"/portal/o/{owner}/products/new") == 403


async def test_a_form_of_another_session_purpose_or_site_changes_nothing(
    site: Site, ada: Developer, product: str
) -> None:
    house, address = site.built.portal, f"/portal/p/{product}/general"
    fields = {"name": "Changed", "accent": "#000000"}
    mine = f"session-of-{ada.account_id}"
    for csrf in ("", "x", house.session_token("other", "product.general"), house.session_token(mine, "product.scopes")):
        page = await ada.post(address, {**fields, "csrf": csrf})
        assert page.status_code == 403
        assert "This page was open for long" in page.text
    good = house.session_token(mine, "product.general")
    page = await ada.post(address, {**fields, "csrf": good}, **{"sec-fetch-site": "cross-site"})
    assert page.status_code == 403
    site.clock.advance(hours=13)
    assert (await ada.post(address, {**fields, "csrf": good})).status_code == 403
    assert (await house.products.get(ada.actor, product)).live.name == "VoiceBox"


# what a page costs


@pytest.mark.parametrize("tab", TABS)
async def test_a_tab_costs_at_most_eight_statements(site: Site, ada: Developer, product: str, tab: str) -> None:
    await ready(site, ada, product)
    await approve(site, ada, product)
    await ada.get(f"/portal/p/{product}/general")
    await ada.submit("/general", subtitle="Changed")
    await ada.get(f"/portal/p/{product}/{tab}")
    before = site.storage.statements
    page = await ada.get(f"/portal/p/{product}/{tab}")
    assert page.status_code == 200
    assert site.storage.statements - before <= 8


async def _client_of(site: Site, product: str) -> str:
    from dialkey.storage import Statement

    row = await site.storage.read.one(
        Statement("tests.client_of", "SELECT id FROM clients WHERE product_id = :id"), id=product
    )
    return row.id
