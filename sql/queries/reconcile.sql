-- due --
-- Comparisons whose time has come: windows always, the others by the mapping's own schedule; not where one of the kind is
-- under way, unless that one was left lying for an hour; nor of platform events, which have no records.
WITH wanted AS (
    SELECT m.id, k.kind, coalesce(w.compared_until, m.created_at) AS compared_until
      FROM isthmus.sync_configurations AS m
     CROSS JOIN isthmus.identity AS i
      LEFT JOIN isthmus.watermark AS w ON w.sync_config_id = m.id
     CROSS JOIN (VALUES ('window'::isthmus.comparison), ('full'), ('refresh')) AS k (kind)
     WHERE m.is_active
       AND i.paused_at IS NULL
       AND m.sync_direction <> 'PG_TO_SF'
       AND right(m.sf_object_name, 3) <> '__e'
       AND CASE k.kind
               WHEN 'window' THEN true
               WHEN 'full' THEN m.full_compare_days > 0
                    AND coalesce(w.full_at, m.created_at) + make_interval(days => m.full_compare_days) <= :now
               ELSE m.refresh_minutes IS NOT NULL
                    AND coalesce(w.refreshed_at, '-infinity') + make_interval(mins => m.refresh_minutes) <= :now
           END
)
SELECT n.id AS mapping_id, n.kind::text AS kind, n.compared_until AS since, r.id AS number
  FROM wanted AS n
  LEFT JOIN LATERAL (
      SELECT r.id, r.updated_at
        FROM isthmus.reconciliation AS r
       WHERE r.sync_config_id = n.id
         AND r.kind = n.kind
         AND r.state = 'running'
       ORDER BY r.id
       LIMIT 1
  ) AS r ON true
 WHERE r.id IS NULL
    OR r.updated_at < :now ::timestamptz - interval '1 hour'
 ORDER BY n.kind, n.id

-- next_due --
-- When the next comparison is due that no change asks for.
SELECT min(x.due)
  FROM isthmus.sync_configurations AS m
  LEFT JOIN isthmus.watermark AS w ON w.sync_config_id = m.id
 CROSS JOIN LATERAL (
      VALUES (CASE WHEN m.full_compare_days > 0
                   THEN coalesce(w.full_at, m.created_at) + make_interval(days => m.full_compare_days) END),
             (coalesce(w.refreshed_at, m.created_at) + make_interval(mins => m.refresh_minutes))
  ) AS x (due)
 WHERE m.is_active
   AND m.sync_direction <> 'PG_TO_SF'

-- begin --
-- A new run; one that asks for the same and has not begun yet will do.
WITH waiting AS (
    SELECT r.id
      FROM isthmus.reconciliation AS r
     WHERE r.sync_config_id = :mapping_id
       AND r.kind = :kind ::isthmus.comparison
       AND r.state = 'running'
       AND r.place = '{}'
       AND r.lease_until IS NULL
       AND r.since IS NOT DISTINCT FROM :since
       AND r.until = :until
     LIMIT 1
), begun AS (
    INSERT INTO isthmus.reconciliation (sync_config_id, kind, reason, since, until, started_at, updated_at)
    SELECT m.id, :kind ::isthmus.comparison, :reason, :since, :until, :now, :now
      FROM isthmus.sync_configurations AS m
     WHERE m.id = :mapping_id
       AND NOT EXISTS (SELECT FROM waiting)
    RETURNING id
)
SELECT id FROM waiting
 UNION ALL
SELECT id FROM begun

-- turn --
-- A run that goes on, taken for a while; locked, so that only one of two takes it.
UPDATE isthmus.reconciliation AS r
   SET lease_until = :lease_until, updated_at = :now
 WHERE r.id = :number
   AND r.state = 'running'
   AND (r.lease_until IS NULL OR r.lease_until <= :now)
RETURNING r.id, r.sync_config_id, r.kind::text AS kind, r.since, r.until, r.started_at, r.place, r.compared, r.missing,
          r.older, r.gone, r.purged, r.held, r.unseen

-- running --
-- Whether a run goes on at all.
SELECT r.id
  FROM isthmus.reconciliation AS r
 WHERE r.id = :number
   AND r.state = 'running'

-- note --
-- How far a run is, and who may take it next.
UPDATE isthmus.reconciliation
   SET place = :place ::jsonb, compared = :compared, missing = :missing, older = :older, gone = :gone,
       purged = :purged, held = :held, unseen = :unseen, updated_at = :now, lease_until = :lease_until,
       last_error = :error ::text, state = :state ::isthmus.comparison_state,
       ended_at = CASE WHEN :state <> 'running' THEN :now ::timestamptz END
 WHERE id = :number

-- watermark --
-- A run that has reached its end moves its mapping's mark; never back. A full compare has seen all that was older than it.
INSERT INTO isthmus.watermark AS w (sync_config_id, compared_until, full_at, refreshed_at)
SELECT r.sync_config_id,
       CASE WHEN r.kind = 'full' THEN r.started_at
            WHEN r.kind = 'window' AND r.since <= coalesce((SELECT k.compared_until FROM isthmus.watermark AS k
                                       WHERE k.sync_config_id = r.sync_config_id), m.created_at) THEN r.until
       END,
       CASE WHEN r.kind = 'full' THEN r.started_at END,
       CASE WHEN r.kind = 'refresh' THEN r.started_at END
  FROM isthmus.reconciliation AS r
  JOIN isthmus.sync_configurations AS m ON m.id = r.sync_config_id
 WHERE r.id = :number
    ON CONFLICT (sync_config_id) DO UPDATE
   SET compared_until = greatest(w.compared_until, excluded.compared_until),
       full_at = greatest(w.full_at, excluded.full_at),
       refreshed_at = greatest(w.refreshed_at, excluded.refreshed_at)

