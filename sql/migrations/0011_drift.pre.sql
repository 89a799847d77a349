-- What Salesforce's objects looked like when they were looked at last, and how they have changed since.

-- One row per mapping: its object's fields, mapped or not.
CREATE TABLE isthmus.described (
    sync_config_id integer PRIMARY KEY REFERENCES isthmus.sync_configurations ON DELETE CASCADE,
    fields jsonb NOT NULL,                           -- [{name, kind, type, length, ..., durable_id}]
    modified text NOT NULL,                          -- Last-Modified of that describe; sent as If-Modified-Since
    looked_at timestamptz NOT NULL DEFAULT now()
);

-- What changed. Open: a person has something to do, or has not yet; the rest is kept for people to see.
CREATE TABLE isthmus.drift (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sync_config_id integer NOT NULL REFERENCES isthmus.sync_configurations ON DELETE CASCADE,
    field text NOT NULL,                             -- API name
    what text NOT NULL,                              -- added, removed, renamed, retyped, restored, widened, ...
    safe boolean NOT NULL,                           -- false: the field is stopped, or a person must act
    detail text NOT NULL,
    ddl text,                                        -- what would mend the table
    seen_at timestamptz NOT NULL DEFAULT now(),
    settled_at timestamptz,                          -- applied by itself or by a person, overtaken, or ignored
    settled_by text
);

-- Forbids telling the same twice while it is open.
CREATE UNIQUE INDEX drift_open
    ON isthmus.drift (sync_config_id, field, what)
 WHERE settled_at IS NULL;
