"""Attach uploaded photos to passports."""

from uuid import UUID

from agreements import consents
from agreements.models import AgreementKind
from clients import onboarding
from clients.disclosure import DisclosureKind
from clients.models import Client
from managers.models import Manager
from passport.models import Passport
from passport.saving import attach_uploads, new_photo_key
from photos.destinations import Destination
from photos.images import Photo
from photos.models import Upload


class PassportPhotos(Destination):
    step = onboarding.PASSPORT
    disclosure_kind = DisclosureKind.PASSPORT_PHOTO

    def check(self, client: Client, device_id: UUID | None) -> None:
        """Raise AgreementMissing without the client's consent."""
        consents.require_consent(client, AgreementKind.PERSONAL_DATA)

    def objects(self, upload: Upload, photo: Photo) -> tuple[str, dict[str, bytes]]:
        key = new_photo_key(upload.client_id)
        return key, {key: photo.picture}

    def attach(self, upload: Upload, *, by: Manager) -> None:
        passport = Passport.objects.select_related("client").filter(client=upload.client_id).first()
        if passport:
            attach_uploads(passport, [upload], by=by)

    def attached_photo(self, upload: Upload) -> tuple[str, UUID] | None:
        return "passport", upload.client_id
