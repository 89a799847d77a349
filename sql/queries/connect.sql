-- migrated_table --
-- Whether this database has ever been migrated.
SELECT to_regclass('isthmus.migration') IS NOT NULL;

-- newest_migration --
-- The newest migration whose `pre` half has run.
SELECT max(name) FROM isthmus.migration WHERE half = 'pre';
