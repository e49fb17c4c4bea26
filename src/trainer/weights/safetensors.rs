//! The safetensors format (<https://github.com/huggingface/safetensors>): a little-endian u64 with the length of a JSON
//! header `{name: {dtype, shape, data_offsets}, "__metadata__": {..}}`, the header, then the tensors' little-endian,
//! row-major numbers, which fill the rest of the file without gap or overlap.
//!
//! The reader trusts nothing: it allocates no more than the header's own size, whatever lengths a file claims.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::order;

/// The longest header that is read, in bytes; PyTorch's largest models stay below.
pub const HEADER_LIMIT: usize = 1 << 20;

/// A tensor of a file, its numbers where they lie.
#[derive(Clone, Debug, PartialEq)]
pub struct View<'a> {
    /// `F32`, `F64`, `F16`, `BF16`, or another type that we do not read.
    pub dtype: String,
    /// Lengths of the axes; `[]` is a scalar.
    pub shape: Vec<usize>,
    /// Little-endian, row-major.
    pub bytes: &'a [u8],
}

/// A file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct File<'a> {
    /// Free text by key.
    pub metadata: BTreeMap<String, String>,
    /// The tensors by name.
    pub tensors: BTreeMap<String, View<'a>>,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

#[derive(Default)]
struct Header {
    metadata: BTreeMap<String, String>,
    entries: BTreeMap<String, Entry>,
}

const METADATA: &str = "__metadata__";

impl<'a> File<'a> {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it, in half a sentence: "it ends in the middle of its header".
    pub fn parse(bytes: &'a [u8]) -> Result<File<'a>, String> {
        let (length, rest) =
            bytes.split_first_chunk::<8>().ok_or("it is shorter than the eight bytes it starts with")?;
        let length = u64::from_le_bytes(*length);
        if length > HEADER_LIMIT as u64 {
            return Err(format!("its header would be {length} bytes long and {HEADER_LIMIT} is the limit"));
        }
        let (header, data) = rest.split_at_checked(length as usize).ok_or("it ends in the middle of its header")?;
        let header: Header =
            serde_json::from_slice(header).map_err(|error| format!("its header is no table of tensors: {error}"))?;
        let mut tensors = BTreeMap::new();
        for (name, entry) in &header.entries {
            let (start, end) = entry.data_offsets;
            let bytes =
                data.get(start..end).ok_or_else(|| format!("it ends in the middle of \u{201c}{name}\u{201d}"))?;
            check_size(name, entry)?;
            tensors.insert(name.clone(), View { dtype: entry.dtype.clone(), shape: entry.shape.clone(), bytes });
        }
        check_filled(&header, data.len())?;
        Ok(File { metadata: header.metadata, tensors })
    }
}

/// Bytes of one number; `None` for types that are not read.
fn width(dtype: &str) -> Option<usize> {
    match dtype {
        "F64" => Some(8),
        "F32" => Some(4),
        "F16" | "BF16" => Some(2),
        _ => None,
    }
}

/// The shape says how many bytes there have to be.
fn check_size(name: &str, entry: &Entry) -> Result<(), String> {
    let Some(width) = width(&entry.dtype) else { return Ok(()) };
    let bytes = entry.shape.iter().try_fold(width, |bytes, axis| bytes.checked_mul(*axis));
    if bytes == Some(entry.data_offsets.1 - entry.data_offsets.0) {
        return Ok(());
    }
    Err(format!("\u{201c}{name}\u{201d} does not have the bytes that its shape {:?} asks for", entry.shape))
}

/// The tensors lie one after the other from the first byte to the last.
fn check_filled(header: &Header, len: usize) -> Result<(), String> {
    let mut places: Vec<(usize, usize)> = header.entries.values().map(|entry| entry.data_offsets).collect();
    order::sort_by(&mut places, Ord::cmp);
    let end = places.iter().try_fold(0, |end, (start, next)| (*start == end).then_some(*next));
    match end {
        None => Err("its tensors overlap or leave a gap".to_owned()),
        Some(end) if end < len => Err(format!("{} bytes follow its last tensor", len - end)),
        Some(_) => Ok(()),
    }
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Header;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut header = Header::default();
                while let Some(name) = map.next_key::<String>()? {
                    if name == METADATA {
                        header.metadata = map.next_value()?;
                        continue;
                    }
                    let entry = map.next_value()?;
                    if header.entries.contains_key(&name) {
                        return Err(serde::de::Error::custom(format!("two tensors are called \u{201c}{name}\u{201d}")));
                    }
                    header.entries.insert(name, entry);
                }
                Ok(header)
            }
        }
        deserializer.deserialize_map(Names)
    }
}

impl Serialize for Header {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.metadata.is_empty() {
            map.serialize_entry(METADATA, &self.metadata)?;
        }
        self.entries.iter().try_for_each(|(name, entry)| map.serialize_entry(name, entry))?;
        map.end()
    }
}

