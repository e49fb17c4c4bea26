//! The folder's format: `manifest.json` and safetensors files.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Reads a file of a folder, by its path in it: from the disk, or from the test program itself.
pub type Read = dyn Fn(&str) -> Result<Cow<'static, [u8]>, String>;

/// The format this reader knows.
const FORMAT: &str = "seq-oracle/1";

/// `manifest.json`.
#[derive(Deserialize)]
pub struct Manifest {
    format: String,
    /// In order.
    pub cases: Vec<CaseEntry>,
}

/// A case in the manifest.
#[derive(Deserialize)]
pub struct CaseEntry {
    /// Its name.
    pub id: String,
    file: String,
    #[serde(default)]
    hyper: Map<String, Value>,
    tensors: BTreeMap<String, TensorEntry>,
}

/// A tensor in the manifest.
#[derive(Deserialize)]
pub struct TensorEntry {
    /// Largest error as a share of the tensor's largest magnitude.
    pub tol: Option<f64>,
    /// Compared element by element instead.
    pub elementwise: Option<Elementwise>,
    /// Not compared.
    pub skip: Option<Value>,
}

/// |x - f64| <= atol + rtol |f64|.
#[derive(Clone, Copy, Deserialize)]
pub struct Elementwise {
    /// Absolute.
    pub atol: f64,
    /// Relative.
    pub rtol: f64,
}

/// Reads the manifest of a folder.
pub fn manifest(read: &Read) -> Result<Manifest, String> {
    let manifest: Manifest =
        serde_json::from_slice(&read("manifest.json")?).map_err(|error| format!("manifest.json: {error}"))?;
    if manifest.format != FORMAT {
        return Err(format!("manifest.json: format {}, not {FORMAT}", manifest.format));
    }
    Ok(manifest)
}

impl CaseEntry {
    /// The tensors that have to be computed and compared.
    pub fn due(&self) -> usize {
        let due = |(name, entry): &(&String, &TensorEntry)| !is_given(name) && entry.skip.is_none();
        self.tensors.iter().filter(due).count()
    }
}

fn is_given(name: &str) -> bool {
    name.starts_with("in/") || name.starts_with("param/")
}

/// Numbers with their axes. f32 and the ids of the cases are exact in f64.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// Row-major.
    pub data: Vec<f64>,
    /// Whether they are integers.
    pub integer: bool,
}

/// A case with its tensors.
pub struct Case {
    /// Its name.
    pub id: String,
    /// What it is.
    pub hyper: Map<String, Value>,
    entries: BTreeMap<String, TensorEntry>,
    tensors: HashMap<String, Tensor>,
}

impl Case {
    /// Reads a case's file.
    pub fn load(read: &Read, entry: CaseEntry) -> Result<Case, String> {
        let bytes = read(&entry.file)?;
        let file = SafeTensors::deserialize(&bytes).map_err(|error| format!("{}: {error}", entry.file))?;
        let mut tensors = HashMap::new();
        for (name, view) in file.iter() {
            if !name.starts_with("f64/") && !entry.tensors.contains_key(name) {
                return Err(format!("the manifest does not have {name}"));
            }
            let data = numbers(view.dtype(), view.data()).ok_or_else(|| format!("{name}: type {:?}", view.dtype()))?;
            let integer = view.dtype() == Dtype::I64;
            tensors.insert(name.to_owned(), Tensor { shape: view.shape().to_vec(), data, integer });
        }
        Ok(Case { id: entry.id, hyper: entry.hyper, entries: entry.tensors, tensors })
    }

    /// A case with nothing in it.
    pub fn empty() -> Case {
        Case { id: String::new(), hyper: Map::new(), entries: BTreeMap::new(), tensors: HashMap::new() }
    }

    /// A tensor of the file.
    pub fn tensor(&self, name: &str) -> Result<&Tensor, super::Refusal> {
        self.tensors.get(name).ok_or_else(|| super::Refusal::Failed(format!("the file has no {name}")))
    }

    /// Whether the file has this tensor.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The tensors of the manifest that have to be computed.
    pub fn expected(&self) -> impl Iterator<Item = (&str, &TensorEntry)> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry)).filter(|(name, _)| !is_given(name))
    }

    /// The names of the manifest's tensors that start with `prefix`, without it.
    pub fn names_after<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.entries.keys().filter_map(move |name| name.strip_prefix(prefix))
    }

    /// A whole number of the hyper-parameters.
    pub fn integer(&self, key: &str) -> Result<usize, super::Refusal> {
        let number = self.hyper.get(key).and_then(Value::as_u64);
        number.map(|number| number as usize).ok_or_else(|| super::Refusal::Unknown(format!("{key} is no number")))
    }

    /// A yes or no of the hyper-parameters; no where there is none.
    pub fn flag(&self, key: &str) -> Result<bool, super::Refusal> {
        match self.hyper.get(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(super::Refusal::Unknown(format!("{key} is neither yes nor no"))),
        }
    }

    /// A word of the hyper-parameters; empty where there is none.
    pub fn word(&self, key: &str) -> &str {
        self.hyper.get(key).and_then(Value::as_str).unwrap_or("")
    }

    /// Refuses a case with options that this runner has not heard of.
    pub fn knows_only(&self, known: &[&str]) -> Result<(), super::Refusal> {
        match self.hyper.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(super::Refusal::Unknown(format!("option {key}"))),
            None => Ok(()),
        }
    }
}

fn numbers(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f64>> {
    let four = || bytes.as_chunks::<4>().0.iter();
    let eight = || bytes.as_chunks::<8>().0.iter();
    match dtype {
        Dtype::F32 => Some(four().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect()),
        Dtype::F64 => Some(eight().map(|bytes| f64::from_le_bytes(*bytes)).collect()),
        Dtype::I64 => Some(eight().map(|bytes| i64::from_le_bytes(*bytes) as f64).collect()),
        _ => None,
    }
}
