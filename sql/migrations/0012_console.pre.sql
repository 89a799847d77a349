-- What people did at the console. Written before it is done, completed afterwards: an action whose process died shows as
-- one that has no end.
CREATE TABLE isthmus.audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    who text NOT NULL,
    action text NOT NULL,                            -- mapping.create, letters.replay, ...
    subject text NOT NULL,                           -- what it was done to, in words
    why text NOT NULL DEFAULT '',
    before jsonb,
    after jsonb,
    ended_at timestamptz,
    refused text                                     -- the reason where it was not done
);

-- Serves the console's list, newest first, and prune.
CREATE INDEX audit_time ON isthmus.audit (at);

-- Up to when metrics are summed up by the hour: of younger ones each row counts, of older ones the hour's.
CREATE TABLE isthmus.trend (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    summed_until timestamptz NOT NULL
);
INSERT INTO isthmus.trend (summed_until) VALUES ('-infinity');

-- Serves trends and prune: the summed-up hours alone, among millions of rows.
CREATE INDEX sync_metrics_hours
    ON isthmus.sync_metrics ("timestamp")
 WHERE hourly;
