//! Messages of the sum by clerks and their strict decoding.

use super::Clerks;
use super::field::P;
use crate::ballot::{Electorate, Frozen, Split};
use crate::domain::{self, Kind};
use crate::error::Error;
use crate::identity::{Identity, PublicKey};
use crate::seal::OVERHEAD;
use crate::task::Task;
use crate::wire::{Bytes32, Reader, digest, open, start};

/// What a client signs: digests of all that it sends, one for each clerk and one for the recipient.
pub(super) struct Header {
    pub(super) key: PublicKey,
    pub(super) boxes: Vec<Bytes32>,
    pub(super) signature: [u8; 64],
}

impl Header {
    pub(super) fn signed(context: &Bytes32, key: &PublicKey, boxes: &[Bytes32]) -> Vec<u8> {
        [&context[..], &key.to_bytes(), boxes.as_flattened()].concat()
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.key.to_bytes());
        out.extend_from_slice(self.boxes.as_flattened());
        out.extend_from_slice(&self.signature);
    }

    fn read(reader: &mut Reader<'_>, context: &Bytes32, clerks: &Clerks) -> Result<Self, Error> {
        let key = PublicKey::from_bytes(&reader.array()?).ok_or_else(|| reader.malformed("not a public key"))?;
        let boxes = reader.arrays(clerks.members.len() + 1)?;
        let signature = reader.array()?;
        let signed = Self::signed(context, &key, &boxes);
        key.verify(domain::SIGN_SHARED, &signed, &signature, "contribution")?;
        Ok(Self { key, boxes, signature })
    }

    pub(super) fn identity(&self) -> Identity {
        self.key.identity()
    }

    pub(super) fn digest(&self, context: &Bytes32) -> Bytes32 {
        digest(domain::HEADER, &[&Self::signed(context, &self.key, &self.boxes), &self.signature])
    }
}

pub(super) fn encode_shared(context: &Bytes32, header: &Header, boxes: &[Vec<u8>]) -> Vec<u8> {
    let mut out = start(Kind::Shared, context, 1024 + boxes.iter().map(|sealed| sealed.len() + 32).sum::<usize>());
    header.write(&mut out);
    boxes.iter().for_each(|sealed| out.extend_from_slice(sealed));
    out
}

/// Verifies a contribution and takes it apart: a deposit for each clerk, then one for the recipient.
pub(super) fn split(message: &[u8], context: &Bytes32, task: &Task, clerks: &Clerks) -> Result<Split, Error> {
    let mut reader = open(message, Kind::Shared, context, "contribution")?;
    let header = Header::read(&mut reader, context, clerks)?;
    let client = header.identity();
    let clerk_bytes = OVERHEAD + 8 * clerks.batches(task);
    let mut deposits = Vec::with_capacity(header.boxes.len());
    for (i, expected) in header.boxes.iter().enumerate() {
        let for_clerk = i < clerks.members.len();
        let sealed = reader.take(if for_clerk { clerk_bytes } else { OVERHEAD + 32 })?;
        if digest(domain::BOX, &[sealed]) != *expected {
            return Err(Error::Broken { culprit: client, what: "a box is not the one that was signed" });
        }
        let kind = if for_clerk { Kind::ForClerk } else { Kind::ForRecipient };
        let mut deposit = start(kind, context, 1024 + sealed.len());
        header.write(&mut deposit);
        deposit.extend_from_slice(sealed);
        deposits.push(deposit);
    }
    reader.finish()?;
    let digest = header.digest(context);
    Ok(Split { client, digest, deposits })
}

/// A deposit's header and box: of a clerk, or of the recipient, which is the last.
pub(super) fn decode_deposit<'a>(
    bytes: &'a [u8],
    context: &Bytes32,
    clerks: &Clerks,
    receiver: usize,
) -> Result<(Header, &'a [u8]), Error> {
    let kind = if receiver < clerks.members.len() { Kind::ForClerk } else { Kind::ForRecipient };
    let mut reader = open(bytes, kind, context, "deposit")?;
    let header = Header::read(&mut reader, context, clerks)?;
    let sealed = reader.rest();
    if header.boxes.get(receiver) != Some(&digest(domain::BOX, &[sealed])) {
        return Err(Error::Coordinator { what: "a box is not the one that its client signed" });
    }
    Ok((header, sealed))
}

pub(super) fn encode_elements(elements: &[u64]) -> Vec<u8> {
    elements.iter().flat_map(|element| element.to_le_bytes()).collect()
}

/// Exactly `count` elements of the field.
pub(super) fn decode_elements(bytes: &[u8], count: usize) -> Option<Vec<u64>> {
    let (words, rest) = bytes.as_chunks::<8>();
    let elements: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
    (rest.is_empty() && elements.len() == count && elements.iter().all(|&element| element < P)).then_some(elements)
}

/// A clerk's sum of shares over a frozen list.
pub(super) struct Tally {
    pub(super) clerk: usize,
    pub(super) sums: Vec<u64>,
}

impl Tally {
    pub(super) fn signed(context: &Bytes32, list: &Bytes32, sums: &[u8]) -> Vec<u8> {
        [&context[..], list, &digest(domain::BODY, &[sums])].concat()
    }

    pub(super) fn encode(
        context: &Bytes32,
        clerk: usize,
        list: &Bytes32,
        signature: &[u8; 64],
        sums: &[u8],
    ) -> Vec<u8> {
        let mut out = start(Kind::Tally, context, 128 + sums.len());
        out.push(clerk as u8);
        out.extend_from_slice(list);
        out.extend_from_slice(signature);
        out.extend_from_slice(sums);
        out
    }

    pub(super) fn decode(
        bytes: &[u8],
        context: &Bytes32,
        task: &Task,
        clerks: &Clerks,
        frozen: &Frozen,
    ) -> Result<Self, Error> {
        let mut reader = open(bytes, Kind::Tally, context, "tally")?;
        let clerk = usize::from(reader.u8()?);
        let list: Bytes32 = reader.array()?;
        let signature = reader.array()?;
        let key = clerks.key(clerk).ok_or_else(|| reader.malformed("no such clerk"))?;
        let malformed = reader.malformed("not as many elements of the field as a share has");
        let sums = reader.rest();
        key.verify(domain::SIGN_TALLY, &Self::signed(context, &list, sums), &signature, "tally")?;
        if list != frozen.digest() {
            return Err(Error::Broken { culprit: key.identity(), what: "it tallied another list" });
        }
        let sums = decode_elements(sums, clerks.batches(task)).ok_or(malformed)?;
        Ok(Self { clerk, sums })
    }
}
