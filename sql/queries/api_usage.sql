-- allowance --
-- What a mapping has spent today and may spend, and what the org last said of its own limit.
SELECT coalesce(u.calls, 0) AS calls, m.max_daily_calls AS cap, l.used, l.allowed, l.seen_at, l.closed_until
  FROM isthmus.sync_configurations AS m
 CROSS JOIN isthmus.api_limit AS l
  LEFT JOIN isthmus.api_usage AS u
    ON u.sync_config_id = m.id
   AND u.day = :today ::date
 WHERE m.id = :mapping_id

-- count --
-- Add calls to the mapping's day, if it has not been deleted meanwhile; days of three months ago are forgotten.
WITH forgotten AS (
    DELETE FROM isthmus.api_usage
     WHERE day < :today ::date - 90
)
INSERT INTO isthmus.api_usage AS u (day, sync_config_id, calls)
SELECT :today ::date, m.id, :calls
  FROM isthmus.sync_configurations AS m
 WHERE m.id = :mapping_id
    ON CONFLICT (day, sync_config_id) DO UPDATE
   SET calls = u.calls + excluded.calls

-- note --
-- What an answer told of the org's limit. A limit that is closed stays so until its time, whatever an earlier call says.
UPDATE isthmus.api_limit
   SET used = coalesce(:used, used),
       allowed = coalesce(:allowed, allowed),
       seen_at = CASE WHEN :used ::integer IS NULL THEN seen_at ELSE :now ::timestamptz END,
       closed_until = coalesce(:closed_until ::timestamptz, CASE WHEN closed_until > :now THEN closed_until END)

-- ask_again --
-- A person says that calls may be made again (the limit or a cap was raised): what the org said is forgotten, so that the
-- next call finds out anew, and edits that waited for calls are due.
WITH forgotten AS (
    UPDATE isthmus.api_limit
       SET used = NULL, allowed = NULL, seen_at = NULL, closed_until = NULL
), due AS (
    UPDATE isthmus.change_log AS c
       SET next_attempt_at = :now ::timestamptz
     WHERE c.state = 'retry'
       AND c.next_attempt_at > :now ::timestamptz
       AND split_part(c.last_error, ': ', 1) IN ('api_closed', 'api_cap', 'api_reserve', 'request_limit_exceeded')
    RETURNING c.id
)
SELECT count(*), pg_notify('isthmus_change_log', '')
  FROM due

-- today --
-- Each mapping's calls of today, its cap, and what the org said.
SELECT m.sf_object_name AS object, m.pg_table_name AS "table", coalesce(u.calls, 0) AS calls_today, m.max_daily_calls AS cap
  FROM isthmus.sync_configurations AS m
  LEFT JOIN isthmus.api_usage AS u
    ON u.sync_config_id = m.id
   AND u.day = :today ::date
 ORDER BY m.id

-- org --
-- What the org last said of its daily limit.
SELECT used, allowed, seen_at, closed_until
  FROM isthmus.api_limit

-- stopped_fields --
-- Fields that Salesforce refuses for a whole object: records go without them.
SELECT m.sf_object_name AS object, f.field, f.since, f.detail
  FROM isthmus.stopped_field AS f
  JOIN isthmus.sync_configurations AS m ON m.id = f.sync_config_id
 ORDER BY m.sf_object_name, f.field
