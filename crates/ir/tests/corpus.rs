//! The fuzzer's stored inputs, replayed without a fuzzer.

use std::fs;
use std::path::Path;

#[test]
fn the_stored_inputs_are_read_or_refused() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/text");
    let mut replayed = 0;
    for entry in fs::read_dir(corpus).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        let Ok(source) = std::str::from_utf8(&bytes) else { continue };
        match ir::text::parse(source) {
            Ok(computation) => {
                let text = computation.to_string();
                assert!(ir::text::parse(&text).unwrap() == computation, "{text}");
            }
            Err(errors) => assert!(errors.iter().all(|e| e.render("it", Some(source)).starts_with("error["))),
        }
        replayed += 1;
    }
    assert!(replayed > 10);
}
