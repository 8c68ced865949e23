-- The sandbox's memory (SQLite).

-- After `failed` a payment may still succeed, after `cancelled` never.
CREATE TABLE IF NOT EXISTS payments (
    id       TEXT PRIMARY KEY,
    amount   INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    number   TEXT NOT NULL,
    buyer    TEXT NOT NULL,
    return_url TEXT NOT NULL,
    status   TEXT NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'processing', 'succeeded', 'failed', 'cancelled'))
) STRICT;

CREATE TABLE IF NOT EXISTS refunds (
    id         TEXT PRIMARY KEY,
    payment_id TEXT NOT NULL REFERENCES payments,
    amount     INTEGER NOT NULL CHECK (amount > 0),
    status     TEXT NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
    reason     TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS refunds_payment_id ON refunds (payment_id);

-- Refunds that somebody made on the dashboard, and disputes. The type is that of the last webhook about it.
CREATE TABLE IF NOT EXISTS reversals (
    reference  TEXT PRIMARY KEY,
    payment_id TEXT NOT NULL REFERENCES payments,
    type       TEXT NOT NULL,
    amount     INTEGER NOT NULL CHECK (amount > 0)
) STRICT;
CREATE INDEX IF NOT EXISTS reversals_payment_id ON reversals (payment_id);

-- What of a payment's money is not there any more.
CREATE VIEW IF NOT EXISTS went_back AS
SELECT payment_id, amount FROM refunds WHERE status <> 'failed'
UNION ALL
SELECT payment_id, amount FROM reversals WHERE type IN ('refund.created', 'dispute.opened', 'dispute.lost');

-- due_at is when the next attempt begins, in Unix seconds. It is null once the API has taken the webhook.
CREATE TABLE IF NOT EXISTS webhooks (
    id       TEXT PRIMARY KEY,
    body     TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at   REAL
) STRICT;
CREATE INDEX IF NOT EXISTS webhooks_due ON webhooks (due_at) WHERE due_at IS NOT NULL;

-- The balance report: what each payment, refund and dispute has added to the balance, or taken from it. The sandbox
-- keeps 1.5 % of each payment, rounded half up. Triggers write it, so that it misses nothing.
CREATE TABLE IF NOT EXISTS entries (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    payment_id TEXT NOT NULL REFERENCES payments,
    kind       TEXT NOT NULL,
    type       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    amount     INTEGER NOT NULL,
    fee        INTEGER NOT NULL DEFAULT 0,
    made_at    REAL NOT NULL DEFAULT ((julianday('now') - 2440587.5) * 86400)
) STRICT;

CREATE TRIGGER IF NOT EXISTS enter_payment AFTER UPDATE OF status ON payments
WHEN NEW.status = 'succeeded' AND OLD.status <> 'succeeded'
BEGIN
    INSERT INTO entries (payment_id, kind, type, subject, amount, fee)
    VALUES (NEW.id, 'charge', 'payment.succeeded', NEW.id, NEW.amount, (NEW.amount * 15 + 500) / 1000);
END;

CREATE TRIGGER IF NOT EXISTS enter_refund AFTER INSERT ON refunds WHEN NEW.status <> 'failed'
BEGIN
    INSERT INTO entries (payment_id, kind, type, subject, amount)
    VALUES (NEW.payment_id, 'refund', 'refund.created', NEW.id, -NEW.amount);
END;

CREATE TRIGGER IF NOT EXISTS enter_failed_refund AFTER UPDATE OF status ON refunds
WHEN NEW.status = 'failed' AND OLD.status <> 'failed'
BEGIN
    INSERT INTO entries (payment_id, kind, type, subject, amount)
    VALUES (NEW.payment_id, 'refund', 'refund.failed', NEW.id, NEW.amount);
END;

CREATE TRIGGER IF NOT EXISTS enter_reversal AFTER INSERT ON reversals
BEGIN
    INSERT INTO entries (payment_id, kind, type, subject, amount)
    VALUES (NEW.payment_id, substr(NEW.type, 1, instr(NEW.type, '.') - 1), NEW.type, NEW.reference, -NEW.amount);
END;

CREATE TRIGGER IF NOT EXISTS enter_end_of_reversal AFTER UPDATE OF type ON reversals
WHEN NEW.type IN ('refund.failed', 'dispute.won')
BEGIN
    INSERT INTO entries (payment_id, kind, type, subject, amount)
    VALUES (NEW.payment_id, substr(NEW.type, 1, instr(NEW.type, '.') - 1), NEW.type, NEW.reference, NEW.amount);
END;
