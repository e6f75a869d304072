"""DDL of the tables shared with «Привет Супер», for databases without the app.

Every statement leaves existing tables and types unchanged. The app creates the tables itself, in the schema `public`,
and its own migrations refuse to run where these statements were first (docs/deployment.md).
"""


def create_enum(name: str, *labels: str) -> str:
    """Return SQL that creates a native enum type in `public` unless it exists."""
    values = ", ".join(f"'{label}'" for label in labels)
    return f"""
        DO $$ BEGIN
            IF to_regtype('public.{name}') IS NULL THEN
                CREATE TYPE public.{name} AS ENUM ({values});
            END IF;
        END $$
    """


def create_table(name: str, columns: str, *indexes: str, unless: str = "") -> str:
    """Return SQL that creates a table in `public` unless it exists, with an index on each column of `indexes`.

    It is not created either if the table `unless` exists. Where the table exists, nothing is executed that needs the
    right to create tables in `public`.
    """
    statements = [f"CREATE TABLE public.{name} ({columns})"]
    statements += [f"CREATE INDEX ix_{name}_{column} ON public.{name} ({column})" for column in indexes]
    return f"""
        DO $$ BEGIN
            IF to_regclass('public.{name}') IS NULL AND to_regclass('{unless or f"public.{name}"}') IS NULL THEN
                {"; ".join(statements)};
            END IF;
        END $$
    """


USERS = [
    create_enum("user_status_t", "ghost", "active", "blocked", "deleted"),
    create_table(
        "users",
        """
        id uuid PRIMARY KEY,
        phone varchar NOT NULL UNIQUE,
        email varchar UNIQUE,
        password_hash varchar NOT NULL,
        name varchar NOT NULL,
        address text,
        status public.user_status_t NOT NULL DEFAULT 'active',
        has_subscription boolean NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        deleted_at timestamptz
        """,
    ),
]

DEVICES = [
    create_table(
        "devices",
        """
        id uuid PRIMARY KEY,
        user_id uuid REFERENCES public.users (id),
        title varchar NOT NULL,
        brand varchar NOT NULL,
        model varchar NOT NULL,
        serial_number varchar NOT NULL UNIQUE,
        purchase_date date,
        warranty_until date,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL
        """,
    ),
    create_table(
        "device_photos",
        """
        id uuid PRIMARY KEY,
        device_id uuid NOT NULL REFERENCES public.devices (id),
        file_url varchar NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT now()
        """,
    ),
]

SUPPORT = [
    create_enum("supportcasestatus", "open", "pending", "closed", "resolved"),
    create_enum("messageauthor", "user", "support"),
    create_table(
        "support_tickets",
        """
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL,
        subject varchar(255) NOT NULL,
        status public.supportcasestatus NOT NULL DEFAULT 'open',
        created_at timestamp NOT NULL,
        updated_at timestamptz NOT NULL
        """,
        "user_id",
    ),
    create_table(
        "support_messages",
        """
        id uuid PRIMARY KEY,
        ticket_id uuid NOT NULL REFERENCES public.support_tickets (id) ON DELETE CASCADE,
        author public.messageauthor NOT NULL,
        body text NOT NULL,
        file_key varchar(512),
        created_at timestamp NOT NULL,
        updated_at timestamptz NOT NULL
        """,
        "ticket_id",
    ),
]

INVOICES = [
    # Where the app has run, it makes these tables itself: a table of ours would break its next migration.
    create_table(
        "user_invoices",
        """
        id uuid PRIMARY KEY,
        client_id uuid NOT NULL,
        amount integer NOT NULL,
        description text,
        contract_number varchar(64),
        due_date timestamptz,
        status varchar(32) NOT NULL DEFAULT 'new',
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now()
        """,
        "client_id",
        unless="public.alembic_version",
    ),
    create_table(
        "user_invoice_payments",
        """
        id uuid PRIMARY KEY,
        invoice_id uuid NOT NULL REFERENCES public.user_invoices (id) ON DELETE CASCADE,
        client_id uuid NOT NULL,
        amount integer NOT NULL,
        status varchar(32) NOT NULL DEFAULT 'success',
        paid_at timestamptz NOT NULL DEFAULT now(),
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now()
        """,
        "client_id",
        "invoice_id",
        unless="public.alembic_version",
    ),
]
