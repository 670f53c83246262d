//! The programs under `examples/` check, and can be agreed on.

use std::collections::BTreeMap;
use std::path::Path;

use agreement::{Agreement, Ratified};

fn checked(path: &str) -> check::Checked {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(path);
    let source = std::fs::read_to_string(&path).unwrap();
    let shown = |errors: Vec<ir::Diagnostic>| -> String {
        errors.iter().map(|e| e.render(&path.display().to_string(), Some(&source))).collect()
    };
    let computation = ir::text::parse(&source).map_err(shown).unwrap_or_else(|e| panic!("{e}"));
    check::check(computation).map_err(shown).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn every_example_can_be_agreed_on() {
    for (path, rows) in [("diabetes/diabetes.pv", 442), ("breast_cancer/breast_cancer.pv", 569)] {
        let dims = BTreeMap::from([("n".to_owned(), rows)]);
        let agreement = Agreement::in_process(checked(path), dims).unwrap_or_else(|e| panic!("{path}: {e}"));
        println!("{}\n{}", agreement.text(), agreement.checked().disclosure());
        let again = Agreement::from_text(agreement.text()).unwrap();
        assert_eq!((&again, again.digest()), (&agreement, agreement.digest()));
        Ratified::local(again).unwrap();
    }
}
