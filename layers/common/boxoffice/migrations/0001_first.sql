-- The schema as it stands, for reading. The migrations make it; a test keeps the two equal.
--
-- Two habits to know. Money is an integer in the currency's minor unit. And orders, order items and tickets have no
-- foreign key to an organisation, an event or a ticket type. Thousands of buyers insert them at once, and to check the
-- key, PostgreSQL would lock one row for every sale. Instead, no row of those three tables is ever
-- deleted.

-- ----------------------------------------------------------------------------------------------------- values

-- Domains check what a purchase writes. PostgreSQL parses the checks of a table anew for every statement, but those of
-- a domain once a connection.
CREATE DOMAIN money_amount AS bigint CHECK (VALUE >= 0);
CREATE DOMAIN ticket_count AS integer CHECK (VALUE >= 0);
CREATE DOMAIN ticket_quantity AS integer CHECK (VALUE > 0);
CREATE DOMAIN language_tag AS text CHECK (VALUE ~ '^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,7}$');
-- Our code knows the time zones of a library, which may be newer than those of PostgreSQL. One that PostgreSQL does not
-- know would end each statement that counts by the days of all venues.
CREATE FUNCTION is_time_zone(name text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    RETURN (timestamptz 'epoch' AT TIME ZONE name) IS NOT NULL;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN false;
END
$$;
CREATE DOMAIN time_zone AS text CONSTRAINT time_zone_check CHECK (is_time_zone(VALUE));
CREATE DOMAIN order_status AS text CHECK (
    VALUE IN ('pending', 'paid', 'cancelled', 'expired', 'partially_refunded', 'refunded'));
CREATE DOMAIN scan_outcome AS text CHECK (
    VALUE IN ('admitted', 'already_scanned', 'wrong_event', 'wrong_gate', 'not_yet', 'event_over', 'event_cancelled',
        'refunded', 'disputed', 'transferred', 'withdrawn', 'forged', 'undone'));

-- The mailbox that an address leads to, as in boxoffice/mailboxes.py: what follows a + only sorts mail, and Gmail
-- reads over dots.
CREATE FUNCTION mailbox_of(email text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    CASE WHEN split_part(email, '@', -1) IN ('gmail.com', 'googlemail.com')
        THEN replace(coalesce(nullif(split_part(split_part(email, '@', 1), '+', 1), ''), split_part(email, '@', 1)),
            '.', '') || '@gmail.com'
        ELSE coalesce(nullif(split_part(split_part(email, '@', 1), '+', 1), ''), split_part(email, '@', 1))
            || '@' || split_part(email, '@', -1) END;

-- A quantity that was taken from a pool, and the one row of stock that carries it as held or sold.
CREATE TYPE draw AS (pool_id uuid, row_no smallint, quantity integer);

-- A QR that a ticket had before it was reissued with another key. It admits until its own key is withdrawn.
CREATE TYPE replaced_qr AS (key_id smallint, transfer_count smallint, qr_hash bytea);

-- Refuses a change, and says why: the argument of its trigger.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0];
END $$;

-- ------------------------------------------------------------------------------------------------------ search

-- A text as a search compares it: in small letters, without accents, and with each run of punctuation as a hyphen. The
-- letters and digits of Persian and Arabic have one spelling. Vowel signs stay in scripts whose words differ by them.
CREATE FUNCTION folded(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN regexp_replace(normalize(replace(replace(translate(regexp_replace(
        normalize(casefold(normalize($1, NFKD) COLLATE pg_unicode_fast), NFKD),
        '[\u0300-\u036f\u0591-\u05c7\u0640\u064b-\u065f\u0670\ufe00-\ufe0f]', '', 'g'),
    'øłđħıيىكةە٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹', 'oldhiییکهه01234567890123456789'),
    'æ', 'ae'), 'œ', 'oe'), NFKC),
    '[\u0001-\u0008\u000e-\u001f\u0021-\u002f\u003a-\u003f\u005b-\u0060\u007b-\u00bf\u060c\u061b\u061f\u200b-\u2027'
    '\u202a-\u206f\u3001-\u303f\u30fb\ufeff]+', '-', 'g');

-- The words of a text in order. Scripts without spaces between words get a word from each character, so that a search
-- finds 東京 within a longer word. The words have none of the signs that tsvector and tsquery read as their own.
CREATE FUNCTION search_words(text) RETURNS TABLE (word text, word_no bigint)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT left(part, 64), row_number() OVER (ORDER BY part_no)
    FROM regexp_split_to_table(regexp_replace(
            folded(translate($1, U&'\00AD\200B\200C\200D\2060\FEFF', '')),
            '([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff'
            '\U00020000-\U0003ffff])', ' \1 ', 'g'),
        '[\s@-]+') WITH ORDINALITY AS parts (part, part_no)
    WHERE part <> '';
END;

-- What a search of a text reads. PostgreSQL's own parser would tell letters by the locale of the database.
CREATE FUNCTION search_vector_of(text) RETURNS tsvector LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(string_agg(word || ':' || least(word_no, 16383), ' '), '')::tsvector FROM search_words($1);
END;

-- What a person looks for: words, of which each may be the beginning of one, "several in order", and -not this one. It
-- is null if there is nothing to find. One or two letters are a whole word: too many words begin with them.
CREATE FUNCTION search_query(text) RETURNS tsquery LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT string_agg(CASE WHEN term[1] = '' THEN '(' ELSE '!(' END || phrase || ')', ' & ')::tsquery
    FROM regexp_matches($1, '(-?)(?:"([^"]*)"?|(\S+))', 'g') AS term CROSS JOIN LATERAL (
        SELECT string_agg(word || CASE
            WHEN word_no = words AND term[1] = '' AND term[2] IS NULL AND octet_length(word) > 2 THEN ':*' ELSE ''
        END, ' <-> ' ORDER BY word_no)
        FROM (
            SELECT word, word_no, count(*) OVER () AS words FROM search_words(coalesce(term[2], term[3]))
        ) AS counted
    ) AS phrases (phrase)
    WHERE phrase IS NOT NULL HAVING bool_or(term[1] = '');
END;

-- ---------------------------------------------------------------------------------------------------- accounts

-- An account has an email address, a verified phone, or both; one whose owner was erased has neither. A phone that is
-- not verified is only contact: many accounts may name it, and nobody logs in with it. Somebody else may prove a phone
-- that its account has not proved for long. The account lost it then, and may have neither.
CREATE TABLE accounts (
    id                   uuid PRIMARY KEY,
    email                text CONSTRAINT accounts_email_key UNIQUE CHECK (email = lower(email)),
    email_verified_at    timestamptz,
    name                 text NOT NULL,
    phone                text,
    phone_verified_at    timestamptz,
    phone_lost_at        timestamptz,
    password_hash        text,
    is_admin             boolean NOT NULL DEFAULT false,
    second_factor_since  timestamptz,
    blocked_at           timestamptz,
    block_reason         text,
    locale               language_tag,
    must_change_password boolean NOT NULL DEFAULT false,
    erased_at            timestamptz,
    version              integer NOT NULL DEFAULT 1,
    created_at           timestamptz NOT NULL DEFAULT now(),
    search_vector        tsvector NOT NULL GENERATED ALWAYS AS (search_vector_of(name)) STORED,
    CONSTRAINT accounts_can_be_reached CHECK (
        email IS NOT NULL OR (phone IS NOT NULL AND phone_verified_at IS NOT NULL) OR phone_lost_at IS NOT NULL
        OR erased_at IS NOT NULL),
    CONSTRAINT accounts_block_reason CHECK (blocked_at IS NOT NULL OR block_reason IS NULL),
    CONSTRAINT accounts_email_verified CHECK (email IS NOT NULL OR email_verified_at IS NULL),
    CONSTRAINT accounts_phone_verified CHECK (phone IS NOT NULL OR phone_verified_at IS NULL)
);
-- Admins search accounts by the beginning of the address and of words of the name, and by what they are.
CREATE INDEX accounts_email_prefix ON accounts (email text_pattern_ops);
CREATE INDEX accounts_by_search ON accounts USING gin (search_vector);
CREATE INDEX accounts_admins ON accounts (id) WHERE is_admin;
CREATE INDEX accounts_blocked ON accounts (id) WHERE blocked_at IS NOT NULL;
CREATE INDEX accounts_erased ON accounts (id) WHERE erased_at IS NOT NULL;
CREATE INDEX accounts_unverified ON accounts (id) WHERE email_verified_at IS NULL AND phone_verified_at IS NULL;

-- The last admin stays. Of two transactions that take the role from the last two, the second waits here. Then it sees
-- what the first has done.
CREATE FUNCTION keep_an_admin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('admins'));
    IF NOT EXISTS (SELECT FROM accounts WHERE is_admin AND blocked_at IS NULL AND erased_at IS NULL) THEN
        RAISE EXCEPTION 'the last admin stays'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'accounts_keep_an_admin';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER accounts_keep_an_admin AFTER UPDATE ON accounts FOR EACH ROW
    WHEN (OLD.is_admin AND OLD.blocked_at IS NULL AND OLD.erased_at IS NULL
        AND NOT (NEW.is_admin AND NEW.blocked_at IS NULL AND NEW.erased_at IS NULL))
    EXECUTE FUNCTION keep_an_admin();

CREATE UNIQUE INDEX accounts_phone_key ON accounts (phone) WHERE phone_verified_at IS NOT NULL;

-- A session is a row of refresh tokens: each is exchanged once for the next. If one is used again, the session ends.
CREATE TABLE sessions (
    id           uuid PRIMARY KEY,
    account_id   uuid NOT NULL REFERENCES accounts,
    device_name  text,
    user_agent   text NOT NULL DEFAULT '',
    address      text NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now(),
    revoked_at   timestamptz
);
CREATE INDEX sessions_account_id ON sessions (account_id);

CREATE TABLE refresh_tokens (
    token_hash bytea PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES sessions,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX refresh_tokens_session_id ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_expires_at ON refresh_tokens (expires_at);

-- The secret of an app that makes codes (TOTP), encrypted, and the hashes of the recovery codes. It counts since
-- accounts.second_factor_since; until then a code has to confirm it. No code of last_step or before is taken any more.
CREATE TABLE second_factors (
    account_id      uuid PRIMARY KEY REFERENCES accounts,
    key_id          integer NOT NULL,
    secret          bytea NOT NULL,
    last_step       bigint NOT NULL DEFAULT 0,
    recovery_hashes bytea[] NOT NULL DEFAULT '{}',
    started_at      timestamptz NOT NULL DEFAULT now()
);

-- Who an account is at Google. The subject stays when the address there changes. An account has one Google account.
CREATE TABLE google_identities (
    issuer     text NOT NULL,
    subject    text NOT NULL,
    account_id uuid NOT NULL REFERENCES accounts,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject),
    UNIQUE (account_id, issuer)
);

-- Codes that were sent to phones. Of those that a network has asked for to a number, the newest counts, until it is
-- over, or one of the number is used. That network has five tries of it, and so have all others together. The code
-- itself stands nowhere: it is derived from the id, under the key key_id of the ring. The prefix is the beginning of
-- the number. If few codes of a prefix are used, the next ones are slowed.
CREATE TABLE phone_codes (
    id              uuid PRIMARY KEY,
    phone           text NOT NULL,
    prefix          text NOT NULL,
    network         text NOT NULL,
    key_id          smallint NOT NULL,
    tries           smallint NOT NULL DEFAULT 0,
    tries_elsewhere smallint NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz NOT NULL,
    used_at         timestamptz,
    CONSTRAINT phone_codes_tries CHECK (tries BETWEEN 0 AND 5),
    CONSTRAINT phone_codes_tries_elsewhere CHECK (tries_elsewhere BETWEEN 0 AND 5),
    CONSTRAINT phone_codes_used CHECK (used_at IS NULL OR tries + tries_elsewhere > 0)
);
CREATE INDEX phone_codes_by_phone ON phone_codes (phone, created_at, id);
CREATE INDEX phone_codes_by_prefix ON phone_codes (prefix, expires_at) INCLUDE (used_at);
CREATE INDEX phone_codes_created_at ON phone_codes USING brin (created_at);

-- What a token is good for that works once. The token is derived from the id, so the row alone opens nothing. It may
-- belong to an account or to an order.
CREATE TABLE one_time_tokens (
    id         uuid PRIMARY KEY,
    purpose    text NOT NULL,
    account_id uuid REFERENCES accounts,
    order_id   uuid,
    payload    jsonb NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX one_time_tokens_account_id ON one_time_tokens (account_id, purpose) WHERE account_id IS NOT NULL;
CREATE INDEX one_time_tokens_order_id ON one_time_tokens (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX one_time_tokens_reserved_emails ON one_time_tokens ((payload ->> 'email'))
    WHERE purpose = 'undo email change';
CREATE INDEX one_time_tokens_expires_at ON one_time_tokens (expires_at);

-- True if another account than the taker may take an address back, so that the taker must not have it.
CREATE FUNCTION is_reserved_email(wanted text, taker uuid) RETURNS boolean LANGUAGE sql STABLE
    RETURN EXISTS (
        SELECT FROM one_time_tokens
        WHERE purpose = 'undo email change' AND payload ->> 'email' = wanted AND account_id <> taker
            AND expires_at > now());

CREATE TABLE rate_limits (
    bucket          text PRIMARY KEY,
    attempts        integer NOT NULL,
    resets_at       timestamptz NOT NULL,
    last_attempt_at timestamptz NOT NULL DEFAULT now()
);

-- ------------------------------------------------------------------------------------------------ organisations

-- The slug names an organisation in URLs. Until the next decision, status_reason says why an admin decided so.
CREATE TABLE organisations (
    id            uuid PRIMARY KEY,
    name          text NOT NULL,
    slug          text NOT NULL CONSTRAINT organisations_slug_key UNIQUE CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    status        text NOT NULL CHECK (status IN ('pending', 'approved', 'rejected', 'suspended')),
    status_reason text,
    logo_url      text,
    logo_id       uuid,
    description   text NOT NULL DEFAULT '',
    website       text,
    contact_email text,
    contact_phone text,
    postal_address text,
    terms         text NOT NULL DEFAULT '',
    locale        language_tag,
    version       integer NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL DEFAULT now(),
    search_vector tsvector NOT NULL GENERATED ALWAYS AS (search_vector_of(name || ' ' || slug)) STORED,
    CONSTRAINT organisations_reason CHECK (status_reason IS NOT NULL OR status IN ('pending', 'approved'))
);
CREATE INDEX organisations_by_status ON organisations (status, id);
CREATE INDEX organisations_by_logo ON organisations (logo_id) WHERE logo_id IS NOT NULL;
CREATE INDEX organisations_by_search ON organisations USING gin (search_vector);
-- Lists of events leave out those of these organisations, which are few.
CREATE INDEX organisations_not_selling ON organisations (id) WHERE status <> 'approved';

-- What a manager uploads to show it. It is pending until a worker has looked at what came. Then it is ready, with the
-- picture that was made of it (media/models.py, Picture), or refused. From due_at on a job looks at it again. A picture
-- that something shows has no due_at. One that nothing shows is removed: its files first, then its row.
CREATE TABLE uploads (
    id              uuid PRIMARY KEY,
    organisation_id uuid NOT NULL REFERENCES organisations,
    storage         text NOT NULL CHECK (storage IN ('s3', 'cloudinary')),
    status          text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'ready', 'refused', 'removing')),
    size            integer NOT NULL CHECK (size > 0),
    tries           smallint NOT NULL DEFAULT 0,
    refusal         text,
    picture         jsonb,
    created_by      uuid NOT NULL,
    created_at      timestamptz NOT NULL,
    due_at          timestamptz,
    CONSTRAINT uploads_ready_with_picture CHECK (status <> 'ready' OR picture IS NOT NULL),
    CONSTRAINT uploads_refused_with_reason CHECK (status <> 'refused' OR refusal IS NOT NULL),
    CONSTRAINT uploads_picture_or_refusal CHECK (picture IS NULL OR refusal IS NULL),
    CONSTRAINT uploads_due_unless_shown CHECK (due_at IS NOT NULL OR status = 'ready')
);
CREATE INDEX uploads_due ON uploads (due_at) WHERE due_at IS NOT NULL;
ALTER TABLE organisations ADD CONSTRAINT organisations_logo_id_fkey FOREIGN KEY (logo_id) REFERENCES uploads;

CREATE TABLE members (
    organisation_id uuid NOT NULL REFERENCES organisations,
    account_id      uuid NOT NULL REFERENCES accounts,
    role            text NOT NULL CHECK (role IN ('scanner', 'manager', 'owner')),
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organisation_id, account_id)
);
CREATE INDEX members_account_id ON members (account_id);

