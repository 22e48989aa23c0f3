"""The virtual mailbox: every message of this machine, with links to our own pages only."""

from __future__ import annotations

import msgspec

from dialkey.app import build
from dialkey.mail.model import Message
from dialkey.portal.mailbox import pieces
from support.people import person
from support.site import Site


async def put(site: Site, to: str, subject: str, text: str) -> str:
    async def unit(writer):  # type: ignore[no-untyped-def]
        message = Message(subject=subject, text=text, kind="test")
        return await site.built.portal.mail.queue(writer, to=to, message=message, now=site.clock.now())

    return await site.storage.write(unit)


async def test_messages_are_listed_and_opened(site: Site) -> None:
    ada = person(site)
    await ada.get("/mailbox")
    assert "No mail yet" in ada.read.text and 'http-equiv="refresh"' in ada.html
    first = await put(site, "ada@voicebox.example", "First", "One")
    site.clock.advance(seconds=1)
    newest = await put(site, "bo@voicebox.example", "<b>Second</b>", "Two <script>x</script>\n\nhttps://evil.example/")
    await ada.get("/mailbox")
    assert ada.html.index("&lt;b&gt;Second") < ada.html.index("First")
    assert (await ada.http.get("/mailbox/newest")).json() == {"newest": newest}
    await ada.get(f"/mailbox/{newest}")
    assert "<script>x" not in ada.html and "https://evil.example/" in ada.read.text
    assert not [link for link in ada.read.links if "evil" in link]
    await ada.get(f"/mailbox/{first}")
    assert "One" in ada.read.text
    for path in ("/mailbox/nothing", "/mailbox/" + "A" * 22):
        assert (await ada.get(path)).status_code == 404


async def test_many_messages_are_paged(site: Site) -> None:
    for number in range(35):
        await put(site, "ada@voicebox.example", f"Number {number}.", "x")
        site.clock.advance(seconds=1)
    ada = person(site)
    await ada.get("/mailbox")
    assert "Number 34." in ada.html and "Number 4." not in ada.html
    await ada.get(next(link for link in ada.read.links if "after=" in link))
    assert "Number 4." in ada.html and "Number 0." in ada.html and "Number 5." not in ada.html
    assert 'http-equiv="refresh"' not in ada.html


async def test_links_are_to_our_own_pages_only() -> None:
    base = "https://id.example"
    text = "Open https://id.example/portal/verify?token=a-b_c. Not https://id.example.evil/portal nor https://id.example@evil/."
    found = pieces(text, base)
    assert [(piece.text, piece.href) for piece in found if piece.href] == [
        ("https://id.example/portal/verify?token=a-b_c", "/portal/verify?token=a-b_c")
    ]
    assert "".join(piece.text for piece in found) == text
    assert pieces("https://id.example//evil.example/", base)[0].href == "//evil.example/"  # which `href` sends nowhere
    assert pieces("", base) == ()


async def test_where_mail_is_sent_there_is_no_mailbox(site: Site) -> None:
    mail = msgspec.structs.replace(site.settings.mail, route="smtp", host="mail.example")
    settings = msgspec.structs.replace(site.settings, mail=mail)
    site.app._built = build(settings, site.storage, site.keyring, site.clock, site.entropy)
    ada = person(site)
    for path in ("/mailbox", "/mailbox/newest", "/mailbox/" + "A" * 22):
        assert (await ada.get(path)).status_code == 404
    await ada.sign_up()
    assert "/mailbox" not in ada.html
