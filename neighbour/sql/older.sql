-- What the older manager system adds to the app's tables (app.sql), by the same role and in the same schema.

CREATE TYPE manager_client_status_t AS ENUM (
    'new', 'in_verification', 'awaiting_contract', 'awaiting_payment', 'processed'
);
CREATE TYPE support_sender_t AS ENUM ('manager', 'client', 'system');

ALTER TABLE users ALTER COLUMN address TYPE text;
ALTER TABLE alembic_version ALTER COLUMN version_num TYPE varchar(64);
ALTER TABLE support_messages ADD COLUMN file_key varchar(512);

CREATE TABLE manager_users (
    id uuid PRIMARY KEY,
    email varchar NOT NULL UNIQUE,
    password_hash text NOT NULL,
    name varchar,
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    is_super_admin boolean NOT NULL DEFAULT false
);

CREATE TABLE manager_clients (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    assigned_manager_id uuid REFERENCES manager_users (id) ON DELETE SET NULL,
    status manager_client_status_t NOT NULL DEFAULT 'new',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    support_ticket_id uuid
        CONSTRAINT fk_manager_clients_support_ticket REFERENCES support_tickets (id) ON DELETE SET NULL
);
CREATE UNIQUE INDEX uq_manager_clients_user ON manager_clients (user_id);

CREATE TABLE users_passports (
    id uuid PRIMARY KEY,
    client_id uuid NOT NULL UNIQUE REFERENCES manager_clients (id) ON DELETE CASCADE,
    last_name varchar(128),
    first_name varchar(128),
    middle_name varchar(128),
    series varchar(16),
    number varchar(16),
    issued_by varchar(256),
    issue_code varchar(16),
    issue_date date,
    registration_address varchar(512),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    photo_url varchar(512)
);

CREATE TABLE manager_tariffs (
    id uuid PRIMARY KEY,
    name varchar(128) NOT NULL,
    base_fee numeric(10, 2) NOT NULL DEFAULT 0,
    extra_per_device numeric(10, 2) NOT NULL DEFAULT 0,
    notes text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE user_tariffs (
    id uuid PRIMARY KEY,
    client_id uuid NOT NULL UNIQUE REFERENCES manager_clients (id) ON DELETE CASCADE,
    tariff_id uuid REFERENCES manager_tariffs (id) ON DELETE SET NULL,
    device_count integer NOT NULL DEFAULT 0,
    total_extra_fee numeric(10, 2) NOT NULL DEFAULT 0,
    calculated_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE user_devices (
    id uuid PRIMARY KEY,
    client_id uuid NOT NULL REFERENCES manager_clients (id) ON DELETE CASCADE,
    device_type varchar(64) NOT NULL,
    title varchar(128) NOT NULL,
    description text,
    specs json,
    extra_fee numeric(10, 2) NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE user_device_photos (
    id uuid PRIMARY KEY,
    device_id uuid NOT NULL REFERENCES user_devices (id) ON DELETE CASCADE,
    file_key varchar(512) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz
);

CREATE TABLE user_contracts (
    id uuid PRIMARY KEY,
    client_id uuid NOT NULL UNIQUE REFERENCES manager_clients (id) ON DELETE CASCADE,
    tariff_snapshot json NOT NULL,
    passport_snapshot json NOT NULL,
    device_snapshot json NOT NULL,
    otp_code varchar(16),
    otp_sent_at timestamptz,
    signed_at timestamptz,
    payment_confirmed_at timestamptz,
    contract_url varchar(512),
    contract_number varchar(64),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    pep_agreed_at timestamptz,
    signature_hash varchar(64),
    signature_hmac varchar(128),
    signed_ip varchar(64),
    signed_user_agent varchar(512)
);

CREATE TABLE manager_support_threads (
    id uuid PRIMARY KEY,
    client_id uuid NOT NULL REFERENCES manager_clients (id) ON DELETE CASCADE,
    title varchar(256) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE manager_support_messages (
    id uuid PRIMARY KEY,
    thread_id uuid NOT NULL REFERENCES manager_support_threads (id) ON DELETE CASCADE,
    sender support_sender_t NOT NULL,
    content text NOT NULL,
    payload json,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
