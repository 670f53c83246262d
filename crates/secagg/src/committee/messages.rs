//! Messages of the committee sum and their strict decoding.

use super::Committee;
use crate::ballot::Frozen;
use crate::domain::{self, Kind};
use crate::error::Error;
use crate::identity::{Identity, PublicKey};
use crate::seal::OVERHEAD;
use crate::task::Task;
use crate::vector::check_packed;
use crate::wire::{Bytes32, Reader, digest, open, start};

/// What a client signs: commitments to everything that it sends.
pub(crate) struct Header {
    pub(crate) key: PublicKey,
    /// Digest of the packed masked vector.
    pub(crate) body: Bytes32,
    /// Commitment to the seed of each set.
    pub(crate) seeds: Vec<Bytes32>,
    /// Digest of the box for each aggregator.
    pub(crate) boxes: Vec<Bytes32>,
    pub(crate) signature: [u8; 64],
}

impl Header {
    /// What is signed, without domain.
    pub(crate) fn signed(
        context: &Bytes32,
        key: &PublicKey,
        body: &Bytes32,
        seeds: &[Bytes32],
        boxes: &[Bytes32],
    ) -> Vec<u8> {
        [&context[..], &key.to_bytes(), body, seeds.as_flattened(), boxes.as_flattened()].concat()
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.key.to_bytes());
        out.extend_from_slice(&self.body);
        out.extend_from_slice(self.seeds.as_flattened());
        out.extend_from_slice(self.boxes.as_flattened());
        out.extend_from_slice(&self.signature);
    }

    /// Reads and verifies; what is returned was signed by its key for this round.
    fn read(reader: &mut Reader<'_>, context: &Bytes32, committee: &Committee) -> Result<Self, Error> {
        let key = PublicKey::from_bytes(&reader.array()?).ok_or_else(|| reader.malformed("not a public key"))?;
        let body = reader.array()?;
        let seeds = reader.arrays(committee.sets().len())?;
        let boxes = reader.arrays(committee.members().len())?;
        let signature = reader.array()?;
        let signed = Self::signed(context, &key, &body, &seeds, &boxes);
        key.verify(domain::SIGN_CONTRIBUTION, &signed, &signature, "contribution")?;
        Ok(Self { key, body, seeds, boxes, signature })
    }

    pub(crate) fn identity(&self) -> Identity {
        self.key.identity()
    }

    /// What an inclusion list says of it.
    pub(crate) fn digest(&self, context: &Bytes32) -> Bytes32 {
        digest(
            domain::HEADER,
            &[&Self::signed(context, &self.key, &self.body, &self.seeds, &self.boxes), &self.signature],
        )
    }
}

pub(crate) fn box_bytes(committee: &Committee, member: usize) -> usize {
    OVERHEAD + 32 * committee.sets_of(member).count()
}

/// A client's one message, decoded: header, boxes and packed masked vector agree with what was signed.
pub(crate) struct Contribution<'a> {
    pub(crate) header: Header,
    pub(crate) boxes: Vec<&'a [u8]>,
    pub(crate) masked: &'a [u8],
}

impl<'a> Contribution<'a> {
    pub(crate) fn encode(context: &Bytes32, header: &Header, boxes: &[Vec<u8>], masked: &[u8]) -> Vec<u8> {
        let mut out = start(Kind::Contribution, context, 1024 + boxes.len() * 256 + masked.len());
        header.write(&mut out);
        boxes.iter().for_each(|sealed| out.extend_from_slice(sealed));
        out.extend_from_slice(masked);
        out
    }

