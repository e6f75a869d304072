"""Form fields for passport data in the usual formats, and the form of step 2."""

import re
from datetime import date

from django import forms
from django.core.validators import RegexValidator
from django.utils import timezone

from clients.models import Client
from foundation.russian.printable import validate_printable
from foundation.templatetags.formats import passport_number
from passport.models import FIRST_ISSUED_ON, MINIMUM_AGE, Passport
from photos.forms import UPLOADS_MISSING, UploadsField
from photos.images import PhotoField
from photos.models import UploadPurpose

MIN_BIRTH_DATE = date(1900, 1, 1)
# Noise that people type around series and number.
NUMBER_NOISE = re.compile(r"серия|сер\.?|номер|ном\.?|no\.?|[№n#\s.,:;/–—-]", re.IGNORECASE)
RUSSIAN_NAME = RegexValidator(
    r"^[\u0400-\u04ff][\u0400-\u04ff .'’()-]*\Z", "Напишите русскими буквами, как в паспорте."
)
PASSPORT_TAKEN = (
    "Паспорт с такими серией и номером уже записан у другого клиента. "
    "Проверьте цифры; если всё верно, обратитесь к администратору."
)


class PassportNumberField(forms.CharField):
    """Series and number in one field; cleans to ten digits."""

    default_error_messages = {
        "required": "Введите серию и номер паспорта: десять цифр.",
        "invalid": "Нужны десять цифр: четыре — серия, шесть — номер. Например, 46 13 348353.",
    }

    def to_python(self, value):
        text = super().to_python(value)
        return NUMBER_NOISE.sub("", text) if text else text

    def validate(self, value):
        super().validate(value)
        if value and not re.fullmatch(r"[0-9]{10}", value):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")

    def prepare_value(self, value):
        return passport_number(value) if value and re.fullmatch(r"[0-9]{10}", value) else value


class TypedDateField(forms.DateField):
    """A date in the formats typed on phones: 23.11.2026, 23112026, 23,11,2026, 23/11/2026, 2026-11-23."""

    default_error_messages = {"invalid": "Такой даты нет. Напишите день, месяц и год, например 20.03.2015."}
    widget = forms.DateInput(
        format="%d.%m.%Y", attrs={"inputmode": "numeric", "placeholder": "дд.мм.гггг", "maxlength": "10"}
    )

    def to_python(self, value):
        if isinstance(value, str):
            value = value.strip()[:30].replace(",", ".")
            value = re.sub(r"^(\d\d)(\d\d)(\d{4})$", r"\1.\2.\3", value)
        return super().to_python(value)


class DepartmentCodeField(forms.CharField):
    """Six digits with or without a dash; cleans to NNN-NNN."""

    default_error_messages = {"required": "Введите код подразделения: шесть цифр."}

    def to_python(self, value):
        digits = re.sub(r"[\s–—-]", "", super().to_python(value))
        if digits and not re.fullmatch(r"[0-9]{6}", digits):
            raise forms.ValidationError("Нужны шесть цифр, например 770-001.", code="invalid")
        return digits and f"{digits[:3]}-{digits[3:]}"


