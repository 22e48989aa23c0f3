"""RFC 6749: the authorization endpoint. Who asks, where it may be answered, and what is refused."""

from __future__ import annotations

from urllib.parse import quote

import httpx
import pytest

from dialkey.directory.model import GrantType
from support.relying_party import CALLBACK, ask, ask_raw, query_of, refused, register, returned, stays
from support.site import CHROME, Registered, Site, exchange, refresh
from support.world import ANNA

VARIANTS = [
    "https://app.example/cb/",
    "https://app.example/CB",
    "https://app.example/cb?x=1",
    "https://app.example/cb?",
    "https://app.example/cb#",
    "https://app.example/cb#f",
    "https://app.example/cb;x",
    "https://app.example/cb%2f",
    "https://app.example/cb/../evil",
    "https://app.example/cb/..;/evil",
    "https://app.example/cb%252f..",
    "https://app.example/%63b",
    "https://app.example//cb",
    "https://app.example/./cb",
    "https://app.example",
    "//app.example/cb",
    "HTTPS://app.example/cb",
    "https://APP.example/cb",
    "https://app.example:443/cb",
    "https://app.example./cb",
    "https:app.example/cb",
    "https:/app.example/cb",
    "https:\\\\app.example\\cb",
    "https://app.example/cb ",
    " https://app.example/cb",
    "https://app.example/cb\t",
    "https://app.example/cb\x00",
    "https://app.example/cb%00",
    "https://app.example/cb\r\n",
    "https://app.example/cb%0d%0a",
    "https://app.example/cb\u200b",
    "https://app.example/cb,https://evil.tld/",
]
HOSTS = [
    "https://app.example@evil.tld/cb",
    "https://app.example:x@evil.tld/cb",
    "https://app.example%40evil.tld/cb",
    "https://evil.tld\\@app.example/cb",
    "https://evil.tld#@app.example/cb",
    "https://evil.tld?@app.example/cb",
    "https://app.example.evil.tld/cb",
    "https://evil.tld/app.example/cb",
    "https://evilapp.example",
    "https://evilapp.example/cb",
    "https://appxexample/cb",
    "https://\u0430pp.example/cb",
    "https://xn--pp-7kc.example/cb",
    "https://app\u3002example/cb",
    "https://[::1]/cb",
    "https://[::ffff:127.0.0.1]/cb",
    "https://2130706433/cb",
    "https://0x7f.1/cb",
    "https://127.0.0.1/cb",
]
SCHEMES = [
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "java\tscript:alert(1)",
    "javascript://app.example/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:https://app.example/x",
    "about:blank",
    "http://app.example/cb",
    "http://127.0.0.1/cb",
    "app.example:/cb",
]


async def test_s001_an_unregistered_redirect_uri_ends_on_a_page(site: Site) -> None:
    evil = "https://evil.tld/steal-7f3a"
    response = await ask(site, site.world.web, redirect_uri=evil)
    stays(response, "evil.tld", "steal-7f3a")


async def test_s001_programs_are_told_so_in_json_and_not_redirected(site: Site) -> None:
    async with site.http() as http:
        url = f"/oauth2/auth?{query_of(site.world.web, redirect_uri='https://evil.tld/')}"
        response = await http.get(url, headers={"accept": "application/json"})
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_request"
    assert "location" not in response.headers
    assert "evil" not in response.text


async def test_s001_also_with_a_session_and_by_post(site: Site) -> None:
    visitor = site.visitor()
    await visitor.complete(site.world.web, ANNA)
    stays(await visitor.start(site.world.web, redirect_uri="https://evil.tld/"), "evil.tld")
    body = query_of(site.world.web, redirect_uri="https://evil.tld/")
    kind = {"content-type": "application/x-www-form-urlencoded"}
    stays(await visitor.http.post("/oauth2/auth", content=body, headers={**CHROME, **kind}), "evil.tld")