-- True if an account belongs to an organisation, or is an admin, who acts as a manager of each.
CREATE FUNCTION works_for(account uuid, organisation uuid) RETURNS boolean LANGUAGE sql STABLE
    RETURN EXISTS (SELECT FROM members WHERE account_id = account AND organisation_id = organisation)
        OR EXISTS (SELECT FROM accounts WHERE id = account AND is_admin);

-- Somebody is invited to become a member, by an email whose link works once (one_time_tokens). An address has one
-- invitation of an organisation: the next one replaces it. Whoever accepts it has to have this address.
CREATE TABLE invitations (
    id              uuid PRIMARY KEY,
    organisation_id uuid NOT NULL REFERENCES organisations,
    email           text NOT NULL CHECK (email = lower(email)),
    role            text NOT NULL CHECK (role IN ('scanner', 'manager', 'owner')),
    invited_by      uuid NOT NULL REFERENCES accounts,
    expires_at      timestamptz NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT invitations_one_an_address UNIQUE (organisation_id, email)
);
CREATE INDEX invitations_by_organisation ON invitations (organisation_id, id);
CREATE INDEX invitations_expiry ON invitations (expires_at);

-- --------------------------------------------------------------------------------------------- keys and door passes

-- An API key lets a program act for its organisation, as far as its scopes go. Only its SHA-256 is stored.
CREATE TABLE api_keys (
    id              uuid PRIMARY KEY,
    organisation_id uuid NOT NULL REFERENCES organisations,
    name            text NOT NULL,
    scopes          text[] NOT NULL CHECK (cardinality(scopes) > 0),
    key_hash        bytea NOT NULL CONSTRAINT api_keys_hash_key UNIQUE,
    ending          text NOT NULL,
    created_by      uuid NOT NULL,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    last_used_at    timestamptz,
    revoked_at      timestamptz,
    CONSTRAINT api_keys_expire CHECK (expires_at > created_at)
);
CREATE INDEX api_keys_by_organisation ON api_keys (organisation_id, id);

-- Row-level security: the functions see keys of the organisation that their transaction names, and no others. The owner
-- of the table sees all, and so do the functions below that run with its rights.
CREATE FUNCTION shown_organisation() RETURNS uuid LANGUAGE sql STABLE
    RETURN nullif(current_setting('boxoffice.organisation', true), '')::uuid;
ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY api_keys_of_organisation ON api_keys USING (organisation_id = shown_organisation());

-- Returns the live key with this hash, and notes its use. That is at most once a minute, and never waits for a lock.
CREATE FUNCTION use_api_key(presented_hash bytea)
RETURNS TABLE (id uuid, organisation_id uuid, scopes text[], expires_at timestamptz)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    UPDATE api_keys SET last_used_at = now() WHERE api_keys.id = (
        SELECT unused.id FROM api_keys AS unused
        WHERE key_hash = presented_hash AND revoked_at IS NULL AND unused.expires_at > now()
            AND coalesce(last_used_at, '-infinity') <= now() - interval '1 minute'
        FOR NO KEY UPDATE SKIP LOCKED);
    SELECT api_keys.id, api_keys.organisation_id, api_keys.scopes, api_keys.expires_at FROM api_keys
    WHERE key_hash = presented_hash AND revoked_at IS NULL AND api_keys.expires_at > now();
END;

-- A door pass lets devices scan at some events and gates, until a time. Null gates are all gates.
CREATE TABLE door_passes (
    id              uuid PRIMARY KEY,
    organisation_id uuid NOT NULL REFERENCES organisations,
    name            text NOT NULL,
    event_ids       uuid[] NOT NULL CHECK (cardinality(event_ids) > 0),
    gates           text[] CHECK (cardinality(gates) > 0),
    until           timestamptz NOT NULL,
    max_devices     smallint NOT NULL CHECK (max_devices > 0),
    created_by      uuid NOT NULL,
    created_at      timestamptz NOT NULL,
    revoked_at      timestamptz,
    CONSTRAINT door_passes_end CHECK (until > created_at)
);
CREATE INDEX door_passes_by_organisation ON door_passes (organisation_id, id);

-- A device that is paired with a door pass. Only the SHA-256 of its token is stored.
CREATE TABLE door_devices (
    id           uuid PRIMARY KEY,
    pass_id      uuid NOT NULL REFERENCES door_passes,
    name         text NOT NULL,
    token_hash   bytea NOT NULL CONSTRAINT door_devices_token_key UNIQUE,
    paired_at    timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz,
    revoked_at   timestamptz
);
CREATE INDEX door_devices_pass_id ON door_devices (pass_id) WHERE revoked_at IS NULL;

-- Returns the device with this token, with its pass, unless one of them is revoked. Notes its use as use_api_key does.
CREATE FUNCTION use_door_device(presented_hash bytea)
RETURNS TABLE (id uuid, organisation_id uuid, event_ids uuid[], gates text[], until timestamptz)
LANGUAGE sql
BEGIN ATOMIC
    UPDATE door_devices SET last_seen_at = now() WHERE door_devices.id = (
        SELECT unseen.id FROM door_devices AS unseen
        WHERE token_hash = presented_hash AND revoked_at IS NULL
            AND coalesce(last_seen_at, '-infinity') <= now() - interval '1 minute'
        FOR NO KEY UPDATE SKIP LOCKED);
    SELECT door_devices.id, door_passes.organisation_id, door_passes.event_ids, door_passes.gates, door_passes.until
    FROM door_devices JOIN door_passes ON door_passes.id = pass_id
    WHERE token_hash = presented_hash AND door_devices.revoked_at IS NULL AND door_passes.revoked_at IS NULL;
END;

-- Who acted, by the ids in columns such as scanned_by. It shows the names of keys, whatever organisation is named.
CREATE VIEW actors AS
SELECT id, 'account' AS kind, name FROM accounts
UNION ALL SELECT id, 'key', name FROM api_keys
UNION ALL SELECT id, 'device', name FROM door_devices;

-- ------------------------------------------------------------------------------------------------------- events

-- A pool is a quantity to sell from: of a ticket type, of an event's capacity, or of a voucher's redemptions. It lies
-- in several rows of stock, so that buyers who come at once lock different rows.
CREATE TABLE stock_pools (
    id       uuid PRIMARY KEY,
    quantity integer NOT NULL CHECK (quantity >= 0),
    row_count smallint NOT NULL CHECK (row_count > 0)
);

-- How much of a pool is available, held and sold in each of its rows. Purchases update rows all the time. Free space on
-- each page lets PostgreSQL do so without touching the index (HOT).
CREATE TABLE stock (
    pool_id   uuid NOT NULL REFERENCES stock_pools,
    row_no    smallint NOT NULL,
    available ticket_count NOT NULL,
    held      ticket_count NOT NULL DEFAULT 0,
    sold      ticket_count NOT NULL DEFAULT 0,
    PRIMARY KEY (pool_id, row_no)
) WITH (fillfactor = 20);

-- The slugs that events have, or had: an event keeps them all, so that old links find it. A slug is written before its
-- event, so event_id has no foreign key.
CREATE TABLE event_slugs (
    organisation_id uuid NOT NULL REFERENCES organisations,
    slug            text NOT NULL CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    event_id        uuid NOT NULL,
    PRIMARY KEY (organisation_id, slug)
);

-- Beside the quantities of its ticket types, an event may have a capacity of its own, which they share. Its gates are
-- named entrances, as [{"name", "key", "ticket_type_ids"}]. Gates are told apart by key (`names.key_of`). Null lets in
-- any ticket type. If an event has no gates, a scan may name any. After a cancellation, a job refunds the orders one by
-- one. cancellation_finished_at says when none was left. A full-text search reads search_vector. Until
-- late_payments_until, payments may be opened that take days. Orders with such payments hold late_payments_share
-- percent of each ticket type at the most. An offer of the waitlist holds its stock for waitlist_offer_minutes, between
-- 8 and 22 o'clock at the venue. Guests solve a challenge if the event asks for one, and confirm their free orders by a
-- link if it asks for that. The form is what buyers are asked, or null: {"holders": {"name", "email"}, "questions":
-- [question]}, with the questions as `questions.models.QuestionRequest` has them. The slug names an event in the URLs
-- of its organisation. An event and its copies at other times are a series.
CREATE TABLE events (
    id              uuid PRIMARY KEY,
    organisation_id uuid NOT NULL REFERENCES organisations,
    series_id       uuid,
    slug            text NOT NULL,
    status          text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'published', 'cancelled')),
    title           text NOT NULL,
    description     text NOT NULL DEFAULT '',
    category        text NOT NULL,
    rating          text,
    venue_name      text NOT NULL,
    venue_address   text NOT NULL,
    city            text NOT NULL,
    country         text NOT NULL CHECK (length(country) = 2),
    time_zone       time_zone NOT NULL,
    starts_at       timestamptz NOT NULL,
    ends_at         timestamptz NOT NULL,
    doors_open_at   timestamptz,
    gates           jsonb NOT NULL DEFAULT '[]',
    image_url       text,
    image_id        uuid REFERENCES uploads,
    image_alt       text NOT NULL DEFAULT '',
    currency        text NOT NULL CHECK (length(currency) = 3),
    capacity_pool_id uuid UNIQUE REFERENCES stock_pools,
    late_payments_until timestamptz,
    late_payments_share smallint CHECK (late_payments_share BETWEEN 1 AND 100),
    asks_challenge  boolean NOT NULL DEFAULT false,
    confirm_free_orders boolean NOT NULL DEFAULT false,
    waitlist_offer_minutes integer NOT NULL DEFAULT 60 CHECK (waitlist_offer_minutes > 0),
    reminds_holders boolean NOT NULL DEFAULT true,
    form            jsonb CHECK (form IS NULL OR (
        form #>> '{holders,name}' IN ('not_asked', 'optional', 'required')
        AND form #>> '{holders,email}' IN ('not_asked', 'optional', 'required')
        AND jsonb_typeof(form -> 'questions') = 'array') IS TRUE),
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz,
    cancelled_at    timestamptz,
    cancelled_by    uuid,
    cancel_reason   text,
    cancellation_finished_at timestamptz,
    search_vector   tsvector NOT NULL GENERATED ALWAYS AS (
        search_vector_of(title || ' ' || venue_name || ' ' || city || ' ' || description)) STORED,
    CONSTRAINT events_slug_key UNIQUE (organisation_id, slug),
    CONSTRAINT events_slug_fkey FOREIGN KEY (organisation_id, slug) REFERENCES event_slugs,
    CONSTRAINT events_end_after_start CHECK (ends_at > starts_at),
    CONSTRAINT events_doors_before_end CHECK (doors_open_at < ends_at),
    CONSTRAINT events_late_payments CHECK ((late_payments_until IS NULL) = (late_payments_share IS NULL)),
    CONSTRAINT events_late_payments_before_start CHECK (late_payments_until <= starts_at)
);
CREATE INDEX events_upcoming ON events (starts_at, id) INCLUDE (organisation_id, category, city)
    WHERE status = 'published' AND deleted_at IS NULL;
CREATE INDEX events_by_organisation ON events (organisation_id, starts_at, id) WHERE deleted_at IS NULL;
CREATE INDEX events_by_series ON events (series_id, starts_at, id)
    WHERE series_id IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX events_by_image ON events (image_id) WHERE image_id IS NOT NULL;
CREATE INDEX events_by_category ON events (category, starts_at, id) WHERE status = 'published' AND deleted_at IS NULL;
CREATE INDEX events_by_city ON events (folded(city), starts_at, id) WHERE status = 'published' AND deleted_at IS NULL;
CREATE INDEX events_by_search ON events USING gin (search_vector) WHERE status = 'published' AND deleted_at IS NULL;
-- Finds the events that run at a moment, however long before it they began.
CREATE INDEX events_running ON events USING gist (tstzrange(starts_at, ends_at))
    WHERE status = 'published' AND deleted_at IS NULL;
CREATE INDEX events_cancellation_unfinished ON events (cancelled_at)
    WHERE cancelled_at IS NOT NULL AND cancellation_finished_at IS NULL;
-- From partial indexes, the planner does not learn how often a city occurs, or how many events run at once.
CREATE STATISTICS events_city ON (folded(city)) FROM events;
CREATE STATISTICS events_span ON (tstzrange(starts_at, ends_at)) FROM events;

