//! Compiles the messages of the control plane, and those for collectors of traces, without needing `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    const FILES: [&str; 2] = ["worker.proto", "otlp.proto"];
    FILES.iter().for_each(|file| println!("cargo:rerun-if-changed=proto/{file}"));
    let descriptors = protox::compile(FILES, ["proto"])?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
