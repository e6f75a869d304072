from clients.models import Status


def test_a_new_account_is_a_new_client_at_once(make):
    client = make.client(name="Ёлкина Юлия")

    assert client.status == Status.NEW
    assert client.manager is None
    assert "елкина" in client.search


def test_three_steps_by_verbs(make, anna):
    client = make.awaiting_contract(anna, devices=2)

    assert client.status == Status.AWAITING_CONTRACT
    assert client.tariff_choice.total_extra_fee == 300
    assert "садовая" in client.search
