//! The attestation report (56860, table 23), field by field.

use crate::bytes::{Reader, is_zero};
use crate::claims::TcbComponent;
use crate::error::{Error, Result};

/// Bytes of a report.
pub const REPORT_SIZE: usize = 1184;
/// Bytes of it that the signature covers.
pub(crate) const SIGNED: usize = 672;

/// Which key signed a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningKey {
    /// Versioned chip endorsement key.
    Vcek,
    /// Versioned loaded endorsement key, of a cloud provider.
    Vlek,
}

impl SigningKey {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Vcek => "VCEK",
            Self::Vlek => "VLEK",
        }
    }
}

/// Versions of the platform's firmware.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcbVersion {
    /// FMC, from Turin on.
    pub fmc: Option<u8>,
    /// The secure processor's boot loader.
    pub boot_loader: u8,
    /// The secure processor's operating system.
    pub tee: u8,
    /// The SNP firmware.
    pub snp: u8,
    /// CPU microcode.
    pub microcode: u8,
    /// The bytes between, which certificates name, too.
    reserved: [u8; 4],
}

impl TcbVersion {
    /// Milan and Genoa: boot loader, TEE, four reserved, SNP, microcode. Turin: FMC, boot loader, TEE, SNP, three
    /// reserved, microcode (56860, tables 3 and 4).
    fn parse(raw: [u8; 8], turin: bool) -> Self {
        let [a, b, c, d, e, f, g, h] = raw;
        if turin {
            Self { fmc: Some(a), boot_loader: b, tee: c, snp: d, microcode: h, reserved: [e, f, g, 0] }
        } else {
            Self { fmc: None, boot_loader: a, tee: b, snp: g, microcode: h, reserved: [c, d, e, f] }
        }
    }

    pub(crate) fn reserved_is_zero(&self) -> bool {
        is_zero(&self.reserved)
    }

    pub(crate) fn components(&self) -> Vec<TcbComponent> {
        let mut all = vec![
            TcbComponent::have("boot-loader", self.boot_loader),
            TcbComponent::have("tee", self.tee),
            TcbComponent::have("snp", self.snp),
            TcbComponent::have("microcode", self.microcode),
        ];
        all.extend(self.fmc.map(|fmc| TcbComponent::have("fmc", fmc)));
        all
    }
}

/// A report, parsed and not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Format version: 2, 3 or 5.
    pub version: u32,
    /// The guest's own security version.
    pub guest_svn: u32,
    /// The guest policy, bit by bit.
    pub policy: u64,
    /// Set by the guest's owner at launch.
    pub family_id: [u8; 16],
    /// Set by the guest's owner at launch.
    pub image_id: [u8; 16],
    /// Privilege level that asked for the report: 0 is the most privileged.
    pub vmpl: u32,
    /// TCB that runs.
    pub current_tcb: [u8; 8],
    /// Platform switches, bit by bit.
    pub platform_info: u64,
    /// Which key signed.
    pub signing_key: SigningKey,
    /// Whether the chip id is masked.
    pub chip_id_masked: bool,
    /// Chosen by whoever asked for the report.
    pub report_data: [u8; 64],
    /// Of the guest's memory at launch.
    pub measurement: [u8; 48],
    /// Chosen by the hypervisor at launch.
    pub host_data: [u8; 32],
    /// SHA-384 of the key that signed the guest's identity block.
    pub id_key_digest: [u8; 48],
    /// SHA-384 of the key that certified that key.
    pub author_key_digest: [u8; 48],
    /// Names this guest while it lives.
    pub report_id: [u8; 32],
    /// TCB that the signing key is derived from.
    pub reported_tcb: TcbVersion,
    /// CPU family and model, from version 3 on.
    pub cpuid: Option<(u8, u8)>,
    /// The chip, or zero if masked or signed by a VLEK.
    pub chip_id: [u8; 64],
    /// TCB that cannot be rolled back.
    pub committed_tcb: [u8; 8],
    /// TCB when the guest was launched or imported.
    pub launch_tcb: [u8; 8],
}

impl Report {
    /// Parses a report. Which product it is of decides how TCB versions are laid out: from version 3 on the report
    /// says so, and version 2 is older than Turin.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Unsupported`].
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        const WHAT: &str = "SNP report";
        if bytes.len() != REPORT_SIZE {
            return Err(Error::malformed(WHAT, format!("{} bytes instead of {REPORT_SIZE}", bytes.len())));
        }
        let mut r = Reader::new(WHAT, bytes);
        let version = r.u32_le()?;
        if !matches!(version, 2 | 3 | 5) {
            return Err(Error::unsupported(WHAT, format!("version {version}")));
        }
        let (guest_svn, policy) = (r.u32_le()?, r.u64_le()?);
        if policy >> 17 & 1 != 1 {
            return Err(Error::malformed(WHAT, "reserved bit 17 of the policy is not set"));
        }
        let (family_id, image_id) = (r.array()?, r.array()?);
        let (vmpl, algorithm) = (r.u32_le()?, r.u32_le()?);
        if algorithm != 1 {
            return Err(Error::unsupported(WHAT, format!("signature algorithm {algorithm}")));
        }
        let (current_tcb, platform_info) = (r.array()?, r.u64_le()?);
        let key_info = r.u32_le()?;
        r.take(4)?;
        let (report_data, measurement, host_data) = (r.array()?, r.array()?, r.array()?);
        let (id_key_digest, author_key_digest, report_id) = (r.array()?, r.array()?, r.array()?);
        r.take(32)?;
        let reported_tcb = r.array()?;
        let (family, model, _stepping) = (r.u8()?, r.u8()?, r.u8()?);
        r.take(21)?;
        let (chip_id, committed_tcb) = (r.array()?, r.array()?);
        r.take(8)?;
        let launch_tcb = r.array()?;
        let cpuid = (version >= 3).then_some((family, model));
        let turin = cpuid.is_some_and(|(family, _)| family >= 0x1a);
        Ok(Self {
            version,
            guest_svn,
            policy,
            family_id,
            image_id,
            vmpl,
            current_tcb,
            platform_info,
            signing_key: signing_key(key_info)?,
            chip_id_masked: key_info >> 1 & 1 == 1,
            report_data,
            measurement,
            host_data,
            id_key_digest,
            author_key_digest,
            report_id,
            reported_tcb: TcbVersion::parse(reported_tcb, turin),
            cpuid,
            chip_id,
            committed_tcb,
            launch_tcb,
        })
    }

    /// Whether this report can be of a product: by CPU family and model (57230, section 1).
    pub(crate) fn is_of(&self, product: &str) -> bool {
        match self.cpuid {
            None => product != "Turin",
            Some((0x19, model)) => match product {
                "Milan" => model <= 0x0f,
                "Genoa" => matches!(model, 0x10..=0x1f | 0xa0..=0xaf),
                _ => false,
            },
            Some((0x1a, _)) => product == "Turin",
            Some(_) => false,
        }
    }
}

fn signing_key(key_info: u32) -> Result<SigningKey> {
    match key_info >> 2 & 0b111 {
        0 => Ok(SigningKey::Vcek),
        1 => Ok(SigningKey::Vlek),
        other => Err(Error::unsupported("SNP report", format!("signing key {other}: it is not signed"))),
    }
}
