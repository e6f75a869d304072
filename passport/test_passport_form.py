from datetime import date

import pytest
import time_machine
from django.http import QueryDict

from passport.forms import PassportForm, suggested_names
from passport.models import Passport

pytestmark = pytest.mark.django_db

TODAY = date(2026, 11, 23)


def payload(**overrides) -> dict:
    return {
        "last_name": "Ёлкина-Дорн",
        "first_name": "Юлия",
        "middle_name": "Сергеевна",
        "digits": "46 13 348353",
        "issued_by": "ГУ МВД России по г. Москве",
        "department_code": "770-001",
        "issued_on": "20.03.2015",
        "birth_date": "01.06.1985",
        "registration_address": "г. Москва, ул. Садовая, д. 1, кв. 2",
    } | overrides


@pytest.fixture
def form(make, anna):
    client = make.verified(anna)

    def fill(**overrides) -> PassportForm:
        data = QueryDict(mutable=True)
        data.update(payload(**overrides))
        return PassportForm(data, {}, instance=Passport(client=client))

    with time_machine.travel("2026-11-23T12:00+03:00", tick=False):
        yield fill


@pytest.mark.parametrize(
    "typed",
    [
        "4613 348353",
        "4613348353",
        "46 13 №348353",
        "46 13 348353",
        "серия 4613 номер 348353",
        "Серия: 46 13, № 348353",
        "сер. 4613 ном. 348353",
        " 4613\u00a0348353 ",
        "46-13-348353",
        "4613/348353",
        "4613 n348353",
    ],
)
def test_number_formats_are_accepted(form, typed):
    filled = form(digits=typed)

    assert filled.is_valid(), filled.errors
    assert filled.cleaned_data["digits"] == "4613348353"


@pytest.mark.parametrize(
    "typed", ["", "461334835", "46133483530", "4613 34835x", "AB 1234567890", "٤٦١٣٣٤٨٣٥٣", "4" * 1_000_000, "№", "🙂"]
)
def test_number_must_have_ten_digits(form, typed):
    assert form(digits=typed).errors.keys() == {"digits"}


@pytest.mark.parametrize("typed", ["770-001", "770001", "770 001", "770–001", " 770—001 "])
def test_department_code_formats_are_accepted(form, typed):
    filled = form(department_code=typed)

    assert filled.is_valid(), filled.errors
    assert filled.cleaned_data["department_code"] == "770-001"


@pytest.mark.parametrize(
    "typed", ["20.03.2015", "20032015", "20,03,2015", "20/03/2015", "2015-03-20", "20 03 2015", "20.3.15"]
)
def test_date_formats_are_accepted(form, typed):
    filled = form(issued_on=typed)

    assert filled.is_valid(), filled.errors
    assert filled.cleaned_data["issued_on"] == date(2015, 3, 20)


@pytest.mark.parametrize(
    ("field", "typed", "error"),
    [
        ("issued_on", "24.11.2026", "Дата выдачи ещё не наступила. Проверьте год."),
        ("issued_on", "30.09.1997", "Паспорта этого образца выдают с 01.10.1997. Проверьте дату выдачи."),
        ("issued_on", "01.01.0001", "Паспорта этого образца выдают с 01.10.1997. Проверьте дату выдачи."),
        ("issued_on", "31.02.2015", "Такой даты нет. Напишите день, месяц и год, например 20.03.2015."),
        ("issued_on", "вчера", "Такой даты нет. Напишите день, месяц и год, например 20.03.2015."),
        ("issued_on", "20.03.99999", "Такой даты нет. Напишите день, месяц и год, например 20.03.2015."),
        ("birth_date", "31.12.1899", "Проверьте год рождения: раньше 1900-го не бывает."),
        ("birth_date", "01.01.0001", "Проверьте год рождения: раньше 1900-го не бывает."),
        ("birth_date", "24.11.2026", "Дата рождения ещё не наступила. Напишите год четырьмя цифрами."),
        ("birth_date", "29.02.2001", "Такой даты нет. Напишите день, месяц и год, например 20.03.2015."),
    ],
)
def test_invalid_date_shows_an_error(form, field, typed, error):
    assert form(**{field: typed}).errors == {field: [error]}


@pytest.mark.parametrize(
    ("birth_date", "issued_on", "is_accepted"),
    [
        ("20.03.2001", "19.03.2015", False),
        ("20.03.2001", "20.03.2015", True),
        ("29.02.2000", "28.02.2014", False),
        ("29.02.2000", "01.03.2014", True),
        ("", "20.03.2015", True),
    ],
)
def test_passport_is_issued_from_the_age_of_14(form, birth_date, issued_on, is_accepted):
    filled = form(birth_date=birth_date, issued_on=issued_on)

    assert filled.is_valid() == is_accepted
    assert is_accepted or "Паспорт выдают с 14 лет" in filled.errors["issued_on"][0]


def test_passport_can_be_issued_today(form):
    assert form(issued_on=TODAY.strftime("%d.%m.%Y")).is_valid()


@pytest.mark.parametrize("field", list(payload()))
@pytest.mark.parametrize("typed", ["\x00", "Иванов\x00", "я" * 1_000_000, "🙂", "Иван 🙂", "\u202e"])
def test_invalid_input_shows_an_error_at_its_field(form, field, typed):
    assert form(**{field: typed}).errors.keys() == {field}


@pytest.mark.parametrize("field", [name for name in payload() if name not in ("middle_name", "birth_date")])
@pytest.mark.parametrize("typed", ["", "   "])
def test_fields_of_the_contract_are_required(form, field, typed):
    assert form(**{field: typed}).errors.keys() == {field}


@pytest.mark.parametrize("typed", ["Ivanov", "Иваноv", "1", "-", "Иванов1"])
def test_names_must_be_in_russian_letters(form, typed):
    assert form(last_name=typed).errors["last_name"] == ["Напишите русскими буквами, как в паспорте."]


def test_same_address_checkbox_copies_the_address(form):
    filled = form(same_address="on", registration_address="")

    assert filled.is_valid(), filled.errors
    assert filled.cleaned_data["registration_address"] == "г. Москва, ул. Лесная, д. 5, кв. 12"


def test_same_address_checkbox_without_an_address_is_invalid(make, anna):
    data = QueryDict(mutable=True)
    data.update(payload(same_address="on", registration_address=""))

    filled = PassportForm(data, {}, instance=Passport(client=make.verified(anna, address="")))

    assert filled.errors.keys() == {"registration_address"}


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        ("Иванов Пётр Сергеевич", ("Иванов", "Пётр", "Сергеевич")),
        ("Иванов Пётр", ("Иванов", "Пётр", None)),
        ("Пётр", (None, "Пётр", None)),
        ("Алиев Рустам Ильхам оглы", ("Алиев", "Рустам", "Ильхам оглы")),
    ],
)
def test_names_are_suggested_from_the_account(make, name, suggested):
    names = suggested_names(make.client(name=name))

    assert (names.get("last_name"), names.get("first_name"), names.get("middle_name")) == suggested
