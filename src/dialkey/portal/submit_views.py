"""What the Submit tab shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dialkey.portal.product_views import AT_REST, Standing, sample_place
from dialkey.portal.shell_views import NO_PROBLEMS, Place, Problems
from dialkey.web.pages import Page

_AT = 1_790_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitItem:
    """One line of the checklist."""

    title: str
    text: str
    href: str
    done: bool
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a change: words, lines, or a picture."""

    lines: tuple[str, ...] = ()
    picture_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """One line of what a version changes."""

    title: str
    before: Side
    after: Side
    needs_review: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """One version in the history."""

    number: int
    state: str
    note: str
    comment: str
    submitted_at: int | None
    decided_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitPage(Page):
    """What is missing, what would change, and what reviewers said."""

    template: ClassVar[str] = "portal/product_submit.html"

    place: Place
    csrf: str
    state: str
    """`missing`, `ready`, `review`, `unchanged` (live, nothing to hand in), `suspended`."""
    items: tuple[SubmitItem, ...] = ()
    done: int = 0
    needed: int = 0
    changes: tuple[ChangeRow, ...] = ()
    versions: tuple[VersionRow, ...] = ()
    number: int = 1
    """Of the version being edited or reviewed."""
    live: int = 0
    approved: bool = False
    has_draft: bool = False
    organization_verified: bool = False
    note: str = ""
    standing: Standing = AT_REST
    problems: Problems = NO_PROBLEMS

    @classmethod
    def samples(cls) -> dict[str, Page]:
        done = SubmitItem(title="Name", text="", href="/portal/p/product-1/general#name", done=True, required=True)
        missing = SubmitItem(
            title="Icon", text="A square picture that subscribers recognize.", href="/portal/p/product-1/general#icon",
            done=False, required=True,
        )  # fmt: skip
        nice = SubmitItem(
            title="Screenshots", text="Operators like to see it.", href="/portal/p/product-1/general#screenshots",
            done=False, required=False,
        )  # fmt: skip
        change = ChangeRow(
            title="Subtitle", before=Side(lines=("Your voicemail",)), after=Side(lines=("Your voicemail, in one tap",)),
            needs_review=True,
        )  # fmt: skip
        icon = ChangeRow(title="Icon", before=Side(), after=Side(picture_url="/assets/mark.svg"), needs_review=True)
        lines = ChangeRow(
            title="Addresses of “Web”", before=Side(lines=("https://a.example/cb",)),
            after=Side(lines=("https://a.example/cb", "https://b.example/cb")), needs_review=False,
        )  # fmt: skip
        approved = VersionRow(number=1, state="approved", note="First.", comment="", submitted_at=_AT, decided_at=_AT)
        back = VersionRow(
            number=2, state="returned", note="", comment="The terms cannot be opened.", submitted_at=_AT, decided_at=_AT
        )
        live = {"place": sample_place("product-submit", "live"), "approved": True, "live": 1, "csrf": "t"}
        place = sample_place("product-submit")
        return {
            "missing": cls(place=place, csrf="t", state="missing", items=(done, missing, nice), done=1, needed=2),
            "ready": cls(place=place, csrf="t", state="ready", items=(done, nice), done=1, needed=1),
            "draft_of_live": cls(
                **live, state="ready", items=(done,), done=1, needed=1, changes=(change, icon, lines), number=3,
                versions=(back, approved), has_draft=True,
                standing=Standing(kind="returned", editing=3, live=1, comment="The terms cannot be opened."),
            ),
            "review": cls(
                place=sample_place("product-submit", "review"), csrf="t", state="review", items=(done,), done=1,
                needed=1, standing=Standing(kind="review", editing=1, locked=True),
            ),
            "unchanged": cls(**live, state="unchanged", items=(done,), done=1, needed=1, number=2, versions=(approved,)),
            "viewer": cls(
                place=sample_place("product-submit", role="viewer"), csrf="t", state="ready", items=(done,), done=1,
                needed=1,
            ),
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscardPage(Page):
    """Asks before a draft is thrown away."""

    template: ClassVar[str] = "portal/product_discard.html"

    place: Place
    csrf: str
    number: int

    @classmethod
    def samples(cls) -> dict[str, Page]:
        return {"draft": cls(place=sample_place("product-submit", "live"), csrf="t", number=3)}
