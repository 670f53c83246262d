//! Programs from Debian's packages, unpacked beside what cargo builds: nothing is installed, no rights are needed.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::folder::target;

/// Packages that were fetched and unpacked. They stay there for later runs, until `cargo clean`.
///
/// ```no_run
/// let tpm = testkit::Debian::unpack(&["swtpm", "swtpm-libs", "libtpms0"])?;
/// let status = tpm.command("swtpm").arg("--version").status()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Debian {
    root: PathBuf,
}

impl Debian {
    /// Fetches packages of the release that this machine runs, with what they need and this machine lacks, and unpacks
    /// them. Concurrent tests wait for each other.
    ///
    /// # Errors
    /// If `apt-get` or `dpkg-deb` fails: this is no Debian, or its archive cannot be reached.
    pub fn unpack(packages: &[&str]) -> io::Result<Debian> {
        let root = target()?.join("debian");
        fs::create_dir_all(&root)?;
        let lock = File::create(root.join("lock"))?;
        lock.lock()?;
        for package in packages {
            let done = root.join(format!("{package}.unpacked"));
            if !done.exists() {
                fetch(&root, package)?;
                File::create(done)?;
            }
        }
        Ok(Debian { root })
    }

    /// A program of these packages, in `/usr/bin`, `/usr/sbin` or wherever it lies below the unpacked root.
    pub fn path(&self, below: &str) -> PathBuf {
        self.root.join(below.trim_start_matches('/'))
    }

    /// Runs a program of `/usr/bin` with the libraries of these packages.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.path("usr/bin").join(program));
        command.env("LD_LIBRARY_PATH", self.libraries());
        command
    }

    /// Where the unpacked libraries are, as `LD_LIBRARY_PATH` wants it.
    pub(crate) fn libraries(&self) -> OsString {
        let lib = self.path("usr/lib");
        let mut folders = vec![lib.clone()];
        for entry in fs::read_dir(&lib).into_iter().flatten().flatten() {
            let folder = entry.path();
            // Such as `x86_64-linux-gnu`, and folders of one package in it.
            folders
                .extend(fs::read_dir(&folder).into_iter().flatten().flatten().map(|e| e.path()).filter(|p| p.is_dir()));
            folders.push(folder);
        }
        folders.retain(|folder| folder.is_dir());
        std::env::join_paths(folders).unwrap_or_default()
    }
}

fn fetch(root: &Path, package: &str) -> io::Result<()> {
    let folder = root.join(format!("{package}.fetched"));
    fs::create_dir_all(&folder)?;
    let apt = match download(&Apt::default(), package, &folder) {
        // A machine on which nobody has asked for Debian's lists yet: they are fetched to where we may write.
        Err(_) => Some(Apt::of_our_own(root)?),
        Ok(()) => None,
    };
    if let Some(apt) = apt {
        download(&apt, package, &folder)?;
    }
    for entry in fs::read_dir(&folder)? {
        run(Command::new("dpkg-deb").arg("--extract").arg(entry?.path()).arg(root))?;
    }
    fs::remove_dir_all(folder)
}

/// Downloads a package and what it needs that is not installed here.
fn download(apt: &Apt, package: &str, folder: &Path) -> io::Result<()> {
    let wanted =
        run(apt.get().args(["install", "--no-install-recommends", "--reinstall", "--yes", "--print-uris", package]))?;
    // `'https://…/name_version_arch.deb' name_version_arch.deb size digest`
    let name = |line: &str| line.split_whitespace().nth(1)?.split('_').next().map(str::to_owned);
    let mut names: Vec<String> = wanted.lines().filter(|l| l.starts_with('\'')).filter_map(name).collect();
    if !names.iter().any(|name| name == package) {
        names.push(package.to_owned());
    }
    run(apt.get().arg("download").args(names).current_dir(folder)).map(drop)
}

/// How `apt-get` is asked.
#[derive(Default)]
struct Apt {
    options: Vec<String>,
}

impl Apt {
    /// With lists in a folder of ours, fetched now.
    fn of_our_own(root: &Path) -> io::Result<Apt> {
        let (lists, cache) = (root.join("lists"), root.join("cache"));
        for folder in [lists.join("partial"), cache.join("archives/partial")] {
            fs::create_dir_all(folder)?;
        }
        let of = |what: &str, folder: &Path| format!("{what}={}", folder.display());
        let apt = Apt { options: vec![of("Dir::State::lists", &lists), of("Dir::Cache", &cache)] };
        run(apt.get().arg("update"))?;
        Ok(apt)
    }

    fn get(&self) -> Command {
        let mut command = Command::new("apt-get");
        command.args(["--quiet", "--quiet", "--option", "Debug::NoLocking=1", "--option", "APT::Sandbox::User=root"]);
        for option in &self.options {
            command.args(["--option", option]);
        }
        command
    }
}

/// What a command says.
fn run(command: &mut Command) -> io::Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{:?} failed: {}", command.get_program(), said.trim())))
}
