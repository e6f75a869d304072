"""A picture of a client, loaded from the app's bucket under our content security policy."""

from io import BytesIO

from PIL import Image
from playwright.sync_api import expect

from e2e.conftest import overflow_width, sign_in
from support.models import Attachment, Author, Message, Ticket


def test_attached_picture_is_previewed_viewed_and_downloaded(open_page, settings, vera, make, app_bucket, screenshot):
    settings.SECURE_CSP = settings.SECURE_CSP | {
        "img-src": [*settings.SECURE_CSP["img-src"], settings.APP_S3_PUBLIC_ENDPOINT]
    }
    picture = BytesIO()
    Image.new("RGB", (640, 480), "navy").save(picture, "PNG")
    key = "tickets/uploads/photo"
    app_bucket.put_object(Bucket=settings.APP_S3_BUCKET, Key=key, Body=picture.getvalue(), ContentType="image/png")
    ticket = Ticket.objects.create(user=make.client().user, subject="Не работает холодильник")
    message = Message.objects.create(ticket=ticket, author=Author.USER, body="Вот фото")
    Attachment.objects.filter(pk=message.pk).update(file_key=key)
    page = open_page()
    sign_in(page, vera.email)

    page.get_by_role("link", name="Не работает холодильник").click()
    preview = page.locator("a[data-view] img")
    preview.scroll_into_view_if_needed()
    expect(preview).to_have_js_property("naturalWidth", 640)
    assert overflow_width(page) == 0
    screenshot(page, "attachment")
    preview.click()
    viewed = page.get_by_role("dialog", name="Просмотр фото")
    expect(viewed).to_be_visible()
    expect(viewed.locator('[data-part="image"]')).to_have_js_property("naturalWidth", 640)
    page.keyboard.press("Escape")

    with page.expect_download() as download:
        page.get_by_role("link", name="Скачать вложение").click()
    assert download.value.path().read_bytes() == picture.getvalue()
