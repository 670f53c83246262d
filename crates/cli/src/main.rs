//! The `privity` command.

fn main() -> std::process::ExitCode {
    privity::algebra::one_heap();
    cli::main(std::env::args_os()).into()
}
