"""Mail: queued with its cause, sealed at rest, handed to a real server, never in the clear, and gone afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dialkey.jobs import Worker
from dialkey.mail.delivery import MailSender
from dialkey.mail.model import Letter, Message, Unmailable, one_line
from dialkey.mail.outbox import SEND, Mail
from dialkey.mail.parts import as_html, checked, compose, recipient, sender
from dialkey.settings import Mail as MailSettings
from dialkey.settings import Settings
from dialkey.storage import Statement, Storage
from dialkey.storage.keyring import Keyring
from support.clock import ManualClock, SeededEntropy
from support.smtpd import Mailhost, certificate, mailhost

ADA = "ada@voicebox.example"
HELLO = Message(kind="sign_up", subject="Confirm your address", text="Hello,\n\nhttps://id.example/portal?a=1&b=2\n\nBye")
ROWS = Statement("tests.mails", "SELECT * FROM mail_messages ORDER BY queued_at, id")
JOBS = Statement("tests.jobs", "SELECT kind, state, attempts FROM jobs ORDER BY run_at")


class Post:
    """One process with an outbox and a worker."""

    def __init__(
        self, storage: Storage, keyring: Keyring, clock: ManualClock, entropy: SeededEntropy, settings: Settings
    ) -> None:
        self.storage, self.clock = storage, clock
        self.mail = Mail(storage, settings, keyring, clock, entropy)
        self.worker = Worker(storage, clock, entropy, {SEND: MailSender(storage, settings, keyring, clock).handler}, ())

    async def queue(self, to: str = ADA, message: Message = HELLO) -> str:
        async def unit(writer: Any) -> str:
            return await self.mail.queue(writer, to=to, message=message, now=self.clock.now())

        return await self.storage.write(unit)

    async def send(self) -> None:
        await self.worker.run_due()

    async def waiting(self) -> int:
        return len(await self.storage.read.all(ROWS))


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    return certificate(tmp_path_factory.mktemp("mail"))


@pytest.fixture
def host(trusted: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailhost]:
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted[0]))
    with mailhost(Mailhost(certificate=trusted[1])) as served:
        yield served


@pytest.fixture
def make_post(storage: Storage, keyring: Keyring, clock: ManualClock, entropy: SeededEntropy) -> Any:
    def make(host: Mailhost | None = None, **chosen: Any) -> Post:
        values: dict[str, Any] = {"route": "smtp", "host": "localhost", "timeout": 2} if host else {}
        if host is not None:
            values["port"] = host.port
        settings = Settings(issuer="https://id.localhost", mail=MailSettings(**{**values, **chosen}))
        return Post(storage, keyring, clock, entropy, settings)

    return make


async def test_a_mail_arrives_encrypted_and_leaves_nothing_behind(make_post: Any, host: Mailhost) -> None:
    post = make_post(host, sender="Dialkey <no-reply@id.example>")
    mail_id = await post.queue()
    await post.send()
    (mail,) = host.mails
    assert mail["To"] == ADA and mail["From"] == "Dialkey <no-reply@id.example>"
    assert mail["Subject"] == "Confirm your address"
    assert mail["Message-ID"] == f"<{mail_id}@id.localhost>"
    assert mail["Auto-Submitted"] == "auto-generated"
    text, rich = mail.iter_parts()
    assert "https://id.example/portal?a=1&b=2" in text.get_content()
    assert '<a href="https://id.example/portal?a=1&amp;b=2">' in rich.get_content()
    assert set(host.in_clear) == {"EHLO", "STARTTLS"}
    assert await post.waiting() == 0
    assert await post.storage.read.all(JOBS) == []


async def test_what_waits_is_sealed(make_post: Any, host: Mailhost, storage: Storage) -> None:
    await make_post(host).queue()
    assert ADA not in repr(await storage.read.all(ROWS)) and "portal" not in repr(await storage.read.all(ROWS))
    rows = await storage.read.all(Statement("tests.payloads", "SELECT payload FROM jobs"))
    assert ADA not in repr(rows)


async def test_what_is_rolled_back_is_not_sent(make_post: Any, host: Mailhost, storage: Storage) -> None:
    post = make_post(host)

    async def unit(writer: Any) -> None:
        await post.mail.queue(writer, to=ADA, message=HELLO, now=post.clock.now())
        raise KeyError("no")

    with pytest.raises(KeyError):
        await storage.write(unit)
    await post.send()
    assert host.mails == [] and await post.waiting() == 0


async def test_a_server_without_starttls_gets_nothing(make_post: Any, host: Mailhost) -> None:
    host.starttls = False
    post = make_post(host)
    await post.queue()
    await post.send()
    assert host.mails == [] and host.recipients == [] and await post.waiting() == 1


async def test_a_certificate_for_another_name_gets_nothing(
    make_post: Any, host: Mailhost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted, context = certificate(tmp_path, "other.example")
    host.certificate = context
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    post = make_post(host)
    await post.queue()
    await post.send()
    assert host.mails == [] and host.recipients == [] and await post.waiting() == 1


async def test_a_certificate_of_a_stranger_gets_nothing(
    make_post: Any, host: Mailhost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    post = make_post(host)
    await post.queue()
    await post.send()
    assert host.mails == [] and host.recipients == []


async def test_name_and_password_travel_encrypted_only(make_post: Any, host: Mailhost) -> None:
    host.auth = True
    post = make_post(host, username="dialkey", password="pass word")
    await post.queue()
    await post.send()
    assert host.logins == [("dialkey", "pass word")] and len(host.mails) == 1
    assert "AUTH" not in host.in_clear


@pytest.mark.parametrize(
    "answers",
    [
        {"RCPT": ["450 busy"]},
        {"MAIL": ["451 later"]},
        {"DATA": ["drop"]},
        {".": ["452 full"]},
        {".": ["drop"]},
        {"AUTH": ["535 no"]},
        {"RCPT": ["hang"]},
    ],
)
async def test_what_cannot_be_taken_now_comes_again(
    make_post: Any, host: Mailhost, answers: dict[str, list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    host.auth, host.answers = True, {command: list(said) for command, said in answers.items()}
    post = make_post(host, username="dialkey", password="p", timeout=1)
    await post.queue()
    await post.send()
    assert host.mails == [] and await post.waiting() == 1
    await post.send()
    assert host.mails == [], "not at once"
    post.clock.advance(hours=1)
    await post.send()
    assert len(host.mails) == 1 and await post.waiting() == 0


@pytest.mark.parametrize("answers", [{"RCPT": ["550 nobody"]}, {".": ["554 spam"]}, {"MAIL": ["553 sender"]}])
async def test_what_is_refused_for_good_is_dropped(
    make_post: Any, host: Mailhost, answers: dict[str, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    host.answers = {command: list(said) for command, said in answers.items()}
    post = make_post(host)
    await post.queue()
    await post.send()
    assert host.mails == [] and await post.waiting() == 0
    said = capsys.readouterr()
    assert ADA not in said.out + said.err


async def test_a_dead_server_is_given_up_after_a_day(make_post: Any, host: Mailhost) -> None:
    post = make_post(host, port=1)
    await post.queue()
    for _ in range(60):
        await post.send()
        post.clock.advance(hours=1)
    assert await post.waiting() <= 1
    jobs = await post.storage.read.all(JOBS)
    assert all(job.state == "failed" for job in jobs)


async def test_two_workers_send_one_mail(make_post: Any, host: Mailhost) -> None:
    posts = [make_post(host), make_post(host)]
    await posts[0].queue()
    await asyncio.gather(*(post.send() for post in posts))
    assert len(host.mails) == 1


async def test_the_mailbox_keeps_a_mail_for_a_day(make_post: Any, clock: ManualClock) -> None:
    post = make_post()
    first = await post.queue()
    clock.advance(seconds=1)
    second = await post.queue()
    assert [letter.id for letter in await post.mail.list_letters()] == [second, first]
    assert [letter.id for letter in await post.mail.list_letters(after=second)] == [first]
    assert (await post.mail.find_letter(first)).to == ADA
    assert await post.storage.read.all(JOBS) == []
    clock.advance(days=2)
    assert await post.mail.list_letters() == [] and await post.mail.find_letter(first) is None


async def test_log_counts_and_sends_nothing(make_post: Any, host: Mailhost) -> None:
    post = make_post(host, route="log")
    await post.queue()
    await post.send()
    assert host.mails == [] and await post.waiting() == 0 and await post.mail.list_letters() == []


@pytest.mark.parametrize(
    "to",
    ["", "ada", "a@b@c", "ada@x.example\r\nBcc: eve@x.example", "a@x.example, b@x.example", "<a@x.example>", "a b@x.example",
     "a@x.example\0", "a" * 65 + "@x.example", "ada@" + "x" * 260, "ä@x.example"],
)  # fmt: skip
def test_one_plain_address_or_none(to: str) -> None:
    with pytest.raises(Unmailable):
        recipient(to)


@pytest.mark.parametrize(
    ("subject", "text"),
    [("a\r\nBcc: x@y.example", "t"), ("a\nb", "t"), ("", "t"), ("s", ""), ("s" * 151, "t"), ("s", "t" * 10_001),
     ("s\u2028x", "t"), ("s", "t\r\n.\r\nMAIL FROM:<x>"), ("s", "t\0")],
)  # fmt: skip
def test_no_line_ends_where_they_could_be_headers(subject: str, text: str) -> None:
    with pytest.raises(Unmailable):
        checked(Message(kind="x", subject=subject, text=text))


async def test_what_is_not_one_mail_is_not_queued(make_post: Any) -> None:
    for to, message in (("a@b@c", HELLO), (ADA, Message(kind="x", subject="a\nb", text="t"))):
        with pytest.raises(Unmailable):
            await make_post().queue(to=to, message=message)


async def test_a_lone_dot_ends_nothing(make_post: Any, host: Mailhost) -> None:
    await (post := make_post(host)).queue(message=Message(kind="x", subject="Ünïcode ✓", text="a\n.\n..b\nc"))
    await post.send()
    (mail,) = host.mails
    assert mail["Subject"] == "Ünïcode ✓"
    assert next(mail.iter_parts()).get_content().splitlines()[:4] == ["a", ".", "..b", "c"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("VoiceBox AB", "VoiceBox AB"),
        ("evil.example/x", "evil example x"),
        ("Call\r\nme", "Call me"),
        ("a\u202eb\u200bc", "abc"),
        ("x" * 80, "x" * 59 + "…"),
        ("mail me@x.example now", "mail me x example now"),
    ],
)
def test_other_people_s_words_become_one_line_without_links(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_html_is_escaped() -> None:
    page = as_html("Hello <b>\n\nhttps://x.example/?a=1&b=\n\nnot https://x.example alone")
    assert "<b>" not in page and page.count("<a ") == 1 and "&lt;b&gt;" in page


@pytest.mark.parametrize("text", ["", "a", "Name <a@b> x", 'A "q" <a@b.example>', "a@b.example, c@d.example"])
def test_a_sender_that_is_none(text: str) -> None:
    assert sender(text) is None


def test_a_name_is_encoded_not_copied() -> None:
    made = sender("Blå Telekom <no-reply@x.example>")
    assert made is not None
    letter = Letter(id="i", to=ADA, subject="s", text="t", kind="k", queued_at=0)  # type: ignore[arg-type]
    raw = compose(letter, sent_by=made, host="h", now=0).as_bytes()  # type: ignore[arg-type]
    assert b"Bl=C3=A5" in raw and b"\n\n" not in raw.split(b"\r\n\r\n")[0]
