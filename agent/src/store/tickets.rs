//! Paid L402 tickets, one in use per feed.

use rusqlite::params;

use super::{StoreError, Tx, optional};
use crate::domain::invoice::Preimage;

/// A paid L402 ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketRow {
    /// `L402` or `LSAT`, as the seller wrote it.
    pub scheme: String,
    /// The macaroon, in the seller's characters.
    pub token: String,
    /// The proof of payment.
    pub preimage: Preimage,
    /// It was accepted at least once.
    pub used: bool,
    /// The seller has not refused it yet.
    pub usable: bool,
    /// Tickets in a row that the seller refused although they were paid and never used.
    pub refused_unused: u32,
}

impl Tx<'_> {
    /// The newest ticket of `feed`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn ticket(&self, feed: &str) -> Result<Option<TicketRow>, StoreError> {
        let sql = "SELECT scheme, token, preimage, uses, usable, refused_unused FROM tickets WHERE feed = ?1";
        optional(self.prepared(sql)?.query_row([feed], |row| {
            Ok(TicketRow {
                scheme: row.get(0)?,
                token: row.get(1)?,
                preimage: Preimage(row.get(2)?),
                used: row.get::<_, u32>(3)? > 0,
                usable: row.get(4)?,
                refused_unused: row.get(5)?,
            })
        }))
    }

    /// Keeps a freshly paid ticket in place of the feed's old one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_ticket(
        &self,
        feed: &str,
        (scheme, token): (&str, &str),
        preimage: &Preimage,
        payment: i64,
    ) -> Result<(), StoreError> {
        self.prepared(
                "INSERT INTO tickets (feed, scheme, token, preimage, payment, uses, usable) VALUES (?1, ?2, ?3, ?4, ?5, 0, 1)
                 ON CONFLICT (feed) DO UPDATE SET scheme = excluded.scheme, token = excluded.token,
                     preimage = excluded.preimage, payment = excluded.payment, uses = 0, usable = 1",
            )?
            .execute(params![feed, scheme, token, preimage.0, payment])?;
        Ok(())
    }

    /// Notes the first use of the feed's ticket, or its refusal by the seller. A ticket refused before counts nothing more,
    /// and further uses write nothing: a commit costs the disk more than the data is worth.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note_ticket(&self, feed: &str, accepted: bool) -> Result<(), StoreError> {
        let sql = if accepted {
            "UPDATE tickets SET uses = 1, refused_unused = 0 WHERE feed = ?1 AND usable = 1 AND uses = 0"
        } else {
            "UPDATE tickets SET usable = 0, refused_unused = refused_unused + (uses = 0) WHERE feed = ?1 AND usable = 1"
        };
        self.prepared(sql)?.execute([feed])?;
        Ok(())
    }
}
