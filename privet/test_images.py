import io
import zlib

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, ImageDraw, ImageFile

from privet import images

GPS, ORIENTATION, MAKE = 0x8825, 0x0112, 0x010F


def picture(size=(1600, 1000), mode="RGB", colour="steelblue") -> Image.Image:
    image = Image.new(mode, size, colour)
    ImageDraw.Draw(image).rectangle((0, 0, size[0] // 2, size[1] // 2), fill="orange")
    return image


def encoded(image=None, format="JPEG", **options) -> bytes:
    file = io.BytesIO()
    (image or picture()).save(file, format, **options)
    return file.getvalue()


def upload(content: bytes, name="photo.jpg", content_type="image/jpeg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type)


def opened(jpeg: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(jpeg))
    image.load()
    return image


def png_header(width: int, height: int) -> bytes:
    """A PNG that says how large it is and holds next to nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + name + data + zlib.crc32(name + data).to_bytes(4)

    header = width.to_bytes(4) + height.to_bytes(4) + b"\x08\x02\x00\x00\x00"
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    )


def refusal(content: bytes, **kwargs) -> str:
    with pytest.raises(ValidationError) as refused:
        images.read_photo(upload(content, **kwargs))
    return refused.value.message


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "MPO", "HEIF"])
def test_a_photo_is_kept_as_jpeg_with_a_thumbnail(format):
    options = {"save_all": True, "append_images": [picture()]} if format == "MPO" else {}

    photo = images.read_photo(upload(encoded(format=format, **options)))

    assert opened(photo.picture).format == opened(photo.thumbnail).format == "JPEG"
    assert opened(photo.picture).size == (1200, 750)
    assert opened(photo.thumbnail).size == (240, 150)


def test_a_small_photo_is_not_blown_up():
    photo = images.read_photo(upload(encoded(picture((300, 200)))))

    assert opened(photo.picture).size == (300, 200)


def test_a_photo_taken_sideways_stands_upright():
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # turn clockwise to see it upright

    photo = images.read_photo(upload(encoded(exif=exif)))

    image = opened(photo.picture)
    assert image.size == (750, 1200)
    red, _, blue = image.getpixel((700, 20))  # the orange corner has moved to the right
    assert red > 200 > 100 > blue
    assert opened(photo.thumbnail).size == (150, 240)


def test_place_camera_and_comments_are_left_out():
    exif = Image.Exif()
    exif[MAKE] = "SecretCam"
    exif.get_ifd(GPS)[2] = (55.0, 45.0, 0.0)
    content = encoded(exif=exif, comment=b"home of the client", xmp=b"<x:xmpmeta>secret</x:xmpmeta>")
    assert b"SecretCam" in content
    assert b"home of the client" in content

    for jpeg in images.read_photo(upload(content)):
        assert not opened(jpeg).getexif()
        assert not {"exif", "comment", "xmp", "icc_profile"} & set(opened(jpeg).info)
        assert b"secret" not in jpeg.lower()
        assert b"home of the client" not in jpeg


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "1", "CMYK", "I;16"])
def test_every_kind_of_colour_becomes_a_jpeg(mode):
    image = Image.new(mode, (400, 300))

    photo = images.read_photo(upload(encoded(image, "JPEG" if mode == "CMYK" else "PNG")))

    assert opened(photo.picture).mode == "RGB"


def test_what_is_transparent_becomes_white():
    photo = images.read_photo(upload(encoded(Image.new("RGBA", (50, 50), (0, 0, 0, 0)), "PNG")))

    assert opened(photo.picture).getpixel((25, 25)) == (255, 255, 255)


def test_a_script_hidden_behind_a_photo_is_gone():
    script = b"<html><script>alert(1)</script></html>"
    polyglot = encoded(comment=script) + script

    for jpeg in images.read_photo(upload(polyglot)):
        assert b"script" not in jpeg


@pytest.mark.parametrize(
    "content",
    [
        b"<html><script>alert(1)</script></html>",
        b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        b"%PDF-1.7",
        b"\xff\xd8\xff\xe0" + b"\x00" * 100,
        b"\x89PNG\r\n\x1a\n" + b"\x00" * 100,
        encoded(format="GIF"),
        encoded(format="BMP"),
        encoded(format="TIFF"),
        encoded()[:-2000],
        encoded(format="PNG")[:-200],
        encoded(format="WEBP")[:-200],
    ],
    ids=["html", "svg", "pdf", "jpeg-start", "png-start", "gif", "bmp", "tiff", "cut-jpeg", "cut-png", "cut-webp"],
)
def test_what_is_not_a_whole_photo_is_refused(content):
    assert refusal(content) == images.NOT_A_PHOTO


def test_half_a_photo_is_refused_when_weasyprint_is_there_too(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # as its import does

    assert refusal(encoded()[:-2000]) == images.NOT_A_PHOTO


def test_an_empty_file_is_refused():
    assert refusal(b"") == images.EMPTY


def test_a_decompression_bomb_is_refused_by_its_header(monkeypatch):
    monkeypatch.setattr(Image.Image, "draft", lambda *args: pytest.fail("decoded"))
    too_large = [(8000, 5001), (30_000, 30_000), (2_000_000_000, 2_000_000_000)]

    assert {refusal(png_header(*size)) for size in too_large} == {images.TOO_MANY_PIXELS}


def test_100_mb_and_text_html_uploads_are_refused(settings):
    assert refusal(b"<!doctype html><p>hello", content_type="text/html") == images.NOT_A_PHOTO
    assert refusal(b"<!doctype html><p>hello", content_type="image/jpeg") == images.NOT_A_PHOTO
    assert refusal(encoded() + bytes(settings.PHOTO_MAX_BYTES)) == "Файл больше 10 МБ. Выберите фото поменьше."
    assert refusal(bytes(100 * 1024**2)) == "Файл больше 10 МБ. Выберите фото поменьше."


def test_of_an_upload_over_the_limit_no_more_than_the_limit_is_received(rf, settings):
    settings.PHOTO_MAX_BYTES = 256 * 1024
    request = rf.post("/", {"large": upload(bytes(20 * 1024**2)), "fits": upload(bytes(256 * 1024))})

    assert settings.PHOTO_MAX_BYTES < request.FILES["large"].size < settings.PHOTO_MAX_BYTES + 128 * 1024
    assert request.FILES["fits"].size == 256 * 1024


class PhotosForm(forms.Form):
    photos = images.MultiplePhotosField(required=False)


def test_of_several_photos_all_are_taken_or_none(rf):
    good = encoded(picture((30, 20)))
    files = rf.post(
        "/", {"photos": [upload(good), upload(b"<p>", name="page.jpg"), upload(b"", name="empty.jpg")]}
    ).FILES

    form = PhotosForm({}, files)

    assert not form.is_valid()
    assert form.errors["photos"] == [f"page.jpg: {images.NOT_A_PHOTO}", f"empty.jpg: {images.EMPTY}"]
    assert len(_cleaned(rf, good, good)) == 2
    assert _cleaned(rf) == []


def _cleaned(rf, *contents) -> list[images.Photo]:
    form = PhotosForm({}, rf.post("/", {"photos": [upload(content) for content in contents]}).FILES)
    assert form.is_valid()
    return form.cleaned_data["photos"]


def heic_that_lies(real: tuple[int, int], said: tuple[int, int]) -> bytes:
    """A HEIC whose header says another size than its picture has."""
    content = encoded(picture(real), "HEIF", quality=10)
    place = content.index(b"ispe") + 8
    return content[:place] + b"".join(side.to_bytes(4) for side in said) + content[place + 8 :]


def jpeg_that_lies(width: int, height: int) -> bytes:
    """A JPEG whose header says that it is large; decoding it would fill the rest with grey."""
    content = encoded(picture((16, 16)))
    place = content.index(b"\xff\xc0") + 5
    return content[:place] + height.to_bytes(2) + width.to_bytes(2) + content[place + 4 :]


def gif_of_a_bomb() -> bytes:
    return b"GIF89a\xff\xff\xff\xff\x00\x00\x00"


@pytest.mark.parametrize(
    "bomb",
    [
        png_header(60_000, 60_000),
        jpeg_that_lies(65_000, 65_000),
        heic_that_lies((640, 480), (60_000, 60_000)),
        heic_that_lies((2400, 1600), (64, 64)),
        gif_of_a_bomb(),
    ],
    ids=["png", "jpeg", "heic", "heic that says it is small", "gif"],
)
def test_a_bomb_costs_no_memory(bomb, run_python, tmp_path):
    file = tmp_path / "bomb"
    file.write_bytes(bomb)
    script = f"""
import resource, django
django.setup()
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from privet import images
images.read_photo(ContentFile(open({str(tmp_path / "photo")!r}, "rb").read()))
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = peak()
try:
    images.read_photo(ContentFile(open({str(file)!r}, "rb").read()))
except ValidationError as refused:
    print(refused.message, peak() - before, sep=";")
"""
    (tmp_path / "photo").write_bytes(encoded())

    answer = run_python(
        "-c", script, DEBUG="1", DJANGO_SETTINGS_MODULE="privet.settings", DATABASE_URL="postgresql:///x"
    )

    words, megabytes = answer.stdout.strip().split(";")
    assert words in (images.TOO_MANY_PIXELS, images.NOT_A_PHOTO)
    assert int(megabytes) < 20


def test_a_heic_that_stands_upright_stays_so():
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[MAKE] = "Apple"
    photo = images.read_photo(upload(encoded(picture((1600, 1000)), "HEIF", exif=exif.tobytes(), quality=80)))

    image = opened(photo.picture)
    assert image.size == (750, 1200)
    assert not image.getexif()
