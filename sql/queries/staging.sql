-- table --
-- A page of Salesforce's answer as it came, all text: what a column cannot hold is found out where its record has a
-- name. It is never written to the log, and gone with its transaction.
CREATE TEMPORARY TABLE isthmus_staged (n integer GENERATED ALWAYS AS IDENTITY{types}) ON COMMIT DROP

-- copy --
-- Take the page's bytes; an empty cell is null, though it is quoted.
COPY pg_temp.isthmus_staged ({all_names}) FROM STDIN (FORMAT csv, FORCE_NULL ({all_names}), ENCODING 'UTF8')

-- memory --
-- The merge joins the page with itself some times; without this it would write it to disk each time.
SET LOCAL work_mem = '32MB'

-- incoming --
-- The page's records from one number on until another, as `apply` takes them.
SELECT s.n, s.{sfid} AS sfid, {external_id} AS external_id, s.{stamp}::timestamptz AS stamp,
           :read_at ::timestamptz AS read_at, false AS settled{staged_columns}
      FROM pg_temp.isthmus_staged AS s
     WHERE s.n > :after
       AND s.n <= :until

-- lock --
-- As `lock` of the records of messages, but for rows that are surely newer: there may be many, and nothing happens to them.
SELECT
  FROM (
      SELECT
        FROM {table} AS t
        JOIN pg_temp.isthmus_staged AS s ON s.{sfid} = t.sfid
       WHERE s.n > :after
         AND s.n <= :until
         AND ((s.{stamp}::timestamptz, :read_at ::timestamptz) < (t.system_modstamp, t.isthmus_read_at)) IS NOT TRUE
       ORDER BY t.{key}
         FOR NO KEY UPDATE OF t
  ) AS locked
HAVING count(*) < 0

-- records --
-- Some records of the page, whole.
SELECT {names}
  FROM pg_temp.isthmus_staged AS s
 WHERE s.n = ANY (:numbers)
 ORDER BY s.n

-- between --
-- The same, from one number on until another.
SELECT {names}
  FROM pg_temp.isthmus_staged AS s
 WHERE s.n > :after
   AND s.n <= :until
 ORDER BY s.n

-- sfids --
-- The Salesforce ids of all of the page's records.
SELECT coalesce(json_agg(s.{sfid}), '[]')
  FROM pg_temp.isthmus_staged AS s

-- close --
-- Records that changed so shortly before they were read that another edit of the same second may be missing. Stamps are
-- compared as texts, for Salesforce writes all of them in one form; reading every one of them as a time would cost more
-- than all else here but the merge.
SELECT s.{sfid}, s.{stamp}
  FROM pg_temp.isthmus_staged AS s
 WHERE s.{stamp} COLLATE "C" > :since
