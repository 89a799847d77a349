-- log --
-- Walk a slice of the change log, oldest first, and delete what was settled long ago; open rows stay. Walking by the
-- primary key needs no index of its own, which every edit would pay for.
WITH slice AS MATERIALIZED (
    SELECT c.id, c.created_at, c.processed_at
      FROM isthmus.change_log AS c
     WHERE c.id > :after
     ORDER BY c.id
     LIMIT :limit
), old AS MATERIALIZED (
    SELECT c.id
      FROM isthmus.change_log AS c
      JOIN slice AS s USING (id)
     WHERE s.processed_at < :before
       FOR UPDATE OF c SKIP LOCKED
), gone AS (
    DELETE FROM isthmus.change_log AS c
     USING old
     WHERE c.id = old.id
    RETURNING c.id
)
SELECT (SELECT max(s.id) FROM slice AS s) AS last, (SELECT count(*) FROM gone) AS gone,
       (SELECT count(*) FROM slice AS s WHERE s.created_at < :before) AS old

-- metrics --
-- Delete old metrics. What is not summed up by the hour yet is so now: counts are added, of lags the longest is kept.
WITH old AS MATERIALIZED (
    SELECT m.id
      FROM isthmus.sync_metrics AS m
     WHERE NOT m.hourly
       AND m."timestamp" < date_trunc('hour', :before ::timestamptz)
     ORDER BY m."timestamp"
     LIMIT :limit
       FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM isthmus.sync_metrics AS m
     USING old
     WHERE m.id = old.id
    RETURNING m.*
), unsummed AS MATERIALIZED (
    SELECT t.summed_until
      FROM isthmus.trend AS t
       FOR SHARE
), summed AS (
    INSERT INTO isthmus.sync_metrics
           (sync_config_id, direction, synced_count, status, "timestamp", lag_ms, duration_ms, hourly)
    SELECT g.sync_config_id, g.direction, sum(g.synced_count), g.status, date_trunc('hour', g."timestamp"),
           max(g.lag_ms), sum(g.duration_ms), true
      FROM gone AS g
      JOIN unsummed AS u
        ON g."timestamp" >= u.summed_until
     GROUP BY g.sync_config_id, g.direction, g.status, date_trunc('hour', g."timestamp")
)
SELECT count(*)
  FROM gone

-- trends --
-- Hours that nobody looks at any more.
WITH old AS (
    SELECT m.id
      FROM isthmus.sync_metrics AS m
     WHERE m.hourly
       AND m."timestamp" < :before
     LIMIT :limit
       FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM isthmus.sync_metrics AS m
     USING old
     WHERE m.id = old.id
    RETURNING m.id
)
SELECT count(*)
  FROM gone

-- conflicts --
-- Conflicts that a person has settled; and, after :forgotten, those that nobody ever looked at: the policy has decided.
WITH old AS (
    SELECT k.id
      FROM isthmus.conflict AS k
     WHERE k.settled_at < :before
        OR (k.settled_at IS NULL AND k.created_at < :forgotten)
     LIMIT :limit
       FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM isthmus.conflict AS k
     USING old
     WHERE k.id = old.id
    RETURNING k.id
)
SELECT count(*)
  FROM gone

-- letters --
-- Dead letters that were replayed, healed or given up; kept ones stay until a person decides.
WITH old AS (
    SELECT d.id
      FROM isthmus.dead_letter AS d
     WHERE d.state <> 'kept'
       AND d.updated_at < :before
     LIMIT :limit
       FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM isthmus.dead_letter AS d
     USING old
     WHERE d.id = old.id
    RETURNING d.id
)
SELECT count(*)
  FROM gone

-- tombstones --
-- Tombstones that no message can be older than; not those whose deletion is still to be sent.
WITH old AS (
    SELECT b.id
      FROM isthmus.tombstone AS b
     WHERE b.deleted_at < :before
       AND NOT EXISTS (
               SELECT
                 FROM isthmus.change_log AS c
                WHERE c.table_name = b.table_name
                  AND c.record_id = b.record_id
                  AND c.state IN ('new', 'claimed', 'sending', 'retry', 'failed')
           )
     ORDER BY b.id
     LIMIT :limit
       FOR UPDATE OF b SKIP LOCKED
), gone AS (
    DELETE FROM isthmus.tombstone AS b
     USING old
     WHERE b.id = old.id
    RETURNING b.id
)
SELECT count(*)
  FROM gone

-- bulk_jobs --
-- Bulk API jobs that have ended.
WITH gone AS (
    DELETE FROM isthmus.bulk_job AS j
     WHERE j.state IN ('done', 'failed')
       AND j.updated_at < :before
    RETURNING j.id
)
SELECT count(*)
  FROM gone

-- backfills --
-- First loads that are over, with their slices.
WITH gone AS (
    DELETE FROM isthmus.backfill AS b
     WHERE b.ended_at < :before
    RETURNING b.id
)
SELECT count(*)
  FROM gone

-- api_usage --
-- Days whose calls nobody counts any more.
WITH gone AS (
    DELETE FROM isthmus.api_usage AS u
     WHERE u.day < :before ::timestamptz::date
    RETURNING u.day
)
SELECT count(*)
  FROM gone

-- reconciliations --
-- Comparisons that have ended.
WITH gone AS (
    DELETE FROM isthmus.reconciliation AS r
     WHERE r.state <> 'running'
       AND r.ended_at < :before
    RETURNING r.id
)
SELECT count(*)
  FROM gone

-- held_deletions --
-- Deletions in Salesforce of which a person has spoken; and how many rows went in which minute.
WITH gone AS (
    DELETE FROM isthmus.held_deletion AS h
     WHERE h.decided_at < :before
       AND h.allowed
    RETURNING h.sfid
), counted AS (
    DELETE FROM isthmus.arrived_deletions AS d
     WHERE d.minute < :before
)
SELECT count(*)
  FROM gone

-- audit --
-- What people did at the console, as long ago as trends reach.
WITH old AS (
    SELECT a.id
      FROM isthmus.audit AS a
     WHERE a.at < :before
     LIMIT :limit
       FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM isthmus.audit AS a
     USING old
     WHERE a.id = old.id
    RETURNING a.id
)
SELECT count(*)
  FROM gone