async def test_s001_form_post_does_not_carry_errors_to_an_unregistered_place(site: Site) -> None:
    response = await ask(site, site.world.web, redirect_uri="https://evil.tld/cb", response_mode="form_post")
    stays(response, "evil.tld")
    assert "evil.tld" not in response.headers["content-security-policy"]


@pytest.mark.parametrize("uri", VARIANTS)
async def test_s002_the_redirect_uri_is_compared_to_the_letter(site: Site, uri: str) -> None:
    stays(await ask(site, site.world.web, redirect_uri=uri))


@pytest.mark.parametrize("uri", HOSTS)
async def test_s003_host_tricks_do_not_reach_another_host(site: Site, uri: str) -> None:
    stays(await ask(site, site.world.web, redirect_uri=uri), "evil")


async def test_s003_a_dot_of_the_registered_host_is_a_dot(site: Site) -> None:
    client = await register(site, "https://foo.example.com/cb")
    assert (await ask(site, client)).status_code == 200
    for uri in ("https://fooaexample.com/cb", "https://foo.exampleacom/cb", "https://foo-example.com/cb"):
        stays(await ask(site, client, redirect_uri=uri))


@pytest.mark.parametrize("uri", SCHEMES)
async def test_s004_other_schemes_are_refused_at_use(site: Site, uri: str) -> None:
    for client in (site.world.web, site.world.spa):
        stays(await ask(site, client, redirect_uri=uri), "alert(1)")


async def test_the_registered_one_is_accepted(site: Site) -> None:
    assert (await ask(site, site.world.web)).status_code == 200


async def test_the_query_of_a_registered_redirect_uri_stays(site: Site) -> None:
    client = await register(site, "https://app.example/cb?tenant=7&x=")
    back = returned(await ask(site, client, prompt="none"), "https://app.example/cb?tenant=7&x=")
    assert (back["tenant"], back["x"], back["error"]) == ("7", "", "login_required")


async def test_s008_without_redirect_uri_a_client_needs_exactly_one(site: Site) -> None:
    several = await register(site, CALLBACK, "https://app.example/other")
    for omitted in ({"redirect_uri": None}, {"redirect_uri": ""}):
        stays(await ask(site, several, **omitted), "app.example")
        assert (await ask(site, site.world.web, **omitted)).status_code == 200


@pytest.mark.parametrize(
    "uri", ["https://app.example/other", "https://app.example/cb/", "https://evil.tld/", "", None], ids=repr
)
async def test_s008_the_redirect_uri_is_compared_again_at_the_token_endpoint(any_site: Site, uri: str | None) -> None:
    client = await register(any_site, CALLBACK, "https://app.example/other")
    code = (await any_site.visitor().complete(client, ANNA))["code"]
    async with any_site.http() as http:
        fields = {"grant_type": "authorization_code", "code": code}
        if uri is not None:
            fields["redirect_uri"] = uri
        response = await http.post("/oauth2/token", data=fields, auth=client.basic)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")
    assert (await exchange(any_site, client, code)).status_code == 200


async def test_s008_one_that_was_not_sent_need_not_be_repeated(any_site: Site) -> None:
    client = any_site.world.web
    for fields, status in ((None, 200), ({"redirect_uri": CALLBACK}, 200), ({"redirect_uri": "https://evil.tld/"}, 400)):
        visitor = any_site.visitor()
        back = await visitor.complete(client, ANNA, redirect_uri=None)
        async with any_site.http() as http:
            data = {"grant_type": "authorization_code", "code": back["code"], **(fields or {})}
            response = await http.post("/oauth2/token", data=data, auth=client.basic)
        assert response.status_code == status, response.text
        any_site.clock.advance(minutes=11)


