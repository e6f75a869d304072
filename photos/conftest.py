"""Fixtures that upload photos as the browser does."""

import pytest
from django.urls import reverse

from photos.models import Upload

JSON = {"Accept": "application/json"}


@pytest.fixture
def client(make, anna):
    """Анна's client, ready for step 3."""
    client = make.consented(anna)
    make.passport(client, anna)
    return make.fresh(client)


@pytest.fixture
def device(make, anna, client):
    return make.device(client, anna)


@pytest.fixture
def start_upload(as_anna, client):
    """A function that requests an upload URL for one file; keyword arguments override the form data."""

    def post(browser=as_anna, of=client, **data):
        data = {"purpose": "passport", "content_type": "image/jpeg", "size": 1000} | data
        return browser.post(reverse("uploads", args=[of.pk]), data, headers=JSON)

    return post


@pytest.fixture
def upload(start_upload, send):
    """A function that starts an upload, sends the file and returns the upload, which is not completed."""

    def start_and_send(content: bytes, **data) -> Upload:
        instructions = start_upload(**data).json()
        assert send(instructions["url"], instructions["fields"], content) == 204
        return Upload.objects.get(pk=instructions["id"])

    return start_and_send


@pytest.fixture
def complete(as_anna, django_capture_on_commit_callbacks):
    def post(upload: Upload, browser=as_anna):
        with django_capture_on_commit_callbacks(execute=True):
            return browser.post(reverse("upload_completion", args=[upload.pk]), headers=JSON)

    return post
