//! The page's own files, read once: what is served does not change while the service runs.

use std::path::Path;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, header};

use super::Page;
use crate::error::Error;

/// Path, file and type: there are no others.
const FILES: [(&str, &str, &str); 6] = [
    ("/", "index.html", "text/html; charset=utf-8"),
    ("/page.css", "page.css", "text/css; charset=utf-8"),
    ("/page.js", "page.js", "text/javascript; charset=utf-8"),
    ("/core.js", "core.js", "text/javascript; charset=utf-8"),
    ("/service.js", "service.js", "text/javascript; charset=utf-8"),
    ("/page.wasm", "page.wasm", "application/wasm"),
];
/// More than any of them has.
const MOST: u64 = 16 << 20;

/// Nothing from elsewhere, nothing inline, no frames; a module may be compiled.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";
const HEADERS: [(header::HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The files, in the order of [`FILES`].
pub(super) struct Files(Vec<Bytes>);

impl Files {
    pub(super) fn read(folder: &Path) -> Result<Self, Error> {
        let read = |(_, name, _): &(&str, &str, &str)| {
            let file = folder.join(name);
            let failed = |e: String| Error::System {
                what: format!("{}: {e}; `make page` builds the folder of the page", file.display()),
            };
            let length = std::fs::metadata(&file).map_err(|e| failed(e.to_string()))?.len();
            if length > MOST {
                return Err(failed(format!("{length} bytes are no part of it")));
            }
            Ok(Bytes::from(std::fs::read(&file).map_err(|e| failed(e.to_string()))?))
        };
        FILES.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// The file of a path.
    pub(super) fn get(&self, path: &str) -> Option<Response<Full<Bytes>>> {
        let place = FILES.iter().position(|(known, ..)| *known == path)?;
        let mut response = Response::new(Full::new(self.0.get(place)?.clone()));
        let form = header::HeaderValue::from_static(FILES[place].2);
        response.headers_mut().insert(header::CONTENT_TYPE, form);
        Some(response)
    }
}

impl Page {
    /// What every answer says to a browser.
    pub(super) fn guarded(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
        for (name, value) in HEADERS {
            response.headers_mut().insert(name, header::HeaderValue::from_static(value));
        }
        response
    }
}
