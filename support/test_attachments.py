"""Files that clients attach to messages, in the app's bucket on a real S3 server."""

import uuid
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from django.db import connection
from django.urls import reverse

from conftest import as_app, browser_for
from foundation.testing import PATIENCE
from support.attachments import File
from support.models import Attachment, Author, Message

PICTURE = b"\x89PNG\r\n\x1a\n picture"
PAGE = b"<script>alert(1)</script>"


@pytest.fixture
def attach(ticket, settings, request):
    """Return a function that adds a message with a file, as the app does; `content` is stored in the app's bucket."""

    def attach(key, content=None, content_type="image/png", body=""):
        if content is not None:
            s3 = request.getfixturevalue("app_bucket")
            s3.put_object(Bucket=settings.APP_S3_BUCKET, Key=key, Body=content, ContentType=content_type)
        message = Message.objects.create(ticket=ticket, author=Author.USER, body=body)
        Attachment.objects.filter(pk=message.pk).update(file_key=key)
        return message

    return attach


def url(message):
    return reverse("support:attachment", args=[message.pk])


def ticket_text(browser, message):
    return browser.get(reverse("support:ticket", args=[message.ticket_id])).text


def download(browser, message, query=""):
    response = browser.get(url(message) + query)
    assert response.status_code == 302, response.status_code
    assert response["Cache-Control"] == "private, no-store"
    return urlopen(response.url, timeout=PATIENCE)  # noqa: S310


@pytest.mark.parametrize(
    "key", ["tickets/uploads/1.PNG", "tickets/uploads/2.jpeg", "tickets/uploads/6f9619ff-8b86-4d01-b42d-00cf4fc964ff"]
)
def test_picture_is_shown_with_preview_and_viewer(as_vera, attach, key):
    message = attach(key, PICTURE)

    text = ticket_text(as_vera, message)
    assert f'<img src="{url(message)}"' in text
    assert "data-view" in text
    with download(as_vera, message) as response:
        assert response.read() == PICTURE
        assert response.headers["Content-Type"] in ("image/png", "image/jpeg")
        assert response.headers["Content-Disposition"] == "inline"


@pytest.mark.parametrize(
    ("key", "stored_type"),
    [
        ("tickets/uploads/page.html", "text/html"),
        ("tickets/uploads/drawing.svg", "image/svg+xml"),
        ("tickets/uploads/scan.pdf", "application/pdf"),
        ("tickets/uploads/page", "text/html"),
        ("tickets/uploads/drawing", "image/svg+xml"),
    ],
)
def test_other_files_are_downloaded_and_cannot_run(as_vera, attach, key, stored_type):
    message = attach(key, PAGE, stored_type)

    with download(as_vera, message) as response:
        assert response.headers["Content-Type"] == "application/octet-stream"
        assert response.headers["Content-Disposition"].startswith("attachment;")
    if "." in key:
        assert "data-view>" not in ticket_text(as_vera, message)


def test_hostile_file_named_as_a_picture_stays_a_picture(as_vera, attach):
    message = attach("tickets/uploads/page.png", PAGE, "text/html")

    with download(as_vera, message) as response:
        assert response.headers["Content-Type"] == "image/png"


def test_picture_can_be_downloaded_under_its_own_name(as_vera, attach):
    message = attach(f"tickets/uploads/{uuid.uuid4()}-Счёт.png", PICTURE)

    with download(as_vera, message, "?download") as response:
        assert response.headers["Content-Disposition"] == "attachment; filename*=utf-8''%D0%A1%D1%87%D1%91%D1%82.png"


def test_presigned_url_expires_after_two_minutes_and_opens_one_object(as_vera, attach):
    message = attach("tickets/uploads/1.png", PICTURE)
    attach("tickets/uploads/2.png", PICTURE)

    presigned = as_vera.get(url(message)).url

    assert "X-Amz-Expires=120" in presigned
    for changed in (
        presigned.replace("/1.png", "/2.png"),
        presigned.replace("image%2Fpng", "text%2Fhtml"),
        presigned.replace("inline", "attachment"),
    ):
        assert changed != presigned
        with pytest.raises(HTTPError) as refused:
            urlopen(changed, timeout=PATIENCE)  # noqa: S310
        assert refused.value.code == 403


