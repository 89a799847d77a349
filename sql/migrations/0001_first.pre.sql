-- The first schema: configuration, capture, versions, tombstones, dead letters.

CREATE SCHEMA IF NOT EXISTS isthmus;

-- One row: which database this is, which org it belongs to, and which version the configuration has.
CREATE TABLE isthmus.identity (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    org_id varchar(18),                              -- bound by the first mapping; a door that meets another org stops
    configuration_version bigint NOT NULL DEFAULT 1  -- grows with every change of sync_configurations; doors compare it
);
INSERT INTO isthmus.identity DEFAULT VALUES;

CREATE TYPE isthmus.sync_direction AS ENUM ('SF_TO_PG', 'PG_TO_SF', 'BIDIRECTIONAL');
CREATE TYPE isthmus.conflict_policy AS ENUM ('last_writer_wins', 'salesforce_wins', 'postgres_wins');

-- One mapping: one Salesforce object, one table.
CREATE TABLE isthmus.sync_configurations (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sf_object_name text NOT NULL,
    pg_table_name text NOT NULL,                     -- schema.table
    sync_direction isthmus.sync_direction NOT NULL DEFAULT 'BIDIRECTIONAL',
    is_active boolean NOT NULL DEFAULT true,         -- false: delivery waits, capture goes on
    key_column text NOT NULL DEFAULT 'id',           -- the table's own key; the record's external id
    external_id_field text NOT NULL DEFAULT 'External_Id__c',
    fields jsonb NOT NULL,                           -- [{name, column, type, createable, updateable}]
    filter text,                                     -- SOQL condition; none means every record
    conflict_policy isthmus.conflict_policy NOT NULL DEFAULT 'last_writer_wins',
    max_daily_calls integer CHECK (max_daily_calls > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (sf_object_name, pg_table_name)
);

-- Forbids a second active mapping from one table towards Salesforce.
CREATE UNIQUE INDEX sync_configurations_one_writer
    ON isthmus.sync_configurations (pg_table_name)
 WHERE is_active AND sync_direction <> 'SF_TO_PG';

CREATE FUNCTION isthmus.configuration_changed_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE isthmus.identity
       SET configuration_version = configuration_version + 1;
    RETURN NULL;
END
$$;

CREATE TRIGGER configuration_changed
 AFTER INSERT OR UPDATE OR DELETE ON isthmus.sync_configurations
   FOR EACH STATEMENT EXECUTE FUNCTION isthmus.configuration_changed_v1();

-- The fields that an outbound message selects. It omits the empty ones, so only this list can
-- tell an empty field from one that was never asked for.
CREATE TABLE isthmus.outbound_message (
    sf_object_name text NOT NULL,
    action_id varchar(18) NOT NULL DEFAULT '',       -- 04k...; '' is every message of the object
    fields text[] NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (sf_object_name, action_id)
);

CREATE TYPE isthmus.sync_status AS ENUM ('SUCCESS', 'FAILURE');

-- What each transaction that moved records did. Written in that transaction.
CREATE TABLE isthmus.sync_metrics (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sync_config_id integer NOT NULL REFERENCES isthmus.sync_configurations ON DELETE CASCADE,
    direction text NOT NULL CHECK (direction IN ('SF_TO_PG', 'PG_TO_SF')),
    synced_count integer NOT NULL,
    status isthmus.sync_status NOT NULL,
    "timestamp" timestamptz NOT NULL DEFAULT now(),
    lag_ms bigint,                                   -- the oldest change of the batch: made there until applied here
    duration_ms integer
);

-- Serves the hourly trends and the pruning.
CREATE INDEX sync_metrics_time ON isthmus.sync_metrics ("timestamp");

CREATE TYPE isthmus.change_state AS ENUM (
    'new',      -- captured; waits for the drainer            -> claimed, merged
    'claimed',  -- published; its lease runs                  -> sending, new (lease over)
    'sending',  -- a call to Salesforce may be under way      -> done, retry, failed, claimed (lease over)
    'retry',    -- Salesforce could not take it; due later    -> claimed
    'done',     -- Salesforce has it
    'merged',   -- made void before it was sent: inserted and deleted again, or nothing in it can be sent
    'failed'    -- Salesforce refused it; a later edit of the record or a person takes it up -> new, claimed
);

CREATE TYPE isthmus.change_type AS ENUM ('INSERT', 'UPDATE', 'DELETE');

-- Every edit of a mapped table, in the transaction that made it. Each constraint costs the application some
-- microseconds an edit, so there are few.
CREATE TABLE isthmus.change_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    table_name text NOT NULL,                        -- schema.table
    record_id text NOT NULL,                         -- the row's key, as text
    change_type isthmus.change_type NOT NULL,
    old_data jsonb,                                  -- UPDATE: the edited columns before; DELETE: the row
    new_data jsonb,                                  -- UPDATE: the edited columns after; INSERT: the row
    processed boolean NOT NULL GENERATED ALWAYS AS (processed_at IS NOT NULL) STORED,
    processed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    state isthmus.change_state NOT NULL DEFAULT 'new',
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,
    claim uuid,                                      -- fences a batch: who comes with another one is late
    lease_until timestamptz,
    hold_until timestamptz,                          -- an earlier call's end is unknown: nothing newer goes before this
    last_error text,
    CONSTRAINT change_log_times_fit_state CHECK (
        CASE
            WHEN state IN ('claimed', 'sending') THEN lease_until IS NOT NULL
            WHEN state IN ('done', 'merged') THEN processed_at IS NOT NULL
            WHEN state = 'retry' THEN next_attempt_at IS NOT NULL
            ELSE true
        END
        AND num_nonnulls(lease_until, processed_at, next_attempt_at) = (state NOT IN ('new', 'failed'))::integer
    ),
    CONSTRAINT change_log_has_data CHECK (num_nulls(old_data, new_data) < 2)
) WITH (fillfactor = 80);                            -- a row is updated three times on its way: leave it room on its page

