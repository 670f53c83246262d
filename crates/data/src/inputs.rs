//! The inputs of one player, loaded against the types that a computation declares.

use std::collections::BTreeMap;
use std::path::PathBuf;

use algebra::Tensor;
use ir::{Computation, DType, Dim, Instr, Scheme, Type, ValueId};

use crate::cell::Cell;
use crate::config::{Columns, Datasets, Source};
use crate::dims::DimBinding;
use crate::error::{DataError, Fault, Place, Position};
use crate::values::{Loaded, Values};
use crate::{csv_file, npy_file};

/// The inputs of a computation: player, name, type.
pub(crate) fn declared(computation: &Computation) -> impl Iterator<Item = (&str, &str, Type)> {
    computation.inputs().filter_map(|(instr, value)| {
        let player = computation.placement(instr.placement).players.first()?;
        let name = computation.player(*player).name.as_str();
        Some((name, instr.attrs.str("name")?, held_type(computation, instr, value)))
    })
}

/// The type of an input's data: as declared, and for a group with a row for each member before it.
pub fn held_type(computation: &Computation, input: &Instr, value: ValueId) -> Type {
    let mut ty = computation.graph.value(value).ty.clone();
    let place = computation.placement(input.placement);
    if place.scheme == Scheme::Each {
        // No dimension of a program has a name with spaces.
        ty.shape.insert(0, Dim::named(&format!("{MEMBERS}{}", place.name)));
    }
    ty
}

/// What the number of members of a group is called among the lengths.
const MEMBERS: &str = "members of ";

/// Whether a length is the number of members of a group, which is no dimension of the program.
pub(crate) fn is_membership(dim: &str) -> bool {
    dim.starts_with(MEMBERS)
}

/// Loads one dataset as values of a declared type. Named dimensions take the length that the file has;
/// constant ones must agree with it.
///
/// # Errors
/// What cannot be read, is not of the type, or has another shape.
pub fn load(source: &Source, ty: &Type) -> Result<Loaded, DataError> {
    let loaded = match source {
        Source::Csv { path, columns, key, delimiter } => {
            let read = CsvInput { path, columns, key: key.as_deref(), delimiter: *delimiter, ty };
            read.load().map_err(|e| e.in_file(path))?
        }
        Source::Npy { path, keys } => {
            let values = npy_file::read(path, ty.dtype)?;
            if values.shape().len() != ty.rank() {
                let found = format!("the array has the shape {:?}", values.shape());
                return Err(DataError::from(Fault::Rank { found, declared: ty.to_string() }).in_file(path));
            }
            let keys = keys.as_ref().map(|(file, key)| csv_file::read_keys(file, key)).transpose()?;
            Loaded { values, keys }
        }
    };
    check_constants(ty, loaded.values.shape()).map_err(|e| e.in_file(source.path()))?;
    Ok(loaded)
}

/// The place of an element of a dataset, by its number in row-major order.
pub(crate) fn locate(source: &Source, element: usize) -> Option<Place> {
    let (path, position) = match source {
        Source::Csv { path, columns, delimiter, .. } => (path, csv_file::locate(path, columns, *delimiter, element)?),
        Source::Npy { path, .. } => {
            let (shape, _) = npy_file::glance(path).ok()?;
            (path, Position::Element(npy_file::index_of(element, &shape, npyz::Order::C)))
        }
    };
    Some(Place { file: Some(path.clone()), position: Some(position), ..Place::default() })
}

pub(crate) fn check_constants(ty: &Type, shape: &[usize]) -> Result<(), DataError> {
    for (axis, (dim, found)) in ty.shape.iter().zip(shape).enumerate() {
        let found = *found as u64;
        if dim.as_constant().is_some_and(|n| n != found) {
            return Err(Fault::Length { axis, found, declared: ty.to_string() }.into());
        }
    }
    Ok(())
}

/// A CSV file that is read as one input.
struct CsvInput<'a> {
    path: &'a std::path::Path,
    columns: &'a Columns,
    key: Option<&'a str>,
    delimiter: u8,
    ty: &'a Type,
}

impl CsvInput<'_> {
    fn load(&self) -> Result<Loaded, DataError> {
        match self.ty.dtype {
            DType::Bool => self.read(Values::Bool),
            DType::I64 => self.read(Values::I64),
            DType::U64 => self.read(Values::U64),
            DType::F32 => self.read(Values::F32),
            DType::F64 | DType::Fixed { .. } => self.read(Values::F64),
            DType::Bytes => Err(Fault::Unsupported(self.ty.to_string()).into()),
        }
    }

    fn read<T: Cell>(&self, wrap: impl Fn(Tensor<T>) -> Values) -> Result<Loaded, DataError> {
        let table = csv_file::read::<T>(self.path, self.columns, self.key, self.delimiter, usize::MAX)?;
        let shape = self.shape(table.rows, table.columns)?;
        let tensor = Tensor::new(shape, table.elements).map_err(|e| Fault::Csv(e.to_string()))?;
        Ok(Loaded { values: wrap(tensor), keys: table.keys })
    }

    /// One column is a vector, or a matrix of one column; one cell may also be a scalar.
    fn shape(&self, rows: usize, columns: usize) -> Result<Vec<usize>, DataError> {
        match (self.columns, self.ty.rank()) {
            (Columns::One(_), 1) => Ok(vec![rows]),
            (_, 2) => Ok(vec![rows, columns]),
            (Columns::One(_), 0) if rows == 1 => Ok(Vec::new()),
            (which, _) => {
                let found = match which {
                    Columns::One(_) => format!("one column of {rows} rows"),
                    Columns::Many(_) => format!("{rows} rows of {columns} columns"),
                };
                Err(Fault::Rank { found, declared: self.ty.to_string() }.into())
            }
        }
    }
}

