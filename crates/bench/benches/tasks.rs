//! The tasks over links in memory: `cargo bench -p privity-bench [-- TASK..]`, as `privity bench` does.

fn main() {
    algebra::few_heaps();
    let args: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test` runs benches too, without this flag: there is nothing to test here.
    if !args.iter().any(|a| a == "--bench") {
        return;
    }
    let link = match std::env::var("LINK").as_deref() {
        Ok("tls") => bench::LinkKind::Tls,
        Ok("wan") => bench::LinkKind::Wan,
        _ => bench::LinkKind::Memory,
    };
    let named =
        |name: &str| args.is_empty() || args.iter().all(|a| a.starts_with('-')) || args.iter().any(|a| a == name);
    for task in bench::TASKS.iter().filter(|t| named(t.name)) {
        match bench::measure(task, link, 3) {
            Ok(measured) => {
                let (head, rows) = bench::table(&[measured]);
                let cells: Vec<String> = head.iter().zip(&rows[0]).map(|(h, c)| format!("{h}: {c}")).collect();
                println!("{}", cells.join("   "));
            }
            Err(e) => println!("{}: {e}", task.name),
        }
    }
}
