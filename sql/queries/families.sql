-- origin --
-- Tell the capture trigger that what follows in this transaction is ours, for this table only.
SET LOCAL isthmus.origin = :table

-- resolve --
-- Give rows whose parent had not arrived its key now, and take nothing from an edit that is still to be sent. In a
-- transaction of its own, after the one that wrote the parent or the child: of two that write both at the same time
-- at least the later one sees what the other did.
UPDATE {child} AS t
   SET {column} = p.{parent_key}
  FROM {parent} AS p
 WHERE p.sfid = t.{lookup}
   AND t.{column} IS NULL
   AND t.{key} IN (
           SELECT w.{key}
             FROM {child} AS w
            WHERE w.{found_by} = ANY (:sfids)
              AND w.{lookup} IS NOT NULL
              AND w.{column} IS NULL
            ORDER BY w.{key}
              FOR NO KEY UPDATE
       )
   AND NOT EXISTS (
           SELECT
             FROM isthmus.change_log AS c
            WHERE c.table_name = :child
              AND c.record_id = t.{key}
              AND c.state IN ('new', 'claimed', 'sending', 'retry', 'failed')
              AND c.new_data ? :column
       )

-- fill --
-- A new relationship column says at once what the lookups say.
UPDATE {child} AS t
   SET {column} = p.{parent_key}
  FROM {parent} AS p
 WHERE p.sfid = t.{lookup}

-- arrived --
-- Edits that waited for one of these rows can go now: Salesforce has its record. So can those that gave up waiting.
WITH woken AS (
    UPDATE isthmus.change_log AS c
       SET next_attempt_at = CASE WHEN c.state = 'retry' THEN least(c.next_attempt_at, :now ::timestamptz) END,
           state = (CASE WHEN c.state = 'retry' THEN 'retry' ELSE 'new' END)::isthmus.change_state
     WHERE c.id IN (
               SELECT w.id
                 FROM {parent} AS p
                 JOIN isthmus.change_log AS w ON w.waits_for = :table || '/' || p.{parent_key}
                WHERE p.sfid = ANY (:sfids)
                  AND w.state IN ('retry', 'failed')
                  FOR UPDATE OF w SKIP LOCKED
           )
    RETURNING c.id
)
SELECT pg_notify('isthmus_change_log', '')
 WHERE EXISTS (SELECT FROM woken)

-- keys --
-- The keys of the rows that lookups point to.
SELECT p.sfid, p.{key} AS record_id
  FROM {table} AS p
 WHERE p.sfid = ANY (:sfids)

-- rows --
-- How far these rows are: whether Salesforce has them, and the state of what it still lacks. The key of what was seen is
-- locked until our transaction ends, so that whoever writes a record's id into its row sees who has begun to wait for
-- it. Nobody is waited for: a row that somebody writes at this moment is `busy`.
WITH seen AS MATERIALIZED (
    SELECT p.{key} AS record_id, p.sfid
      FROM {table} AS p
     WHERE p.{key} = ANY (:record_ids)
       FOR KEY SHARE SKIP LOCKED
)
SELECT p.{key} AS record_id, coalesce(s.sfid, p.sfid) AS sfid, s.record_id IS NULL AS busy, o.state, o.last_error
  FROM {table} AS p
  LEFT JOIN seen AS s ON s.record_id = p.{key}
  LEFT JOIN LATERAL (
           SELECT c.state::text, c.last_error
             FROM isthmus.change_log AS c
            WHERE c.table_name = :table
              AND c.record_id = p.{key}
              AND c.state IN ('new', 'claimed', 'sending', 'retry', 'failed')
            ORDER BY c.id
            LIMIT 1
       ) AS o ON true
 WHERE p.{key} = ANY (:record_ids)

-- waiting --
-- Who waits for whom, from these rows on: each row's oldest wait, and so on up.
WITH RECURSIVE chain AS (
    SELECT r.node, c.waits_for
      FROM unnest(:nodes ::text[]) AS r (node)
      JOIN isthmus.change_log AS c
        ON c.table_name = split_part(r.node, '/', 1)
       AND c.record_id = substr(r.node, strpos(r.node, '/') + 1)
       AND c.state = 'retry'
       AND c.waits_for IS NOT NULL
    UNION
    SELECT h.waits_for, c.waits_for
      FROM chain AS h
      JOIN isthmus.change_log AS c
        ON c.table_name = split_part(h.waits_for, '/', 1)
       AND c.record_id = substr(h.waits_for, strpos(h.waits_for, '/') + 1)
       AND c.state = 'retry'
       AND c.waits_for IS NOT NULL
)
SELECT node, waits_for
  FROM chain

-- hold --
-- Edits that wait for a parent: nothing has been sent, and no attempt is counted.
UPDATE isthmus.change_log AS c
   SET state = 'retry', claim = NULL, lease_until = NULL, next_attempt_at = r.next_attempt_at,
       waits_for = r.waits_for, last_error = r.error,
       last_hint = 'It goes as soon as its parent is there; if the parent failed, mend that one.'
  FROM json_to_recordset(:held ::json) AS r (claim uuid, waits_for text, next_attempt_at timestamptz, error text)
 WHERE c.claim = r.claim
   AND c.state = 'claimed'

