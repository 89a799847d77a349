-- Sending: fields that Salesforce refuses, API calls that are spent, Bulk API jobs.

-- A field that Salesforce refuses for a whole object: records go without it, and its edits stay failed.
CREATE TABLE isthmus.stopped_field (
    sync_config_id integer NOT NULL REFERENCES isthmus.sync_configurations ON DELETE CASCADE,
    field text NOT NULL,                             -- Salesforce API name
    detail text NOT NULL,                            -- Salesforce's own words
    since timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,                    -- when it was refused last; the row goes once the field has arrived
    PRIMARY KEY (sync_config_id, field)
);

-- API calls that a mapping has spent, by UTC day. Written in the transaction that settles what they sent.
CREATE TABLE isthmus.api_usage (
    day date NOT NULL,
    sync_config_id integer NOT NULL REFERENCES isthmus.sync_configurations ON DELETE CASCADE,
    calls integer NOT NULL,
    PRIMARY KEY (day, sync_config_id)
);

-- One row: what the org last said of its daily limit. All senders look here before they call.
CREATE TABLE isthmus.api_limit (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    used integer,                                    -- by everybody who uses the org
    allowed integer,
    seen_at timestamptz,
    closed_until timestamptz                         -- the limit is used up: no call before this
);
INSERT INTO isthmus.api_limit DEFAULT VALUES;

CREATE TYPE isthmus.bulk_state AS ENUM (
    'gathering',  -- a drainer gives it records                       -> sealed
    'sealed',     -- complete; nothing of it was given to Salesforce   -> uploaded
    'uploaded',   -- Salesforce has the data, but must not begin yet   -> running
    'running',    -- Salesforce works on it                            -> done, failed
    'done',       -- every record is settled
    'failed'      -- Salesforce gave it up as a whole; its records go again by REST
);

-- Many records of one object on their way through the Bulk API. Their log rows name it in bulk_job_id.
CREATE TABLE isthmus.bulk_job (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sync_config_id integer NOT NULL REFERENCES isthmus.sync_configurations ON DELETE CASCADE,
    state isthmus.bulk_state NOT NULL DEFAULT 'gathering',
    records integer NOT NULL DEFAULT 0,
    sf_jobs jsonb NOT NULL DEFAULT '[]',             -- [{"id": "750...", "kind": "update" | "upsert" | "delete"}]
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    next_poll_at timestamptz NOT NULL,
    last_error text
);

-- Serves the drainer: which jobs want a step.
CREATE INDEX bulk_job_open
    ON isthmus.bulk_job (next_poll_at)
 WHERE state IN ('gathering', 'sealed', 'uploaded', 'running');

ALTER TABLE isthmus.change_log ADD COLUMN bulk_job_id bigint;  -- set while a Bulk API job carries the row

-- Serves the job: its rows that are not settled, record by record.
CREATE INDEX change_log_bulk
    ON isthmus.change_log (bulk_job_id, record_id)
 WHERE bulk_job_id IS NOT NULL;
