-- history.db: what the points were. Nothing here is needed to know what is owed or was paid.
-- Times are ms since 1970. Chunks are those of agent/src/history/chunk.rs.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row for each point there ever was, with the newest value that is in a chunk.
CREATE TABLE series (
    id         INTEGER PRIMARY KEY,
    source     TEXT NOT NULL,
    point      TEXT NOT NULL,
    unit       TEXT NOT NULL,
    last_ms    INTEGER,
    last_milli INTEGER,
    UNIQUE (source, point, unit)
) STRICT;

-- An hour of readings, or a part of one: columns time and value.
CREATE TABLE readings (
    id       INTEGER PRIMARY KEY,
    series   INTEGER NOT NULL REFERENCES series (id),
    first_ms INTEGER NOT NULL,
    last_ms  INTEGER NOT NULL,
    chunk    BLOB NOT NULL
) STRICT;
CREATE INDEX readings_of_series ON readings (series, last_ms);
CREATE INDEX readings_by_age ON readings (last_ms);

-- Buckets of one level: 1 minute, 2 quarter of an hour, 3 hour, 4 day, 5 month. Minutes are written hour by hour; those
-- after meta "folded" are not in the coarser levels yet, so no id is ever used again.
CREATE TABLE buckets (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    series   INTEGER NOT NULL REFERENCES series (id),
    level    INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms  INTEGER NOT NULL,
    chunk    BLOB NOT NULL
) STRICT;
CREATE INDEX buckets_of_series ON buckets (series, level, last_ms);
CREATE INDEX buckets_by_age ON buckets (level, last_ms, first_ms);
