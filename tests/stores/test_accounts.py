"""People's accounts on both databases: joining, entering, second factors, changes; and what an attacker may try."""

from __future__ import annotations

import asyncio
import re
from ipaddress import ip_address

import msgspec
import pytest

from dialkey.accounts import second
from dialkey.accounts.model import (
    AccountSession,
    Done,
    LinkOver,
    MailSent,
    NeedsPassword,
    NeedsSecondFactor,
    RecoveryCodes,
    SignedIn,
    TooMany,
    Unfit,
    Wrong,
)
from dialkey.accounts.passwords import Hasher
from dialkey.accounts.rules import Accounts
from dialkey.jobs import Worker
from dialkey.mail.outbox import Mail
from dialkey.settings import Settings
from dialkey.storage import Statement, Storage
from dialkey.web.errors import Refusal

HERE, THERE = ip_address("198.51.100.7"), ip_address("203.0.113.9")
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
EMAIL, NAME, PASSWORD, OTHER = "ada@example.com", "Ada Byron", "correct horse 42 staple", "a quite different one 7"
BROWSER = "browser-digest"


class House:
    """The rules with their mail and worker."""

    def __init__(self, storage: Storage, settings: Settings, keyring, clock, entropy) -> None:
        self.storage, self.clock = storage, clock
        self.mail = Mail(storage, settings, keyring, clock, entropy)
        self.accounts = Accounts(storage, settings, keyring, clock, entropy, self.mail)
        self.accounts._hasher = Hasher(entropy, memory=64)  # as fast as may be
        self.worker = Worker(storage, clock, entropy, self.accounts.handlers)

    async def letters(self) -> list:
        await self.worker.run_due()
        listed = await self.mail.list_letters()
        return [await self.mail.find_letter(letter.id) for letter in listed]

    async def letter(self, kind: str):
        return next(letter for letter in await self.letters() if letter.kind == kind)

    async def token(self, kind: str) -> str:
        found = re.search(r"token=([\w-]{43})", (await self.letter(kind)).text)
        assert found
        return found[1]

    async def join(self, email: str = EMAIL) -> AccountSession:
        sent = await self.accounts.sign_up(email, NAME, PASSWORD, address=HERE, browser=BROWSER)
        assert isinstance(sent, MailSent)
        token = await self.token("sign_up")
        done = await self.accounts.confirm_sign_up(token, browser=BROWSER, password=None, address=HERE, agent=AGENT)
        return await self.session(done)

    async def session(self, outcome: object) -> AccountSession:
        assert isinstance(outcome, SignedIn), outcome
        session = await self.accounts.find_session(outcome.token)
        assert session is not None
        return session

    async def enter(self, password: str = PASSWORD, email: str = EMAIL, address=HERE, **options):
        return await self.accounts.sign_in(email, password, address=address, agent=AGENT, **options)


@pytest.fixture
def house(storage, keyring, clock, entropy) -> House:
    settings = Settings(issuer="http://localhost:8080")
    accounts = msgspec.structs.replace(settings.accounts, mails_per_email_hour=3)
    return House(storage, msgspec.structs.replace(settings, accounts=accounts), keyring, clock, entropy)


async def add_totp(house: House, session: AccountSession) -> tuple[bytes, tuple[str, ...]]:
    from base64 import b32decode

    offer = await house.accounts.begin_totp(session)
    text = offer.secret.replace(" ", "")
    secret = b32decode(text + "=" * (-len(text) % 8))
    codes = await house.accounts.confirm_totp(session, second.totp(secret, second.step_of(house.clock.now())))
    assert isinstance(codes, RecoveryCodes)
    return secret, codes.codes