-- Serves claim and follow (a record's open rows in order) and the merge of unsettled edits.
CREATE INDEX change_log_open
    ON isthmus.change_log (table_name, record_id, id)
 WHERE state IN ('new', 'claimed', 'sending', 'retry', 'failed');

-- Serves claim: what waits, oldest first.
CREATE INDEX change_log_waiting
    ON isthmus.change_log (id)
 WHERE state IN ('new', 'claimed', 'sending', 'retry');

-- Serves take, mark and settle.
CREATE INDEX change_log_claim
    ON isthmus.change_log (claim)
 WHERE claim IS NOT NULL AND state IN ('claimed', 'sending');

-- Serves claim: records that wait for the end of an unknown call. Nearly always empty.
CREATE INDEX change_log_held
    ON isthmus.change_log (table_name, record_id)
 WHERE hold_until IS NOT NULL;

-- A deleted record, so that what is still under way cannot revive it.
CREATE TABLE isthmus.tombstone (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    table_name text NOT NULL,
    record_id text,                                  -- the row's key, where there was a row
    sfid varchar(18) COLLATE "C",                    -- empty until Salesforce has named the record
    side text NOT NULL CHECK (side IN ('salesforce', 'postgres')),
    deleted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (record_id IS NOT NULL OR sfid IS NOT NULL)
);

-- Forbids two tombstones of one record; serves the guard of arriving changes.
CREATE UNIQUE INDEX tombstone_sfid ON isthmus.tombstone (table_name, sfid);
-- Serves settle and the guard, for a record that was deleted before Salesforce had named it.
CREATE INDEX tombstone_record ON isthmus.tombstone (table_name, record_id);

CREATE TYPE isthmus.dead_letter_state AS ENUM (
    'kept',       -- waits for a person       -> replayed, discarded
    'replayed',   -- sent on again by a person, or healed by a later edit
    'discarded'   -- given up by a person
);

-- Changes that cannot succeed by waiting, each with its reason and what to do.
CREATE TABLE isthmus.dead_letter (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL CHECK (topic IN ('salesforce-changes', 'postgres-changes', 'work')),
    event_id text NOT NULL,                          -- the change's, or the message's where it could not be read
    sobject text,
    record_id text,
    reason text NOT NULL,
    hint text NOT NULL,
    detail text,                                     -- the refusing side's own words
    attempts integer NOT NULL DEFAULT 1,
    payload jsonb NOT NULL,                          -- {"message": ...} or {"bytes": base64}
    state isthmus.dead_letter_state NOT NULL DEFAULT 'kept',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (topic, event_id)
);

-- Serves the list by reason and the burial limit.
CREATE INDEX dead_letter_reason ON isthmus.dead_letter (reason, updated_at);

-- Serves settle: what a later edit has healed is no dead letter any more.
CREATE INDEX dead_letter_record ON isthmus.dead_letter (sobject, record_id) WHERE state = 'kept';

-- A field that both sides changed: all three values and who won.
CREATE TABLE isthmus.conflict (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sync_config_id integer NOT NULL REFERENCES isthmus.sync_configurations ON DELETE CASCADE,
    record_id text NOT NULL,
    sfid varchar(18) COLLATE "C",
    field text NOT NULL,                             -- Salesforce API name; IsDeleted where one side deleted
    old_value text,
    postgres_value text,
    salesforce_value text,
    winner text NOT NULL CHECK (winner IN ('salesforce', 'postgres')),
    policy isthmus.conflict_policy NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Captures one row's edit. Arguments: the key column, then the mapped columns. The trigger's WHEN keeps our own
-- writes out, and updates that changed nothing at all; what changed no mapped column ends here.
-- SECURITY DEFINER: the application's role needs no right in this schema.
CREATE FUNCTION isthmus.capture_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    qualified text := TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME;
    key_column text := TG_ARGV[0];
    mapped text[] := TG_ARGV[1:];
    before jsonb;
    after jsonb;
BEGIN
    IF TG_OP = 'INSERT' THEN
        after := to_jsonb(NEW);
        INSERT INTO isthmus.change_log (table_name, record_id, change_type, new_data)
        SELECT qualified, after ->> key_column, 'INSERT'::isthmus.change_type, coalesce(jsonb_object_agg(n.name, n.value), '{}')
          FROM jsonb_each(after) AS n (name, value)
         WHERE n.name = ANY (mapped);

    ELSIF TG_OP = 'UPDATE' THEN
        before := to_jsonb(OLD);
        after := to_jsonb(NEW);
        IF before -> key_column IS DISTINCT FROM after -> key_column THEN
            RAISE EXCEPTION 'isthmus: the key of a synced row never changes: %.% % -> %',
                qualified, key_column, before ->> key_column, after ->> key_column
                USING HINT = 'Insert a new row and delete the old one.', ERRCODE = 'restrict_violation';
        END IF;
        INSERT INTO isthmus.change_log (table_name, record_id, change_type, old_data, new_data)
        SELECT qualified, after ->> key_column, 'UPDATE'::isthmus.change_type,
               jsonb_object_agg(n.name, before -> n.name), jsonb_object_agg(n.name, n.value)
          FROM jsonb_each(after) AS n (name, value)
         WHERE n.name = ANY (mapped)
           AND n.value IS DISTINCT FROM before -> n.name
        HAVING count(*) > 0;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;

    ELSE
        before := to_jsonb(OLD);
        INSERT INTO isthmus.tombstone (table_name, record_id, sfid, side)
        VALUES (qualified, before ->> key_column, before ->> 'sfid', 'postgres')
            ON CONFLICT (table_name, sfid) DO NOTHING;
        INSERT INTO isthmus.change_log (table_name, record_id, change_type, old_data)
        SELECT qualified, before ->> key_column, 'DELETE'::isthmus.change_type, jsonb_object_agg(o.name, o.value)
          FROM jsonb_each(before) AS o (name, value)
         WHERE o.name = ANY (mapped)
            OR o.name IN ('sfid', key_column);
    END IF;
    PERFORM pg_notify('isthmus_change_log', '');
    RETURN NULL;
END
$$;

-- TRUNCATE fires no row trigger: its deletions would be lost, so it is refused.
CREATE FUNCTION isthmus.refuse_truncate_v1() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'isthmus: TRUNCATE of %.% is refused: Salesforce would keep every record', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING HINT = 'Use DELETE, or end the mapping first: isthmus mapping delete.', ERRCODE = 'restrict_violation';
END
$$;
