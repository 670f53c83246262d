//! Event logs of measured boot in the TCG's crypto-agile format, of TPMs and (CCEL) of trust domains: parsing,
//! replay, and what can be said of the boot.
//!
//! A log is only what the machine says; it means something once its replay equals registers that a quote covers, and
//! then only its digests do. Text in an event is reported if it hashes to the digest.
//!
//! Source: TCG PC Client Platform Firmware Profile 1.06, section 10; UEFI 2.10, section 38.4.

use std::collections::BTreeMap;

use crate::bytes::{Hex, Reader};
use crate::claims::{BootEvent, ClaimSet};
use crate::error::{Error, Result};
use crate::keys::Hash;

const EV_NO_ACTION: u32 = 0x3;
const EV_IPL: u32 = 0xd;
const EV_EFI_VARIABLE_DRIVER_CONFIG: u32 = 0x8000_0001;
const EV_EFI_BOOT_SERVICES_APPLICATION: u32 = 0x8000_0003;

/// More events or digests than any firmware writes: a bound on work, not a rule of the format.
const MOST_EVENTS: usize = 16_384;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// PCR, or measurement register of a trust domain (1 is `rtmr0`).
    pub register: u32,
    /// The event type (PC Client PFP, table 27).
    pub kind: u32,
    /// Its digest in each bank.
    pub digests: Vec<(Hash, Vec<u8>)>,
    /// What the firmware says it measured.
    pub data: Vec<u8>,
}

impl Event {
    fn digest(&self, bank: Hash) -> Option<&[u8]> {
        self.digests.iter().find(|(hash, _)| *hash == bank).map(|(_, digest)| digest.as_slice())
    }
}

/// A parsed log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventLog {
    /// Its banks.
    pub banks: Vec<Hash>,
    /// Its events, the specification header excluded.
    pub events: Vec<Event>,
}

impl EventLog {
    /// Parses a log. It ends with its bytes, or where a table of fixed size is filled with `ff` or zeros.
    ///
    /// # Errors
    /// [`Error::Malformed`], and [`Error::Unsupported`] for the SHA-1-only format of TPM 1.2.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new("event log", bytes);
        let sizes = parse_header(&mut reader)?;
        let mut events = Vec::new();
        while !at_padding(reader.rest()) {
            if events.len() == MOST_EVENTS {
                return Err(Error::malformed("event log", format!("more than {MOST_EVENTS} events")));
            }
            events.push(parse_event(&mut reader, &sizes)?);
        }
        let banks = sizes.iter().filter_map(|(id, _)| Hash::from_tpm(*id)).collect();
        Ok(Self { banks, events })
    }

    /// The registers after all events, in one bank. Registers without events are absent.
    ///
    /// # Errors
    /// [`Error::Malformed`] if an event has no digest in the bank.
    pub fn replay(&self, bank: Hash) -> Result<BTreeMap<u32, Vec<u8>>> {
        let mut registers: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
        for event in &self.events {
            if event.kind == EV_NO_ACTION {
                if event.register == 0 && event.data.starts_with(b"StartupLocality\0") {
                    let locality = event.data.get(16).copied().unwrap_or(0);
                    let mut initial = vec![0; bank.size()];
                    initial[bank.size() - 1] = locality;
                    registers.insert(0, initial);
                }
                continue;
            }
            let digest = event
                .digest(bank)
                .ok_or_else(|| Error::malformed("event log", format!("an event has no {} digest", bank.name())))?;
            let register = registers.entry(event.register).or_insert_with(|| vec![0; bank.size()]);
            *register = bank.digest(&[register, digest]);
        }
        Ok(registers)
    }

    /// What the boot loaded and how it was set up, as far as the log says so in a form that its digests confirm.
    /// `offset` is subtracted from register numbers (1 for trust domains).
    pub(crate) fn boot_events(&self, bank: Hash, offset: u32) -> Vec<BootEvent> {
        self.events.iter().filter_map(|event| boot_event(event, bank, offset)).collect()
    }
}

/// Puts boot events into claims, and what they say about secure boot into the configuration.
pub(crate) fn describe_boot(claims: &mut ClaimSet, boot: Vec<BootEvent>) {
    let secure = boot.iter().find(|event| event.kind == "secure-boot").and_then(|event| event.text.as_deref());
    let secure = secure.map(|text| ("secure-boot".to_owned(), text == "on"));
    claims.configuration.flags.extend(secure);
    claims.executables.boot = boot;
    claims.limits.push(
        "digests in the event log are covered by the quote; what kind of event each is, is the machine's word".into(),
    );
}

