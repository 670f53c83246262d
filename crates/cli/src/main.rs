//! The `privity` command.

fn main() -> std::process::ExitCode {
    cli::main(std::env::args_os()).into()
}
