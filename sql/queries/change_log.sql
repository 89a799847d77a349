-- in_order --
-- For the claim that follows: the planner, who knows little of a log that fills and empties, would sort the whole backlog
-- for every thousand rows; change_log_waiting has them in order.
SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off

-- in_any_order --
-- For what comes after the claim.
SET LOCAL enable_sort TO DEFAULT; SET LOCAL enable_bitmapscan TO DEFAULT

-- claim --
-- Lock up to :limit records that are due, each through its oldest open row; records that another
-- drainer holds are skipped, and so are records whose last call may still be carried out, or whose deletion waits for
-- a person.
-- `follow` then shows the rest of each record's rows, in the same transaction.
SELECT c.table_name, c.record_id
  FROM isthmus.change_log AS c
 WHERE c.state IN ('new', 'claimed', 'sending', 'retry')
   AND c.table_name = ANY (:tables)
   AND (c.state = 'new'
        OR (c.state = 'retry' AND c.next_attempt_at <= :now)
        OR (c.state IN ('claimed', 'sending') AND c.lease_until <= :now))
   AND NOT EXISTS (
           SELECT
             FROM isthmus.change_log AS older
            WHERE older.table_name = c.table_name
              AND older.record_id = c.record_id
              AND older.id < c.id
              AND older.state IN ('new', 'claimed', 'sending', 'retry')
       )
   AND NOT EXISTS (
           SELECT
             FROM isthmus.change_log AS held
            WHERE held.table_name = c.table_name
              AND held.record_id = c.record_id
              AND held.hold_until > :now
       )
   AND NOT EXISTS (
           SELECT
             FROM isthmus.change_log AS guarded
            WHERE guarded.table_name = c.table_name
              AND guarded.record_id = c.record_id
              AND guarded.held_at IS NOT NULL
              AND guarded.decided_at IS NULL
       )
 ORDER BY c.id
 LIMIT :limit
   FOR UPDATE OF c SKIP LOCKED

-- follow --
-- Every open row of these records, in their order. Failed ones too: a later edit takes them up.
SELECT c.id, c.table_name, c.record_id, c.change_type::text, c.old_data, c.new_data, c.created_at, c.state::text, c.attempts
  FROM isthmus.change_log AS c
  JOIN json_to_recordset(:records ::json) AS r (table_name text, record_id text)
 USING (table_name, record_id)
 WHERE c.state IN ('new', 'claimed', 'sending', 'retry', 'failed')
 ORDER BY c.id

-- mark --
-- Give each batch its claim; the lease is short, for nothing has been sent yet.
UPDATE isthmus.change_log AS c
   SET state = 'claimed', claim = r.claim, lease_until = :lease_until, next_attempt_at = NULL, bulk_job_id = NULL, waits_for = NULL
  FROM json_to_recordset(:batches ::json) AS r (claim uuid, id bigint)
 WHERE c.id = r.id

-- void --
-- Edits that need not be sent: inserted and deleted again, or nothing in them can be written.
UPDATE isthmus.change_log AS c
   SET state = 'merged', processed_at = :now, lease_until = NULL, next_attempt_at = NULL, claim = NULL, waits_for = NULL
 WHERE c.id = ANY (:ids)

-- say --
-- Why edits ended without being sent.
UPDATE isthmus.change_log AS c
   SET last_error = r.error
  FROM json_to_recordset(:said ::json) AS r (id bigint, error text)
 WHERE c.id = r.id

-- take --
-- Take what is still owed of these claims: only they may send it, and the lease outlasts the call. What was paused
-- meanwhile stays claimed, until its lease is over. Where an earlier taker went away without an answer, its call may
-- still be carried out.
WITH taken AS (
    UPDATE isthmus.change_log AS c
       SET state = 'sending', lease_until = :lease_until, attempts = c.attempts + 1,
           hold_until = CASE WHEN c.state = 'sending' THEN greatest(c.hold_until, c.lease_until) ELSE c.hold_until END
     WHERE c.claim = ANY (:claims ::uuid[])
       AND c.state IN ('claimed', 'sending')
       AND EXISTS (
               SELECT
                 FROM isthmus.sync_configurations AS m
                WHERE m.pg_table_name = c.table_name
                  AND m.sync_direction <> 'SF_TO_PG'
                  AND m.is_active
           )
       AND (SELECT i.paused_at IS NULL FROM isthmus.identity AS i)
    RETURNING c.claim, c.table_name, c.record_id, c.attempts, c.old_data ->> 'sfid' AS old_sfid
)
SELECT coalesce(json_agg(x), '[]')
  FROM (
      SELECT t.claim, t.table_name, t.record_id, max(t.attempts) AS attempts, max(t.old_sfid) AS old_sfid,
             (SELECT configuration_version FROM isthmus.identity) AS configuration_version
        FROM taken AS t
       GROUP BY t.claim, t.table_name, t.record_id
       ORDER BY t.table_name, t.record_id
  ) AS x

