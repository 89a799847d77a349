-- Debezium as an alternative to the trigger.

CREATE TYPE isthmus.capture AS ENUM ('trigger', 'debezium');

ALTER TABLE isthmus.sync_configurations
    ADD COLUMN capture isthmus.capture NOT NULL DEFAULT 'trigger',
    ADD COLUMN capture_since bigint NOT NULL DEFAULT 0;  -- the position in Postgres' log at which that began

ALTER TABLE isthmus.change_log
    ADD COLUMN log_position bigint;                  -- in Postgres' log; empty where the trigger wrote the row

-- Forbids one edit twice, however often Debezium tells it; serves the search for later edits of its row.
CREATE UNIQUE INDEX change_log_position
    ON isthmus.change_log (table_name, record_id, log_position)
 WHERE log_position IS NOT NULL;

-- Our own transactions on tables that Debezium reads: it is told what we wrote, too. One is 32 bits wide, as in
-- Postgres' log; kept for a month, in which a busy database may not make four thousand million of them.
CREATE TABLE isthmus.own_transaction (
    transaction_id bigint,
    table_name text,
    made_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (transaction_id, table_name)
);

-- Serves the pruning.
CREATE INDEX own_transaction_age ON isthmus.own_transaction (made_at);

-- Runs in our own statements only: the trigger's WHEN looks at the marker.
CREATE FUNCTION isthmus.note_own_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO isthmus.own_transaction (transaction_id, table_name)
    VALUES (pg_current_xact_id()::xid::text::bigint, TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME)
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

-- A deletion leaves its tombstone in its own transaction, whoever captures: what is under way from Salesforce must not
-- revive the row before Debezium has told of it. Argument: the key column.
CREATE FUNCTION isthmus.entomb_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before jsonb := to_jsonb(OLD);
BEGIN
    INSERT INTO isthmus.tombstone (table_name, record_id, sfid, side)
    VALUES (TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME, before ->> TG_ARGV[0], before ->> 'sfid', 'postgres')
        ON CONFLICT (table_name, sfid) DO NOTHING;
    RETURN NULL;
END
$$;
