"""Render agreements for the page and as PDF. The templates are in templates/agreements, one folder per edition."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.template.loader import render_to_string

from agreements.models import AgreementKind
from clients.models import AppUser, Client
from documents import editions
from documents.rendering import render_pdf
from links.models import Place
from managers.models import Manager

TEMPLATES = "agreements"
FOLDER = settings.BASE_DIR / "templates" / TEMPLATES


@dataclass(frozen=True)
class AgreementDocument:
    """An agreement document for one client in the newest edition. `given_at` is None until it is recorded."""

    kind: AgreementKind
    version: str
    text: str
    values: dict

    @classmethod
    def for_client(
        cls,
        client: Client,
        kind: AgreementKind,
        *,
        by: Manager,
        place: Place = Place.MANAGER,
        given_at: datetime | None = None,
    ) -> "AgreementDocument":
        """`by` is the manager who serves the client; on the client's page (`place`) the client marks the consent."""
        version, marked_by = kind.current_version, _marked_by(client, by, place)
        values = {
            "title": kind.label,
            "version": version,
            "company": company_details(),
            "person": _person(client.user),
            "app": "Привет Супер",
            "marked_by": marked_by,
            "manager": {"name": marked_by},  # its name in older editions
            "given_at": given_at,
        }
        return cls(kind, version, _render(kind, version, "text", values), values)

    @property
    def text_sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    def text_with_phone(self, phone: str) -> str:
        """The text for a page on which the client's phone has to be masked."""
        person = self.values["person"] | {"phone": phone}
        return _render(self.kind, self.version, "text", self.values | {"person": person})

    def pdf(self) -> bytes:
        """Render the document as PDF. Deterministic."""
        html = _render(self.kind, self.version, "document", self.values | {"text": self.text})
        return render_pdf(html, FOLDER / self.kind / self.version / "document.css")


def _marked_by(client: Client, by: Manager, place: Place) -> str:
    return f"{client.user.name} на своём устройстве" if place == Place.CLIENT_PAGE else by.name


def _person(user: AppUser) -> dict:
    return {"name": user.name, "phone": user.shown_phone, "email": user.shown_email, "address": user.address}


def company_details() -> dict:
    """Return what documents say about the company."""
    names = ("name", "address", "phone", "email", "inn", "ogrn")
    return {name: getattr(settings, f"COMPANY_{name.upper()}") for name in names}


def _render(kind: AgreementKind, version: str, name: str, values: dict) -> str:
    return editions.keep_together(render_to_string(f"{TEMPLATES}/{kind}/{version}/{name}.html", values))