@pytest.mark.parametrize(
    "client_id",
    [None, "", "unknown", "00000000-0000-4000-8000-000000000000", "{upper}", "{id} ", "{id}\x00", "{id}%00", "' OR 1=1--",
     "../" * 5, "{id},{id}", "x" * 5000, "<script>alert(1)</script>"],
    ids=lambda v: repr(v)[:24],
)  # fmt: skip
@pytest.mark.parametrize("prompt", [None, "none"])
async def test_s009_an_unknown_client_ends_on_a_page(site: Site, client_id: str | None, prompt: str | None) -> None:
    client = site.world.web
    if client_id is not None:
        client_id = client_id.replace("{id}", client.client_id).replace("{upper}", client.client_id.upper())
    stays(await ask(site, client, client_id=client_id, prompt=prompt), "app.example", "alert(1)")


async def test_s009_silent_requests_to_a_bad_redirect_uri_do_not_redirect(site: Site) -> None:
    stays(await ask(site, site.world.web, redirect_uri="https://evil.tld/cb", prompt="none"), "evil.tld")
    several = await register(site, CALLBACK, "https://app.example/other")
    stays(await ask(site, several, redirect_uri=None, prompt="none"))


@pytest.mark.parametrize("prompt", [None, "none"])
async def test_s009_a_disabled_client_is_an_unknown_one(site: Site, prompt: str | None) -> None:
    client = await register(site, CALLBACK)
    await site.directory.disable_client(actor="cli:tests", client_id=client.client_id)
    site.clock.advance(seconds=2)
    stays(await ask(site, client, prompt=prompt), "app.example")


async def test_s009_a_client_disabled_while_somebody_signs_in_gets_no_answer(site: Site) -> None:
    client = await register(site, CALLBACK)
    visitor = site.visitor()
    await visitor.sign_in(client, ANNA)
    await site.directory.disable_client(actor="cli:tests", client_id=client.client_id)
    site.clock.advance(seconds=2)
    stays(await visitor.add_product())


async def test_s009_a_redirect_uri_removed_while_somebody_signs_in_gets_no_answer(site: Site) -> None:
    client = await register(site, CALLBACK, "https://app.example/old")
    client.redirect_uri = "https://app.example/old"
    visitor = site.visitor()
    await visitor.sign_in(client, ANNA)
    await site.directory.set_client_uris(actor="cli:tests", client_id=client.client_id, redirect_uris=(CALLBACK,))
    site.clock.advance(seconds=2)
    stays(await visitor.add_product())


REPEATABLE = [
    "client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "prompt", "max_age", "response_mode",
    "code_challenge", "request", "request_uri", "id_token_hint", "claims", "unknown",
]  # fmt: skip


@pytest.mark.parametrize("name", REPEATABLE)
async def test_s011_a_parameter_stands_once_at_the_authorization_endpoint(site: Site, name: str) -> None:
    good = query_of(site.world.web, prompt="none")
    value = {"client_id": site.world.web.client_id, "redirect_uri": quote(CALLBACK, safe="")}.get(name, "a")
    evil = {"redirect_uri": "https%3A%2F%2Fevil.tld", "client_id": site.world.other.client_id}.get(name, "b")
    base = "&".join(part for part in good.split("&") if not part.startswith(f"{name}="))
    for pair in (f"{name}={value}&{name}={evil}", f"{name}={evil}&{name}={value}", f"{name}={value}&{name}={value}",
                 f"{name}=&{name}={value}", f"{name}={value}&{name}", f"{name}={value}&%{ord(name[0]):02x}{name[1:]}={evil}"):  # fmt: skip
        for query in (f"{pair}&{base}", f"{base}&{pair}"):
            response = await ask_raw(site, query)
            stays(response, "evil.tld")
            assert "invalid_request" in response.text


async def test_s011_query_and_body_do_not_mix_at_the_authorization_endpoint(site: Site) -> None:
    client = site.world.web
    kind = {"content-type": "application/x-www-form-urlencoded"}
    async with site.http() as http:
        for query, body in (
            (f"client_id={client.client_id}", query_of(client, client_id=None)),
            (f"redirect_uri={quote('https://evil.tld')}", query_of(client)),
            (query_of(client), query_of(client)),
            ("x=1", query_of(client)),
        ):
            response = await http.post(f"/oauth2/auth?{query}", content=body, headers={**CHROME, **kind})
            stays(response, "evil.tld")
            assert "invalid_request" in response.text


