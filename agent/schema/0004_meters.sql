-- money.db, version 4: what a meter's later samples are judged by, so that a restart forgets no doubt.

-- When the counter was read: which start of the machine (0: not known), ms since that start, whether the wall clock was
-- set. Rows of earlier versions are taken as read by a clock that was.
ALTER TABLE meters ADD COLUMN boot INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meters ADD COLUMN monotonic_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meters ADD COLUMN trusted INTEGER NOT NULL DEFAULT 1 CHECK (trusted IN (0, 1));
-- The number on the meter's label, where it can be read.
ALTER TABLE meters ADD COLUMN serial INTEGER;
-- The counter has moved since this generation began.
ALTER TABLE meters ADD COLUMN has_counted INTEGER NOT NULL DEFAULT 1 CHECK (has_counted IN (0, 1));
-- The lowest counter since then that was too high to be believed, and when it was read.
ALTER TABLE meters ADD COLUMN too_high_mwh INTEGER;
ALTER TABLE meters ADD COLUMN too_high_at_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meters ADD COLUMN too_high_boot INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meters ADD COLUMN too_high_monotonic_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meters ADD COLUMN too_high_trusted INTEGER NOT NULL DEFAULT 0 CHECK (too_high_trusted IN (0, 1));
-- It cannot have come there, whatever the time.
ALTER TABLE meters ADD COLUMN too_high_impossible INTEGER NOT NULL DEFAULT 0 CHECK (too_high_impossible IN (0, 1));
-- Where the counter stood before it fell for good, and what had been counted by then.
ALTER TABLE meters ADD COLUMN fallen_from_mwh INTEGER;
ALTER TABLE meters ADD COLUMN fallen_from_total_mwh INTEGER NOT NULL DEFAULT 0;

-- Of an interval's time, how much no sample covers; at least.
ALTER TABLE intervals ADD COLUMN unobserved_ms INTEGER NOT NULL DEFAULT 0;
