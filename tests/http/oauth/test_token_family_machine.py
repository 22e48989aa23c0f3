"""One code, at most one living token family: over any interleaving of what clients, thieves, time and restarts do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import httpx
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from dialkey.settings import Settings
from dialkey.storage import open_storage
from dialkey.storage.keyring import open_keyring
from support.clock import ManualClock, SeededEntropy
from support.site import Site, Visitor, callback, challenge_of, introspect, make_site, userinfo
from support.world import ANNA

VERIFIER = "v" * 43
SECOND, DAY = 1000, 24 * 3600 * 1000
CODE_LIFE, WINDOW, ACCESS_LIFE, IDLE, ABSOLUTE = 60 * SECOND, 60 * SECOND, 3600 * SECOND, 60 * DAY, 365 * DAY
WHICH = st.integers(0, 5)
MOSTLY = st.sampled_from([True, True, True, False])
LONG = st.sampled_from([0] * 9 + [20, 61, 200])
PAUSES = st.sampled_from([0, 0, 0, 0, 1, 59, 60, 61])
CALLERS = st.sampled_from(["web"] * 9 + ["pkce", "spa", "other"])
T = TypeVar("T")


@dataclass
class Family:
    """What should be true of one code and of all that came of it."""

    code: str
    challenged: bool
    made_at: int
    exchanged_at: int | None = None
    renewed_at: int = 0
    rotated_at: int | None = None
    ended: bool = False
    refresh: list[str] = field(default_factory=list)
    """By generation; the last one is the newest."""
    access: dict[str, int] = field(default_factory=dict)
    """Token and when it was made."""

    def alive(self, now: int) -> bool:
        return (
            self.exchanged_at is not None
            and not self.ended
            and now < self.exchanged_at + ABSOLUTE
            and now < self.renewed_at + IDLE
        )


class TokenFamilies(RuleBasedStateMachine):
    """Drives a whole server on SQLite over HTTP, and knows what it must answer."""

    databases: ClassVar[Any]
    settings_for: ClassVar[Callable[[str], Settings]]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.waited = False
        self.touched: list[Family] = []
        self.all: list[Family] = []
        self.url, world = self.databases.fresh("world")
        self.site: Site = self.run(self._open(world))
        self.visitor: Visitor = self.site.visitor()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    async def _open(self, world: Any) -> Site:
        chosen = type(self).settings_for(self.url)
        storage = await open_storage(chosen.database)
        keyring = await open_keyring(storage, chosen.keys)
        return make_site(chosen, storage, keyring, ManualClock(), SeededEntropy("machine"), world)

    def teardown(self) -> None:
        self.touched = self.all
        self.one_family_at_most()
        self.run(self.site.storage.close())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        self.databases.drop(self.url)

    @property
    def now(self) -> int:
        return self.site.clock.now()

    def pick(self, which: int) -> Family:
        """Mostly one that something can still come of."""
        living = [family for family in self.all if family.exchanged_at is None or family.alive(self.now)]
        among = living if living and which < 5 else self.all
        return among[which % len(among)]

    # what clients and thieves send

    async def post(self, path: str, who: str = "web", **fields: str) -> httpx.Response:
        self.waited = False
        client = getattr(self.site.world, who)
        auth = (client.client_id, client.client_secret or "")
        if who == "spa":
            fields["client_id"] = client.client_id
        async with self.site.http() as http:
            return await http.post(path, data=fields, auth=None if who == "spa" else auth)

    def redeem(self, family: Family, who: str = "web", **changes: str) -> Coroutine[Any, Any, httpx.Response]:
        fields = {"grant_type": "authorization_code", "code": family.code, "redirect_uri": "https://app.example/cb"}
        if family.challenged:
            fields["code_verifier"] = VERIFIER
        return self.post("/oauth2/token", who, **{**fields, **changes})

    def renew(self, token: str, who: str = "web") -> Coroutine[Any, Any, httpx.Response]:
        return self.post("/oauth2/token", who, grant_type="refresh_token", refresh_token=token)

    # what should come of it

    def took(self, family: Family, answer: httpx.Response) -> dict[str, Any]:
        assert answer.status_code == 200, answer.text
        family.access[answer.json()["access_token"]] = self.now
        return answer.json()

    def refused(self, answer: httpx.Response, error: str = "invalid_grant") -> None:
        assert (answer.status_code, answer.json().get("error")) == (401 if error == "invalid_client" else 400, error)
        assert "access_token" not in answer.json()

    def first(self, family: Family, answer: httpx.Response) -> None:
        family.refresh.append(self.took(family, answer)["refresh_token"])
        family.exchanged_at = family.renewed_at = self.now

    def successor(self, family: Family, answer: httpx.Response) -> None:
        token = self.took(family, answer)["refresh_token"]
        assert token not in family.refresh
        family.refresh.append(token)
        family.renewed_at = family.rotated_at = self.now

    @initialize()
    def sign_in(self) -> None:
        self.all.append(Family(self.run(self.visitor.complete(self.site.world.web, ANNA))["code"], False, self.now))
        self.site.clock.advance(seconds=1)

    @precondition(lambda self: sum(family.alive(self.now) for family in self.all) < 2)
    @rule(challenged=st.booleans(), exchanged=MOSTLY)
    def authorize(self, challenged: bool, exchanged: bool) -> None:
        extra = {"code_challenge": challenge_of(VERIFIER), "code_challenge_method": "S256"} if challenged else {}
        self.visitor.page = self.run(self.visitor.start(self.site.world.web, **extra))
        if not self.visitor.page.is_redirect:
            self.run(self.visitor.type_number(ANNA))
            self.run(self.visitor.type_pin(self.run(self.site.pin(ANNA))))
        family = Family(callback(self.visitor.page)["code"], challenged, self.now)
        if exchanged:
            self.first(family, self.run(self.redeem(family)))
        self.all.append(family)
        self.touched = [family]

    @rule(which=WHICH, pause=PAUSES, spare=MOSTLY)
    def exchange_or_replay(self, which: int, pause: int, spare: bool) -> None:
        family = self.pick(which)
        if spare and family.refresh:
            return
        self.touched = [family]
        self.site.clock.advance(seconds=pause)
        answer = self.run(self.redeem(family))
        if family.exchanged_at is None and self.now < family.made_at + CODE_LIFE:
            self.first(family, answer)
        else:
            self.refused(answer)
            family.ended = family.ended or family.exchanged_at is not None

    @rule(which=WHICH, wrong=st.sampled_from(["verifier", "redirect_uri", "client", "public client", "secret"]))
    def exchange_wrongly(self, which: int, wrong: str) -> None:
        family = self.pick(which)
        self.touched = [family]
        match wrong:
            case "verifier":
                answer = self.run(self.redeem(family, code_verifier="" if family.challenged else VERIFIER))
            case "redirect_uri":
                answer = self.run(self.redeem(family, redirect_uri="https://app.example/other"))
            case "client" | "public client":
                answer = self.run(self.redeem(family, "pkce" if wrong == "client" else "spa"))
            case _:
                answer = self.run(self.redeem(family, client_id=self.site.world.web.client_id, client_secret="wrong"))
                return self.refused(answer, "invalid_request")
        return self.refused(answer)

    @rule(which=WHICH, times=st.integers(2, 6), spare=MOSTLY)
    def exchange_at_once(self, which: int, times: int, spare: bool) -> None:
        family = self.pick(which)
        if spare and family.refresh:
            return
        self.touched = [family]

        async def all_of_them() -> list[httpx.Response]:
            return await asyncio.gather(*(self.redeem(family) for _ in range(times)))

        answers = self.run(all_of_them())
        won = [answer for answer in answers if answer.status_code == 200]
        if family.exchanged_at is None and self.now < family.made_at + CODE_LIFE:
            assert len(won) == 1
            self.first(family, won[0])
        else:
            assert not won
        family.ended = family.ended or family.exchanged_at is not None

    @rule(which=WHICH, back=st.integers(0, 2), pause=PAUSES, who=CALLERS)
    def refresh_with_any_generation(self, which: int, back: int, pause: int, who: str) -> None:
        family = self.pick(which)
        if not family.refresh:
            return
        self.touched = [family]
        self.site.clock.advance(seconds=pause)
        place = max(len(family.refresh) - 1 - back, 0)
        answer = self.run(self.renew(family.refresh[place], who))
        back = len(family.refresh) - 1 - place
        if who != "web" or not family.alive(self.now):
            self.refused(answer)
        elif back == 0:
            self.successor(family, answer)
        elif back == 1 and family.rotated_at is not None and self.now - family.rotated_at <= WINDOW:
            assert self.took(family, answer)["refresh_token"] == family.refresh[-1], "the same successor again"
        else:
            self.refused(answer)
            family.ended = True

    @rule(which=WHICH, times=st.integers(2, 6))
    def refresh_at_once(self, which: int, times: int) -> None:
        family = self.pick(which)
        if not family.refresh:
            return
        self.touched = [family]
        token, alive = family.refresh[-1], family.alive(self.now)

        async def all_of_them() -> list[httpx.Response]:
            return await asyncio.gather(*(self.renew(token) for _ in range(times)))

        answers = self.run(all_of_them())
        if not alive:
            for answer in answers:
                self.refused(answer)
            return
        assert len({self.took(family, answer)["refresh_token"] for answer in answers}) == 1
        self.successor(family, answers[0])

    @rule(which=WHICH, spare=MOSTLY)
    def replay_and_refresh_at_once(self, which: int, spare: bool) -> None:
        """Who comes first is open; that nothing lives afterwards is not."""
        family = self.pick(which)
        if spare or not family.refresh:
            return
        self.touched = [family]

        async def both() -> list[httpx.Response]:
            return await asyncio.gather(self.renew(family.refresh[-1]), self.redeem(family))

        renewed, replayed = self.run(both())
        self.refused(replayed)
        if renewed.status_code == 200:
            assert family.alive(self.now)
            self.successor(family, renewed)
        family.ended = True

    @rule(which=WHICH, access=st.booleans(), back=st.integers(0, 3), foreign=MOSTLY)
    def revoke(self, which: int, access: bool, back: int, foreign: bool) -> None:
        family = self.pick(which)
        if not family.refresh:
            return
        who = "pkce" if foreign else "web"
        self.touched = [family]
        tokens = list(family.access) if access else family.refresh
        token = tokens[max(len(tokens) - 1 - back, 0)]
        answer = self.run(self.post("/oauth2/revoke", who, token=token))
        assert answer.status_code == 200
        expired = access and self.now >= family.access[token] + ACCESS_LIFE
        if who == "web" and not expired:
            family.ended = True

    @precondition(lambda self: not self.waited)
    @rule(seconds=st.sampled_from([1, 60, 61, 3599, 3601]), days=LONG, restarts=MOSTLY)
    def wait(self, seconds: int, days: int, restarts: bool) -> None:
        """Time passes, and mostly the process is another one afterwards."""
        self.waited = True
        self.site.clock.advance(seconds=seconds, days=days)
        self.touched = list(self.all)
        if restarts:
            site = self.site
            self.site = make_site(site.settings, site.storage, site.keyring, site.clock, site.entropy, site.world)
            self.visitor = Visitor(self.site, self.site.http(cookies=self.visitor.http.cookies))

    @invariant()
    def one_family_at_most(self) -> None:
        for family in self.touched:
            alive = family.alive(self.now)
            resource = self.site.world.resource
            states = [self.run(introspect(self.site, resource, token))["active"] for token in family.refresh]
            assert states.count(True) == alive, (states, family)
            assert not alive or states[-1], "only the newest one"
            for token, made_at in list(family.access.items())[-4:]:
                status = self.run(userinfo(self.site, token)).status_code
                assert status == (200 if alive and self.now < made_at + ACCESS_LIFE else 401), family
        self.touched = []


def test_s034_s055_one_code_at_most_one_living_family(sqlite_databases: Any) -> None:
    from conftest import settings_for

    class Machine(TokenFamilies):
        databases = sqlite_databases

    Machine.settings_for = staticmethod(settings_for)
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
