//! Arrays as `numpy.save` writes them: element types, orders, and damaged files.

use std::path::{Path, PathBuf};

use data::{Source, Values, load};
use ir::{DType, Dim, Type};
use proptest::prelude::*;

/// A version 1 file, written by hand: what numpy itself writes (magic, version, padded header, elements).
fn npy(descr: &str, fortran: bool, shape: &str, elements: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(elements);
    file
}

fn write(folder: &Path, bytes: &[u8]) -> PathBuf {
    let path = folder.join("x.npy");
    std::fs::write(&path, bytes).unwrap();
    path
}

fn read(bytes: &[u8], ty: &Type) -> Result<Values, (&'static str, String)> {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::Npy { path: write(folder.path(), bytes), keys: None };
    load(&source, ty).map(|l| l.values.clone()).map_err(|e| {
        assert!(!e.help().is_empty());
        (e.code(), e.to_string().replace(&format!("{}/", folder.path().display()), ""))
    })
}

fn named(dtype: DType, rank: usize) -> Type {
    Type::new(dtype, ["n", "m", "k"][..rank].iter().map(|d| Dim::named(d)).collect())
}

fn f64s(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

#[test]
fn both_orders_give_the_same_matrix() {
    let c = npy("<f8", false, "(2, 3)", &f64s(&[1., 2., 3., 4., 5., 6.]));
    let fortran = npy("<f8", true, "(2, 3)", &f64s(&[1., 4., 2., 5., 3., 6.]));
    for file in [c, fortran] {
        let values = read(&file, &named(DType::F64, 2)).unwrap();
        let Values::F64(t) = &values else { panic!("{values:?}") };
        assert_eq!((t.shape(), t.data()), (&[2, 3][..], &[1., 2., 3., 4., 5., 6.][..]));
    }
}

#[test]
fn big_endian_and_small_integers_are_read_exactly() {
    let big: Vec<u8> = [1.5f64, -2.0].iter().flat_map(|x| x.to_be_bytes()).collect();
    assert!(matches!(&read(&npy(">f8", false, "(2,)", &big), &named(DType::F64, 1)),
        Ok(Values::F64(t)) if t.data() == [1.5, -2.0]));
    assert!(matches!(&read(&npy("|i1", false, "(2,)", &[0xff, 5]), &named(DType::I64, 1)),
        Ok(Values::I64(t)) if t.data() == [-1, 5]));
    assert!(matches!(&read(&npy("|u1", false, "(2,)", &[0xff, 5]), &named(DType::F64, 1)),
        Ok(Values::F64(t)) if t.data() == [255.0, 5.0]));
    assert!(matches!(&read(&npy("|b1", false, "(2,)", &[1, 0]), &named(DType::Bool, 1)),
        Ok(Values::Bool(t)) if t.data() == [true, false]));
    assert!(matches!(&read(&npy("<f4", false, "()", &0.5f32.to_le_bytes()), &named(DType::F32, 0)),
        Ok(Values::F32(t)) if t.item() == Some(&0.5)));
}

#[test]
fn what_would_lose_something_is_refused() {
    let minus = (-1i64).to_le_bytes();
    let large = ((1u64 << 53) + 1).to_le_bytes();
    let nan = f64s(&[1.0, f64::NAN, 2.0, 3.0]);
    let cases = [
        (npy("<i8", false, "(1,)", &minus), DType::U64, "data.out-of-range"),
        (npy("<u8", false, "(1,)", &u64::MAX.to_le_bytes()), DType::I64, "data.out-of-range"),
        (npy("<u8", false, "(1,)", &large), DType::F64, "data.inexact"),
        (npy("<f8", false, "(1,)", &f64s(&[1.0])), DType::F32, "data.element-type"),
        (npy("<f8", false, "(1,)", &f64s(&[1.0])), DType::I64, "data.element-type"),
        (npy("<i8", false, "(1,)", &minus), DType::Bool, "data.element-type"),
        (npy("<c16", false, "(1,)", &[0; 16]), DType::F64, "data.element-type"),
        (npy("|S4", false, "(1,)", b"abcd"), DType::F64, "data.element-type"),
        (npy("|O", false, "(1,)", b"pickle"), DType::F64, "data.npy"),
        (npy("<f8", false, "(0,)", &[]), DType::F64, "data.no-rows"),
        (npy("<f8", false, "(4,)", &nan), DType::F64, "data.not-finite"),
    ];
    for (file, dtype, code) in cases {
        assert_eq!(read(&file, &named(dtype, 1)).unwrap_err().0, code);
    }
    let (_, message) = read(&npy("<f8", true, "(2, 2)", &nan), &named(DType::F64, 2)).unwrap_err();
    assert_eq!(message, "x.npy, element [1, 0]: the number is not finite as f64");
    let (code, message) = read(&npy("<f8", false, "(2,)", &f64s(&[1., 2.])), &named(DType::F64, 2)).unwrap_err();
    assert_eq!(
        (code, &*message),
        ("data.rank", "x.npy: the array has the shape [2], but the computation declares f64[n, m]")
    );
}

#[test]
fn damaged_files_are_refused_without_reserving_memory() {
    let huge = npy("<f8", false, "(1000000000, 1000000000, 1000000000)", &[]);
    let missing = npy("<f8", false, "(1000000000000,)", &f64s(&[1.0]));
    let cut = npy("<f8", false, "(2,)", &f64s(&[1.0]));
    let over = npy("<f8", false, "(1,)", &f64s(&[1.0, 2.0]));
    for file in [huge, missing, cut, over, b"PK\x03\x04".to_vec(), Vec::new()] {
        assert_eq!(read(&file, &named(DType::F64, 1)).unwrap_err().0, "data.npy");
    }
    let numbers = ["(99999999999999999999,)", "(0xffffffffffff,)", "(0, 4294967296, 4294967296)", "(-1,)", "(1.5,)"];
    for shape in numbers.map(str::to_owned).into_iter().chain(["(".repeat(3_000), "(".repeat(60_000)]) {
        assert_eq!(read(&npy("<f8", false, &shape, &[]), &named(DType::F64, 1)).unwrap_err().0, "data.npy", "{shape}");
    }
    let record = npy("<f8", false, "(1,)", &[0; 8]);
    let record = String::from_utf8_lossy(&record[10..]).replace("'<f8'", "[('a', '<f8')]");
    let file = [b"\x93NUMPY\x01\x00", &(record.len() as u16).to_le_bytes()[..], record.as_bytes()].concat();
    assert_eq!(read(&file, &named(DType::F64, 1)).unwrap_err().0, "data.npy");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_bytes_make_it_panic(
        flips in prop::collection::vec((0usize..200, any::<u8>()), 1..6),
        cut in 0usize..200,
    ) {
        let mut file = npy("<f8", true, "(2, 3)", &f64s(&[1., 2., 3., 4., 5., 6.]));
        for (at, byte) in flips {
            let at = at % file.len();
            file[at] = byte;
        }
        file.truncate(file.len() - cut % file.len());
        let _ = read(&file, &named(DType::F64, 2));
    }
}
