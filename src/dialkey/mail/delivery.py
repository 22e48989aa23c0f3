"""Which way a mail goes: the handler of `mail.send`.

| route   | what it does                                                                        |
|---------|-------------------------------------------------------------------------------------|
| mailbox | keeps mails for a day on the virtual mailbox; there is no job                       |
| smtp    | hands them to a mail server (RFC 5321), again and again for about a day             |
| log     | counts mails and sends none                                                         |
"""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from urllib.parse import urlsplit

import structlog
from prometheus_client import Counter

from dialkey.base.clock import SECOND, Clock
from dialkey.jobs import Context, Handler, Job
from dialkey.mail.model import Letter
from dialkey.mail.parts import compose, sender
from dialkey.mail.store import MailStore
from dialkey.settings import Mail as MailSettings
from dialkey.settings import Settings
from dialkey.storage import Storage, Writer
from dialkey.storage.keyring import Keyring

RETRIES = 30
"""With the pauses below: for a day and one hour."""
BACKOFF = 30 * SECOND
CONNECTIONS = 4
"""Mails that one process hands over at a time."""

_log = structlog.get_logger("dialkey.mail")
_MAILS = Counter("dialkey_mail_messages", "Mails, by route and what became of them.", ["route", "outcome"])

Deliver = Callable[[EmailMessage], None]


class NotYet(Exception):
    """The mail server cannot take it now; the message says why, without the address."""


class Never(Exception):
    """The mail server refused this mail for good."""


class MailSender:
    """Hands queued mails over, at least once."""

    def __init__(
        self, storage: Storage, settings: Settings, keyring: Keyring, clock: Clock, deliver: Deliver | None = None
    ) -> None:
        """`deliver` stands in for the mail server in tests."""
        self._storage = storage
        self._route = settings.mail_route
        self._host = urlsplit(settings.issuer).hostname or "localhost"
        self._sender = sender(settings.mail.sender) or sender(f"Dialkey <no-reply@{self._host}>")
        self._deliver = deliver or Smtp(settings.mail)
        self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="mail")
        self._clock = clock
        self._store = MailStore(keyring)

    @property
    def handler(self) -> Handler:
        return Handler(run=self.run, retries=RETRIES, backoff=BACKOFF)

    async def run(self, job: Job, _: Context) -> None:
        """A mail that is refused for good, or too old, is dropped; one that cannot be taken now raises NotYet."""
        mail_id = str(job.payload["mail"])
        letter = await self._store.find_waiting(self._storage.read, mail_id, now=self._clock.now())
        outcome = "dropped" if letter is None else await self._send(letter, job.attempt)
        _MAILS.labels(self._route, outcome).inc()

        async def unit(writer: Writer) -> None:
            await self._store.drop(writer, mail_id)

        await self._storage.write(unit)

    async def _send(self, letter: Letter, attempt: int) -> str:
        if self._route != "smtp":
            _log.info("a mail was counted, not sent", mail=letter.id, kind=letter.kind)
            return "counted"
        assert self._sender is not None
        mail = compose(letter, sent_by=self._sender, host=self._host, now=self._clock.now())
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._deliver, mail)
        except NotYet as error:
            _log.warning("a mail could not be handed over yet", mail=letter.id, attempt=attempt, reason=str(error))
            _MAILS.labels(self._route, "retry").inc()
            raise
        except Never as error:
            _log.error("a mail was refused for good", mail=letter.id, kind=letter.kind, reason=str(error))
            return "refused"
        return "accepted"


class Smtp:
    """One connection per mail: few are sent, and nothing stays open that could go stale."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings

    def __call__(self, mail: EmailMessage) -> None:
        """Blocks, for as long as the settings allow per step. Raises NotYet or Never."""
        try:
            with self._connected() as server:
                server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            code = max((code for code, _ in error.recipients.values()), default=0)
            raise _verdict(code, "recipient") from None
        except smtplib.SMTPAuthenticationError as error:  # ours to mend, and mails keep until then
            raise NotYet(f"authentication {error.smtp_code}") from None
        except smtplib.SMTPSenderRefused as error:
            raise _verdict(error.smtp_code, "sender") from None
        except smtplib.SMTPResponseException as error:
            raise _verdict(error.smtp_code, "answer") from None
        except smtplib.SMTPNotSupportedError:
            raise NotYet("the server lacks STARTTLS or authentication") from None
        except (OSError, smtplib.SMTPException) as error:
            raise NotYet(type(error).__name__) from None

    def _connected(self) -> smtplib.SMTP:
        chosen = self._settings
        if chosen.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                chosen.host, chosen.port, timeout=chosen.timeout, context=ssl.create_default_context()
            )
        else:
            server = smtplib.SMTP(chosen.host, chosen.port, timeout=chosen.timeout)
        try:
            if chosen.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if chosen.username:
                server.login(chosen.username, chosen.password)
        except BaseException:
            server.close()
            raise
        return server


def _verdict(code: int, what: str) -> NotYet | Never:
    """RFC 5321 section 4.2.1: 4yz may be tried again, 5yz not."""
    return Never(f"{what} {code}") if 500 <= code < 600 else NotYet(f"{what} {code}")
