"""The pages of Try it: choosing, and a run with what was sent, what came back, and what it means."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from dialkey.portal.client_views import CLIENT_PLACE, RIGHT
from dialkey.portal.shell_views import FieldProblem, Place, Problems
from dialkey.portal.try_it_words import PARAMETERS
from dialkey.web.pages import Page

_PLACE = replace(CLIENT_PLACE, section="client-try")
Explained = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeTab:
    """One language of the ready code."""

    key: str
    label: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeView:
    """The ready code that is open."""

    tabs: tuple[CodeTab, ...]
    file: str
    install: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TryPage(Page):
    """Where a run begins. A GET form with the choices; the link `start_url` begins it (or a POST, for a machine)."""

    template: ClassVar[str] = "portal/try_it.html"

    place: Place
    client_id: str
    machine: bool
    csrf: str
    active: bool = True
    """False for a client that is turned off: nothing can be tried."""
    redirects: tuple[tuple[str, str], ...] = ()
    """(value, text); the first is the portal's own address."""
    redirect: str = ""
    scopes: tuple[tuple[str, str, bool], ...] = ()
    """(scope, text, ticked)."""
    pkce: bool = True
    must_use_pkce: bool = False
    nonce: bool = False
    prompts: tuple[tuple[str, str], ...] = ()
    prompt: str = ""
    numbers: tuple[tuple[str, str], ...] = ()
    """(E.164, text) of test numbers."""
    hint: str = ""
    start_url: str = ""
    """The authorization URL's path and query."""
    shown_url: str = ""
    """The authorization URL, a parameter per line."""
    explanation: Explained = ()
    handsets_url: str = ""
    run: str = ""
    """The run, encrypted, where the address that comes back has to be pasted."""
    returns_here: bool = True
    keeps_secret: bool = False
    """The developer lent us the secret for this half hour."""
    needs: str = ""
    """What the developer has to give for each request: `secret`, `assertion`, or nothing."""
    returned: str = ""
    code: CodeView | None = None
    problems: Problems = RIGHT

    @classmethod
    def samples(cls) -> dict[str, Page]:
        code = CodeView(
            tabs=(
                CodeTab(key="curl", label="curl", href="?code=curl#code", current=True),
                CodeTab(key="go", label="Go", href="?code=go#code", current=False),
            ),
            file="walkthrough.sh",
            install="",
            code="DIALKEY_CLIENT_ID=2b1f0f4e\ncurl --url 'https://id.example/oauth2/token'",
        )
        base = {
            "place": _PLACE, "client_id": "2b1f0f4e-7d2c-4a55-9a6e-000000000001", "csrf": "t", "code": code,
            "redirects": (("", "This page"), ("https://app.example/cb", "https://app.example/cb")),
            "scopes": (("openid", "Get an ID token", True), ("phone", "Access the subscriber's phone number", True)),
            "prompts": (("", "None"), ("login", "login")), "numbers": (("+99900000001", "+999 0000 0001"),),
            "start_url": "/oauth2/auth?response_type=code", "handsets_url": "/portal/o/x/sandbox",
            "shown_url": "https://id.example/oauth2/auth\n?response_type=code\n&client_id=2b1f0f4e\n&scope=phone",
            "explanation": tuple(list(PARAMETERS.items())[:5]), "needs": "secret",
        }  # fmt: skip
        wrong = Problems((FieldProblem(field="returned", text="This address is from another run: its state differs."),))
        own = {"redirect": "https://app.example/cb", "returns_here": False, "run": "r"}
        return {
            "start": cls(**base, machine=False),
            "kept": cls(**base, machine=False, keeps_secret=True),
            "own-address": cls(**base, machine=False, **own),
            "pasted-wrong": cls(**base, machine=False, **own, returned="https://app.example/cb?x", problems=wrong),
            "machine": cls(**base, machine=True, run="r"),
            "off": cls(**base, machine=False, active=False),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One exchange of a run, in three panes."""

    heading: str
    lead: str
    request: str
    response: str
    status: int
    """0: no status, the answer came with the browser."""
    explanation: Explained = ()
    command: str = ""
    claims: str = ""

    @property
    def good(self) -> bool:
        return self.status < 400


@dataclass(frozen=True, slots=True, kw_only=True)
class NextView:
    """A request that can be made now."""

    step: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TryRunPage(Page):
    """A run: what was done, and what can be done next. Posts `run`, `csrf`, `step` and what `needs` says."""

    template: ClassVar[str] = "portal/try_it_run.html"

    place: Place
    client_id: str
    csrf: str
    run: str
    steps: tuple[StepView, ...]
    next: tuple[NextView, ...] = ()
    next_title: str = ""
    next_lead: str = ""
    needs: str = ""
    needs_for: str = ""
    """Steps that need it, where others do not."""
    keeps_secret: bool = False
    failed: bool = False
    """The browser came back with an error."""
    finished: bool = False
    """The subscriber's number was read: the walkthrough is done."""
    problems: Problems = RIGHT

    @classmethod
    def samples(cls) -> dict[str, Page]:
        back = StepView(
            heading="Send the browser to us",
            lead="Your app opens this address.",
            request="https://id.example/oauth2/auth\n?response_type=code\n&scope=phone",
            response="code = dk_ac_Qm9vQm9v…\nstate = AQ5lb…\nscope = phone",
            status=0,
            explanation=(("code", "The code, for your server only."),),
        )
        token = StepView(
            heading="Exchange the code for tokens",
            lead="Your server calls the token endpoint.",
            request="POST /oauth2/token HTTP/1.1\nHost: id.example\n\ngrant_type=authorization_code",
            response='{\n  "access_token": "dk_at_Qm9vQm9v…",\n  "token_type": "bearer"\n}',
            status=200,
            command='curl -u "$DIALKEY_CLIENT_ID:$DIALKEY_CLIENT_SECRET"',
            claims='{\n  "sub": "73e…"\n}',
            explanation=(("access_token", "Opens our APIs."), ("token_type", "How it is presented.")),
        )
        base = {"place": _PLACE, "client_id": "2b1f0f4e-7d2c-4a55-9a6e-000000000001", "csrf": "t", "run": "r"}
        steps = (NextView(step="userinfo", text="Call userinfo"), NextView(step="refresh", text="Refresh"))
        wrong = replace(token, status=401, response='{\n  "error": "invalid_client"\n}', claims="")
        secret = Problems((FieldProblem(field="client_secret", text="That is not one of our secrets."),))
        swap = (NextView(step="exchange", text="Exchange the code"),)
        heading = {"next_title": "Exchange the code for tokens", "next_lead": "Your server calls the token endpoint."}
        return {
            "code": cls(**base, steps=(back,), next=swap, **heading, needs="secret"),
            "code-kept": cls(**base, steps=(back,), next=swap, **heading, needs="secret", keeps_secret=True),
            "assertion": cls(**base, steps=(back,), next=swap, **heading, needs="assertion"),
            "bad-secret": cls(**base, steps=(back,), next=swap, **heading, needs="secret", problems=secret),
            "tokens": cls(**base, steps=(back, token), next=steps, next_title="What now?", keeps_secret=True),
            "done": cls(**base, steps=(back, token), next=steps, next_title="What now?", finished=True),
            "failed-exchange": cls(**base, steps=(back, wrong), next=swap, **heading, needs="secret"),
            "refused": cls(**base, steps=(replace(back, response="error = access_denied"),), failed=True),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TryStrayPage(Page):
    """The browser came back, and it is nobody's run here: of another browser, or over."""

    template: ClassVar[str] = "portal/try_it_stray.html"

    @classmethod
    def samples(cls) -> dict[str, Page]:
        return {"plain": cls()}
