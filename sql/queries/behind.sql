-- known --
-- What these rows said when we wrote them last.
SELECT k.record_id, k.image, k.position, k.transaction_id
  FROM isthmus.known_row AS k
 WHERE k.table_name = :table
   AND k.record_id = ANY (:record_ids)

-- links --
-- What Debezium told of these rows since, in the order of Postgres' log.
SELECT e.record_id, e.position, e.change_type::text, e.old_data, e.new_data, e.overtaken
  FROM isthmus.captured_edit AS e
 WHERE e.table_name = :table
   AND e.record_id = ANY (:record_ids)
   AND NOT EXISTS (
           SELECT
             FROM isthmus.known_row AS k
            WHERE k.table_name = e.table_name
              AND k.record_id = e.record_id
              AND (k.position > e.position OR k.transaction_id = e.transaction_id)
       )
 ORDER BY e.position

-- deletions_behind --
-- Records whose row was deleted here, where the deletion is not in the log yet. After two days it is let be: the log
-- forgets deletions that Salesforce got.
SELECT b.sfid
  FROM isthmus.tombstone AS b
 WHERE b.table_name = :table
   AND b.sfid = ANY (:sfids)
   AND b.side = 'postgres'
   AND b.deleted_at > now() - interval '2 days'
   AND NOT EXISTS (
           SELECT
             FROM isthmus.captured_edit AS e
            WHERE e.table_name = b.table_name
              AND e.record_id = b.record_id
              AND e.change_type = 'DELETE'
              AND e.told_at > b.deleted_at
       )

-- overlay --
-- What a trigger of the application's added to our own write, in the same transaction, is part of what we know.
UPDATE isthmus.known_row AS k
   SET image = k.image || :new ::jsonb, position = :position
 WHERE k.table_name = :table
   AND k.record_id = :record_id
   AND k.transaction_id = :transaction
   AND k.position <= :position
   AND NOT k.image @> :new ::jsonb

-- link --
-- Keep what Debezium told of a row. Not where the row was written by us later, nor where another life of it began.
INSERT INTO isthmus.captured_edit
       (table_name, record_id, position, transaction_id, change_type, old_data, new_data, overtaken)
SELECT :table, :record_id, :position, :transaction, :change_type ::isthmus.change_type, :old ::jsonb, :new ::jsonb,
       :overtaken ::text[]
 WHERE NOT EXISTS (
           SELECT
             FROM isthmus.known_row AS k
            WHERE k.table_name = :table
              AND k.record_id = :record_id
              AND (k.position > :position OR k.transaction_id = :transaction)
       )
   AND NOT EXISTS (
           SELECT
             FROM isthmus.captured_edit AS e
            WHERE e.table_name = :table
              AND e.record_id = :record_id
              AND e.position > :position
              AND e.change_type <> 'UPDATE'
       )
    ON CONFLICT (table_name, record_id, position) DO NOTHING

-- ended --
-- A row's life ended: what was known of it is history.
WITH unknown AS (
    DELETE FROM isthmus.known_row
     WHERE table_name = :table
       AND record_id = :record_id
       AND position < :position
)
DELETE FROM isthmus.captured_edit
 WHERE table_name = :table
   AND record_id = :record_id
   AND position < :position

-- open_edits --
-- The edits of a row that can still lose against Salesforce, by their places in Postgres' log.
SELECT c.id, c.log_position, c.old_data, c.new_data
  FROM isthmus.change_log AS c
 WHERE c.table_name = :table
   AND c.record_id = :record_id
   AND c.log_position IS NOT NULL
   AND c.change_type = 'UPDATE'
   AND c.state IN ('new', 'claimed', 'retry', 'failed')
   FOR UPDATE

-- rebase --
-- What an edit found, as its predecessors found it that never entered the log.
UPDATE isthmus.change_log
   SET old_data = :old ::jsonb
 WHERE id = :id

-- prune --
-- Deletions of long ago, a few at a time.
DELETE FROM isthmus.captured_edit AS e
 WHERE e.ctid IN (
           SELECT old.ctid
             FROM isthmus.captured_edit AS old
            WHERE old.told_at < now() - interval '30 days'
              AND old.change_type = 'DELETE'
            LIMIT 100
       )
