"""Photos that people send: read by their content, kept as JPEGs of our own making, and shown again."""

import io
from threading import Lock
from typing import NamedTuple

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpResponseRedirect
from PIL import Image, ImageFile, ImageOps, PngImagePlugin
from pillow_heif import register_heif_opener

from foundation.storage import object_storage

# An embedded thumbnail may show something else than the picture.
register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
# A PNG of 66 KB can hold 64 MB of compressed remarks.
PngImagePlugin.MAX_TEXT_MEMORY = 4 * 1024**2

FORMATS = ("JPEG", "PNG", "WEBP", "HEIF")
MAX_PIXELS = 40_000_000
MAX_SIDE = 1200
THUMBNAIL_SIDE = 240
JPEG_OPTIONS = {"format": "JPEG", "quality": 85, "optimize": True}

# A WebP of 40 megapixels takes 600 MB while it is open: once in a process, not in each of its threads.
_one_at_a_time = Lock()

EMPTY = "Файл пустой. Сделайте фото ещё раз или выберите другое."
TOO_LARGE = "Файл больше {limit} МБ. Выберите фото поменьше."
TOO_MANY_PIXELS = "Фото больше 40 мегапикселей. Уменьшите его или сделайте снимок с меньшим разрешением."
NOT_A_PHOTO = "Это не фото или файл повреждён. Подойдут JPEG, PNG, WebP и HEIC."


class Photo(NamedTuple):
    """A picture and its thumbnail, both JPEG without metadata."""

    picture: bytes
    thumbnail: bytes


def too_large_error() -> ValidationError:
    return ValidationError(TOO_LARGE.format(limit=settings.PHOTO_MAX_BYTES // 1024**2), code="too_large")


def read_photo(upload: File) -> Photo:
    """The photo that `upload` holds, upright, at most 1200 px on the longer side; the thumbnail at most 240 px.

    Whatever else the file carried (place, camera, a second meaning of a polyglot) is gone with the re-encoding.
    Raises ValidationError, in words for the person who sent it.
    """
    if not upload.size:
        raise ValidationError(EMPTY, code="empty")
    if upload.size > settings.PHOTO_MAX_BYTES:
        raise too_large_error()
    # WeasyPrint, when it is imported, tells Pillow to make grey of whatever is missing.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with _one_at_a_time, Image.open(upload, formats=FORMATS) as image:
            # The header says how large it is; nothing is decoded before it is known to fit.
            if image.width * image.height > MAX_PIXELS:
                raise ValidationError(TOO_MANY_PIXELS, code="too_many_pixels")
            return _re_encode(image)
    except ValidationError:
        raise
    except Image.DecompressionBombError as error:
        raise ValidationError(TOO_MANY_PIXELS, code="too_many_pixels") from error
    except Exception as error:  # decoders that meet a made-up file raise whatever they like
        raise ValidationError(NOT_A_PHOTO, code="not_a_photo") from error


def _re_encode(image: Image.Image) -> Photo:
    # JPEG decodes straight to about the size that is asked for; other formats are not touched by this.
    image.draft("RGB", (MAX_SIDE, MAX_SIDE))
    picture = _to_rgb(image)
    # Before anything that makes a copy: one of 40 megapixels takes 160 MB.
    picture.thumbnail((MAX_SIDE, MAX_SIDE))
    picture = ImageOps.exif_transpose(_flatten(picture))
    # Pillow writes comments and XMP that it finds here into the new file.
    picture.info.clear()
    thumbnail = picture.copy()
    thumbnail.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return Photo(_encode_jpeg(picture), _encode_jpeg(thumbnail))


def _to_rgb(image: Image.Image) -> Image.Image:
    mode = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _flatten(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB":
        return picture
    paper = Image.new("RGB", picture.size, "white")
    paper.paste(picture, mask=picture)
    paper.info = dict(picture.info)
    return paper


def _encode_jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, **JPEG_OPTIONS)
    return file.getvalue()


class PhotoInput(forms.FileInput):
    """Camera or gallery."""

    def __init__(self, attrs=None):
        super().__init__({"accept": "image/*"} | (attrs or {}))


class PhotosInput(PhotoInput):
    allow_multiple_selected = True


class PhotoField(forms.FileField):
    """An upload that is a photo; cleans to a Photo, or to None when there is none."""

    widget = PhotoInput
    default_error_messages = {"empty": EMPTY}

    def to_python(self, data):
        upload = super().to_python(data)
        return upload and read_photo(upload)


class MultiplePhotosField(PhotoField):
    """Several uploads in one field, taken all or none; cleans to a list of Photo. Errors name the file."""

    widget = PhotosInput

    def clean(self, data, initial=None):
        photos, errors = [], []
        for upload in data or []:
            try:
                photos.append(super().clean(upload, initial))
            except ValidationError as error:
                errors += [ValidationError(f"{upload.name}: {message}") for message in error.messages]
        if errors:
            raise ValidationError(errors)
        return photos

    def has_changed(self, initial, data) -> bool:
        return bool(data)


class SizeLimitUploadHandler(FileUploadHandler):
    """Receives no more of one file than shows that it is too large, so that 100 MB never reach the disk."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        return raw_data if start <= settings.PHOTO_MAX_BYTES else None

    def file_complete(self, file_size: int) -> None:
        return None


def photo_redirect(key: str, *, cache: str = "private, no-store") -> HttpResponseRedirect:
    """To where the stored JPEG is shown for two minutes. `cache` must let nobody keep this answer for longer."""
    where = object_storage.presign_download(key, cache=cache)
    return HttpResponseRedirect(where, content_type="text/plain", headers={"Cache-Control": cache})
