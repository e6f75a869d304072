"""Only photos are accepted, whatever their declared type, with both kinds of storage."""

import io
import struct
import zlib

import pytest
from PIL import Image

from devices.models import DevicePhoto
from foundation.storage import object_storage
from photos import images
from photos.models import Upload
from photos.test_uploads import jpeg, photos_stored, picture_at

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("storage")]


def html() -> bytes:
    return b"<html><script>alert(1)</script>" * 50


def eicar() -> bytes:
    # Split, so that virus scanners don't report this file.
    return rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD" + rb"-ANTIVIRUS-TEST-FILE!$H+H*"


def svg() -> bytes:
    return b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>'


def png_bomb() -> bytes:
    """Return a PNG whose header declares 60,000 x 60,000 pixels."""
    return png(60_000, 60_000, b"\x00" * 1000)


def png(width: int, height: int, data: bytes) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def gif() -> bytes:
    file = io.BytesIO()
    Image.new("P", (10, 10)).save(file, "GIF")
    return file.getvalue()


REJECTED = {
    "html": (html, images.NOT_A_PHOTO),
    "svg": (svg, images.NOT_A_PHOTO),
    "eicar": (eicar, images.NOT_A_PHOTO),
    "gif": (gif, images.NOT_A_PHOTO),
    "truncated": (lambda: jpeg()[:2000], images.NOT_A_PHOTO),
    "bomb": (png_bomb, images.TOO_MANY_PIXELS),
}


@pytest.mark.parametrize("name", REJECTED)
def test_file_that_is_no_photo_is_rejected_and_deleted(name, upload, complete, device):
    content, error = REJECTED[name]
    sent = upload(content(), purpose="device", device=device.pk)

    first, second = complete(sent), complete(sent)

    assert (first.status_code, first.json()) == (422, {"error": error})
    assert second.json() == first.json()
    assert photos_stored() == []
    assert not DevicePhoto.objects.exists()


def test_empty_object_is_rejected(start_upload, complete):
    start_upload()
    sent = Upload.objects.get()
    object_storage.put(sent.key, b"")

    assert complete(sent).json() == {"error": images.EMPTY}
    assert not object_storage.exists(sent.key)


def test_object_over_the_limit_is_rejected_without_reading_it(upload, complete, settings):
    sent = upload(jpeg())
    settings.PHOTO_MAX_BYTES = 1000

    assert complete(sent).status_code == 422
    assert photos_stored() == []


def test_uploaded_polyglot_and_metadata_are_removed(upload, complete, device):
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (55.0, 45.0, 0.0)}  # GPS
    content = jpeg(exif=exif, comment=b"<script>alert(1)</script>") + b"PK\x03\x04 a second meaning"
    assert b"script" in content

    complete(upload(content, purpose="device", device=device.pk))

    for key in device.photos.get().keys:
        stored = object_storage.get(key)
        assert b"script" not in stored
        assert b"second meaning" not in stored
        assert not Image.open(io.BytesIO(stored)).getexif()


@pytest.mark.parametrize(
    ("format", "content_type"), [("PNG", "image/png"), ("WEBP", "image/webp"), ("HEIF", "image/heic")]
)
def test_other_formats_are_converted_to_jpeg(upload, complete, as_anna, device, format, content_type):
    file = io.BytesIO()
    Image.new("RGB", (400, 300), "orange").save(file, format)

    response = complete(upload(file.getvalue(), purpose="device", device=device.pk, content_type=content_type))

    photo = picture_at(as_anna, response.json()["photo"])
    assert (photo.format, photo.size) == ("JPEG", (400, 300))
