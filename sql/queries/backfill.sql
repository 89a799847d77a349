-- begin --
-- A new backfill; its id. None where the mapping is gone, or has one that is not over.
INSERT INTO isthmus.backfill (sync_config_id, direction, state, asked_by, slice_records, created_at)
SELECT m.id, :direction ::isthmus.sync_direction, 'asking', :who, :slice_records, :now ::timestamptz
  FROM isthmus.sync_configurations AS m
 WHERE m.id = :mapping_id
    ON CONFLICT (sync_config_id) WHERE state IN ('asking', 'running') DO NOTHING
RETURNING id

-- find --
-- One backfill.
SELECT b.id, b.sync_config_id, b.direction::text, b.state::text, b.paused_at IS NOT NULL AS paused, b.slice_records,
       coalesce(b.sf_job, '') AS sf_job, b.read_at
  FROM isthmus.backfill AS b
 WHERE b.id = :id

-- asked --
-- Which query Salesforce works on.
UPDATE isthmus.backfill
   SET sf_job = :sf_job, read_at = :read_at ::timestamptz, last_error = NULL
 WHERE id = :id
   AND state = 'asking'

-- answered --
-- How many records there are; the first slice may begin. Where there are none, there is nothing to do.
WITH counted AS (
    UPDATE isthmus.backfill
       SET records = :records, last_error = NULL,
           state = (CASE WHEN :records > 0 THEN 'running' ELSE 'done' END)::isthmus.backfill_state,
           ended_at = CASE WHEN :records = 0 THEN :now ::timestamptz END
     WHERE id = :id
       AND state = 'asking'
    RETURNING id
)
INSERT INTO isthmus.backfill_slice (backfill_id, number, place)
SELECT c.id, 1, ''
  FROM counted AS c
 WHERE :records > 0

-- take --
-- A slice, locked until the transaction ends; none where it is done, or somebody is at it.
SELECT s.place
  FROM isthmus.backfill_slice AS s
 WHERE s.backfill_id = :id
   AND s.number = :number
   AND s.done_at IS NULL
   FOR UPDATE SKIP LOCKED

-- finish --
-- A slice is done. The next one may begin, or the whole is over.
WITH finished AS (
    UPDATE isthmus.backfill_slice
       SET done_at = :now, seconds = :milliseconds / 1000.0, records = :records, written = :written, stale = :stale,
           aside = :aside
     WHERE backfill_id = :id
       AND number = :number
       AND done_at IS NULL
    RETURNING backfill_id
), following AS (
    INSERT INTO isthmus.backfill_slice (backfill_id, number, place)
    SELECT f.backfill_id, :number + 1, :following
      FROM finished AS f
     WHERE :following <> ''
        ON CONFLICT DO NOTHING
)
UPDATE isthmus.backfill AS b
   SET state = (CASE WHEN :following = '' AND b.state = 'running' THEN 'done' ELSE b.state::text END)::isthmus.backfill_state,
       ended_at = CASE WHEN :following = '' THEN coalesce(b.ended_at, :now ::timestamptz) ELSE b.ended_at END,
       last_error = CASE WHEN b.state = 'running' THEN NULL ELSE b.last_error END
  FROM finished AS f
 WHERE b.id = f.backfill_id

-- waiting --
-- The slice that is to be done next.
SELECT min(s.number)
  FROM isthmus.backfill_slice AS s
 WHERE s.backfill_id = :id
   AND s.done_at IS NULL

-- unsent --
-- How many rows Salesforce never had.
SELECT count(*)
  FROM {table} AS t
 WHERE t.sfid IS NULL

-- on_their_way --
-- How many edits of the table wait to be sent, or are being sent; what failed waits for a person.
SELECT count(*)
  FROM isthmus.change_log AS c
 WHERE c.table_name = :table
   AND c.state IN ('new', 'claimed', 'sending', 'retry')

-- lock_unsent --
-- Lock the next rows that Salesforce never had, in the order of their keys: what was captured of them is seen afterwards.
SELECT t.{key}
  FROM {table} AS t
 WHERE t.sfid IS NULL
   AND t.{key} > :after
 ORDER BY t.{key}
 LIMIT :limit
   FOR NO KEY UPDATE

-- capture_unsent --
-- Rows are captured as if they were inserted now, unless they are captured already. How many were, and the last one's key.
WITH part AS (
    SELECT t.{key} AS record_id, to_jsonb(t.*) AS row
      FROM {table} AS t
     WHERE t.sfid IS NULL
       AND t.{key} > :after
     ORDER BY t.{key}
     LIMIT :limit
), captured AS (
    INSERT INTO isthmus.change_log (table_name, record_id, change_type, new_data)
    SELECT :table, p.record_id, 'INSERT'::isthmus.change_type, coalesce(jsonb_object_agg(n.name, n.value), '{}')
      FROM part AS p
     CROSS JOIN LATERAL jsonb_each(p.row) AS n (name, value)
     WHERE n.name = ANY (:columns)
       AND NOT EXISTS (
               SELECT
                 FROM isthmus.change_log AS c
                WHERE c.table_name = :table
                  AND c.record_id = p.record_id
                  AND c.state IN ('new', 'claimed', 'sending', 'retry', 'failed')
           )
     GROUP BY p.record_id
    RETURNING record_id
)
SELECT count(*), (SELECT count(*) FROM captured), coalesce(max(p.record_id), '')
  FROM part AS p

-- end --
-- It is over before its last slice.
UPDATE isthmus.backfill
   SET state = :state ::isthmus.backfill_state, ended_at = :now, last_error = :error, paused_at = NULL
 WHERE id = :id
   AND state IN ('asking', 'running')

-- trouble --
-- Why it does not get on now.
UPDATE isthmus.backfill
   SET last_error = :error
 WHERE id = :id
   AND state IN ('asking', 'running')

-- pause --
-- Stop after the slice that is under way, or go on.
UPDATE isthmus.backfill
   SET paused_at = CASE WHEN :paused THEN coalesce(paused_at, :now ::timestamptz) END
 WHERE id = :id
   AND state IN ('asking', 'running')
RETURNING id

-- progress --
-- How far backfills are, the newest first: those that are not over, or the last so many, or one.
SELECT b.id AS backfill, m.sf_object_name AS object, m.pg_table_name AS table, b.direction::text,
       CASE WHEN b.paused_at IS NULL OR b.ended_at IS NOT NULL THEN b.state::text ELSE 'paused' END AS state,
       coalesce(d.records, 0) AS done, b.records, d.slices,
       round(d.records / nullif(d.seconds, 0)) ::bigint AS rows_per_second,
       CASE
           WHEN b.ended_at IS NULL
               THEN ceil(greatest(b.records - d.records, 0) * d.seconds / nullif(d.records, 0)) ::bigint
       END AS seconds_left,
       coalesce(d.written, 0) AS written, coalesce(d.stale, 0) AS stale, coalesce(d.aside, 0) AS aside,
       b.asked_by, b.created_at AS since, b.ended_at, b.last_error
  FROM isthmus.backfill AS b
  JOIN isthmus.sync_configurations AS m ON m.id = b.sync_config_id
 CROSS JOIN LATERAL (
           SELECT count(s.done_at) AS slices, sum(s.records) ::bigint AS records, sum(s.seconds) AS seconds,
                  sum(s.written) ::bigint AS written, sum(s.stale) ::bigint AS stale, sum(s.aside) ::bigint AS aside
             FROM isthmus.backfill_slice AS s
            WHERE s.backfill_id = b.id
       ) AS d
 WHERE b.id = coalesce(:id, b.id)
 ORDER BY b.id DESC
 LIMIT :limit
