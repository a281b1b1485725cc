//! Virtual meters, their intervals, and what each agreement owes.

use kilosat_drivers::reading::MilliwattHours;
use rusqlite::{Row, params};

use super::{StoreError, Tx, optional};
use crate::domain::meter::{Accrual, Evidence, Former, Mark, MeterState, Stamp};
use crate::domain::money::{Msat, UnixMillis};

/// One agreement's running account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreementRow {
    /// The agreement's id in the configuration.
    pub agreement: String,
    /// The meter it pays for.
    pub meter: String,
    /// The meter's total when the agreement began, plus the energy counted while it was not in force.
    pub start_total: MilliwattHours,
    /// Priced energy and the amount still owed.
    pub accrual: Accrual,
}

impl Tx<'_> {
    /// What is known of `meter`; `None` before its first interval.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn meter(&self, meter: &str) -> Result<Option<MeterState>, StoreError> {
        let sql = "SELECT generation, raw_mwh, at_ms, total_mwh, boot, monotonic_ms, trusted, serial,
                          too_high_mwh, too_high_at_ms, too_high_boot, too_high_monotonic_ms, too_high_trusted,
                          fallen_from_mwh, fallen_from_total_mwh, has_counted, too_high_impossible
                   FROM meters WHERE meter = ?1";
        optional(self.prepared(sql)?.query_row([meter], meter_row))
    }

    /// Closes an interval: advances the virtual meter and keeps the interval's row.
    ///
    /// # Errors
    /// [`StoreError`]; the schema refuses a total that falls.
    pub fn close_interval(
        &self,
        meter: &str,
        was: Option<MeterState>,
        state: MeterState,
        samples: u32,
    ) -> Result<(), StoreError> {
        let Evidence { read, serial, has_counted, too_high, fallen_from, unobserved_ms } = state.evidence;
        self.prepared(
            "INSERT INTO meters (meter, generation, raw_mwh, at_ms, total_mwh, boot, monotonic_ms, trusted, serial,
                                     fallen_from_mwh, fallen_from_total_mwh, has_counted, first_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?4)
                 ON CONFLICT (meter) DO UPDATE SET generation = excluded.generation, raw_mwh = excluded.raw_mwh,
                     at_ms = excluded.at_ms, total_mwh = excluded.total_mwh, boot = excluded.boot,
                     monotonic_ms = excluded.monotonic_ms, trusted = excluded.trusted, serial = excluded.serial,
                     fallen_from_mwh = excluded.fallen_from_mwh,
                     fallen_from_total_mwh = excluded.fallen_from_total_mwh,
                     has_counted = excluded.has_counted,
                     first_ms = min(ifnull(first_ms, excluded.first_ms), excluded.first_ms)",
        )?
        .execute(params![
            meter,
            state.generation,
            state.raw.0,
            state.at.0,
            state.total.0,
            read.boot,
            read.monotonic_ms,
            read.trusted,
            serial,
            fallen_from.map(|former| former.raw.0),
            fallen_from.map_or(0, |former| former.total.0),
            has_counted,
        ])?;
        self.put_too_high(meter, too_high)?;
        let start = was.unwrap_or(state);
        self.prepared(
                "INSERT INTO intervals
                     (meter, generation, start_total_mwh, end_total_mwh, raw_mwh, start_ms, end_ms, samples, unobserved_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                meter,
                state.generation,
                start.total.0,
                state.total.0,
                state.raw.0,
                start.at.0,
                state.at.0,
                samples,
                unobserved_ms
            ])?;
        Ok(())
    }

    /// Keeps the lowest counter of `meter` that was too high to be believed, or forgets it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_too_high(&self, meter: &str, mark: Option<Mark>) -> Result<(), StoreError> {
        let read = mark.map_or(Stamp::default(), |mark| mark.read);
        self.prepared(
            "UPDATE meters SET too_high_mwh = ?2, too_high_at_ms = ?3, too_high_boot = ?4,
                     too_high_monotonic_ms = ?5, too_high_trusted = ?6, too_high_impossible = ?7
                 WHERE meter = ?1",
        )?
        .execute(params![
            meter,
            mark.map(|mark| mark.raw.0),
            read.wall.0,
            read.boot,
            read.monotonic_ms,
            read.trusted,
            mark.is_some_and(|mark| mark.impossible)
        ])?;
        Ok(())
    }

    /// The running account of `agreement`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn agreement(&self, agreement: &str) -> Result<Option<AgreementRow>, StoreError> {
        let sql = "SELECT agreement, meter, start_total_mwh, billed_to_mwh, owed_msat, remainder
                   FROM agreements WHERE agreement = ?1";
        optional(self.prepared(sql)?.query_row([agreement], agreement_row))
    }

    /// When `agreement` last billed something; before its first bill, when its meter closed its first interval.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn billing_began(&self, agreement: &str, meter: &str) -> Result<Option<UnixMillis>, StoreError> {
        let sql = "SELECT ifnull((SELECT max(newest_ms) FROM rule_totals WHERE rule = ?1),
                                 (SELECT first_ms FROM meters WHERE meter = ?2))";
        let began: Option<u64> = self.prepared(sql)?.query_row([agreement, meter], |row| row.get(0))?;
        Ok(began.map(UnixMillis))
    }

    /// Creates or replaces the running account of an agreement.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_agreement(&self, row: &AgreementRow) -> Result<(), StoreError> {
        self.prepared(
            "INSERT INTO agreements (agreement, meter, start_total_mwh, billed_to_mwh, owed_msat, remainder)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (agreement) DO UPDATE SET meter = excluded.meter,
                     start_total_mwh = excluded.start_total_mwh, billed_to_mwh = excluded.billed_to_mwh,
                     owed_msat = excluded.owed_msat, remainder = excluded.remainder",
        )?
        .execute(params![
            row.agreement,
            row.meter,
            row.start_total.0,
            row.accrual.billed_to.0,
            row.accrual.owed.0,
            row.accrual.remainder
        ])?;
        Ok(())
    }
}

