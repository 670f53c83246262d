//! The sandbox's imports, and the job that stands on them.

use crate::job::{GiveUp, Job};
use crate::table::Table;

#[link(wasm_import_module = "privity")]
unsafe extern "C" {
    fn input_size(name: *const u8, name_len: usize) -> i64;
    fn input_read(name: *const u8, name_len: usize, from: i64, to: *mut u8, len: usize);
    fn argument_size(name: *const u8, name_len: usize) -> i64;
    fn argument_read(name: *const u8, name_len: usize, from: i64, to: *mut u8, len: usize);
    fn output_write(name: *const u8, name_len: usize, from: *const u8, len: usize);
}

/// The job that the sandbox runs this module on.
pub struct Sandboxed;

type Size = unsafe extern "C" fn(*const u8, usize) -> i64;
type Read = unsafe extern "C" fn(*const u8, usize, i64, *mut u8, usize);

/// All bytes of an input or argument, if there is one of this name.
fn bytes(name: &str, size: Size, read: Read) -> Option<Vec<u8>> {
    // SAFETY: the host reads the name within its length.
    let length = unsafe { size(name.as_ptr(), name.len()) };
    let mut bytes = vec![0; usize::try_from(length).ok()?];
    // SAFETY: the host writes as many bytes as the vector has.
    unsafe { read(name.as_ptr(), name.len(), 0, bytes.as_mut_ptr(), bytes.len()) };
    Some(bytes)
}

impl Job for Sandboxed {
    fn table(&self, name: &str) -> Result<Table, GiveUp> {
        let bytes = bytes(name, input_size, input_read);
        Table::decode(bytes.ok_or_else(|| GiveUp::new(format!("there is no input `{name}`")))?)
    }

    fn argument(&self, name: &str) -> Option<String> {
        String::from_utf8(bytes(name, argument_size, argument_read)?).ok()
    }

    fn write(&mut self, name: &str, table: &Table) -> Result<(), GiveUp> {
        let bytes = table.encode()?;
        // SAFETY: the host reads the name and the bytes within their lengths.
        unsafe { output_write(name.as_ptr(), name.len(), bytes.as_ptr(), bytes.len()) };
        Ok(())
    }
}
