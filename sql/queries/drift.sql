-- known --
-- What a mapping's object looked like when it was looked at last.
SELECT fields, modified
  FROM isthmus.described
 WHERE sync_config_id = :mapping_id

-- describe --
-- What it looks like now.
INSERT INTO isthmus.described (sync_config_id, fields, modified, looked_at)
SELECT m.id, :fields ::jsonb, :modified, :now
  FROM isthmus.sync_configurations AS m
 WHERE m.id = :mapping_id
    ON CONFLICT (sync_config_id) DO UPDATE
   SET fields = excluded.fields, modified = excluded.modified, looked_at = excluded.looked_at

-- note --
-- What changed. What is safe is settled at once; what is open already is not told again.
INSERT INTO isthmus.drift (sync_config_id, field, what, safe, detail, ddl, seen_at, settled_at, settled_by)
SELECT :mapping_id, d.field, d.what, d.safe, d.detail, d.ddl, :now, CASE WHEN d.safe THEN :now ::timestamptz END,
       CASE WHEN d.safe THEN 'isthmus' END
  FROM json_to_recordset(:drifts ::json) AS d (field text, what text, safe boolean, detail text, ddl text)
    ON CONFLICT (sync_config_id, field, what) WHERE settled_at IS NULL DO NOTHING

-- overtaken --
-- What was open of fields that are well again.
UPDATE isthmus.drift
   SET settled_at = :now, settled_by = 'isthmus'
 WHERE sync_config_id = :mapping_id
   AND field = ANY (:fields)
   AND settled_at IS NULL

-- list --
-- What changed, newest first; what is open before what is settled.
SELECT d.id, m.sf_object_name AS object, d.field, d.what,
       CASE WHEN d.settled_at IS NULL THEN 'open' ELSE 'settled by ' || d.settled_by END AS state,
       d.detail, d.ddl, d.seen_at, d.sync_config_id
  FROM isthmus.drift AS d
  JOIN isthmus.sync_configurations AS m ON m.id = d.sync_config_id
 WHERE (d.settled_at IS NULL OR :settled)
   AND (:object ::text IS NULL OR lower(m.sf_object_name) = lower(:object))
   AND (:id ::bigint IS NULL OR d.id = :id)
 ORDER BY d.settled_at IS NOT NULL, d.seen_at DESC, d.id DESC

-- settle --
-- Somebody has decided.
UPDATE isthmus.drift
   SET settled_at = :now, settled_by = :who
 WHERE id = :id
   AND settled_at IS NULL
RETURNING id
