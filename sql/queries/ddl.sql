-- schema --
-- The schema that mapped tables live in.
CREATE SCHEMA IF NOT EXISTS {schema}

-- table --
-- `id` is the record's external id and never changes; `sfid` is empty until Salesforce has the record.
-- (system_modstamp, isthmus_read_at) is the row's version; isthmus_written_at is when we last wrote the record.
CREATE TABLE {table} (
    {key} text PRIMARY KEY DEFAULT gen_random_uuid(),
    sfid varchar(18) COLLATE "C" UNIQUE,
    system_modstamp timestamptz{columns},
    isthmus_read_at timestamptz,
    isthmus_written_at timestamptz
)

-- event_table --
-- Platform events, as they come: `id` names the event, however often it is told. Nothing of ours changes or deletes them.
CREATE TABLE {table} (
    {key} text PRIMARY KEY{columns},
    isthmus_received_at timestamptz NOT NULL DEFAULT now()
)

-- event_index --
-- Serves whoever reads on from where he was, or deletes what is old.
CREATE INDEX ON {table} (isthmus_received_at)

-- modstamp_index --
-- Serves the comparison of both sides in windows of time. Postgres names it: no two indexes meet in one name.
CREATE INDEX ON {table} (system_modstamp)

-- column --
-- A field that joins a mapping which is there already; a column that it left behind earlier is taken up again.
ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column} {type}

-- retype --
-- A field that is of another type in Salesforce now. It fails where a value does not fit; the field is read for every row.
ALTER TABLE {table} ALTER COLUMN {column} TYPE {type} USING nullif({column}::text, '')::{type}

-- parent_column --
-- A relationship column for a table that is there already.
ALTER TABLE {table} ADD COLUMN {column} text

-- parent_index --
-- Serves `resolve`: rows whose parent had not arrived yet. Nearly always empty.
CREATE INDEX ON {table} ({lookup})
 WHERE {column} IS NULL AND {lookup} IS NOT NULL

-- capture_insert --
-- Capture what the application writes; our own writes name the table in isthmus.origin. What another trigger
-- writes while ours are at work (pg_trigger_depth) is the application's and is captured.
CREATE TRIGGER isthmus_capture_insert
 AFTER INSERT ON {table}
   FOR EACH ROW
  WHEN (current_setting('isthmus.origin', true) IS DISTINCT FROM {table_text} OR pg_trigger_depth() > 0)
EXECUTE FUNCTION isthmus.capture_v1({arguments})

-- capture_update --
-- Not where nothing changed: rows are compared by their bytes (*<>), which is cheap and works for every type. Which
-- columns changed the function finds out; naming them all here would cost each update more.
CREATE TRIGGER isthmus_capture_update
 AFTER UPDATE ON {table}
   FOR EACH ROW
  WHEN ((current_setting('isthmus.origin', true) IS DISTINCT FROM {table_text} OR pg_trigger_depth() > 0)
        AND OLD.* *<> NEW.*)
EXECUTE FUNCTION isthmus.capture_v1({arguments})

-- capture_delete --
-- A deletion leaves a tombstone too.
CREATE TRIGGER isthmus_capture_delete
 AFTER DELETE ON {table}
   FOR EACH ROW
  WHEN (current_setting('isthmus.origin', true) IS DISTINCT FROM {table_text} OR pg_trigger_depth() > 0)
EXECUTE FUNCTION isthmus.capture_v1({arguments})

-- refuse_truncate --
-- TRUNCATE fires no row trigger.
CREATE TRIGGER isthmus_refuse_truncate
BEFORE TRUNCATE ON {table}
   FOR EACH STATEMENT
EXECUTE FUNCTION isthmus.refuse_truncate_v1()

-- replica_identity --
-- Debezium must see the row before an edit: which columns were edited is found out by comparing.
ALTER TABLE {table} REPLICA IDENTITY FULL

-- usual_identity --
-- Nobody compares any more: the log of the table is as small as it was.
ALTER TABLE IF EXISTS {table} REPLICA IDENTITY DEFAULT

-- note_own --
-- Debezium is told of our own writes too; by their transaction it is known that they are ours. Of what the application
-- writes this sees nothing but the marker.
CREATE TRIGGER isthmus_note_own
 AFTER INSERT OR UPDATE OR DELETE ON {table}
   FOR EACH STATEMENT
  WHEN (current_setting('isthmus.origin', true) = {table_text})
EXECUTE FUNCTION isthmus.note_own_v1()

-- entomb --
-- Deletions, which are rare, leave a tombstone at once; Debezium tells of them later.
CREATE TRIGGER isthmus_entomb
 AFTER DELETE ON {table}
   FOR EACH ROW
  WHEN (current_setting('isthmus.origin', true) IS DISTINCT FROM {table_text} OR pg_trigger_depth() > 0)
EXECUTE FUNCTION isthmus.entomb_v1({key_text})

-- know_rows --
-- Where Debezium captures: every row is known as it stands.
SELECT isthmus.know_rows_v1({table_text}, {key_text}, {columns_text})

-- forget_rows --
-- Debezium captures no more.
WITH unknown AS (
    DELETE FROM isthmus.known_row
     WHERE table_name = {table_text}
)
DELETE FROM isthmus.captured_edit
 WHERE table_name = {table_text}

-- state_view --
-- What became of each row, in plain SQL: isthmus.<table>_state. Whoever may read the table may read it.
SELECT isthmus.make_state_view_v1({table_text}, {key_text})

-- drop_state_view --
-- The mapping is deleted: nobody follows its rows any more.
SELECT isthmus.drop_state_view_v1({table_text})

-- end_capture --
-- The mapping is deleted: the table stays, nothing of ours runs in it any more.
DO $$
BEGIN
    DROP TRIGGER IF EXISTS isthmus_capture_insert ON {table};
    DROP TRIGGER IF EXISTS isthmus_capture_update ON {table};
    DROP TRIGGER IF EXISTS isthmus_capture_delete ON {table};
    DROP TRIGGER IF EXISTS isthmus_refuse_truncate ON {table};
    DROP TRIGGER IF EXISTS isthmus_note_own ON {table};
    DROP TRIGGER IF EXISTS isthmus_entomb ON {table};
EXCEPTION WHEN undefined_table OR invalid_schema_name THEN
    NULL;
END
$$

-- exists --
-- Whether there is such a table.
SELECT to_regclass(:table) IS NOT NULL