    pub(crate) fn decode(
        bytes: &'a [u8],
        context: &Bytes32,
        task: &Task,
        committee: &Committee,
    ) -> Result<Self, Error> {
        let mut reader = open(bytes, Kind::Contribution, context, "contribution")?;
        let header = Header::read(&mut reader, context, committee)?;
        let culprit = header.identity();
        let mut boxes = Vec::with_capacity(committee.members().len());
        for (member, expected) in header.boxes.iter().enumerate() {
            let sealed = reader.take(box_bytes(committee, member))?;
            if digest(domain::BOX, &[sealed]) != *expected {
                return Err(Error::Broken { culprit, what: "a box is not the one that was signed" });
            }
            boxes.push(sealed);
        }
        let masked = reader.rest();
        check_packed(task.ring, task.len as usize, masked)?;
        if digest(domain::BODY, &[masked]) != header.body {
            return Err(Error::Broken { culprit, what: "the masked vector is not the one that was signed" });
        }
        Ok(Self { header, boxes, masked })
    }
}

/// The part of a contribution that one aggregator needs.
pub(crate) struct Deposit<'a> {
    pub(crate) header: Header,
    pub(crate) sealed: &'a [u8],
}

impl<'a> Deposit<'a> {
    pub(crate) fn encode(context: &Bytes32, header: &Header, sealed: &[u8]) -> Vec<u8> {
        let mut out = start(Kind::Deposit, context, 1024);
        header.write(&mut out);
        out.extend_from_slice(sealed);
        out
    }

    pub(crate) fn decode(
        bytes: &'a [u8],
        context: &Bytes32,
        committee: &Committee,
        member: usize,
    ) -> Result<Self, Error> {
        let mut reader = open(bytes, Kind::Deposit, context, "deposit")?;
        let header = Header::read(&mut reader, context, committee)?;
        let sealed = reader.take(box_bytes(committee, member))?;
        reader.finish()?;
        if digest(domain::BOX, &[sealed]) != header.boxes[member] {
            return Err(Error::Coordinator { what: "a box is not the one that its client signed" });
        }
        Ok(Self { header, sealed })
    }
}

/// The sums of an aggregator's masks over a frozen list, decoded and verified.
pub(crate) struct Answer<'a> {
    pub(crate) member: usize,
    /// The packed sum for each set that the member belongs to.
    pub(crate) sums: Vec<&'a [u8]>,
}

impl<'a> Answer<'a> {
    pub(crate) fn signed(context: &Bytes32, list: &Bytes32, sums: &[u8]) -> Vec<u8> {
        [&context[..], list, &digest(domain::BODY, &[sums])].concat()
    }

    pub(crate) fn encode(
        context: &Bytes32,
        member: usize,
        list: &Bytes32,
        signature: &[u8; 64],
        sums: &[u8],
    ) -> Vec<u8> {
        let mut out = start(Kind::Answer, context, 128 + sums.len());
        out.push(member as u8);
        out.extend_from_slice(list);
        out.extend_from_slice(signature);
        out.extend_from_slice(sums);
        out
    }

    pub(crate) fn decode(
        bytes: &'a [u8],
        context: &Bytes32,
        task: &Task,
        committee: &Committee,
        frozen: &Frozen,
    ) -> Result<Self, Error> {
        let mut reader = open(bytes, Kind::Answer, context, "answer")?;
        let member = usize::from(reader.u8()?);
        let list: Bytes32 = reader.array()?;
        let signature = reader.array()?;
        let listed = committee.members().get(member).ok_or_else(|| reader.malformed("no such aggregator"))?;
        let sums = reader.rest();
        listed.key.verify(domain::SIGN_ANSWER, &Self::signed(context, &list, sums), &signature, "answer")?;
        if list != frozen.digest() {
            return Err(Error::Broken { culprit: listed.key.identity(), what: "it answered for another list" });
        }
        let each = task.ring.packed_bytes(task.len as usize);
        if sums.len() != each * committee.sets_of(member).count() {
            return Err(Error::Malformed { message: "answer", what: "another number of sums" });
        }
        let sums: Vec<_> = sums.chunks(each).collect();
        sums.iter().try_for_each(|sum| check_packed(task.ring, task.len as usize, sum))?;
        Ok(Self { member, sums })
    }
}
