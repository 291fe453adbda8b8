//! The match table as a partner may have it: its own rows, with our ids as it alone knows them.

use std::io::{self, Write};

use super::partners::Partner;
use crate::storage::match_table::{MatchTable, Matched};

/// Writes a line for each row of the partner: our id for it, its own, when that was last heard (RFC 3339), and `1` where
/// the partner itself has said so, else `0`. Separated by tabs, in no order. Gives the number of lines.
///
/// Every row in the table was let through for this very partner, and who opted out since is not in it.
pub fn write(partner: &Partner, table: &MatchTable, out: &mut dyn Write) -> io::Result<u64> {
    let (mut lines, mut result) = (0, Ok(()));
    table.for_each(partner.id, |browser_id, Matched { partner_user_id, at, is_verified, .. }| {
        if result.is_ok() {
            let ours = partner.pairwise_id_of(browser_id);
            result = writeln!(out, "{ours}\t{partner_user_id}\t{at}\t{}", u8::from(is_verified));
            lines += 1;
        }
    });
    result.map(|()| lines)
}
