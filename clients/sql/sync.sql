-- Create missing clients of active accounts and correct wrong search texts. Idempotent.
INSERT INTO manager_clients (id, user_id, status, search, created_at)
SELECT gen_random_uuid(), users.id, 'new', '', privet_appeared(users.created_at)
FROM users
WHERE users.status::text = 'active' AND users.deleted_at IS NULL
ON CONFLICT (user_id) DO NOTHING;

UPDATE manager_clients
SET search = privet_search_text(id)
WHERE search IS DISTINCT FROM privet_search_text(id)