@pytest.mark.parametrize("endpoint", ["/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"])
@pytest.mark.parametrize(
    "repeat", ["grant_type=refresh_token", "client_id={id}", "refresh_token={rt}", "token={rt}", "scope=phone", "scope=",
               "unknown=1", "code=x", "redirect_uri=https://app.example/cb"],
)  # fmt: skip
async def test_s011_a_parameter_stands_once_where_clients_post(site: Site, endpoint: str, repeat: str) -> None:
    client = site.world.web
    tokens = await _tokens(site, client)
    repeat = repeat.replace("{id}", client.client_id).replace("{rt}", tokens["refresh_token"])
    base = f"grant_type=refresh_token&refresh_token={tokens['refresh_token']}&token={tokens['refresh_token']}"
    name = repeat.partition("=")[0]
    twice = f"{repeat}&{repeat}" if f"{name}=" not in base else repeat
    response = await _post(site, client, endpoint, f"{base}&{twice}")
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    assert (await refresh(site, client, tokens["refresh_token"])).status_code == 200


@pytest.mark.parametrize("endpoint", ["/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"])
@pytest.mark.parametrize("query", ["scope=phone", "client_id=x", "refresh_token=x", "x=1"])
async def test_s011_query_and_body_do_not_mix_where_clients_post(site: Site, endpoint: str, query: str) -> None:
    client = site.world.web
    tokens = await _tokens(site, client)
    body = f"grant_type=refresh_token&refresh_token={tokens['refresh_token']}&token={tokens['refresh_token']}"
    response = await _post(site, client, f"{endpoint}?{query}", body)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    assert (await refresh(site, client, tokens["refresh_token"])).status_code == 200


async def test_s012_unknown_parameters_are_ignored(site: Site) -> None:
    visitor = site.visitor()
    extra = {"unknown": "1", "foo[bar]": "<x>", "utm_source": "mail", "access_type": "offline", "audience": "x", "\u00e5": "1"}
    back = await visitor.complete(site.world.web, ANNA, **extra)
    assert back.keys() == {"code", "scope", "state", "iss"}
    assert (await exchange(site, site.world.web, back["code"], unknown="1", foo="bar")).status_code == 200


async def test_s012_parameters_without_a_value_count_as_absent(site: Site) -> None:
    names = ("nonce", "prompt", "max_age", "response_mode", "code_challenge", "code_challenge_method", "login_hint", "claims",
             "id_token_hint", "request", "request_uri", "registration", "ui_locales", "acr_values", "display", "unknown")  # fmt: skip
    back = await site.visitor().complete(site.world.web, ANNA, **dict.fromkeys(names, ""))
    assert (await exchange(site, site.world.web, back["code"], code_verifier="")).status_code == 200


async def test_s012_an_empty_state_is_not_sent_back(site: Site) -> None:
    assert "state" not in refused(await ask(site, site.world.web, state="", prompt="none"), "login_required")


@pytest.mark.parametrize(
    "response_type",
    ["token", "id_token", "code id_token", "id_token code", "code token", "id_token token", "code id_token token", "none",
     "CODE", "Code", " code", "code ", "code code", "code\n", "code,token", "x" * 3000],
)  # fmt: skip
async def test_s013_no_response_type_but_code(site: Site, response_type: str) -> None:
    response = await ask(site, site.world.web, response_type=response_type, nonce="n")
    back = refused(response, "unsupported_response_type")
    assert back["state"] == "this-is-a-key"
    assert not back.keys() & {"access_token", "id_token"}


@pytest.mark.parametrize("response_type", ["", None])
async def test_s013_a_request_without_response_type_is_refused(site: Site, response_type: str | None) -> None:
    refused(await ask(site, site.world.web, response_type=response_type), "invalid_request")


