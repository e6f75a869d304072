"""What the web and maintenance roles may do with our own tables. `migrate` applies it each time.

The web role has no more rights than the pages need. So an error in a page, or an attacker who can run SQL as this role,
can't rewrite history or evidence.
"""

from collections.abc import Iterator

import pghistory.models
from django.apps import apps
from django.db import models
from psycopg import sql

from contact.models import CHANGING_FIELDS as CHANGE_FIELDS
from contracts.models import PAYMENT_FIELDS, SIGNATURE_FIELDS, UNSIGNED_FIELDS
from foundation.database.roles import RoleNames
from links.models import CHANGING_FIELDS as LINK_FIELDS

READ, ADD, CHANGE, REMOVE = "SELECT", "INSERT", "UPDATE", "DELETE"
EVERYTHING = (READ, ADD, CHANGE, REMOVE)

# Rights of the web role, by table. Tables that are not listed: EVERYTHING, and READ for histories.
WEB_RIGHTS = {
    "django_migrations": (READ,),
    "django_content_type": (READ, ADD),
    # Logs: rows are added and never changed.
    "django_admin_log": (READ, ADD),
    "manager_client_changes": (READ, ADD),
    "manager_contract_events": (READ, ADD),
    "manager_fraud_signals": (READ, ADD),
    "manager_disclosures": (READ, ADD),
    "manager_support_messages": (READ, ADD),
    # Without its row a message shows its code to staff.
    "manager_masked_messages": (READ, ADD),
    # Signed documents and their evidence. Columns that may change: WEB_COLUMNS.
    "manager_contracts": (READ, ADD),
    "manager_invoices": (READ, ADD),
    "manager_signing_codes": (READ, ADD, CHANGE),
    "manager_client_links": (READ, ADD),
    "manager_contact_changes": (READ, ADD),
    "manager_contact_codes": (READ, ADD),
    # Requested and entered on pages; sent by the worker.
    "manager_copy_codes": (READ, ADD),
    # Queued by pages; sent by the worker.
    "manager_outgoing_messages": (READ, ADD),
    "manager_contract_events_head": (READ, ADD, CHANGE),
    "manager_agreements": (READ, ADD),
    # Erasures are carried out by the maintenance role.
    "manager_erasures": (READ,),
    "manager_erased_rows": (READ,),
    "manager_erased_objects": (READ,),
    "manager_erasure_requests": (READ, ADD),
    "manager_job_runs": (READ,),
    "manager_payment_claims": (READ, ADD),
    "manager_payments": (READ, ADD),
    "manager_ticket_activity": (READ, ADD, CHANGE),
}
# Columns that the web role may update in tables without CHANGE.
WEB_COLUMNS = {
    "manager_contracts": [*SIGNATURE_FIELDS, *PAYMENT_FIELDS, *UNSIGNED_FIELDS],
    "manager_invoices": ["status", "paid_at", "paid_by", "cancelled_at"],
    "manager_erasure_requests": ["withdrawn_at", "withdrawn_by"],
    "manager_payment_claims": ["outcome", "resolved_at", "resolved_by"],
    "manager_payments": ["undone_at", "undone_by", "undo_reason"],
    "manager_agreements": ["withdrawn_at", "withdrawn_by", "withdrawal_reason"],
    "manager_client_links": LINK_FIELDS,
    "manager_contact_changes": CHANGE_FIELDS,
    "manager_contact_codes": ["failed_tries", "used_at"],
    "manager_copy_codes": ["failed_tries", "used_at", "open_until"],
}


def is_history(model: type[models.Model]) -> bool:
    """Whether the triggers of django-pghistory write the rows of the model."""
    return issubclass(model, pghistory.models.Event)


def own_models() -> Iterator[type[models.Model]]:
    """Yield the models of all tables in our schema."""
    return (
        model for model in apps.get_models(include_auto_created=True) if model._meta.managed and not model._meta.proxy
    )


def web_rights(model: type[models.Model]) -> tuple[str, ...]:
    """Return the rights of the web role on the table of the model."""
    return (READ,) if is_history(model) else WEB_RIGHTS.get(model._meta.db_table, EVERYTHING)


def web_columns(model: type[models.Model]) -> list[str]:
    """Return the columns that the web role may update, if it may not update all."""
    return [model._meta.get_field(name).column for name in WEB_COLUMNS.get(model._meta.db_table, ())]


def grant_statements(names: RoleNames) -> Iterator[sql.Composed]:
    """Yield the statements that give the roles exactly their rights. Execute them as the owner, in one transaction."""
    web, maintenance = sql.Identifier(names.web), sql.Identifier(names.maintenance)
    for role in (web, maintenance):
        yield sql.SQL("GRANT USAGE ON SCHEMA privet, privet_inbox TO {}").format(role)
        yield sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA privet FROM {}").format(role)
        yield sql.SQL("GRANT USAGE ON ALL SEQUENCES IN SCHEMA privet TO {}").format(role)
        yield sql.SQL("GRANT SELECT, UPDATE, DELETE ON privet_inbox.user_changes TO {}").format(role)
        yield sql.SQL("GRANT SELECT ON SEQUENCE privet_inbox.lost_changes TO {}").format(role)
    for function in (
        "FUNCTION privet.record_contact(uuid[])",
        "FUNCTION privet.write_shared(text, text, uuid[], jsonb)",
    ):
        yield sql.SQL("REVOKE ALL ON {} FROM PUBLIC").format(sql.SQL(function))
        yield sql.SQL("GRANT EXECUTE ON {} TO {}, {}").format(sql.SQL(function), web, maintenance)
    yield sql.SQL("GRANT SELECT ON django_migrations TO {}, {}").format(web, maintenance)
    for model in own_models():
        table = sql.Identifier(model._meta.db_table)
        yield sql.SQL("GRANT {} ON {} TO {}").format(_rights(web_rights(model)), table, web)
        if columns := web_columns(model):
            names_of_columns = sql.SQL(", ").join(map(sql.Identifier, columns))
            yield sql.SQL("GRANT UPDATE ({}) ON {} TO {}").format(names_of_columns, table, web)
        rights = (READ, CHANGE, REMOVE) if is_history(model) else EVERYTHING
        yield sql.SQL("GRANT {} ON {} TO {}").format(_rights(rights), table, maintenance)


def _rights(rights: tuple[str, ...]) -> sql.SQL:
    return sql.SQL(", ".join(rights))
