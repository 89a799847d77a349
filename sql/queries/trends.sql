-- summed_until --
-- Asked for first: the planner counts rows beyond a time that it knows, and guesses a third of them for one that it does not.
SELECT t.summed_until
  FROM isthmus.trend AS t

-- by_the_hour --
-- Records that arrived, by bucket and direction. Hours that are summed up are read as such, younger rows one by one. The
-- buckets are read once, out of a query of their own: a text becomes a time anew for each row otherwise.
SELECT width_bucket(m."timestamp", (SELECT :starts ::text[]::timestamptz[])) AS bucket, m.direction, sum(m.synced_count)::bigint AS records
  FROM (
           SELECT h."timestamp", h.direction, h.synced_count, h.status, h.sync_config_id
             FROM isthmus.sync_metrics AS h
            WHERE h.hourly
              AND h."timestamp" >= :from ::timestamptz
              AND h."timestamp" < :until ::timestamptz
            UNION ALL
           SELECT r."timestamp", r.direction, r.synced_count, r.status, r.sync_config_id
             FROM isthmus.sync_metrics AS r
            WHERE NOT r.hourly
              AND r."timestamp" >= greatest(:from ::timestamptz, :summed_until ::timestamptz)
              AND r."timestamp" < :until ::timestamptz
       ) AS m
 WHERE m.status = 'SUCCESS'
   AND (:direction ::text IS NULL OR m.direction = :direction)
   AND (:object ::text IS NULL
        OR m.sync_config_id IN (SELECT c.id FROM isthmus.sync_configurations AS c WHERE lower(c.sf_object_name) = lower(:object)))
 GROUP BY 1, 2

-- one_by_one --
-- The same where buckets begin within an hour: only rows that are kept one by one can tell.
SELECT width_bucket(m."timestamp", (SELECT :starts ::text[]::timestamptz[])) AS bucket, m.direction, sum(m.synced_count)::bigint AS records
  FROM isthmus.sync_metrics AS m
 WHERE NOT m.hourly
   AND m."timestamp" >= :from ::timestamptz
   AND m."timestamp" < :until ::timestamptz
   AND m.status = 'SUCCESS'
   AND (:direction ::text IS NULL OR m.direction = :direction)
   AND (:object ::text IS NULL
        OR m.sync_config_id IN (SELECT c.id FROM isthmus.sync_configurations AS c WHERE lower(c.sf_object_name) = lower(:object)))
 GROUP BY 1, 2

-- horizon --
-- The last full hour that no transaction can add to any more: a row bears the time at which its transaction began. The
-- lock keeps a second one away.
SELECT t.summed_until,
       date_trunc('hour', least(
           :now ::timestamptz,
           (SELECT min(a.xact_start) FROM pg_stat_activity AS a WHERE a.datname = current_database())
       )) AS horizon
  FROM isthmus.trend AS t
   FOR UPDATE

-- sum_up --
-- Sum the hours up, of lags the longest; the rows themselves stay until they are pruned.
WITH summed AS (
    INSERT INTO isthmus.sync_metrics
           (sync_config_id, direction, synced_count, status, "timestamp", lag_ms, duration_ms, hourly)
    SELECT m.sync_config_id, m.direction, sum(m.synced_count), m.status, date_trunc('hour', m."timestamp"),
           max(m.lag_ms), sum(m.duration_ms), true
      FROM isthmus.sync_metrics AS m
     WHERE NOT m.hourly
       AND m."timestamp" >= :after ::timestamptz
       AND m."timestamp" < :until ::timestamptz
     GROUP BY m.sync_config_id, m.direction, m.status, date_trunc('hour', m."timestamp")
)
UPDATE isthmus.trend
   SET summed_until = :until ::timestamptz