async def test_s114_there_is_no_account_before_the_address_is_confirmed(house: House) -> None:
    await house.accounts.sign_up("  ADA@Example.com ", NAME, PASSWORD, address=HERE, browser=BROWSER)
    assert await house.accounts.find_by_email(EMAIL) is None
    assert isinstance(await house.enter(), Wrong)
    token = await house.token("sign_up")
    info = await house.accounts.find_link("sign_up", token, browser=BROWSER)
    assert info is not None and info.email == EMAIL and not info.needs_password
    done = await house.accounts.confirm_sign_up(token, browser=BROWSER, password=None, address=HERE, agent=AGENT)
    session = await house.session(done)
    assert (session.email, session.name, session.amr) == (EMAIL, NAME, ("pwd",))
    again = await house.accounts.confirm_sign_up(token, browser=BROWSER, password=None, address=HERE, agent=AGENT)
    assert again == LinkOver()
    assert await house.accounts.find_link("reset", token) is None


async def test_another_browser_confirms_with_the_password_that_was_chosen(house: House) -> None:
    await house.accounts.sign_up(EMAIL, NAME, PASSWORD, address=HERE, browser=BROWSER)
    token = await house.token("sign_up")

    async def confirm(password: str | None):
        return await house.accounts.confirm_sign_up(
            token, browser="another", password=password, address=HERE, agent=AGENT
        )

    assert await confirm(None) == NeedsPassword()
    assert await confirm(OTHER) == NeedsPassword(wrong=True)
    assert isinstance(await confirm(PASSWORD), SignedIn)


async def test_s116_a_known_address_is_answered_like_an_unknown_one(house: House) -> None:
    await house.join()
    house.clock.advance(hours=3)
    for email in (EMAIL, "nobody@example.com"):
        assert await house.accounts.sign_up(email, NAME, OTHER, address=HERE, browser="x") == MailSent()
        assert await house.accounts.forgot(email, address=HERE) == MailSent()
    kinds = sorted(letter.kind for letter in await house.letters())
    assert kinds == ["already_registered", "password_reset", "sign_up", "sign_up"]
    assert isinstance(await house.enter(), SignedIn)


async def test_mails_to_one_address_are_limited_without_a_word(house: House) -> None:
    for _ in range(6):
        answer = await house.accounts.sign_up(EMAIL, NAME, PASSWORD, address=HERE, browser=BROWSER)
        assert answer == MailSent()
    assert len(await house.letters()) == 3


@pytest.mark.parametrize(
    ("field", "values", "code"),
    [
        ("email", ("no-address", NAME, PASSWORD), "malformed"),
        ("name", (EMAIL, "  ", PASSWORD), "missing"),
        ("password", (EMAIL, NAME, "short"), "too_short"),
        ("password", (EMAIL, NAME, "password123"), "common"),
        ("password", (EMAIL, "Ada Byron-Lovelace", "ada byron lovelace!"), "personal"),
    ],
)
async def test_s115_what_is_unfit_is_said_by_field(house: House, field: str, values: tuple, code: str) -> None:
    answer = await house.accounts.sign_up(*values, address=HERE, browser=BROWSER)
    assert isinstance(answer, Unfit)
    assert answer.problems[field] == code


async def test_s116_guessing_is_limited_and_right_passwords_are_not_counted(house: House) -> None:
    await house.join()
    for _ in range(15):
        assert isinstance(await house.enter(), SignedIn)
    for _ in range(10):
        assert isinstance(await house.enter(OTHER), Wrong)
    assert isinstance(await house.enter(OTHER), TooMany)
    assert isinstance(await house.enter(), TooMany)
    assert isinstance(await house.enter(address=THERE), SignedIn)
    unknown = [type(await house.enter(email="nobody@example.com", address=THERE)) for _ in range(11)]
    assert unknown == [Wrong] * 10 + [TooMany]


async def test_s116_parallel_guesses_never_exceed_the_limit(house: House) -> None:
    await house.join()
    outcomes = await asyncio.gather(*(house.enter(OTHER) for _ in range(30)))
    assert sum(isinstance(outcome, Wrong) for outcome in outcomes) == 10