fn meter_row(row: &Row<'_>) -> rusqlite::Result<MeterState> {
    let stamp = |wall: usize, boot: usize, monotonic: usize, trusted: usize| {
        Ok::<_, rusqlite::Error>(Stamp {
            wall: UnixMillis(row.get(wall)?),
            boot: row.get(boot)?,
            monotonic_ms: row.get(monotonic)?,
            trusted: row.get(trusted)?,
        })
    };
    let (too_high, fallen_from): (Option<u64>, Option<u64>) = (row.get(8)?, row.get(13)?);
    let (too_high_read, impossible) = (stamp(9, 10, 11, 12)?, row.get(16)?);
    let total_then = MilliwattHours(row.get(14)?);
    Ok(MeterState {
        generation: row.get(0)?,
        raw: MilliwattHours(row.get(1)?),
        at: UnixMillis(row.get(2)?),
        total: MilliwattHours(row.get(3)?),
        evidence: Evidence {
            read: stamp(2, 4, 5, 6)?,
            serial: row.get(7)?,
            has_counted: row.get(15)?,
            too_high: too_high.map(|raw| Mark { raw: MilliwattHours(raw), read: too_high_read, impossible }),
            fallen_from: fallen_from.map(|raw| Former { raw: MilliwattHours(raw), total: total_then }),
            unobserved_ms: 0,
        },
    })
}

fn agreement_row(row: &Row<'_>) -> rusqlite::Result<AgreementRow> {
    Ok(AgreementRow {
        agreement: row.get(0)?,
        meter: row.get(1)?,
        start_total: MilliwattHours(row.get(2)?),
        accrual: Accrual { billed_to: MilliwattHours(row.get(3)?), owed: Msat(row.get(4)?), remainder: row.get(5)? },
    })
}
