"""A real Chromium against the live server. Anything the browser complains of fails the run."""

import io
import os
import shutil
import time
from pathlib import Path

import pytest
from django.db import connection
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect, sync_playwright

from conftest import PASSWORD, authenticator_of, next_code
from foundation.storage import object_storage
from managers.models import Manager

# Playwright's own event loop runs in this thread; the database is still used by ordinary calls.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

# Milliseconds, on a busy machine. What comes sooner is not waited for.
PATIENCE = 30_000
expect.set_options(timeout=PATIENCE)

PHONE = {"width": 360, "height": 740}
PICTURE_HEIGHT = 1100
DESKTOP = {"width": 1280, "height": 900}
# Answers that the pages give on purpose and the browser still logs.
EXPECTED = (
    *(f"status of {status}" for status in (401, 403, 409, 422, 429, 503)),
    "ERR_INTERNET_DISCONNECTED",
    "htmx:afterRequest",
    "htmx:sendError",
    "htmx:historyCacheMissLoadError",
)


STARTED = {
    "executable_path": shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome"),
    "args": ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
}
HERE = {"locale": "ru-RU", "timezone_id": "Europe/Moscow"}


@pytest.fixture(scope="session")
def chromium():
    assert STARTED["executable_path"], "Chromium is missing: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**STARTED)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium, live_server, transactional_db):
    """Opens pages of their own browser profile; whatever lands in their console must be expected."""
    contexts, complaints = [], []

    def opened(viewport=PHONE, **options) -> Page:
        context = chromium.new_context(viewport=viewport, base_url=live_server.url, **HERE, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: complaints.append(f"{error.message} {error.stack}"))
        page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
        return page

    yield opened
    for context in contexts:
        context.close()
    wait_for_pages_under_way()
    assert [text for text in complaints if not any(known in text for known in EXPECTED)] == []


def wait_for_pages_under_way() -> None:
    """What the server still does for a browser that is gone must not meet the emptying of the tables, nor follow it."""
    deadline = time.monotonic() + PATIENCE / 1000
    while others_at_work() and time.monotonic() < deadline:
        time.sleep(0.02)


def others_at_work() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
        )
        return cursor.fetchone()[0]


@pytest.fixture(params=["local", "s3"])
def storage_backend(request, settings, live_server) -> str:
    """Runs the pages on files of this machine, then on the real S3 server, prepared as in production; says which."""
    if request.param == "s3":
        request.getfixturevalue("s3_bucket")
        origin = settings.S3_PUBLIC_ENDPOINT
        settings.APP_BASE_URL = live_server.url
        settings.SECURE_CSP = settings.SECURE_CSP | {
            name: [*settings.SECURE_CSP[name], origin] for name in ("img-src", "connect-src")
        }
    object_storage.set_up_bucket()
    return request.param


def too_wide(page: Page) -> int:
    """How many pixels of the page lie beyond the right edge of the screen."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.fixture
def screenshot(request):
    """Takes a picture for the README when a folder is given."""
    folder = request.config.getoption("--screenshots")

    def take(page: Page, name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.evaluate("scrollTo(0, 0)")
            height = min(PICTURE_HEIGHT, page.evaluate("document.documentElement.scrollHeight"))
            clip = {"x": 0, "y": 0, "width": page.viewport_size["width"], "height": height}
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=True, clip=clip)

    return take


def sign_in(page: Page, email: str) -> None:
    page.goto("/")
    page.get_by_label("Электронная почта").fill(email)
    page.get_by_label("Пароль", exact=True).fill(PASSWORD)
    manager = Manager.objects.get(email=email)
    authenticator_of(manager)
    page.get_by_role("button", name="Войти").click()
    give_code(page, manager)


def give_code(page: Page, manager: Manager) -> None:
    page.get_by_label("Код", exact=True).fill(next_code(manager))
    page.get_by_role("button", name="Продолжить").click()
    page.wait_for_url(lambda address: "/second-factor/" not in address and "/sign-in/" not in address)


def photo(text: str, size=(1600, 1200)) -> dict:
    """A picture to upload."""
    image = Image.new("RGB", size, "#d8e6ee")
    ImageDraw.Draw(image).text((80, 80), text, fill="#123", font_size=120)
    file = io.BytesIO()
    image.save(file, "JPEG")
    return {"name": f"{text}.jpg", "mimeType": "image/jpeg", "buffer": file.getvalue()}
