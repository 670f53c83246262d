//! Intel's collateral (TCB info, quoting-enclave identity, CRLs, chains): choosing it, its time, and what falls short.

use dcap_qvl::quote::{Quote, Report};
use dcap_qvl::tcb_info::{SvnComponent, SvnShortfall, TcbInfo, TcbLevel, TcbStatus};
use dcap_qvl::{QeIdentity, QuoteClaims, QuoteCollateralV3, intel};

use super::{QuoteRoot, verify};
use crate::endorse::Endorsements;
use crate::error::{Error, Result};
use crate::time::{Time, Window};
use crate::x509::{Certificate, crl_window};

/// Collateral for one platform model, in the JSON form of `dcap-qvl` (CRLs and signatures in hexadecimal).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collateral(pub(crate) QuoteCollateralV3);

impl Collateral {
    /// From JSON.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn parse(json: &[u8]) -> Result<Self> {
        serde_json::from_slice(json).map(Self).map_err(|e| Error::malformed("Intel collateral", e))
    }

    /// As JSON, the form that [`Collateral::parse`] reads.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    pub(crate) fn tcb_info(&self) -> Result<TcbInfo> {
        serde_json::from_str(&self.0.tcb_info).map_err(|e| Error::malformed("TCB info", e))
    }

    fn qe_identity(&self) -> Result<QeIdentity> {
        serde_json::from_str(&self.0.qe_identity).map_err(|e| Error::malformed("QE identity", e))
    }

    /// The time of its documents (not of the certificates that sign them).
    pub(crate) fn documents(&self) -> Result<[(&'static str, Window); 4]> {
        let (tcb, qe) = (self.tcb_info()?, self.qe_identity()?);
        Ok([
            ("TCB info", document_window(&tcb.issue_date, &tcb.next_update)?),
            ("QE identity", document_window(&qe.issue_date, &qe.next_update)?),
            ("root CA CRL", early(crl_window(&self.0.root_ca_crl)?)),
            ("PCK CRL", early(crl_window(&self.0.pck_crl)?)),
        ])
    }

    fn certificates(&self, quote: &Quote) -> Result<Vec<Certificate>> {
        let mut all = Certificate::parse_many(self.0.tcb_info_issuer_chain.as_bytes())?;
        all.extend(Certificate::parse_many(self.0.qe_identity_issuer_chain.as_bytes())?);
        let pck = match &self.0.pck_certificate_chain {
            Some(chain) => chain.as_bytes(),
            None => quote.raw_cert_chain().map_err(|e| Error::malformed("quote", e))?,
        };
        all.extend(Certificate::parse_many(pck)?);
        Ok(all)
    }
}

/// Intel issues the parts of one collateral within the hour, each dated on its own: a CRL counts from an hour before
/// its `thisUpdate`. The dates of TCB info and QE identity are taken as they are.
const CRL_SKEW: u64 = 3600;

fn early(window: Window) -> Window {
    Window { from: Time::from_unix(window.from.unix().saturating_sub(CRL_SKEW)), ..window }
}

fn document_window(from: &str, until: &str) -> Result<Window> {
    let time = |text: &str| text.parse().map_err(|_| Error::malformed("Intel collateral", format!("date {text}")));
    Ok(Window { from: time(from)?, until: time(until)? })
}

/// A quote that verified, and since when its collateral had run out, if it had.
pub(super) struct Verified {
    pub(super) claims: QuoteClaims,
    pub(super) tcb_info: TcbInfo,
    pub(super) valid: Window,
    pub(super) stale_since: Option<Time>,
}

