"""`dialkey reviews` and `dialkey products`: what developers hand in, decided by who runs the platform."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime

from dialkey.base.clock import Clock
from dialkey.base.entropy import Entropy
from dialkey.cli import add_config_option, read_settings
from dialkey.cli.running import run_with_storage
from dialkey.developers.access import Access
from dialkey.developers.content import FieldChange
from dialkey.developers.drafts import SHOWN_FIELDS
from dialkey.developers.office import Office
from dialkey.developers.reviews import Review, Reviews
from dialkey.directory.rules import Directory
from dialkey.mail.outbox import Mail
from dialkey.storage import Storage
from dialkey.storage.keyring import open_keyring
from dialkey.web.errors import Refusal

_SAYS = {
    "no_such_product": "there is no such product",
    "not_in_review": "that version is not in review: it was withdrawn or decided meanwhile, or never handed in",
    "comment_missing": "say why, with --comment",
    "comment_length": "the comment is too long",
    "comment_characters": "the comment has characters that cannot be shown",
}


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    reviews = commands.add_parser("reviews", help="list, show and decide the products that were handed in for review")
    actions = reviews.add_subparsers(title="actions", required=True, metavar="ACTION")
    listed = actions.add_parser("list", help="what waits, the longest first")
    shown = actions.add_parser("show", help="what a version says, and what it changes")
    shown.add_argument("product", help="the product's id")
    pairs = [(listed, list_queue), (shown, show)]
    for decision, says in (
        ("approve", "make the version live"),
        ("return", "send it back with a comment"),
        ("refuse", "refuse it with a comment"),
    ):
        action = actions.add_parser(decision, help=says)
        action.add_argument("product", help="the product's id")
        action.add_argument("number", type=int, help="the version that was looked at")
        action.add_argument("--comment", default="", help="what its developers are told")
        if decision == "approve":
            action.add_argument("--new-terms", action="store_true", help="ask subscribers to agree to the terms again")
        action.set_defaults(decision=decision)
        pairs.append((action, decide))
    products = commands.add_parser("products", help="vouch for a product without a review")
    verify = products.add_subparsers(title="actions", required=True, metavar="ACTION").add_parser(
        "verify", help="its changes wait for review from now on, and its pages show no warning"
    )
    verify.add_argument("product", help="the product's id")
    pairs.append((verify, verify_product))
    for action, run in pairs:
        add_config_option(action)
        action.set_defaults(run=run)


def list_queue(chosen: argparse.Namespace) -> int:
    async def work(office: Office) -> int:
        reviews, after, lines = Reviews(office), "", 0
        while True:
            page = await reviews.queue(after=after)
            for line in page.items:
                first = "  (first)" if line.first else ""
                print(f"{line.product_id}  {line.number:>3}  {_moment(line.submitted_at)}  {line.product_name}"
                      f"  by {line.organization_name}{first}")  # fmt: skip
                lines += 1
            if page.next is None:
                break
            after = page.next
        if not lines:
            print("nothing waits for review")
        return 0

    return _run(chosen, work)


def show(chosen: argparse.Namespace) -> int:
    async def work(office: Office) -> int:
        for line in _shown(await Reviews(office).get(chosen.product)):
            print(line)
        return 0

    return _run(chosen, work)


def decide(chosen: argparse.Namespace) -> int:
    async def work(office: Office) -> int:
        await Reviews(office).decide(
            _actor(),
            chosen.product,
            chosen.number,
            chosen.decision,
            comment=chosen.comment,
            new_terms=getattr(chosen, "new_terms", False),
        )
        done = {"approve": "approved: it is live within a second", "return": "sent back", "refuse": "refused"}
        print(done[chosen.decision])
        return 0

    return _run(chosen, work)


def verify_product(chosen: argparse.Namespace) -> int:
    async def work(office: Office) -> int:
        directory = Directory(office.storage, office.clock, office.entropy, office.keyring)
        await directory.verify_product(actor=_actor(), product_id=chosen.product)
        print("verified")
        return 0

    return _run(chosen, work)


def _run(chosen: argparse.Namespace, work: Callable[[Office], Awaitable[int]]) -> int:
    settings = read_settings(chosen)

    async def whole(storage: Storage, clock: Clock, entropy: Entropy) -> int:
        keyring = await open_keyring(storage, settings.keys)
        office = Office(
            settings=settings,
            storage=storage,
            clock=clock,
            entropy=entropy,
            keyring=keyring,
            access=Access(storage),
            mail=Mail(storage, settings, keyring, clock, entropy),
        )
        try:
            return await work(office)
        except Refusal as refusal:
            print(_SAYS.get(refusal.code, refusal.code))
            return 1

    return run_with_storage(settings, whole)


def _shown(review: Review) -> Iterator[str]:
    content, info = review.version.content, review.version.info
    verified = "verified" if review.organization_verified else "not verified"
    yield f"{review.product_name}, a {review.kind} product by {review.organization_name} ({verified})"
    yield f"version {info.number}, handed in {_moment(info.submitted_at or 0)} by {info.submitted_by}"
    if info.note:
        yield f"note: {info.note}"
    yield ""
    if review.approved:
        yield "what it changes:"
        for change in review.changes:
            yield from _change(change)
        return
    for field in (*SHOWN_FIELDS, "required_scopes", "optional_scopes"):
        if value := getattr(content, field):
            yield f"{field}: {_text(value)}"
    for client in content.clients:
        yield f"client {client.client_id} ({client.kind}): {client.description}"
        for kind in ("redirect_uris", "post_logout_redirect_uris", "post_revoke_redirect_uris"):
            for uri in getattr(client, kind):
                yield f"  {kind}: {uri}"


def _change(change: FieldChange) -> Iterator[str]:
    yield f"{change.field}{'' if change.needs_review else '  (only takes away)'}"
    yield f"  - {_text(change.before)}"
    yield f"  + {_text(change.after)}"


def _text(value: str | tuple[str, ...] | None) -> str:
    if value is None:
        return "(nothing)"
    return ("; ".join(value) if isinstance(value, tuple) else value.replace("\n", "\n    ")) or "(nothing)"


def _actor() -> str:
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli"


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%MZ")
