-- The search text of a client. If the app deleted the account, it has only our own data.
-- privet_fold must equal clients.search.fold.
CREATE OR REPLACE FUNCTION privet.privet_fold(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT replace(lower(value), 'ё', 'е')
$$;

CREATE OR REPLACE FUNCTION privet.privet_search_text(client uuid) RETURNS text
LANGUAGE sql STABLE SET search_path = privet, pg_temp AS $$
    SELECT ' ' || privet_fold(concat_ws(' ',
        -- Bounded like the fields of clients.accounts.AppUser: the app accepts megabytes.
        left(users.name, 300), left(users.phone, 100), left(users.email, 300), left(users.address, 1000),
        passport.last_name, passport.first_name, passport.middle_name, passport.registration_address,
        (SELECT string_agg(number, ' ' ORDER BY issued_at) FROM manager_contracts WHERE client_id = clients.id)
    ))
    FROM manager_clients clients
    LEFT JOIN public.users ON users.id = clients.user_id
    LEFT JOIN users_passports passport ON passport.client_id = clients.id
    WHERE clients.id = client
$$;

-- Triggers of our own tables: a change of a passport or a contract updates the search text.
CREATE OR REPLACE FUNCTION privet.privet_refresh_search() RETURNS trigger
LANGUAGE plpgsql SET search_path = privet, pg_temp AS $$
BEGIN
    UPDATE manager_clients SET search = privet_search_text(id) WHERE id = NEW.client_id;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER privet_refresh_search
AFTER INSERT OR UPDATE OF last_name, first_name, middle_name, registration_address ON privet.users_passports
FOR EACH ROW EXECUTE FUNCTION privet.privet_refresh_search();

CREATE OR REPLACE TRIGGER privet_refresh_search AFTER INSERT ON privet.manager_contracts
FOR EACH ROW EXECUTE FUNCTION privet.privet_refresh_search();
