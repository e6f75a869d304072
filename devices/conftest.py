"""Photo files, form data, and fixtures for a device with photos and for storage outages."""

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from devices import saving
from foundation.storage import object_storage
from photos.images import Photo
from support.models import LogEntry

PHOTO = Photo(b"picture", b"copy", b"thumbnail")


def photo_file(colour="steelblue", name="photo.jpg", size=(300, 200)) -> SimpleUploadedFile:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "JPEG")
    return SimpleUploadedFile(name, file.getvalue(), "image/jpeg")


def log_of(client) -> list[str]:
    """Return the texts of the client's log, oldest first."""
    return list(LogEntry.objects.filter(thread__client=client).values_list("body", flat=True))


def payload(**overrides) -> dict:
    """Return form data of a device; pass `type` too."""
    return {
        "title": "Холодильник Бирюса 118",
        "purchased_on": "2024-05",
        "description": "Белый, двухкамерный",
        "serial_number": "SN-118-0042",
        "specs": "180 л, класс A+",
        "extra_fee": "",
    } | overrides


@pytest.fixture
def client(make, anna):
    """Анна's client, ready for step 3."""
    client = make.verified(anna)
    make.passport(client, anna)
    return make.fresh(client)


@pytest.fixture
def device(make, anna, client):
    return make.device(client, anna)


@pytest.fixture
def photos(device, anna):
    """Two photos of the device, newest last."""
    saving.save_device(device, [Photo(b"first", b"first copy", b"first small"), PHOTO], by=anna)
    return list(device.photos.all())


@pytest.fixture
def storage_down(monkeypatch):
    """Make a storage function fail: storage_down("put")."""

    def fail(*args, **kwargs):
        raise object_storage.StorageUnavailable

    return lambda function: monkeypatch.setattr(object_storage, function, fail)
