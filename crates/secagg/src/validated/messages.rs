//! Messages of the validated sum and their strict decoding. What the draft encodes is carried as bytes of a known or a
//! prefixed length and decoded by the `prio` crate, which leaves nothing over either.

use std::collections::BTreeMap;

use super::Validation;
use crate::ballot::{Electorate, Split};
use crate::domain::{self, Kind};
use crate::error::Error;
use crate::identity::{Identity, PublicKey, Signer};
use crate::seal::OVERHEAD;
use crate::wire::{Bytes32, Reader, digest, open, start};

/// Bytes of a contribution beside the shares of the draft.
pub(super) const CONTRIBUTION: usize = 34 + 32 + 2 * 32 + 64 + 4 + 2 * (4 + OVERHEAD);
/// Bytes of a client's entry among verifier shares, beside the share.
pub(super) const ENTRY: usize = 32 + 4;

/// What a client signs: digests of its public share and of the two sealed input shares.
pub(super) struct Header<'a> {
    pub(super) key: PublicKey,
    pub(super) public: &'a [u8],
    pub(super) boxes: [Bytes32; 2],
    pub(super) signature: [u8; 64],
}

impl<'a> Header<'a> {
    pub(super) fn signed(context: &Bytes32, key: &PublicKey, public: &[u8], boxes: &[Bytes32; 2]) -> Vec<u8> {
        [&context[..], &key.to_bytes(), &digest(domain::BODY, &[public]), boxes.as_flattened()].concat()
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.key.to_bytes());
        out.extend_from_slice(self.boxes.as_flattened());
        out.extend_from_slice(&self.signature);
        write_bytes(self.public, out);
    }

    /// Reads and verifies; what is returned was signed by its key for this round.
    fn read(reader: &mut Reader<'a>, context: &Bytes32) -> Result<Self, Error> {
        let key = PublicKey::from_bytes(&reader.array()?).ok_or_else(|| reader.malformed("not a public key"))?;
        let boxes = [reader.array()?, reader.array()?];
        let signature = reader.array()?;
        let public = read_bytes(reader)?;
        let signed = Self::signed(context, &key, public, &boxes);
        key.verify(domain::SIGN_VALIDATED, &signed, &signature, "contribution")?;
        Ok(Self { key, public, boxes, signature })
    }

    /// What an inclusion list says of it.
    pub(super) fn digest(&self, context: &Bytes32) -> Bytes32 {
        let signed = Self::signed(context, &self.key, self.public, &self.boxes);
        digest(domain::HEADER, &[&signed, &self.signature])
    }
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn read_bytes<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Error> {
    let len = reader.count(1)?;
    reader.take(len)
}

/// A client's one message.
pub(super) fn encode(context: &Bytes32, header: &Header<'_>, boxes: &[Vec<u8>; 2]) -> Vec<u8> {
    let shares = header.public.len() + boxes[0].len() + boxes[1].len();
    let mut out = start(Kind::Validated, context, CONTRIBUTION + shares);
    header.write(&mut out);
    boxes.iter().for_each(|sealed| write_bytes(sealed, &mut out));
    out
}

/// Verifies a contribution and takes it apart: a deposit for leader and helper.
pub(super) fn split(message: &[u8], context: &Bytes32) -> Result<Split, Error> {
    let mut reader = open(message, Kind::Validated, context, "contribution")?;
    let header = Header::read(&mut reader, context)?;
    let client = header.key.identity();
    let mut deposits = vec![];
    for expected in &header.boxes {
        let sealed = read_bytes(&mut reader)?;
        if digest(domain::BOX, &[sealed]) != *expected {
            return Err(Error::Broken { culprit: client, what: "a box is not the one that was signed" });
        }
        let mut deposit = start(Kind::InputShare, context, CONTRIBUTION + header.public.len() + sealed.len());
        header.write(&mut deposit);
        deposit.extend_from_slice(sealed);
        deposits.push(deposit);
    }
    reader.finish()?;
    Ok(Split { client, digest: header.digest(context), deposits })
}

/// What an aggregator gets of a contribution: what the client signed, and the box for this aggregator.
pub(super) fn decode_deposit<'a>(
    message: &'a [u8],
    context: &Bytes32,
    aggregator: usize,
) -> Result<(Header<'a>, &'a [u8]), Error> {
    let mut reader = open(message, Kind::InputShare, context, "deposit")?;
    let header = Header::read(&mut reader, context)?;
    let sealed = reader.rest();
    if digest(domain::BOX, &[sealed]) != header.boxes[aggregator] {
        return Err(Error::Coordinator { what: "a box is not the one that its client signed" });
    }
    Ok((header, sealed))
}

