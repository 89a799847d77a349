-- First loads: all records of a mapping, slice by slice, from one side to the other.

CREATE TYPE isthmus.backfill_state AS ENUM (
    'asking',     -- Salesforce works on the query               -> running, failed, cancelled
    'running',    -- slice by slice, in their order              -> done, failed, cancelled
    'done',
    'failed',     -- it cannot go on: last_error says why
    'cancelled'   -- by a person; what was written stays
);

CREATE TABLE isthmus.backfill (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sync_config_id integer NOT NULL REFERENCES isthmus.sync_configurations ON DELETE CASCADE,
    direction isthmus.sync_direction NOT NULL CHECK (direction <> 'BIDIRECTIONAL'),
    state isthmus.backfill_state NOT NULL,
    paused_at timestamptz,                           -- by a person; the slice that is under way ends
    asked_by text NOT NULL,
    slice_records integer NOT NULL CHECK (slice_records > 0),
    sf_job text,                                     -- the query at Salesforce, which keeps its answer for seven days
    read_at timestamptz,                             -- when it was asked: the version of what it brings
    records bigint,                                  -- all of them, once that is known
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    last_error text,
    CHECK ((ended_at IS NULL) = (state IN ('asking', 'running'))),
    CHECK ((sf_job IS NULL) = (read_at IS NULL))
);

-- Forbids two at a time over the same rows.
CREATE UNIQUE INDEX backfill_open
    ON isthmus.backfill (sync_config_id)
 WHERE state IN ('asking', 'running');

-- A slice that somebody is at is locked; whoever dies lets it go. The next one is made when one is done.
CREATE TABLE isthmus.backfill_slice (
    backfill_id bigint NOT NULL REFERENCES isthmus.backfill ON DELETE CASCADE,
    number integer NOT NULL,
    place text NOT NULL,                             -- where it begins: Salesforce's locator, or the key before its first row
    done_at timestamptz,
    seconds double precision,
    records integer,
    written integer,
    stale integer,                                   -- an equal or newer version stood there
    aside integer,                                   -- went by the road that changes take
    PRIMARY KEY (backfill_id, number),
    CHECK ((done_at IS NULL) = (records IS NULL))
);
