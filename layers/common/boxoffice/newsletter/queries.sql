-- Statements on newsletters: who has subscribed, and the issues. A list is that of an organisation, or the platform's.

-- name: get_list
-- Whose newsletter it is.
SELECT id AS organisation_id, name, contact_email AS contact, postal_address, locale, status = 'approved' AS is_approved
FROM organisations WHERE id = %(organisation_id)s

-- name: insert_subscription
-- Subscribe a mailbox. If it has subscribed before, its consent of then stays, and the address is the one that has
-- confirmed now.
INSERT INTO newsletter_subscriptions AS known (id, organisation_id, email, mailbox, consent_version, locale)
VALUES (%(id)s, %(organisation_id)s, %(email)s, %(mailbox)s, %(consent_version)s, %(locale)s)
ON CONFLICT (list_id, mailbox) DO UPDATE SET email = excluded.email, locale = coalesce(excluded.locale, known.locale)
RETURNING new.id, new.confirmed_at, old.id IS NULL AS is_new

-- name: lock_former_subscription
-- The row of a mailbox that has unsubscribed from a list before.
SELECT id FROM newsletter_subscriptions
WHERE list_id = %(list_id)s AND address_mac = ANY(%(address_macs)s) ORDER BY id LIMIT 1 FOR NO KEY UPDATE

-- name: delete_subscription
-- A row that was made in vain: the mailbox has one.
DELETE FROM newsletter_subscriptions WHERE id = %(id)s

-- name: subscribe_again
-- Whoever has unsubscribed before has confirmed again.
UPDATE newsletter_subscriptions SET email = %(email)s, mailbox = %(mailbox)s, address_mac = NULL,
    consent_version = %(consent_version)s, locale = %(locale)s, confirmed_at = now(), unsubscribed_at = NULL
WHERE id = %(id)s RETURNING id, confirmed_at, false AS is_new

-- name: lock_subscriptions
-- Subscriptions that are to end.
SELECT id, organisation_id, email, consent_version, locale, confirmed_at, unsubscribed_at FROM newsletter_subscriptions
WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE

-- name: suppress_subscriptions
-- End subscriptions, and keep the MAC of each mailbox in place of its address.
UPDATE newsletter_subscriptions
SET email = NULL, mailbox = NULL, address_mac = ended.address_mac, unsubscribed_at = now()
FROM unnest(%(ids)s::uuid[], %(address_macs)s::bytea[]) AS ended (id, address_mac)
WHERE newsletter_subscriptions.id = ended.id AND unsubscribed_at IS NULL

-- name: list_subscribed
-- A page of who has subscribed to a list, newest first.
SELECT id, organisation_id, email, consent_version, locale, confirmed_at, unsubscribed_at FROM newsletter_subscriptions
WHERE list_id = %(list_id)s AND unsubscribed_at IS NULL
    AND (%(before)s::timestamptz IS NULL OR (confirmed_at, id) < (%(before)s, %(before_id)s))
ORDER BY confirmed_at DESC, id DESC LIMIT %(limit)s + 1

-- name: list_unsubscribed
-- A page of who has unsubscribed from a list, newest first.
SELECT id, organisation_id, email, consent_version, locale, confirmed_at, unsubscribed_at FROM newsletter_subscriptions
WHERE list_id = %(list_id)s AND unsubscribed_at IS NOT NULL
    AND (%(before)s::timestamptz IS NULL OR (unsubscribed_at, id) < (%(before)s, %(before_id)s))
ORDER BY unsubscribed_at DESC, id DESC LIMIT %(limit)s + 1

-- name: count_subscribers
-- How many have subscribed to a list, and how many of them nobody writes to any more.
SELECT count(*)::integer AS recipients, count(suppressed_addresses.id)::integer AS suppressed
FROM newsletter_subscriptions LEFT JOIN suppressed_addresses ON address = email AND lifted_at IS NULL
WHERE list_id = %(list_id)s AND unsubscribed_at IS NULL

