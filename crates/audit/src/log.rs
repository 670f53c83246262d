//! Writing a log.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use net::KeyPair;

use crate::entry::{self, Head};
use crate::verify::{LONGEST, Walk};
use crate::{AuditError, Event};

/// An open log. Threads may append at once; what they wrote meanwhile becomes durable together.
pub struct Log {
    path: PathBuf,
    key: KeyPair,
    file: File,
    end: Mutex<End>,
    /// The number of entries that are on the disk. Held while waiting for the disk.
    durable: Mutex<u64>,
}

/// Where the log ends.
struct End {
    head: Head,
    /// A write failed, so that the file may end in the middle of a line.
    stopped: bool,
}

impl Log {
    /// Opens a log, or begins one. The whole log is verified. A line that a crash tore is cut off, and an entry says so.
    ///
    /// `now` is the time of such entries, in milliseconds since 1970 (UTC).
    ///
    /// # Errors
    /// The first entry that does not hold, in which case nothing is written; a log of another worker; a log that is
    /// open elsewhere.
    pub fn open(path: &Path, key: &KeyPair, now: u64) -> Result<Log, AuditError> {
        let failed = AuditError::system(path);
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).mode(0o600).open(path).map_err(&failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(AuditError::InUse { file: path.to_owned() }),
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
        let public = key.public();
        let mut walk = Walk::new(path, Some(&public))?;
        let mut last = None;
        while let Some(entry) = walk.next()? {
            last = Some(entry.head());
        }
        if walk.torn > 0 {
            file.set_len(walk.whole).map_err(&failed)?;
        }
        let begun = last.is_some();
        let nothing = Head { seq: 0, hash: [0; 32], signature: [0; 64] };
        let end = Mutex::new(End { head: last.unwrap_or(nothing), stopped: false });
        let log = Log { path: path.to_owned(), key: key.clone(), file, end, durable: Mutex::new(0) };
        if !begun {
            log.begin(now)?;
        }
        if walk.torn > 0 {
            log.append(now, Event::Mended { bytes: walk.torn })?;
        }
        Ok(log)
    }

    /// Writes the first entry.
    fn begin(&self, now: u64) -> Result<(), AuditError> {
        let public = self.key.public();
        let worker = public.identity().to_string();
        let event = Event::Opened { form: 1, worker, key: hex::encode(public.to_bytes()) };
        let (line, head) = entry::write(0, now, &event, &[0; 32], &self.key);
        self.write(&mut self.lock_end(), &line, head)?;
        self.sync(0)?;
        let folder = self.path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|f| f.sync_all()).map_err(AuditError::system(&self.path))
    }

    /// Appends an entry, and returns when it is on the disk.
    ///
    /// # Errors
    /// If the disk refuses: then nothing more is written until the log is opened again.
    pub fn append(&self, time: u64, event: Event) -> Result<Head, AuditError> {
        self.append_all(time, &[event])
    }

    /// Appends entries, and returns the last one's head when all are on the disk: one wait for all. Without events, gives
    /// the head that is there.
    pub fn append_all(&self, time: u64, events: &[Event]) -> Result<Head, AuditError> {
        let head = self.chain(time, events)?;
        self.sync(head.seq)?;
        Ok(head)
    }

    /// Appends an entry without waiting for the disk. It outlives the process at once, and a loss of power as soon as a
    /// later entry that is waited for does: for what nothing follows from, and strangers can cause.
    pub fn append_unsynced(&self, time: u64, event: Event) -> Result<Head, AuditError> {
        self.chain(time, &[event])
    }

    /// Writes entries behind the last one.
    fn chain(&self, time: u64, events: &[Event]) -> Result<Head, AuditError> {
        let mut end = self.lock_end();
        let (mut lines, mut head) = (String::new(), end.head.clone());
        for event in events {
            let (line, next) = entry::write(head.seq + 1, time, event, &head.hash, &self.key);
            if line.len() as u64 >= LONGEST {
                return Err(AuditError::TooLong { bytes: line.len() });
            }
            lines.push_str(&line);
            head = next;
        }
        self.write(&mut end, &lines, head.clone())?;
        Ok(head)
    }

    /// The head of the last entry.
    pub fn head(&self) -> Head {
        self.lock_end().head.clone()
    }

    fn write(&self, end: &mut End, lines: &str, head: Head) -> Result<(), AuditError> {
        if end.stopped {
            return Err(AuditError::Stopped { file: self.path.clone() });
        }
        let written = (&self.file).write_all(lines.as_bytes());
        end.stopped = written.is_err();
        end.head = head;
        written.map_err(AuditError::system(&self.path))
    }

    /// Waits until an entry is on the disk. Whoever waits first waits for all that was written by then.
    fn sync(&self, seq: u64) -> Result<(), AuditError> {
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        if *durable > seq {
            return Ok(());
        }
        let written = self.lock_end().head.seq;
        if let Err(e) = self.file.sync_data() {
            // What the disk has is not known any more, and a second attempt may wrongly succeed.
            self.lock_end().stopped = true;
            return Err(AuditError::system(&self.path)(e));
        }
        *durable = written + 1;
        Ok(())
    }

    fn lock_end(&self) -> MutexGuard<'_, End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
