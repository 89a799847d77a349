-- What the broker keeps on disk. Times are microseconds of the broker's own (movable) clock.

CREATE TABLE IF NOT EXISTS setting (
    name  TEXT PRIMARY KEY,             -- 'clock_offset_us', 'next_message_id'
    value INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS topic (
    name TEXT PRIMARY KEY,
    body BLOB NOT NULL                  -- google.pubsub.v1.Topic
);

CREATE TABLE IF NOT EXISTS subscription (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    body BLOB NOT NULL                  -- google.pubsub.v1.Subscription
);

-- One row per message that some subscription still owes somebody.
CREATE TABLE IF NOT EXISTS message (
    id   INTEGER PRIMARY KEY,
    body BLOB NOT NULL                  -- google.pubsub.v1.PubsubMessage, with its id and publish time
);

-- One row per message and subscription.
--
--   waiting --claim--> leased --ack--> (gone), or acked where the subscription retains
--      ^                  |
--      +---- nack, lease over ----+--> (gone), and a new message in the dead letter topic
CREATE TABLE IF NOT EXISTS delivery (
    message_id      INTEGER NOT NULL,
    subscription_id INTEGER NOT NULL,
    published_at    INTEGER NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('waiting', 'leased', 'acked')),
    due_at          INTEGER NOT NULL,   -- waiting: not before; leased: until
    attempts        INTEGER NOT NULL DEFAULT 0,
    ordering_key    TEXT,               -- only where the subscription keeps order
    PRIMARY KEY (message_id, subscription_id)
) WITHOUT ROWID;

-- serves claim, expired and the two next_due queries
CREATE INDEX IF NOT EXISTS delivery_due
    ON delivery (subscription_id, state, due_at, message_id);

-- serves the rule "one outstanding message per ordering key"
CREATE INDEX IF NOT EXISTS delivery_order
    ON delivery (subscription_id, ordering_key, message_id)
 WHERE ordering_key IS NOT NULL AND state <> 'acked';