-- One row: how many events that run or are to come have a category, or take place in a city, as [{"value", "events"}].
-- It is counted again when somebody asks, and the last count is older than some minutes.
CREATE TABLE event_facets (
    is_only    boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    categories jsonb NOT NULL DEFAULT '[]',
    cities     jsonb NOT NULL DEFAULT '[]',
    counted_at timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO event_facets DEFAULT VALUES;

-- Pictures of an organisation in an order, for everybody once it is published. The positions of its images are 1, 2, 3
-- and so on, a hundred at the most.
CREATE TABLE galleries (
    id              uuid PRIMARY KEY,
    organisation_id uuid NOT NULL REFERENCES organisations,
    event_id        uuid REFERENCES events,
    title           text NOT NULL,
    description     text NOT NULL,
    is_published    boolean NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL
);
CREATE INDEX galleries_by_organisation ON galleries (organisation_id, id);
CREATE INDEX galleries_by_event ON galleries (event_id, id) WHERE event_id IS NOT NULL;
CREATE INDEX galleries_published ON galleries (id) WHERE is_published;

CREATE TABLE gallery_images (
    id         uuid PRIMARY KEY,
    gallery_id uuid NOT NULL REFERENCES galleries,
    upload_id  uuid NOT NULL REFERENCES uploads,
    position   smallint NOT NULL CHECK (position BETWEEN 1 AND 100),
    caption    text NOT NULL,
    alt        text NOT NULL,
    CONSTRAINT gallery_images_position UNIQUE (gallery_id, position) DEFERRABLE, -- a statement may swap two
    CONSTRAINT gallery_images_once UNIQUE (gallery_id, upload_id)
);
CREATE INDEX gallery_images_upload_id ON gallery_images (upload_id);

-- True if a gate, as an event lists it, lets in a ticket type. Null if there is no gate.
CREATE FUNCTION lets_in(gate jsonb, ticket_type uuid) RETURNS boolean LANGUAGE sql IMMUTABLE
RETURN gate -> 'ticket_type_ids' = 'null' OR gate -> 'ticket_type_ids' ? ticket_type::text;

-- A change of when or where a published event takes place, with what was so before it. Holders of tickets from before
-- seen_at may know no better, so they are told from due_at on. A job does that in the order of the orders, and has come
-- to last_order_id. A later change takes the place of one that is not told to all of them. Nobody need be told of an
-- event that is cancelled or over.
CREATE TABLE event_moves (
    id            uuid PRIMARY KEY,
    event_id      uuid NOT NULL REFERENCES events,
    version       integer NOT NULL,
    venue_name    text NOT NULL,
    venue_address text NOT NULL,
    city          text NOT NULL,
    time_zone     time_zone NOT NULL,
    starts_at     timestamptz NOT NULL,
    ends_at       timestamptz NOT NULL,
    doors_open_at timestamptz,
    due_at        timestamptz NOT NULL,
    seen_at       timestamptz,
    last_order_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    outcome       text CHECK (outcome IN ('told', 'superseded', 'needless')),
    CONSTRAINT event_moves_version UNIQUE (event_id, version)
);
CREATE UNIQUE INDEX event_moves_open ON event_moves (event_id) WHERE outcome IS NULL;

-- How far the holders of an event have been reminded that it begins at starts_at, in the order of the orders. If it
-- moves to another day after that, they are reminded of that day, too.
CREATE TABLE reminders (
    event_id      uuid PRIMARY KEY REFERENCES events,
    starts_at     timestamptz NOT NULL,
    last_order_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    finished_at   timestamptz
);

CREATE TABLE ticket_types (
    id              uuid PRIMARY KEY,
    event_id        uuid NOT NULL REFERENCES events,
    pool_id         uuid NOT NULL UNIQUE REFERENCES stock_pools,
    name            text NOT NULL,
    description     text NOT NULL DEFAULT '',
    price           bigint NOT NULL CHECK (price >= 0),
    sales_start     timestamptz,
    sales_end       timestamptz,
    min_per_order   integer NOT NULL DEFAULT 1 CHECK (min_per_order > 0),
    max_per_order   integer NOT NULL DEFAULT 10,
    max_per_buyer   integer,
    max_entries     smallint NOT NULL DEFAULT 1 CHECK (max_entries > 0),
    ticket_mode     text NOT NULL DEFAULT 'separate' CHECK (ticket_mode IN ('separate', 'group', 'choice')),
    attributes      jsonb NOT NULL DEFAULT '{}',
    hidden          boolean NOT NULL DEFAULT false,
    seated          boolean NOT NULL DEFAULT false,
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz,
    CONSTRAINT ticket_types_order_limits CHECK (max_per_order >= min_per_order AND max_per_buyer >= min_per_order),
    CONSTRAINT ticket_types_sale_window CHECK (sales_end > sales_start)
);
CREATE INDEX ticket_types_event_id ON ticket_types (event_id);

-- The seat map of a ticket type is its rows of seats. The best row has the lowest rank. A transaction that takes or
-- frees seats locks their row. The longest run of free seats next to each other is longest_free.
CREATE TABLE seat_rows (
    id             uuid PRIMARY KEY,
    ticket_type_id uuid NOT NULL REFERENCES ticket_types,
    rank           integer NOT NULL,
    section        text NOT NULL,
    name           text NOT NULL,
    key            text NOT NULL,
    longest_free   smallint NOT NULL CHECK (longest_free >= 0),
    CONSTRAINT seat_rows_name UNIQUE (ticket_type_id, key)
) WITH (fillfactor = 50);
CREATE INDEX seat_rows_by_rank ON seat_rows (ticket_type_id, rank);

-- A seat has one owner, an order or a waitlist entry with an offer, or none while it is free. Positions count from the
-- left, gaps included: two seats are next to each other if their positions differ by one.
CREATE TABLE seats (
    id             uuid PRIMARY KEY,
    row_id         uuid NOT NULL REFERENCES seat_rows,
    event_id       uuid NOT NULL,
    section        text NOT NULL,
    row_name       text NOT NULL,
    position       smallint NOT NULL,
    number         text NOT NULL,
    key            text NOT NULL,
    label          text NOT NULL GENERATED ALWAYS AS (section || ' · Row ' || row_name || ' · ' || number) STORED,
    owner_id       uuid,
    sold           boolean NOT NULL DEFAULT false,
    CONSTRAINT seats_once_an_event UNIQUE (event_id, key),
    CONSTRAINT seats_sold_to_somebody CHECK (owner_id IS NOT NULL OR NOT sold)
);
CREATE INDEX seats_by_row ON seats (row_id, position);
CREATE INDEX seats_by_owner ON seats (owner_id) WHERE owner_id IS NOT NULL;

-- A person's place in the line for a quantity of a ticket type that is sold out. It is made once the person has
-- confirmed the address. The line is in the order of in_line_since. An offer holds stock for them, as draws, until
-- expires_at. Offers are limited by mailbox, since several addresses may lead to one. What the mailbox has in orders
-- whose buyer was erased is erased_quantity. Entries that still wait when the event is over or cancelled are closed.
CREATE TABLE waitlist_entries (
    id              uuid PRIMARY KEY,
    organisation_id uuid NOT NULL,
    event_id        uuid NOT NULL,
    ticket_type_id  uuid NOT NULL,
    account_id      uuid,
    name            text NOT NULL,
    email           text NOT NULL,
    mailbox         text NOT NULL,
    quantity        ticket_quantity NOT NULL,
    erased_quantity integer NOT NULL DEFAULT 0,
    in_line_since   timestamptz NOT NULL DEFAULT now(),
    status          text NOT NULL DEFAULT 'waiting'
        CHECK (status IN ('waiting', 'offered', 'accepted', 'lapsed', 'left', 'closed')),
    draws           draw[],
    expires_at      timestamptz,
    locale          language_tag,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT waitlist_offers CHECK (status <> 'offered' OR (draws IS NOT NULL AND expires_at IS NOT NULL))
);
CREATE UNIQUE INDEX waitlist_one_entry ON waitlist_entries (ticket_type_id, email)
    WHERE status IN ('waiting', 'offered');
CREATE INDEX waitlist_queue ON waitlist_entries (ticket_type_id, quantity, in_line_since, id) WHERE status = 'waiting';
CREATE INDEX waitlist_lapsing ON waitlist_entries (expires_at) WHERE status = 'offered';
CREATE INDEX waitlist_offers_by_mailbox ON waitlist_entries (mailbox, ticket_type_id) WHERE status = 'offered';
CREATE INDEX waitlist_offers_by_account ON waitlist_entries (account_id, ticket_type_id)
    WHERE status = 'offered' AND account_id IS NOT NULL;
CREATE INDEX waitlist_by_event ON waitlist_entries (event_id, status, id);
CREATE INDEX waitlist_by_email ON waitlist_entries (email, id);
CREATE INDEX waitlist_by_account ON waitlist_entries (account_id, id) WHERE account_id IS NOT NULL;

-- An order draws a redemption from the voucher's own pool, as it draws tickets. So a voucher is never redeemed too
-- often, and an order that ends gives its redemption back. A voucher without a discount only unlocks
-- hidden ticket types. A voucher without ticket types applies to all ticket types of the event. A redemption covers the
-- dearest tickets of its order, max_tickets_per_redemption of them. Without this limit it covers all of them.
CREATE TABLE vouchers (
    id              uuid PRIMARY KEY,
    event_id        uuid NOT NULL REFERENCES events,
    pool_id         uuid NOT NULL UNIQUE REFERENCES stock_pools,
    code            text NOT NULL CHECK (code = upper(code)),
    discount_kind   text CHECK (discount_kind IN ('percent', 'fixed', 'free')),
    discount_value  bigint CHECK (discount_value > 0),
    valid_from      timestamptz,
    valid_until     timestamptz,
    max_redemptions integer,
    max_per_buyer   integer CHECK (max_per_buyer > 0),
    max_tickets_per_redemption integer CHECK (max_tickets_per_redemption > 0),
    unlocks_hidden  boolean NOT NULL,
    ticket_type_ids uuid[],
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz,
    CONSTRAINT vouchers_validity CHECK (valid_until > valid_from),
    CONSTRAINT vouchers_discount CHECK ((discount_value IS NOT NULL) = (coalesce(discount_kind, 'free') <> 'free')),
    CONSTRAINT vouchers_use CHECK (discount_kind IS NOT NULL OR unlocks_hidden)
);
CREATE UNIQUE INDEX vouchers_live_code ON vouchers (event_id, code) WHERE deleted_at IS NULL;
CREATE INDEX vouchers_by_event ON vouchers (event_id, id) WHERE deleted_at IS NULL;

-- The pools of an event: those of its ticket types and vouchers, deleted ones too, and of its capacity.
CREATE VIEW pools_of_events AS
SELECT event_id, pool_id FROM ticket_types
UNION ALL SELECT id, capacity_pool_id FROM events WHERE capacity_pool_id IS NOT NULL
UNION ALL SELECT event_id, pool_id FROM vouchers;

-- ------------------------------------------------------------------------------------------------------- orders

-- An order also records its own idempotency key: request_id names the request that placed it
-- (idempotency.IdempotentRequest). The total is the sum of the items' totals. In details are its language,
-- the answers of the order, by event, and the holders of the tickets until these are issued. It looks like
-- {"locale": tag, "answers": {event: [answer]}, "holders": [{"name", "email", "answers"}]}, and an answer like
-- {"question_id", "label", "answer", "text"}. In draws is what the order has of each row of stock. Each change of the
-- buyer, of a holder or of an answer increments the version. One that gives the order to another address increments
-- email_changes, too, and ends the links and QRs before.
CREATE TABLE orders (
    id              uuid PRIMARY KEY,
    number          text NOT NULL CONSTRAINT orders_number_key UNIQUE,
    organisation_id uuid NOT NULL,
    account_id      uuid,
    status          order_status NOT NULL,
    buyer_name      text NOT NULL,
    buyer_email     text NOT NULL,
    buyer_phone     text,
    currency        text NOT NULL,
    total           money_amount NOT NULL,
    voucher_id      uuid,
    details         jsonb,
    draws           draw[] NOT NULL,
    request_id      uuid NOT NULL CONSTRAINT orders_request_id_key UNIQUE,
    fingerprint     bytea NOT NULL,
    expires_at      timestamptz NOT NULL,
    created_at      timestamptz NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    email_changes   smallint NOT NULL DEFAULT 0
);
CREATE INDEX orders_by_status ON orders (organisation_id, status, id);
CREATE INDEX orders_by_buyer ON orders (organisation_id, mailbox_of(buyer_email), id);
CREATE INDEX orders_by_account ON orders (account_id, id) WHERE account_id IS NOT NULL;

-- What the platform keeps of what is sold, by currency: of each ticket a part in basis points and a fixed amount,
-- within bounds. Terms of the nil organisation hold for all that have none of their own in a currency. Terms never
-- change: others replace them. So an order shows what it was sold under. If return_on_refund, the fee goes back in
-- proportion to what a refund gives back.
CREATE TABLE fee_terms (
    id               uuid PRIMARY KEY,
    organisation_id  uuid NOT NULL,
    currency         text NOT NULL,
    basis_points     smallint NOT NULL CONSTRAINT fee_terms_basis_points CHECK (basis_points BETWEEN 0 AND 10000),
    fixed            money_amount NOT NULL,
    minimum          money_amount NOT NULL,
    maximum          money_amount,
    return_on_refund boolean NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    replaced_at      timestamptz CONSTRAINT fee_terms_replaced CHECK (replaced_at >= created_at),
    CONSTRAINT fee_terms_bounds CHECK (minimum <= maximum),
    CONSTRAINT fee_terms_one_holds UNIQUE NULLS NOT DISTINCT (organisation_id, currency, replaced_at)
);

CREATE TRIGGER fee_terms_never_change BEFORE UPDATE ON fee_terms FOR EACH ROW
    WHEN (OLD.replaced_at IS NOT NULL OR (NEW.id, NEW.organisation_id, NEW.currency, NEW.basis_points, NEW.fixed,
        NEW.minimum, NEW.maximum, NEW.return_on_refund, NEW.created_at) IS DISTINCT FROM (OLD.id, OLD.organisation_id,
        OLD.currency, OLD.basis_points, OLD.fixed, OLD.minimum, OLD.maximum, OLD.return_on_refund, OLD.created_at))
    EXECUTE FUNCTION refuse_change('terms never change: others replace them');
CREATE TRIGGER fee_terms_stay BEFORE DELETE OR TRUNCATE ON fee_terms
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('terms never change: others replace them');

-- If is_group, one ticket admits as many people as the quantity says. The charge of an item is stored when it is bought
-- (pricing.Charge). Refunds, emails and books read it here. The gross is unit_price * quantity. The total is the gross
-- less the discount, plus the buyer's fee, plus the tax if it is on top of the price. An order may be placed under
-- terms, which decide on fees and tax (fee_terms). Without terms, terms_id, buyer_fee, tax and platform_fee are all
-- null. No foreign key checks terms_id: that would lock one row for each purchase.
CREATE TABLE order_items (
    order_id       uuid NOT NULL,
    item_no        smallint NOT NULL,
    is_group       boolean NOT NULL DEFAULT false,
    event_id       uuid NOT NULL,
    ticket_type_id uuid NOT NULL,
    quantity       ticket_quantity NOT NULL,
    unit_price     money_amount NOT NULL,
    discount       money_amount NOT NULL,
    total          money_amount NOT NULL,
    terms_id       uuid,
    buyer_fee      money_amount,
    tax            money_amount,
    platform_fee   money_amount,
    seat_ids       uuid[],
    PRIMARY KEY (order_id, item_no)
);
CREATE INDEX order_items_by_event ON order_items (event_id, order_id);

-- An order as lists show it, with the sums of its items. PostgreSQL computes the sums only for the orders that it
-- reads.
CREATE VIEW order_summaries AS
SELECT orders.id, number, organisation_id, account_id, status, buyer_name, buyer_email, buyer_phone, currency,
    orders.total, subtotal, discount, voucher_id, expires_at, created_at, version, email_changes, details
FROM orders CROSS JOIN LATERAL (
    SELECT sum(unit_price * quantity)::bigint AS subtotal, sum(discount)::bigint AS discount
    FROM order_items WHERE order_id = orders.id
) AS items;

-- What guests hold of an event: tickets that are not paid yet, and free ones that they got in the last day. Budgets
-- count that for a network and for a mailbox. A guest hold is written before its order. It ends in the transaction that
-- pays, cancels or expires the order, and that of a free order a day later. A job deletes what is left behind.
CREATE TABLE guest_holds (
    order_id   uuid NOT NULL,
    event_id   uuid NOT NULL,
    request_id uuid NOT NULL,
    network    text NOT NULL,
    mailbox    text NOT NULL,
    quantity   ticket_quantity NOT NULL,
    is_free    boolean NOT NULL,
    until      timestamptz NOT NULL,
    PRIMARY KEY (order_id, event_id)
);
-- Each search has one condition, which one index serves. Of two that begin with the event, PostgreSQL may take the
-- wrong one while the table is empty. Connections would keep that plan when a sale begins.
CREATE INDEX guest_holds_by_network ON guest_holds ((event_id::text || network));
CREATE INDEX guest_holds_by_mailbox ON guest_holds ((event_id::text || mailbox));

-- Writes what a guest's order will hold, if that is within the budgets of its kind, unpaid or free. A network may have
-- a part of the event's tickets, within bounds, and a mailbox so many. All guests together leave a part of each ticket
-- type to others. Whoever has nothing may place one order of any size. A repeat of a request does not count twice.
-- Orders of one network, or of one mailbox, pass one after the other, by two locks. What they have is read under the
-- locks, so no budget is exceeded. The commit does not wait for the disk, so the locks last for a moment only. The
-- order is committed later, and its commit takes this one to the disk too.
CREATE FUNCTION hold_for_guest(
    new_order uuid, new_request uuid, guest_network text, guest_mailbox text, free boolean,
    event_ids uuid[], pool_ids uuid[], quantities integer[],
    network_percent integer, network_least integer, network_most integer, mailbox_most integer, all_percent integer,
    long_until timestamptz, short_until timestamptz,
    OUT refused_for text, OUT budget integer, OUT used integer, OUT retry_in float8, OUT hold_ends timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    bought record;
    is_over_half boolean := false;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true), set_config('enable_seqscan', 'off', true);
    IF all_percent < 100 THEN
        SELECT 'event', pool.quantity * all_percent / 100, taken, 60 INTO refused_for, budget, used, retry_in
        FROM unnest(pool_ids, quantities) AS item (pool_id, quantity) JOIN stock_pools AS pool ON pool.id = pool_id
            CROSS JOIN LATERAL (
                SELECT sum(held + CASE WHEN free THEN sold ELSE 0 END)::integer AS taken, sum(available) AS available
                FROM stock WHERE stock.pool_id = item.pool_id) AS stock
        WHERE taken > 0 AND taken + item.quantity > pool.quantity * all_percent / 100 AND available >= item.quantity
        LIMIT 1;
        IF FOUND THEN
            RETURN;
        END IF;
    END IF;
    PERFORM pg_advisory_xact_lock(key) FROM (
        SELECT DISTINCT hashtextextended(concat_ws(' ', kind, subject, event_id), 0) AS key
        FROM unnest(event_ids) AS event_id CROSS JOIN
            (VALUES ('network', guest_network), ('mailbox', guest_mailbox)) AS counted (kind, subject)
        ORDER BY key
    ) AS locks;
    FOR bought IN
        SELECT event_id, sum(quantity)::integer AS quantity
        FROM unnest(event_ids, quantities) AS item (event_id, quantity) GROUP BY event_id
    LOOP
        SELECT coalesce(sum(quantity), 0), extract(epoch FROM min(until) - now()) INTO used, retry_in FROM guest_holds
        WHERE event_id::text || mailbox = bought.event_id::text || guest_mailbox AND is_free = free
            AND request_id <> new_request;
        IF used > 0 AND used + bought.quantity > mailbox_most THEN
            refused_for := 'mailbox';
            budget := mailbox_most;
            RETURN;
        END IF;
        SELECT coalesce(sum(quantity), 0), extract(epoch FROM min(until) - now()) INTO used, retry_in FROM guest_holds
        WHERE event_id::text || network = bought.event_id::text || guest_network AND is_free = free
            AND request_id <> new_request;
        IF used + bought.quantity > network_least / 2 THEN  -- else nobody needs to know how large the event is
            SELECT least(network_most, greatest(network_least, network_percent / 100.0 * least(
                (SELECT sum(quantity) FROM ticket_types JOIN stock_pools ON stock_pools.id = pool_id
                WHERE event_id = bought.event_id AND deleted_at IS NULL),
                (SELECT quantity FROM events JOIN stock_pools ON stock_pools.id = capacity_pool_id
                WHERE events.id = bought.event_id))))::integer INTO budget;
            IF used > 0 AND used + bought.quantity > budget THEN
                refused_for := 'network';
                RETURN;
            END IF;
            is_over_half := is_over_half OR used + bought.quantity > budget / 2;
        END IF;
    END LOOP;
    hold_ends := CASE WHEN is_over_half THEN short_until ELSE long_until END;
    INSERT INTO guest_holds (order_id, event_id, request_id, network, mailbox, quantity, is_free, until)
    SELECT new_order, event_id, new_request, guest_network, guest_mailbox, sum(quantity), free, hold_ends
    FROM unnest(event_ids, quantities) AS item (event_id, quantity) GROUP BY event_id;
END $$;

-- The changes of an order's state, each with its reason. If a guest, a provider or a job made the change, actor_id is
-- null. The transaction that wrote the row is written_in: the roll-ups of sales count each row once by it.
CREATE TABLE order_history (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id    uuid NOT NULL REFERENCES orders,
    from_status text NOT NULL,
    to_status   text NOT NULL,
    reason      text NOT NULL,
    actor_id    uuid,
    at          timestamptz NOT NULL DEFAULT now(),
    written_in  xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX order_history_order_id ON order_history (order_id);
CREATE INDEX order_history_sales ON order_history (written_in) WHERE to_status = 'paid' AND from_status <> 'paid';

-- Which orders somebody had before their data was erased, so that limits per buyer still count these. The address is
-- kept as a MAC, under a key that the database does not have, until the last event of the order is over.
CREATE TABLE erased_buyers (
    address_mac bytea NOT NULL,
    order_id    uuid NOT NULL REFERENCES orders,
    until       timestamptz NOT NULL,
    PRIMARY KEY (address_mac, order_id)
);
CREATE INDEX erased_buyers_until ON erased_buyers (until);

-- ----------------------------------------------------------------------------------------------------- payments

-- merchant_id says whose account at the provider takes the money: an organisation's or, if it is the nil UUID, the
-- deployment's. At ask_at a job asks the provider about the payment. While it is set, the payment is open: the provider
-- may still take money, even after a try that failed. An order has one open payment at each provider. Once ask_at is
-- null, it stays null. A payment is processing while money is under way that takes days. If late, the buyer may choose
-- such a method. In prepared is what the client needs to pay. At unpaid_at we asked, and the provider knew of no money.
CREATE TABLE payments (
    id                 uuid PRIMARY KEY,
    order_id           uuid NOT NULL REFERENCES orders,
    provider           text NOT NULL,
    merchant_id        uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    provider_reference text,
    late               boolean NOT NULL DEFAULT false,
    prepared           jsonb,
    status             text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'processing', 'succeeded', 'failed', 'refunded')),
    amount             bigint NOT NULL CHECK (amount > 0),
    currency           text NOT NULL,
    ask_at             timestamptz,
    unpaid_at          timestamptz,
    created_at         timestamptz NOT NULL DEFAULT now(),
    closed_at          timestamptz,
    CONSTRAINT payments_reference_key UNIQUE (provider, merchant_id, provider_reference)
);
CREATE INDEX payments_order_id ON payments (order_id);
CREATE UNIQUE INDEX payments_one_success ON payments (order_id) WHERE status = 'succeeded';
CREATE UNIQUE INDEX payments_one_open ON payments (order_id, provider) WHERE ask_at IS NOT NULL;
CREATE INDEX payments_open_late ON payments (order_id) WHERE ask_at IS NOT NULL AND (late OR status = 'processing');
CREATE INDEX payments_to_ask ON payments (ask_at) WHERE ask_at IS NOT NULL;
CREATE INDEX payments_waiting ON payments (provider, merchant_id)
    WHERE provider_reference IS NULL AND status = 'pending';