-- known --
-- The Salesforce ids of records whose claims still stand: of their rows, or of the tombstones they left.
SELECT DISTINCT coalesce(t.sfid, b.sfid)
  FROM isthmus.change_log AS c
  LEFT JOIN {table} AS t
    ON t.{key} = c.record_id
  LEFT JOIN isthmus.tombstone AS b
    ON b.table_name = c.table_name
   AND b.record_id = c.record_id
 WHERE c.claim = ANY (:claims ::uuid[])
   AND c.state IN ('claimed', 'sending')
   AND c.table_name = :table
   AND coalesce(t.sfid, b.sfid) IS NOT NULL

-- rows --
-- The rows of these records as they stand.
SELECT t.{key} AS record_id, t.sfid, CASE WHEN t.sfid IS NULL THEN to_jsonb(t.*) END AS row
  FROM {table} AS t
 WHERE t.{key} = ANY (:record_ids)

-- parents --
-- What the rows of these records look up to, as they stand.
SELECT t.{key}::text, coalesce((
           SELECT json_agg(e.value)
             FROM jsonb_each_text(to_jsonb(t.*)) AS e
            WHERE e.key = ANY (:columns)
              AND e.value IS NOT NULL
       ), '[]')
  FROM {table} AS t
 WHERE t.{key} = ANY (:record_ids)

-- buried --
-- The Salesforce ids of deleted rows, as far as they are known; of a row that died twice, the last one.
SELECT DISTINCT ON (b.record_id) b.record_id, b.sfid
  FROM isthmus.tombstone AS b
 WHERE b.table_name = :table
   AND b.record_id = ANY (:record_ids)
 ORDER BY b.record_id, b.id DESC

-- lock --
-- Lock the rows of these records, in key order and before their log rows, as arriving changes do: two transactions
-- never wait for each other in a circle. Returns nothing: HAVING makes Postgres run it all the same.
SELECT
  FROM (
      SELECT
        FROM {table} AS t
       WHERE t.{key} = ANY (:record_ids)
       ORDER BY t.{key}
         FOR NO KEY UPDATE
  ) AS locked
HAVING count(*) < 0

-- settle --
-- Write down how Salesforce took each batch. Who lost the claim in the meantime changes nothing.
WITH results AS MATERIALIZED (
    SELECT *
      FROM json_to_recordset(:results ::json)
           AS r (claim uuid, state text, error text, hint text, next_attempt_at timestamptz, untried boolean,
                 waits_for text)
), settled AS (
    UPDATE isthmus.change_log AS c
       SET state = r.state::isthmus.change_state,
           processed_at = CASE WHEN r.state = 'done' THEN :now ::timestamptz END,
           next_attempt_at = r.next_attempt_at,
           last_error = r.error,
           last_hint = r.hint,
           waits_for = r.waits_for,
           lease_until = NULL,
           bulk_job_id = NULL,
           attempts = c.attempts - coalesce(r.untried, false)::integer
      FROM results AS r
     WHERE c.claim = r.claim
       AND c.state = 'sending'
    RETURNING c.claim, c.state, c.created_at, c.table_name, c.record_id
), counted AS (
    INSERT INTO isthmus.sync_metrics (sync_config_id, direction, synced_count, status, lag_ms)
    SELECT :mapping_id, 'PG_TO_SF', count(DISTINCT s.claim),
           (CASE WHEN s.state = 'done' THEN 'SUCCESS' ELSE 'FAILURE' END)::isthmus.sync_status,
           extract(epoch FROM :now ::timestamptz - min(s.created_at)) * 1000
      FROM settled AS s
     WHERE s.state IN ('done', 'failed')
     GROUP BY s.state = 'done', (CASE WHEN s.state = 'done' THEN 'SUCCESS' ELSE 'FAILURE' END)
)
SELECT coalesce(json_agg(DISTINCT s.claim::text), '[]')
  FROM settled AS s

-- keep --
-- Edits that arrived without some of their fields, which Salesforce refuses: what arrived becomes a settled row of its
-- own, and what did not stays in its place, failed, so that it can be tried again and a later edit still supersedes it.
-- From an insert on it is an update: the record is there.
WITH kept AS MATERIALIZED (
    SELECT *
      FROM json_to_recordset(:kept ::json) AS k (claim uuid, columns text[], error text)
), torn AS MATERIALIZED (
    SELECT c.id, k.error, n.names
      FROM kept AS k
      JOIN isthmus.change_log AS c ON c.claim = k.claim AND c.state = 'done'
     CROSS JOIN LATERAL (
               SELECT array_agg(e.key) AS names
                 FROM jsonb_each(c.new_data) AS e
                WHERE e.key = ANY (k.columns)
                  AND (c.change_type = 'UPDATE' OR e.value <> 'null')
           ) AS n
     WHERE n.names IS NOT NULL
), arrived AS (
    INSERT INTO isthmus.change_log
           (table_name, record_id, change_type, old_data, new_data, processed_at, created_at, state, attempts, claim)
    SELECT c.table_name, c.record_id, c.change_type, c.old_data - t.names, c.new_data - t.names, c.processed_at,
           c.created_at, 'done', c.attempts, c.claim
      FROM torn AS t
      JOIN isthmus.change_log AS c USING (id)
     WHERE c.new_data - t.names <> '{}'
)
UPDATE isthmus.change_log AS c
   SET state = 'failed', processed_at = NULL, change_type = 'UPDATE', last_error = t.error,
       old_data = (SELECT jsonb_object_agg(n, coalesce(c.old_data -> n, 'null')) FROM unnest(t.names) AS n),
       new_data = (SELECT jsonb_object_agg(n, c.new_data -> n) FROM unnest(t.names) AS n)
  FROM torn AS t
 WHERE c.id = t.id

