//! A client of committee sums in a page of a browser: what a page asks of it, and nothing of the page itself.
//!
//! The page gives bytes and gets bytes ([`abi`]). Randomness is the page's (`crypto.getRandomValues`), and so is all
//! traffic; values, key and seeds leave this module only masked, signed and sealed.

mod abi;
mod calls;
