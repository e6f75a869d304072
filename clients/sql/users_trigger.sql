-- The one trigger on a table of the client's app. Whatever goes wrong in it is a warning: a sign-up must not fail.
-- It runs with our rights, because the app's database role may have none on our tables.
CREATE OR REPLACE FUNCTION privet_user_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public SET lock_timeout = '1s' AS $$
BEGIN
    BEGIN
        IF NEW.status::text = 'active' AND NEW.deleted_at IS NULL THEN
            INSERT INTO manager_clients (id, user_id, status, search, created_at)
            VALUES (gen_random_uuid(), NEW.id, 'new', '', NEW.created_at)
            ON CONFLICT (user_id) DO NOTHING;
        ELSE
            -- Nobody has worked on it yet: an account that is closed leaves the pool, and returns when opened again.
            DELETE FROM manager_clients WHERE user_id = NEW.id AND status = 'new' AND manager_id IS NULL;
        END IF;
        UPDATE manager_clients SET search = privet_search_text(id) WHERE user_id = NEW.id;
    EXCEPTION WHEN OTHERS THEN
        RAISE WARNING 'Privet has not taken over the change of user %: %', NEW.id, SQLERRM;
    END;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS privet_user_changed ON users;
CREATE TRIGGER privet_user_changed
AFTER INSERT OR UPDATE OF name, phone, email, address, status, deleted_at ON users
FOR EACH ROW EXECUTE FUNCTION privet_user_changed();
