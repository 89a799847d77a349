-- lag --
-- For each mapping and direction: when something last arrived, how long that had taken, and how much arrived within a
-- day. Summed-up hours stand for themselves, so this reads little however many metrics there are.
WITH recent AS (
    SELECT h.sync_config_id, h.direction, h.synced_count, h.status, h."timestamp", h.lag_ms
      FROM isthmus.sync_metrics AS h
     WHERE h.hourly
       AND h."timestamp" >= now() - interval '7 days'
    UNION ALL
    SELECT r.sync_config_id, r.direction, r.synced_count, r.status, r."timestamp", r.lag_ms
      FROM isthmus.sync_metrics AS r
     WHERE NOT r.hourly
       AND r."timestamp" >= greatest(now() - interval '7 days', :summed_until ::timestamptz)
)
SELECT r.sync_config_id AS id, r.direction, max(r."timestamp") FILTER (WHERE r.status = 'SUCCESS') AS arrived_at,
       (array_agg(r.lag_ms ORDER BY r."timestamp" DESC) FILTER (WHERE r.status = 'SUCCESS'))[1] AS lag_ms,
       coalesce(sum(r.synced_count) FILTER (WHERE r.status = 'SUCCESS' AND r."timestamp" > now() - interval '1 day'), 0)::bigint
           AS arrived_today
  FROM recent AS r
 GROUP BY r.sync_config_id, r.direction

-- checks --
-- What may be wrong, how much of it there is, and since when. Every check is there at all times, with 0 where it is well.
SELECT 'paused' AS "check", (i.paused_at IS NOT NULL)::integer::bigint AS "count", i.paused_at AS since,
       concat_ws(': ', i.paused_by, nullif(i.paused_why, '')) AS detail
  FROM isthmus.identity AS i
 UNION ALL
SELECT 'mappings_paused', count(*), min(m.paused_at), coalesce(string_agg(m.sf_object_name, ', ' ORDER BY m.sf_object_name), '')
  FROM isthmus.sync_configurations AS m
 WHERE NOT m.is_active
 UNION ALL
SELECT 'waiting', count(*), min(c.created_at), ''
  FROM isthmus.change_log AS c
 WHERE c.state IN ('new', 'claimed', 'sending', 'retry')
   AND (c.held_at IS NULL OR c.decided_at IS NOT NULL)
 UNION ALL
SELECT 'failures', count(*), min(c.created_at), ''
  FROM isthmus.change_log AS c
 WHERE c.state = 'failed'
 UNION ALL
SELECT 'letters', count(*), min(d.created_at), ''
  FROM isthmus.dead_letter AS d
 WHERE d.state = 'kept'
 UNION ALL
SELECT 'held_deletions', count(*), min(c.held_at), ''
  FROM isthmus.change_log AS c
 WHERE c.held_at IS NOT NULL
   AND c.decided_at IS NULL
 UNION ALL
SELECT 'conflicts', count(*), min(k.created_at), ''
  FROM isthmus.conflict AS k
 WHERE k.settled_at IS NULL
 UNION ALL
SELECT 'stopped_fields', count(*), min(f.since),
       coalesce(string_agg(m.sf_object_name || '.' || f.field, ', ' ORDER BY m.sf_object_name, f.field), '')
  FROM isthmus.stopped_field AS f
  JOIN isthmus.sync_configurations AS m
    ON m.id = f.sync_config_id
 UNION ALL
SELECT 'drift', count(*), min(d.seen_at), coalesce(string_agg(DISTINCT m.sf_object_name, ', '), '')
  FROM isthmus.drift AS d
  JOIN isthmus.sync_configurations AS m
    ON m.id = d.sync_config_id
 WHERE d.settled_at IS NULL
 UNION ALL
SELECT 'api_limit', count(*), min(l.seen_at), coalesce(min(l.used || ' of ' || l.allowed), '')
  FROM isthmus.api_limit AS l
 WHERE l.closed_until > now()

-- mark --
-- Differs once something has happened that a page shows: each part is the end of an index or a row of its own.
SELECT concat_ws('.', i.configuration_version, (SELECT max(c.id) FROM isthmus.change_log AS c),
                 (SELECT max(m.id) FROM isthmus.sync_metrics AS m), (SELECT max(d.id) FROM isthmus.dead_letter AS d),
                 (SELECT max(k.id) FROM isthmus.conflict AS k), (SELECT max(a.id) FROM isthmus.audit AS a))
  FROM isthmus.identity AS i
