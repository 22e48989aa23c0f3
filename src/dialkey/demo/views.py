"""The demo's own relying party: a developer's server in miniature, with every request and response in the open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dialkey.web.pages import Hidden, Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One HTTP exchange, as text: `title` is a catalogue key under `demo.step.<title>`; `curl` the same as a command."""

    title: str
    curl: str
    request: str
    status: int
    response: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoHomePage(Page):
    """Where a newcomer starts: three numbered steps with links to the authorization URL and the handset."""

    template: ClassVar[str] = "demo/home.html"

    product: str
    authorization_url: str
    handset_url: str
    numbers: tuple[tuple[str, str, str], ...]
    """(number grouped, operator, handset link) of a few subscribers."""
    curl: tuple[tuple[str, str], ...] = ()
    """(title key, command) of the walkthrough, filled in."""
    portal_url: str = "/portal"
    email: str = ""
    """Whose account owns the examples."""
    password: str = ""

    @classmethod
    def samples(cls) -> dict[str, Page]:
        return {
            "plain": cls(
                product="VoiceBox",
                authorization_url="http://localhost:8080/oauth2/auth?response_type=code",
                handset_url="/handset",
                numbers=(("+46 70 174 06 05", "Nordcell", "/handset/46701740605"),),
                curl=(("token", "curl -u id:secret --url 'http://localhost:8080/oauth2/token'"),),
                email="dev@voicebox.example",
                password="vSl3nJ8cQw2mZx0t",
            )
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoCallbackPage(Page):
    """The callback: the parameters that came back, and buttons for the next steps. Each button posts the hidden
    fields with `step` = `exchange`, `userinfo`, `refresh` or `sign_out` to `action`; `exchanges` are those done so far."""

    template: ClassVar[str] = "demo/callback.html"

    parameters: tuple[tuple[str, str], ...]
    action: str
    hidden: tuple[Hidden, ...] = ()
    next_steps: tuple[str, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    failed: bool = False
    """True where the callback carries `error`."""
    removal: str = ""
    """`removed` or `kept`, where the browser comes from the page that removes the product."""
    again_url: str = "/demo"

    @classmethod
    def samples(cls) -> dict[str, Page]:
        token = Exchange(
            title="exchange",
            curl="curl -u id:secret --url 'http://localhost:8080/oauth2/token' --data grant_type=authorization_code",
            request="POST /oauth2/token HTTP/1.1\nauthorization: Basic …\n\ngrant_type=authorization_code&code=…",
            status=200,
            response='{\n  "access_token": "dk_at_…",\n  "token_type": "bearer"\n}',
        )
        parameters = (("code", "dk_ac_Qm9v"), ("scope", "phone offline_access"), ("state", "this-is-a-key"))
        return {
            "code": cls(parameters=parameters, action="/demo/step", next_steps=("exchange",)),
            "exchanged": cls(
                parameters=parameters, action="/demo/step", next_steps=("userinfo", "refresh"), exchanges=(token,)
            ),
            "removed": cls(parameters=(("state", "this-is-a-key"),), action="/demo/step", removal="removed"),
            "kept": cls(
                parameters=(("error", "access_denied"), ("state", "this-is-a-key")), action="/demo/step", removal="kept"
            ),
            "refused": cls(
                parameters=(("error", "access_denied"), ("state", "this-is-a-key")), action="/demo/step", failed=True
            ),
        }
