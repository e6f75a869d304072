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
    -- What code of the app could leave in our session: settings, prepared statements and cursors, which later statements
    -- of ours would use. Settings that change what these mean, do or record: reading all of pg_settings takes
    -- milliseconds.
    settings constant text[] := ARRAY[
        'search_path', 'row_security', 'restrict_nonsystem_relation_kind', 'pgtrigger.ignore', 'pghistory.context_id',
        'pghistory.context_metadata', 'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout',
        'transaction_timeout', 'synchronous_commit', 'default_transaction_isolation', 'default_transaction_read_only',
        'default_transaction_deferrable', 'transaction_read_only', 'client_encoding', 'standard_conforming_strings',
        'backslash_quote', 'escape_string_warning', 'quote_all_identifiers', 'transform_null_equals', 'array_nulls',
        'bytea_output', 'xmloption', 'xmlbinary', 'TimeZone', 'timezone_abbreviations', 'DateStyle', 'IntervalStyle',
        'extra_float_digits', 'lc_messages', 'lc_monetary', 'lc_numeric', 'lc_time', 'default_text_search_config',
        'gin_fuzzy_search_limit', 'check_function_bodies', 'default_tablespace', 'temp_tablespaces',
        'default_table_access_method', 'plan_cache_mode', 'local_preload_libraries', 'application_name'
    ];
    session_state constant text := $state$
        SELECT concat_ws('|',
            (SELECT string_agg(concat(current_setting(name, true)), '|') FROM unnest($1) name),
            (SELECT string_agg(name || '=' || statement, '|' ORDER BY name) FROM pg_prepared_statements),
            (SELECT string_agg(name || '=' || statement, '|' ORDER BY name) FROM pg_cursors WHERE name !~ '^<unnamed'))
    $state$;
    columns constant text := (SELECT string_agg(quote_ident(key), ', ') FROM jsonb_object_keys(new_values) key);
    state_before text;
    state_after text;
    written bigint;
BEGIN
    EXECUTE session_state INTO state_before USING settings;
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
    EXECUTE session_state INTO state_after USING settings;
    IF state_after IS DISTINCT FROM state_before THEN
        RAISE EXCEPTION 'Code on the table public.% changed the session', target
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN written;
END $$;