-- fields --
-- What is known of refused fields: those of now are noted, those that have arrived are well again.
WITH well AS (
    DELETE FROM isthmus.stopped_field
     WHERE sync_config_id = :mapping_id
       AND field = ANY (:arrived)
)
INSERT INTO isthmus.stopped_field (sync_config_id, field, detail, since, seen_at)
SELECT m.id, s.key, s.value, :now ::timestamptz, :now ::timestamptz
  FROM isthmus.sync_configurations AS m
 CROSS JOIN json_each_text(:stopped ::json) AS s
 WHERE m.id = :mapping_id
    ON CONFLICT (sync_config_id, field) DO UPDATE
   SET detail = excluded.detail, seen_at = excluded.seen_at

-- wake --
-- Edits that came while their record was being sent can go now: wake whoever listens.
SELECT pg_notify('isthmus_change_log', '')
 WHERE EXISTS (
           SELECT
             FROM isthmus.change_log AS c
            WHERE c.table_name = :table
              AND c.record_id = ANY (:record_ids)
              AND c.state = 'new'
       )

-- write_back --
-- Give the rows the ids that Salesforce gave their records, and note when we wrote. A row whose deletion is still
-- to be sent is another one's life: it was deleted and inserted again meanwhile.
UPDATE {table} AS t
   SET sfid = coalesce(t.sfid, r.sfid),
       isthmus_written_at = :now
  FROM json_to_recordset(:sent ::json) AS r (record_id text, sfid text)
 WHERE t.{key} = r.record_id
   AND NOT EXISTS (
           SELECT
             FROM isthmus.change_log AS c
            WHERE c.table_name = :table
              AND c.record_id = r.record_id
              AND c.change_type = 'DELETE'
              AND c.state IN ('new', 'claimed', 'sending', 'retry', 'failed')
       )

-- note_dead --
-- Records that we wrote while their rows were gone already, the deletion being still to be sent, or even to be told by
-- Debezium: when, and the id of one that was being created, which the deletion needs. A tombstone without an id is of a row
-- that Salesforce never heard of.
UPDATE isthmus.tombstone AS b
   SET sfid = coalesce(b.sfid, r.sfid),
       written_at = :now
  FROM json_to_recordset(:sent ::json) AS r (record_id text, sfid text)
 WHERE b.id = (
           SELECT max(n.id)
             FROM isthmus.tombstone AS n
            WHERE n.table_name = :table
              AND n.record_id = r.record_id
              AND (n.sfid IS NULL OR n.sfid = r.sfid)
              AND (EXISTS (
                      SELECT
                        FROM isthmus.change_log AS c
                       WHERE c.table_name = :table
                         AND c.record_id = r.record_id
                         AND c.change_type = 'DELETE'
                         AND c.state IN ('new', 'claimed', 'sending', 'retry', 'failed')
                  ) OR :told_late
                   AND n.side = 'postgres'
                   AND n.deleted_at > now() - interval '2 days'
                   AND NOT EXISTS (
                           SELECT
                             FROM isthmus.captured_edit AS e
                            WHERE e.table_name = n.table_name
                              AND e.record_id = n.record_id
                              AND e.change_type = 'DELETE'
                              AND e.told_at > n.deleted_at
                       ))
       )
   AND NOT EXISTS (
           SELECT
             FROM isthmus.tombstone AS named
            WHERE named.table_name = :table
              AND named.sfid = r.sfid
              AND named.id <> b.id
       )

-- reopen --
-- Failed edits are tried once more: of one record, or all of a table.
UPDATE isthmus.change_log AS c
   SET state = 'new', claim = NULL
 WHERE c.state = 'failed'
   AND c.table_name = :table
   AND (:record_id ::text IS NULL OR c.record_id = :record_id)
RETURNING c.id

-- waiting --
-- How many records wait, and since when.
SELECT count(DISTINCT (c.table_name, c.record_id)), min(c.created_at)
  FROM isthmus.change_log AS c
 WHERE c.state IN ('new', 'claimed', 'sending', 'retry')

-- refuse --
-- Claimed edits with values that Salesforce cannot hold: they fail without a call.
UPDATE isthmus.change_log AS c
   SET state = 'failed', last_error = r.error, last_hint = r.hint, lease_until = NULL, attempts = c.attempts + 1
  FROM json_to_recordset(:errors ::json) AS r (claim uuid, error text, hint text)
 WHERE c.claim = r.claim
   AND c.state = 'claimed'

-- release --
-- Claims that were never published go back to the log.
UPDATE isthmus.change_log
   SET state = 'new', claim = NULL, lease_until = NULL
 WHERE claim = ANY (:claims ::uuid[])
   AND state = 'claimed'
