"""Checks the database after managers have taken clients to a paid contract: each expected row exists exactly once."""

import psycopg

OF_CLIENT = "JOIN manager_clients c ON c.id = client_id JOIN public.users u ON u.id = c.user_id"
# Rows that must exist exactly once for the phone of each client.
ONCE = {
    "account": "SELECT phone FROM public.users",
    "client": "SELECT phone FROM manager_clients JOIN public.users u ON u.id = user_id",
    "processed client": "SELECT phone FROM manager_clients c JOIN public.users u ON u.id = c.user_id "
    "WHERE c.status = 'processed'",
    "passport": f"SELECT phone FROM users_passports {OF_CLIENT}",
    "device": f"SELECT phone FROM manager_devices {OF_CLIENT}",
    "device in the client's app": "SELECT phone FROM public.devices JOIN public.users u ON u.id = user_id",
    "signed contract": f"SELECT phone FROM manager_contracts {OF_CLIENT} WHERE signed_at IS NOT NULL",
    "paid invoice": "SELECT phone FROM manager_invoices i JOIN manager_contracts k ON k.id = i.contract_id "
    f"{OF_CLIENT} WHERE i.status = 'paid'",
    "ticket": "SELECT phone FROM public.support_tickets JOIN public.users u ON u.id = user_id",
    "message about the signature": "SELECT phone FROM public.support_messages m "
    "JOIN public.support_tickets t ON t.id = m.ticket_id JOIN public.users u ON u.id = user_id "
    "WHERE m.body LIKE '%%подписан%%' AND m.body NOT LIKE 'Код%%'",
}


def faults(database: str, phones: list[str]) -> list[str]:
    """Missing and duplicated rows, one line each."""
    lines = []
    with psycopg.connect(database) as connection:
        for label, sql in ONCE.items():
            rows = connection.execute(
                f"SELECT expected.phone, count(found.phone) FROM unnest(%s::text[]) expected (phone) "
                f"LEFT JOIN ({sql}) found ON found.phone = expected.phone GROUP BY 1 HAVING count(found.phone) <> 1",
                [phones],
            ).fetchall()
            lines += [f"{count} × {label} of {phone}" for phone, count in rows]
        numbers = "SELECT number FROM manager_contracts GROUP BY 1 HAVING count(*) > 1"
        lines += [f"contract number {number} is duplicated" for (number,) in connection.execute(numbers)]
    return lines
