-- Statements on payout methods, payouts, and the files in which payouts go to the bank.

-- name: list_owners
-- The addresses of those who decide on money.
SELECT email FROM members JOIN accounts ON accounts.id = account_id
WHERE organisation_id = %(organisation_id)s AND role = 'owner' AND email IS NOT NULL ORDER BY account_id

-- name: list_methods
-- A page of the methods of an organisation that are not removed. There are a few at the most.
SELECT id, organisation_id, kind, country, currency, holder, bank, ending, key_id, account, created_by, created_at,
    usable_from, removed_at
FROM payout_methods WHERE organisation_id = %(organisation_id)s AND removed_at IS NULL AND id < %(before)s
ORDER BY id DESC LIMIT %(limit)s + 1

-- name: insert_method
INSERT INTO payout_methods (id, organisation_id, kind, country, currency, holder, bank, ending, key_id, account,
    created_by, created_at, usable_from)
VALUES (%(id)s, %(organisation_id)s, %(kind)s, %(country)s, %(currency)s, %(holder)s, %(bank)s, %(ending)s, %(key_id)s,
    %(account)s, %(created_by)s, %(created_at)s, %(usable_from)s)

-- name: get_method
-- A method that is not removed.
SELECT id, organisation_id, kind, country, currency, holder, bank, ending, key_id, account, created_by, created_at,
    usable_from, removed_at
FROM payout_methods WHERE organisation_id = %(organisation_id)s AND id = %(id)s AND removed_at IS NULL

-- name: remove_method
UPDATE payout_methods SET removed_at = now(), key_id = NULL, account = NULL
WHERE organisation_id = %(organisation_id)s AND id = %(id)s

-- name: lock_open_payouts_of_method
SELECT id, status FROM payouts
WHERE organisation_id = %(organisation_id)s AND method_id = %(method_id)s AND status IN ('requested', 'approved')
ORDER BY id FOR NO KEY UPDATE

-- name: insert_payout
INSERT INTO payouts (id, organisation_id, method_id, currency, amount, requested_by, requested_at)
VALUES (%(id)s, %(organisation_id)s, %(method_id)s, %(currency)s, %(amount)s, %(requested_by)s, %(requested_at)s)

-- name: get_payout
-- A payout as admins see it. Its service has opened its organisation, or asks if the caller is an admin.
SELECT payouts.id, payouts.organisation_id, method_id, kind, country, holder, bank, ending, payouts.currency, amount,
    payouts.status, requested_by, requested_at, decided_by, decided_at, bank_reference, value_date, reason,
    payouts.version, file_id, organisations.name AS organisation_name, organisations.status AS organisation_status,
    accounts.name AS requested_by_name, payout_methods.created_at AS method_created_at
FROM payouts JOIN payout_methods ON payout_methods.id = method_id
    JOIN organisations ON organisations.id = payouts.organisation_id JOIN accounts ON accounts.id = requested_by
WHERE payouts.id = %(id)s

-- name: lock_payout
-- Whoever decides on a payout locks it first.
SELECT id FROM payouts WHERE id = %(id)s FOR NO KEY UPDATE

-- name: list_payouts
SELECT payouts.id, payouts.organisation_id, method_id, kind, country, holder, bank, ending, payouts.currency, amount,
    status, requested_by, requested_at, decided_by, decided_at, bank_reference, value_date, reason, version
FROM payouts JOIN payout_methods ON payout_methods.id = method_id
WHERE payouts.organisation_id = %(organisation_id)s AND payouts.id < %(before)s
ORDER BY payouts.id DESC LIMIT %(limit)s + 1

-- name: list_payout_requests
-- A page of the payouts of all organisations. PostgreSQL plans the statement for each call, so that a filter without a
-- value vanishes from the plan.
SELECT payouts.id, payouts.organisation_id, method_id, kind, country, holder, bank, ending, payouts.currency, amount,
    payouts.status, requested_by, requested_at, decided_by, decided_at, bank_reference, value_date, reason,
    payouts.version, file_id, organisations.name AS organisation_name, organisations.status AS organisation_status,
    accounts.name AS requested_by_name, payout_methods.created_at AS method_created_at
