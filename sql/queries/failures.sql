-- list --
-- Records whose edits Salesforce refused for good, longest first, one row for each; what a later edit takes along too.
WITH failed AS (
    SELECT c.table_name, c.record_id, count(*) AS edits, min(c.created_at) AS since, max(c.attempts) AS attempts,
           (array_agg(c.change_type::text ORDER BY c.id DESC))[1] AS change,
           (array_agg(c.last_error ORDER BY c.id DESC))[1] AS error,
           (array_agg(c.last_hint ORDER BY c.id DESC))[1] AS hint
      FROM isthmus.change_log AS c
     WHERE c.state = 'failed'
       AND (:record ::text IS NULL OR c.record_id = :record)
     GROUP BY c.table_name, c.record_id
)
SELECT m.sf_object_name AS object, f.table_name AS "table", f.record_id AS record, lower(f.change) AS change, f.edits,
       f.since, f.attempts, split_part(f.error, ': ', 1) AS reason,
       nullif(substr(f.error, strpos(f.error, ': ') + 2), f.error) AS detail, f.hint,
       EXISTS (
           SELECT
             FROM isthmus.change_log AS later
            WHERE later.table_name = f.table_name
              AND later.record_id = f.record_id
              AND later.state IN ('new', 'claimed', 'sending', 'retry')
       ) AS edited_again
  FROM failed AS f
  JOIN isthmus.sync_configurations AS m
    ON m.id = (
           SELECT w.id
             FROM isthmus.sync_configurations AS w
            WHERE w.pg_table_name = f.table_name
              AND w.sync_direction <> 'SF_TO_PG'
            ORDER BY w.is_active DESC, w.id
            LIMIT 1
       )
 WHERE (:object ::text IS NULL OR lower(m.sf_object_name) = lower(:object) OR f.table_name = :object)
   AND (:reason ::text IS NULL OR split_part(f.error, ': ', 1) = :reason)
 ORDER BY f.since, f.table_name, f.record_id
 LIMIT :limit

-- edits --
-- The failed edits of a record, in their order.
SELECT c.id, lower(c.change_type::text) AS change, c.created_at AS made_at, c.attempts, c.old_data AS old, c.new_data AS new,
       c.last_error AS error, c.last_hint AS hint
  FROM isthmus.change_log AS c
 WHERE c.state = 'failed'
   AND c.table_name = :table
   AND c.record_id = :record
 ORDER BY c.id

-- retry --
-- Failed edits are open again, each in its place among the others of its record.
UPDATE isthmus.change_log AS c
   SET state = 'new', claim = NULL
  FROM json_to_recordset(:records ::json) AS r (table_name text, record_id text)
 WHERE c.table_name = r.table_name
   AND c.record_id = r.record_id
   AND c.state = 'failed'
RETURNING c.id

-- ignore --
-- A person gives failed edits up: Salesforce never gets them.
UPDATE isthmus.change_log AS c
   SET state = 'ignored', processed_at = :now, claim = NULL, decided_at = :now, decided_by = :who, decided_why = :why
  FROM json_to_recordset(:records ::json) AS r (table_name text, record_id text)
 WHERE c.table_name = r.table_name
   AND c.record_id = r.record_id
   AND c.state = 'failed'
RETURNING c.id

-- close --
-- The letters of these records say the same: they follow what a person has decided.
UPDATE isthmus.dead_letter AS d
   SET state = :state ::isthmus.dead_letter_state, updated_at = :now, decided_by = :who, decided_why = :why
  FROM json_to_recordset(:records ::json) AS r (sobject text, record_id text)
 WHERE d.topic = 'postgres-changes'
   AND d.sobject = r.sobject
   AND d.record_id = r.record_id
   AND d.state = 'kept'

-- wake --
-- Whoever listens may drain at once.
SELECT pg_notify('isthmus_change_log', '')

-- sfids --
-- The Salesforce ids of these records, as far as they are known: of their rows, or of the tombstones they left.
SELECT coalesce(t.sfid, b.sfid)
  FROM unnest(:record_ids ::text[]) AS k (key)
  LEFT JOIN {table} AS t
    ON t.{key} = k.key
  LEFT JOIN LATERAL (
           SELECT d.sfid
             FROM isthmus.tombstone AS d
            WHERE d.table_name = :table
              AND d.record_id = k.key
            ORDER BY d.id DESC
            LIMIT 1
       ) AS b
    ON true
 WHERE coalesce(t.sfid, b.sfid) IS NOT NULL
