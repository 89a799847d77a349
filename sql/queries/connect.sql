-- migrated_table --
-- Whether this database has ever been migrated.
SELECT to_regclass('isthmus.migration') IS NOT NULL;

-- migrations --
-- The migrations whose `pre` half has run.
SELECT name FROM isthmus.migration WHERE half = 'pre' ORDER BY name;
