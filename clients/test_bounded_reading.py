"""The app accepts names and addresses of any length. Pages read and show only their beginning."""

import pytest
from django.db import transaction
from django.utils import timezone

from clients import inbox
from clients.models import AppUser, Client
from conftest import Make
from support import bridge
from support.models import Ticket

MEGABYTES = 3 * 1024 * 1024
MAX_PAGE = 60_000  # bytes


@pytest.fixture
def ticket(long_client, anna) -> Ticket:
    with transaction.atomic():
        return bridge.notify_client(long_client, "Здравствуйте", by=anna, now=timezone.now())


@pytest.fixture
def long_client(make: Make, anna) -> Client:
    """Анна's client with a name and an address of 3 MB each, which only the app could have written."""
    client = make.verified(anna)
    AppUser.objects.filter(pk=client.user_id).update(name="Ж" * MEGABYTES, address="д. " * (MEGABYTES // 3))
    inbox.drain()
    return client


def test_only_the_beginning_of_a_long_value_is_read(long_client):
    user = AppUser.objects.get(pk=long_client.user_id)
    assert (len(user.name), len(user.address)) == (300, 1000)

    for path in ("name", "address"):
        (value,) = Client.objects.values_list(f"user__{path}", flat=True)
        assert value == getattr(user, path)
    joined = Client.objects.select_related("user").get()
    assert joined.user.contact == user.contact


def test_long_values_are_compared_whole(long_client):
    assert AppUser.objects.filter(name="Ж" * MEGABYTES).exists()
    assert not AppUser.objects.filter(name="Ж" * 300).exists()


def test_search_text_is_bounded_and_finds_the_beginning(long_client):
    assert len(Client.objects.get().search) < 2000
    assert list(Client.objects.search("жжжж")) == [long_client]


def test_history_of_a_long_value_is_read_bounded(long_client):
    newest = long_client.user.history.latest("pgh_id")
    assert (len(newest.name), len(newest.address)) == (300, 1000)


# A page about one client without long values has about 15,000 bytes.
PAGES = {
    "anna": [
        "/clients/?tab=mine", "/clients/{pk}/contact/", "/clients/{pk}/passport/", "/clients/{pk}/card/",
        "/clients/{pk}/agreements/personal_data/",
    ],
    "vera": ["/support/", "/support/clients/{pk}/", "/support/{ticket}/"],
    "gleb": [
        "/clients/?tab=work", "/admin/clients/client/", "/admin/clients/client/{pk}/change/",
        "/admin/clients/client/{pk}/history/", "/admin/support/ticket/", "/admin/support/logentry/",
        "/admin/clients/disclosure/",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("who", "page"), [(who, page) for who, pages in PAGES.items() for page in pages])
def test_pages_stay_small(request, as_vera, long_client, ticket, who, page):
    browser = request.getfixturevalue(f"as_{who}")
    as_vera.get(f"/support/clients/{long_client.pk}/")  # recorded as a disclosure, which an admin sees

    response = browser.get(page.format(pk=long_client.pk, ticket=ticket.pk), follow=True)

    assert response.status_code == 200
    assert "ЖЖЖ" in response.text
    assert len(response.content) < MAX_PAGE


def test_list_shortens_a_long_value(as_anna, as_vera, long_client, ticket):
    (card,) = as_anna.get("/clients/?tab=mine").context["page"].cards
    assert card["name"] == "Ж" * 79 + "…"
    assert len(card["address"]) == 200
    assert f"<strong>{'Ж' * 79}…</strong>" in as_vera.get("/support/").text


def test_search_results_stay_small(as_anna, as_vera, long_client, ticket):
    for browser, url, data in (
        (as_anna, "/clients/search/", {"text": "жжжж", "tab": "mine"}),
        (as_vera, "/support/search/", {"query": "жжжж"}),
    ):
        response = browser.post(url, data, follow=True)
        assert "ЖЖЖ" in response.text
        assert len(response.content) < MAX_PAGE
