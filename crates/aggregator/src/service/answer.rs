//! Answers, as bytes and JSON, and how a page of deposits is laid out.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode, header};
use secagg::Identity;

use crate::error::Error;

pub(crate) fn bytes(body: Vec<u8>) -> Response<Full<Bytes>> {
    Response::new(Full::new(body.into()))
}

pub(crate) fn json(value: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = bytes(value.to_string().into_bytes());
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

pub(crate) fn refusal(error: &Error) -> Response<Full<Bytes>> {
    // What a board or file said is for the operator's log.
    let message = match error {
        Error::Board { .. } | Error::System { .. } => "the service cannot do it just now".to_owned(),
        error => error.to_string(),
    };
    let body = serde_json::json!({ "code": error.code(), "message": message, "help": error.help() });
    let mut response = json(&body);
    *response.status_mut() = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

/// Each entry: identity, length (32 bits, little-endian), message.
pub(crate) fn encode_page(page: &[(Identity, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(page.iter().map(|(_, message)| 36 + message.len()).sum());
    for (from, message) in page {
        out.extend_from_slice(&from.0);
        out.extend_from_slice(&(message.len() as u32).to_le_bytes());
        out.extend_from_slice(message);
    }
    out
}

/// What [`encode_page`] gave; `None` for another form.
pub(crate) fn decode_page(mut bytes: &[u8]) -> Option<Vec<(Identity, Vec<u8>)>> {
    let mut page = vec![];
    while !bytes.is_empty() {
        let (head, rest) = bytes.split_at_checked(36)?;
        let length = u32::from_le_bytes(head[32..].try_into().ok()?);
        let (message, rest) = rest.split_at_checked(length as usize)?;
        page.push((Identity(head[..32].try_into().ok()?), message.to_vec()));
        bytes = rest;
    }
    Some(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_come_back_and_what_is_none_is_refused() {
        let page = vec![(Identity([1; 32]), vec![1, 2, 3]), (Identity([2; 32]), vec![])];
        let bytes = encode_page(&page);
        assert_eq!(decode_page(&bytes), Some(page));
        for length in 1..bytes.len() {
            let cut = decode_page(&bytes[..length]);
            assert!(cut.is_none() || cut.is_some_and(|page| page.len() == 1), "{length}");
        }
    }
}
