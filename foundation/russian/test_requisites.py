import pytest

from foundation.russian import requisites

# Published details of real organisations.
SBER_BIK, SBER_CORRESPONDENT = "044525225", "30101810400000000225"


@pytest.mark.parametrize("inn", ["7707083893", "7736207543", "500100732259"])
def test_inn(inn):
    assert requisites.is_inn(inn)
    for position in range(len(inn)):
        wrong = inn[:position] + str((int(inn[position]) + 1) % 10) + inn[position + 1 :]
        assert not requisites.is_inn(wrong), wrong


@pytest.mark.parametrize("ogrn", ["1027700132195", "304500116000157"])
def test_ogrn(ogrn):
    assert requisites.is_ogrn(ogrn)
    assert not requisites.is_ogrn(ogrn[:-1] + str((int(ogrn[-1]) + 1) % 10))


def test_accounts_belong_to_their_bank():
    assert requisites.is_correspondent_account(SBER_CORRESPONDENT, SBER_BIK)
    assert not requisites.is_correspondent_account(SBER_CORRESPONDENT, "046577674")
    assert requisites.is_account("40702810900000000000", SBER_BIK)
    assert not requisites.is_account("40702810900000000000", "044525974")


@pytest.mark.parametrize("text", ["", "abc", "１２３４５６７８９０", "7707083893 ", "0" * 1000])
def test_garbage_is_no_number(text):
    assert not any(
        [requisites.is_inn(text), requisites.is_ogrn(text), requisites.is_kpp(text), requisites.is_bik(text)]
    )
    assert not requisites.is_account(text, SBER_BIK)
    assert not requisites.is_correspondent_account(text, SBER_BIK)


def test_kpp_may_have_letters():
    assert requisites.is_kpp("770001001")
    assert requisites.is_kpp("7700AB001")
    assert not requisites.is_kpp("77000100")