-- When the next call to a provider may start, for each account and operation. It moves on with each call.
CREATE TABLE paces (
    provider    text NOT NULL,
    merchant_id uuid NOT NULL,
    operation   text NOT NULL,
    next_at     timestamptz NOT NULL,
    PRIMARY KEY (provider, merchant_id, operation)
) WITH (fillfactor = 20);

-- Each verified event of a provider is stored once, with the effect that it had here.
CREATE TABLE provider_events (
    provider    text NOT NULL,
    merchant_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    event_id    text NOT NULL,
    payment_id  uuid REFERENCES payments,
    kind        text NOT NULL,
    payload     jsonb NOT NULL,
    effect      text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, merchant_id, event_id)
);
CREATE INDEX provider_events_payment_id ON provider_events (payment_id);
CREATE INDEX provider_events_to_erase ON provider_events (received_at) WHERE payload <> '{}';

-- Money that came. The reference is the provider's own name for it, so it counts once however many events report it.
-- If pays_order, it has paid the order; otherwise all of it goes back. What its refunds send back is in
-- refunded. What went back without us is in refunded_elsewhere: the sum of booked of its reversals. From ends_order_at
-- on the order is to be ended, since its money has gone back elsewhere. It is null again when that is done.
CREATE TABLE incoming_payments (
    id          uuid PRIMARY KEY,
    payment_id  uuid NOT NULL REFERENCES payments,
    provider    text NOT NULL,
    merchant_id uuid NOT NULL,
    reference   text NOT NULL,
    amount      bigint NOT NULL CHECK (amount > 0),
    currency    text NOT NULL,
    pays_order  boolean NOT NULL DEFAULT false,
    refunded    bigint NOT NULL DEFAULT 0,
    received_at timestamptz NOT NULL DEFAULT now(),
    refunded_elsewhere bigint NOT NULL DEFAULT 0,
    ends_order_at timestamptz,
    CONSTRAINT incoming_payments_reference_key UNIQUE (provider, merchant_id, reference),
    CONSTRAINT incoming_payments_refunded CHECK (
        refunded >= 0 AND refunded_elsewhere >= 0 AND refunded + refunded_elsewhere <= amount),
    CONSTRAINT incoming_payments_ends_order CHECK (ends_order_at IS NULL OR pays_order)
);
CREATE INDEX incoming_payments_payment_id ON incoming_payments (payment_id);
CREATE UNIQUE INDEX incoming_payments_paid_once ON incoming_payments (payment_id) WHERE pays_order;
CREATE INDEX incoming_payments_end_order ON incoming_payments (ends_order_at) WHERE ends_order_at IS NOT NULL;

-- Money that went back without us: a refund that somebody made at the provider, or a dispute of the payer. The
-- reference is the provider's name for it. money_reference names the money, which may come to be known later. In booked
-- is how much of the amount is in the incoming payment's refunded_elsewhere. If is_total, the provider has named only
-- the sum of all refunds, and the amount is what nothing else explains. Reversals that name themselves take it over.
CREATE TABLE reversals (
    id                  uuid PRIMARY KEY,
    provider            text NOT NULL,
    merchant_id         uuid NOT NULL,
    kind                text NOT NULL CHECK (kind IN ('refund', 'dispute')),
    reference           text NOT NULL,
    payment_id          uuid NOT NULL REFERENCES payments,
    money_reference     text NOT NULL,
    incoming_payment_id uuid REFERENCES incoming_payments,
    amount              bigint NOT NULL CHECK (amount > 0),
    currency            text NOT NULL,
    status              text NOT NULL CHECK (status IN ('made', 'failed', 'open', 'won', 'lost')),
    reason              text NOT NULL,
    is_total            boolean NOT NULL DEFAULT false,
    booked              bigint NOT NULL DEFAULT 0 CHECK (booked >= 0),
    created_at          timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT reversals_reference_key UNIQUE (provider, merchant_id, kind, reference),
    CONSTRAINT reversals_status_of_kind CHECK ((kind = 'refund') = (status IN ('made', 'failed'))),
    CONSTRAINT reversals_booked_somewhere CHECK (booked = 0 OR incoming_payment_id IS NOT NULL)
);
CREATE INDEX reversals_incoming_payment_id ON reversals (incoming_payment_id);
CREATE INDEX reversals_payment_id ON reversals (payment_id);

-- The transaction that decides a refund stores it as owed. A worker sends it to the provider afterwards. No attempt is
-- made before due_at. A worker that sends a refund moves due_at on, which is its lease. When nothing is left to do,
-- due_at is null. Each time the provider fails to make the refund, or refuses it, failures grows by one. The retry is a
-- new refund for the provider. A refund by_hand waits for a person. Of the amount, the part elsewhere had
-- gone back without us, so only the rest is sent. The provider's own code of its last refusal is in error_code.
CREATE TABLE refunds (
    id                  uuid PRIMARY KEY,
    payment_id          uuid NOT NULL REFERENCES payments,
    incoming_payment_id uuid NOT NULL REFERENCES incoming_payments,
    amount              bigint NOT NULL CHECK (amount > 0),
    currency            text NOT NULL,
    reason              text NOT NULL,
    elsewhere           bigint NOT NULL DEFAULT 0,
    status              text NOT NULL DEFAULT 'owed'
        CHECK (status IN ('owed', 'sent', 'succeeded', 'failed', 'by_hand')),
    attempts            integer NOT NULL DEFAULT 0,
    failures            integer NOT NULL DEFAULT 0,
    due_at              timestamptz DEFAULT now(),
    provider_reference  text,
    last_error          text,
    error_code          text,
    created_at          timestamptz NOT NULL DEFAULT now(),
    closed_at           timestamptz,
    CONSTRAINT refunds_elsewhere CHECK (elsewhere BETWEEN 0 AND amount),
    CONSTRAINT refunds_nothing_to_send CHECK (elsewhere < amount OR status = 'succeeded'),
    CONSTRAINT refunds_failed_with_reason CHECK (status <> 'failed' OR last_error IS NOT NULL),
    CONSTRAINT refunds_open_due CHECK (status NOT IN ('owed', 'sent') OR due_at IS NOT NULL)
);
CREATE INDEX refunds_payment_id ON refunds (payment_id);
CREATE INDEX refunds_incoming_payment_id ON refunds (incoming_payment_id);
CREATE INDEX refunds_due ON refunds (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX refunds_failed ON refunds (id) WHERE status = 'failed';
CREATE INDEX refunds_provider_reference ON refunds (provider_reference) WHERE provider_reference IS NOT NULL;
CREATE INDEX refunds_closed_at ON refunds (closed_at) WHERE provider_reference IS NOT NULL;

-- What the seller gave back of an order: the tickets that ended, and the amount. The refund that sends the money is
-- refund_id. It is null if the amount is 0. Of what was paid for the tickets, the seller kept this. The row never
-- changes. The transaction that wrote it is written_in.
CREATE TABLE order_refunds (
    id         uuid PRIMARY KEY,
    order_id   uuid NOT NULL REFERENCES orders,
    refund_id  uuid UNIQUE REFERENCES refunds,
    amount     money_amount NOT NULL,
    kept       money_amount NOT NULL DEFAULT 0,
    ticket_ids uuid[] NOT NULL,
    reason     text,
    actor_id   uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    written_in xid8 NOT NULL DEFAULT pg_current_xact_id(),
    CONSTRAINT order_refunds_money CHECK ((amount > 0) = (refund_id IS NOT NULL)),
    CONSTRAINT order_refunds_kept CHECK (kept = 0 OR cardinality(ticket_ids) > 0)
);
CREATE INDEX order_refunds_order_id ON order_refunds (order_id);
CREATE INDEX order_refunds_written_in ON order_refunds (written_in);

-- Money that a person must look at. organisation_id is the nil UUID for the deployment's own matters: money on its
-- account that names no order. A kind has one matter about a subject. If the subject needs a person again, the matter
-- opens again.
CREATE TABLE money_matters (
    id              uuid PRIMARY KEY,
    organisation_id uuid NOT NULL,
    kind            text NOT NULL CHECK (kind IN (
        'refund_failed', 'refund_by_hand', 'refunded_elsewhere', 'dispute', 'unknown_payment', 'difference',
        'books_differ')),
    subject         text NOT NULL,
    order_id        uuid REFERENCES orders,
    payment_id      uuid REFERENCES payments,
    refund_id       uuid REFERENCES refunds,
    provider        text NOT NULL,
    merchant_id     uuid NOT NULL,
    reference       text,
    amount          bigint CHECK (amount > 0),
    currency        text,
    details         jsonb NOT NULL,
    opened_at       timestamptz NOT NULL DEFAULT now(),
    settled_at      timestamptz,
    settled_by      uuid,
    resolution      text,
    note            text,
    CONSTRAINT money_matters_subject_key UNIQUE (kind, subject),
    CONSTRAINT money_matters_amount_currency CHECK ((amount IS NULL) = (currency IS NULL)),
    CONSTRAINT money_matters_settled CHECK ((settled_at IS NULL) = (resolution IS NULL))
);
CREATE INDEX money_matters_open ON money_matters (organisation_id, id) WHERE settled_at IS NULL;
CREATE INDEX money_matters_all ON money_matters (organisation_id, id);
CREATE INDEX money_matters_oldest ON money_matters (opened_at) WHERE settled_at IS NULL;
CREATE INDEX money_matters_of_order ON money_matters (order_id) WHERE settled_at IS NULL AND order_id IS NOT NULL;

-- ------------------------------------------------------------------------------------------ tickets and check-in

-- The tickets of an order item are numbered from 1 by position, so that no ticket can be issued twice. Of a QR only its
-- SHA-256 is stored. A transfer increments transfer_count and ends the former QR. The hash of that QR stays in
-- former_hashes, so that the door does not take it for a forgery. A ticket without a holder_email is still the buyer's,
-- and goes with the order when that gets another address. Its buyer may have named a holder_contact, which is an
-- address that nobody has proven, and that nothing is sent to. Its answers are as in orders. Both end with a transfer.
-- Scans that are admitted increment entries.
-- While the payer disputes the payment of the order, a ticket is disputed. A setting says if it admits.
-- The transaction that wrote the row last is changed_in. Devices at the door read changes in its order.
CREATE TABLE tickets (
    id              uuid PRIMARY KEY,
    order_id        uuid NOT NULL,
    item_no         smallint NOT NULL,
    position        integer NOT NULL,
    organisation_id uuid NOT NULL,
    event_id        uuid NOT NULL,
    ticket_type_id  uuid NOT NULL,
    account_id      uuid,
    holder_name     text NOT NULL,
    holder_email    text,
    holder_contact  text,
    answers         jsonb,
    seat            text,
    status          text NOT NULL DEFAULT 'valid' CHECK (status IN ('valid', 'refunded')),
    disputed        boolean NOT NULL DEFAULT false,
    transfer_count  smallint NOT NULL DEFAULT 0,
    key_id          smallint NOT NULL,
    qr_hash         bytea NOT NULL,
    former_hashes   bytea[],
    replaced_qrs    replaced_qr[],
    max_entries     smallint NOT NULL,
    group_size      ticket_quantity NOT NULL DEFAULT 1,
    entries         smallint NOT NULL DEFAULT 0,
    first_scan_at   timestamptz,
    first_scan_gate text,
    refunded_at     timestamptz,
    changed_in      xid8 NOT NULL DEFAULT pg_current_xact_id(),
    created_at      timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (order_id, item_no) REFERENCES order_items,
    CONSTRAINT tickets_issued_once UNIQUE (order_id, item_no, position),
    CONSTRAINT tickets_entries CHECK (entries BETWEEN 0 AND max_entries),
    CONSTRAINT tickets_former_hashes CHECK (coalesce(cardinality(former_hashes), 0) = transfer_count)
);
CREATE INDEX tickets_by_account ON tickets (account_id, id) WHERE account_id IS NOT NULL;
CREATE INDEX tickets_by_contact ON tickets (holder_contact, id) WHERE holder_contact IS NOT NULL;
-- Attendance reads this index alone, without the table.
CREATE INDEX tickets_by_event ON tickets (event_id, changed_in) INCLUDE (ticket_type_id, status, entries, group_size);
-- Lists of attendees find a page of them here, whatever they are filtered by.
CREATE INDEX tickets_by_event_in_order ON tickets (event_id, id) INCLUDE (ticket_type_id, status, entries);

-- Runs while the row is locked. So the time of a refund, read from the clock, is later than every entry before it.
CREATE FUNCTION note_ticket_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_in := pg_current_xact_id();
    NEW.refunded_at := CASE NEW.status WHEN 'refunded' THEN coalesce(OLD.refunded_at, clock_timestamp()) END;
    RETURN NEW;
END $$;

CREATE TRIGGER tickets_note_change BEFORE UPDATE ON tickets FOR EACH ROW EXECUTE FUNCTION note_ticket_change();

-- The transfers of tickets. An accepted one makes its recipient the holder and carries the ticket's new transfer count.
-- A new transfer replaces the pending one. If with_order, nobody sent the ticket: its order got another address.
CREATE TABLE transfers (
    id              uuid PRIMARY KEY,
    ticket_id       uuid NOT NULL REFERENCES tickets,
    status          text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'accepted', 'replaced')),
    from_name       text NOT NULL,
    from_email      text NOT NULL,
    from_account_id uuid,
    to_name         text,
    to_email        text NOT NULL,
    to_account_id   uuid,
    transfer_count  smallint,
    started_by      uuid,
    created_at      timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz NOT NULL,
    accepted_at     timestamptz,
    with_order      boolean NOT NULL DEFAULT false,
    locale          language_tag,
    CONSTRAINT transfers_accepted CHECK (
        (status = 'accepted') = (transfer_count IS NOT NULL AND accepted_at IS NOT NULL AND to_name IS NOT NULL)),
    CONSTRAINT transfers_chain UNIQUE (ticket_id, transfer_count)
);
CREATE UNIQUE INDEX transfers_one_pending ON transfers (ticket_id) WHERE status = 'pending';
CREATE INDEX transfers_by_sender ON transfers (from_email, id);
CREATE INDEX transfers_by_recipient ON transfers (to_email, id);
CREATE INDEX transfers_by_sending_account ON transfers (from_account_id, id) WHERE from_account_id IS NOT NULL;
CREATE INDEX transfers_by_receiving_account ON transfers (to_account_id, id) WHERE to_account_id IS NOT NULL;