async def test_a_session_replaces_the_one_before_and_ends(house: House) -> None:
    await house.join()
    first = await house.enter()
    second_one = await house.enter(replaces=first.token)
    assert await house.accounts.find_session(first.token) is None
    session = await house.session(second_one)
    listed = await house.accounts.list_sessions(session)
    assert len(listed) == 2
    assert [info.current for info in listed].count(True) == 1
    assert {info.agent for info in listed} == {"Firefox on Linux"}
    assert await house.accounts.end_other_sessions(session) == 1
    with pytest.raises(Refusal, match="no_such_session"):
        await house.accounts.end_session(session, listed[0].id if not listed[0].current else listed[1].id)
    await house.accounts.sign_out(session)
    assert await house.accounts.find_session(second_one.token) is None


async def test_sessions_idle_out_and_end_absolutely(house: House) -> None:
    await house.join()
    idle, used = await house.enter(), await house.enter()
    for _ in range(3):
        house.clock.advance(days=7)
        await house.accounts.find_session(used.token)
        await house.storage.flush()
    assert await house.accounts.find_session(idle.token) is None
    assert await house.accounts.find_session(used.token) is not None
    house.clock.advance(days=10)
    assert await house.accounts.find_session(used.token) is None


async def test_the_second_factor_is_asked_for_and_each_code_is_good_once(house: House) -> None:
    session = await house.join()
    secret, recovery = await add_totp(house, session)
    assert len(set(recovery)) == 10
    house.clock.advance(seconds=60)
    asked = await house.enter()
    assert isinstance(asked, NeedsSecondFactor)
    code = second.totp(secret, second.step_of(house.clock.now()))

    async def answer(ticket: str, typed: str):
        return await house.accounts.second_factor(ticket, typed, address=HERE, agent=AGENT)

    assert await answer(asked.ticket, "000000") == Wrong(left=4)
    done = await answer(asked.ticket, f"{code[:3]} {code[3:]}")
    assert (await house.session(done)).amr == ("pwd", "otp", "mfa")
    assert await answer(asked.ticket, code) == Wrong(left=0)
    again = await house.enter()
    assert isinstance(await answer(again.ticket, code), Wrong)
    assert isinstance(await answer(again.ticket, recovery[0].upper()), SignedIn)
    third = await house.enter()
    assert isinstance(await answer(third.ticket, recovery[0]), Wrong)
    security = await house.accounts.security(session)
    assert (security.recovery_codes_left, security.totp_since is not None) == (9, True)


async def test_five_wrong_codes_end_the_sign_in_and_are_told_by_mail(house: House) -> None:
    session = await house.join()
    secret, _ = await add_totp(house, session)
    house.clock.advance(seconds=60)
    asked = await house.enter()
    for left in (4, 3, 2, 1, 0):
        wrong = await house.accounts.second_factor(asked.ticket, "123123", address=HERE, agent=AGENT)
        assert wrong == Wrong(left=left)
    code = second.totp(secret, second.step_of(house.clock.now()))
    assert await house.accounts.second_factor(asked.ticket, code, address=HERE, agent=AGENT) == Wrong(left=0)
    assert await house.letter("second_factor_failed")


async def test_s116_a_reset_ends_sessions_and_leaves_the_second_factor(house: House) -> None:
    session = await house.join()
    await add_totp(house, session)
    await house.accounts.forgot(EMAIL, address=HERE)
    token = await house.token("password_reset")
    assert isinstance(await house.accounts.reset_password(token, "short", address=HERE), Unfit)
    assert await house.accounts.reset_password(token, OTHER, address=HERE) == Done()
    assert await house.accounts.reset_password(token, OTHER, address=HERE) == LinkOver()
    assert await house.accounts.list_sessions(session) == []
    assert isinstance(await house.enter(), Wrong)
    assert isinstance(await house.enter(OTHER), NeedsSecondFactor)
    assert await house.letter("password_changed")