async def test_s013_also_for_somebody_who_is_signed_in(site: Site) -> None:
    visitor = site.visitor()
    await visitor.complete(site.world.web, ANNA)
    for response_type in ("token", "code id_token", "none"):
        refused(await visitor.start(site.world.web, response_type=response_type), "unsupported_response_type")


async def test_a_client_without_the_grant_type_is_refused(site: Site) -> None:
    grants = frozenset({GrantType.CLIENT_CREDENTIALS})
    client = await register(site, CALLBACK, grant_types=grants)
    refused(await ask(site, client), "unauthorized_client")


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"scope": "phone\x7f"}, "invalid_scope"),
        ({"scope": 'phone "x"'}, "invalid_scope"),
        ({"scope": "no-such-scope"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": "x", "code_challenge_method": "S256"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
    ],
)
async def test_s010_errors_of_a_proven_request_go_back(site: Site, parameters: dict[str, str], error: str) -> None:
    back = refused(await ask(site, site.world.web, **parameters), error)
    assert back["state"] == "this-is-a-key"
    assert back["iss"] == "https://id.localhost"
    assert back.keys() == {"error", "error_description", "state", "iss"}
    assert back["error_description"].isascii()


@pytest.mark.parametrize(
    "parameters",
    [{"scope": "no-such-scope"}, {"response_type": "token"}, {"prompt": "none login"}, {"response_mode": "fragment"},
     {"request": "x"}, {"max_age": "x"}, {"claims": "["}],
    ids=str,
)  # fmt: skip
async def test_s010_a_stranger_is_not_sent_to_an_unverified_client(site: Site, parameters: dict[str, str]) -> None:
    client = site.world.draft
    response = await ask(site, client, **parameters)
    assert response.status_code == 400
    assert "location" not in response.headers
    assert "data-auto-submit" not in response.text
    assert 'href="https://tidbit.example/cb?error=' in response.text
    response = await ask(site, client, **{"response_mode": "form_post", **parameters})
    assert response.status_code == 400
    assert "data-auto-submit" not in response.text


async def test_s010_somebody_signed_in_is(site: Site) -> None:
    visitor = site.visitor()
    await visitor.sign_in(site.world.draft, ANNA)
    refused(await visitor.start(site.world.draft, scope="no-such-scope"), "invalid_scope", "https://tidbit.example/cb")


async def test_s010_a_silent_request_is_always_answered_to_the_client(site: Site) -> None:
    """RFC 9700 section 4.11.2 makes this exception: nobody looks at the answer."""
    refused(await ask(site, site.world.draft, prompt="none"), "login_required", "https://tidbit.example/cb")


STATES = {
    "1k": "s" * 1024,
    "4k": "s" * 4096,
    "4k-unicode": "\U0001f600" * 1024,
    "4k-marks": "\"<>'" * 1024,
    "unicode": "caf\u00e9 \u65e5\u672c \u202e \U0001f600",
    "decomposed": "cafe\u0301",
    "script": '"><script>alert(1)</script>',
    "crlf": "a\r\nSet-Cookie: x=1\r\n\r\n<h1>",
    "percent": "100%25 %0d%0aX: y%",
    "separators": "a=b&code=evil&iss=https://evil.tld#f?x;y",
    "plus": "a+b c\td ",
    "json": '{"a": ["b"]}',
}


@pytest.mark.parametrize("name", STATES)
async def test_s015_state_and_nonce_come_back_as_they_went(site: Site, name: str) -> None:
    from support.relying_party import claims_of

    state = STATES[name]
    visitor = site.visitor()
    response = await visitor.sign_in(site.world.web, ANNA, state=state, nonce=state, scope="openid phone")
    if not response.is_redirect:
        assert "<script>alert" not in response.text
        response = await visitor.add_product()
    back = _untouched(response, state)
    tokens = (await exchange(site, site.world.web, back["code"])).json()
    assert claims_of(tokens["id_token"])["nonce"] == state


