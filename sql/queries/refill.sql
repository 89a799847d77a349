-- begin --
-- Have fields read again for every row. Where others are under way, all of them begin anew: a row gets them in one read.
INSERT INTO isthmus.refill AS r (sync_config_id, fields)
SELECT m.id, :fields
  FROM isthmus.sync_configurations AS m
 WHERE m.id = :mapping_id
    ON CONFLICT (sync_config_id) DO UPDATE
   SET fields = ARRAY(SELECT DISTINCT f FROM unnest(r.fields || excluded.fields) AS f ORDER BY f),
       after_id = '', filled = 0, started_at = now()

-- open --
-- Which mappings wait for fields, the oldest first.
SELECT sync_config_id, fields, after_id
  FROM isthmus.refill
 ORDER BY started_at

-- fill --
-- Write these fields into rows that the read is newer than, and leave their versions alone: the other columns are not of
-- this read. On equal stamps the later read is the newer one. Back come the ids of records that must be read whole:
-- their rows have edits that Salesforce has not got yet, or were written by us since, or nobody knows their version.
WITH incoming AS MATERIALIZED (
    SELECT r.*
      FROM json_to_recordset(:records ::json) AS r (sfid text, stamp timestamptz, read_at timestamptz{record_columns})
), judged AS MATERIALIZED (
    SELECT i.sfid,
           NOT EXISTS (
               SELECT
                 FROM isthmus.change_log AS c
                WHERE c.table_name = :table
                  AND c.record_id = t.{key}
                  AND c.state IN ('new', 'claimed', 'sending', 'retry', 'failed')
           ) AND coalesce(
               (i.stamp, i.read_at) > (t.system_modstamp, t.isthmus_read_at)
               AND (t.isthmus_written_at IS NULL OR i.read_at >= t.isthmus_written_at), false
           ) AS fits,
           coalesce(t.isthmus_read_at > i.read_at, false) AS newer
      FROM incoming AS i
      JOIN {table} AS t ON t.sfid = i.sfid
), filled AS (
    UPDATE {table} AS t
       SET {assignments}
      FROM incoming AS i
      JOIN judged AS j USING (sfid)
     WHERE t.sfid = i.sfid
       AND j.fits
    RETURNING t.sfid
)
SELECT (SELECT count(*) FROM filled),
       coalesce((SELECT json_agg(j.sfid ORDER BY j.sfid) FROM judged AS j WHERE NOT j.fits AND NOT j.newer), '[]'::json)

-- here --
-- Which of these records have rows.
SELECT t.sfid
  FROM {table} AS t
 WHERE t.sfid = ANY (:sfids)
 ORDER BY t.sfid

-- advance --
-- Every record up to this one was read. Nothing comes back where the refill has begun anew meanwhile.
UPDATE isthmus.refill
   SET after_id = :after_id, filled = filled + :filled
 WHERE sync_config_id = :mapping_id
   AND after_id = :before_id
   AND fields = :names
RETURNING filled

-- end --
-- Every record was read.
DELETE FROM isthmus.refill
 WHERE sync_config_id = :mapping_id
   AND after_id = :after_id
   AND fields = :names
RETURNING filled
