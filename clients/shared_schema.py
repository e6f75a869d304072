"""DDL of the tables shared with «Привет Супер», for databases that lack them.

Every statement leaves existing tables and types unchanged.
"""


def create_enum(name: str, *labels: str) -> str:
    """Return SQL that creates a native enum type unless it exists."""
    values = ", ".join(f"'{label}'" for label in labels)
    return f"""
        DO $$ BEGIN
            CREATE TYPE {name} AS ENUM ({values});
        EXCEPTION WHEN duplicate_object THEN NULL;
        END $$
    """


USERS = [
    create_enum("user_status_t", "ghost", "active", "blocked", "deleted"),
    """
    CREATE TABLE IF NOT EXISTS users (
        id uuid PRIMARY KEY,
        phone varchar NOT NULL UNIQUE,
        email varchar UNIQUE,
        password_hash varchar NOT NULL,
        name varchar NOT NULL,
        address text,
        status user_status_t NOT NULL DEFAULT 'active',
        has_subscription boolean NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        deleted_at timestamptz
    )
    """,
]

DEVICES = [
    """
    CREATE TABLE IF NOT EXISTS devices (
        id uuid PRIMARY KEY,
        user_id uuid REFERENCES users (id),
        title varchar NOT NULL,
        brand varchar NOT NULL,
        model varchar NOT NULL,
        serial_number varchar NOT NULL UNIQUE,
        purchase_date date,
        warranty_until date,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS device_photos (
        id uuid PRIMARY KEY,
        device_id uuid NOT NULL REFERENCES devices (id),
        file_url varchar NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT now()
    )
    """,
]

SUPPORT = [
    create_enum("supportcasestatus", "open", "pending", "closed", "resolved"),
    create_enum("messageauthor", "user", "support"),
    """
    DO $$ BEGIN
        IF to_regclass('support_tickets') IS NULL THEN
            CREATE TABLE support_tickets (
                id uuid PRIMARY KEY,
                user_id uuid NOT NULL,
                subject varchar(255) NOT NULL,
                status supportcasestatus NOT NULL DEFAULT 'open',
                created_at timestamp NOT NULL,
                updated_at timestamptz NOT NULL
            );
            CREATE INDEX ix_support_tickets_user_id ON support_tickets (user_id);
        END IF;
    END $$
    """,
    """
    DO $$ BEGIN
        IF to_regclass('support_messages') IS NULL THEN
            CREATE TABLE support_messages (
                id uuid PRIMARY KEY,
                ticket_id uuid NOT NULL REFERENCES support_tickets (id) ON DELETE CASCADE,
                author messageauthor NOT NULL,
                body text NOT NULL,
                file_key varchar(512),
                created_at timestamp NOT NULL,
                updated_at timestamptz NOT NULL
            );
            CREATE INDEX ix_support_messages_ticket_id ON support_messages (ticket_id);
        END IF;
    END $$
    """,
]
