-- server --
-- The database's clock, and how many connections it takes.
SELECT clock_timestamp()::text AS now,
       current_setting('max_connections')::int AS max_connections

-- triggers --
-- The triggers by which a table's edits are captured, and whether each is on ('O' and 'A' are; 'R' fires for replicas alone).
SELECT t.tgname::text AS name,
       t.tgenabled IN ('O', 'A') AS is_on
  FROM pg_trigger AS t
 WHERE t.tgrelid = to_regclass(:table)
   AND NOT t.tgisinternal
   AND t.tgname LIKE 'isthmus\_capture\_%'
