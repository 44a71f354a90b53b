-- The ledger's own tables. Views are made from data (`ledger.store.Table`).
-- No index but what is written here: a second random index costs more than all the rest together.

CREATE TABLE streams (
    key  INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE actors (
    key  INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE events (
    position    INTEGER PRIMARY KEY,
    stream      INTEGER NOT NULL, -- streams.key
    version     INTEGER NOT NULL,
    type        INTEGER NOT NULL,
    schema      INTEGER NOT NULL,
    at          INTEGER NOT NULL, -- microseconds since 1970, UTC
    correlation INTEGER NOT NULL, -- streams.key; 0: the stream itself
    causation   INTEGER NOT NULL, -- position; 0: none
    actor       INTEGER NOT NULL, -- actors.key
    tx          BLOB    NOT NULL, -- 16 bytes
    hash        BLOB    NOT NULL, -- 32 bytes, see ledger.chain
    data        BLOB    NOT NULL
) STRICT;

CREATE UNIQUE INDEX events_by_stream ON events (stream, version);

CREATE TABLE blobs (
    key    INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE, -- SHA-256 of data
    data   BLOB NOT NULL
) STRICT;

CREATE TABLE writer (
    key   INTEGER PRIMARY KEY CHECK (key = 1),
    epoch INTEGER NOT NULL
) STRICT;

INSERT INTO writer (key, epoch) VALUES (1, 0);

CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;

CREATE TRIGGER events_are_never_deleted BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;
