-- Fields that joined a live mapping, or whose rules changed: they alone are read again, for every row, record by record.
CREATE TABLE isthmus.refill (
    sync_config_id integer PRIMARY KEY REFERENCES isthmus.sync_configurations ON DELETE CASCADE,
    fields text[] NOT NULL,                          -- API names
    after_id varchar(18) COLLATE "C" NOT NULL DEFAULT '',  -- every record up to this one was read
    filled bigint NOT NULL DEFAULT 0,                -- rows that were written
    started_at timestamptz NOT NULL DEFAULT now()
);
