-- mappings --
-- Each mapping with what it still owes Salesforce, what failed, and what waits for a person.
SELECT m.id, m.sf_object_name AS object, m.pg_table_name AS "table", m.sync_direction::text AS direction,
       CASE WHEN m.is_active THEN 'active' ELSE 'paused' END AS state,
       count(c.id) FILTER (WHERE c.state <> 'failed') AS waiting,
       min(c.created_at) FILTER (WHERE c.state <> 'failed') AS waiting_since,
       count(DISTINCT c.record_id) FILTER (WHERE c.state = 'failed') AS failed,
       count(c.id) FILTER (WHERE c.held_at IS NOT NULL AND c.decided_at IS NULL) AS held_deletions,
       (SELECT count(*) FROM isthmus.conflict AS k WHERE k.sync_config_id = m.id AND k.settled_at IS NULL) AS conflicts,
       (SELECT count(*) FROM isthmus.dead_letter AS d WHERE d.sobject = m.sf_object_name AND d.state = 'kept') AS dead_letters,
       nullif(concat_ws(': ', m.paused_by, nullif(m.paused_why, '')), '') AS paused_by
  FROM isthmus.sync_configurations AS m
  LEFT JOIN isthmus.change_log AS c
    ON c.table_name = m.pg_table_name
   AND c.state IN ('new', 'claimed', 'sending', 'retry', 'failed')
   AND m.sync_direction <> 'SF_TO_PG'
 GROUP BY m.id
 ORDER BY m.id
