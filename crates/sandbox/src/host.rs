//! The host's side of [`abi`](crate::abi): what imports do, and the limits on what a module takes.

use std::collections::BTreeMap;

use wasmtime::{Caller, Error, Extern, Linker, ResourceLimiter, Result};

use crate::abi;
use crate::job::Limits;

/// Why the host stopped a module.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    #[error("out of {unit}")]
    Memory { most: usize, unit: &'static str },
    #[error("too much output")]
    Output,
    #[error("out of fuel")]
    Fuel,
    #[error("interrupted")]
    Interrupted,
    #[error("{import}: {what}")]
    Misuse { import: &'static str, what: &'static str },
}

/// What one run has.
pub(crate) struct State {
    pub(crate) inputs: BTreeMap<String, Vec<u8>>,
    pub(crate) arguments: BTreeMap<String, Vec<u8>>,
    pub(crate) outputs: BTreeMap<String, Vec<u8>>,
    pub(crate) limits: Limits,
    /// Bytes of all memories and elements of all tables, so far.
    taken: (usize, usize),
    written: usize,
}

impl State {
    pub(crate) fn new(
        inputs: BTreeMap<String, Vec<u8>>,
        arguments: BTreeMap<String, Vec<u8>>,
        outputs: BTreeMap<String, Vec<u8>>,
        limits: Limits,
    ) -> State {
        State { inputs, arguments, outputs, limits, taken: (0, 0), written: 0 }
    }

    fn of(&self, kind: Kind) -> &BTreeMap<String, Vec<u8>> {
        match kind {
            Kind::Input => &self.inputs,
            Kind::Argument => &self.arguments,
        }
    }
}

/// Adds what is asked for to what was taken, up to a limit.
fn grow(taken: &mut usize, current: usize, desired: usize, most: usize, unit: &'static str) -> Result<bool> {
    *taken = taken.saturating_add(desired.saturating_sub(current));
    if *taken > most { Err(Error::new(Stop::Memory { most, unit })) } else { Ok(true) }
}

impl ResourceLimiter for State {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        grow(&mut self.taken.0, current, desired, self.limits.memory, "bytes of memory")
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        grow(&mut self.taken.1, current, desired, self.limits.elements, "elements of tables")
    }

    fn instances(&self) -> usize {
        1
    }

    fn memories(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        16
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Input,
    Argument,
}

/// A call of an import: the module's memory, fuel and state, with the import's name for errors.
struct Call<'a, 'b> {
    caller: &'a mut Caller<'b, State>,
    import: &'static str,
}

impl Call<'_, '_> {
    fn wrong(&self, what: &'static str) -> Error {
        Error::new(Stop::Misuse { import: self.import, what })
    }

    /// Takes the fuel that copying so many bytes costs.
    fn pay(&mut self, bytes: usize) -> Result<()> {
        let left = self.caller.get_fuel()?.checked_sub(abi::CALL + bytes as u64);
        self.caller.set_fuel(left.ok_or_else(|| Error::new(Stop::Fuel))?)
    }

    /// The module's memory, as one slice beside the state.
    fn memory(&mut self) -> Result<(&mut [u8], &mut State)> {
        match self.caller.get_export(abi::MEMORY) {
            Some(Extern::Memory(memory)) => Ok(memory.data_and_store_mut(&mut *self.caller)),
            _ => Err(self.wrong("the module has no memory")),
        }
    }

    /// The name at a place of its memory.
    fn name(&mut self, at: u32, length: u32) -> Result<String> {
        let (memory, _) = self.memory()?;
        let bytes = part(memory, at, length as usize).map(|bytes| bytes.to_vec());
        let name = bytes.filter(|bytes| bytes.len() <= 256).and_then(|bytes| String::from_utf8(bytes).ok());
        name.ok_or_else(|| self.wrong("that is no name"))
    }

    fn size(&mut self, kind: Kind, name: (u32, u32)) -> Result<i64> {
        self.pay(name.1 as usize)?;
        let name = self.name(name.0, name.1)?;
        Ok(self.caller.data().of(kind).get(&name).map_or(-1, |bytes| bytes.len() as i64))
    }

    fn read(&mut self, kind: Kind, name: (u32, u32), from: u64, to: u32, length: u32) -> Result<()> {
        self.pay(name.1 as usize + length as usize)?;
        let (name, wrong) = (self.name(name.0, name.1)?, self.wrong("no such part"));
        let outside = self.wrong("an address outside of its memory");
        let (memory, state) = self.memory()?;
        let source = state.of(kind).get(&name).zip(usize::try_from(from).ok());
        let source = source.and_then(|(bytes, from)| bytes.get(from..from.checked_add(length as usize)?));
        let source = source.ok_or(wrong)?;
        part(memory, to, source.len()).ok_or(outside)?.copy_from_slice(source);
        Ok(())
    }

    fn write(&mut self, name: (u32, u32), from: u32, length: u32) -> Result<()> {
        self.pay(name.1 as usize + length as usize)?;
        let name = self.name(name.0, name.1)?;
        let outside = self.wrong("an address outside of its memory");
        let (memory, state) = self.memory()?;
        let source = part(memory, from, length as usize).ok_or(outside)?;
        state.written = state.written.saturating_add(source.len());
        if state.written > state.limits.output {
            return Err(Error::new(Stop::Output));
        }
        if let Some(output) = state.outputs.get_mut(&name) {
            output.extend_from_slice(source);
        }
        Ok(())
    }
}

/// A part of a module's memory.
fn part(memory: &mut [u8], at: u32, length: usize) -> Option<&mut [u8]> {
    let at = at as usize;
    memory.get_mut(at..at.checked_add(length)?)
}

/// All imports there are.
pub(crate) fn imports(linker: &mut Linker<State>) -> Result<()> {
    for (kind, size, read) in
        [(Kind::Input, "input_size", "input_read"), (Kind::Argument, "argument_size", "argument_read")]
    {
        linker.func_wrap(abi::IMPORTS, size, move |mut caller: Caller<'_, State>, at: u32, length: u32| {
            Call { caller: &mut caller, import: size }.size(kind, (at, length))
        })?;
        linker.func_wrap(
            abi::IMPORTS,
            read,
            move |mut caller: Caller<'_, State>, at: u32, length: u32, from: u64, to: u32, count: u32| {
                Call { caller: &mut caller, import: read }.read(kind, (at, length), from, to, count)
            },
        )?;
    }
    linker.func_wrap(
        abi::IMPORTS,
        "output_write",
        |mut caller: Caller<'_, State>, at: u32, length: u32, from: u32, count: u32| {
            Call { caller: &mut caller, import: "output_write" }.write((at, length), from, count)
        },
    )?;
    Ok(())
}
