"""Destinations of accepted photos. Apps with photos register a destination, so that this app need not import them."""

from abc import ABC, abstractmethod
from uuid import UUID

from clients.disclosure import DisclosureKind
from clients.models import Client
from clients.onboarding import Step
from managers.models import Manager
from photos.images import Photo
from photos.models import Upload, UploadPurpose

_destinations: dict[str, "Destination"] = {}


class Destination(ABC):
    """The rows to which photos of one purpose are attached."""

    # The wizard step that must be open for an upload.
    step: Step
    # The disclosure to record when a photo is shown before it is attached; None for no disclosure.
    disclosure_kind: DisclosureKind | None = None

    @abstractmethod
    def check(self, client: Client, device_id: UUID | None) -> None:
        """Raise Refusal or ObjectDoesNotExist if the client can't have one more photo. The client is locked."""

    @abstractmethod
    def objects(self, upload: Upload, photo: Photo) -> tuple[str, dict[str, bytes]]:
        """Return a new key for the photo, and the objects to store by key: the photo and, if any, its copies."""

    @abstractmethod
    def attach(self, upload: Upload, *, by: Manager) -> None:
        """Attach the accepted photo if its device or passport is saved. The client is locked. May raise Refusal."""

    @abstractmethod
    def attached_photo(self, upload: Upload) -> tuple[str, UUID] | None:
        """Return the URL namespace and primary key of the attached photo, or None if it was deleted."""


def register(purpose: UploadPurpose, destination: Destination) -> None:
    _destinations[purpose] = destination


def destination_for(purpose: str) -> Destination:
    return _destinations[purpose]
