-- Creation time of a client: that of the account, or now if Python can't represent it
-- (foundation/database/clamped_times.py).
CREATE OR REPLACE FUNCTION privet.privet_appeared(created_at timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN created_at BETWEEN '0001-01-01 00:00Z' AND '9999-12-30 23:59Z' THEN created_at ELSE now() END
$$;

-- Append the contact data of accounts to their history, unless the newest version in it is the same. Same format as
-- django-pghistory uses for our own tables. It runs as the owner, because no other role may insert into a history.
CREATE OR REPLACE FUNCTION privet.record_contact(accounts uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = privet, pg_temp SET row_security = off
SET restrict_nonsystem_relation_kind = 'view,foreign-table' AS $$
BEGIN
    -- Reading a column whose type is not built in may run code of the app, here with the owner's rights. The lock keeps
    -- the app from changing the types between this check and the query.
    LOCK TABLE public.users IN ACCESS SHARE MODE;
    IF EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = 'public.users'::regclass
            AND attname IN ('id', 'name', 'phone', 'email', 'address')
            AND atttypid NOT IN ('uuid'::regtype, 'text'::regtype, 'varchar'::regtype)
    ) OR (SELECT relkind FROM pg_class WHERE oid = 'public.users'::regclass) <> 'r' THEN
        RAISE EXCEPTION 'The table public.users has an unknown form' USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO manager_contact_history
        (pgh_created_at, pgh_label, pgh_obj_id, pgh_context, name, phone, email, address)
    SELECT now(), CASE WHEN last.pgh_obj_id IS NULL THEN 'insert' ELSE 'update' END, account.id,
        nullif(current_setting('pghistory.context_metadata', true), '')::jsonb,
        account.name, account.phone, account.email, account.address
    FROM (
        -- The app's columns have no limit.
        SELECT id, left(name, 2000) AS name, left(phone, 2000) AS phone, left(email, 2000) AS email,
            left(address, 2000) AS address
        FROM public.users WHERE id = ANY (accounts)
    ) account
    LEFT JOIN LATERAL (
        SELECT * FROM manager_contact_history WHERE pgh_obj_id = account.id ORDER BY pgh_id DESC LIMIT 1
    ) last ON true
    WHERE last.pgh_obj_id IS NULL OR (last.name, last.phone, last.email, last.address)
        IS DISTINCT FROM (account.name, account.phone, account.email, account.address);
END $$;

-- Bring our clients up to date with these accounts: add missing clients, delete those of closed accounts that nobody
-- has worked on, correct search texts, append to the history of contact data.
-- concat(status) is the label of the enum: comparing the enum itself could use a cast of the app.
-- A procedure, because django-pghistory sets the context of a change for CALL, but not for SELECT.
CREATE OR REPLACE PROCEDURE privet.sync_users(changed uuid[])
LANGUAGE plpgsql SET search_path = privet, pg_temp AS $$
DECLARE
    -- Before the accounts are read: what the app adds later is a newer change.
    processed constant bigint[] := ARRAY(
        SELECT id FROM privet_inbox.user_changes WHERE user_id = ANY (changed) FOR UPDATE SKIP LOCKED
    );
BEGIN
    INSERT INTO manager_clients (id, user_id, status, search, created_at)
    SELECT gen_random_uuid(), account.id, 'new', '', privet_appeared(account.created_at)
    FROM public.users account
    WHERE account.id = ANY (changed) AND concat(account.status) = 'active' AND account.deleted_at IS NULL
    ORDER BY account.created_at
    ON CONFLICT (user_id) DO NOTHING;
    -- The client returns when the account is reopened.
    DELETE FROM manager_clients client
    USING public.users account
    WHERE client.user_id = ANY (changed) AND account.id = client.user_id
        AND (concat(account.status) <> 'active' OR account.deleted_at IS NOT NULL)
        AND client.status = 'new' AND client.manager_id IS NULL
        AND NOT EXISTS (SELECT FROM manager_client_changes WHERE client_id = client.id)
        AND NOT EXISTS (SELECT FROM manager_support_threads WHERE client_id = client.id);
    -- OFFSET 0, so that each text is computed once.
    UPDATE manager_clients client SET search = computed.text
    FROM (
        SELECT id, privet_search_text(id) AS text FROM manager_clients WHERE user_id = ANY (changed) OFFSET 0
    ) computed
    WHERE client.id = computed.id AND client.search IS DISTINCT FROM computed.text;
    PERFORM record_contact(changed);
    DELETE FROM privet_inbox.user_changes WHERE id = ANY (processed);
END $$;

-- Process up to `batch` changes of the inbox. Returns the number of accounts. Changes of clients that another
-- transaction has locked wait. The history of these changes has no context, because the app made them and not the
-- person whose request drains the inbox.
CREATE OR REPLACE FUNCTION privet.drain_inbox(batch integer) RETURNS integer
LANGUAGE plpgsql SET search_path = privet, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
    context constant text := current_setting('pghistory.context_metadata', true);
    noted uuid[];
    free uuid[];
    single uuid;
BEGIN
    noted := ARRAY(
        SELECT DISTINCT user_id FROM (
            SELECT user_id FROM privet_inbox.user_changes WHERE error IS NULL
            ORDER BY id LIMIT batch FOR UPDATE SKIP LOCKED
        ) change
    );
    IF noted = '{}' THEN
        RETURN 0;
    END IF;
    free := ARRAY(SELECT unnest(noted) EXCEPT SELECT user_id FROM manager_clients WHERE user_id = ANY (noted))
        || ARRAY(SELECT user_id FROM manager_clients WHERE user_id = ANY (noted) FOR NO KEY UPDATE SKIP LOCKED);
    PERFORM set_config('pghistory.context_metadata', '', true);
    BEGIN
        CALL sync_users(free);
    EXCEPTION WHEN OTHERS THEN
        -- Find the accounts that fail, so that the others don't wait for them.
        FOREACH single IN ARRAY free LOOP
            BEGIN
                CALL sync_users(ARRAY[single]);
            EXCEPTION WHEN OTHERS THEN
                UPDATE privet_inbox.user_changes SET error = SQLSTATE WHERE user_id = single;
            END;
        END LOOP;
    END;
    PERFORM set_config('pghistory.context_metadata', context, true);
    RETURN cardinality(free);
END $$;