/// Verifies with the collateral that is current, or else with what ran out last, or else says why none does.
pub(super) fn verify_with_best(
    bytes: &[u8],
    quote: &Quote,
    with: &Endorsements,
    root: &QuoteRoot,
    at: Time,
) -> Result<Verified> {
    let mut stale: Option<Verified> = None;
    let mut failure = None;
    for collateral in &with.intel {
        match verify_one(bytes, quote, collateral, root, at) {
            Ok(verified) if verified.stale_since.is_none() => return Ok(verified),
            Ok(verified) => {
                if stale.as_ref().is_none_or(|best| best.stale_since < verified.stale_since) {
                    stale = Some(verified);
                }
            }
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    let missing = || Error::MissingEndorsement { what: "Intel collateral for this platform".into() };
    stale.ok_or_else(|| failure.unwrap_or_else(missing))
}

fn verify_one(bytes: &[u8], quote: &Quote, collateral: &Collateral, root: &QuoteRoot, at: Time) -> Result<Verified> {
    let (mut documents, mut certificates) = (Window::ALWAYS, Window::ALWAYS);
    for (name, window) in collateral.documents()? {
        // Also the CRLs' `thisUpdate`, which the library does not look at.
        if at < window.from {
            return Err(Error::NotYetValid { what: name.to_owned(), not_before: window.from, at });
        }
        documents = documents.meet(window);
    }
    for certificate in collateral.certificates(quote)? {
        certificate.window().check(&format!("certificate {}", certificate.subject()), at)?;
        certificates = certificates.meet(certificate.window());
    }
    // Collateral that ran out is evaluated at its end. What a policy makes of that is for the appraisal, but
    // certificates have to be valid now.
    let evaluated = at.min(documents.until);
    let claims = verify(bytes, collateral, root, evaluated).map_err(|e| explain(e, quote, collateral))?;
    Ok(Verified {
        claims,
        tcb_info: collateral.tcb_info()?,
        valid: documents.meet(certificates),
        stale_since: (at > documents.until).then_some(documents.until),
    })
}

/// Adds to "no matching TCB level" what falls short of the nearest one.
fn explain(error: Error, quote: &Quote, collateral: &Collateral) -> Error {
    let Error::Intel { why } = &error else { return error };
    if !why.contains("No matching TCB level") {
        return error;
    }
    let short = || -> Option<String> {
        let chain = intel::extract_cert_chain(quote).ok()?;
        let pck = intel::parse_pck_extension(chain.first()?).ok()?;
        let levels = collateral.tcb_info().ok()?.tcb_levels;
        let svn = tee_tcb_svn(&quote.report);
        let shortfalls = levels.iter().filter_map(|l| l.shortfalls(&pck.cpu_svn, pck.pce_svn, svn).ok());
        let gap = |short: &Vec<SvnShortfall>| short.iter().map(|s| u32::from(s.needs - s.have)).sum::<u32>();
        let nearest = shortfalls.min_by_key(|short| (short.len(), gap(short)))?;
        Some(nearest.iter().map(in_words).collect::<Vec<_>>().join(", "))
    };
    match short() {
        Some(short) => Error::BelowEveryTcbLevel { vendor: "Intel", short },
        None => error,
    }
}

/// The TDX TCB components of a report.
pub(super) fn tee_tcb_svn(report: &Report) -> Option<&[u8; 16]> {
    report.as_td10().map(|td| &td.tee_tcb_svn)
}

/// The name of a component of the TCB, as policies use it.
pub(super) fn component_name(component: SvnComponent) -> String {
    match component {
        SvnComponent::Sgx(index) => format!("sgx-{index}"),
        SvnComponent::Tdx(index) => format!("tdx-{index}"),
        SvnComponent::PceSvn => "pce-svn".into(),
        SvnComponent::TdxModuleIsvSvn => "tdx-module-isv-svn".into(),
    }
}

fn in_words(short: &SvnShortfall) -> String {
    format!("{} has {}, needs {}", component_name(short.component), short.have, short.needs)
}

/// What falls short of the newest level that is up to date.
pub(super) fn shortfalls_of_newest(info: &TcbInfo, claims: &QuoteClaims) -> Vec<SvnShortfall> {
    let pck = &claims.platform.pck;
    let svn = tee_tcb_svn(&claims.report);
    let up_to_date = info.tcb_levels.iter().filter(|level| level.tcb_status == TcbStatus::UpToDate);
    let newest = up_to_date.max_by(|a, b| newer(a, b));
    let mut short = newest.and_then(|level| level.shortfalls(&pck.cpu_svn, pck.pce_svn, svn).ok()).unwrap_or_default();
    if let Some(identity) = svn.and_then(|svn| info.tdx_module_identity(svn).ok().flatten()) {
        let current = identity.tcb_levels.iter().filter(|level| level.tcb_status == TcbStatus::UpToDate);
        let newest = current.max_by_key(|level| level.tcb.isvsvn);
        short.extend(newest.zip(svn).and_then(|(level, svn)| level.shortfall(svn)));
    }
    short
}

fn newer(a: &TcbLevel, b: &TcbLevel) -> std::cmp::Ordering {
    let key =
        |level: &TcbLevel| (level.tcb.sgx_components.clone(), level.tcb.pce_svn, level.tcb.tdx_components.clone());
    key(a).cmp(&key(b))
}