-- wake --
-- Edits that waited for one of these rows are looked at again. Those that a drainer holds, it is looking at. Those that
-- gave up waiting go again too: it was the parent that failed them.
WITH woken AS (
    UPDATE isthmus.change_log AS c
       SET next_attempt_at = CASE WHEN c.state = 'retry' THEN least(c.next_attempt_at, :now ::timestamptz) END,
           state = (CASE WHEN c.state = 'retry' THEN 'retry' ELSE 'new' END)::isthmus.change_state
     WHERE c.id IN (
               SELECT w.id
                 FROM isthmus.change_log AS w
                WHERE w.waits_for = ANY (:rows)
                  AND w.state IN ('retry', 'failed')
                  FOR UPDATE SKIP LOCKED
           )
    RETURNING c.id
)
SELECT (SELECT count(*) FROM woken), pg_notify('isthmus_change_log', '')
 WHERE EXISTS (SELECT FROM woken)

-- wake_row --
-- Edits of one row that waits are looked at again.
UPDATE isthmus.change_log AS c
   SET next_attempt_at = least(c.next_attempt_at, :now ::timestamptz)
 WHERE c.id IN (
           SELECT w.id
             FROM isthmus.change_log AS w
            WHERE w.table_name = :table
              AND w.record_id = :record_id
              AND w.state = 'retry'
              AND w.waits_for IS NOT NULL
              FOR UPDATE SKIP LOCKED
       )

-- wake_edited --
-- Rows that were edited again while they waited are looked at again.
UPDATE isthmus.change_log AS c
   SET next_attempt_at = :now
 WHERE c.id IN (
           SELECT w.id
             FROM isthmus.change_log AS w
            WHERE w.waits_for IS NOT NULL
              AND w.state = 'retry'
              AND w.next_attempt_at > :now
              AND EXISTS (
                      SELECT
                        FROM isthmus.change_log AS newer
                       WHERE newer.table_name = w.table_name
                         AND newer.record_id = w.record_id
                         AND newer.id > w.id
                         AND newer.state = 'new'
                  )
              FOR UPDATE SKIP LOCKED
       )

-- blame --
-- Edits that wait for a parent which failed say so.
UPDATE isthmus.change_log AS c
   SET last_error = r.error
  FROM json_to_recordset(:failed ::json) AS r (waits_for text, error text)
 WHERE c.waits_for = r.waits_for
   AND c.state = 'retry'
   AND c.id IN (
           SELECT w.id
             FROM isthmus.change_log AS w
            WHERE w.waits_for = r.waits_for
              AND w.state = 'retry'
              FOR UPDATE SKIP LOCKED
       )

-- still --
-- What a row that may be locked says in one column; nothing where somebody is writing it.
SELECT t.{column} AS value
  FROM {table} AS t
 WHERE t.{key} = :record_id
   FOR NO KEY UPDATE SKIP LOCKED

-- leave_out --
-- A circle is broken here: the record goes without this column ...
UPDATE isthmus.change_log
   SET new_data = new_data - :column, old_data = old_data - :column
 WHERE claim = :claim ::uuid

-- set_afterwards --
-- ... and gets it with an edit of its own, once Salesforce has the record itself: until then it waits for that one.
INSERT INTO isthmus.change_log
       (table_name, record_id, change_type, old_data, new_data, created_at, state, next_attempt_at, waits_for, last_error)
VALUES (:table, :record_id, 'UPDATE', jsonb_build_object(:column ::text, NULL),
        jsonb_build_object(:column ::text, :value ::text), :made_at, 'retry', :next_attempt_at, :waits_for, :error)

-- sfids --
-- The Salesforce ids of the rows that relationship columns name.
SELECT p.{key} AS record_id, p.sfid
  FROM {table} AS p
 WHERE p.{key} = ANY (:record_ids)

-- dead --
-- Rows that were deleted here.
SELECT DISTINCT b.record_id
  FROM isthmus.tombstone AS b
 WHERE b.table_name = :table
   AND b.record_id = ANY (:record_ids)

-- later --
-- The columns that later edits of these records will send.
SELECT DISTINCT c.record_id, k.name AS column
  FROM isthmus.change_log AS c
 CROSS JOIN LATERAL jsonb_object_keys(c.new_data) AS k (name)
 WHERE c.table_name = :table
   AND c.record_id = ANY (:record_ids)
   AND c.state IN ('new', 'retry', 'claimed')
   AND c.change_type = 'UPDATE'

-- lookup_follows --
-- What was sent by the parent's key: the lookup shows it at once, unless it is being edited again.
UPDATE {child} AS t
   SET {lookup} = (SELECT p.sfid FROM {parent} AS p WHERE p.{parent_key} = t.{column})
 WHERE t.{key} = ANY (:record_ids)
   AND (coalesce(t.{column}, '') = '' OR EXISTS (SELECT FROM {parent} AS p WHERE p.{parent_key} = t.{column} AND p.sfid IS NOT NULL))
   AND NOT EXISTS (
           SELECT
             FROM isthmus.change_log AS c
            WHERE c.table_name = :child
              AND c.record_id = t.{key}
              AND c.state IN ('new', 'claimed', 'sending', 'retry', 'failed')
              AND c.new_data ?| ARRAY[:column, :lookup_column]
       )

-- key_follows --
-- What was sent by the parent's Salesforce id: the relationship column shows its key at once.
UPDATE {child} AS t
   SET {column} = (SELECT p.{parent_key} FROM {parent} AS p WHERE p.sfid = t.{lookup})
 WHERE t.{key} = ANY (:record_ids)
   AND NOT EXISTS (
           SELECT
             FROM isthmus.change_log AS c
            WHERE c.table_name = :child
              AND c.record_id = t.{key}
              AND c.state IN ('new', 'claimed', 'sending', 'retry', 'failed')
              AND c.new_data ?| ARRAY[:column, :lookup_column]
       )