FROM (
    SELECT payouts.* FROM payouts
    WHERE payouts.id < %(before)s AND (%(status)s::text IS NULL OR status = %(status)s)
    ORDER BY payouts.id DESC LIMIT %(limit)s + 1
) AS payouts JOIN payout_methods ON payout_methods.id = method_id
    JOIN organisations ON organisations.id = payouts.organisation_id JOIN accounts ON accounts.id = requested_by
ORDER BY payouts.id DESC

-- name: set_status
-- What an admin has decided. What the decision does not name stays.
UPDATE payouts SET status = %(status)s, decided_by = %(decided_by)s, decided_at = now(), reason = %(reason)s,
    bank_reference = coalesce(%(bank_reference)s, bank_reference), value_date = coalesce(%(value_date)s, value_date),
    version = version + 1
WHERE id = %(id)s

-- name: has_more_neutral_admin
-- True if another admin has less to do with a payout. Whoever has asked for it has the most to do with it, and then
-- come the members of its organisation. A blocked admin can do nothing, so it counts as none.
WITH admins AS (
    SELECT id, CASE WHEN id = %(requested_by)s THEN 2 WHEN role IS NOT NULL THEN 1 ELSE 0 END AS nearness
    FROM accounts LEFT JOIN members ON account_id = id AND organisation_id = %(organisation_id)s
    WHERE is_admin AND blocked_at IS NULL AND erased_at IS NULL
)
SELECT EXISTS (
    SELECT FROM admins AS own JOIN admins AS other ON other.nearness < own.nearness WHERE own.id = %(account_id)s)

-- name: insert_file
INSERT INTO payout_files (id, format, currency, created_by, created_at)
VALUES (%(id)s, %(format)s, %(currency)s, %(created_by)s, %(created_at)s)

-- name: lock_payouts_to_send
-- The approved payouts that wait for a file, the oldest first. Without countries, accounts of any kind. Of two admins
-- at once, the second waits, and finds those of the first in their file.
SELECT payouts.id FROM payouts JOIN payout_methods ON payout_methods.id = method_id
    JOIN organisations ON organisations.id = payouts.organisation_id
WHERE payouts.status = 'approved' AND file_id IS NULL AND payouts.currency = %(currency)s
    AND organisations.status = 'approved'
    AND (%(countries)s::text[] IS NULL OR kind = 'iban' AND country = ANY(%(countries)s))
ORDER BY payouts.id LIMIT %(most)s FOR NO KEY UPDATE OF payouts

-- name: put_in_file
UPDATE payouts SET file_id = %(file_id)s, version = version + 1 WHERE id = ANY(%(ids)s)

-- name: get_file
SELECT id, format, currency, created_at FROM payout_files WHERE id = %(id)s

-- name: sum_file
SELECT count(*) AS payouts, sum(amount)::bigint AS total FROM payouts WHERE file_id = %(file_id)s

-- name: list_payouts_of_file
-- Those that are not sent yet: what the bank has done is done.
SELECT payouts.id, payouts.organisation_id, organisations.name AS organisation_name, method_id, kind, country, holder,
    bank, key_id, account, payouts.currency, amount, requested_at
FROM payouts JOIN payout_methods ON payout_methods.id = method_id
    JOIN organisations ON organisations.id = payouts.organisation_id
WHERE file_id = %(file_id)s AND payouts.status = 'approved' AND organisations.status = 'approved' ORDER BY payouts.id

-- name: get_method_for_email
SELECT kind, country, currency, holder, bank, ending, usable_from, organisations.name AS organisation_name,
    coalesce(accounts.name, '') AS created_by_name
FROM payout_methods JOIN organisations ON organisations.id = organisation_id
    LEFT JOIN accounts ON accounts.id = created_by
WHERE payout_methods.id = %(id)s AND removed_at IS NULL
