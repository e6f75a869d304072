"""Read uploaded photos by their content, re-encode them as JPEG, and redirect to stored ones."""

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

# Embedded thumbnails may differ from the photo.
register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
# A 66 KB PNG can contain 64 MB of compressed text chunks.
PngImagePlugin.MAX_TEXT_MEMORY = 4 * 1024**2

FORMATS = ("JPEG", "PNG", "WEBP", "HEIF")
MAX_PIXELS = 40_000_000
MAX_SIDE = 1200
APP_SIDE = 800
THUMBNAIL_SIDE = 240
JPEG_OPTIONS = {"format": "JPEG", "quality": 85, "optimize": True}

# Decoding a 40-megapixel WebP takes 600 MB: allow one per process, not one per thread.
_decoder_lock = Lock()

EMPTY = "Файл пустой. Сделайте фото ещё раз или выберите другое."
TOO_LARGE = "Файл больше {limit} МБ. Выберите фото поменьше."
TOO_MANY_PIXELS = "Фото больше 40 мегапикселей. Уменьшите его или сделайте снимок с меньшим разрешением."
NOT_A_PHOTO = "Это не фото или файл повреждён. Подойдут JPEG, PNG, WebP и HEIC."


class Photo(NamedTuple):
    """A photo, its smaller copy for the client's app, and its thumbnail: JPEG without metadata."""

    picture: bytes
    app_copy: bytes
    thumbnail: bytes


def app_copy_key(key: str) -> str:
    return key.replace(".jpg", "-app.jpg")


def thumbnail_key(key: str) -> str:
    return key.replace(".jpg", "-thumbnail.jpg")


def original_key(key: str) -> str:
    """Return the key of the photo whose copy or thumbnail has this key."""
    return key.replace("-app.jpg", ".jpg").replace("-thumbnail.jpg", ".jpg")


def too_large_error() -> ValidationError:
    return ValidationError(TOO_LARGE.format(limit=settings.PHOTO_MAX_BYTES // 1024**2), code="too_large")


def read_photo(upload: File) -> Photo:
    """Re-encode an uploaded photo upright: at most 1200 px on the longer side, 800 for the app, 240 for the thumbnail.

    Re-encoding removes metadata (location, camera) and any other content of a polyglot file. Raises ValidationError
    with a message for the user.
    """
    if not upload.size:
        raise ValidationError(EMPTY, code="empty")
    if upload.size > settings.PHOTO_MAX_BYTES:
        raise too_large_error()
    # Importing WeasyPrint sets this flag, which makes Pillow fill missing data with grey.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with _decoder_lock, Image.open(upload, formats=FORMATS) as image:
            # Check the size from the header before anything is decoded.
            if image.width * image.height > MAX_PIXELS:
                raise ValidationError(TOO_MANY_PIXELS, code="too_many_pixels")
            return _re_encode(image)
    except ValidationError:
        raise
    except Image.DecompressionBombError as error:
        raise ValidationError(TOO_MANY_PIXELS, code="too_many_pixels") from error
    except Exception as error:  # decoders raise arbitrary exceptions for crafted files
        raise ValidationError(NOT_A_PHOTO, code="not_a_photo") from error


def _re_encode(image: Image.Image) -> Photo:
    # Decode JPEG at a reduced size close to the target; no effect on other formats.
    image.draft("RGB", (MAX_SIDE, MAX_SIDE))
    picture = _to_rgb(image)
    # Shrink before operations that copy the image: a copy of 40 megapixels takes 160 MB.
    picture.thumbnail((MAX_SIDE, MAX_SIDE))
    picture = ImageOps.exif_transpose(_flatten(picture))
    # Pillow would write comments and XMP from `info` into the new file.
    picture.info.clear()
    encoded = [_encode_jpeg(picture)]
    for side in (APP_SIDE, THUMBNAIL_SIDE):
        picture.thumbnail((side, side))
        encoded.append(_encode_jpeg(picture))
    return Photo(*encoded)


def _to_rgb(image: Image.Image) -> Image.Image:
    mode = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _flatten(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB":
        return picture
    background = Image.new("RGB", picture.size, "white")
    background.paste(picture, mask=picture)
    background.info = dict(picture.info)
    return background


def _encode_jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, **JPEG_OPTIONS)
    return file.getvalue()


class PhotoInput(forms.FileInput):
    """File input that offers camera and gallery."""

    def __init__(self, attrs=None):
        super().__init__({"accept": "image/*"} | (attrs or {}))


class PhotosInput(PhotoInput):
    allow_multiple_selected = True


class PhotoField(forms.FileField):
    """A photo; cleans to a Photo, or None if there is no file."""

    widget = PhotoInput
    default_error_messages = {"empty": EMPTY}

    def to_python(self, data):
        upload = super().to_python(data)
        return upload and read_photo(upload)


class MultiplePhotosField(PhotoField):
    """Several photos in one field, accepted all or none; cleans to a list of Photo. Errors contain the file name."""

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
    """Stop receiving a file once it exceeds the limit, so that large uploads never reach the disk."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        return raw_data if start <= settings.PHOTO_MAX_BYTES else None

    def file_complete(self, file_size: int) -> None:
        return None


def photo_redirect(key: str, *, cache: str = "private, no-store") -> HttpResponseRedirect:
    """Redirect to the presigned URL of a stored JPEG, valid for two minutes.

    `cache` is the Cache-Control of both responses; its max-age must not exceed two minutes.
    """
    url = object_storage.presign_download(key, cache=cache)
    return HttpResponseRedirect(url, content_type="text/plain", headers={"Cache-Control": cache})
