"""Pictures that developers upload: decoded, measured, and made anew.

What is kept never came from outside: the pixels are drawn into a new file, so nothing hides behind, before or beside
them: no second format in the same bytes, no metadata, no place where a photo was taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageOps

from dialkey.developers.content import Picture
from dialkey.directory.images import MAX_BYTES, MAX_PHOTO_BYTES
from dialkey.web.errors import Refusal
from dialkey.web.uploads import MAX_UPLOAD

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_PIXELS = 12_000_000
"""Of what is uploaded; decoding takes four bytes for each."""
MAX_SIDE = 8_000


@dataclass(frozen=True, slots=True)
class Frame:
    """Sizes in pixels."""

    least: tuple[int, int]
    most: tuple[int, int]


FRAMES = {
    Picture.ICON: Frame((64, 64), (256, 256)),
    Picture.BANNER: Frame((600, 150), (1600, 800)),
    Picture.SCREENSHOT: Frame((240, 240), (1600, 1600)),
}
_QUALITIES = (82, 55, 25)


@dataclass(frozen=True, slots=True)
class MadePicture:
    """A picture as it is kept."""

    media_type: str
    content: bytes


def remake(picture: Picture, content: bytes) -> MadePicture:
    """A new PNG (icons: square, 256 pixels at most) or WebP of what the upload shows. Costs up to a second of CPU:
    call it in a thread. Refusal 422 `picture_bytes`, `picture_type`, `picture_broken`, `picture_small`,
    `picture_large`, each with the `field`."""
    if len(content) > MAX_UPLOAD:
        raise Refusal(422, "picture_bytes", field=picture.value)
    image = _decoded(picture, content)
    frame = FRAMES[picture]
    if image.width < frame.least[0] or image.height < frame.least[1]:
        width, height = frame.least
        raise Refusal(422, "picture_small", field=picture.value, width=width, height=height)
    if picture is Picture.ICON:
        side = min(frame.most[0], max(image.size))
        return _png(ImageOps.pad(image, (side, side), Image.Resampling.LANCZOS, color=(0, 0, 0, 0)), picture)
    image.thumbnail(frame.most, Image.Resampling.LANCZOS)
    return _webp(image, picture)


def _decoded(picture: Picture, content: bytes) -> Image.Image:
    """The first frame, upright, in red, green, blue and alpha."""
    try:
        image = Image.open(BytesIO(content), formats=FORMATS)  # reads no more than the head
    except Image.DecompressionBombError:
        raise Refusal(422, "picture_large", field=picture.value) from None
    except Exception as error:
        raise Refusal(422, "picture_type", detail=type(error).__name__, field=picture.value) from None
    if max(image.size) > MAX_SIDE or image.width * image.height > MAX_PIXELS:
        raise Refusal(422, "picture_large", field=picture.value)
    try:
        image.load()
        return ImageOps.exif_transpose(image).convert("RGBA")
    except Exception as error:
        raise Refusal(422, "picture_broken", detail=type(error).__name__, field=picture.value) from None


def _bare(image: Image.Image) -> Image.Image:
    """The pixels alone: without what the decoder remembered of the file."""
    bare = Image.new("RGBA", image.size)
    bare.paste(image)
    return bare


def _smaller(image: Image.Image, picture: Picture) -> Image.Image:
    if min(image.size) <= 64:
        raise Refusal(422, "picture_large", field=picture.value)
    return image.resize((image.width * 2 // 3, image.height * 2 // 3), Image.Resampling.LANCZOS)


def _png(image: Image.Image, picture: Picture) -> MadePicture:
    bare = _bare(image)
    while True:
        out = BytesIO()
        bare.save(out, "PNG", optimize=True)
        if len(out.getvalue()) <= MAX_BYTES:
            return MadePicture("image/png", out.getvalue())
        bare = _smaller(bare, picture)


def _webp(image: Image.Image, picture: Picture) -> MadePicture:
    bare = _bare(image)
    while True:
        for quality in _QUALITIES:
            out = BytesIO()
            bare.save(out, "WEBP", quality=quality, alpha_quality=quality, method=2)
            if len(out.getvalue()) <= MAX_PHOTO_BYTES:
                return MadePicture("image/webp", out.getvalue())
        bare = _smaller(bare, picture)
