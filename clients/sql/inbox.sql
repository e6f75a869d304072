-- The inbox of changes of accounts. The app's transaction only adds the account's id; we read the account later.
-- Any role may insert, so nothing here is trusted: an id in the inbox means "read this account again".
CREATE TABLE IF NOT EXISTS privet_inbox.user_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    -- SQLSTATE of the error, if the change could not be processed. It stays until sync_clients repairs it.
    error text
);
-- Counts changes that could not be added. A sequence, because it keeps its value if the app's transaction fails.
CREATE SEQUENCE IF NOT EXISTS privet_inbox.lost_changes;
GRANT USAGE ON SCHEMA privet_inbox TO PUBLIC;
GRANT INSERT (user_id) ON privet_inbox.user_changes TO PUBLIC;
GRANT USAGE ON SEQUENCE privet_inbox.lost_changes TO PUBLIC;

-- The function of our only trigger on a table of the app. It runs with the app's rights, and never raises an error: a
-- sign-up must not fail because of us.
CREATE OR REPLACE FUNCTION privet_inbox.user_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
BEGIN
    BEGIN
        INSERT INTO privet_inbox.user_changes (user_id) VALUES (NEW.id);
    EXCEPTION WHEN OTHERS THEN
        RAISE WARNING 'Privet has not noted the change of user %: %', NEW.id, SQLERRM;
        PERFORM nextval('privet_inbox.lost_changes');
    END;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END $$;

-- No list of columns and no WHEN: they would keep the app from retyping or dropping its columns. Replaced only if it is
-- that of an earlier version, because replacing it locks the table.
DO $$ BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_trigger WHERE tgrelid = 'public.users'::regclass AND tgname = 'privet_user_changed'
            AND tgfoid = 'privet_inbox.user_changed'::regproc AND cardinality(tgattr) = 0
    ) THEN
        CREATE OR REPLACE TRIGGER privet_user_changed AFTER INSERT OR UPDATE ON public.users
        FOR EACH ROW EXECUTE FUNCTION privet_inbox.user_changed();
    END IF;
END $$;

-- The app writes a row to public.manager_clients at every sign-up. Where the older system is installed, the table is
-- that system's; otherwise it is this placeholder, which we never read. The rights are given each time, because a
-- restored backup has none.
DO $$ BEGIN
    IF to_regclass('public.manager_clients') IS NULL THEN
        CREATE TABLE public.manager_clients (
            id uuid PRIMARY KEY,
            user_id uuid NOT NULL UNIQUE,
            status varchar(32) NOT NULL DEFAULT 'new',
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now()
        );
    END IF;
    IF EXISTS (
        -- Not the older system's table, which has this column.
        SELECT FROM pg_class WHERE oid = 'public.manager_clients'::regclass AND pg_has_role(relowner, 'USAGE')
            AND NOT EXISTS (
                SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'assigned_manager_id'
            )
    ) THEN
        GRANT SELECT, INSERT (id, user_id, status), UPDATE (updated_at) ON public.manager_clients TO PUBLIC;
    END IF;
END $$;
