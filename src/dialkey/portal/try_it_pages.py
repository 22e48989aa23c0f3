"""From a run and a developer's choices to what the pages of Try it show. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import quote, urlencode

from dialkey.base.signed import b64
from dialkey.developers.access import ClientMembership
from dialkey.directory.catalogue import BY_SCOPE
from dialkey.directory.model import AuthMethod, Client, ClientKind
from dialkey.portal.shell_views import Named, Place, Problems
from dialkey.portal.snippets import Target, offered
from dialkey.portal.try_it_calls import Done, Run, explanation
from dialkey.portal.try_it_views import CodeTab, CodeView, NextView, StepView, TryPage, TryRunPage
from dialkey.portal.try_it_words import BUTTONS, ERRORS, MEMBERS, PARAMETERS, STEPS, explained
from dialkey.settings import Settings
from dialkey.web.calling import shortened

NONE = Problems()
PROMPTS = (
    ("", "None"),
    ("login", "login"),
    ("consent", "consent"),
    ("none", "none"),
)
MAX_STATE = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a developer chose to ask for."""

    machine: bool
    redirect: str
    """One of the client's own addresses; empty: the portal's."""
    scope: str
    pkce: bool
    nonce: bool
    prompt: str
    hint: str = ""

    @classmethod
    def of(cls, run: Run) -> Choices:
        """The same again."""
        own = not run.redirect_uri.endswith("/portal/try/callback")
        return cls(
            machine=run.next_steps == ("credentials",),
            redirect=run.redirect_uri if own else "",
            scope=run.scope,
            pkce=run.pkce,
            nonce=run.nonce,
            prompt=run.prompt,
        )


def own_redirects(client: Client) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*client.redirect_uris, *client.pending_redirect_uris)))


def must_use_pkce(client: Client) -> bool:
    return client.public or client.native or client.require_pkce


def choices_of(client: Client, query: Mapping[str, str]) -> Choices:
    """What the query says; all that the product has, with PKCE, where it says nothing."""
    chosen = "chosen" in query
    scopes = [scope for scope in client.product.scopes if not chosen or f"scope:{scope}" in query]
    redirect, prompt, hint = query.get("redirect", ""), query.get("prompt", ""), query.get("hint", "")
    return Choices(
        machine=client.kind is ClientKind.MACHINE,
        redirect=redirect if redirect in own_redirects(client) else "",
        scope=" ".join(scopes),
        pkce=must_use_pkce(client) or not chosen or "pkce" in query,
        nonce="nonce" in query if chosen else "openid" in scopes,
        prompt=prompt if prompt in {value for value, _ in PROMPTS} else "",
        hint=hint[:20] if hint.startswith("+") else "",
    )


def authorization(run: Run, *, state: str, nonce: str, verifier: str, hint: str) -> dict[str, str]:
    """The parameters of the authorization request, in the walkthrough's order."""
    parameters = {
        "response_type": "code",
        "scope": run.scope,
        "client_id": run.client_id,
        "redirect_uri": run.redirect_uri,
        "state": state,
        "nonce": nonce,
        "code_challenge": b64(sha256(verifier.encode()).digest()) if verifier else "",
        "code_challenge_method": "S256" if verifier else "",
        "prompt": run.prompt,
        "login_hint": hint,
    }
    return {name: value for name, value in parameters.items() if value}


def place_of(member: ClientMembership, client: Client) -> Place:
    status = "active" if client.active else "disabled"
    name = member.client_description or f"Client {client.id[:8]}"
    return Place(
        section="client-try",
        organization=Named(id=member.organization_id, name=member.organization_name),
        product=Named(id=member.product_id, name=member.product_name),
        client=Named(id=client.id, name=name, status="pending" if client.pending and client.active else status),
        role=member.role.value,
    )


def needs_of(client: Client) -> str:
    match client.auth_method:
        case AuthMethod.NONE:
            return ""
        case AuthMethod.PRIVATE_KEY_JWT:
            return "assertion"
        case _:
            return "secret"


def scope_choices(client: Client, chosen: Choices) -> tuple[tuple[str, str, bool], ...]:
    ticked = set(chosen.scope.split())
    return tuple(
        (scope, BY_SCOPE[scope].description if scope in BY_SCOPE else "", scope in ticked)
        for scope in client.product.scopes
    )


def start_page(
    client: Client,
    place: Place,
    *,
    csrf: str,
    chosen: Choices,
    active: bool,
    base_url: str = "",
    parameters: Mapping[str, str] | None = None,
    start_url: str = "",
    numbers: tuple[tuple[str, str], ...] = (),
    run: str = "",
    keeps_secret: bool = False,
) -> TryPage:
    parameters = parameters or {}
    machine = chosen.machine
    names = ("grant_type", "scope", *_credential_names(client)) if machine else tuple(parameters)
    here = (("", "This page"),)
    return TryPage(
        place=place,
        client_id=client.id,
        machine=machine,
        csrf=csrf,
        active=active,
        redirects=here + tuple((uri, uri) for uri in own_redirects(client)),
        redirect=chosen.redirect,
        pkce=chosen.pkce,
        must_use_pkce=must_use_pkce(client),
        nonce=chosen.nonce,
        prompts=PROMPTS,
        prompt=chosen.prompt,
        numbers=numbers,
        hint=chosen.hint,
        start_url=start_url,
        shown_url=token_request(chosen, base_url) if machine else address(parameters, base_url),
        explanation=explained(names, PARAMETERS),
        handsets_url="" if machine or place.organization is None else f"/portal/o/{place.organization.id}/sandbox",
        run=run,
        returns_here=not chosen.redirect,
        keeps_secret=keeps_secret,
        needs=needs_of(client),
    )