-- name: insert_issue
INSERT INTO newsletter_issues (id, organisation_id, sent_by, subject, body, expected)
VALUES (%(id)s, %(organisation_id)s, %(sent_by)s, %(subject)s, %(body)s, %(expected)s)

-- name: get_issue
SELECT id, organisation_id, list_id, subject, body, created_at, last_confirmed_at, last_subscription_id, finished_at,
    withdrawn_at, expected, recipients, waiting, sent, bounced, complained, suppressed, failed, unsubscribed
FROM newsletter_issues WHERE id = %(id)s

-- name: list_issues
-- A page of the issues of a list, newest first.
SELECT id, organisation_id, list_id, subject, body, created_at, last_confirmed_at, last_subscription_id, finished_at,
    withdrawn_at, expected, recipients, waiting, sent, bounced, complained, suppressed, failed, unsubscribed
FROM newsletter_issues WHERE list_id = %(list_id)s AND id < %(before)s ORDER BY id DESC LIMIT %(limit)s + 1

-- name: lock_issue
-- An issue that its sender withdraws.
SELECT organisation_id, withdrawn_at FROM newsletter_issues WHERE id = %(id)s FOR NO KEY UPDATE

-- name: set_withdrawn
UPDATE newsletter_issues SET withdrawn_at = now() WHERE id = %(id)s

-- name: list_unfinished
-- The issues whose emails are not all written yet, the oldest first.
SELECT id FROM newsletter_issues
WHERE finished_at IS NULL AND withdrawn_at IS NULL AND id <> ALL(%(leave_out)s) ORDER BY created_at LIMIT 50

-- name: take_issue
-- An issue whose emails are not all written yet, unless another run has it.
SELECT id, organisation_id, list_id, subject, body, created_at, last_confirmed_at, last_subscription_id, finished_at,
    withdrawn_at, expected, recipients, waiting, sent, bounced, complained, suppressed, failed, unsubscribed
FROM newsletter_issues WHERE id = %(id)s AND finished_at IS NULL AND withdrawn_at IS NULL
ORDER BY id FOR NO KEY UPDATE SKIP LOCKED

-- name: list_subscribers
-- The next readers of an issue, in the order in which they have confirmed.
SELECT id, email, locale, confirmed_at FROM newsletter_subscriptions
WHERE list_id = %(list_id)s AND unsubscribed_at IS NULL AND (confirmed_at, id) > (%(after_at)s, %(after)s)
    AND confirmed_at <= %(until)s
ORDER BY confirmed_at, id LIMIT %(limit)s

-- name: set_written
-- The emails to the readers up to this one are written.
UPDATE newsletter_issues SET last_confirmed_at = %(last_confirmed_at)s,
    last_subscription_id = %(last_subscription_id)s, recipients = recipients + %(new)s, tally_at = now()
WHERE id = %(id)s

-- name: set_finished
UPDATE newsletter_issues SET finished_at = now() WHERE id = %(id)s

-- name: list_to_tally
-- The issues whose emails are to be counted again.
SELECT id FROM newsletter_issues WHERE tally_at <= now() AND id <> ALL(%(leave_out)s) ORDER BY tally_at LIMIT 50

-- name: set_tally
-- Count the emails of an issue and who has unsubscribed since, and say when to count them again: after a minute at
-- first, then less often.
UPDATE newsletter_issues AS issue SET waiting = tally.waiting, sent = tally.sent, bounced = tally.bounced,
    complained = tally.complained, suppressed = tally.suppressed, failed = tally.failed, unsubscribed = (
        SELECT count(*) FROM newsletter_subscriptions
        WHERE newsletter_subscriptions.list_id = issue.list_id AND unsubscribed_at >= issue.created_at
    ),
    tally_at = CASE WHEN created_at > now() - interval '6 days'
        THEN now() + greatest(interval '1 minute', (now() - created_at) / 10) END
FROM tally_of_mailing(%(id)s) AS tally WHERE id = %(id)s

-- name: is_subscribed
-- A row if somebody still has a subscription to a list.
SELECT true FROM newsletter_subscriptions
WHERE id = %(id)s AND list_id = %(list_id)s AND unsubscribed_at IS NULL
