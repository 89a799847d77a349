-- list --
-- Fields that both sides wrote, newest first.
SELECT k.id, m.sf_object_name AS object, m.pg_table_name AS "table", k.record_id AS record, k.sfid, k.field, k.old_value AS old,
       k.postgres_value AS postgres, k.salesforce_value AS salesforce, k.winner, k.policy::text AS policy, k.created_at AS since,
       k.settled_at, k.settled_by, k.settled_why, k.taken
  FROM isthmus.conflict AS k
  JOIN isthmus.sync_configurations AS m
    ON m.id = k.sync_config_id
 WHERE (:id ::bigint IS NULL OR k.id = :id)
   AND (:object ::text IS NULL OR lower(m.sf_object_name) = lower(:object) OR m.pg_table_name = :object)
   AND (:record ::text IS NULL OR k.record_id = :record)
   AND (:settled ::boolean IS NULL OR (k.settled_at IS NOT NULL) = :settled)
 ORDER BY k.id DESC
 LIMIT :limit

-- settle --
-- A person has looked at it, and said whose value stands.
UPDATE isthmus.conflict
   SET settled_at = :now, settled_by = :who, settled_why = :why, taken = :taken
 WHERE id = :id
   AND settled_at IS NULL
RETURNING id

-- write --
-- Write a value as a person's edit: it is captured and travels. Not where the row has moved on since the conflict.
UPDATE {table} AS t
   SET {column} = CAST(:value AS {type})
 WHERE t.{key} = :record
   AND t.{column} IS NOT DISTINCT FROM CAST(:standing AS {type})
RETURNING t.{key}

-- delete --
-- Delete a row as a person would.
DELETE FROM {table} AS t
 WHERE t.{key} = :record
RETURNING t.{key}
