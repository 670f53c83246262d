//! The binary form of frames: round trips, one encoding per value, and nothing that panics.

use bytes::{Bytes, BytesMut};
use net::frame::{Abort, Frame, FrameError, Hello, MAX_FRAME, Part, decode_frame, encode_frame};
use net::link::stream;
use net::{PlayerId, Scope, Step};
use proptest::collection::vec;
use proptest::prelude::*;

fn encoded(frame: &Frame) -> Vec<u8> {
    let mut out = BytesMut::new();
    encode_frame(frame, &mut out);
    assert_eq!(out.len(), frame.encoded_len());
    assert_eq!(u32::from_be_bytes(out[..4].try_into().unwrap()) as usize, out.len() - 4);
    out[4..].to_vec()
}

fn step() -> impl Strategy<Value = Step> {
    any::<([u8; 16], u32)>().prop_map(|(scope, index)| Step { scope: Scope(scope), index })
}

prop_compose! {
    fn part()(
        step in step(), depth: u32, payload in vec(any::<u8>(), 0..200), before in 0u64..100, after in 0u64..100,
    ) -> Part {
        let before = if payload.is_empty() { 0 } else { before };
        let total = if payload.is_empty() { 0 } else { before + payload.len() as u64 + after };
        Part { step, depth, total, offset: before, payload: payload.into() }
    }
}

prop_compose! {
    fn hello()(
        low in 0u16..=1, high in 1u16..9, session: [u8; 16], ends: (u16, u16),
        agreement: [u8; 32], plan: [u8; 32], received: u64,
    ) -> Hello {
        let (from, to) = (PlayerId(ends.0), PlayerId(ends.1));
        Hello { versions: (low, high), session, from, to, agreement, plan, received }
    }
}

