-- turn --
-- One at a time for each record, whoever brings its edits: each sees what the other has logged.
SELECT pg_advisory_xact_lock(hashtextextended(:table || '/' || :record_id, 0))::text

-- configuration --
-- The configuration's version of this moment.
SELECT i.configuration_version
  FROM isthmus.identity AS i

-- wanted --
-- Whether the edit is to be logged at all: it is this capture's, none of our own transactions made it, and a row that
-- merely stood there is new to the log. Nothing where it is not.
SELECT
  FROM isthmus.sync_configurations AS m
 WHERE m.id = :mapping_id
   AND (m.capture = 'debezium') = (:position >= m.capture_since)
   AND m.capture_since > 0
   AND NOT EXISTS (
           SELECT
             FROM isthmus.own_transaction AS o
            WHERE o.transaction_id = :transaction
              AND o.table_name = :table
              AND NOT :snapshot
       )
   AND NOT (:snapshot AND (:has_record OR EXISTS (
           SELECT
             FROM isthmus.change_log AS c
            WHERE c.table_name = :table
              AND c.record_id = :record_id
       )))

-- later --
-- What is logged already of the row's later edits: Pub/Sub keeps no order.
SELECT c.change_type::text, c.new_data
  FROM isthmus.change_log AS c
 WHERE c.table_name = :table
   AND c.record_id = :record_id
   AND c.log_position > :position

-- insert --
-- Log the edit, once, and let whoever listens know.
WITH logged AS (
    INSERT INTO isthmus.change_log (table_name, record_id, change_type, old_data, new_data, created_at, log_position)
    VALUES (:table, :record_id, :change_type ::isthmus.change_type, :old ::jsonb, :new ::jsonb, :made_at, :position)
        ON CONFLICT (table_name, record_id, log_position) WHERE log_position IS NOT NULL DO NOTHING
    RETURNING id
)
SELECT logged.id, pg_notify('isthmus_change_log', '')::text
  FROM logged

-- prune --
-- Our own transactions of long ago, a few at a time.
DELETE FROM isthmus.own_transaction AS o
 WHERE o.ctid IN (
           SELECT old.ctid
             FROM isthmus.own_transaction AS old
            WHERE old.made_at < now() - interval '30 days'
            LIMIT 100
       )

-- slot --
-- Whether a connector has made a replication slot here: only what is edited after that can be told.
SELECT EXISTS (
           SELECT
             FROM pg_replication_slots
            WHERE slot_type = 'logical'
              AND database = current_database()
       )
