-- suspects --
-- Tables of which more rows were deleted, within the window or since they wait, than a person need not be asked about.
-- Rows that Salesforce never heard of do not count, nor what a person has allowed.
SELECT m.pg_table_name AS table_name, m.delete_guard_share AS share, count(*) AS deletions
  FROM isthmus.sync_configurations AS m
  JOIN isthmus.change_log AS c
    ON c.table_name = m.pg_table_name
   AND c.change_type = 'DELETE'
 WHERE m.pg_table_name = ANY (:tables)
   AND m.is_active
   AND m.sync_direction <> 'SF_TO_PG'
   AND c.decided_at IS NULL
   AND c.state <> 'merged'
   AND (c.processed_at IS NULL
        OR c.processed_at > :now ::timestamptz - make_interval(mins => m.delete_guard_minutes))
   AND c.old_data ->> 'sfid' IS NOT NULL
 GROUP BY m.id
HAVING count(*) > m.delete_guard_count

-- left --
-- How many rows the table still has; of a large one Postgres' own estimate will do.
SELECT CASE WHEN r.reltuples < 10000 THEN (SELECT count(*) FROM {table}) ELSE r.reltuples::bigint END
  FROM pg_class AS r
 WHERE r.oid = to_regclass(:table_name)

-- hold --
-- Hold the table's deletions that are not under way, until a person says what to do; other drainers judge those that
-- they have locked.
UPDATE isthmus.change_log AS c
   SET held_at = :now, state = 'new', claim = NULL, lease_until = NULL, next_attempt_at = NULL
  FROM (
      SELECT d.id
        FROM isthmus.change_log AS d
       WHERE d.table_name = :table
         AND d.change_type = 'DELETE'
         AND d.held_at IS NULL
         AND d.decided_at IS NULL
         AND (d.state IN ('new', 'retry') OR (d.state IN ('claimed', 'sending') AND d.lease_until <= :now))
         AND d.old_data ->> 'sfid' IS NOT NULL
       ORDER BY d.id
         FOR UPDATE SKIP LOCKED
  ) AS waiting
 WHERE c.id = waiting.id
RETURNING c.record_id

-- held --
-- What the guard holds, by table.
SELECT m.sf_object_name AS object, c.table_name AS "table", 'to Salesforce' AS road, count(*) AS deletions,
       min(c.created_at) AS deleted_since, min(c.held_at) AS held_since
  FROM isthmus.change_log AS c
  LEFT JOIN isthmus.sync_configurations AS m
    ON m.pg_table_name = c.table_name
   AND m.sync_direction <> 'SF_TO_PG'
 WHERE c.held_at IS NOT NULL
   AND c.decided_at IS NULL
 GROUP BY m.sf_object_name, c.table_name
 ORDER BY c.table_name

-- held_records --
-- The held deletions of a table, oldest first.
SELECT c.id, c.record_id, c.old_data ->> 'sfid' AS sfid, c.created_at AS deleted_at, c.held_at
  FROM isthmus.change_log AS c
 WHERE c.held_at IS NOT NULL
   AND c.decided_at IS NULL
   AND c.table_name = :table
 ORDER BY c.id
 LIMIT :limit

-- allow --
-- A person lets a table's held deletions go on to Salesforce.
WITH allowed AS (
    UPDATE isthmus.change_log AS c
       SET decided_at = :now, decided_by = :who, decided_why = :why
     WHERE c.held_at IS NOT NULL
       AND c.decided_at IS NULL
       AND c.table_name = :table
    RETURNING c.id
)
SELECT count(*), pg_notify('isthmus_change_log', '')
  FROM allowed

-- refuse --
-- A person takes held deletions back: Salesforce never hears of them.
UPDATE isthmus.change_log AS c
   SET state = 'ignored', processed_at = :now, next_attempt_at = NULL, lease_until = NULL, claim = NULL,
       decided_at = :now, decided_by = :who, decided_why = :why
 WHERE c.id = ANY (:ids)
   AND c.held_at IS NOT NULL
   AND c.decided_at IS NULL
RETURNING c.id

-- arrive --
-- Count rows that are about to go because their records were deleted; one batch of a table at a time.
INSERT INTO isthmus.arrived_deletions AS d (table_name, minute, deletions)
VALUES (:table, date_trunc('minute', :now ::timestamptz), :rows)
    ON CONFLICT (table_name, minute) DO UPDATE
   SET deletions = greatest(d.deletions + excluded.deletions, 0)

-- arrived --
-- How many went within the mapping's window, those of this batch and those that wait for a person included; and what the
-- mapping lets go unasked.
SELECT m.delete_guard_count, m.delete_guard_share,
       (SELECT coalesce(sum(d.deletions), 0)
          FROM isthmus.arrived_deletions AS d
         WHERE d.table_name = :table
           AND d.minute > :now ::timestamptz - make_interval(mins => m.delete_guard_minutes)) AS went,
       (SELECT count(*)
          FROM isthmus.held_deletion AS h
         WHERE h.table_name = :table
           AND h.allowed IS NULL
           AND h.sfid <> ALL (:sfids)) AS held
  FROM isthmus.sync_configurations AS m
 WHERE m.id = :mapping_id

-- decided --
-- What people have said of these deletions.
SELECT h.sfid, h.allowed
  FROM isthmus.held_deletion AS h
 WHERE h.table_name = :table
   AND h.sfid = ANY (:sfids)
   AND h.allowed IS NOT NULL

-- hold_arriving --
-- Let these rows stay until a person has spoken.
INSERT INTO isthmus.held_deletion (table_name, sfid, held_at)
SELECT :table, s.sfid, :now
  FROM unnest(:sfids ::text[]) AS s (sfid)
    ON CONFLICT (table_name, sfid) DO NOTHING

-- held_here --
-- What waits for a person of what Salesforce has deleted, by table.
SELECT m.sf_object_name AS object, h.table_name AS "table", 'to Postgres' AS road, count(DISTINCT h.sfid) AS deletions,
       NULL ::timestamptz AS deleted_since, min(h.held_at) AS held_since
  FROM isthmus.held_deletion AS h
  LEFT JOIN isthmus.sync_configurations AS m
    ON m.pg_table_name = h.table_name
 WHERE h.allowed IS NULL
 GROUP BY m.sf_object_name, h.table_name
 ORDER BY h.table_name

-- held_records_here --
-- Rows of a table whose deletion in Salesforce waits for a person.
SELECT NULL ::bigint AS id, t.{key} ::text AS record_id, h.sfid, NULL ::timestamptz AS deleted_at, h.held_at
  FROM isthmus.held_deletion AS h
  LEFT JOIN {table} AS t ON t.sfid = h.sfid
 WHERE h.table_name = :table
   AND h.allowed IS NULL
 ORDER BY h.sfid
 LIMIT :limit

-- decide --
-- A person lets the rows of deleted records go, or keeps them.
UPDATE isthmus.held_deletion AS h
   SET allowed = :allowed, decided_at = :now, decided_by = :who, decided_why = :why
 WHERE h.table_name = :table
   AND h.sfid = ANY (:sfids)
   AND h.allowed IS NULL
RETURNING h.sfid
