//! WebAssembly modules in a folder.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ir::{Computation, ModuleUse, PlayerId};
use sandbox::{Module, ModuleDigest, Sandbox, SandboxError};
use session::{ModuleError, Modules};

/// A folder with modules, each a file `NAME.wasm` of the name that programs call it by; or none. What was compiled once is
/// kept. Clones share it.
#[derive(Clone, Default)]
pub struct ModuleFolder {
    folder: Option<PathBuf>,
    ready: Arc<Mutex<Ready>>,
}

/// The engine, made when it is first needed, and what it has compiled.
#[derive(Default)]
struct Ready {
    sandbox: Option<Sandbox>,
    modules: BTreeMap<ModuleDigest, Module>,
}

impl ModuleFolder {
    /// The modules in a folder, none of which is read yet.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> ModuleFolder {
        ModuleFolder { folder: Some(folder.into()), ready: Arc::default() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// The modules of a computation that a player runs, or all players if none is named, compiled. Only bytes of the digest
    /// that the computation names are taken. Compiling takes about a second per megabyte, on this thread.
    ///
    /// # Errors
    /// The first module that is not there, has another digest, or asks for what the sandbox does not give.
    pub fn modules(&self, c: &Computation, player: Option<PlayerId>) -> Result<Modules, ModuleError> {
        let mut found = Vec::new();
        for (instr, module) in c.modules() {
            let machine = c.placement(instr.placement).players[0];
            if player.is_none_or(|player| player == machine) {
                found.push(self.load(&module, &c.player(machine).name)?);
            }
        }
        Ok(Modules::new(found))
    }

    fn load(&self, module: &ModuleUse, player: &str) -> Result<Module, ModuleError> {
        let missing = || ModuleError::missing(module, player);
        let refused = |error: SandboxError| ModuleError::refused(module, player, &error);
        let digest: ModuleDigest = module.digest.parse().map_err(|_| missing())?;
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(compiled) = ready.modules.get(&digest) {
            return Ok(compiled.clone());
        }
        let folder = self.folder.as_deref().ok_or_else(missing)?;
        let bytes = read(&folder.join(format!("{}.wasm", module.name))).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => missing(),
            _ => ModuleError::unreadable(module, player, &error),
        })?;
        let sandbox = match &ready.sandbox {
            Some(sandbox) => sandbox.clone(),
            None => ready.sandbox.insert(Sandbox::new().map_err(refused)?).clone(),
        };
        let compiled = sandbox.load(&bytes, &digest).map_err(refused)?;
        ready.modules.insert(digest, compiled.clone());
        Ok(compiled)
    }
}

/// No more of a file than shows that it is too long for a module.
fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(file)?.take(Sandbox::LARGEST_MODULE as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