/// What one player brings to a computation.
#[derive(Debug)]
pub struct Inputs {
    /// The player.
    pub player: String,
    /// Its inputs by name.
    pub values: BTreeMap<String, Loaded>,
    /// Keys along the matched dimensions that this player has inputs along.
    pub keys: BTreeMap<String, Vec<String>>,
}

/// An input that is looked for.
pub struct Wanted<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its declared type.
    pub ty: &'a Type,
    /// The column that the computation matches its rows by, if it does.
    pub key: Option<&'a str>,
}

/// An input that was found.
pub struct Given {
    /// Its values and keys.
    pub loaded: Loaded,
    /// The column that its keys are from.
    pub key: Option<String>,
    /// The file that it is from, to be named in errors.
    pub file: Option<PathBuf>,
}

impl Given {
    /// An input from where a configuration says that it comes from.
    ///
    /// # Errors
    /// As [`load`], and [`Fault::NoSource`] for none.
    pub fn from_source(source: Option<&Source>, wanted: &Wanted<'_>) -> Result<Given, DataError> {
        let source = source.ok_or(Fault::NoSource)?;
        let loaded = load(source, wanted.ty)?;
        Ok(Given { loaded, key: source.key().map(str::to_owned), file: Some(source.path().to_owned()) })
    }

    fn fault(&self, fault: Fault) -> DataError {
        let error = DataError::from(fault);
        match &self.file {
            Some(file) => error.in_file(file),
            None => error,
        }
    }
}

impl Inputs {
    /// Loads all inputs of a player, and takes their lengths into `dims`.
    ///
    /// # Errors
    /// As [`load`]; an input without a source; lengths that differ from those in `dims`; and along a matched
    /// dimension a missing key column, or keys that differ between two inputs.
    pub fn load(
        datasets: &Datasets,
        computation: &Computation,
        player: &str,
        dims: &mut DimBinding,
    ) -> Result<Inputs, DataError> {
        let give = |wanted: &Wanted<'_>| {
            let given = Given::from_source(datasets.get(player, wanted.name), wanted);
            given.map(Some).map_err(|e| e.of_input(player, wanted.name))
        };
        Inputs::gather(computation, player, dims, give)
    }

    /// Gathers all inputs of a player from whoever gives them, but those that are given later (`None`).
    ///
    /// # Errors
    /// As [`load`](Self::load), and what `give` says.
    pub fn gather<E: From<DataError>>(
        computation: &Computation,
        player: &str,
        dims: &mut DimBinding,
        mut give: impl FnMut(&Wanted<'_>) -> Result<Option<Given>, E>,
    ) -> Result<Inputs, E> {
        let mut inputs = Inputs { player: player.to_owned(), values: BTreeMap::new(), keys: BTreeMap::new() };
        let mut first_with: BTreeMap<String, String> = BTreeMap::new();
        for (_, name, ty) in declared(computation).filter(|(p, _, _)| *p == player) {
            let ty = &ty;
            let key = computation.matched.iter().find(|m| axis_of(ty, &m.name).is_some()).map(|m| m.key.as_str());
            let Some(given) = give(&Wanted { name, ty, key })? else { continue };
            dims.bind(player, name, ty, given.loaded.values.shape())?;
            for matched in &computation.matched {
                let Some(axis) = axis_of(ty, &matched.name) else { continue };
                let wrong = |f: Fault| E::from(given.fault(f).of_input(player, name));
                let keys = match &given.loaded.keys {
                    Some(keys) if given.key.as_ref() == Some(&matched.key) => keys,
                    _ => return Err(wrong(Fault::NoKey { dim: matched.name.clone(), key: matched.key.clone() })),
                };
                let rows = given.loaded.values.shape()[axis];
                if keys.len() != rows {
                    return Err(wrong(Fault::KeyCount { keys: keys.len(), rows }));
                }
                let other = first_with.entry(matched.name.clone()).or_insert_with(|| name.to_owned());
                let known = inputs.keys.entry(matched.name.clone()).or_insert_with(|| keys.clone());
                if known != keys {
                    return Err(wrong(Fault::KeyOrder { dim: matched.name.clone(), other: other.clone() }));
                }
            }
            inputs.values.insert(name.to_owned(), given.loaded);
        }
        Ok(inputs)
    }
}

/// The axis of just this named length.
fn axis_of(ty: &Type, dim: &str) -> Option<usize> {
    ty.shape.iter().position(|d: &Dim| d.as_name() == Some(dim))
}
