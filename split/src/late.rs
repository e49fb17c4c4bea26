//! The half that comes when it is asked for.

use std::collections::HashMap;
use wasm_encoder::reencode::{Error as ReencodeError, Reencode};
use wasm_encoder::{
    CodeSection, ConstExpr, CustomSection, DataSection, ElementSection, Elements, EntityType, ExportKind, Function,
    FunctionSection, GlobalType, ImportSection, Module, NameMap, NameSection, StartSection, TableType, TypeSection,
    ValType,
};

use crate::halves::Halves;
use crate::survey::Survey;
use crate::{Error, FIRST};

/// Its functions and data, with everything else imported from the first half. Once instantiated it hangs its doors.
pub fn late_half(module: &[u8], survey: &Survey, halves: &Halves) -> Result<Vec<u8>, Error> {
    let own: Vec<u32> = (0..survey.functions()).filter(|function| halves.is_late[*function as usize]).collect();
    let borrowed = halves.links.iter().filter(|link| link.kind == ExportKind::Func).map(|link| &link.index);
    let index: HashMap<u32, u32> = borrowed.chain(&own).zip(0..).map(|(function, late)| (*function, late)).collect();
    let mut encoder = Late { index, survey, halves };
    let start = encoder.index.len() as u32;
    let mut half = Module::new();

    let mut types = TypeSection::new();
    encoder.types(&mut types, module)?;
    let start_type = types.len();
    types.ty().function([], []);
    half.section(&types);
    half.section(&encoder.imports()?);

    let mut functions = FunctionSection::new();
    own.iter().for_each(|function| _ = functions.function(survey.type_of[*function as usize]));
    functions.function(start_type);
    half.section(&functions);
    half.section(&StartSection { function_index: start });
    half.section(&encoder.elements());

    let mut code = CodeSection::new();
    for function in &own {
        encoder.parse_function_body(&mut code, survey.body(*function).clone())?;
    }
    code.function(&says_it_is_there(halves));
    half.section(&code);
    half.section(&data(survey, halves)?);
    half.section(&encoder.names());
    if let Some(features) = survey.features {
        half.section(&CustomSection { name: "target_features".into(), data: features.into() });
    }
    Ok(half.finish())
}

/// Gives each function its index in the late half. Types, tables, memories and globals keep theirs.
struct Late<'a> {
    index: HashMap<u32, u32>,
    survey: &'a Survey<'a>,
    halves: &'a Halves,
}

impl Reencode for Late<'_> {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, ReencodeError<Self::Error>> {
        Ok(self.index[&function])
    }
}

impl Late<'_> {
    fn types(&mut self, types: &mut TypeSection, module: &[u8]) -> Result<(), Error> {
        for payload in wasmparser::Parser::new(0).parse_all(module) {
            if let wasmparser::Payload::TypeSection(section) = payload? {
                self.parse_type_section(types, section)?;
            }
        }
        Ok(())
    }

    /// What the links name, each of its type.
    fn imports(&mut self) -> Result<ImportSection, Error> {
        let mut imports = ImportSection::new();
        for link in &self.halves.links {
            let index = link.index as usize;
            let kind: EntityType = match link.kind {
                ExportKind::Func => EntityType::Function(self.survey.type_of[index]),
                // The first half's has room for the doors.
                ExportKind::Table => TableType { maximum: None, ..self.table_type(self.survey.tables[index])? }.into(),
                ExportKind::Memory => self.memory_type(self.survey.memories[index])?.into(),
                _ => self.global_type(self.survey.globals[index])?.into(),
            };
            imports.import(FIRST, &link.name, kind);
        }
        imports.import(FIRST, &self.halves.build, GlobalType { val_type: ValType::I32, mutable: true, shared: false });
        Ok(imports)
    }

    /// The doors, and the slots that the first half has left empty.
    fn elements(&self) -> ElementSection {
        let doors = self.halves.doors.iter().zip(self.halves.first_slot..).map(|(door, slot)| (slot, *door));
        let filled: Vec<(u32, u32)> = self.halves.in_table.iter().copied().chain(doors).collect();
        let mut elements = ElementSection::new();
        for run in filled.chunk_by(|(before, _), (slot, _)| before + 1 == *slot) {
            let functions: Vec<u32> = run.iter().map(|(_, function)| self.index[function]).collect();
            let offset = ConstExpr::i32_const(run[0].0 as i32);
            elements.active(Some(self.halves.table), &offset, Elements::Functions(functions.into()));
        }
        elements
    }

    fn names(&self) -> NameSection {
        let names = self.survey.names.iter();
        let mut named: Vec<(u32, &str)> =
            names.filter_map(|(function, name)| Some((*self.index.get(function)?, *name))).collect();
        named.sort_unstable();
        let mut map = NameMap::new();
        named.into_iter().for_each(|(function, name)| map.append(function, name));
        let mut names = NameSection::new();
        names.functions(&map);
        names
    }
}

fn data(survey: &Survey, halves: &Halves) -> Result<DataSection, Error> {
    let mut data = DataSection::new();
    for late in &halves.data {
        let holds =
            |(address, bytes): &&(u32, &[u8])| late.start >= *address && late.end <= address + bytes.len() as u32;
        let (address, bytes) = survey.data.iter().find(holds).ok_or(Error::Unsupported("data that has moved"))?;
        let bytes = &bytes[(late.start - address) as usize..(late.end - address) as usize];
        data.active(0, &ConstExpr::i32_const(late.start as i32), bytes.iter().copied());
    }
    Ok(data)
}

fn says_it_is_there(halves: &Halves) -> Function {
    let mut body = Function::new([]);
    body.instructions().i32_const(1).global_set(halves.there).end();
    body
}