@pytest.mark.parametrize(
    "key",
    ["../privet/passports/1.jpg", "a/../../privet/1.jpg", "/privet/1.jpg", "a//b.jpg", "./1.jpg", "a\\..\\b.jpg",
     "a\n.jpg", "a/", "."],
)  # fmt: skip
def test_key_that_could_leave_the_bucket_is_not_opened(as_vera, attach, app_bucket, key):
    message = attach(key)

    assert "здесь его показать нельзя" in ticket_text(as_vera, message)
    assert as_vera.get(url(message)).status_code == 404


def test_longest_key_does_not_break_the_page(as_vera, attach, app_bucket):
    with as_app(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE support_messages ALTER file_key TYPE text")
    message = attach("я" * 3_000_000)

    text = ticket_text(as_vera, message)

    assert "здесь его показать нельзя" in text
    assert len(text) < 100_000


def test_attachment_is_only_for_support_and_admins(as_anna, as_vera, as_gleb, signed_out, attach, anna):
    message = attach("tickets/uploads/1.png", PICTURE)
    message.ticket.user.client.reassign(to=anna, by=anna)

    assert as_anna.get(url(message)).status_code == 404
    assert signed_out.get(url(message)).url.startswith("/sign-in/")
    assert as_vera.get(url(message)).status_code == as_gleb.get(url(message)).status_code == 302
    assert as_vera.post(url(message)).status_code == 405


def test_messages_without_a_file_have_none(as_vera, ticket, attach, app_bucket):
    for message in (ticket.messages.get(), attach(""), attach(None)):
        assert as_vera.get(url(message)).status_code == 404
    assert as_vera.get(reverse("support:attachment", args=[uuid.uuid4()])).status_code == 404


def test_database_without_the_column_shows_no_attachments(as_vera, ticket):
    with as_app(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE support_messages DROP COLUMN file_key")

    assert "Помогите" in ticket_text(as_vera, ticket.messages.get())
    assert as_vera.get(url(ticket.messages.get())).status_code == 404


def test_without_a_configured_bucket_the_page_says_so(as_vera, attach):
    message = attach("tickets/uploads/1.png")

    assert "здесь его показать нельзя" in ticket_text(as_vera, message)
    assert as_vera.get(url(message)).status_code == 404


def test_missing_object_gets_a_message(as_vera, attach, app_bucket):
    response = as_vera.get(url(attach("tickets/uploads/deleted.png")))

    assert response.status_code == 404
    assert "больше не хранит этот файл" in response.text


def test_storage_outage_gets_503_and_the_conversation_is_shown(settings, as_vera, attach, refusing, logged):
    settings.APP_S3_ENDPOINT = settings.APP_S3_PUBLIC_ENDPOINT = refusing
    settings.APP_S3_BUCKET, settings.APP_S3_ACCESS_KEY, settings.APP_S3_SECRET_KEY = "app", "access", "secret"
    message = attach("tickets/uploads/Иванов.png", body="Вот фото")

    assert as_vera.get(url(message)).status_code == 503
    assert "Вот фото" in ticket_text(as_vera, message)
    assert not [line for line in logged if "Иванов" in line]


def test_missing_bucket_is_an_outage(settings, as_vera, attach, app_bucket):
    settings.APP_S3_BUCKET = f"none-{uuid.uuid4()}"
    assert as_vera.get(url(attach("tickets/uploads/1.png"))).status_code == 503


def test_attachments_add_no_queries_per_message(django_assert_num_queries, vera, attach):
    browser = browser_for(vera)
    message = attach("tickets/uploads/1.png")
    page = reverse("support:ticket", args=[message.ticket_id])
    browser.get(page)
    with django_assert_num_queries(8):
        browser.get(page)
    for number in range(5):
        attach(f"tickets/uploads/{number}.png")
    with django_assert_num_queries(8):
        browser.get(page)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("tickets/uploads/3e0b1f1e-4a3f-4f0e-9c3c-7a1c1f1f1f1f-Счёт за май.pdf", "Счёт за май.pdf"),
        ("tickets/uploads/3e0b1f1e-4a3f-4f0e-9c3c-7a1c1f1f1f1f", "вложение"),
        ('a/b";\r\nx.pdf', "b____x.pdf"),
        ("a/\u202egpj.exe", "_gpj.exe"),
        ("a/" + "x" * 300 + ".pdf", "x" * 96 + ".pdf"),
        ("a/...", "вложение"),
    ],
)
def test_file_name_is_harmless(key, name):
    assert File(uuid.uuid4(), key).name == name