-- compared_until --
-- Until when a mapping's records were compared.
SELECT coalesce(w.compared_until, m.created_at)
  FROM isthmus.sync_configurations AS m
  LEFT JOIN isthmus.watermark AS w ON w.sync_config_id = m.id
 WHERE m.id = :mapping_id

-- rows --
-- The versions of these records' rows: stamp in milliseconds, and whether the row surely says what the stamp promises.
SELECT t.sfid, floor(extract(epoch FROM t.system_modstamp) * 1000)::bigint,
       coalesce(t.isthmus_read_at >= t.system_modstamp + interval '2 seconds'
                AND (t.isthmus_written_at IS NULL OR t.isthmus_read_at > t.isthmus_written_at), false)
  FROM {table} AS t
 WHERE t.sfid = ANY (:sfids)

-- leaving --
-- Records that were deleted here, and whose deletion Salesforce has not got yet.
SELECT b.sfid
  FROM isthmus.tombstone AS b
  JOIN isthmus.change_log AS c
    ON c.table_name = b.table_name
   AND c.record_id = b.record_id
   AND c.change_type = 'DELETE'
   AND c.state IN ('new', 'claimed', 'sending', 'retry', 'failed')
 WHERE b.table_name = :table
   AND b.sfid = ANY (:sfids)

-- rows_between --
-- The same for a range of ids, as one JSON text.
SELECT coalesce(json_agg(json_build_array(x.sfid, x.stamp, x.sure)), '[]')
  FROM (
      SELECT t.sfid, floor(extract(epoch FROM t.system_modstamp) * 1000)::bigint AS stamp,
             coalesce(t.isthmus_read_at >= t.system_modstamp + interval '2 seconds'
                      AND (t.isthmus_written_at IS NULL OR t.isthmus_read_at > t.isthmus_written_at), false) AS sure
        FROM {table} AS t
       WHERE t.sfid > :after
         AND (:upto = '' OR t.sfid <= :upto)
  ) AS x

-- images --
-- Rows of a range of ids as they stand, each with the columns whose edits Salesforce has not got yet; as one JSON text.
SELECT coalesce(json_agg(json_build_array(x.sfid, x.row, x.edited)), '[]')
  FROM (
      SELECT t.sfid, to_jsonb(t.*) AS row,
             (SELECT coalesce(json_agg(DISTINCT e.name), '[]')
                FROM isthmus.change_log AS c
               CROSS JOIN jsonb_object_keys(coalesce(c.new_data, '{}')) AS e (name)
               WHERE c.table_name = :table
                 AND c.record_id = t.{key} ::text
                 AND c.state IN ('new', 'claimed', 'sending', 'retry', 'failed')) AS edited
        FROM {table} AS t
       WHERE t.sfid > :after
         AND (:upto = '' OR t.sfid <= :upto)
  ) AS x

-- unsent --
-- Rows that have no record: how many of them are on their way, and how many are not.
SELECT count(*) FILTER (WHERE x.waits), count(*) FILTER (WHERE NOT x.waits)
  FROM (
      SELECT EXISTS (
                 SELECT
                   FROM isthmus.change_log AS c
                  WHERE c.table_name = :table
                    AND c.record_id = t.{key} ::text
                    AND c.state IN ('new', 'claimed', 'sending', 'retry', 'failed')
             ) AS waits
        FROM {table} AS t
       WHERE t.sfid IS NULL
  ) AS x

-- slice_end --
-- The id of the last row of a slice.
SELECT t.sfid
  FROM {table} AS t
 WHERE t.sfid > :after
 ORDER BY t.sfid
OFFSET :rows
 LIMIT 1

-- runs --
-- Past comparisons, the latest first.
SELECT r.id, m.sf_object_name AS object, m.pg_table_name AS "table", r.kind::text AS kind, r.reason, r.state::text AS state,
       r.started_at, r.ended_at, r.since, r.compared, r.missing, r.older, r.gone, r.purged, r.held, r.unseen, r.last_error
  FROM isthmus.reconciliation AS r
  JOIN isthmus.sync_configurations AS m ON m.id = r.sync_config_id
 WHERE :object = '' OR lower(m.sf_object_name) = lower(:object) OR m.pg_table_name = :object
 ORDER BY r.id DESC
 LIMIT :limit

-- set_schedule --
-- How often a mapping's values are refreshed, and its ids compared.
UPDATE isthmus.sync_configurations
   SET refresh_minutes = :refresh_minutes, full_compare_days = :full_compare_days, updated_at = now()
 WHERE id = :id

-- schedule --
-- The same, as it is.
SELECT refresh_minutes, full_compare_days
  FROM isthmus.sync_configurations
 WHERE id = :id
