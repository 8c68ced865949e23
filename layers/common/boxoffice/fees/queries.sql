-- Statements on the terms of the platform's fee. Orders read those that hold with their sale terms.

-- name: list_terms
-- The terms that hold for an organisation, by currency: its own, or else those of the nil organisation.
SELECT DISTINCT ON (currency) currency, basis_points, fixed, minimum, maximum, return_on_refund,
    organisation_id = %(organisation_id)s AS is_own, created_at AS since
FROM fee_terms
WHERE organisation_id IN (%(organisation_id)s, '00000000-0000-0000-0000-000000000000') AND replaced_at IS NULL
ORDER BY currency, organisation_id DESC

-- name: get_version
-- It grows with each change of an organisation's own terms.
SELECT 1 + count(*) + count(replaced_at) FROM fee_terms WHERE organisation_id = %(organisation_id)s

-- name: end_terms
-- End the terms of an organisation that differ from those that are to hold. The caller has locked whose terms they are.
UPDATE fee_terms SET replaced_at = clock_timestamp()
WHERE organisation_id = %(organisation_id)s AND replaced_at IS NULL AND NOT EXISTS (
    SELECT FROM unnest(%(currencies)s::text[], %(basis_points)s::integer[], %(fixed)s::bigint[], %(minimums)s::bigint[],
        %(maximums)s::bigint[], %(return_on_refund)s::boolean[])
        AS wanted (currency, basis_points, fixed, minimum, maximum, return_on_refund)
    WHERE (wanted.currency, wanted.basis_points, wanted.fixed, wanted.minimum, wanted.maximum, wanted.return_on_refund)
        IS NOT DISTINCT FROM (fee_terms.currency, fee_terms.basis_points, fee_terms.fixed, fee_terms.minimum,
        fee_terms.maximum, fee_terms.return_on_refund))

-- name: insert_terms
-- Insert the terms that are to hold, but for those that hold already.
INSERT INTO fee_terms (id, organisation_id, currency, basis_points, fixed, minimum, maximum, return_on_refund)
SELECT uuidv7(), %(organisation_id)s, currency, basis_points, fixed, minimum, maximum, return_on_refund
FROM unnest(%(currencies)s::text[], %(basis_points)s::integer[], %(fixed)s::bigint[], %(minimums)s::bigint[],
    %(maximums)s::bigint[], %(return_on_refund)s::boolean[])
    AS wanted (currency, basis_points, fixed, minimum, maximum, return_on_refund)
WHERE NOT EXISTS (
    SELECT FROM fee_terms AS held
    WHERE organisation_id = %(organisation_id)s AND held.currency = wanted.currency AND replaced_at IS NULL)