/// An aggregator's verifier shares, by digest of the contribution: one encoding for what it says.
pub(super) type Verifiers<'a> = BTreeMap<Bytes32, &'a [u8]>;

/// What an aggregator says and signs: its verifier shares, or its share of the aggregate.
#[derive(Clone, Copy)]
struct Form {
    kind: Kind,
    domain: &'static [u8],
    message: &'static str,
}

const VERIFIERS: Form = Form { kind: Kind::Verifiers, domain: domain::SIGN_VERIFIERS, message: "verifier shares" };
const AGGREGATE: Form = Form { kind: Kind::Aggregate, domain: domain::SIGN_AGGREGATE, message: "aggregate share" };

impl Form {
    fn signed(context: &Bytes32, aggregator: usize, body: &[u8]) -> Vec<u8> {
        [&context[..], &[aggregator as u8], &digest(domain::BODY, &[body])].concat()
    }

    fn encode(self, context: &Bytes32, aggregator: usize, signer: &Signer, body: &[u8]) -> Vec<u8> {
        let mut out = start(self.kind, context, 65 + body.len());
        out.push(aggregator as u8);
        out.extend_from_slice(&signer.sign(self.domain, &Self::signed(context, aggregator, body)));
        out.extend_from_slice(body);
        out
    }

    /// Who said it, and what.
    fn decode<'a>(
        self,
        message: &'a [u8],
        context: &Bytes32,
        validation: &Validation,
    ) -> Result<(usize, Identity, &'a [u8]), Error> {
        let mut reader = open(message, self.kind, context, self.message)?;
        let aggregator = usize::from(reader.u8()?);
        let signature = reader.array()?;
        let key = validation.key(aggregator).ok_or_else(|| reader.malformed("no such aggregator"))?;
        let body = reader.rest();
        key.verify(self.domain, &Self::signed(context, aggregator, body), &signature, self.message)?;
        Ok((aggregator, key.identity(), body))
    }
}

pub(super) fn encode_verifiers(
    context: &Bytes32,
    aggregator: usize,
    signer: &Signer,
    verifiers: &Verifiers<'_>,
) -> Vec<u8> {
    let mut body = (verifiers.len() as u32).to_le_bytes().to_vec();
    for (contribution, verifier) in verifiers {
        body.extend_from_slice(contribution);
        write_bytes(verifier, &mut body);
    }
    VERIFIERS.encode(context, aggregator, signer, &body)
}

/// The position and identity of whoever signed them, and its verifier shares.
pub(super) fn decode_verifiers<'a>(
    message: &'a [u8],
    context: &Bytes32,
    validation: &Validation,
) -> Result<(usize, Identity, Verifiers<'a>), Error> {
    let (aggregator, identity, body) = VERIFIERS.decode(message, context, validation)?;
    let mut reader = Reader::new(body, VERIFIERS.message);
    let mut verifiers = Verifiers::new();
    for _ in 0..reader.count(ENTRY)? {
        let contribution = reader.array()?;
        if verifiers.last_key_value().is_some_and(|(last, _)| *last >= contribution) {
            return Err(reader.malformed("contributions are not in strictly ascending order"));
        }
        verifiers.insert(contribution, read_bytes(&mut reader)?);
    }
    reader.finish()?;
    Ok((aggregator, identity, verifiers))
}

pub(crate) fn encode_aggregate(
    context: &Bytes32,
    aggregator: usize,
    signer: &Signer,
    list: &Bytes32,
    share: &[u8],
) -> Vec<u8> {
    AGGREGATE.encode(context, aggregator, signer, &[list, share].concat())
}

/// The position and identity of whoever signed it, the list's digest and the share.
pub(crate) fn decode_aggregate<'a>(
    message: &'a [u8],
    context: &Bytes32,
    validation: &Validation,
) -> Result<(usize, Identity, Bytes32, &'a [u8]), Error> {
    let (aggregator, identity, body) = AGGREGATE.decode(message, context, validation)?;
    let mut reader = Reader::new(body, AGGREGATE.message);
    Ok((aggregator, identity, reader.array()?, reader.rest()))
}
