//! What parties read and sign: agreements, rosters, ratifications and receipts.
