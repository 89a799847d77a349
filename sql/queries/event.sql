-- append --
-- Keep platform events, each once, however often it is told. Of each: whether it was written, or stood there already.
WITH incoming AS MATERIALIZED (
    SELECT r.*
      FROM json_to_recordset(:records ::json) AS r (n integer, sfid text, stamp timestamptz {record_columns})
), known AS MATERIALIZED (
    SELECT configuration_version <> :configuration AS remapped
      FROM isthmus.identity
), inserted AS (
    INSERT INTO {table} AS t ({key} {columns})
    SELECT i.sfid {values}
      FROM incoming AS i
     WHERE NOT (SELECT remapped FROM known)
     ORDER BY i.sfid
        ON CONFLICT ({key}) DO NOTHING
    RETURNING t.{key} AS id
), counted AS (
    INSERT INTO isthmus.sync_metrics (sync_config_id, direction, synced_count, status, lag_ms)
    SELECT :mapping_id, 'SF_TO_PG', count(*), 'SUCCESS',
           extract(epoch FROM clock_timestamp() - min(i.stamp)) * 1000
      FROM inserted AS w
      JOIN incoming AS i ON i.sfid = w.id
    HAVING count(*) > 0
)
SELECT json_agg(
           json_build_array(
               i.n, CASE WHEN k.remapped THEN 'remapped' WHEN w.id IS NULL THEN 'stale' ELSE 'write' END
           )
       )
  FROM incoming AS i
 CROSS JOIN known AS k
  LEFT JOIN inserted AS w ON w.id = i.sfid
