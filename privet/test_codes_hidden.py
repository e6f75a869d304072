"""After a code was sent, staff find its digits nowhere: on no page, in no export, log or mail."""

import itertools
import logging
from collections.abc import Iterator
from functools import cached_property

import pytest
from django.apps import apps
from django.conf import settings
from django.test import Client as Browser
from django.urls import reverse

from conftest import ROLES, as_role, browser_for
from contracts import issuing, signature_consent, signing
from contracts.conftest import code_appears_in, sign, wrong_code
from contracts.models import SigningCode
from erasure import erasing
from erasure.conftest import all_rows_as_text
from erasure.models import ErasureReason
from foundation.observability.log_format import JsonFormatter, RedactingFormatter
from messaging import codes
from passport import saving
from privet.test_access import PAGES, URL_ARGUMENTS, Scenario
from privet.test_access_matrix import ADMIN_ARGUMENTS, ADMIN_NAMES, page_url
from support.models import MaskedMessage

pytestmark = pytest.mark.django_db

CODE = "267667"
WORDINGS = {
    "ours": None,
    "without the word": "Чтобы подписать {number}, введите {digits} на странице договора.",
    "digits in the middle": "{number} ждёт подписи — {pairs} — до вечера",
    "digits at the end": "Код: договор {number}. Назовите {spaced}",
}
# Pages that exist once the contract is signed, and once the consent is withdrawn after that.
AFTER_SIGNING = (
    "contracts:done", "contracts:pdf", "contracts:invoice", "contracts:invoice_pdf", "contracts:invoice_code",
    "contracts:payment", "contracts:payment_undo", "agreements:withdrawal_act",
)  # fmt: skip


class OneClient(Scenario):
    """A scenario with one client, who gets the code: every page is about this client."""

    @cached_property
    def claimed(self):
        return self.awaiting_contract

    @cached_property
    def agreement(self):
        return self.claimed.agreements.first()

    @cached_property
    def with_passport(self):
        saving.replace_photo(self.claimed.passport, b"a photo", by=self.anna)
        return self.claimed

    @cached_property
    def device(self):
        return self.with_passport.devices.first()

    @cached_property
    def issued(self):
        assert self.photo  # before the contract, which would be outdated otherwise
        return issuing.issue(self.make.fresh(self.claimed), by=self.anna)

    @cached_property
    def signed(self):
        return sign(self.issued, self.anna, CODE)

    @cached_property
    def erasure(self):
        with as_role(ROLES.maintenance):
            return erasing.erase(self.make.verified(self.anna), ErasureReason.REQUEST, by=self.anna, note="вх. 1")


@pytest.fixture
def scenario(make, anna) -> OneClient:
    return OneClient(make, anna)


@pytest.fixture
def browsers(anna, vera, gleb) -> dict[str, Browser]:
    return {"anna": browser_for(anna), "vera": browser_for(vera), "gleb": browser_for(gleb)}


@pytest.fixture
def log_lines() -> Iterator[list[str]]:
    """Lines of the server's log, in each of its formats."""
    lines = []

    class ListHandler(logging.Handler):
        def emit(self, record):
            lines.append(self.format(record))

    line = RedactingFormatter(settings.LOGGING["formatters"]["line"]["format"], style="{")
    loggers = [logging.getLogger(name) for name in ("", "django")]
    handlers = [ListHandler(), ListHandler()]
    for handler, formatter in zip(handlers, (line, JsonFormatter()), strict=True):
        handler.setFormatter(formatter)
        for logger in loggers:
            logger.addHandler(handler)
    yield lines
    for handler, logger in itertools.product(handlers, loggers):
        logger.removeHandler(handler)


def send_code(scenario: OneClient, browser: Browser, monkeypatch, wording: str | None) -> str:
    """Send CODE with the button of step 4, and enter a wrong one. Return both responses as text."""
    contract = scenario.issued

    def message(code, digits):
        pairs = "-".join(map("".join, itertools.batched(digits, 2, strict=True)))
        return wording.format(number=contract.number, digits=digits, pairs=pairs, spaced="\u00a0".join(digits))

    with monkeypatch.context() as patch:
        patch.setattr(codes.secrets, "randbelow", lambda limit: int(CODE))
        if wording:
            patch.setattr(signing, "_code_message", message)
        sent = browser.post(
            reverse("contracts:code", args=[contract.client_id]), {"contract": contract.pk}, follow=True
        )
    assert SigningCode.objects.filter(contract=contract).exists()
    entered = {"contract": contract.pk, "code": wrong_code(CODE), "consent": "on"}
    entered["pep_version"] = signature_consent.current_version()
    refused = browser.post(reverse("contracts:signature", args=[contract.client_id]), entered)
    assert "Неверный код" in refused.text
    return sent.text + refused.text