/// Writes f32 tensors, in this order, as a file.
pub fn write(metadata: &BTreeMap<String, String>, tensors: &[(String, Vec<usize>, &[f32])]) -> Vec<u8> {
    let mut header = Header { metadata: metadata.clone(), entries: BTreeMap::new() };
    let mut end = 0;
    for (name, shape, numbers) in tensors {
        let data_offsets = (end, end + 4 * numbers.len());
        end = data_offsets.1;
        header.entries.insert(name.clone(), Entry { dtype: "F32".to_owned(), shape: shape.clone(), data_offsets });
    }
    let mut json = serde_json::to_vec(&header).expect("a table with text as keys is JSON");
    // Numbers start at a multiple of eight bytes, so that a reader may map them.
    json.resize(json.len().next_multiple_of(8), b' ');
    let mut bytes = Vec::with_capacity(8 + json.len() + end);
    bytes.extend((json.len() as u64).to_le_bytes());
    bytes.extend(json);
    for (_, _, numbers) in tensors {
        bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    }
    bytes
}

impl View<'_> {
    /// The numbers rounded to f32; `None` for types that are not read.
    pub fn numbers(&self) -> Option<Vec<f32>> {
        let two = || self.bytes.as_chunks::<2>().0.iter().map(|bytes| u16::from_le_bytes(*bytes));
        match self.dtype.as_str() {
            "F32" => Some(self.bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()),
            "F64" => {
                Some(self.bytes.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32).collect())
            }
            "BF16" => Some(two().map(|bits| f32::from_bits(u32::from(bits) << 16)).collect()),
            "F16" => Some(two().map(half).collect()),
            _ => None,
        }
    }
}

/// An IEEE 754 binary16 number.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    sign * match exponent {
        0 => fraction / 16_777_216.0,
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => f32::from_bits(((exponent + 112) as u32) << 23) * (1.0 + fraction / 1024.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
    }

    #[test]
    fn half_precision_numbers_are_read() {
        let known =
            [(0x3c00, 1.0), (0xc000, -2.0), (0x7bff, 65504.0), (0x0400, 6.103_515_6e-5), (0x0001, 5.960_464_5e-8)];
        known.into_iter().for_each(|(bits, value)| assert_eq!(half(bits), value, "{bits:04x}"));
        assert!(half(0x7c00).is_infinite() && half(0x7e00).is_nan());
        assert_eq!(half(0x8000).to_bits(), (-0.0_f32).to_bits());
        let view = View { dtype: "BF16".to_owned(), shape: vec![2], bytes: &[0x80, 0x3f, 0x40, 0xc0] };
        assert_eq!(view.numbers(), Some(vec![1.0, -3.0]));
    }

    #[test]
    fn every_fault_of_a_file_is_named() {
        let says = |bytes: &[u8], what: &str| {
            let error = File::parse(bytes).expect_err(what);
            assert!(error.contains(what), "{error}, not {what}");
        };
        says(b"", "shorter than the eight bytes");
        says(&u64::MAX.to_le_bytes(), "is the limit");
        says(&file("{}", b"")[..9], "middle of its header");
        says(&file("[]", b""), "no table of tensors");
        says(&file("{", b""), "no table of tensors");
        says(&file(&"[".repeat(100_000), b""), "no table of tensors");
        let tensor =
            |shape: &str, offsets: &str| format!(r#"{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}"#);
        let one = |shape: &str, offsets: &str| format!(r#"{{"a":{}}}"#, tensor(shape, offsets));
        says(&file(&one("[2]", "[0,8]"), &[0; 4]), "middle of \u{201c}a\u{201d}");
        says(&file(&one("[1]", "[4,0]"), &[0; 4]), "middle of \u{201c}a\u{201d}");
        says(&file(&one("[1]", "[0,4]"), &[0; 6]), "2 bytes follow");
        says(&file(&one("[1]", "[2,6]"), &[0; 6]), "leave a gap");
        says(&file(&one("[3]", "[0,4]"), &[0; 4]), "bytes that its shape");
        says(&file(&one("[4294967296,4294967296,4294967296]", "[0,4]"), &[0; 4]), "bytes that its shape");
        says(&file(&one("[-1]", "[0,4]"), &[0; 4]), "no table of tensors");
        let twice = format!(r#"{{"a":{0},"a":{0}}}"#, tensor("[1]", "[0,4]"));
        says(&file(&twice, &[0; 4]), "two tensors are called");
        let overlap = format!(r#"{{"a":{},"b":{}}}"#, tensor("[2]", "[0,8]"), tensor("[1]", "[4,8]"));
        says(&file(&overlap, &[0; 8]), "overlap");
    }

    #[test]
    fn what_is_written_is_read() {
        let metadata = BTreeMap::from([("a \"key\"".to_owned(), "\u{e9}\n".to_owned())]);
        let tensors = [
            ("z".to_owned(), vec![2, 1], &[1.0, -0.0][..]),
            ("a".to_owned(), vec![], &[3.5]),
            ("e".to_owned(), vec![0], &[]),
        ];
        let bytes = write(&metadata, &tensors);
        let file = File::parse(&bytes).expect("our own file");
        assert_eq!(file.metadata, metadata);
        for (name, shape, numbers) in &tensors {
            let view = &file.tensors[name];
            assert_eq!((&view.shape, view.numbers().as_deref()), (shape, Some(*numbers)));
        }
    }
}
