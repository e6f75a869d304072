"""Fill the activity of all tickets: that of a million would take longer than a page may."""

from django.db import migrations

# The same as support.activity computes. Times that Python can't represent are clamped.
FILL = """
    INSERT INTO manager_ticket_activity (ticket_id, state, last_message_at, ticket_updated_at)
    SELECT ticket.id,
        CASE
            WHEN is_open AND coalesce(author = 'user', true) OR author = 'user' AND written_at > updated_at THEN 'waiting'
            WHEN is_open THEN 'answered'
            ELSE 'closed'
        END,
        least(greatest(coalesce(written_at, ticket.created_at AT TIME ZONE 'UTC'), '0001-01-01Z'), '9999-12-30 23:59:59.999999Z'),
        least(greatest(updated_at, '0001-01-01Z'), '9999-12-30 23:59:59.999999Z')
    FROM public.support_tickets ticket
    CROSS JOIN LATERAL (SELECT concat(ticket.status) IN ('open', 'pending') AS is_open) status
    LEFT JOIN (
        SELECT DISTINCT ON (ticket_id) ticket_id, concat(author) AS author, created_at AT TIME ZONE 'UTC' AS written_at
        FROM public.support_messages ORDER BY ticket_id, created_at DESC, id DESC
    ) last ON last.ticket_id = ticket.id
    ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("support", "0005_ticket_activity")]

    operations = [
        migrations.RunSQL(
            [
                "SET LOCAL statement_timeout = 0",
                FILL,
            ],
            migrations.RunSQL.noop,
        ),
    ]
