"""A client is their manager's; the whole walk of addresses is in privet/test_access.py."""

import pytest
from django.urls import reverse

from clients.models import AppUser, Client


@pytest.mark.parametrize("address", ["clients:contact", "passport:passport", "devices:devices", "contracts:card"])
def test_any_manager_reads_and_changes_any_client_only_their_own(as_anna, as_boris, anna, make, address):
    client = make.awaiting_contract(anna)
    page = reverse(address, args=[client.pk])

    assert as_anna.get(page).status_code == 200
    assert as_boris.get(page).status_code == 404


def test_another_managers_post_changes_nothing(as_boris, anna, make):
    client = make.verified(anna)
    user, row = AppUser.objects.values().get(), Client.objects.values().get()

    contact = {"name": "Чужой Человек", "phone": "9031112233", "email": "", "address": "г. Москва"}
    reply = as_boris.post(reverse("clients:contact", args=[client.pk]), contact)

    assert reply.status_code == 404
    assert (AppUser.objects.values().get(), Client.objects.values().get()) == (user, row)


def test_support_opens_no_steps(as_vera, anna, make):
    client = make.verified(anna)

    assert as_vera.get(reverse("clients:contact", args=[client.pk])).status_code == 404
