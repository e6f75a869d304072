"""The evidence of a signature: canonical JSON of who signed what, when and how, and its HMAC."""

import hashlib
import hmac
import json
from collections.abc import Iterable
from datetime import UTC, datetime

from django.conf import settings

from agreements.models import Agreement
from clients.models import AppUser
from contracts import signature_consent
from contracts.models import Contract, SigningCode
from links.models import Link
from managers.cipher import keyed_hash


def write_evidence(
    contract: Contract,
    *,
    account: AppUser,
    agreements: Iterable[Agreement],
    pages: Iterable[Link],
    codes: Iterable[SigningCode],
    link: Link | None = None,
) -> None:
    """Set the evidence of the signature and its HMAC. The caller saves the contract.

    `account`: the client's, whose phone and e-mail are hashed. `agreements`: those in force. `pages`: the links to the
    contract that the client opened; what they did there is evidence, whoever entered the code. `codes`: all that were
    sent for the contract. `link`: the one on whose page the client entered it; without it the manager did, in the
    browser that the contract names.
    """
    facts = _facts_of_contract(contract) | {
        "consents": [*map(_facts_of_agreement, agreements), _facts_of_consent(contract)],
        "client_page": link and str(link.pk),
        "client_pages": [_facts_of_page(page) for page in pages],
        "codes": [_facts_of_code(code) for code in codes],
        "phone_hash": keyed_hash(account.phone),
        "email_hash": account.email and keyed_hash(account.email),
    }
    contract.evidence = _to_json(facts)
    contract.evidence_hmac = sign_text(contract.evidence)


def evidence_is_intact(contract: Contract) -> bool:
    """Whether the evidence is unchanged and matches this contract and its PDF.

    Evidence of earlier versions lacks facts that were added later.
    """
    if not contract.evidence:
        return False
    if not hmac.compare_digest(contract.evidence_hmac, sign_text(contract.evidence)):
        return False
    stored, current = json.loads(contract.evidence), json.loads(_to_json(_facts_of_contract(contract)))
    return all(stored[name] == value for name, value in current.items() if name in stored)


def sign_text(text: str) -> str:
    """HMAC-SHA-256 with CONTRACT_SIGNATURE_SECRET; 64 hexadecimal digits."""
    return hmac.new(settings.CONTRACT_SIGNATURE_SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()


def _facts_of_contract(contract: Contract) -> dict:
    """Facts that are also columns of the contract."""
    return {
        "contract": contract.pk,
        "number": contract.number,
        "client": contract.client_id,
        "pdf_sha256": contract.pdf_sha256,
        "template_version": contract.template_version,
        "issued_at": contract.issued_at,
        "surcharge": f"{contract.surcharge:.2f}",
        "due": f"{contract.due:.2f}",
        "pep_text_version": contract.pep_text_version,
        "pep_agreed_at": contract.pep_agreed_at,
        "code_channel": contract.code_channel,
        "code_sent_at": contract.code_sent_at,
        "code_entered_at": contract.code_entered_at,
        "code_entered_on": contract.code_entered_on,
        "signed_at": contract.signed_at,
        "signed_by": contract.signed_by_id,
        "ip": contract.signer_ip or "",
        "user_agent": contract.user_agent,
    }


def _facts_of_agreement(agreement: Agreement) -> dict:
    return {
        "kind": agreement.kind,
        "version": agreement.version,
        "text_sha256": agreement.text_sha256,
        "pdf_sha256": agreement.pdf_sha256,
        "accepted_at": agreement.given_at,
        "accepted_on": agreement.accepted_on,
    }


def _facts_of_consent(contract: Contract) -> dict:
    """The consent to this signature."""
    return {
        "kind": "signature",
        "version": contract.pep_text_version,
        "text_sha256": signature_consent.text_sha256(contract.pep_text_version),
        "accepted_at": contract.pep_agreed_at,
        "accepted_on": contract.code_entered_on,
    }


def _facts_of_page(link: Link) -> dict:
    return {
        "link": link.pk,
        "created_at": link.created_at,
        "created_by": link.created_by_id,
        "created_ip": link.created_ip or "",
        "created_user_agent": link.created_user_agent,
        "sent_by": link.sent_by,
        "message": link.message_id,
        "opened_at": link.opened_at,
        "ip": link.ip or "",
        "user_agent": link.user_agent,
        "passport_shown_at": link.passport_shown_at,
        "pdf_opened_at": link.pdf_opened_at,
        "read_at": link.read_at,
        "agreed_at": link.agreed_at,
        "refused_at": link.refused_at,
        "refusal_reason": link.refusal_reason,
    }


def _facts_of_code(code: SigningCode) -> dict:
    """How the code was sent, and what is known of its delivery now. Messages of earlier versions were not recorded."""
    message = code.message
    return {
        "code": code.pk,
        "requested_on": code.requested_on,
        "sent_at": code.sent_at,
        "wrong_attempts": code.failed_tries,
        "used_at": code.used_at,
        "channel": message and message.channel,
        "message": message and message.pk,
        "provider_id": message and message.provider_id,
        "recipient_hash": message and message.recipient_hash,
        "delivery": message and message.state,
        "accepted_at": message and message.accepted_at,
        "delivered_at": message and message.delivered_at,
    }


def _to_json(facts: dict) -> str:
    """Canonical JSON: sorted keys, no spaces, times in ISO 8601 UTC."""
    return json.dumps(facts, default=_to_json_value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _to_json_value(value) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value)
