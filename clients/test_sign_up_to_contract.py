"""The first three steps with domain functions, without pages."""

from clients.models import Status


def test_new_account_creates_a_new_client(make):
    client = make.client(name="Ёлкина Юлия")

    assert client.status == Status.NEW
    assert client.manager is None
    assert "елкина" in client.search


def test_first_three_steps_with_domain_functions(make, anna):
    client = make.awaiting_contract(anna, devices=2)

    assert client.status == Status.AWAITING_CONTRACT
    assert client.tariff_choice.total_extra_fee == 300
    assert "садовая" in client.search
