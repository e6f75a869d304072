"""Fixtures that upload photos the way the browser does."""

import pytest
from django.urls import reverse

from photos.models import Upload

JSON = {"Accept": "application/json"}


@pytest.fixture
def start_upload(as_anna, client):
    """Asks for an address for one file; what is said of it can be overridden."""

    def post(browser=as_anna, of=client, **said):
        said = {"purpose": "passport", "content_type": "image/jpeg", "size": 1000} | said
        return browser.post(reverse("uploads", args=[of.pk]), said, headers=JSON)

    return post


@pytest.fixture
def upload(start_upload, send):
    """Asks for an address and sends a file there; the upload, not completed yet."""

    def sent(content: bytes, **said) -> Upload:
        answer = start_upload(**said).json()
        assert send(answer["url"], answer["fields"], content) == 204
        return Upload.objects.get(pk=answer["id"])

    return sent


@pytest.fixture
def complete(as_anna, django_capture_on_commit_callbacks):
    def post(upload: Upload, browser=as_anna):
        with django_capture_on_commit_callbacks(execute=True):
            return browser.post(reverse("upload_completion", args=[upload.pk]), headers=JSON)

    return post
