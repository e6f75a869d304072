-- What every trap of neighbour/hostile.py needs. Run by the app's role, which owns all of it.

-- Who ran a trap's code, and which attempts succeeded. A rolled back transaction takes its rows along.
CREATE TABLE public.trap_log (
    id bigint GENERATED ALWAYS AS IDENTITY,
    trap text NOT NULL,
    role text NOT NULL DEFAULT current_user,
    session_role text NOT NULL DEFAULT session_user,
    succeeded text[] NOT NULL
);
GRANT SELECT, INSERT ON public.trap_log TO PUBLIC;

-- Counts runs by other roles than the app's. A sequence does not return to an earlier value.
CREATE SEQUENCE public.trap_runs_by_others;
GRANT USAGE ON SEQUENCE public.trap_runs_by_others TO PUBLIC;

-- What a trap tries. Rights are checked although no row is affected.
CREATE TABLE public.trap_attempts (name text PRIMARY KEY, statement text NOT NULL);
GRANT SELECT ON public.trap_attempts TO PUBLIC;
INSERT INTO public.trap_attempts
SELECT format('%s %s', command, oid::regclass), CASE command
    WHEN 'SELECT' THEN format('SELECT count(*) FROM %s', oid::regclass)
    WHEN 'INSERT' THEN format('INSERT INTO %1$s SELECT * FROM %1$s WHERE false', oid::regclass)
    WHEN 'UPDATE' THEN format('UPDATE %s SET %2$I = %2$I WHERE false', oid::regclass, (
        SELECT attname FROM pg_attribute WHERE attrelid = oid AND attnum > 0 AND attidentity = '' AND attgenerated = ''
        ORDER BY attnum DESC LIMIT 1))
    ELSE format('DELETE FROM %s WHERE false', oid::regclass) END
FROM pg_class, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) command
WHERE relkind IN ('r', 'p') AND relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname = 'privet');
INSERT INTO public.trap_attempts VALUES
    ('create in privet', 'CREATE TABLE privet.trap ()'),
    ('become superuser', format('ALTER ROLE %I SUPERUSER', current_user)),
    ('use privet', format('GRANT USAGE ON SCHEMA privet TO %I', current_user)),
    ('own privet', format('ALTER SCHEMA privet OWNER TO %I', current_user));

-- Logs the caller and tries everything, once for each role and trap. Always true.
CREATE FUNCTION public.run_trap(name text) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    attempt record;
    succeeded text[] := '{}';
BEGIN
    IF current_setting('traps.busy', true) = 'on'
        OR EXISTS (SELECT FROM public.trap_log WHERE trap = name AND role = current_user) THEN
        RETURN true;
    END IF;
    PERFORM set_config('traps.busy', 'on', true);
    IF NOT EXISTS (SELECT FROM pg_class WHERE oid = 'public.trap_log'::regclass AND relowner = current_user::regrole) THEN
        PERFORM nextval('public.trap_runs_by_others');
        FOR attempt IN SELECT * FROM public.trap_attempts LOOP
            BEGIN
                EXECUTE attempt.statement;
                succeeded := succeeded || attempt.name;
            EXCEPTION WHEN OTHERS THEN NULL;
            END;
        END LOOP;
    END IF;
    INSERT INTO public.trap_log (trap, succeeded) VALUES (name, succeeded);
    PERFORM set_config('traps.busy', 'off', true);
    RETURN true;
EXCEPTION WHEN OTHERS THEN
    PERFORM set_config('traps.busy', 'off', true);
    RETURN true;
END $$;

-- For places that accept only immutable functions.
CREATE FUNCTION public.run_trap(name text, value text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.run_trap(name);
    RETURN value;
END $$;

CREATE FUNCTION public.run_trap_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.run_trap(TG_ARGV[0]);
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;

-- A view in `target` under the name of each of Privet's tables that has no such relation yet. Reading or writing it
-- runs the trap. The catalogs tell every role the names and columns.
CREATE FUNCTION public.set_decoys(target text, trap text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    decoy record;
BEGIN
    FOR decoy IN
        SELECT DISTINCT ON (relname) relname, string_agg(format('NULL::%s AS %I', CASE typnamespace WHEN 'pg_catalog'::regnamespace
            THEN format_type(atttypid, atttypmod) ELSE 'text' END, attname), ', ' ORDER BY attnum) AS columns
        FROM pg_class
        JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
        JOIN pg_type ON pg_type.oid = atttypid
        JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE relkind IN ('r', 'p') AND (nspname ~ '^privet' OR nspname = 'public' AND relowner <> current_user::regrole)
            AND NOT EXISTS (SELECT FROM pg_class other WHERE other.relname = pg_class.relname
                AND other.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = target))
        GROUP BY relname, nspname ORDER BY relname, nspname
    LOOP
        EXECUTE format('CREATE VIEW %I.%I AS SELECT %s WHERE NOT public.run_trap(%L)',
            target, decoy.relname, decoy.columns, trap);
        EXECUTE format('CREATE TRIGGER trap INSTEAD OF INSERT OR UPDATE OR DELETE ON %I.%I FOR EACH ROW'
            ' EXECUTE FUNCTION public.run_trap_row(%L)', target, decoy.relname, trap);
        EXECUTE format('GRANT ALL ON %I.%I TO PUBLIC', target, decoy.relname);
    END LOOP;
END $$;
