-- Debezium tells of an edit some time after its commit, and Pub/Sub tells in any order. What arrives from Salesforce may
-- write a row only when every edit of it is in the change log: common/postgres/behind.py says how that is found out.

-- What each row of a table that Debezium reads said when we wrote it last, or when its capture began.
CREATE TABLE isthmus.known_row (
    table_name text,
    record_id text,
    image jsonb NOT NULL,                            -- the mapped columns
    position bigint NOT NULL,                        -- in Postgres' log: every earlier edit is part of the image
    transaction_id bigint NOT NULL,                  -- of ours; 32 bits wide, as in Postgres' log
    PRIMARY KEY (table_name, record_id)
);

-- What Debezium told of those rows since: deleted when the row is written again.
CREATE TABLE isthmus.captured_edit (
    table_name text,
    record_id text,
    position bigint,
    transaction_id bigint NOT NULL,
    change_type isthmus.change_type NOT NULL,
    old_data jsonb NOT NULL,
    new_data jsonb NOT NULL,
    overtaken text[] NOT NULL,                       -- columns that never entered the change log: a later edit was there
    told_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (table_name, record_id, position)
);

-- Serves the pruning of deletions.
CREATE INDEX captured_edit_deletions ON isthmus.captured_edit (told_at)
 WHERE change_type = 'DELETE';

-- Take every row of a table as it stands: all its edits were captured. The caller holds the table's lock.
CREATE FUNCTION isthmus.know_rows_v1(mapped text, key_column text, columns text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM isthmus.captured_edit WHERE table_name = mapped;
    DELETE FROM isthmus.known_row WHERE table_name = mapped;
    EXECUTE format(
        'INSERT INTO isthmus.known_row (table_name, record_id, image, position, transaction_id)
         SELECT $1, t.%I::text,
                (SELECT coalesce(jsonb_object_agg(n.name, n.value), ''{}'')
                   FROM jsonb_each(to_jsonb(t.*)) AS n (name, value)
                  WHERE n.name = ANY ($2)),
                pg_current_wal_insert_lsn() - ''0/0'', pg_current_xact_id()::xid::text::bigint
           FROM %s AS t',
        key_column, (SELECT format('%I.%I', split_part(mapped, '.', 1), split_part(mapped, '.', 2))))
      USING mapped, columns;
END
$$;

-- Tables that Debezium reads already: their rows are taken as they stand.
DO $$
DECLARE
    m record;
BEGIN
    FOR m IN SELECT * FROM isthmus.sync_configurations WHERE capture = 'debezium' LOOP
        PERFORM isthmus.know_rows_v1(
            m.pg_table_name, m.key_column, ARRAY(SELECT f ->> 'column' FROM jsonb_array_elements(m.fields) AS f)
        );
    END LOOP;
END
$$;
