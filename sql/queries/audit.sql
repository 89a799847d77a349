-- begin --
-- Somebody is about to do something.
INSERT INTO isthmus.audit (at, who, action, subject, why, before)
VALUES (:at, :who, :action, :subject, :why, :before ::jsonb)
RETURNING id

-- end --
-- It was done, or refused.
UPDATE isthmus.audit
   SET ended_at = :at, after = :after ::jsonb, refused = nullif(:refused, '')
 WHERE id = :id

-- newest --
-- What people did, newest first.
SELECT a.id, a.at, a.who, a.action, a.subject, a.why, a.before, a.after, a.ended_at, a.refused
  FROM isthmus.audit AS a
 WHERE (:before ::bigint IS NULL OR a.id < :before)
 ORDER BY a.id DESC
 LIMIT :limit