class PassportForm(forms.ModelForm):
    """Step 2; call with a saved or new `instance`, whose client is set."""

    digits = PassportNumberField(label="Серия и номер", max_length=60, help_text="Например, 46 13 348353.")
    department_code = DepartmentCodeField(label="Код подразделения", help_text="Шесть цифр: 770-001.")
    same_address = forms.BooleanField(label="Совпадает с адресом клиента", required=False)
    photo = PhotoField(label="Фото паспорта", required=False)
    uploads = UploadsField()

    field_order = ["last_name", "first_name", "middle_name", "digits"]

    class Meta:
        model = Passport
        fields = [
            "last_name", "first_name", "middle_name", "issued_by", "department_code", "issued_on", "birth_date",
            "registration_address",
        ]  # fmt: skip
        error_messages = {
            "last_name": {"required": "Напишите фамилию, как в паспорте."},
            "first_name": {"required": "Напишите имя, как в паспорте."},
            "issued_by": {"required": "Напишите, кем выдан паспорт."},
            "issued_on": {"required": "Напишите дату выдачи."},
            "birth_date": {"required": "Напишите дату рождения."},
            "registration_address": {"required": "Напишите адрес регистрации."},
        }
        field_classes = {"issued_on": TypedDateField, "birth_date": TypedDateField}
        widgets = {
            "issued_by": forms.Textarea({"rows": 2}),
            "registration_address": forms.Textarea({"rows": 2}),
        }

    def __init__(self, data=None, files=None, *, instance: Passport):
        self.client = instance.client
        self.address = (self.client.user.address or "").strip()
        if data is not None and self.address and data.get("same_address"):
            data = data.copy()
            data["registration_address"] = self.address
        super().__init__(data, files, instance=instance, initial=self._initial_values(instance))
        self.fields["uploads"].queryset = self.client.uploads.accepted().filter(purpose=UploadPurpose.PASSPORT)
        self._set_up_fields()

    def _initial_values(self, passport: Passport) -> dict:
        if passport.is_saved:
            return {"same_address": bool(self.address) and passport.registration_address == self.address}
        return suggested_names(self.client)

    def _set_up_fields(self) -> None:
        for name in ("last_name", "first_name", "middle_name"):
            self.fields[name].validators.append(RUSSIAN_NAME)
            self.fields[name].widget.attrs |= {"autocomplete": "off", "autocapitalize": "words"}
        for name in ("issued_by", "registration_address"):
            self.fields[name].validators.append(validate_printable)
        for name in ("digits", "department_code"):
            self.fields[name].widget.attrs |= {"autocomplete": "off", "inputmode": "numeric"}
        self.fields["same_address"].widget.attrs["data-address"] = self.address
        if self.instance.is_saved:
            self.fields["digits"].required = False
            self.fields["digits"].help_text = "Оставьте пустым, чтобы не менять."

    def clean_issued_on(self) -> date:
        issued_on = self.cleaned_data["issued_on"]
        if issued_on > timezone.localdate():
            raise forms.ValidationError("Дата выдачи ещё не наступила. Проверьте год.")
        if issued_on < FIRST_ISSUED_ON:
            raise forms.ValidationError(
                f"Паспорта этого образца выдают с {FIRST_ISSUED_ON:%d.%m.%Y}. Проверьте дату выдачи."
            )
        return issued_on

    def clean_birth_date(self) -> date | None:
        birth_date = self.cleaned_data["birth_date"]
        if birth_date and birth_date > timezone.localdate():
            raise forms.ValidationError("Дата рождения ещё не наступила. Напишите год четырьмя цифрами.")
        if birth_date and birth_date < MIN_BIRTH_DATE:
            raise forms.ValidationError("Проверьте год рождения: раньше 1900-го не бывает.")
        return birth_date

    def clean(self):
        cleaned = super().clean()
        if "uploads" in self.errors:
            del self.errors["uploads"]  # show the error at the photo, because the ids are hidden
            self.add_error("photo", UPLOADS_MISSING)
        birth_date, issued_on = cleaned.get("birth_date"), cleaned.get("issued_on")
        if birth_date and issued_on and issued_on < _birthday(birth_date, MINIMUM_AGE):
            self.add_error(
                "issued_on",
                f"Паспорт выдают с {MINIMUM_AGE} лет, а владельцу на эту дату было меньше. "
                "Проверьте дату выдачи и дату рождения.",
            )
        return cleaned

    @property
    def changed_labels(self) -> list[str]:
        """Labels of the changed fields, without the photo, which is logged separately."""
        names = [name for name in self.changed_data if name not in ("photo", "uploads", "same_address")]
        if self.instance.is_readable and self.cleaned_data["digits"] == self.instance.digits:
            names = [name for name in names if name != "digits"]
        return [str(self.fields[name].label).lower() for name in names]


def suggested_names(client: Client) -> dict:
    """Split the account's name into last, first and middle name. A single word is a first name."""
    words = client.user.name.split(maxsplit=2)
    names = ("first_name",) if len(words) == 1 else ("last_name", "first_name", "middle_name")
    return dict(zip(names, words, strict=False))


def _birthday(birth_date: date, age: int) -> date:
    """Return the `age`th birthday; 1 March for people born on 29 February."""
    try:
        return birth_date.replace(year=birth_date.year + age)
    except ValueError:
        return date(birth_date.year + age, 3, 1)
