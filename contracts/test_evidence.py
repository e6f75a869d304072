"""Evidence stays verifiable when facts are added, and covers each of them."""

import json

import pytest

from contracts.evidence import evidence_is_intact, sign_text
from contracts.models import Contract

pytestmark = pytest.mark.django_db

ADDED_LATER = ("code_entered_on", "consents")


def with_evidence(contract: Contract, facts: dict) -> Contract:
    contract.evidence = json.dumps(facts)
    contract.evidence_hmac = sign_text(contract.evidence)
    return contract


def test_evidence_from_before_the_client_s_page_is_intact(signed):
    facts = json.loads(signed.evidence)
    older = {name: value for name, value in facts.items() if name not in ADDED_LATER}
    assert len(older) < len(facts)

    contract = with_evidence(signed, older)
    contract.code_entered_on = ""
    assert evidence_is_intact(contract)
    contract.surcharge += 1
    assert not evidence_is_intact(contract)


@pytest.mark.parametrize("name", ["code_entered_on", "pep_text_version", "user_agent", "code_channel"])
def test_changed_column_is_detected(signed, name):
    setattr(signed, name, "x")
    assert not evidence_is_intact(signed)


def test_changed_consent_is_detected(signed):
    signed.evidence = signed.evidence.replace('"accepted_on":"manager"', '"accepted_on":"client_page"', 1)
    assert not evidence_is_intact(signed)
