//! What separates one use of a key or hash from every other, and the numbers of the messages.
//!
//! Every string carries the version, so that nothing made by one version can be taken for another's.

/// The version of all messages of this crate. A decoder refuses every other.
pub(crate) const VERSION: u8 = 1;

pub(crate) const CONTEXT_COMMITTEE: &str = "privity secagg v1 context of a committee round";
pub(crate) const CONTEXT_PAIRWISE: &str = "privity secagg v1 context of a pairwise round";
pub(crate) const CONTEXT_PAILLIER: &str = "privity secagg v1 context of a homomorphic round";
pub(crate) const CONTEXT_CLERKS: &str = "privity secagg v1 context of a round by clerks";
pub(crate) const CONTEXT_VALIDATED: &str = "privity secagg v1 context of a validated round";
pub(crate) const VALIDATED_NONCE: &str = "privity secagg v1 nonce of a validated contribution";
pub(crate) const VALIDATED_KEY: &str = "privity secagg v1 verification key of a validated round";
pub(crate) const CONTEXT_BFV: &str = "privity secagg v1 context of a round under a joint key";
pub(crate) const CONTEXT_BFV_KEY: &str = "privity secagg v1 context of a joint key";
pub(crate) const BFV_COMMON: &str = "privity secagg v1 common polynomial of a joint key";
pub(crate) const BFV_COMMITMENT: &str = "privity secagg v1 commitment to a share of a joint key";
pub(crate) const BFV_KEY: &str = "privity secagg v1 digest of a joint key";
pub(crate) const BFV_FLOOD: &str = "privity secagg v1 noise of a decryption share";
pub(crate) const BFV_FLOOD_SEED: &str = "privity secagg v1 seed of the noise of a decryption share";
pub(crate) const CLERKS: &str = "privity secagg v1 digest of clerks and recipient";
pub(crate) const COMMITTEE: &str = "privity secagg v1 digest of a committee";

pub(crate) const SIGN_CONTRIBUTION: &[u8] = b"privity secagg v1 contribution\0";
pub(crate) const SIGN_SHARED: &[u8] = b"privity secagg v1 contribution shared among clerks\0";
pub(crate) const SIGN_VALIDATED: &[u8] = b"privity secagg v1 validated contribution\0";
pub(crate) const SIGN_VERIFIERS: &[u8] = b"privity secagg v1 shares of verifiers\0";
pub(crate) const SIGN_AGGREGATE: &[u8] = b"privity secagg v1 share of a validated aggregate\0";
pub(crate) const SEAL_INPUT: &[u8] = b"privity secagg v1 input share\0";
pub(crate) const SIGN_CIPHERTEXT: &[u8] = b"privity secagg v1 vector under a joint key\0";
pub(crate) const SIGN_KEY_COMMITMENT: &[u8] = b"privity secagg v1 commitment of a holder\0";
pub(crate) const SIGN_KEY_SHARE: &[u8] = b"privity secagg v1 share of a joint key\0";
pub(crate) const SIGN_KEY_CONFIRMATION: &[u8] = b"privity secagg v1 confirmation of a joint key\0";
pub(crate) const SIGN_DECRYPTION: &[u8] = b"privity secagg v1 decryption share\0";
pub(crate) const SIGN_TALLY: &[u8] = b"privity secagg v1 tally of a clerk\0";
pub(crate) const SEAL_SHARES: &[u8] = b"privity secagg v1 shares for a clerk\0";
pub(crate) const SEAL_MASK: &[u8] = b"privity secagg v1 mask for the recipient\0";
pub(crate) const CLERK_SHARES: &[u8; 32] = b"privity secagg v1 clerk randoms\0";
pub(crate) const SIGN_ENCRYPTED: &[u8] = b"privity secagg v1 encrypted vector\0";
pub(crate) const SIGN_VOTE: &[u8] = b"privity secagg v1 vote for an inclusion list\0";
pub(crate) const SIGN_ANSWER: &[u8] = b"privity secagg v1 answer of an aggregator\0";
pub(crate) const SIGN_NOISE: &[u8] = b"privity secagg v1 seed of an aggregator's noise\0";
pub(crate) const SIGN_KEYS: &[u8] = b"privity secagg v1 keys of a client\0";
pub(crate) const SIGN_SHARES: &[u8] = b"privity secagg v1 shares of a client\0";
pub(crate) const SIGN_MASKED: &[u8] = b"privity secagg v1 masked vector\0";
pub(crate) const SIGN_SURVIVORS: &[u8] = b"privity secagg v1 survivors\0";
pub(crate) const SIGN_REVEAL: &[u8] = b"privity secagg v1 revealed shares\0";

pub(crate) const MASK_KEY: &str = "privity secagg v1 key stream of a mask";
pub(crate) const SEED_COMMITMENT: &str = "privity secagg v1 commitment to a seed";
pub(crate) const SHARE_COMMITMENT: &str = "privity secagg v1 commitment to a share";
pub(crate) const BODY: &str = "privity secagg v1 digest of a masked vector";
pub(crate) const BOX: &str = "privity secagg v1 digest of a sealed box";
pub(crate) const HEADER: &str = "privity secagg v1 digest of a contribution";
pub(crate) const LIST: &str = "privity secagg v1 digest of an inclusion list";
pub(crate) const NOISE: &str = "privity secagg v1 noise of an aggregator in one sum";
pub(crate) const KEPT: &str = "privity secagg v1 digest of a sum that is kept as shares";
pub(crate) const KEPT_EACH: &str = "privity secagg v1 digest of contributions that are kept as shares";
pub(crate) const SEAL_INFO: &[u8] = b"privity secagg v1 seeds for an aggregator\0";

pub(crate) const ROSTER: &str = "privity secagg v1 digest of a pairwise roster";
pub(crate) const SURVIVORS: &str = "privity secagg v1 digest of a survivor set";
pub(crate) const GRAPH: &str = "privity secagg v1 graph of a pairwise round";
pub(crate) const PAIR_MASK: &str = "privity secagg v1 mask of a pair";
pub(crate) const PAIR_CHANNEL: &str = "privity secagg v1 channel of a pair";
pub(crate) const MASK_SECRET: &str = "privity secagg v1 mask key from its shared scalar";
pub(crate) const SELF_MASK: &str = "privity secagg v1 self mask from its shared scalar";

/// What a message is, in its second byte.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Contribution = 1,
    Deposit = 2,
    Proposal = 3,
    Vote = 4,
    Frozen = 5,
    Answer = 6,
    Memory = 7,
    Keys = 16,
    Neighbours = 17,
    Shares = 18,
    Delivered = 19,
    Masked = 20,
    Survivors = 21,
    Agreed = 22,
    Agreements = 23,
    Reveal = 24,
    Shared = 26,
    ForClerk = 27,
    ForRecipient = 28,
    Tally = 29,
    Encrypted = 32,
    Request = 33,
    Decrypted = 34,
    Validated = 40,
    InputShare = 41,
    Verifiers = 42,
    Aggregate = 43,
    Ciphertext = 50,
    HalfCiphertext = 51,
    KeyCommitment = 52,
    KeyShare = 53,
    KeyConfirmation = 54,
    Decryption = 55,
}
