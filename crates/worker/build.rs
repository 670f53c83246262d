//! Compiles the messages of the control plane, and those for collectors of traces, without needing `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    const FILES: [&str; 2] = ["worker.proto", "otlp.proto"];
    FILES.iter().for_each(|file| println!("cargo:rerun-if-changed=proto/{file}"));
    let descriptors = protox::compile(FILES, ["proto"])?;
    // What holds secrets says itself what it shows.
    let secret = [".privity.v1.Tensor", ".privity.v1.ReceiptsReply"];
    tonic_prost_build::configure().skip_debug(secret).compile_fds(descriptors)?;
    Ok(())
}
