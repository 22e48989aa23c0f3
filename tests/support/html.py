"""Reads the forms of a page as a browser without scripts would."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Form:
    action: str
    method: str
    id: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    """Those that are sent whatever is done: hidden, text with its value, ticked boxes."""
    boxes: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.by_id: dict[str, Form] = {}
        self.open: Form | None = None
        self.links: list[str] = []
        self.text: list[str] = []
        self.later: list[tuple[str, str, dict[str, str]]] = []
        self.area: str | None = None
        self.select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        a = {k: v or "" for k, v in attrs}
        if tag == "form":
            self.open = Form(a.get("action", ""), a.get("method", "get").lower(), a.get("id", ""))
            self.forms.append(self.open)
            if self.open.id:
                self.by_id[self.open.id] = self.open
        elif tag == "a" and "href" in a:
            self.links.append(a["href"])
        elif tag == "textarea" and self.open is not None:
            self.area = a.get("name", "")
            self.open.fields[self.area] = ""
        elif tag == "select" and self.open is not None:
            self.select = a.get("name", "")
        elif tag == "option" and self.open is not None and self.select is not None:
            if "selected" in a or self.select not in self.open.fields:
                self.open.fields[self.select] = a.get("value", "")
        elif tag in ("input", "button"):
            if "form" in a:
                self.later.append((tag, a["form"], a))
            elif self.open is not None:
                self._put(self.open, tag, a)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.open = None
        elif tag == "textarea":
            self.area = None
        elif tag == "select":
            self.select = None

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self.area is not None and self.open is not None:
            typed = self.open.fields[self.area]
            self.open.fields[self.area] = typed + (data if typed else data.removeprefix("\n"))

    def finish(self) -> None:
        for tag, form_id, a in self.later:
            if form_id in self.by_id:
                self._put(self.by_id[form_id], tag, a)

    @staticmethod
    def _put(form: Form, tag: str, a: dict[str, str]) -> None:
        name, kind = a.get("name", ""), a.get("type", "submit" if tag == "button" else "text")
        if tag == "button" or kind == "submit":
            form.buttons.append((name, a.get("value", "")))
        elif kind in ("checkbox", "radio"):
            form.boxes[name] = a.get("value", "on")
            if "checked" in a:
                form.fields[name] = a.get("value", "on")
        elif name:
            form.fields[name] = a.get("value", "")


@dataclass
class Read:
    forms: list[Form]
    links: list[str]
    text: str

    def form(self, ending: str) -> Form:
        """The form whose action ends so."""
        for form in self.forms:
            if form.action.endswith(ending):
                return form
        raise AssertionError(f"no form for {ending}: {[form.action for form in self.forms]}")


def read(html: str) -> Read:
    reader = _Reader()
    reader.feed(html)
    reader.finish()
    return Read(reader.forms, reader.links, " ".join(" ".join(reader.text).split()))