@pytest.mark.parametrize("name", STATES)
async def test_s015_state_comes_back_with_an_error(site: Site, name: str) -> None:
    _untouched(await ask(site, site.world.web, state=STATES[name], scope="no-such-scope"), STATES[name])
    visitor = site.visitor()
    await visitor.start(site.world.web, state=STATES[name])
    response = await visitor.submit("/oauth2/auth/cancel")
    assert _untouched(response, STATES[name])["error"] == "access_denied"


@pytest.mark.parametrize("raw", ["a\r\nX-Evil: 1", "\u65e5\u672c", "caf\u00e9", "a#b", "<script>"])
async def test_s015_a_state_posted_unencoded_breaks_no_header(site: Site, raw: str) -> None:
    client = site.world.web
    body = f"{query_of(client, state=None, prompt='none')}&state={raw}".encode()
    kind = {"content-type": "application/x-www-form-urlencoded"}
    async with site.http() as http:
        response = await http.post("/oauth2/auth", content=body, headers={**CHROME, **kind})
        assert response.status_code == 303
        assert "x-evil" not in response.headers
        response = await http.get(response.headers["location"], headers=CHROME)
    assert _untouched(response, raw)["error"] == "login_required"


@pytest.mark.parametrize("name", ["state", "nonce"])
async def test_s015_what_is_far_too_long_is_refused_not_cut(site: Site, name: str) -> None:
    back = refused(await ask(site, site.world.web, **{name: "x" * 9000}), "invalid_request")
    assert back["state"] in ("this-is-a-key", "x" * 9000)


async def test_s022_what_answers_a_post_lets_the_browser_go_on_with_get(site: Site) -> None:
    seen: list[tuple[str, str, int]] = []

    async def note(response: httpx.Response) -> None:
        seen.append((response.request.method, response.request.url.path, response.status_code))

    visitor = site.visitor(event_hooks={"response": [note]})
    client = site.world.web
    await visitor.start(client)
    await visitor.submit("/oauth2/auth/cancel")
    await visitor.start(client)
    await visitor.type_number(ANNA)
    site.clock.advance(minutes=1)
    await visitor.submit("/resend")
    pin = await site.pin(ANNA)
    await visitor.type_pin(pin)
    await visitor.submit("/oauth2/auth/consent", decision="cancel")
    await visitor.start(client)
    await visitor.add_product()
    await visitor.start(client, prompt="login")
    await visitor.get("/oauth2/sessions/logout")
    await visitor.submit("/confirm", decision="sign_out")
    await visitor.post("/oauth2/auth", {"client_id": client.client_id, "response_type": "code"})
    posted = {(path.rpartition("/")[2], status) for method, path, status in seen if method == "POST"}
    assert {"signin", "pin", "resend", "consent", "cancel", "auth"} <= {path for path, _ in posted}
    assert {status for _, status in posted} <= {200, 303}, posted
    assert {status for *_, status in seen if 300 <= status < 400} == {303}


@pytest.mark.parametrize("path", ["/signin/", "/oauth2/auth/", "/oauth2/auth/consent/", "/oauth2/token/", "//signin"])
async def test_s022_a_slash_too_many_is_no_reason_to_post_a_number_elsewhere(site: Site, path: str) -> None:
    async with site.http() as http:
        response = await http.post(path, data={"number": ANNA, "pin": "123456"}, headers=CHROME)
    assert response.status_code == 404
    assert "location" not in response.headers


async def _tokens(site: Site, client: Registered) -> dict[str, str]:
    back = await site.visitor().complete(client, ANNA)
    return (await exchange(site, client, back["code"])).json()


async def _post(site: Site, client: Registered, url: str, body: str) -> httpx.Response:
    async with site.http() as http:
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return await http.post(url, content=body, headers=kind, auth=client.basic)


def _untouched(response: httpx.Response, state: str) -> dict[str, str]:
    location = response.headers["location"]
    assert location.isascii()
    assert location.isprintable()
    assert not set(location) & set(" \"<>\\^`{|}#\r\n")
    back = returned(response)
    assert back["state"] == state
    return back
