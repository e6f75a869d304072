from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html

from clients.admin import ClientAdmin
from foundation.admin.base import ReadOnlyStackedInline
from managers.history import history_of
from passport.models import Passport


class PassportInline(ReadOnlyStackedInline):
    """Read-only passport. Number and photo link to pages that record the disclosure."""

    model = Passport
    fields = readonly_fields = [
        "full_name",
        "masked_number",
        "photo_link",
        "issued_by",
        "department_code",
        "issued_on",
        "registration_address",
        "updated_at",
        "updated_by",
    ]
    related = ("updated_by",)

    @admin.display(description="ФИО")
    def full_name(self, passport: Passport) -> str:
        return passport.full_name

    @admin.display(description="серия и номер")
    def masked_number(self, passport: Passport) -> str:
        page = reverse("passport:number", args=[passport.client_id])
        return format_html('{} <a href="{}">Показать</a>', passport.masked_digits, page)

    @admin.display(description="фото")
    def photo_link(self, passport: Passport) -> str:
        if not passport.photo:
            return "нет"
        page = reverse("passport:photo", args=[passport.client_id])
        return format_html('<a href="{}" target="_blank" rel="noopener">Открыть</a>', page)


ClientAdmin.extend(inlines=[PassportInline], histories=lambda client: [history_of(Passport).filter(client=client)])
