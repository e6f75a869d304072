-- Tables of «Привет Супер», as its own migrations leave them in a database without the older manager system.
-- Run by the app's role, which becomes their owner. Tables that no statement of the app needs here are left out.

CREATE TYPE user_status_t AS ENUM ('ghost', 'active', 'blocked', 'deleted');
CREATE TYPE ticket_status_t AS ENUM ('accepted', 'in_progress', 'done', 'rejected', 'new');
CREATE TYPE supportcasestatus AS ENUM ('open', 'pending', 'resolved', 'closed');
CREATE TYPE messageauthor AS ENUM ('user', 'support');

CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);

CREATE TABLE users (
    id uuid PRIMARY KEY,
    email varchar UNIQUE,
    phone varchar NOT NULL UNIQUE,
    password_hash varchar NOT NULL,
    name varchar NOT NULL,
    status user_status_t NOT NULL DEFAULT 'active',
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    has_subscription boolean NOT NULL,
    address varchar
);

CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    refresh_token varchar NOT NULL UNIQUE,
    user_agent varchar,
    ip varchar,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_sessions_user_id ON sessions (user_id);

CREATE TABLE password_reset_tokens (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token varchar NOT NULL UNIQUE,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_password_reset_tokens_user_id ON password_reset_tokens (user_id);

-- Without ON DELETE: an account that still has devices can't be deleted.
CREATE TABLE devices (
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
);

CREATE TABLE device_photos (
    id uuid PRIMARY KEY,
    device_id uuid NOT NULL REFERENCES devices (id),
    file_url varchar NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Visits of a repairman, not conversations. They refer to accounts and devices.
CREATE TABLE tickets (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    device_id uuid REFERENCES devices (id),
    title varchar(255) NOT NULL,
    description text,
    preferred_date date,
    status ticket_status_t NOT NULL DEFAULT 'new',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz
);

-- No reference to users: conversations outlive a deleted account.
CREATE TABLE support_tickets (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    subject varchar(255) NOT NULL,
    status supportcasestatus NOT NULL DEFAULT 'open',
    created_at timestamp NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX ix_support_tickets_user_id ON support_tickets (user_id);

-- No file_key: only the older manager system adds it.
CREATE TABLE support_messages (
    id uuid PRIMARY KEY,
    ticket_id uuid NOT NULL REFERENCES support_tickets (id) ON DELETE CASCADE,
    author messageauthor NOT NULL,
    body text NOT NULL,
    created_at timestamp NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX ix_support_messages_ticket_id ON support_messages (ticket_id);

CREATE TABLE user_invoices (
    id uuid PRIMARY KEY,
    client_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    amount integer NOT NULL,
    description text,
    contract_number varchar(64),
    due_date timestamptz,
    status varchar(32) NOT NULL DEFAULT 'new',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_user_invoices_client_id ON user_invoices (client_id);

CREATE TABLE user_invoice_payments (
    id uuid PRIMARY KEY,
    invoice_id uuid NOT NULL REFERENCES user_invoices (id) ON DELETE CASCADE,
    client_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    amount integer NOT NULL,
    status varchar(32) NOT NULL DEFAULT 'success',
    paid_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_user_invoice_payments_client_id ON user_invoice_payments (client_id);
CREATE INDEX ix_user_invoice_payments_invoice_id ON user_invoice_payments (invoice_id);

INSERT INTO alembic_version VALUES ('simulated');