async def test_grave_steps_want_a_fresh_proof(house: House) -> None:
    session = await house.join()
    house.clock.advance(minutes=16)
    with pytest.raises(Refusal, match="reauthenticate"):
        await house.accounts.change_password(session, OTHER)
    for wanted in (house.accounts.begin_totp, house.accounts.renew_recovery_codes, house.accounts.offer_passkey):
        with pytest.raises(Refusal, match="reauthenticate"):
            await wanted(session)
    assert await house.accounts.prove(session, password=OTHER, address=HERE) == Wrong()
    assert await house.accounts.prove(session, password=PASSWORD, address=HERE) == Done()
    again = msgspec_replace(session, strong_at=house.clock.now())
    assert await house.accounts.change_password(again, OTHER) == Done()


def msgspec_replace(session: AccountSession, **values) -> AccountSession:
    from dataclasses import replace

    return replace(session, **values)


async def test_s114_a_new_address_is_confirmed_and_the_old_one_can_take_it_back(house: House) -> None:
    session = await house.join()
    house.clock.advance(minutes=1)
    assert await house.accounts.change_email(session, "new@example.com") == MailSent()
    assert (await house.accounts.find_person(session.account_id)).email == EMAIL
    letter = await house.letter("email_change")
    assert letter.to == "new@example.com"
    assert await house.accounts.confirm_email(await house.token("email_change")) == Done()
    assert (await house.accounts.find_person(session.account_id)).email == "new@example.com"
    notice = await house.letter("email_changed")
    assert notice.to == EMAIL
    house.clock.advance(days=6)
    undo = re.search(r"token=([\w-]{43})", notice.text)[1]
    assert await house.accounts.undo_email(undo) == Done()
    assert (await house.accounts.find_person(session.account_id)).email == EMAIL
    assert await house.accounts.list_sessions(session) == []
    assert isinstance(await house.enter(), Wrong)
    assert await house.accounts.reset_password(await house.token("email_restored"), OTHER, address=HERE) == Done()
    assert isinstance(await house.enter(OTHER), SignedIn)


async def test_s114_an_address_of_somebody_else_is_never_taken(house: House) -> None:
    session = await house.join()
    house.clock.advance(hours=3)
    await house.accounts.create_account(actor="cli:tests", email="bo@example.com", name="Bo", password=OTHER)
    strong = msgspec_replace(session, strong_at=house.clock.now())
    assert await house.accounts.change_email(strong, "bo@example.com") == MailSent()
    assert await house.letter("email_in_use")
    assert (await house.accounts.find_person(session.account_id)).email == EMAIL


async def test_s128_no_password_token_or_address_link_stands_in_the_database(house: House) -> None:
    session = await house.join()
    secret, recovery = await add_totp(house, session)
    signed = await house.enter()
    tables = ["accounts", "account_sessions", "account_links", "account_totp", "account_recovery_codes", "mail_messages"]
    dump = ""
    for table in tables:
        dump += repr(await house.storage.read.all(Statement(f"tests.{table}", f"SELECT * FROM {table}")))
    for value in (PASSWORD, signed.ticket, recovery[0], recovery[0].replace("-", ""), repr(secret)[2:-1]):
        assert value not in dump


async def test_a_closed_account_is_gone_and_its_address_free(house: House) -> None:
    session = await house.join()
    await house.accounts.close_account(session.account_id, actor=f"account:{session.account_id}")
    assert isinstance(await house.enter(), Wrong)
    assert await house.accounts.list_people([session.account_id]) == {}
    house.clock.advance(hours=3)
    fresh = await house.join()
    assert fresh.account_id != session.account_id
    with pytest.raises(Refusal, match="no_such_account"):
        await house.accounts.close_account(session.account_id, actor="cli:tests")


async def test_a_password_that_is_changed_meanwhile_opens_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old one was right when it was looked at, and is over when the session would begin."""
    session = await house.join()
    verify = house.accounts._hasher.verify

    async def slowly(known: str | None, password: str) -> bool:
        right = await verify(known, password)
        await house.accounts.change_password(session, OTHER)
        return right

    monkeypatch.setattr(house.accounts._hasher, "verify", slowly)
    assert await house.enter() == Wrong()
    monkeypatch.undo()
    assert await house.session(await house.enter(OTHER))
