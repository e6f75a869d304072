"""Forms for devices, their photos, and the choice of a tariff."""

import re
import uuid
from datetime import date
from decimal import Decimal

from django import forms
from django.db.models import Q
from django.utils import timezone

from clients.models import Client
from devices.models import MAX_FEE, MAX_PHOTOS, Device, DeviceType, Tariff, TooManyPhotos
from foundation.russian import money
from foundation.russian.printable import validate_printable
from photos.forms import UPLOADS_MISSING, UploadsField
from photos.images import MultiplePhotosField

MIN_PURCHASE_MONTH = date(1950, 1, 1)


class MonthField(forms.CharField):
    """Month and year from a picker (2024-05) or typed (05.2024, 5/2024, 052024); cleans to the first day."""

    default_error_messages = {
        "invalid": "Напишите месяц и год, например 05.2024.",
        "future": "Этот месяц ещё не наступил. Проверьте год.",
        "past": "Проверьте год: раньше 1950-го не бывает.",
    }

    def to_python(self, value) -> date | None:
        text = super().to_python(value)
        if not text:
            return None
        if found := re.fullmatch(r"([0-9]{4})-([0-9]{1,2})", text):
            year, month = found.groups()
        elif found := re.fullmatch(r"([0-9]{1,2})[\s.,/-]+([0-9]{4})|([0-9]{2})([0-9]{4})", text):
            month, year = filter(None, found.groups())
        else:
            raise self._validation_error("invalid")
        try:
            return date(int(year), int(month), 1)
        except ValueError as error:
            raise self._validation_error("invalid") from error

    def validate(self, value):
        super().validate(value)
        if value and value > timezone.localdate():
            raise self._validation_error("future")
        if value and value < MIN_PURCHASE_MONTH:
            raise self._validation_error("past")

    def run_validators(self, value):
        """Skip the validators of CharField, which don't apply to dates."""

    def prepare_value(self, value):
        return f"{value:%Y-%m}" if isinstance(value, date) else value

    def widget_attrs(self, widget) -> dict:
        return {"min": f"{MIN_PURCHASE_MONTH:%Y-%m}", "max": f"{timezone.localdate():%Y-%m}", "placeholder": "ММ.ГГГГ"}

    def _validation_error(self, code: str) -> forms.ValidationError:
        return forms.ValidationError(self.error_messages[code], code=code)


class FeeField(forms.CharField):
    """Rubles with a comma or a point, optional spaces and ₽; cleans to Decimal."""

    default_error_messages = {
        "invalid": "Напишите сумму в рублях, например 1500 или 1500,50.",
        "negative": "Доплата не может быть отрицательной.",
        "huge": "Слишком большая сумма: не больше 1 000 000 ₽.",
    }

    def to_python(self, value) -> Decimal | None:
        try:
            fee = money.parse_rubles(super().to_python(value))
        except ValueError as error:
            raise self._validation_error("invalid") from error
        if fee is not None and fee.is_signed():
            raise self._validation_error("negative")
        if fee is not None and fee > MAX_FEE:
            raise self._validation_error("huge")
        return fee

    def prepare_value(self, value):
        return f"{value:f}".removesuffix(".00").replace(".", ",") if isinstance(value, Decimal) else value

    def _validation_error(self, code: str) -> forms.ValidationError:
        return forms.ValidationError(self.error_messages[code], code=code)


class PhotosForm(forms.Form):
    """New photos of `device`: files, and ids of accepted uploads."""

    photos = MultiplePhotosField(label="Фото", required=False)
    uploads = UploadsField()

    def __init__(self, *args, device: Device, **kwargs):
        super().__init__(*args, **kwargs)
        self.device = device
        self.saved_photo_count = device.photos.count() if device.is_saved else 0
        self.fields["uploads"].queryset = device.client.uploads.accepted()

    def clean_photos(self) -> list:
        photos = self.cleaned_data["photos"]
        if self.saved_photo_count + len(photos) > MAX_PHOTOS:
            raise forms.ValidationError(TooManyPhotos.message)
        return photos

    def clean(self):
        super().clean()
        uploads = self.cleaned_data.get("uploads")
        if uploads is None or any(upload.device_id != self.device.pk for upload in uploads):
            # Show the error at the photos, because the ids are hidden.
            self.errors.pop("uploads", None)
            self.add_error("photos", UPLOADS_MISSING)


class DeviceForm(PhotosForm, forms.ModelForm):
    """A device; call with a saved or new `instance`."""

    # Generated when the form is opened, so that a repeated submit creates one device.
    new_id = forms.UUIDField(required=False, widget=forms.HiddenInput)
    purchased_on = MonthField(label="Месяц и год покупки", required=False, widget=forms.TextInput({"type": "month"}))
    extra_fee = FeeField(
        label="Своя доплата, ₽", required=False, help_text="Оставьте пустым, и доплата будет по тарифу.",
        widget=forms.TextInput({"inputmode": "decimal", "autocomplete": "off"}),
    )  # fmt: skip

    field_order = ["title", "type", "purchased_on", "extra_fee", "description", "serial_number", "specs", "photos"]

    class Meta:
        model = Device
        fields = ["title", "type", "purchased_on", "description", "serial_number", "specs", "extra_fee"]
        error_messages = {
            "title": {"required": "Напишите название устройства."},
            "type": {"required": "Выберите тип устройства."},
        }
        widgets = {"description": forms.Textarea({"rows": 3}), "specs": forms.Textarea({"rows": 3})}

    def __init__(self, data=None, files=None, *, instance: Device):
        super().__init__(data, files, instance=instance, device=instance, initial={"new_id": uuid.uuid4()})
        types = self.fields["type"]
        types.queryset = DeviceType.objects.filter(Q(is_active=True) | Q(pk=instance.type_id))
        types.empty_label = "Выберите тип"
        for name in ("title", "description", "serial_number", "specs"):
            self.fields[name].validators.append(validate_printable)
        if instance.is_saved:
            del self.fields["new_id"]

    def clean(self):
        if "new_id" in self.errors:
            self.add_error(None, "Форма устарела. Откройте добавление устройства ещё раз.")
        elif not self.instance.is_saved:
            self.instance.pk = self.cleaned_data["new_id"] or self.instance.pk
        super().clean()

    @property
    def changed_labels(self) -> list[str]:
        """Labels of the changed fields, without photos and the id, which don't change the device."""
        names = [name for name in self.changed_data if name not in ("photos", "uploads", "new_id")]
        return [str(self.fields[name].label).removesuffix(", ₽").lower() for name in names]


class TariffForm(forms.Form):
    """The tariffs that `client` can choose. The chosen tariff stays in the list if it is no longer offered."""

    tariff = forms.TypedChoiceField(
        label="Тариф",
        error_messages={"required": "Выберите тариф.", "invalid_choice": "Такого тарифа больше нет. Выберите другой."},
    )

    def __init__(self, data=None, *, client: Client):
        choice = getattr(client, "tariff_choice", None)
        chosen_id = choice and choice.tariff_id
        self.tariffs = list(Tariff.objects.filter(Q(is_active=True) | Q(pk=chosen_id)))
        by_id = {str(tariff.pk): tariff for tariff in self.tariffs}
        # Preselect a tariff only if it is the only one.
        only = self.tariffs[0].pk if len(self.tariffs) == 1 else None
        super().__init__(data, initial={"tariff": chosen_id or only})
        self.fields["tariff"].choices = [(key, str(tariff)) for key, tariff in by_id.items()]
        self.fields["tariff"].coerce = by_id.__getitem__
        self.selected = by_id.get(str(self["tariff"].value()))
