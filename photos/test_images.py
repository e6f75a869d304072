import io
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, ImageCms, ImageDraw, ImageFile, PngImagePlugin

from photos import images

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
    """Return a PNG with this size in its header and almost no data."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + name + data + zlib.crc32(name + data).to_bytes(4)

    header = width.to_bytes(4) + height.to_bytes(4) + b"\x08\x02\x00\x00\x00"
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    )


def rejection(content: bytes, **kwargs) -> str:
    with pytest.raises(ValidationError) as error:
        images.read_photo(upload(content, **kwargs))
    return error.value.message


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "MPO", "HEIF"])
def test_photo_is_encoded_as_jpeg_with_a_thumbnail(format):
    options = {"save_all": True, "append_images": [picture()]} if format == "MPO" else {}

    photo = images.read_photo(upload(encoded(format=format, **options)))

    assert {opened(jpeg).format for jpeg in photo} == {"JPEG"}
    assert opened(photo.picture).size == (1200, 750)
    assert opened(photo.app_copy).size == (800, 500)
    assert opened(photo.thumbnail).size == (240, 150)


def test_small_photo_is_not_enlarged():
    photo = images.read_photo(upload(encoded(picture((300, 200)))))

    assert opened(photo.picture).size == (300, 200)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_rotated_photo_becomes_upright(format):
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # rotate clockwise

    photo = images.read_photo(upload(encoded(format=format, exif=exif)))

    image = opened(photo.picture)
    assert image.size == (750, 1200)
    red, _, blue = image.getpixel((700, 20))  # the orange corner is now on the right
    assert red > 200 > 100 > blue
    assert opened(photo.thumbnail).size == (150, 240)


def icc_profile() -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"sRGB built-in", b"SecretProfile")


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("JPEG", {"comment": b"SecretHome", "extra": b"\xff\xed\x00\x20Photoshop 3.0\x00SecretCaption"}),
        ("PNG", {"pnginfo": "SecretHome"}),
        ("WEBP", {}),
        ("HEIF", {}),
        ("MPO", {"save_all": True, "append_images": [picture()]}),
    ],
)
def test_metadata_is_removed(format, options):
    exif = Image.Exif()
    exif[MAKE] = "SecretCam"
    exif.get_ifd(GPS)[2] = (55.0, 45.0, 0.0)
    if text := options.get("pnginfo"):
        options = {"pnginfo": PngImagePlugin.PngInfo()}
        options["pnginfo"].add_text("Comment", text)
    xmp = b"<x:xmpmeta>SecretXmp</x:xmpmeta>"
    content = encoded(format=format, exif=exif, xmp=xmp, icc_profile=icc_profile(), **options)
    assert content.count(b"Secret") >= 2

    for jpeg in images.read_photo(upload(content)):
        assert not opened(jpeg).getexif()
        assert not {"exif", "comment", "xmp", "icc_profile", "photoshop"} & set(opened(jpeg).info)
        assert b"Secret" not in jpeg


@pytest.mark.parametrize("format", ["PNG", "WEBP", "MPO", "HEIF"])
def test_first_of_several_pictures_is_used(format):
    others = [picture(colour="black"), picture(colour="black")]

    photo = images.read_photo(upload(encoded(picture(), format, save_all=True, append_images=others)))

    assert opened(photo.picture).format == "JPEG"
    _, _, blue = opened(photo.picture).getpixel((1100, 700))
    assert blue > 150


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "1", "CMYK", "I;16"])
def test_every_color_mode_becomes_rgb(mode):
    image = Image.new(mode, (400, 300))

    photo = images.read_photo(upload(encoded(image, "JPEG" if mode == "CMYK" else "PNG")))

    assert opened(photo.picture).mode == "RGB"


def test_transparent_pixels_become_white():
    photo = images.read_photo(upload(encoded(Image.new("RGBA", (50, 50), (0, 0, 0, 0)), "PNG")))

    assert opened(photo.picture).getpixel((25, 25)) == (255, 255, 255)


def test_appended_script_is_removed():
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
def test_invalid_or_truncated_photo_is_rejected(content):
    assert rejection(content) == images.NOT_A_PHOTO


def test_truncated_photo_is_rejected_after_weasyprint_was_imported(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # importing WeasyPrint does so

    assert rejection(encoded()[:-2000]) == images.NOT_A_PHOTO


def test_empty_file_is_rejected():
    assert rejection(b"") == images.EMPTY


def test_decompression_bomb_is_rejected_by_its_header(monkeypatch):
    monkeypatch.setattr(Image.Image, "draft", lambda *args: pytest.fail("decoded"))
    too_large = [(8000, 5001), (30_000, 30_000), (2_000_000_000, 2_000_000_000)]

    assert {rejection(png_header(*size)) for size in too_large} == {images.TOO_MANY_PIXELS}


def test_html_and_large_files_are_rejected(settings):
    assert rejection(b"<!doctype html><p>hello", content_type="text/html") == images.NOT_A_PHOTO
    assert rejection(b"<!doctype html><p>hello", content_type="image/jpeg") == images.NOT_A_PHOTO
    assert rejection(encoded() + bytes(settings.PHOTO_MAX_BYTES)) == "Файл больше 10 МБ. Выберите фото поменьше."
    assert rejection(bytes(100 * 1024**2)) == "Файл больше 10 МБ. Выберите фото поменьше."


def test_upload_over_the_limit_is_received_only_up_to_the_limit(rf, settings):
    settings.PHOTO_MAX_BYTES = 256 * 1024
    request = rf.post("/", {"large": upload(bytes(20 * 1024**2)), "fits": upload(bytes(256 * 1024))})

    assert settings.PHOTO_MAX_BYTES < request.FILES["large"].size < settings.PHOTO_MAX_BYTES + 128 * 1024
    assert request.FILES["fits"].size == 256 * 1024


class PhotosForm(forms.Form):
    photos = images.MultiplePhotosField(required=False)


def test_photos_in_one_field_are_accepted_all_or_none(rf):
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


def heic_with_false_size(actual: tuple[int, int], declared: tuple[int, int]) -> bytes:
    """Return a HEIC whose header declares another size than its image has."""
    content = encoded(picture(actual), "HEIF", quality=10)
    offset = content.index(b"ispe") + 8
    return content[:offset] + b"".join(side.to_bytes(4) for side in declared) + content[offset + 8 :]


def jpeg_with_false_size(width: int, height: int) -> bytes:
    """Return a small JPEG whose header declares a large size; decoding would fill the rest with grey."""
    content = encoded(picture((16, 16)))
    offset = content.index(b"\xff\xc0") + 5
    return content[:offset] + height.to_bytes(2) + width.to_bytes(2) + content[offset + 4 :]


def webp_with_false_size(width: int, height: int) -> bytes:
    """Return an animated WebP with two small frames whose header declares a large canvas."""
    content = encoded(picture((64, 64)), "WEBP", save_all=True, append_images=[picture((64, 64), colour="red")])
    offset = content.index(b"VP8X") + 12
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return content[:offset] + sides + content[offset + 6 :]


def png_with_large_text() -> bytes:
    """Return a PNG with 66 KB of compressed text that expands to 64 MB."""
    info = PngImagePlugin.PngInfo()
    for number in range(63):
        info.add_text(f"{number}", "x" * (1024**2 - 10), zip=True)
    return encoded(picture((10, 10)), "PNG", pnginfo=info)


def gif_bomb() -> bytes:
    return b"GIF89a\xff\xff\xff\xff\x00\x00\x00"


@pytest.mark.parametrize(
    "bomb",
    [
        png_header(60_000, 60_000),
        jpeg_with_false_size(65_000, 65_000),
        heic_with_false_size((640, 480), (60_000, 60_000)),
        heic_with_false_size((2400, 1600), (64, 64)),
        webp_with_false_size(16_383, 16_383),
        png_with_large_text(),
        gif_bomb(),
    ],
    ids=["png", "jpeg", "heic", "small heic", "webp", "text", "gif"],
)
def test_decompression_bomb_uses_little_memory(bomb, cost):
    outcome, megabytes = cost(bomb)

    assert outcome in (images.TOO_MANY_PIXELS, images.NOT_A_PHOTO)
    assert megabytes < 20


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_largest_photo_is_in_memory_once(format, cost):
    outcome, megabytes = cost(encoded(Image.new("RGB", (8000, 5000), "steelblue"), format))

    assert outcome == "accepted"
    assert megabytes < 250  # four bytes per pixel, 40 million pixels


@pytest.fixture
def cost(run_python, tmp_path):
    """A function that reads a photo in a new process and returns the outcome and the additional memory in MB."""

    def read(content: bytes) -> tuple[str, int]:
        (tmp_path / "photo").write_bytes(encoded())
        (tmp_path / "file").write_bytes(content)
        script = COST.format(folder=str(tmp_path))
        settings = {"DEBUG": "1", "DJANGO_SETTINGS_MODULE": "privet.settings", "DATABASE_URL": "postgresql:///x"}
        outcome, megabytes = run_python("-c", script, **settings).stdout.strip().split(";")
        return outcome, int(megabytes)

    return read


COST = """
import django
django.setup()
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from photos import images
def read(name):
    images.read_photo(ContentFile(open("{folder}/" + name, "rb").read()))
    return "accepted"
# Not ru_maxrss, which starts at the peak of the parent process.
peak = lambda: int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) // 1024
read("photo")
before = peak()
try:
    outcome = read("file")
except ValidationError as error:
    outcome = error.message
print(outcome, peak() - before, sep=";")
"""


def test_process_decodes_one_photo_at_a_time(monkeypatch):
    open_images, counts = [], []

    def re_encode(image):
        open_images.append(image)
        counts.append(len(open_images))
        time.sleep(0.05)
        open_images.pop()

    monkeypatch.setattr(images, "_re_encode", re_encode)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(images.read_photo, [upload(encoded()) for _ in range(4)]))

    assert counts == [1] * 4


def test_rotated_heic_becomes_upright():
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[MAKE] = "Apple"
    photo = images.read_photo(upload(encoded(picture((1600, 1000)), "HEIF", exif=exif.tobytes(), quality=80)))

    image = opened(photo.picture)
    assert image.size == (750, 1200)
    assert not image.getexif()
