-- The other shape of user_invoices, after older.sql or where only this is needed.
CREATE TYPE invoice_status_t AS ENUM ('pending', 'paid', 'canceled');

-- The older system made user_invoices first, in another shape, and the app's migration left it as it was.
ALTER TABLE user_invoice_payments DROP CONSTRAINT user_invoice_payments_invoice_id_fkey;
DROP TABLE user_invoices;
CREATE TABLE user_invoices (
    id uuid PRIMARY KEY,
    client_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    amount numeric(10, 2) NOT NULL,
    description text NOT NULL,
    contract_number varchar(64) NOT NULL,
    due_date date NOT NULL,
    status invoice_status_t NOT NULL DEFAULT 'pending',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE user_invoice_payments ADD FOREIGN KEY (invoice_id) REFERENCES user_invoices (id) ON DELETE CASCADE;
