//! The protobuf container of go-tpm-tools (`attest.Attestation`), as Google's machines send it.

use std::collections::BTreeMap;

use prost::Message;

use super::{Pcr, TpmEvidence, TpmQuote};
use crate::bytes::{Base64Bytes, Hex};
use crate::error::{Error, Result};
use crate::keys::Hash;

#[derive(Clone, PartialEq, Message)]
struct Attestation {
    #[prost(bytes = "vec", tag = "1")]
    ak_pub: Vec<u8>,
    #[prost(message, repeated, tag = "2")]
    quotes: Vec<Quote>,
    #[prost(bytes = "vec", tag = "3")]
    event_log: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    ak_cert: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "7")]
    intermediate_certs: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct Quote {
    #[prost(bytes = "vec", tag = "1")]
    quote: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    raw_sig: Vec<u8>,
    #[prost(message, optional, tag = "3")]
    pcrs: Option<Pcrs>,
}

#[derive(Clone, PartialEq, Message)]
struct Pcrs {
    /// The TPM's algorithm identifier.
    #[prost(int32, tag = "1")]
    hash: i32,
    #[prost(btree_map = "uint32, bytes", tag = "2")]
    pcrs: BTreeMap<u32, Vec<u8>>,
}

/// Whether the bytes could be one: field 1, length-delimited, holding a `TPMT_PUBLIC`.
pub(crate) fn is_go_tpm_tools(bytes: &[u8]) -> bool {
    bytes.first() == Some(&0x0a) && Attestation::decode(bytes).is_ok_and(|a| !a.quotes.is_empty())
}

/// Parses the container.
pub(crate) fn parse_go_tpm_tools(bytes: &[u8]) -> Result<TpmEvidence> {
    let attestation = Attestation::decode(bytes).map_err(|e| Error::malformed("go-tpm-tools attestation", e))?;
    let quotes = attestation.quotes.into_iter().map(convert).collect::<Result<Vec<_>>>()?;
    let certificates = std::iter::once(attestation.ak_cert).chain(attestation.intermediate_certs);
    Ok(TpmEvidence {
        attestation_key: Base64Bytes(attestation.ak_pub),
        certificates: certificates.filter(|der| !der.is_empty()).map(Base64Bytes).collect(),
        quotes,
        event_log: Some(attestation.event_log).filter(|log| !log.is_empty()).map(Base64Bytes),
    })
}

fn convert(quote: Quote) -> Result<TpmQuote> {
    let bad = |why: &str| Error::malformed("go-tpm-tools attestation", why);
    let pcrs = quote.pcrs.ok_or_else(|| bad("a quote without register values"))?;
    let bank = u16::try_from(pcrs.hash).ok().and_then(Hash::from_tpm);
    let bank = bank.ok_or_else(|| bad("a bank of unknown algorithm"))?;
    let values = pcrs.pcrs.into_iter().map(|(index, value)| Pcr { bank, index, value: Hex(value) });
    Ok(TpmQuote { message: Base64Bytes(quote.quote), signature: Base64Bytes(quote.raw_sig), pcrs: values.collect() })
}
