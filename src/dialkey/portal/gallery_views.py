"""The portal's components in every state, on one page: for those who build pages, and for the tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dialkey.web.pages import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryPage(Page):
    """The components of `portal/macros.html`."""

    template: ClassVar[str] = "portal/gallery.html"

    @classmethod
    def samples(cls) -> dict[str, Page]:
        return {"portal": cls()}
