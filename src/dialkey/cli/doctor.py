"""`dialkey doctor` and `dialkey config`: what is right, what is not, and what to do about it."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from dialkey.base.clock import DAY, SystemClock
from dialkey.cli import add_config_option, config_path, read_settings
from dialkey.oauth.keys import ALGORITHMS, list_keys
from dialkey.settings import Settings, describe
from dialkey.storage import StorageUnavailable, open_storage
from dialkey.storage.keyring import KeyringError, master_key, open_keyring
from dialkey.storage.migrations import missing


@dataclass(frozen=True, slots=True)
class Finding:
    """`level`: `ok`, `note` or `fault`."""

    level: str
    text: str


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    doctor_parser = commands.add_parser("doctor", help="look for what is wrong, and say how to mend it")
    add_config_option(doctor_parser)
    doctor_parser.set_defaults(run=doctor)
    config_parser = commands.add_parser("config", help="check the settings, or show them all")
    config_parser.add_argument("action", choices=("check", "show"))
    add_config_option(config_parser)
    config_parser.set_defaults(run=config)


def doctor(chosen: argparse.Namespace) -> int:
    settings = read_settings(chosen)

    async def collect() -> list[Finding]:
        return [finding async for finding in findings(settings)]

    found = asyncio.run(collect())
    marks = {"ok": "ok   ", "note": "note ", "fault": "FAULT"}
    for finding in found:
        print(f"{marks[finding.level]}  {finding.text}")
    return int(any(finding.level == "fault" for finding in found))


async def findings(settings: Settings) -> AsyncIterator[Finding]:
    for finding in _of_settings(settings):
        yield finding
    try:
        master_key(settings.keys)
        yield Finding("ok", "the master key can be read, and by nobody else")
    except KeyringError as error:
        yield Finding("fault", str(error))
    try:
        storage = await open_storage(settings.database)
    except StorageUnavailable as error:
        yield Finding("fault", f"the database does not open: {error}")
        return
    try:
        async for finding in _of_database(settings, storage):
            yield finding
    finally:
        await storage.close()


def _of_settings(settings: Settings) -> list[Finding]:
    found = [Finding("ok", f"issuer {settings.issuer} (clients compare it to the letter)")]
    if settings.secure:
        found.append(Finding("ok", "cookies are Secure and carry the __Host- prefix, since the issuer is https"))
    else:
        found.append(
            Finding("note", "cookies are not Secure, since the issuer is http: right on this machine, nowhere else")
        )
        if settings.host.startswith("127.") or settings.host.startswith("[::1]"):
            found.append(
                Finding("note", "open pages at the issuer's own host: localhost and 127.0.0.1 do not share cookies")
            )
    if settings.sandbox:
        found.append(
            Finding("note", "PINs go to the virtual handset at /handset, for sandbox numbers; refused for a public issuer")
        )
    else:
        found.append(Finding("note", "sms.route is log: messages are counted, not sent, so that nobody can sign in"))
    found.append(_of_mail(settings))
    if settings.public and not settings.server.trusted_proxies:
        found.append(
            Finding("note", "server.trusted_proxies is empty: behind a proxy, all limits count the proxy's address")
        )
    return found


def _of_mail(settings: Settings) -> Finding:
    match settings.mail_route:
        case "none":
            return Finding("note", "mail.route is not set: there is no developer portal, which needs a way for mails")
        case "mailbox":
            return Finding("note", "mails go to the virtual mailbox at /mailbox; refused for a public issuer")
        case "smtp":
            return Finding("ok", f"mails go to {settings.mail.host}:{settings.mail.port} ({settings.mail.security})")
        case "log":
            return Finding("note", "mail.route is log: mails are counted, not sent, so that no developer can sign up")


async def _of_database(settings, storage) -> AsyncIterator[Finding]:  # type: ignore[no-untyped-def]
    lacking = await missing(storage)
    if lacking:
        yield Finding("fault", f"the database lacks {', '.join(lacking)}; run `dialkey migrate`")
        return
    await storage.ping()
    yield Finding("ok", f"the database ({storage.dialect}) answers, can be written and has every migration")
    try:
        await open_keyring(storage, settings.keys)
        yield Finding("ok", "the master key opens this database's secrets")
    except KeyringError as error:
        yield Finding("fault", str(error))
        return
    clock = SystemClock()
    keys = [key for key in await list_keys(storage, clock) if key.retired_at is None]
    for algorithm in ALGORITHMS:
        ages = [(clock.now() - key.created_at) // DAY for key in keys if key.alg == algorithm]
        if not ages:
            yield Finding("fault", f"there is no {algorithm} signing key; run `dialkey migrate`")
        elif max(ages) > 180:
            yield Finding("note", f"the {algorithm} key is {max(ages)} days old; `dialkey keys rotate {algorithm}`")
        else:
            yield Finding("ok", f"the {algorithm} signing key is {max(ages)} days old")


def config(chosen: argparse.Namespace) -> int:
    settings = read_settings(chosen)
    if chosen.action == "check":
        path = config_path(chosen)
        print(f"{path or 'no file'}: the settings can be used; issuer {settings.issuer}")
        return 0
    for key, default, meaning in describe():
        value: object = settings
        for step in key.split("."):
            value = getattr(value, step)
        secret = key in ("keys.master_key", "metrics.token", "mail.password") and value
        print(f"{key} = {'(set)' if secret else value!r}  # default {default!r}. {meaning}")
    return 0