fn frame() -> impl Strategy<Value = Frame> {
    prop_oneof![
        hello().prop_map(Frame::Hello),
        (any::<u64>(), vec(part(), 1..6)).prop_map(|(number, parts)| Frame::Data { number, parts }),
        any::<(u64, u64)>().prop_map(|(received, taken)| Frame::Heartbeat { received, taken }),
        ("[a-zA-Z0-9._-]{1,64}", any::<Option<u16>>())
            .prop_map(|(code, culprit)| Frame::Abort(Abort { code, culprit: culprit.map(PlayerId) })),
        any::<u64>().prop_map(|number| Frame::Goodbye { number }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn every_frame_reads_back(frame in frame()) {
        prop_assert_eq!(decode_frame(&encoded(&frame)), Ok(frame));
    }

    #[test]
    fn a_frame_cut_short_or_drawn_out_is_refused(frame in frame(), cut: prop::sample::Index) {
        let bytes = encoded(&frame);
        prop_assert!(decode_frame(&bytes[..cut.index(bytes.len())]).is_err());
        prop_assert_eq!(decode_frame(&[&bytes[..], &[0]].concat()), Err(FrameError::LeftOver(1)));
    }

    #[test]
    fn what_reads_has_one_encoding(frame in frame(), at: prop::sample::Index, to: u8) {
        let mut bytes = encoded(&frame);
        let at = at.index(bytes.len());
        bytes[at] = to;
        if let Ok(frame) = decode_frame(&bytes) {
            prop_assert_eq!(encoded(&frame), bytes);
        }
    }

    #[test]
    fn noise_is_no_panic(kind in 0u8..8, noise in vec(any::<u8>(), 0..300)) {
        let bytes = [&[kind][..], &noise].concat();
        if let Ok(frame) = decode_frame(&bytes) {
            prop_assert_eq!(encoded(&frame), bytes);
        }
    }

    #[test]
    fn streams_cut_anywhere_give_the_same_frames(frames in vec(frame(), 1..5), cuts in vec(1usize..50, 1..40)) {
        let mut bytes = BytesMut::new();
        for frame in &frames {
            encode_frame(frame, &mut bytes);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let received = runtime.block_on(async {
            let (ours, mut theirs) = tokio::io::duplex(7);
            let mut link = stream::over(ours);
            let feed = async {
                let mut rest = &bytes[..];
                for cut in cuts.iter().cycle() {
                    let now = rest.len().min(*cut);
                    tokio::io::AsyncWriteExt::write_all(&mut theirs, &rest[..now]).await.unwrap();
                    rest = &rest[now..];
                    if rest.is_empty() {
                        break;
                    }
                }
                drop(theirs);
            };
            let read = async {
                let mut all = Vec::new();
                while let Some(frame) = link.receiver.receive().await.unwrap() {
                    all.push(frame);
                }
                all
            };
            tokio::join!(feed, read).1
        });
        prop_assert_eq!(received, frames);
    }
}

/// The wire form may only change together with the protocol's version.
#[test]
fn the_wire_form_is_stable() {
    let step = Step { scope: Scope([0xab; 16]), index: 2 };
    let part = Part { step, depth: 3, total: 2, offset: 0, payload: Bytes::from_static(b"hi") };
    let piece = Part { step, depth: 3, total: 9, offset: 4, payload: Bytes::from_static(b"hi") };
    let hello = Hello {
        versions: (1, 1),
        session: [1; 16],
        from: PlayerId(2),
        to: PlayerId(3),
        agreement: [4; 32],
        plan: [5; 32],
        received: 6,
    };
    let scope = "ab".repeat(16);
    for (frame, expected) in [
        (
            Frame::Hello(hello),
            format!(
                "01707269766974790000010001{}00020003{}{}0000000000000006",
                "01".repeat(16),
                "04".repeat(32),
                "05".repeat(32)
            ),
        ),
        (
            Frame::Data { number: 1, parts: vec![part] },
            format!("02000000000000000100000001{scope}000000020000000300000000026869"),
        ),
        (
            Frame::Data { number: 1, parts: vec![piece] },
            format!("02000000000000000100000001{scope}000000020000000301{:016x}{:016x}000000026869", 9, 4),
        ),
        (Frame::Heartbeat { received: 7, taken: 258 }, "0300000000000000070000000000000102".into()),
        (Frame::Abort(Abort::new("a.b", Some(PlayerId(1)))), "0403612e62010001".into()),
        (Frame::Abort(Abort::new("a.b", None)), "0403612e6200".into()),
        (Frame::Goodbye { number: 8 }, "050000000000000008".into()),
    ] {
        let hex: String = encoded(&frame).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected, "{frame:?}");
    }
}

#[test]
fn each_bad_field_is_named() {
    let data = |parts: &[u8]| [&[2][..], &[0; 8], parts].concat();
    let part = |form: &[u8], length: u32, payload: &[u8]| {
        data(&[&[0, 0, 0, 1][..], &[0; 24], form, &length.to_be_bytes(), payload].concat())
    };
    let piece = |total: u64, offset: u64| [&[1][..], &total.to_be_bytes(), &offset.to_be_bytes()].concat();
    let hello = |versions: [u8; 4]| [&[1][..], b"privity\0", &versions, &[0; 92]].concat();
    for (bytes, error) in [
        (vec![], FrameError::Short),
        (vec![0], FrameError::Kind(0)),
        (vec![6], FrameError::Kind(6)),
        (vec![3; 5], FrameError::Short),
        (b"\x01GET / HTTP/1.1".to_vec(), FrameError::Magic),
        (hello([0, 2, 0, 3]), FrameError::Version(2, 3)),
        (hello([0, 3, 0, 2]), FrameError::Field("version range")),
        (data(&[0; 4]), FrameError::Field("count of parts")),
        (data(&[0xff; 4]), FrameError::Field("count of parts")),
        (part(&[2], 0, &[]), FrameError::Field("form of part")),
        (part(&[0], u32::MAX, &[]), FrameError::Short),
        (part(&piece(2, 0), 2, b"hi"), FrameError::Field("extent of part")),
        (part(&piece(2, 1), 2, b"hi"), FrameError::Field("extent of part")),
        (part(&piece(9, u64::MAX), 2, b"hi"), FrameError::Field("extent of part")),
        (part(&piece(9, 4), 0, b""), FrameError::Field("extent of part")),
        (vec![4, 0, 0], FrameError::Field("length of code")),
        (vec![4, 65, 0], FrameError::Field("length of code")),
        (vec![4, 1, b'\n', 0], FrameError::Field("code")),
        (vec![4, 1, 0xff, 0], FrameError::Field("code")),
        (vec![4, 1, b'a', 2], FrameError::Field("culprit")),
        (vec![0; MAX_FRAME + 1], FrameError::TooLarge(MAX_FRAME + 1)),
    ] {
        assert_eq!(decode_frame(&bytes), Err(error), "{:?}", &bytes[..bytes.len().min(60)]);
    }
}

#[test]
fn debug_shows_no_payload() {
    let secret = Bytes::from_static(b"secret");
    let part = Part { step: Scope([0; 16]).step(0), depth: 1, total: 6, offset: 0, payload: secret.clone() };
    let shown =
        format!("{:?} {:?}", Frame::Data { number: 0, parts: vec![part] }, net::Message { depth: 1, payload: secret });
    assert!(!shown.contains("secret") && !shown.contains("115"), "{shown}");
}

#[test]
fn an_abort_carries_no_more_than_a_code() {
    assert_eq!(Abort::new("value 3.14\nof\u{e9} alice", None).code, "value3.14ofalice");
    assert_eq!(Abort::new("", None).code, "unknown");
    assert_eq!(Abort::new(&"x".repeat(100), None).code.len(), 64);
}