/// The `TCG_EfiSpecIdEvent` at the head: which digests, of which size.
fn parse_header(reader: &mut Reader<'_>) -> Result<Vec<(u16, usize)>> {
    reader.u32_le()?;
    if reader.u32_le()? != EV_NO_ACTION {
        return Err(Error::unsupported("event log", "does not begin with a specification identifier"));
    }
    reader.take(20)?;
    let size = reader.u32_le()? as usize;
    let mut header = Reader::new("event log", reader.take(size)?);
    if header.take(16)? != b"Spec ID Event03\0" {
        return Err(Error::unsupported("event log", "not in the crypto-agile format"));
    }
    header.take(8)?;
    let count = header.u32_le()?;
    if count == 0 || count > 16 {
        return Err(Error::malformed("event log", format!("{count} digest algorithms")));
    }
    let mut sizes = Vec::new();
    for _ in 0..count {
        let (algorithm, size) = (header.u16_le()?, usize::from(header.u16_le()?));
        if Hash::from_tpm(algorithm).is_some_and(|hash| hash.size() != size) {
            return Err(Error::malformed("event log", "a digest size that is not its algorithm's"));
        }
        sizes.push((algorithm, size));
    }
    Ok(sizes)
}

fn at_padding(rest: &[u8]) -> bool {
    rest.iter().all(|b| *b == 0xff) || rest.iter().all(|b| *b == 0)
}

/// One `TCG_PCR_EVENT2`.
fn parse_event(reader: &mut Reader<'_>, sizes: &[(u16, usize)]) -> Result<Event> {
    let (register, kind, count) = (reader.u32_le()?, reader.u32_le()?, reader.u32_le()?);
    if register > 127 {
        return Err(Error::malformed("event log", format!("register {register}")));
    }
    if count as usize > sizes.len() {
        return Err(Error::malformed("event log", "an event has more digests than there are banks"));
    }
    let mut digests = Vec::new();
    for _ in 0..count {
        let algorithm = reader.u16_le()?;
        let size = sizes.iter().find(|(id, _)| *id == algorithm).map(|(_, size)| *size);
        let size = size.ok_or_else(|| Error::malformed("event log", "a digest of an undeclared algorithm"))?;
        let digest = reader.take(size)?;
        if let Some(hash) = Hash::from_tpm(algorithm) {
            digests.push((hash, digest.to_vec()));
        }
    }
    let length = reader.u32_le()? as usize;
    Ok(Event { register, kind, digests, data: reader.take(length)?.to_vec() })
}

fn boot_event(event: &Event, bank: Hash, offset: u32) -> Option<BootEvent> {
    let digest = event.digest(bank)?;
    let (kind, text) = match event.kind {
        EV_EFI_BOOT_SERVICES_APPLICATION => ("boot-application", None),
        EV_EFI_VARIABLE_DRIVER_CONFIG => {
            let (name, value) = efi_variable(&event.data)?;
            if name != "SecureBoot" || bank.digest(&[&event.data]) != digest {
                return None;
            }
            ("secure-boot", Some(if value == [1] { "on" } else { "off" }.to_owned()))
        }
        EV_IPL => ipl(&event.data, bank, digest)?,
        _ => return None,
    };
    Some(BootEvent {
        register: event.register.checked_sub(offset)?,
        kind: kind.to_owned(),
        digest: Hex::from(digest),
        text,
    })
}

/// What a boot loader measured: command lines by GRUB (`kernel_cmdline: …`, `grub_cmd: …`), which hashes the text
/// after its prefix, or by systemd's stub.
fn ipl(data: &[u8], bank: Hash, digest: &[u8]) -> Option<(&'static str, Option<String>)> {
    let text = std::str::from_utf8(data.strip_suffix(&[0]).unwrap_or(data)).ok()?;
    let (kind, body) = match text.split_once(": ") {
        Some(("kernel_cmdline" | "grub_kernel_cmdline", body)) => ("command-line", body),
        Some(("grub_cmd", body)) => ("boot-loader-command", body),
        Some(("module_cmdline", body)) => ("module-command-line", body),
        _ => ("boot-loader-text", text),
    };
    let confirmed = [body.as_bytes(), text.as_bytes(), data].iter().any(|part| bank.digest(&[part]) == digest);
    if !confirmed && kind == "boot-loader-text" {
        return Some(("boot-loader-file", None));
    }
    Some((kind, confirmed.then(|| body.to_owned())))
}

/// Name and value of a `UEFI_VARIABLE_DATA`.
fn efi_variable(data: &[u8]) -> Option<(String, &[u8])> {
    let mut reader = Reader::new("EFI variable", data);
    reader.take(16).ok()?;
    let name_length = usize::try_from(reader.u64_le().ok()?).ok()?;
    let value_length = usize::try_from(reader.u64_le().ok()?).ok()?;
    let name = reader.take(name_length.checked_mul(2)?).ok()?;
    let units: Vec<u16> = name.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    Some((String::from_utf16(&units).ok()?, reader.take(value_length).ok()?))
}
