"""The requests of a run: built as a developer's server would, made within this process, and shown without any secret."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from typing import Any

import msgspec

from dialkey.base.signed import unb64
from dialkey.directory.model import AuthMethod, Client
from dialkey.portal.try_it_words import ERRORS, MEMBERS, PARAMETERS, STEPS, explained
from dialkey.web.calling import Answer, Call, shortened

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_VARIABLES = {
    "client_secret": "DIALKEY_CLIENT_SECRET",
    "client_assertion": "DIALKEY_CLIENT_ASSERTION",
    "code": "CODE",
    "code_verifier": "VERIFIER",
    "refresh_token": "REFRESH_TOKEN",
}
MAX_SHOWN = 3000
_DOTS = "••••••••"


class Run(msgspec.Struct, frozen=True, array_like=True):
    """How far a developer came. It travels through the page, encrypted."""

    id: str
    client_id: str
    made_at: int
    redirect_uri: str
    scope: str
    pkce: bool
    nonce: bool
    prompt: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    """What came back."""
    access_token: str = ""
    refresh_token: str = ""
    id_token: str = ""
    done: tuple[Done, ...] = ()
    next_steps: tuple[str, ...] = ()


class Done(msgspec.Struct, frozen=True, array_like=True):
    """One exchange, as it is shown."""

    step: str
    request: str
    command: str
    status: int
    response: str
    claims: str = ""
    """The payload of the ID token in it."""
    names: tuple[str, ...] = ()
    """Parameters of the request."""
    members: tuple[str, ...] = ()
    """Members of the answer."""
    error: str = ""


class Proof(msgspec.Struct, frozen=True):
    """How the developer's server shows which client it is, for this one request."""

    secret: str | None = None
    assertion: str | None = None


def call_for(step: str, run: Run, client: Client, proof: Proof, verifier: str) -> Call:
    """The request of a step."""
    match step:
        case "userinfo":
            return Call(title=step, method="GET", path="/userinfo", bearer=run.access_token)
        case "exchange":
            path, form = (
                "/oauth2/token",
                (
                    ("grant_type", "authorization_code"),
                    ("code", dict(run.parameters).get("code", "")),
                    ("redirect_uri", run.redirect_uri),
                    *((("code_verifier", verifier),) if run.pkce else ()),
                ),
            )
        case "credentials":
            path, form = "/oauth2/token", (("grant_type", "client_credentials"), *_scope(run.scope))
        case "refresh":
            path, form = "/oauth2/token", (("grant_type", "refresh_token"), ("refresh_token", run.refresh_token))
        case "revoke":
            path, form = "/oauth2/revoke", (("token", run.refresh_token or run.access_token),)
        case _:
            path, form = "/oauth2/introspect", (("token", run.access_token),)
    basic, own = _credentials(client, proof)
    return Call(title=step, method="POST", path=path, basic=basic, form=(*form, *own))


def _scope(scope: str) -> tuple[tuple[str, str], ...]:
    return (("scope", scope),) if scope else ()


def _credentials(client: Client, proof: Proof) -> tuple[tuple[str, str] | None, tuple[tuple[str, str], ...]]:
    match client.auth_method:
        case AuthMethod.BASIC:
            return (client.id, proof.secret or ""), ()
        case AuthMethod.POST:
            return None, (("client_id", client.id), ("client_secret", proof.secret or ""))
        case AuthMethod.PRIVATE_KEY_JWT:
            return None, (("client_assertion_type", ASSERTION_TYPE), ("client_assertion", proof.assertion or ""))
        case _:
            return None, (("client_id", client.id),)


def shown(step: str, call: Call, answer: Answer, base_url: str) -> Done:
    """What the page says of a request that was made. No secret and no whole token is in it."""
    document = _document(answer)
    names = [name for name, _ in call.form]
    if call.basic is not None:
        names.insert(0, "Authorization: Basic")
    if call.bearer is not None:
        names.insert(0, "Authorization: Bearer")
    error = document.get("error")
    return Done(
        step=step,
        request=_masked(call).shown(base_url),
        command=_command(call, base_url),
        status=answer.status,
        response=_shortened(answer.shown()) if answer.body else "(an empty body: that is all there is to say)",
        claims=_claims(document.get("id_token")),
        names=tuple(names),
        members=tuple(name for name in document if isinstance(name, str))[:20],
        error=error[:60] if isinstance(error, str) else "",
    )


def _document(answer: Answer) -> dict[str, Any]:
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _shortened(text: str) -> str:
    return shortened(text)[:MAX_SHOWN]


def _masked(call: Call) -> Call:
    """The same without what must not be shown."""
    hide = {"client_secret", "client_assertion"}
    form = tuple((name, _DOTS if name in hide else value) for name, value in call.form)
    basic = None if call.basic is None else (call.basic[0], "…")
    return replace(call, basic=basic, form=form)


def _command(call: Call, base_url: str) -> str:
    """The request for a shell: what is secret stands in variables."""
    parts = ["curl"]
    if call.basic is not None:
        parts.append('-u "$DIALKEY_CLIENT_ID:$DIALKEY_CLIENT_SECRET"')
    if call.bearer is not None:
        parts.append('--header "Authorization: Bearer $ACCESS_TOKEN"')
    parts.append("--url " + shlex.quote(base_url + call.path))
    for name, value in call.form:
        variable = _VARIABLES.get(name)
        if name == "token":
            variable = "REFRESH_TOKEN" if value.startswith("dk_rt_") else "ACCESS_TOKEN"
        text = f'"${variable}"' if variable else shlex.quote(value)
        parts.append(f"--data-urlencode {name}={text}")
    return " \\\n  ".join(parts)


def _claims(token: object) -> str:
    """The payload of a JWT, for reading; its signature is for the client to check."""
    if not isinstance(token, str) or token.count(".") != 2:
        return ""
    try:
        return json.dumps(json.loads(unb64(token.split(".")[1]) or b""), indent=2)[:MAX_SHOWN]
    except ValueError:
        return ""


def explanation(done: Done) -> tuple[tuple[str, str], ...]:
    """What stands in the third pane: the parameters, then the members of the answer, and what to do about an error."""
    found = [*explained(done.names, PARAMETERS), *explained(done.members, MEMBERS)]
    if done.error in ERRORS:
        found = [*explained(done.names, PARAMETERS), (done.error, ERRORS[done.error])]
    return tuple(dict(found).items())


def after(step: str, run: Run, answer: Answer, done: Done, *, most: int) -> Run:
    """The run with one more exchange, and what can be done next."""
    values = answer.values() if answer.status == 200 else {}
    exchanges = (*run.done, done)
    while len(exchanges) > 1 and len(msgspec.msgpack.encode(exchanges)) > most:
        exchanges = exchanges[1:]
    access_token = values.get("access_token", run.access_token)
    refresh_token = values.get("refresh_token", run.refresh_token)
    machine = step == "credentials" or "credentials" in {old.step for old in run.done}
    if not access_token:
        steps: tuple[str, ...] = ("credentials",) if machine else ("exchange",) if step == "exchange" else ()
    elif machine:
        steps = ("introspect", "revoke", "credentials")
    else:
        steps = ("userinfo", *(("refresh",) if refresh_token else ()), "introspect", "revoke")
    return msgspec.structs.replace(
        run,
        access_token=access_token,
        refresh_token=refresh_token,
        id_token=values.get("id_token", run.id_token),
        done=exchanges,
        next_steps=steps,
    )


def title(step: str) -> str:
    return STEPS.get(step, (step, ""))[0]
