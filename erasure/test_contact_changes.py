"""Changes of a contact are erased with the client, whatever their state."""

import pytest

from conftest import ROLES, as_role
from contact import changes, codes
from contact.conftest import NEW_PHONE, request_change
from contact.models import ContactChange, ContactCode
from erasure import erasing
from erasure.conftest import all_rows_as_text
from erasure.models import DataCategory, ErasureReason
from managers import cipher
from messaging.models import Channel

pytestmark = pytest.mark.django_db


def test_changes_and_their_codes_are_erased(make, anna, gleb):
    client = make.verified(anna, password_hash="set in the app")
    other = make.verified(anna, password_hash="set in the app")
    kept = request_change(other, anna, phone="9030000001")
    change = request_change(client, anna, phone=NEW_PHONE)
    codes.send_code(change, Channel.APP, by=anna)
    changes.ask_admin(change, "Потерял Ъюжный телефон", by=anna)
    changes.reject(change, by=gleb, note="Ъюжный: не похоже")
    request_change(client, anna, phone=NEW_PHONE)
    client.mark_phone_confirmed(client.user.phone)

    with as_role(ROLES.maintenance):
        erasure = erasing.erase(make.fresh(client), ErasureReason.REQUEST, by=gleb, note="вх. 15")

        assert list(ContactChange.objects.all()) == [kept]
        assert not ContactCode.objects.exists()
        lines = {line.table: (line.category, line.count) for line in erasure.lines.all()}
        assert lines["manager_contact_changes"] == (DataCategory.CONTACT_HISTORY, 2)
        assert lines["manager_contact_codes"] == (DataCategory.CONTACT_HISTORY, 1)
        text = " ".join(all_rows_as_text().values())
    hashes = [cipher.keyed_hash(phone) for phone in (NEW_PHONE, client.user.phone)]
    assert [word for word in ("Ъюжный", NEW_PHONE, *hashes) if word in text] == []
