"""Where finished photos go. Apps that show photos register a destination; this app does not import them."""

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
    # What is recorded when a photo is shown before it is attached; None if showing it needs no record.
    shown_as: DisclosureKind | None = None

    @abstractmethod
    def check(self, client: Client, device_id: UUID | None) -> None:
        """Raise Refusal or ObjectDoesNotExist if the client, whose row is locked, may not get one more photo."""

    @abstractmethod
    def objects(self, upload: Upload, photo: Photo) -> tuple[str, dict[str, bytes]]:
        """A new key for the photo, and all objects to store by key: the photo, and a thumbnail if there is one."""

    @abstractmethod
    def attach(self, upload: Upload, *, by: Manager) -> None:
        """Attach the accepted photo if its row is saved already; the client's row is locked. May raise Refusal."""

    @abstractmethod
    def attached_photo(self, upload: Upload) -> tuple[str, UUID] | None:
        """URL namespace and primary key of the attached photo; None if it was deleted since."""


def register(purpose: UploadPurpose, destination: Destination) -> None:
    _destinations[purpose] = destination


def destination_for(purpose: str) -> Destination:
    return _destinations[purpose]
