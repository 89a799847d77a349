-- begin --
-- One migrator at a time, for as long as the transaction lasts.
SELECT pg_advisory_xact_lock(hashtext('isthmus.migrate'));

-- ledger --
-- Which halves of which migrations have run.
CREATE SCHEMA IF NOT EXISTS isthmus;
CREATE TABLE IF NOT EXISTS isthmus.migration (
    name text NOT NULL,
    half text NOT NULL CHECK (half IN ('pre', 'post')),
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, half)
);

-- applied --
-- What has run.
SELECT name, half FROM isthmus.migration;

-- note --
-- Note that a half has run.
INSERT INTO isthmus.migration (name, half) VALUES (:name, :half);