-- A ticket as its holder sees it. transfer is the one that can be accepted now.
CREATE VIEW shown_tickets AS
SELECT tickets.id, order_id, tickets.organisation_id, tickets.event_id, ticket_type_id, orders.account_id AS buyer_id,
    tickets.account_id, transfer_count, holder_email IS NOT NULL AS transferred, email_changes, title AS event_title,
    venue_name, city, time_zone, starts_at, name AS ticket_type_name, seat, group_size, holder_name, holder_contact,
    coalesce(answers, '[]') AS answers, tickets.status, tickets.max_entries, entries, first_scan_at, tickets.created_at,
    (SELECT to_jsonb(pending) FROM (
        SELECT to_email, to_name, expires_at FROM transfers
        WHERE ticket_id = tickets.id AND status = 'pending' AND expires_at > now()
    ) AS pending) AS transfer
FROM tickets JOIN orders ON orders.id = order_id JOIN events ON events.id = tickets.event_id
    JOIN ticket_types ON ticket_types.id = ticket_type_id;

-- What was answered for each ticket, for lists of attendees: once for its order, and for itself.
CREATE VIEW ticket_answers AS
SELECT tickets.id AS ticket_id, coalesce(details #> ARRAY['answers', event_id::text], '[]') AS order_answers,
    coalesce(answers, '[]') AS answers
FROM tickets JOIN orders ON orders.id = order_id;

-- Those of some answers that people at the door see, as the form says now. Without a form nobody sees any.
CREATE FUNCTION answers_at_door(form jsonb, answers jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN form IS NULL THEN '[]' ELSE (
    SELECT coalesce(jsonb_agg(answer - 'answer' ORDER BY answer_no), '[]')
    FROM jsonb_array_elements(answers) WITH ORDINALITY AS given (answer, answer_no)
    WHERE EXISTS (
        SELECT FROM jsonb_array_elements(form -> 'questions') AS question
        WHERE question -> 'at_door' = 'true' AND question -> 'id' = answer -> 'question_id')
) END;

-- A ticket as it is printed, with the facts that its QR is made of.
CREATE VIEW printed_tickets AS
SELECT tickets.id, order_id, item_no, position, tickets.organisation_id, tickets.event_id, ticket_type_id,
    orders.account_id AS buyer_id, tickets.account_id, holder_name, seat, group_size, tickets.status, key_id,
    transfer_count, holder_email IS NOT NULL AS transferred, email_changes, number AS order_number,
    organisations.name AS seller, contact_email AS seller_contact, title AS event_title, category, venue_name,
    venue_address, city, time_zone, starts_at, ends_at, doors_open_at, ticket_types.name AS ticket_type_name
FROM tickets JOIN orders ON orders.id = order_id JOIN events ON events.id = tickets.event_id
    JOIN organisations ON organisations.id = tickets.organisation_id
    JOIN ticket_types ON ticket_types.id = ticket_type_id;

-- ------------------------------------------------------------------------------------------------- the guest list

-- The words of a text: the parts of each, and the whole of it without hyphens, such as oneill for O'Neill. Of an email
-- address, the parts before the @. From U+0E00 on are the scripts without spaces between words, such as Thai and
-- Chinese. A word with one of their characters is there from each of its first twenty characters on.
CREATE FUNCTION guest_words(text) RETURNS SETOF text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    WITH words AS (
        SELECT left(word, 60) AS word FROM regexp_split_to_table(folded($1), '\s+') AS chunk
            CROSS JOIN unnest(translate(chunk, '-@', '') || string_to_array(split_part(chunk, '@', 1), '-')) AS word
        WHERE word <> ''
    )
    SELECT word FROM words
    UNION ALL SELECT substring(word FROM start)
    FROM (SELECT word FROM words WHERE word ~ '[^\u0001-\u0dff]' OFFSET 0) AS unspaced
        CROSS JOIN generate_series(2, least(length(word), 20)) AS start;
END;

-- A word of an event's guest list as it is stored: after the end of the event's id. So a search reads the words of its
-- event alone, and of the few whose ids end alike.
CREATE FUNCTION guest_lexeme(event uuid, word text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN right(event::text, 12) || word;

-- What a search for a text asks of an event's guest list: for each word one that begins so, as a whole or in parts.
-- Null if the text has no word.
CREATE FUNCTION guest_query(event uuid, wanted text) RETURNS tsquery LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT string_agg(format('(''%s'':*%s)', guest_lexeme(event, whole), ' | ' || parts), ' & ')::tsquery
    FROM regexp_split_to_table(folded(wanted), '\s+') AS chunk
        CROSS JOIN LATERAL left(translate(chunk, '-@', ''), 60) AS whole
        CROSS JOIN LATERAL (
            SELECT string_agg(format('''%s'':*', guest_lexeme(event, left(part, 60))), ' & ') AS parts
            FROM string_to_table(chunk, '-') AS part WHERE part <> '' AND chunk LIKE '%-%' AND chunk NOT LIKE '%@%'
        ) AS parted
    WHERE whole <> '';
END;

-- What finds a ticket when its holder comes without the QR. The row is made with the ticket and changes with what it is
-- made of, by triggers. A transferred ticket is no longer found by its buyer.
CREATE TABLE guest_list (
    ticket_id uuid PRIMARY KEY,
    event_id  uuid NOT NULL,
    words     tsvector NOT NULL
);
CREATE INDEX guest_list_by_words ON guest_list USING gin (words);

CREATE VIEW listed_guests AS
SELECT tickets.id AS ticket_id, order_id, event_id, array_to_tsvector(ARRAY(
    SELECT guest_lexeme(event_id, word) FROM guest_words(concat_ws(' ', holder_name, holder_email, holder_contact, seat,
        left(number, 4) || '-' || right(number, 4), CASE WHEN holder_email IS NULL THEN buyer_name || ' ' || buyer_email
        END)) AS word
)) AS words
FROM tickets JOIN orders ON orders.id = order_id;

CREATE FUNCTION list_new_guests() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO guest_list (ticket_id, event_id, words)
    SELECT ticket_id, listed.event_id, words
    FROM new_tickets JOIN listed_guests AS listed ON ticket_id = new_tickets.id;
    RETURN NULL;
END $$;

CREATE TRIGGER tickets_list_guests AFTER INSERT ON tickets REFERENCING NEW TABLE AS new_tickets
    FOR EACH STATEMENT EXECUTE FUNCTION list_new_guests();

CREATE FUNCTION list_guest_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE guest_list SET words = listed.words FROM listed_guests AS listed
    WHERE guest_list.ticket_id = NEW.id AND listed.ticket_id = NEW.id;
    RETURN NULL;
END $$;

CREATE TRIGGER tickets_list_guest_again AFTER UPDATE OF holder_name, holder_email, holder_contact, seat ON tickets
    FOR EACH ROW WHEN ((OLD.holder_name, OLD.holder_email, OLD.holder_contact, OLD.seat)
        IS DISTINCT FROM (NEW.holder_name, NEW.holder_email, NEW.holder_contact, NEW.seat))
    EXECUTE FUNCTION list_guest_again();

-- Locks the tickets first, as everybody does who changes them. So nobody else changes their rows of the guest list.
CREATE FUNCTION list_guests_of_order_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM id FROM tickets WHERE order_id = NEW.id ORDER BY id FOR NO KEY UPDATE;
    UPDATE guest_list SET words = listed.words FROM listed_guests AS listed
    WHERE listed.order_id = NEW.id AND guest_list.ticket_id = listed.ticket_id;
    RETURN NULL;
END $$;

CREATE TRIGGER orders_list_guests_again AFTER UPDATE OF buyer_name, buyer_email ON orders FOR EACH ROW
    WHEN ((OLD.buyer_name, OLD.buyer_email) IS DISTINCT FROM (NEW.buyer_name, NEW.buyer_email))
    EXECUTE FUNCTION list_guests_of_order_again();

-- True in let_in says that the door let somebody in. Of those scans of a ticket, the earliest max_entries have the
-- outcome admitted. Each other one is a conflict, and its outcome is the reason, until it is undone. A device numbers
-- its scans in sequence, so that a repeat counts once. An offline scan happened at device_time by the device's clock,
-- which was skew_ms ahead of ours. Our time of a scan is at. If time_unknown, device_time cannot be right. Then at is
-- when the device reported the scan. The qr_hash and the transfer_count are of the QR that was scanned. An admission by
-- the guest list has no qr_hash.
CREATE TABLE scans (
    id             uuid PRIMARY KEY,
    ticket_id      uuid NOT NULL REFERENCES tickets,
    event_id       uuid NOT NULL,
    outcome        scan_outcome NOT NULL,
    let_in         boolean NOT NULL,
    transfer_count smallint NOT NULL,
    qr_hash        bytea,
    gate           text,
    device_id      text,
    sequence       bigint,
    scanned_by     uuid NOT NULL,
    at             timestamptz NOT NULL DEFAULT now(),
    device_time    timestamptz,
    skew_ms        bigint,
    time_unknown   boolean NOT NULL DEFAULT false,
    received_at    timestamptz NOT NULL DEFAULT now(),
    undone_at      timestamptz,
    undone_by      uuid,
    CONSTRAINT scans_let_in CHECK (let_in OR outcome NOT IN ('admitted', 'undone')),
    CONSTRAINT scans_numbered CHECK (device_id IS NOT NULL OR sequence IS NULL),
    CONSTRAINT scans_time CHECK (device_time IS NOT NULL OR NOT time_unknown),
    CONSTRAINT scans_undone CHECK ((outcome = 'undone') = (undone_at IS NOT NULL))
);
CREATE INDEX scans_ticket_id ON scans (ticket_id);
CREATE INDEX scans_by_scanner ON scans (scanned_by, id);
CREATE INDEX scans_by_event ON scans (event_id, at, id) INCLUDE (gate, outcome);
CREATE UNIQUE INDEX scans_sequence_key ON scans (event_id, device_id, sequence) WHERE sequence IS NOT NULL;
CREATE INDEX scans_conflicts ON scans (event_id, at, id) WHERE let_in AND outcome NOT IN ('admitted', 'undone');

-- ----------------------------------------------------------------------------------------------------- counting

-- Up to which snapshot to count next, and if that is all there is. After a long pause it is a part: the next
-- transactions, so many at the most. For that, all later ones are taken out of the snapshot of now.
CREATE FUNCTION next_snapshot(counted pg_snapshot, most bigint) RETURNS TABLE (ends pg_snapshot, is_all boolean)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT CASE WHEN last <= part_end THEN snapshot ELSE concat(least(first, part_end), ':', part_end, ':', (
        SELECT string_agg(open::text, ',' ORDER BY open) FROM pg_snapshot_xip(snapshot) AS open WHERE open < part_end
    ))::pg_snapshot END, last <= part_end
    FROM (
        SELECT snapshot, pg_snapshot_xmin(snapshot) AS first, pg_snapshot_xmax(snapshot) AS last,
            (pg_snapshot_xmax(counted)::text::bigint + most)::text::xid8 AS part_end
        FROM pg_current_snapshot() AS snapshot
    ) AS taken;
END;

-- ---------------------------------------------------------------------------------------------------- analytics

-- Where the views of an event came from on a day: a host, or what a link says of its campaign. A day has twenty such
-- sources at the most, however many strangers name. The numbers 0 and 21 stand for no source and for all others.
CREATE TABLE view_sources (
    event_id uuid NOT NULL REFERENCES events,
    day      date NOT NULL,
    number   smallint NOT NULL CONSTRAINT view_sources_number CHECK (number BETWEEN 1 AND 20),
    name     text NOT NULL,
    PRIMARY KEY (event_id, day, number),
    CONSTRAINT view_sources_name UNIQUE (event_id, day, name)
);

-- How often an event was looked at on a day at its venue, by source. The views of a source lie in eight rows, so that
-- those who look at once lock different rows. Nothing here tells who looked.
CREATE TABLE event_views (
    event_id      uuid NOT NULL REFERENCES events,
    day           date NOT NULL,
    source_number smallint NOT NULL CONSTRAINT event_views_source_number CHECK (source_number BETWEEN 0 AND 21),
    row_no        smallint NOT NULL CONSTRAINT event_views_row_no CHECK (row_no BETWEEN 0 AND 7),
    views         integer NOT NULL CONSTRAINT event_views_views CHECK (views > 0),
    PRIMARY KEY (event_id, day, source_number, row_no)
) WITH (fillfactor = 50);

-- What sells and what goes back, as facts that never change. Each item of an order that is paid is one, and so is each
-- item that a refund gives something back of. A refund's amount is shared by the items whose tickets end, by what was
-- paid for these. If none of them cost anything, or no ticket ends, all items of the order share it, by their totals.
-- Only the boundaries of shares are rounded, so they add up to the amount. An order counts with its first item of an
-- event.
CREATE VIEW sales_facts AS
SELECT item.order_id, written_in, at, item.event_id, ticket_type_id,
    CASE WHEN EXISTS (
        SELECT FROM order_items AS earlier
        WHERE earlier.order_id = item.order_id AND earlier.item_no < item.item_no AND earlier.event_id = item.event_id
    ) THEN 0 ELSE 1 END AS orders,
    quantity AS tickets, unit_price * quantity AS gross, discount::bigint, coalesce(buyer_fee, 0)::bigint AS buyer_fee,
    coalesce(tax, 0)::bigint AS tax, coalesce(platform_fee, 0)::bigint AS platform_fee, total::bigint,
    0 AS refunded_tickets, 0::bigint AS refunded
FROM order_history JOIN order_items AS item USING (order_id)
WHERE to_status = 'paid' AND from_status <> 'paid'
UNION ALL
SELECT order_id, written_in, created_at, event_id, ticket_type_id, 0, 0, 0, 0, 0, 0, 0, 0, ended,
    coalesce(floor(amount * upper / whole) - floor(amount * (upper - weight) / whole), 0)::bigint
FROM order_refunds AS refund CROSS JOIN LATERAL (
    SELECT event_id, ticket_type_id, ended, weight, sum(weight) OVER (ORDER BY item_no) AS upper,
        nullif(sum(weight) OVER (), 0) AS whole
    FROM (
        SELECT item_no, event_id, ticket_type_id, ended, CASE
            WHEN sum(total * ended) OVER () > 0 THEN total::numeric * ended / quantity ELSE total::numeric
        END AS weight
        FROM order_items AS item CROSS JOIN LATERAL (
            SELECT coalesce(sum(group_size), 0)::integer AS ended FROM tickets
            WHERE tickets.order_id = item.order_id AND tickets.item_no = item.item_no
                AND tickets.id = ANY(refund.ticket_ids)
        ) AS given_back WHERE item.order_id = refund.order_id
    ) AS weighed
) AS shared
WHERE ended > 0 OR weight > 0;

-- The sums of sales_facts, by event, day at its venue and ticket type. A job adds each fact once.
CREATE TABLE daily_sales (
    event_id         uuid NOT NULL,
    day              date NOT NULL,
    ticket_type_id   uuid NOT NULL,
    orders           integer NOT NULL,
    tickets          integer NOT NULL,
    gross            bigint NOT NULL,
    discount         bigint NOT NULL,
    buyer_fee        bigint NOT NULL,
    tax              bigint NOT NULL,
    platform_fee     bigint NOT NULL,
    total            bigint NOT NULL,
    refunded_tickets integer NOT NULL,
    refunded         bigint NOT NULL,
    PRIMARY KEY (event_id, day, ticket_type_id)
) WITH (fillfactor = 70);
CREATE INDEX daily_sales_by_day ON daily_sales (day);

-- One row: which transactions the daily sales have counted, and as of when these are all. Whoever counts locks it.
CREATE TABLE daily_sales_state (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    counted pg_snapshot NOT NULL,
    as_of   timestamptz NOT NULL
);
INSERT INTO daily_sales_state (counted, as_of) VALUES (pg_current_snapshot(), now());

-- ------------------------------------------------------------------------------------------------------- ledger

-- The kinds of transfers of money, each with the accounts that it goes from and to. boxoffice/ledger/kinds.py says what
-- each is for. In an accountant's words, a transfer debits the account that it goes from and credits the other one.
CREATE FUNCTION transfer_kinds() RETURNS TABLE (kind text, from_account text, to_account text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    VALUES
        ('receipt', 'at_provider', 'received'),
        ('sale', 'received', 'pending'),
        ('platform_fee', 'pending', 'platform_income'),
        ('tax', 'pending', 'tax'),
        ('refund', 'pending', 'owed_to_buyers'),
        ('return', 'received', 'owed_to_buyers'),
        ('refund_sent', 'owed_to_buyers', 'at_provider'),
        ('refund_elsewhere', 'pending', 'at_provider'),
        ('return_elsewhere', 'received', 'at_provider'),
        ('dispute', 'pending', 'disputed'),
        ('dispute_of_return', 'received', 'disputed'),
        ('dispute_lost', 'disputed', 'at_provider'),
        ('platform_fee_returned', 'platform_income', 'pending'),
        ('tax_returned', 'tax', 'pending'),
        ('provider_fee', 'pending', 'at_provider'),
        ('platform_cost', 'platform_costs', 'at_provider'),
        ('settlement', 'bank', 'at_provider'),
        ('exchange', 'exchange', 'at_provider'),
        ('release', 'pending', 'available'),
        ('tax_release', 'tax', 'available'),
        ('payout', 'available', 'in_payout'),
        ('payout_sent', 'in_payout', 'bank'),
        ('payout_returned', 'bank', 'available'),
        ('correction', 'platform_income', 'available');
END;

CREATE DOMAIN transfer_kind AS text CHECK (
    VALUE IN ('receipt', 'sale', 'platform_fee', 'tax', 'refund', 'return', 'refund_sent', 'refund_elsewhere',
        'return_elsewhere', 'dispute', 'dispute_of_return', 'dispute_lost', 'platform_fee_returned', 'tax_returned',
        'provider_fee', 'platform_cost', 'settlement', 'exchange', 'release', 'tax_release', 'payout', 'payout_sent',
        'payout_returned', 'correction'));

-- Each row takes an amount from one account to another, so no set of rows can be out of balance. A negative amount
-- takes back some of what went before. Who holds the money is the platform, at its own accounts at providers, or the
-- organisation, which has taken it itself. The organisation's pending money of its own is never paid out to it.
--
-- What posts stands in source_id, with a number for each time that it posts: a money event posts once. Rows are only
-- inserted, and no insert waits for another one: organisations have no row here that a sale would lock.
CREATE TABLE ledger_transfers (
    id              uuid PRIMARY KEY,
    organisation_id uuid NOT NULL,
    kind            transfer_kind NOT NULL,
    holder          text NOT NULL CHECK (holder IN ('platform', 'organisation')),
    currency        text NOT NULL,
    amount          bigint NOT NULL CHECK (amount <> 0),
    source_id       uuid NOT NULL,
    posting_no      integer NOT NULL CHECK (posting_no > 0),
    line_no         smallint NOT NULL,
    order_id        uuid,
    event_id        uuid,
    ticket_type_id  uuid,
    provider        text,
    posted_at       timestamptz NOT NULL DEFAULT now(),
    written_in      xid8 NOT NULL DEFAULT pg_current_xact_id(),
    CONSTRAINT ledger_transfers_source_key UNIQUE (source_id, posting_no, line_no)
);
CREATE INDEX ledger_transfers_by_organisation ON ledger_transfers (organisation_id, id);
CREATE INDEX ledger_transfers_by_event ON ledger_transfers (event_id, id) WHERE event_id IS NOT NULL;
CREATE INDEX ledger_transfers_by_order ON ledger_transfers (order_id, id) WHERE order_id IS NOT NULL;
CREATE INDEX ledger_transfers_uncounted ON ledger_transfers (written_in);
-- Finds what is rare among the sales of years. No sale or refund writes it.
CREATE INDEX ledger_transfers_rare ON ledger_transfers (organisation_id, id)
    WHERE kind IN ('dispute', 'dispute_of_return', 'dispute_lost', 'platform_cost', 'settlement', 'release',
        'tax_release', 'payout', 'payout_sent', 'payout_returned', 'correction');

CREATE TRIGGER ledger_transfers_only_grow BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_transfers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('the ledger only grows');

-- Each transfer as two entries, one for each account. The entries of an account add up to its balance.
CREATE VIEW ledger_entries AS
SELECT id, organisation_id, kind, holder, account, currency, side * amount AS amount, source_id, posting_no, line_no,
    order_id, event_id, ticket_type_id, provider, posted_at, written_in
FROM ledger_transfers JOIN transfer_kinds() USING (kind)
    CROSS JOIN LATERAL (VALUES (from_account, -1), (to_account, 1)) AS sides (account, side);

-- The smallest UUID of version 7 at a moment: ids that are made later are greater (boxoffice/ids.py has the same).
CREATE FUNCTION first_id(moment timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid;

-- What is counted of the ledger: the balance of each account, and what each kind moved in a day (UTC). A job adds each
-- transfer once. What an event has earned is released for each event, so pending and tax are counted by event. What
-- providers hold is counted by provider. All else has the nil UUID and no provider here.
CREATE TABLE ledger_balances (
    organisation_id uuid NOT NULL,
    currency        text NOT NULL,
    holder          text NOT NULL,
    account         text NOT NULL,
    event_id        uuid NOT NULL,
    provider        text NOT NULL,
    amount          bigint NOT NULL,
    PRIMARY KEY (organisation_id, currency, holder, account, event_id, provider)
) WITH (fillfactor = 70);
CREATE INDEX ledger_balances_unreleased ON ledger_balances (organisation_id, event_id)
    WHERE holder = 'platform' AND account IN ('pending', 'tax') AND amount <> 0;

CREATE TABLE ledger_days (
    organisation_id uuid NOT NULL,
    day             date NOT NULL,
    currency        text NOT NULL,
    holder          text NOT NULL,
    kind            text NOT NULL,
    event_id        uuid NOT NULL,
    ticket_type_id  uuid NOT NULL,
    provider        text NOT NULL,
    amount          bigint NOT NULL,
    transfers       integer NOT NULL,
    PRIMARY KEY (organisation_id, day, currency, holder, kind, event_id, ticket_type_id, provider)
) WITH (fillfactor = 70);
CREATE INDEX ledger_days_by_day ON ledger_days (day);

-- One row: which transactions are counted, and as of when these are all. Whoever counts locks it.
CREATE TABLE ledger_state (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    counted pg_snapshot NOT NULL,
    as_of   timestamptz NOT NULL
);
INSERT INTO ledger_state (counted, as_of) VALUES (pg_current_snapshot(), now());

-- What the balances are made of, exact at any moment: what is counted, and what is not. The second bound is that of all
-- transactions. It is without effect, but from a range the planner expects few rows.
CREATE VIEW ledger_amounts AS
SELECT organisation_id, currency, holder, account, event_id, provider, amount FROM ledger_balances WHERE amount <> 0
UNION ALL
SELECT organisation_id, currency, holder, account, event_id, provider, side * amount FROM (
    SELECT organisation_id, currency, holder, kind, event_id, provider, sum(amount)::bigint AS amount
    FROM ledger_transfers
    WHERE written_in BETWEEN (SELECT pg_snapshot_xmin(counted) FROM ledger_state) AND '18446744073709551615'
        AND NOT pg_visible_in_snapshot(written_in, (SELECT counted FROM ledger_state))
    GROUP BY organisation_id, currency, holder, kind, event_id, provider
) AS uncounted JOIN transfer_kinds() USING (kind)
    CROSS JOIN LATERAL (VALUES (from_account, -1), (to_account, 1)) AS sides (account, side);

-- What each kind moved in a day (UTC), exact at any time: what is counted, and what is not counted yet.
CREATE VIEW ledger_turnover AS
SELECT organisation_id, day, currency, holder, kind,
    nullif(event_id, '00000000-0000-0000-0000-000000000000') AS event_id,
    nullif(ticket_type_id, '00000000-0000-0000-0000-000000000000') AS ticket_type_id, amount
FROM ledger_days
UNION ALL
SELECT organisation_id, (posted_at AT TIME ZONE 'UTC')::date, currency, holder, kind::text, event_id, ticket_type_id,
    amount
FROM ledger_transfers
WHERE written_in BETWEEN (SELECT pg_snapshot_xmin(counted) FROM ledger_state) AND '18446744073709551615'
    AND NOT pg_visible_in_snapshot(written_in, (SELECT counted FROM ledger_state));

-- What an admin has added to an organisation's available money, or taken from it, and why.
CREATE TABLE ledger_corrections (
    id              uuid PRIMARY KEY,
    organisation_id uuid NOT NULL REFERENCES organisations,
    currency        text NOT NULL,
    amount          bigint NOT NULL CHECK (amount <> 0),
    reason          text NOT NULL,
    made_by         uuid NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ledger_corrections_by_organisation ON ledger_corrections (organisation_id, id);

-- A closed month's statement, as it was printed first. It never changes, whatever it names is called later.
CREATE TABLE statements (
    organisation_id uuid NOT NULL REFERENCES organisations,
    month           date NOT NULL CONSTRAINT statements_of_months CHECK (extract(day FROM month) = 1),
    document        bytea NOT NULL,
    printed_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organisation_id, month)
);
-- ------------------------------------------------------------------------------------------------------ payouts

-- Where an organisation gets its money: a bank account or mobile money. The account's number is encrypted, and bound to
-- its organisation and row: in another one it cannot be decrypted. A method never changes. It may be used from
-- usable_from on, so that owners who did not add it have time to remove it. That erases the number. The rest stays,
-- since payouts name it.
CREATE TABLE payout_methods (
    id              uuid NOT NULL,
    organisation_id uuid NOT NULL REFERENCES organisations,
    kind            text NOT NULL CHECK (kind IN ('iban', 'bank_account', 'mobile_money')),
    country         text NOT NULL,
    currency        text NOT NULL,
    holder          text NOT NULL,
    bank            text,
    ending          text NOT NULL,
    key_id          integer,
    account         bytea,
    created_by      uuid NOT NULL,
    created_at      timestamptz NOT NULL,
    usable_from     timestamptz NOT NULL,
    removed_at      timestamptz,
    PRIMARY KEY (id, organisation_id, currency), -- payouts name all three, so that none has those of another method
    CONSTRAINT payout_methods_id_key UNIQUE (id),
    CONSTRAINT payout_methods_account CHECK (
        num_nulls(key_id, account) = CASE WHEN removed_at IS NULL THEN 0 ELSE 2 END),
    CONSTRAINT payout_methods_bank CHECK (bank IS NOT NULL OR kind = 'iban'),
    CONSTRAINT payout_methods_wait CHECK (usable_from > created_at)
);
CREATE INDEX payout_methods_by_organisation ON payout_methods (organisation_id, id) WHERE removed_at IS NULL;

-- A file for the platform's bank, with payouts to send. Downloaded again, it has the same name, by which a bank refuses
-- it a second time.
CREATE TABLE payout_files (
    id         uuid PRIMARY KEY,
    format     text NOT NULL CHECK (format IN ('pain.001', 'csv')),
    currency   text NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT payout_files_sepa CHECK (format <> 'pain.001' OR currency = 'EUR')
);

-- Money that an organisation takes out of its balance. Whoever requests one locks the organisation, reads its balance,
-- and inserts and posts it in one transaction. So all its payouts together never take more than there is. A payout
-- stands in one file. decided_by has made the last decision.
CREATE TABLE payouts (
    id              uuid PRIMARY KEY,
    organisation_id uuid NOT NULL,
    method_id       uuid NOT NULL,
    currency        text NOT NULL,
    amount          bigint NOT NULL CHECK (amount > 0),
    status          text NOT NULL DEFAULT 'requested'
        CHECK (status IN ('requested', 'approved', 'rejected', 'sent', 'returned')),
    requested_by    uuid NOT NULL,
    requested_at    timestamptz NOT NULL,
    decided_by      uuid,
    decided_at      timestamptz,
    file_id         uuid REFERENCES payout_files,
    bank_reference  text,
    value_date      date,
    reason          text,
    version         integer NOT NULL DEFAULT 1,
    CONSTRAINT payouts_method_fkey FOREIGN KEY (method_id, organisation_id, currency) REFERENCES payout_methods,
    CONSTRAINT payouts_decided CHECK (
        num_nulls(decided_by, decided_at) = CASE status WHEN 'requested' THEN 2 ELSE 0 END),
    CONSTRAINT payouts_sent CHECK (
        num_nulls(bank_reference, value_date) = CASE WHEN status IN ('sent', 'returned') THEN 0 ELSE 2 END),
    CONSTRAINT payouts_reason CHECK ((reason IS NOT NULL) = (status IN ('rejected', 'returned'))),
    CONSTRAINT payouts_in_file CHECK (file_id IS NULL OR status <> 'requested')
);
CREATE INDEX payouts_by_organisation ON payouts (organisation_id, id);
CREATE INDEX payouts_by_status ON payouts (status, id);
CREATE INDEX payouts_by_method ON payouts (method_id) WHERE status IN ('requested', 'approved');
CREATE INDEX payouts_by_file ON payouts (file_id, id) WHERE file_id IS NOT NULL;
CREATE INDEX payouts_to_send ON payouts (currency, id) WHERE status = 'approved' AND file_id IS NULL;

-- --------------------------------------------------------------------------------------------- provider reports

-- How far the balance report of each provider is read, for the platform's own account there. All entries that the
-- provider made before read_until are stored. While a reading is under way, reading_until says how far it will come,
-- and next_page where it stands. The next call is made at due_at, which is also the lease of whoever makes it. What we
-- have booked before compared_until is compared with the entries.
CREATE TABLE provider_reports (
    provider       text PRIMARY KEY,
    read_until     timestamptz NOT NULL,
    reading_until  timestamptz,
    next_page      text,
    compared_until timestamptz NOT NULL,
    due_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT provider_reports_page_of_reading CHECK (next_page IS NULL OR reading_until IS NOT NULL),
    CONSTRAINT provider_reports_compared CHECK (compared_until <= read_until)
);

-- A provider entry is one of a provider's balance report: what it added to the platform's balance there, or took from
-- it. It moved the amount less the fee. If the provider has converted currencies, charged_amount is the amount as the
-- buyer paid it. The subject is the provider's name for the money, the refund, the dispute or the payout that the entry
-- is about. When the entry is due, a job looks for what we know of that. If that contradicts the entry, difference says
-- how.
CREATE TABLE provider_entries (
    id                  uuid PRIMARY KEY,
    provider            text NOT NULL,
    reference           text NOT NULL,
    kind                text NOT NULL
        CHECK (kind IN ('charge', 'refund', 'dispute', 'fee', 'payout', 'hold', 'other')),
    type                text NOT NULL,
    amount              bigint NOT NULL,
    fee                 bigint NOT NULL,
    currency            text NOT NULL,
    charged_amount      bigint,
    charged_currency    text,
    subject             text,
    money_reference     text,
    payment_id          uuid,
    made_at             timestamptz NOT NULL,
    incoming_payment_id uuid REFERENCES incoming_payments,
    difference          text
        CHECK (difference IN ('missing_here', 'other_amount', 'other_currency', 'not_understood')),
    due_at              timestamptz DEFAULT now(),
    CONSTRAINT provider_entries_reference_key UNIQUE (provider, reference),
    CONSTRAINT provider_entries_charged CHECK ((charged_amount IS NULL) = (charged_currency IS NULL))
);
CREATE INDEX provider_entries_by_subject ON provider_entries (provider, kind, subject) WHERE subject IS NOT NULL;
CREATE INDEX provider_entries_of_money ON provider_entries (incoming_payment_id, kind)
    WHERE incoming_payment_id IS NOT NULL;
CREATE INDEX provider_entries_due ON provider_entries (due_at) WHERE due_at IS NOT NULL;

-- ------------------------------------------------------------------------------------------------------- exports

-- A file that somebody has asked for. A worker writes it, and has a lease on it until due_at, which goes on with each
-- page. If it dies, the next attempt begins again. Days are those at the event's venue, or in UTC without an event.
CREATE TABLE exports (
    id              uuid PRIMARY KEY,
    organisation_id uuid NOT NULL REFERENCES organisations,
    event_id        uuid REFERENCES events,
    kind            text NOT NULL CHECK (kind IN (
        'attendees', 'orders', 'scans', 'revenue', 'subscriptions', 'ledger', 'accounting')),
    format          text NOT NULL CHECK (format IN ('csv', 'xlsx')),
    since           date,
    until           date,
    asked_by        uuid NOT NULL,
    status          text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'running', 'ready', 'failed')),
    attempts        smallint NOT NULL DEFAULT 0,
    rows_done       integer NOT NULL DEFAULT 0,
    rows_about      integer,
    failure         text CHECK (failure IN ('too_many_rows', 'gave_up')),
    due_at          timestamptz DEFAULT now(),
    created_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    CONSTRAINT exports_days CHECK (until >= since),
    CONSTRAINT exports_of_event CHECK (event_id IS NOT NULL OR kind NOT IN ('attendees', 'scans')),
    CONSTRAINT exports_finished CHECK ((status IN ('ready', 'failed')) = (finished_at IS NOT NULL)),
    CONSTRAINT exports_due_until_finished CHECK ((due_at IS NULL) = (finished_at IS NOT NULL)),
    CONSTRAINT exports_failed_with_reason CHECK ((status = 'failed') = (failure IS NOT NULL))
);
CREATE INDEX exports_due ON exports (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX exports_created_at ON exports (created_at);

-- -------------------------------------------------------------------------------------------------------- slots

-- A place with capacity, such as a cloakroom or a car park. Its capacity is the number of its slots that are not
-- withdrawn.
CREATE TABLE places (
    id              uuid PRIMARY KEY,
    organisation_id uuid NOT NULL REFERENCES organisations,
    event_id        uuid REFERENCES events,
    name            text NOT NULL,
    capacity        integer NOT NULL CHECK (capacity >= 0),
    time_zone       time_zone NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX places_by_organisation ON places (organisation_id, id);
CREATE INDEX places_by_event ON places (event_id, id) WHERE event_id IS NOT NULL;

-- Slots are numbered from 1 without a gap. None is ever deleted, so an old claim still has its slot. If the capacity
-- shrinks, the highest free slots are withdrawn.
CREATE TABLE slots (
    place_id   uuid NOT NULL REFERENCES places,
    number     integer NOT NULL CHECK (number > 0),
    state      text NOT NULL DEFAULT 'free' CHECK (state IN ('free', 'taken', 'withdrawn')),
    PRIMARY KEY (place_id, number)
) WITH (fillfactor = 50);
CREATE INDEX slots_by_state ON slots (place_id, state, number);

-- A person whom an organisation has checked in. One identity names the customer: an account, an email address or a
-- phone number.
CREATE TABLE customers (
    id              uuid PRIMARY KEY,
    organisation_id uuid NOT NULL,
    account_id      uuid REFERENCES accounts,
    email           text CHECK (email = lower(email)),
    phone           text,
    name            text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT customers_identity_key UNIQUE NULLS NOT DISTINCT (organisation_id, account_id, email, phone),
    CONSTRAINT customers_one_identity CHECK (num_nonnulls(account_id, email, phone) = 1)
);
CREATE INDEX customers_account_id ON customers (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX customers_email ON customers (email) WHERE email IS NOT NULL;
CREATE INDEX customers_phone ON customers (phone) WHERE phone IS NOT NULL;

-- A customer's use of a slot. The claim is open until it is released. Only the SHA-256 of its QR is stored.
CREATE TABLE claims (
    id          uuid PRIMARY KEY,
    place_id    uuid NOT NULL,
    slot        integer NOT NULL,
    customer_id uuid NOT NULL REFERENCES customers,
    note        text,
    key_id      smallint NOT NULL,
    qr_hash     bytea NOT NULL,
    claimed_at  timestamptz NOT NULL DEFAULT now(),
    claimed_by  uuid NOT NULL,
    released_at timestamptz,
    released_by uuid,
    FOREIGN KEY (place_id, slot) REFERENCES slots
);
CREATE UNIQUE INDEX claims_one_open ON claims (place_id, slot) WHERE released_at IS NULL;
CREATE INDEX claims_open_by_customer ON claims (customer_id) WHERE released_at IS NULL;
CREATE INDEX claims_by_customer ON claims (customer_id, id);
CREATE INDEX claims_by_day ON claims (place_id, claimed_at);
CREATE INDEX claims_by_day_released ON claims (place_id, released_at) INCLUDE (claimed_at)
    WHERE released_at IS NOT NULL;

-- ----------------------------------------------------------------------------------------------------- webhooks

-- Where an organisation listens to webhooks, and to which types; null means all. One worker at a time has the turn of
-- an endpoint, and sends what is due. No turn begins before next_turn_at: the end of a worker's lease, or of a pause.
-- It counts the failures since the last success, and failing_since is when the first of them was. A deleted endpoint
-- stays without its secrets until its deliveries are purged.
CREATE TABLE webhook_endpoints (
    id              uuid PRIMARY KEY,
    organisation_id uuid NOT NULL REFERENCES organisations,
    url             text NOT NULL,
    types           text[],
    description     text NOT NULL,
    disabled_at     timestamptz,
    disabled_reason text CHECK (disabled_reason IN ('by_owner', 'gone', 'failing', 'deleted')),
    next_turn_at    timestamptz NOT NULL DEFAULT now(),
    failures        integer NOT NULL DEFAULT 0,
    failing_since   timestamptz,
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT webhook_endpoints_disabled CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL)),
    CONSTRAINT webhook_endpoints_failing CHECK ((failing_since IS NULL) = (failures = 0))
);
CREATE INDEX webhook_endpoints_by_organisation ON webhook_endpoints (organisation_id, id);

-- True if an endpoint wants webhooks of a type. Only then are they owed to it.
CREATE FUNCTION listens(endpoint webhook_endpoints, type text) RETURNS boolean LANGUAGE sql STABLE
    RETURN endpoint.disabled_at IS NULL AND (endpoint.types IS NULL OR type = ANY(endpoint.types));

-- What signs the webhooks of an endpoint, encrypted. One secret has no end. Former ones sign beside it until they end.
CREATE TABLE webhook_secrets (
    id          uuid PRIMARY KEY,
    endpoint_id uuid NOT NULL REFERENCES webhook_endpoints,
    key_id      integer NOT NULL,
    secret      bytea NOT NULL,
    ends_at     timestamptz
);
CREATE INDEX webhook_secrets_by_endpoint ON webhook_secrets (endpoint_id, id);
CREATE UNIQUE INDEX webhook_secrets_current ON webhook_secrets (endpoint_id) WHERE ends_at IS NULL;

-- The webhooks that committed changes owe, each to one endpoint. Whoever changes an order would lock the endpoint for a
-- foreign key, and so has none. The id is the webhook-id of every attempt and replay. No attempt begins before due_at.
-- While one is under way, that is the end of its worker's lease. attempts_before counts those before the last replay.
CREATE TABLE webhook_deliveries (
    id              uuid PRIMARY KEY,
    endpoint_id     uuid NOT NULL,
    organisation_id uuid NOT NULL,
    type            text NOT NULL,
    body            jsonb NOT NULL,
    status          text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sending', 'delivered', 'failed')),
    attempts        integer NOT NULL DEFAULT 0,
    attempts_before integer NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL DEFAULT now(),
    attempted_at    timestamptz,
    response_status smallint,
    duration_ms     integer,
    answer          text,
    error           text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT webhook_deliveries_attempts CHECK (attempts_before BETWEEN 0 AND attempts),
    CONSTRAINT webhook_deliveries_error CHECK (status <> 'failed' OR error IS NOT NULL)
);
CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries (endpoint_id, status, id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, due_at) WHERE status IN ('pending', 'sending');
CREATE INDEX webhook_deliveries_created_at ON webhook_deliveries USING brin (created_at);

-- A time as all answers show it (RFC 3339).
CREATE FUNCTION rfc_3339(moment timestamptz) RETURNS text LANGUAGE sql STABLE
    RETURN to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- The body of a webhook, with the fields that Standard Webhooks recommends.
CREATE FUNCTION webhook_body(type text, data jsonb) RETURNS jsonb LANGUAGE sql STABLE
    RETURN jsonb_build_object('type', type, 'timestamp', rfc_3339(now()), 'data', data);

-- --------------------------------------------------------------------------------------------------- the platform

-- The settings that differ from their defaults.
CREATE TABLE platform_settings (
    name  text PRIMARY KEY,
    value jsonb NOT NULL
);

-- One row. It grows with each change of the settings, and whoever changes them locks it.
CREATE TABLE platform_settings_version (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    version integer NOT NULL
);
INSERT INTO platform_settings_version (version) VALUES (1);

-- Written in the transaction of the effect. A repeat violates the primary key.
CREATE TABLE idempotency_keys (
    operation   text NOT NULL,
    scope       text NOT NULL,
    key         text NOT NULL,
    fingerprint bytea NOT NULL,
    response    jsonb NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (operation, scope, key)
);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys USING brin (created_at);

-- The emails and text messages that committed changes owe. No worker tries a message before due_at. A message in work
-- is leased to one worker until then. At relay_at the job relay_outbox puts it on the queue, or does so again. One that
-- nobody needs any more when it would be sent is dropped; last_error says why. In feedback is what SES has told of an
-- email, or that it was dropped because its address is suppressed. It can come before the worker has noted that the
-- email is sent. Long after a message has ended, it is deleted. One that failed stays without its recipient. That is
-- empty then, and of the payload only ids are left.
CREATE TABLE outbox (
    id             uuid PRIMARY KEY,
    kind           text NOT NULL CHECK (kind IN ('email', 'sms')),
    template       text NOT NULL,
    recipient      text NOT NULL,
    payload        jsonb NOT NULL,
    status         text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'sending', 'sent', 'failed', 'dropped')),
    attempts       smallint NOT NULL DEFAULT 0,
    due_at         timestamptz NOT NULL DEFAULT now(),
    relay_at       timestamptz NOT NULL DEFAULT now() + interval '30 seconds',
    last_error     text,
    aws_message_id text,
    feedback       text CHECK (feedback IN ('bounced', 'complained', 'suppressed')),
    created_at     timestamptz NOT NULL DEFAULT now(),
    sent_at        timestamptz,
    CONSTRAINT outbox_suppressed CHECK (feedback <> 'suppressed' OR status = 'dropped')
);
CREATE INDEX outbox_relay ON outbox (relay_at) WHERE status IN ('pending', 'sending');
-- What an admin lists: all messages, those of a template, and those that are in one of the rarer states.
CREATE INDEX outbox_by_time ON outbox (created_at, id);
CREATE INDEX outbox_by_template ON outbox (template, created_at, id);
CREATE INDEX outbox_not_sent ON outbox (status, created_at, id) WHERE status <> 'sent';
CREATE INDEX outbox_to_purge ON outbox (created_at)
    WHERE status IN ('sent', 'dropped') OR status = 'failed' AND recipient <> '';
CREATE INDEX outbox_by_recipient ON outbox (recipient, id);
-- The emails of an announcement, which are counted.
CREATE INDEX outbox_of_mailings ON outbox ((coalesce(payload ->> 'announcement_id', payload ->> 'issue_id')))
    WHERE payload ?| ARRAY['announcement_id', 'issue_id'];

-- Addresses that emails are written to no more, since one came back for good, or its reader has complained of one.
-- An admin may lift that. What SES tells of a time before that changes nothing then.
CREATE TABLE suppressed_addresses (
    id            uuid PRIMARY KEY,
    address       text NOT NULL CONSTRAINT suppressed_addresses_address_key UNIQUE CHECK (address = lower(address)),
    reason        text NOT NULL CHECK (reason IN ('bounced', 'complained')),
    detail        text NOT NULL,
    suppressed_at timestamptz NOT NULL,
    lifted_at     timestamptz
);
CREATE INDEX suppressed_addresses_newest ON suppressed_addresses (suppressed_at, id) WHERE lifted_at IS NULL;

-- What a manager writes to the buyers or holders of an event. A job writes the emails in the order of the orders, and
-- has come to last_order_id. Only who had a ticket by created_at gets one. The counts are of the emails in the outbox.
-- The same job counts them again at tally_at, until nothing more will be known of them.
CREATE TABLE announcements (
    id              uuid PRIMARY KEY,
    organisation_id uuid NOT NULL REFERENCES organisations,
    event_id        uuid NOT NULL REFERENCES events,
    sent_by         uuid NOT NULL REFERENCES accounts,
    subject         text NOT NULL,
    body            text NOT NULL,
    audience        text NOT NULL CHECK (audience IN ('buyers', 'holders')),
    ticket_status   text NOT NULL CHECK (ticket_status IN ('valid', 'refunded')),
    ticket_type_ids uuid[],
    admitted        boolean,
    created_at      timestamptz NOT NULL DEFAULT now(),
    last_order_id   uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    finished_at     timestamptz,
    withdrawn_at    timestamptz,
    tally_at        timestamptz DEFAULT now(),
    expected        integer NOT NULL,
    recipients      integer NOT NULL DEFAULT 0,
    waiting         integer NOT NULL DEFAULT 0,
    sent            integer NOT NULL DEFAULT 0,
    bounced         integer NOT NULL DEFAULT 0,
    complained      integer NOT NULL DEFAULT 0,
    suppressed      integer NOT NULL DEFAULT 0,
    failed          integer NOT NULL DEFAULT 0
);
CREATE INDEX announcements_by_event ON announcements (event_id, id);
CREATE INDEX announcements_unfinished ON announcements (created_at)
    WHERE finished_at IS NULL AND withdrawn_at IS NULL;
CREATE INDEX announcements_to_tally ON announcements (tally_at) WHERE tally_at IS NOT NULL;

-- What has become of the emails of an announcement or of an issue of a newsletter. Sent emails are deleted after a
-- week at the earliest. By then nothing more becomes known of them.
CREATE FUNCTION tally_of_mailing(mailing uuid) RETURNS TABLE (
    waiting bigint, sent bigint, bounced bigint, complained bigint, suppressed bigint, failed bigint
) LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT count(*) FILTER (WHERE status IN ('pending', 'sending')), count(*) FILTER (WHERE status = 'sent'),
        count(*) FILTER (WHERE feedback = 'bounced'), count(*) FILTER (WHERE feedback = 'complained'),
        count(*) FILTER (WHERE feedback = 'suppressed'), count(*) FILTER (WHERE status = 'failed')
    FROM outbox
    WHERE coalesce(payload ->> 'announcement_id', payload ->> 'issue_id') = mailing::text
        AND payload ?| ARRAY['announcement_id', 'issue_id'];
END;

-- Whoever has confirmed that they want the newsletter of an organisation or, if there is none, of the platform. A
-- mailbox has one row of a list, ever: whoever has unsubscribed stays in it as suppressed. Then only the MAC of the
-- mailbox is kept, so that nobody writes to them until they confirm again. That takes the same row, so old links to
-- unsubscribe work.
CREATE TABLE newsletter_subscriptions (
    id              uuid PRIMARY KEY,
    organisation_id uuid REFERENCES organisations,
    list_id         uuid NOT NULL
        GENERATED ALWAYS AS (coalesce(organisation_id, '00000000-0000-0000-0000-000000000000')) STORED,
    email           text CHECK (email = lower(email)),
    mailbox         text,
    address_mac     bytea,
    consent_version text NOT NULL,
    locale          language_tag,
    confirmed_at    timestamptz NOT NULL DEFAULT now(),
    unsubscribed_at timestamptz,
    CONSTRAINT newsletter_subscriptions_suppressed CHECK (
        CASE WHEN unsubscribed_at IS NULL THEN num_nulls(email, mailbox) = 0 AND address_mac IS NULL
        ELSE num_nonnulls(email, mailbox) = 0 AND address_mac IS NOT NULL END)
);
CREATE UNIQUE INDEX newsletter_one_subscription ON newsletter_subscriptions (list_id, mailbox);
CREATE UNIQUE INDEX newsletter_one_suppression ON newsletter_subscriptions (list_id, address_mac);
CREATE INDEX newsletter_subscribed ON newsletter_subscriptions (list_id, confirmed_at, id)
    WHERE unsubscribed_at IS NULL;
CREATE INDEX newsletter_unsubscribed ON newsletter_subscriptions (list_id, unsubscribed_at, id)
    WHERE unsubscribed_at IS NOT NULL;
CREATE INDEX newsletter_by_email ON newsletter_subscriptions (email) WHERE email IS NOT NULL;

-- An issue of a newsletter. A job writes the emails in the order of the confirmations, and has come to the last one.
-- Only who had confirmed by created_at gets it. The counts are those of an announcement, and of who has unsubscribed
-- since.
CREATE TABLE newsletter_issues (
    id                   uuid PRIMARY KEY,
    organisation_id      uuid REFERENCES organisations,
    list_id              uuid NOT NULL
        GENERATED ALWAYS AS (coalesce(organisation_id, '00000000-0000-0000-0000-000000000000')) STORED,
    sent_by              uuid NOT NULL REFERENCES accounts,
    subject              text NOT NULL,
    body                 text NOT NULL,
    created_at           timestamptz NOT NULL DEFAULT now(),
    last_confirmed_at    timestamptz NOT NULL DEFAULT '1970-01-01 00:00:00Z',
    last_subscription_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    finished_at          timestamptz,
    withdrawn_at         timestamptz,
    tally_at             timestamptz DEFAULT now(),
    expected             integer NOT NULL,
    recipients           integer NOT NULL DEFAULT 0,
    waiting              integer NOT NULL DEFAULT 0,
    sent                 integer NOT NULL DEFAULT 0,
    bounced              integer NOT NULL DEFAULT 0,
    complained           integer NOT NULL DEFAULT 0,
    suppressed           integer NOT NULL DEFAULT 0,
    failed               integer NOT NULL DEFAULT 0,
    unsubscribed         integer NOT NULL DEFAULT 0
);
CREATE INDEX newsletter_issues_by_list ON newsletter_issues (list_id, id);
CREATE INDEX newsletter_issues_unfinished ON newsletter_issues (created_at)
    WHERE finished_at IS NULL AND withdrawn_at IS NULL;
CREATE INDEX newsletter_issues_to_tally ON newsletter_issues (tally_at) WHERE tally_at IS NOT NULL;

-- Who is to get an announcement, of the orders after one and up to another. A ticket that has passed to somebody is
-- theirs, unless the announcement is for buyers. If came is not null, only tickets count whose holder has come, or not.
CREATE FUNCTION announcement_audience(
    the_event uuid, for_buyers boolean, the_status text, types uuid[], came boolean, until timestamptz,
    after_order uuid, up_to_order uuid
) RETURNS TABLE (order_id uuid, ticket_id uuid, email text) LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT DISTINCT item.order_id, CASE WHEN is_passed THEN tickets.id END,
        CASE WHEN is_passed THEN holder_email ELSE buyer_email END
    FROM order_items AS item JOIN orders ON orders.id = item.order_id
        JOIN tickets ON tickets.order_id = item.order_id AND tickets.item_no = item.item_no
        CROSS JOIN LATERAL (SELECT holder_email IS NOT NULL AND NOT for_buyers) AS holder (is_passed)
    WHERE item.event_id = the_event AND item.order_id > after_order AND item.order_id <= up_to_order
        AND tickets.status = the_status AND tickets.created_at <= until
        AND (types IS NULL OR item.ticket_type_id = ANY(types)) AND (came IS NULL OR (entries > 0) = came);
END;

-- True if what a message is about still names an address. It may be an order, a refund of it, a ticket, a transfer, a
-- place on a waitlist or a subscription. Erasures of others leave such a message alone.
CREATE FUNCTION still_names(payload jsonb, address text) RETURNS boolean LANGUAGE sql STABLE
    RETURN EXISTS (SELECT FROM orders WHERE id = (payload ->> 'order_id')::uuid AND buyer_email = address)
        OR EXISTS (
            SELECT FROM order_refunds JOIN orders ON orders.id = order_id
            WHERE order_refunds.id = (payload ->> 'order_refund_id')::uuid AND buyer_email = address)
        OR EXISTS (
            SELECT FROM refunds JOIN payments ON payments.id = payment_id JOIN orders ON orders.id = order_id
            WHERE refunds.id = (payload ->> 'refund_id')::uuid AND buyer_email = address)
        OR EXISTS (SELECT FROM tickets WHERE id = (payload ->> 'ticket_id')::uuid AND holder_email = address)
        OR EXISTS (
            SELECT FROM transfers WHERE id = (payload ->> 'transfer_id')::uuid AND address IN (from_email, to_email))
        OR EXISTS (SELECT FROM waitlist_entries WHERE id = (payload ->> 'entry_id')::uuid AND email = address)
        OR EXISTS (
            SELECT FROM newsletter_subscriptions WHERE id = (payload ->> 'subscription_id')::uuid AND email = address);

-- Keys of a ring are withdrawn: those up to an id. From signs_at on, another key signs. What they have signed is
-- renewed if that matters: tickets before the keys are withdrawn, and links after that. The orders are looked at by
-- event, the next event first. The last one is (listed_starts_at, listed_event_id, listed_order_id). If is_listed,
-- there is none after it. If found, this pass has found an order to renew.
CREATE TABLE key_withdrawals (
    id               uuid PRIMARY KEY,
    ring             text NOT NULL CHECK (ring IN ('token', 'ticket', 'link', 'code')),
    up_to            smallint NOT NULL,
    started_at       timestamptz NOT NULL DEFAULT now(),
    signs_at         timestamptz,
    listed_starts_at timestamptz NOT NULL DEFAULT '1970-01-01 00:00:00Z',
    listed_event_id  uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    listed_order_id  uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    found            boolean NOT NULL DEFAULT false,
    is_listed        boolean NOT NULL DEFAULT false,
    withdrawn_at     timestamptz,
    finished_at      timestamptz,
    CONSTRAINT key_withdrawals_finished CHECK (finished_at IS NULL OR withdrawn_at IS NOT NULL)
);
CREATE UNIQUE INDEX key_withdrawals_one_open ON key_withdrawals (ring) WHERE finished_at IS NULL;

-- The orders whose tickets or links a withdrawal has yet to renew. Those of the next event come first.
CREATE TABLE renewals (
    withdrawal_id uuid NOT NULL REFERENCES key_withdrawals,
    order_id      uuid NOT NULL,
    starts_at     timestamptz NOT NULL,
    PRIMARY KEY (withdrawal_id, order_id)
);
CREATE INDEX renewals_next ON renewals (starts_at, order_id);


-- What is left of an order's item, without what was refunded.
CREATE FUNCTION kept_quantity(the_order uuid, item smallint, bought integer) RETURNS integer LANGUAGE sql STABLE
    RETURN bought - (
        SELECT coalesce(sum(group_size), 0)::integer FROM tickets
        WHERE tickets.order_id = the_order AND tickets.item_no = item AND status = 'refunded');

-- How much of a ticket type a person has in live orders at an organisation, by the mailbox or by the account. The items
-- are looked up order by order: a join would read all items there are, since the planner expects many orders.
CREATE FUNCTION owned_quantity(ticket_type uuid, organisation uuid, the_mailbox text, account uuid) RETURNS integer
    LANGUAGE sql STABLE
    RETURN (
        SELECT coalesce(sum((
            SELECT sum(kept_quantity(item.order_id, item.item_no, quantity)) FROM order_items AS item
            WHERE item.order_id = live.id AND ticket_type_id = ticket_type)), 0)::integer FROM (
            SELECT id FROM orders
            WHERE organisation_id = organisation AND mailbox_of(buyer_email) = the_mailbox
                AND status IN ('pending', 'paid', 'partially_refunded')
            UNION
            SELECT id FROM orders
            WHERE account_id = account AND organisation_id = organisation
                AND status IN ('pending', 'paid', 'partially_refunded')
        ) AS live);

-- Whose personal data is to be erased, because they have asked for it. From due_at on a job erases it bit by bit: that
-- of the account, and that of guests with this phone or this address. The address counts if it is proven to be theirs.
-- Once nothing is left, the address and the phone go too, and the row shows that the request was met.
CREATE TABLE erasures (
    id          uuid PRIMARY KEY,
    account_id  uuid UNIQUE REFERENCES accounts,
    email       text,
    is_proven   boolean NOT NULL,
    phone       text,
    asked_at    timestamptz NOT NULL DEFAULT now(),
    due_at      timestamptz DEFAULT now(),
    finished_at timestamptz,
    CONSTRAINT erasures_due_until_finished CHECK ((due_at IS NULL) = (finished_at IS NOT NULL)),
    CONSTRAINT erasures_finished_without_contact CHECK (finished_at IS NULL OR (email IS NULL AND phone IS NULL))
);
CREATE INDEX erasures_due ON erasures (due_at) WHERE due_at IS NOT NULL;

-- How far the contacts of an event's orders have been erased, long after the event, in the order of the orders' ids.
CREATE TABLE contact_purges (
    event_id      uuid PRIMARY KEY REFERENCES events,
    last_order_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    finished_at   timestamptz
);

-- A run of the checks of all invariants, which a job begins each night. It checks the data part by part, each in the
-- order of the ids, and has come to the id in after. Changes of orders after after_history are newer than the run. In
-- breaches are up to ten rows for each check that found some, by the name of the check.
CREATE TABLE invariant_runs (
    id            uuid PRIMARY KEY,
    started_at    timestamptz NOT NULL DEFAULT now(),
    finished_at   timestamptz,
    part          text NOT NULL DEFAULT 'orders'
        CHECK (part IN ('orders', 'events', 'pools', 'places', 'days', 'organisations', 'rest')),
    after         uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    after_history bigint NOT NULL,
    checked       bigint NOT NULL DEFAULT 0,
    breaches      jsonb NOT NULL DEFAULT '{}'
);
CREATE UNIQUE INDEX invariant_runs_one_at_a_time ON invariant_runs ((true)) WHERE finished_at IS NULL;

-- The last entry of each chain. An entry about an account is in the account's own chain, one about an organisation in
-- the organisation's, and all others in the platform's. So log-ins do not wait for each other (decision 41).
CREATE TABLE audit_chains (
    chain   uuid PRIMARY KEY,
    entries bigint NOT NULL,
    hash    bytea NOT NULL
);

-- Who did what to what. In place of a personal value, details has {"sha256": …}, the hash of a salt and the value.
CREATE TABLE audit_log (
    chain         uuid NOT NULL,
    entry         bigint NOT NULL,
    at            timestamptz NOT NULL,
    actor_kind    text NOT NULL,
    actor_id      uuid,
    as_admin      boolean NOT NULL,
    action        text NOT NULL,
    subject       text NOT NULL,
    details       jsonb NOT NULL,
    previous_hash bytea NOT NULL,
    hash          bytea NOT NULL,
    PRIMARY KEY (chain, entry)
);
CREATE INDEX audit_log_by_time ON audit_log (at, chain, entry);
CREATE INDEX audit_log_by_chain ON audit_log (chain, at, entry);
CREATE INDEX audit_log_by_actor ON audit_log (actor_id, at, chain, entry) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_log_by_subject ON audit_log (subject, at, chain, entry);
CREATE INDEX audit_log_by_action ON audit_log (action, at, chain, entry);

-- The personal values of entries. They can be erased, and the chain stays whole. account_id is whom a value is about.
CREATE TABLE audit_values (
    chain      uuid NOT NULL,
    entry      bigint NOT NULL,
    digest     bytea NOT NULL,
    salt       bytea NOT NULL CHECK (octet_length(salt) = 16),
    value      text NOT NULL,
    account_id uuid,
    PRIMARY KEY (chain, entry, digest)
);
CREATE INDEX audit_values_account_id ON audit_values (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX audit_values_value ON audit_values USING hash (value);

-- The hash of an entry. tools/verify_audit.py makes the same of an export.
CREATE FUNCTION audit_hash(
    previous_hash bytea, chain uuid, entry bigint, at timestamptz, actor_kind text, actor_id uuid, as_admin boolean,
    action text, subject text, details jsonb
) RETURNS bytea LANGUAGE sql STABLE RETURN sha256(previous_hash || convert_to(jsonb_build_array(
    chain, entry, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), actor_kind, actor_id, as_admin,
    action, subject, details)::text, 'UTF8'));

CREATE TRIGGER audit_log_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('the audit log only grows');
