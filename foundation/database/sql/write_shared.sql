-- Every write to a table of «Привет Супер» goes through this function. The app owns these tables, so its triggers,
-- defaults and constraints run during our write. They run as the bridge, the role that owns this function and may only
-- read and write these tables, and not as the role of our pages (docs/security.md).
--
-- action: insert, update or delete; target: a table of the schema public with a primary key `id`; ids: the rows to
-- update or delete; new_values: the columns to write, as a JSON object. The database casts the values to the columns'
-- types. Returns the number of rows.
CREATE OR REPLACE FUNCTION privet.write_shared(action text, target text, ids uuid[], new_values jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
SET restrict_nonsystem_relation_kind = 'view,foreign-table' AS $$
DECLARE
    -- What code of the app could leave in our session: settings, prepared statements and cursors. Statements of ours
    -- that run later would use them.
    session_state constant text := $state$
        SELECT concat_ws('|',
            (SELECT string_agg(name || '=' || setting, '|' ORDER BY name) FROM pg_settings WHERE source = 'session'),
            current_setting('pghistory.context_id', true), current_setting('pghistory.context_metadata', true),
            current_setting('pgtrigger.ignore', true),
            (SELECT string_agg(name || '=' || statement, '|' ORDER BY name) FROM pg_prepared_statements),
            (SELECT string_agg(name || '=' || statement, '|' ORDER BY name) FROM pg_cursors WHERE name !~ '^<unnamed'))
    $state$;
    columns constant text := (SELECT string_agg(quote_ident(key), ', ') FROM jsonb_object_keys(new_values) key);
    state_before text;
    state_after text;
    written bigint;
BEGIN
    EXECUTE session_state INTO state_before;
    CASE action
        WHEN 'insert' THEN
            EXECUTE format('INSERT INTO public.%1$I (%2$s)'
                ' SELECT %2$s FROM jsonb_populate_record(NULL::public.%1$I, $1)', target, columns) USING new_values;
        WHEN 'update' THEN
            EXECUTE format('UPDATE public.%1$I SET (%2$s) ='
                ' (SELECT %2$s FROM jsonb_populate_record(NULL::public.%1$I, $1)) WHERE id = ANY ($2)', target, columns)
                USING new_values, ids;
        WHEN 'delete' THEN
            EXECUTE format('DELETE FROM public.%I WHERE id = ANY ($1)', target) USING ids;
    END CASE;
    GET DIAGNOSTICS written = ROW_COUNT;
    -- A deferred trigger would run at the commit; before PostgreSQL 18 with the rights of our pages.
    SET CONSTRAINTS ALL IMMEDIATE;
    EXECUTE session_state INTO state_after;
    IF state_after IS DISTINCT FROM state_before THEN
        RAISE EXCEPTION 'Code on the table public.% changed the session', target
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN written;
END $$;
