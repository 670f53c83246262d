//! A file system in user space that serves the interfaces of Gramine and of Linux: what is written to one file decides
//! what another one reads as. The attester cannot tell it from the real ones.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, UNIX_EPOCH};

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite, Request,
    WriteFlags,
};

/// What a file reads as, given its name, what was last written, and how often something was. `None`: it is not there.
pub(crate) type Answers = fn(&str, &[u8], u64) -> Option<Vec<u8>>;

/// An interface: its files, the one that takes the report data, and what they read as.
pub(crate) struct Interface {
    pub(crate) files: &'static [&'static str],
    pub(crate) input: &'static str,
    pub(crate) answers: Answers,
    /// Whether folders are made in it, each with these files (Linux), or it has them itself (Gramine).
    pub(crate) folders: bool,
}

/// Serves it at a folder until this is dropped. `None`, said aloud, where this user may not mount.
pub(crate) fn serve(interface: Interface, at: &Path) -> Option<BackgroundSession> {
    std::fs::create_dir_all(at).unwrap();
    match fuser::spawn_mount(Served { interface, folders: Mutex::default() }, at, &Config::default()) {
        Ok(session) => Some(session),
        Err(error) => {
            eprintln!("NOT TESTED: a file system in user space cannot be mounted here: {error}");
            None
        }
    }
}

#[derive(Default)]
struct Folder {
    name: String,
    written: Vec<u8>,
    writes: u64,
}

struct Served {
    interface: Interface,
    /// Made ones, by number; Gramine's one folder is number 0.
    folders: Mutex<BTreeMap<u64, Folder>>,
}

/// Inodes: the root is 1, folder `n` is `100 (n + 1)`, and its files follow it.
const STEP: u64 = 100;
const KEPT: Duration = Duration::ZERO;

impl Served {
    fn attributes(&self, inode: u64) -> FileAttr {
        let folder = inode == 1 || inode.is_multiple_of(STEP);
        FileAttr {
            ino: INodeNo(inode),
            size: 0,
            blocks: 0,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: if folder { FileType::Directory } else { FileType::RegularFile },
            perm: if folder { 0o755 } else { 0o644 },
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            flags: 0,
            blksize: 4096,
        }
    }

    fn file(&self, inode: u64) -> Option<(u64, &'static str)> {
        let index = usize::try_from(inode % STEP).ok()?.checked_sub(1)?;
        Some((inode / STEP, self.interface.files.get(index)?))
    }

    fn find(&self, parent: u64, name: &str) -> Option<u64> {
        if parent == 1 && self.interface.folders {
            let folders = self.folders.lock().unwrap();
            return folders.iter().find(|(_, folder)| folder.name == name).map(|(number, _)| STEP * number);
        }
        let base = if parent == 1 { STEP } else { parent };
        let index = self.interface.files.iter().position(|file| *file == name)? as u64;
        let answer = (self.interface.answers)(name, &[], 0);
        // What takes input answers nothing, and is there all the same.
        (answer.is_some() || name == self.interface.input).then_some(base + 1 + index)
    }
}

impl Filesystem for Served {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.find(parent.into(), &name.to_string_lossy()) {
            Some(inode) => reply.entry(&KEPT, &self.attributes(inode), Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&KEPT, &self.attributes(ino.into()));
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, _: u32, _: u32, reply: ReplyEntry) {
        if u64::from(parent) != 1 || !self.interface.folders {
            return reply.error(Errno::EPERM);
        }
        let mut folders = self.folders.lock().unwrap();
        let number = folders.keys().last().copied().unwrap_or(0) + 1;
        folders.insert(number, Folder { name: name.to_string_lossy().into_owned(), ..Folder::default() });
        drop(folders);
        reply.entry(&KEPT, &self.attributes(STEP * number), Generation(0));
    }

    fn rmdir(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.folders.lock().unwrap().retain(|_, folder| folder.name != name.to_string_lossy());
        reply.ok();
    }

    fn readdir(&self, _: &Request, _: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let folders = self.folders.lock().unwrap();
        for (at, (number, folder)) in folders.iter().enumerate().skip(offset as usize) {
            if reply.add(INodeNo(STEP * number), at as u64 + 1, FileType::Directory, &folder.name) {
                break;
            }
        }
        drop(folders);
        reply.ok();
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        // Sizes are not known before reading, as of a kernel's own files.
        reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let Some((number, name)) = self.file(ino.into()) else { return reply.error(Errno::EISDIR) };
        let mut folders = self.folders.lock().unwrap();
        let folder = folders.entry(number).or_default();
        let Some(content) = (self.interface.answers)(name, &folder.written, folder.writes) else {
            return reply.error(Errno::EINVAL);
        };
        let from = content.len().min(offset as usize);
        reply.data(&content[from..content.len().min(from + size as usize)]);
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        _: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.file(ino.into()) {
            Some((number, name)) if name == self.interface.input => {
                let mut folders = self.folders.lock().unwrap();
                let folder = folders.entry(number).or_default();
                folder.written = data.to_vec();
                folder.writes += 1;
                reply.written(data.len() as u32);
            }
            _ => reply.error(Errno::EACCES),
        }
    }
}
