-- Version 2: closed ranges of events may lie in segment files (`ledger.segments`), from the first event on without a gap.
-- An event is in the table or in a segment that this table names, never in neither.

CREATE TABLE segments (
    last   INTEGER PRIMARY KEY, -- its last position
    first  INTEGER NOT NULL,
    name   TEXT    NOT NULL,    -- of its file
    bytes  INTEGER NOT NULL,
    digest BLOB    NOT NULL,    -- SHA-256 of its file
    before BLOB    NOT NULL,    -- the hash before its first event
    after  BLOB    NOT NULL,    -- the hash of its last event
    at     INTEGER NOT NULL     -- when it was sealed
) STRICT;

CREATE TABLE sealed_streams (
    stream  INTEGER NOT NULL, -- streams.key
    last    INTEGER NOT NULL, -- its last version in the segment
    first   INTEGER NOT NULL,
    segment INTEGER NOT NULL, -- segments.last
    PRIMARY KEY (stream, last)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER segments_follow_one_another BEFORE INSERT ON segments
WHEN NEW.first != (SELECT coalesce(max(last), 0) + 1 FROM segments)
    OR NEW.before != coalesce((SELECT after FROM segments ORDER BY last DESC LIMIT 1), zeroblob(32))
    OR NEW.after IS NOT (SELECT hash FROM events WHERE position = NEW.last)
    OR NEW.last >= (SELECT max(position) FROM events)
BEGIN SELECT RAISE(ABORT, 'this segment does not follow the last one, or holds what the table does not'); END;

CREATE TRIGGER segments_are_never_changed BEFORE UPDATE ON segments
BEGIN SELECT RAISE(ABORT, 'segments are never changed'); END;

CREATE TRIGGER segments_are_never_deleted BEFORE DELETE ON segments
BEGIN SELECT RAISE(ABORT, 'segments are never deleted'); END;

DROP TRIGGER events_are_never_deleted;

CREATE TRIGGER events_are_never_deleted BEFORE DELETE ON events
WHEN OLD.position > (SELECT coalesce(max(last), 0) FROM segments)
BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;
