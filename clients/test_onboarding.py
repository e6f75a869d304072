"""onboarding.STEPS is the only definition of the numbers, titles and URLs of the steps. Pages and routes follow it."""

import re
from operator import attrgetter

import pytest
from django.urls import resolve

from clients import onboarding
from clients.models import Client
from clients.onboarding import CONTACT, CONTRACT, DEVICES, PASSPORT, Step
from foundation.env import BASE_DIR

each_step = pytest.mark.parametrize("step", onboarding.STEPS, ids=attrgetter("slug"))


@pytest.fixture
def client(make, anna) -> Client:
    """All steps but the last are done, so every page opens."""
    return make.awaiting_contract(anna)


def titles(page: str) -> list[str]:
    """Return the titles of the steps in the progress line."""
    return re.findall(r'<span class="title">(.*?)</span>', page)


def back_link(page: str) -> str:
    return re.search(r'<a class="button secondary" href="([^"]+)">Назад</a>', page)[1]


@each_step
def test_page_shows_number_and_title_of_its_step(step, client, as_anna):
    page = as_anna.get(step.url(client)).text

    assert f"<title>{step.heading}" in page
    assert f'<h1 class="card-title">{step.heading}</h1>' in page
    assert re.search(rf'<span class="dot">{step.number}</span>\s*<span class="title">{step.title}</span>', page)
    assert titles(page) == [other.title for other in onboarding.STEPS]


@each_step
def test_url_of_a_step_resolves_to_its_route_and_name(step, client):
    match = resolve(step.url(client))

    assert (match.route, match.view_name) == (step.route, step.url_name)


def test_url_names_used_by_metrics_and_logs_do_not_change():
    assert [step.url_name for step in onboarding.STEPS] == [
        "clients:contact",
        "passport:passport",
        "devices:devices",
        "contracts:contract",
    ]


def test_numbers_and_neighbours_follow_from_the_order(monkeypatch):
    monkeypatch.setattr(onboarding, "STEPS", (CONTACT, DEVICES, PASSPORT, CONTRACT))

    assert [step.heading for step in onboarding.STEPS] == [
        "Шаг 1 — Данные",
        "Шаг 2 — Устройства",
        "Шаг 3 — Паспорт",
        "Шаг 4 — Договор",
    ]
    assert [step.previous for step in onboarding.STEPS] == [None, CONTACT, DEVICES, PASSPORT]
    assert [step.next for step in onboarding.STEPS] == [DEVICES, PASSPORT, CONTRACT, None]


def test_pages_follow_another_order(monkeypatch, client, as_anna):
    monkeypatch.setattr(onboarding, "STEPS", (CONTACT, DEVICES, PASSPORT, CONTRACT))

    passport = as_anna.get(PASSPORT.url(client)).text

    assert '<h1 class="card-title">Шаг 3 — Паспорт</h1>' in passport
    assert back_link(passport) == DEVICES.url(client)
    assert back_link(as_anna.get(CONTRACT.url(client)).text) == PASSPORT.url(client)


def test_a_new_step_needs_only_its_entry(monkeypatch, client, as_anna):
    """Uses an existing URL as the page of the new step."""
    payment = Step("done", "Предоплата", "contracts", lambda client: False)
    monkeypatch.setattr(onboarding, "STEPS", (CONTACT, PASSPORT, DEVICES, payment, CONTRACT))

    page = as_anna.get(DEVICES.url(client)).text

    assert titles(page) == ["Данные", "Паспорт", "Устройства", "Предоплата", "Договор"]
    assert f'href="{payment.url(client)}"' in page
    assert as_anna.get(CONTRACT.url(client)).url == onboarding.next_url(client) == payment.url(client)
    assert CONTRACT.heading == "Шаг 5 — Договор"


def test_a_step_is_reachable_when_all_earlier_steps_are_done(make, anna):
    passport_entered = make.verified(anna)
    make.passport(passport_entered, anna)
    clients = [make.client(), make.verified(anna), make.fresh(passport_entered), make.awaiting_contract(anna)]

    reachable = [[onboarding.is_reachable(client, step) for step in onboarding.STEPS] for client in clients]

    assert reachable == [[index <= done for index in range(4)] for done in range(4)]
    for client, expected in zip(clients, reachable, strict=True):
        assert [state.url is not None for state in onboarding.step_states(client, None)] == expected


def test_templates_do_not_repeat_numbers_of_steps():
    templates = (BASE_DIR / "templates").rglob("*.html")

    assert [file.name for file in templates if re.search(r"Шаг\s+\d", file.read_text())] == []
