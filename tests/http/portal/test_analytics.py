"""The Analytics tab: what stands there is what was counted, as a chart, as a table and as CSV."""

from __future__ import annotations

import csv
import io

from dialkey.developers.access import Role
from dialkey.directory.registration import ClientRegistration
from dialkey.insights import Kind
from support.portal import Developer, developer, join
from support.site import Site, exchange
from support.world import ANNA


async def owner(site: Site) -> Developer:
    ada = await developer(site)
    await join(site, site.world.organization, ada, Role.OWNER)
    return ada


def url(site: Site, ending: str = "") -> str:
    return f"/portal/p/{site.world.product}/analytics{ending}"


async def test_a_product_without_traffic_says_what_will_be_here(site: Site) -> None:
    ada = await owner(site)
    assert "No sign-in yet" in (await ada.get(url(site))).text
    assert "No test yet" in (await ada.get(url(site, "?traffic=sandbox"))).text
    assert "Nothing in this time" in (await ada.get(url(site, f"?client={site.world.web.client_id}"))).text


async def test_a_sign_in_is_in_the_funnel_the_chart_and_the_csv(site: Site) -> None:
    ada, web = await owner(site), site.world.web
    back = await site.visitor().complete(web, ANNA)
    await exchange(site, web, back["code"])
    await exchange(site, web, back["code"])
    await site.built.house.insights.flush()
    page = (await ada.get(url(site))).text
    for words in ("Sign-ins started", "Codes exchanged", "The code was used before", "100 %"):
        assert words in page, words
    assert page.count('class="bar-done" x=') == 1
    assert "style=" not in page
    answer = await ada.http.get(url(site, ".csv?span=day"))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="analytics.csv"'
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == ["begins", "Sign-ins started", "Codes exchanged"]
    assert len(rows[1:25]) == 24 and sum(int(row[1]) for row in rows[1:25]) == 1
    assert ["total", "PIN right", "1"] in rows
    assert ["failed", "Code exchange: The code was used before. The grant has ended.", "1"] in rows


async def test_whatever_is_asked_there_is_a_page(site: Site) -> None:
    ada = await owner(site)
    site.built.house.insights.note(site.world.web.client_id, site.world.product, Kind.TOKEN)
    await site.built.house.insights.flush()
    for query in (
        "?span=century", "?span=%00", "?client=x", "?operator=%27%3B--", "?traffic=both", "?span=year&traffic=sandbox",
        "?operator=" + "o" * 500,
    ):  # fmt: skip
        assert (await ada.get(url(site, query))).status_code == 200, query
        assert (await ada.http.get(url(site, ".csv" + query))).status_code == 200, query


async def test_a_client_s_name_is_no_formula_and_no_markup(site: Site) -> None:
    ada = await owner(site)
    for description in ("=cmd()", "<script>x"):
        await site.directory.create_client(
            actor="cli:tests",
            product_id=site.world.product,
            registration=ClientRegistration(description=description, redirect_uris=("https://x.example/cb",)),
        )
    site.built.house.insights.note(site.world.web.client_id, site.world.product, Kind.TOKEN)
    await site.built.house.insights.flush()
    assert "<script>x" not in (await ada.get(url(site))).text
    assert "\n=" not in (await ada.http.get(url(site, ".csv"))).text
