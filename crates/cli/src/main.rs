//! The `privity` command.

fn main() -> std::process::ExitCode {
    privity::algebra::few_heaps();
    cli::main(std::env::args_os()).into()
}
