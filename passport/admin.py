from cryptography.fernet import InvalidToken
from django.contrib import admin

from passport.models import Passport
from privet.read_only import ReadOnlyFacts


class PassportOfClient(ReadOnlyFacts):
    """The passport, to be looked at; enough of the number to tell it from another, the photo not at all."""

    model = Passport
    fields = readonly_fields = [
        "full_name",
        "masked_number",
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
        """«46 ** ****53»."""
        try:
            digits = passport.digits
        except InvalidToken:
            return "не читается: нет ключа"
        return f"{digits[:2]} ** ****{digits[-2:]}"
