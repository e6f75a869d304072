-- Creation time of a client: that of the account, or now if Python can't represent it
-- (foundation/database/clamped_times.py).
CREATE OR REPLACE FUNCTION privet_appeared(created_at timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN created_at BETWEEN '0001-01-01 00:00Z' AND '9999-12-30 23:59Z' THEN created_at ELSE now() END
$$;

-- Our only trigger on a table of the app. Errors become warnings, because a sign-up must never fail.
-- SECURITY DEFINER, because the app's database role may have no privileges on our tables.
CREATE OR REPLACE FUNCTION privet_user_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public SET lock_timeout = '1s' AS $$
BEGIN
    BEGIN
        IF NEW.status::text = 'active' AND NEW.deleted_at IS NULL THEN
            INSERT INTO manager_clients (id, user_id, status, search, created_at)
            VALUES (gen_random_uuid(), NEW.id, 'new', '', privet_appeared(NEW.created_at))
            ON CONFLICT (user_id) DO NOTHING;
        ELSE
            -- A closed account leaves the pool if nobody has worked on the client, and returns when it is reopened.
            -- Keep clients that our rows refer to: the foreign keys are deferred and would fail the app's commit.
            DELETE FROM manager_clients clients
            WHERE user_id = NEW.id AND status = 'new' AND manager_id IS NULL
                AND NOT EXISTS (SELECT FROM manager_client_changes WHERE client_id = clients.id)
                AND NOT EXISTS (SELECT FROM manager_support_threads WHERE client_id = clients.id);
        END IF;
        UPDATE manager_clients SET search = privet_search_text(id) WHERE user_id = NEW.id;
    EXCEPTION WHEN OTHERS THEN
        RAISE WARNING 'Privet has not taken over the change of user %: %', NEW.id, SQLERRM;
    END;
    BEGIN
        IF TG_OP = 'INSERT' OR (OLD.name, OLD.phone, OLD.email, OLD.address)
            IS DISTINCT FROM (NEW.name, NEW.phone, NEW.email, NEW.address)
        THEN
            -- Same format as django-pghistory uses for our own tables. A change by the app has no context.
            INSERT INTO manager_contact_history
                (pgh_created_at, pgh_label, pgh_obj_id, pgh_context, name, phone, email, address)
            VALUES (now(), lower(TG_OP), NEW.id, nullif(current_setting('pghistory.context_metadata', true), '')::jsonb,
                NEW.name, NEW.phone, NEW.email, NEW.address);
        END IF;
    EXCEPTION WHEN OTHERS THEN
        RAISE WARNING 'Privet has not kept the history of user %: %', NEW.id, SQLERRM;
    END;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS privet_user_changed ON users;
CREATE TRIGGER privet_user_changed
AFTER INSERT OR UPDATE OF name, phone, email, address, status, deleted_at ON users
FOR EACH ROW EXECUTE FUNCTION privet_user_changed();
