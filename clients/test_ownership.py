"""Other managers and support get 404 for a client. privet/test_access_matrix.py checks every URL."""

import pytest
from django.urls import reverse

from clients.models import AppUser, Client


@pytest.mark.parametrize("url_name", ["clients:contact", "passport:passport", "devices:devices", "contracts:card"])
def test_managers_open_only_their_own_clients(as_anna, as_boris, anna, make, url_name):
    client = make.awaiting_contract(anna)
    page = reverse(url_name, args=[client.pk])

    assert as_anna.get(page).status_code == 200
    assert as_boris.get(page).status_code == 404


def test_post_by_another_manager_changes_nothing(as_boris, anna, make):
    client = make.verified(anna)
    account, row = AppUser.objects.values().get(), Client.objects.values().get()

    contact = {"name": "Чужой Человек", "phone": "9031112233", "email": "", "address": "г. Москва"}
    response = as_boris.post(reverse("clients:contact", args=[client.pk]), contact)

    assert response.status_code == 404
    assert (AppUser.objects.values().get(), Client.objects.values().get()) == (account, row)


def test_support_gets_404_for_step_1(as_vera, anna, make):
    client = make.verified(anna)

    assert as_vera.get(reverse("clients:contact", args=[client.pk])).status_code == 404