def _credential_names(client: Client) -> tuple[str, ...]:
    match client.auth_method:
        case AuthMethod.BASIC:
            return ("Authorization: Basic",)
        case AuthMethod.POST:
            return ("client_id", "client_secret")
        case _:
            return ("client_assertion_type", "client_assertion")


def address(parameters: Mapping[str, str], base_url: str) -> str:
    """The authorization URL for reading: a parameter per line, a long state shortened."""
    lines = [f"{base_url}/oauth2/auth"]
    for number, (name, value) in enumerate(parameters.items()):
        value = value[:16] + "…" if name == "state" and len(value) > MAX_STATE else quote(value, safe=":/…")
        lines.append(f"{'&' if number else '?'}{name}={value}")
    return "\n".join(lines)


def token_request(chosen: Choices, base_url: str) -> str:
    """What a machine client sends, before it is sent."""
    lines = [
        "POST /oauth2/token HTTP/1.1",
        f"Host: {base_url.partition('://')[2]}",
        "",
        "grant_type=client_credentials",
    ]
    if chosen.scope:
        lines.append(f"&scope={quote(chosen.scope, safe=':')}")
    return "\n".join(lines)


def run_page(
    client: Client,
    place: Place,
    run: Run,
    *,
    csrf: str,
    sealed: str,
    parameters: Mapping[str, str],
    base_url: str,
    keeps_secret: bool,
) -> TryRunPage:
    """The run as far as it came."""
    values = dict(run.parameters)
    steps = []
    if run.parameters:
        error = values.get("error", "")
        words = ((error, ERRORS[error]),) if error in ERRORS else ()
        steps.append(
            StepView(
                heading=STEPS["authorize"][0],
                lead=STEPS["returned"][1],
                request=address(parameters, base_url),
                response="\n".join(f"{name} = {_brief(name, value)}" for name, value in run.parameters),
                status=0,
                explanation=(*explained(values, MEMBERS), *words),
            )
        )
    steps += [_step(done) for done in run.done]
    first = run.next_steps[0] if run.next_steps else ""
    single = len(run.next_steps) == 1
    return TryRunPage(
        place=place,
        client_id=client.id,
        csrf=csrf,
        run=sealed,
        steps=tuple(steps),
        next=tuple(NextView(step=step, text=BUTTONS[step]) for step in run.next_steps),
        next_title=STEPS[first][0] if single else "What now?",
        next_lead=STEPS[first][1] if single else "",
        needs=needs_of(client),
        needs_for="" if single else "all but userinfo",
        keeps_secret=keeps_secret,
        failed="error" in values,
        finished=any(done.step == "userinfo" and done.status == 200 for done in run.done),
    )


def _brief(name: str, value: str) -> str:
    value = shortened(value)
    return value[:16] + "…" if name == "state" and len(value) > MAX_STATE else value


def _step(done: Done) -> StepView:
    heading, lead = STEPS.get(done.step, (done.step, ""))
    return StepView(
        heading=heading,
        lead=lead,
        request=done.request,
        response=done.response,
        status=done.status,
        explanation=explanation(done),
        command=done.command,
        claims=done.claims,
    )


def code_view(client: Client, chosen: Choices, settings: Settings, query: Mapping[str, str]) -> CodeView:
    """Ready code in the language that the query names."""
    redirects = own_redirects(client)
    target = Target(
        issuer=settings.issuer,
        base_url=settings.base_url,
        client_id=client.id,
        kind=client.kind,
        auth_method=client.auth_method,
        redirect_uri=chosen.redirect or (redirects[0] if redirects else ""),
        scope=chosen.scope,
        pkce=chosen.pkce,
    )
    snippets = offered(target)
    current = next((snippet for snippet in snippets if snippet.key == query.get("code")), snippets[0])
    kept = [(name, value) for name, value in query.items() if name not in ("code", "done")][:60]
    languages = [snippet.language for snippet in snippets]

    def label(language: str, library: str) -> str:
        return language if languages.count(language) == 1 else f"{language}: {library}"

    tabs = tuple(
        CodeTab(
            key=snippet.key,
            label=label(snippet.language, snippet.library),
            href=f"?{urlencode([*kept, ('code', snippet.key)])}#code",
            current=snippet is current,
        )
        for snippet in snippets
    )
    return CodeView(tabs=tabs, file=current.file, install=current.install, code=current.code)
