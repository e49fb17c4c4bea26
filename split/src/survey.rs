//! What has to be known of a module before it is cut.

use std::collections::HashMap;
use wasmparser::{
    DataKind, ElementItems, ElementKind, ExternalKind, FunctionBody, KnownCustom, Name, Operator, Parser, Payload,
    TableType, TypeRef,
};

use crate::Error;

/// The indices of a module, and who refers to whom. Functions are counted as the module does: imported ones first.
#[derive(Default)]
pub struct Survey<'a> {
    /// Number of parameters of each type of function.
    pub parameters: Vec<u32>,
    /// Type of each function.
    pub type_of: Vec<u32>,
    pub imported_functions: u32,
    pub tables: Vec<TableType>,
    pub memories: Vec<wasmparser::MemoryType>,
    pub globals: Vec<wasmparser::GlobalType>,
    /// The names of what is imported.
    pub imports: Vec<&'a str>,
    pub exports: HashMap<&'a str, (ExternalKind, u32)>,
    pub start: Option<u32>,
    /// What a table is filled with at the start: the table, the first slot, and the functions.
    pub table: Option<(u32, u32, Vec<u32>)>,
    /// Address and bytes of the data.
    pub data: Vec<(u32, &'a [u8])>,
    pub bodies: Vec<FunctionBody<'a>>,
    /// Functions that each body calls or refers to, without repetition.
    pub refers_to: Vec<Vec<u32>>,
    pub names: HashMap<u32, &'a str>,
    /// Sections that say something of the whole module, for both halves.
    pub features: Option<&'a [u8]>,
}

impl<'a> Survey<'a> {
    pub fn of(module: &'a [u8]) -> Result<Survey<'a>, Error> {
        let mut survey = Survey::default();
        for payload in Parser::new(0).parse_all(module) {
            survey.read(payload?)?;
        }
        Ok(survey)
    }

    /// Number of functions, imported ones included.
    pub fn functions(&self) -> u32 {
        self.type_of.len() as u32
    }

    pub fn is_imported(&self, function: u32) -> bool {
        function < self.imported_functions
    }

    /// What a function refers to.
    pub fn references(&self, function: u32) -> &[u32] {
        let place = function.checked_sub(self.imported_functions);
        place.map_or(&[], |place| &self.refers_to[place as usize])
    }

    pub fn body(&self, function: u32) -> &FunctionBody<'a> {
        &self.bodies[(function - self.imported_functions) as usize]
    }

    pub fn exported_function(&self, name: &str) -> Option<u32> {
        self.exports.get(name).filter(|(kind, _)| *kind == ExternalKind::Func).map(|(_, index)| *index)
    }

    fn read(&mut self, payload: Payload<'a>) -> Result<(), Error> {
        match payload {
            Payload::TypeSection(types) => {
                for group in types {
                    for kind in group?.into_types() {
                        self.parameters.push(kind.unwrap_func().params().len() as u32);
                    }
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import?;
                    self.imports.push(import.name);
                    self.import(import.ty)?;
                }
            }
            Payload::FunctionSection(types) => {
                for kind in types {
                    self.type_of.push(kind?);
                }
            }
            Payload::TableSection(tables) => {
                for table in tables {
                    self.tables.push(table?.ty);
                }
            }
            Payload::MemorySection(memories) => {
                for memory in memories {
                    self.memories.push(memory?);
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    self.globals.push(global?.ty);
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    self.exports.insert(export.name, (export.kind, export.index));
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(elements) => {
                for element in elements {
                    self.element(element?)?;
                }
            }
            Payload::DataSection(segments) => {
                for segment in segments {
                    self.segment(segment?)?;
                }
            }
            Payload::CodeSectionEntry(body) => {
                self.refers_to.push(references(&body)?);
                self.bodies.push(body);
            }
            Payload::CustomSection(section) => match section.as_known() {
                KnownCustom::Name(names) => self.read_names(names)?,
                _ if section.name() == "target_features" => self.features = Some(section.data()),
                _ => (),
            },
            _ => (),
        }
        Ok(())
    }

    fn import(&mut self, kind: TypeRef) -> Result<(), Error> {
        match kind {
            TypeRef::Func(kind) => {
                self.imported_functions += 1;
                self.type_of.push(kind);
            }
            TypeRef::Table(table) => self.tables.push(table),
            TypeRef::Memory(memory) => self.memories.push(memory),
            TypeRef::Global(global) => self.globals.push(global),
            _ => return Err(Error::Unsupported("an import that is no function, table, memory or global")),
        }
        Ok(())
    }

    fn element(&mut self, element: wasmparser::Element<'a>) -> Result<(), Error> {
        let ElementKind::Active { table_index, offset_expr } = element.kind else { return Ok(()) };
        let ElementItems::Functions(functions) = element.items else {
            return Err(Error::Unsupported("a table that is filled with expressions"));
        };
        let functions = functions.into_iter().collect::<Result<Vec<_>, _>>()?;
        let filled = (table_index.unwrap_or(0), crate::constant(&offset_expr)?, functions);
        match self.table.replace(filled) {
            None => Ok(()),
            Some(_) => Err(Error::Unsupported("two tables of functions")),
        }
    }

    fn segment(&mut self, segment: wasmparser::Data<'a>) -> Result<(), Error> {
        let DataKind::Active { memory_index: 0, offset_expr } = segment.kind else {
            return Err(Error::Unsupported("passive data, or a second memory"));
        };
        self.data.push((crate::constant(&offset_expr)?, segment.data));
        Ok(())
    }

    fn read_names(&mut self, names: wasmparser::NameSectionReader<'a>) -> Result<(), Error> {
        for name in names {
            if let Name::Function(functions) = name? {
                for function in functions {
                    let function = function?;
                    self.names.insert(function.index, function.name);
                }
            }
        }
        Ok(())
    }
}

fn references(body: &FunctionBody) -> Result<Vec<u32>, Error> {
    let mut found = Vec::new();
    for operator in body.get_operators_reader()? {
        match operator? {
            Operator::Call { function_index }
            | Operator::ReturnCall { function_index }
            | Operator::RefFunc { function_index } => found.push(function_index),
            _ => (),
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}
