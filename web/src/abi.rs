//! Bytes in, bytes out: what the page's script calls.
//!
//! ```text
//! reserve(n)      room for a request of n bytes: the script writes it there
//! call(f)         answers it with function f: 0 if it could, 1 if the answer is an error (JSON: code, message, help)
//! answer(), length()   where the answer is
//! ```
//!
//! A request is the function's arguments, each with its length before it (32 bits, little-endian). It is wiped when it
//! was answered. An answer stays until the next call.
#![expect(unsafe_code, reason = "what a script calls needs names that the linker keeps")]

use std::sync::{Mutex, MutexGuard, PoisonError};

use zeroize::{Zeroize, Zeroizing};

use crate::calls;

static REQUEST: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static ANSWER: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn lock(bytes: &Mutex<Vec<u8>>) -> MutexGuard<'_, Vec<u8>> {
    bytes.lock().unwrap_or_else(PoisonError::into_inner)
}

#[unsafe(no_mangle)]
extern "C" fn reserve(length: u32) -> *mut u8 {
    let mut request = lock(&REQUEST);
    request.zeroize();
    *request = vec![0; length as usize];
    request.as_mut_ptr()
}

#[unsafe(no_mangle)]
extern "C" fn call(function: u32) -> u32 {
    let request = Zeroizing::new(std::mem::take(&mut *lock(&REQUEST)));
    let (answer, failed) = match arguments(&request).and_then(|arguments| calls::run(function, &arguments)) {
        Ok(answer) => (answer, 0),
        Err(error) => (error.json().into_bytes(), 1),
    };
    let mut kept = lock(&ANSWER);
    kept.zeroize();
    *kept = answer;
    failed
}

#[unsafe(no_mangle)]
extern "C" fn answer() -> *const u8 {
    lock(&ANSWER).as_ptr()
}

#[unsafe(no_mangle)]
extern "C" fn length() -> u32 {
    lock(&ANSWER).len() as u32
}

fn arguments(mut request: &[u8]) -> Result<Vec<&[u8]>, calls::Error> {
    let mut found = Vec::new();
    while !request.is_empty() {
        let (length, rest) = request.split_first_chunk::<4>().ok_or(calls::Error::misuse())?;
        let length = u32::from_le_bytes(*length) as usize;
        let (argument, rest) = rest.split_at_checked(length).ok_or(calls::Error::misuse())?;
        found.push(argument);
        request = rest;
    }
    Ok(found)
}
