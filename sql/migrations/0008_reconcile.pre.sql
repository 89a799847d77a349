-- Both sides are compared: how far, how often, and what was found.

-- window: records whose stamp lies in a span of time; full: ids and stamps of all records; refresh: values of all
-- records, for fields that change without their record's stamp.
CREATE TYPE isthmus.comparison AS ENUM ('window', 'full', 'refresh');

-- running -> done, or failed: a person must act (last_error), and the next run begins anew.
CREATE TYPE isthmus.comparison_state AS ENUM ('running', 'done', 'failed');

ALTER TABLE isthmus.sync_configurations
    ADD COLUMN full_compare_days integer NOT NULL DEFAULT 7 CHECK (full_compare_days >= 0),  -- 0 is never
    ADD COLUMN refresh_minutes integer CHECK (refresh_minutes > 0);                          -- NULL is never

CREATE TABLE isthmus.watermark (
    sync_config_id integer PRIMARY KEY REFERENCES isthmus.sync_configurations ON DELETE CASCADE,
    compared_until timestamptz,                      -- records with older stamps were compared
    full_at timestamptz,                             -- when the last full compare began
    refreshed_at timestamptz                         -- when the last refresh began
);

CREATE TABLE isthmus.reconciliation (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sync_config_id integer NOT NULL REFERENCES isthmus.sync_configurations ON DELETE CASCADE,
    kind isthmus.comparison NOT NULL,
    reason text NOT NULL,                            -- who asked: schedule, shell, overflow, expired, ...
    state isthmus.comparison_state NOT NULL DEFAULT 'running',
    since timestamptz,                               -- of a window: stamps from then on
    until timestamptz NOT NULL,                      -- and before this
    place jsonb NOT NULL DEFAULT '{}',               -- where the next slice begins
    compared bigint NOT NULL DEFAULT 0,              -- records
    missing bigint NOT NULL DEFAULT 0,               -- that had no row
    older bigint NOT NULL DEFAULT 0,                 -- whose row was older, or said something else
    gone bigint NOT NULL DEFAULT 0,                  -- rows whose records are deleted, or outside of the filter
    purged bigint NOT NULL DEFAULT 0,                -- rows whose records are nowhere: they went
    held bigint NOT NULL DEFAULT 0,                  -- such rows that wait for a person
    unseen bigint NOT NULL DEFAULT 0,                -- rows whose records we cannot see: hidden or purged, they stay
    started_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    ended_at timestamptz,
    lease_until timestamptz,                         -- somebody is at a slice
    last_error text,
    CHECK ((state = 'running') = (ended_at IS NULL))
);

-- Serves the search for a mapping's runs, and their pruning.
CREATE INDEX reconciliation_runs ON isthmus.reconciliation (sync_config_id, started_at);

-- Deletions in Salesforce that are more than a person need not be asked about: their rows stay until one has spoken.
CREATE TABLE isthmus.held_deletion (
    table_name text,
    sfid varchar(18) COLLATE "C",
    held_at timestamptz NOT NULL,
    allowed boolean,                                 -- NULL while nobody has decided
    decided_at timestamptz,
    decided_by text,
    decided_why text,
    PRIMARY KEY (table_name, sfid),
    CHECK ((allowed IS NULL) = (decided_at IS NULL))
);

-- How many rows of a table went because their records were deleted, by the minute: what the guard judges by.
CREATE TABLE isthmus.arrived_deletions (
    table_name text,
    minute timestamptz,
    deletions integer NOT NULL,
    PRIMARY KEY (table_name, minute)
);
