-- search --
-- Edits, newest first. So many rows are walked at most, matching or not: a rare thing is looked for step by step.
WITH walked AS MATERIALIZED (
    SELECT c.id, c.table_name, c.record_id, lower(c.change_type::text) AS change, c.state::text AS state, c.created_at AS made_at,
           c.processed_at AS ended_at, c.attempts, c.next_attempt_at, c.last_error AS error, c.last_hint AS hint,
           c.waits_for, c.old_data AS old, c.new_data AS new
      FROM isthmus.change_log AS c
     WHERE (:before ::bigint IS NULL OR c.id < :before)
     ORDER BY c.id DESC
     LIMIT :walk
), matching AS (
    SELECT w.*
      FROM walked AS w
     WHERE (:tables ::text[] IS NULL OR w.table_name = ANY (:tables))
       AND (:record ::text IS NULL OR w.record_id = :record)
       AND (:state ::text IS NULL OR w.state = :state)
     ORDER BY w.id DESC
     LIMIT :limit
)
SELECT m.*, (SELECT min(w.id) FROM walked AS w) AS reached, (SELECT count(*) FROM walked AS w) AS walked
  FROM matching AS m
 UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, min(w.id), count(*)
  FROM walked AS w

-- row --
-- A record's row: its key, its Salesforce id, and when each side last had its say.
SELECT t.{key}::text AS record, t.sfid, t.system_modstamp, t.isthmus_read_at AS read_at, t.isthmus_written_at AS written_at
  FROM {table} AS t
 WHERE t.{key}::text = :record
    OR t.sfid = :record

-- edits --
-- What was captured of a record, oldest first.
SELECT c.id, lower(c.change_type::text) AS change, c.state::text AS state, c.created_at AS made_at, c.processed_at AS ended_at,
       c.attempts, c.next_attempt_at, c.last_error AS error, c.last_hint AS hint, c.waits_for,
       (SELECT array_agg(k.name ORDER BY k.name) FROM jsonb_object_keys(coalesce(c.new_data, '{}')) AS k (name)) AS columns
  FROM isthmus.change_log AS c
 WHERE c.table_name = :table
   AND c.record_id = :record
 ORDER BY c.id DESC
 LIMIT 200

-- letters --
-- A record's dead letters, under its key or its Salesforce id.
SELECT d.id, d.reason, d.hint, d.state::text AS state, d.topic, d.created_at, d.updated_at, d.decided_by
  FROM isthmus.dead_letter AS d
 WHERE lower(d.sobject) = lower(:sobject)
   AND d.record_id = ANY (:names)
 ORDER BY d.id DESC
 LIMIT 200

-- conflicts --
-- A record's conflicts.
SELECT k.id, k.field, k.winner, k.created_at, k.settled_at, k.settled_by, k.taken
  FROM isthmus.conflict AS k
 WHERE k.sync_config_id = :id
   AND k.record_id = :record
 ORDER BY k.id DESC
 LIMIT 200

-- tombstones --
-- Whether a record was deleted, and on which side.
SELECT b.record_id AS record, b.sfid, b.side, b.deleted_at
  FROM isthmus.tombstone AS b
 WHERE b.table_name = :table
   AND (b.record_id = :record OR b.sfid = :record)
 ORDER BY b.id
