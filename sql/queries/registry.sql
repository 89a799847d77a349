-- configurations --
-- What stands beside each mapping. A row's xmin is another one after every change, by whomever.
SELECT m.id, m.xmin::text AS version, m.is_active, m.created_at, m.updated_at, coalesce(m.paused_by, '') AS paused_by,
       coalesce(m.paused_why, '') AS paused_why, m.max_daily_calls, m.delete_guard_count,
       m.delete_guard_share::text AS delete_guard_share
  FROM isthmus.sync_configurations AS m
 ORDER BY m.id

-- twin --
-- Whether the object is mapped to the table already.
SELECT m.id
  FROM isthmus.sync_configurations AS m
 WHERE lower(m.sf_object_name) = lower(:sobject)
   AND m.pg_table_name = :table

-- lock --
-- The mapping, held until the transaction ends, if nobody has changed it since.
SELECT m.id
  FROM isthmus.sync_configurations AS m
 WHERE m.id = :id
   AND m.xmin::text = :version
   FOR UPDATE

-- change --
-- What a person may change of a mapping.
UPDATE isthmus.sync_configurations
   SET sync_direction = :direction ::isthmus.sync_direction,
       conflict_policy = :policy ::isthmus.conflict_policy,
       external_id_field = :external_id_field,
       max_daily_calls = :max_daily_calls,
       delete_guard_count = :delete_guard_count,
       delete_guard_share = :delete_guard_share ::text::real,
       updated_at = now()
 WHERE id = :id
