"""Pictures that developers upload are drawn anew (S113)."""

from __future__ import annotations

import random
import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image, PngImagePlugin

from dialkey.developers.content import Picture
from dialkey.developers.pictures import FRAMES, remake
from dialkey.directory.images import image_fault
from dialkey.web.errors import Refusal
from dialkey.web.uploads import MAX_UPLOAD
from support.developers import drawing

SCRIPT = b"<script>alert(document.domain)</script>"


def code(picture: Picture, content: bytes) -> str:
    with pytest.raises(Refusal) as caught:
        remake(picture, content)
    assert caught.value.status == 422 and caught.value.data["field"] == picture.value
    return caught.value.code


def noise(size: tuple[int, int], mode: str = "RGBA") -> Image.Image:
    return Image.frombytes(mode, size, random.Random(1).randbytes(size[0] * size[1] * len(mode)))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("picture", list(Picture))
def test_a_picture_is_made_anew_within_its_frame(picture: Picture, kind: str) -> None:
    made = remake(picture, drawing((1700, 900), kind))
    image = Image.open(BytesIO(made.content))
    assert made.media_type == ("image/png" if picture is Picture.ICON else "image/webp")
    assert image.width <= FRAMES[picture].most[0] and image.height <= FRAMES[picture].most[1]
    assert picture is not Picture.ICON or image.width == image.height
    assert image_fault(made.media_type, made.content) is None


def test_the_same_upload_has_the_same_name() -> None:
    assert remake(Picture.ICON, drawing()) == remake(Picture.ICON, drawing())


@pytest.mark.parametrize("picture", list(Picture))
def test_even_noise_fits(picture: Picture) -> None:
    out = BytesIO()
    noise((700, 700)).save(out, "WEBP", lossless=False, quality=80)
    made = remake(picture, out.getvalue())
    assert image_fault(made.media_type, made.content) is None


def test_s113_what_hides_in_the_file_is_gone() -> None:
    """Behind the picture, in its texts, its profile, its Exif (with the place where it was taken)."""
    exif = Image.Exif()
    exif[0x010E] = SCRIPT.decode()
    exif.get_ifd(0x8825)[1] = "N"
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", SCRIPT.decode())
    texts.add_itxt("XML:com.adobe.xmp", SCRIPT.decode())
    png = BytesIO()
    Image.new("RGB", (700, 300), "red").save(png, "PNG", pnginfo=texts, exif=exif, icc_profile=SCRIPT)
    jpeg = BytesIO()
    Image.new("RGB", (700, 300), "red").save(jpeg, "JPEG", comment=SCRIPT, exif=exif, icc_profile=SCRIPT)
    webp = BytesIO()
    Image.new("RGB", (700, 300), "red").save(webp, "WEBP", exif=exif, icc_profile=SCRIPT, xmp=SCRIPT)
    for content in (png, jpeg, webp):
        for picture in Picture:
            made = remake(picture, content.getvalue() + SCRIPT + b"PK\x03\x04<?php system($_GET[0]); ?>")
            assert not [part for part in (b"script", b"Exif", b"EXIF", b"php", b"iCCP", b"ICCP", b"tEXt") if part in made.content]
            image = Image.open(BytesIO(made.content))
            assert not image.getexif() and not {"comment", "icc_profile", "exif", "xmp", "Comment"} & image.info.keys()


def test_s113_pixels_that_are_a_program_are_not_kept_as_they_were() -> None:
    """A PNG whose compressed rows spell a script: the bytes are made anew, whatever they spelt."""
    row = b"\x00" + (SCRIPT * 10)[: 64 * 3]
    content = _png(64, 64, zlib.compress(row * 64, 0))
    assert SCRIPT in content
    made = remake(Picture.ICON, content)
    assert SCRIPT not in made.content


@pytest.mark.parametrize(
    "content",
    [b"", b"GIF89a" + bytes(40), b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", b"\x89PNG\r\n\x1a\n",
     b"<!doctype html>" + SCRIPT, b"%PDF-1.7", b"BM" + bytes(60), b"II*\x00" + bytes(60), b"\x00\x00\x01\x00" + bytes(60),
     b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"],
)  # fmt: skip
def test_s113_other_formats_are_refused(content: bytes) -> None:
    assert code(Picture.ICON, content) in ("picture_type", "picture_broken")


def test_a_gif_is_refused_though_it_is_one() -> None:
    assert code(Picture.ICON, drawing(kind="GIF")) == "picture_type"
    assert code(Picture.ICON, drawing(kind="BMP")) == "picture_type"
    assert code(Picture.ICON, drawing(kind="TIFF")) == "picture_type"


def test_broken_small_and_heavy_ones_are_refused() -> None:
    whole = drawing((400, 400))
    assert code(Picture.ICON, whole[: len(whole) // 2]) == "picture_broken"
    assert code(Picture.ICON, drawing((63, 64))) == "picture_small"
    assert code(Picture.BANNER, drawing((599, 300))) == "picture_small"
    assert code(Picture.ICON, bytes(MAX_UPLOAD + 1)) == "picture_bytes"


def test_s113_a_bomb_is_not_unpacked() -> None:
    """40,000 by 40,000 pixels in a few bytes: refused from the head alone."""
    for width, height in ((40_000, 40_000), (8_001, 8), (4_000, 4_000), (2**31 - 1, 2**31 - 1)):
        assert code(Picture.SCREENSHOT, _png(width, height, zlib.compress(bytes(10_000)))) == "picture_large"


def test_a_photo_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    out = BytesIO()
    Image.new("RGB", (800, 400)).save(out, "JPEG", exif=exif)
    image = Image.open(BytesIO(remake(Picture.SCREENSHOT, out.getvalue()).content))
    assert image.size == (400, 800)


def test_of_a_moving_picture_the_first_frame_is_kept() -> None:
    frames = [Image.new("RGB", (300, 300), colour) for colour in ("red", "green", "blue")]
    out = BytesIO()
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:])
    image = Image.open(BytesIO(remake(Picture.SCREENSHOT, out.getvalue()).content))
    assert not getattr(image, "is_animated", False)
    red, green, _ = image.convert("RGB").getpixel((5, 5))  # type: ignore[misc]
    assert red > 200 and green < 60


def _png(width: int, height: int, rows: bytes) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