def our_urls(scenario: OneClient) -> Iterator[str]:
    for name, page in PAGES.items():
        if "GET" in page.methods and name not in AFTER_SIGNING:
            yield page_url(name, scenario)
    ticket = reverse("support:ticket", args=[scenario.ticket.pk])
    yield from (f"{ticket}?full={pk}" for pk in scenario.ticket.messages.values_list("pk", flat=True))
    yield from (f"{reverse('support:tickets')}?state={state}" for state in ("waiting", "answered", "closed"))
    yield from (f"{reverse('clients:list')}?tab={tab}" for tab in ("new", "work", "processed", "mine"))


def admin_urls() -> Iterator[str]:
    """Every page of the admin site, and those of one object for each object."""
    for name in ADMIN_NAMES:
        arguments = {argument: ADMIN_ARGUMENTS[argument] for argument in URL_ARGUMENTS[name]}
        app, model = [*name.removeprefix("admin:").split("_"), ""][:2]
        if arguments.keys() == {"object_id"}:
            keys = apps.get_model(app, model).objects.values_list("pk", flat=True)
            yield from (reverse(name, kwargs={"object_id": key}) for key in keys)
        elif name != "admin:logout":
            yield reverse(name, kwargs=arguments)


def crawl(browsers: dict[str, Browser], urls: list[str]) -> dict[tuple[str, str], str]:
    """Open the pages as every user. Return headers and contents by user and URL."""
    shown = {}
    for (user, browser), url in itertools.product(browsers.items(), urls):
        response = browser.get(url)
        assert response.status_code < 500, url
        shown[user, url] = f"{response.headers}\n{response.getvalue().decode(errors='replace')}"
    return shown


def places_with_code(shown: dict[tuple[str, str], str]) -> set[tuple[str, str]]:
    return {place for place, page in shown.items() if code_appears_in(CODE, page)}


def places_with_mask(shown: dict[tuple[str, str], str]) -> set[tuple[str, str]]:
    masked = MaskedMessage.objects.get().body[:40]
    return {place for place, page in shown.items() if masked in page}


@pytest.mark.parametrize("wording", WORDINGS.values(), ids=WORDINGS)
def test_staff_find_no_code(wording, scenario, browsers, log_lines, mailoutbox, monkeypatch):
    replies = send_code(scenario, browsers["anna"], monkeypatch, wording)
    tickets, ticket = reverse("support:tickets"), reverse("support:ticket", args=[scenario.ticket.pk])
    conversation = set(itertools.product(("vera", "gleb"), (tickets, ticket)))
    card = reverse("contracts:card", args=[scenario.claimed.pk])
    support_card = reverse("support:client_card", args=[scenario.claimed.pk])
    log = reverse("admin:support_logentry_changelist")

    for browser in browsers.values():  # the lists show what was searched for
        browser.post(reverse("support:search"), {"query": "Иванов"})
        browser.post(reverse("clients:search"), {"text": "Иванов"})
    shown = crawl(browsers, [*our_urls(scenario)]) | crawl({"gleb": browsers["gleb"]}, [*admin_urls()])
    assert scenario.signed.signed_at
    shown |= crawl(browsers, [page_url(name, scenario) for name in AFTER_SIGNING])

    assert places_with_code(shown) == set()
    assert places_with_mask(shown) >= conversation | {("anna", card), ("vera", support_card), ("gleb", log)}
    assert not code_appears_in(CODE, replies)
    assert log_lines
    assert not code_appears_in(CODE, "\n".join(log_lines))
    assert not any(code_appears_in(CODE, str(mail.message())) for mail in mailoutbox)
    # Only the client's app has the code.
    assert {table for table, rows in all_rows_as_text().items() if code_appears_in(CODE, rows)} == {"support_messages"}
    # Without the mask it would have been found.
    with as_role(ROLES.maintenance):
        MaskedMessage.objects.all().delete()
    assert places_with_code(crawl(browsers, [ticket])) == {("vera", ticket), ("gleb", ticket)}


def test_code_is_found_in_an_unmasked_log(scenario, browsers, settings, monkeypatch):
    settings.MASK_CODE_IN_MANAGER_LOG = False
    send_code(scenario, browsers["anna"], monkeypatch, None)

    card = reverse("contracts:card", args=[scenario.claimed.pk])
    log = reverse("admin:support_logentry_changelist")

    assert places_with_code(crawl(browsers, [card, log])) == {("anna", card), ("gleb", card), ("gleb", log)}
