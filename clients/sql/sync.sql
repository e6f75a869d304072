-- Create missing clients of active accounts, correct wrong search texts, add missing history, and let
-- changes that failed be processed again. Idempotent.
INSERT INTO manager_clients (id, user_id, status, search, created_at)
SELECT gen_random_uuid(), account.id, 'new', '', privet_appeared(account.created_at)
FROM public.users account
WHERE concat(account.status) = 'active' AND account.deleted_at IS NULL
ON CONFLICT (user_id) DO NOTHING;

UPDATE manager_clients
SET search = privet_search_text(id)
WHERE search IS DISTINCT FROM privet_search_text(id);

SELECT record_contact(ARRAY(SELECT id FROM public.users));

UPDATE privet_inbox.user_changes SET error = NULL WHERE error IS NOT NULL
