//! The half that a page opens with: the whole module, with doors where the late functions were.

use std::collections::HashMap;
use wasm_encoder::reencode::{Error as ReencodeError, Reencode, utils};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, CustomSection, DataSection, ElementSection, Elements, ExportKind, ExportSection,
    Function, GlobalSection, GlobalType, ImportSection, Module, TableSection, ValType,
};

use crate::halves::Halves;
use crate::survey::Survey;
use crate::{Error, LATE_NOW, THERE};

/// All indices and addresses stay as they are, so that everything but what is late is copied.
pub fn first_half(
    module: &[u8],
    survey: &Survey,
    halves: &Halves,
    names: &HashMap<String, String>,
) -> Result<Vec<u8>, Error> {
    let late_now = survey.exported_function(LATE_NOW).ok_or(Error::NoLateNow)?;
    let mut encoder = First { survey, halves, names, late_now, bodies: 0 };
    let mut encoded = Module::new();
    encoder.parse_core_module(&mut encoded, wasmparser::Parser::new(0), module)?;
    Ok(encoded.finish())
}

struct First<'a> {
    survey: &'a Survey<'a>,
    halves: &'a Halves,
    /// New names of imports and exports.
    names: &'a HashMap<String, String>,
    late_now: u32,
    /// Number of bodies written.
    bodies: u32,
}

type Done = Result<(), ReencodeError<std::convert::Infallible>>;

impl Reencode for First<'_> {
    type Error = std::convert::Infallible;

    fn parse_import_section(&mut self, imports: &mut ImportSection, section: wasmparser::ImportSectionReader) -> Done {
        for import in section.into_imports() {
            let import = import?;
            let kind = self.entity_type(import.ty)?;
            imports.import(import.module, self.name(import.name), kind);
        }
        Ok(())
    }

    fn parse_export(&mut self, exports: &mut ExportSection, export: wasmparser::Export) -> Done {
        let kind = self.export_kind(export.kind)?;
        exports.export(self.name(export.name), kind, export.index);
        Ok(())
    }

    fn parse_table_section(&mut self, tables: &mut TableSection, section: wasmparser::TableSectionReader) -> Done {
        for (place, table) in section.into_iter().enumerate() {
            let mut table = table?;
            if place as u32 == self.halves.table {
                let doors = self.halves.doors.len() as u64;
                table.ty.initial += doors;
                table.ty.maximum = table.ty.maximum.map(|maximum| maximum + doors);
            }
            self.parse_table(tables, table)?;
        }
        Ok(())
    }

    fn parse_global_section(&mut self, globals: &mut GlobalSection, section: wasmparser::GlobalSectionReader) -> Done {
        utils::parse_global_section(self, globals, section)?;
        let there = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
        globals.global(there, &ConstExpr::i32_const(0));
        Ok(())
    }

    fn parse_export_section(&mut self, exports: &mut ExportSection, section: wasmparser::ExportSectionReader) -> Done {
        utils::parse_export_section(self, exports, section)?;
        exports.export(THERE, ExportKind::Global, self.halves.there);
        exports.export(&self.halves.build, ExportKind::Global, self.halves.there);
        for link in &self.halves.links {
            exports.export(&link.name, link.kind, link.index);
        }
        Ok(())
    }

    /// The slots of late functions stay empty.
    fn parse_element_section(&mut self, elements: &mut ElementSection, _: wasmparser::ElementSectionReader) -> Done {
        let Some((table, first, functions)) = &self.survey.table else { return Ok(()) };
        let mut slot = *first;
        for run in functions.chunk_by(|a, b| self.halves.is_late[*a as usize] == self.halves.is_late[*b as usize]) {
            if !self.halves.is_late[run[0] as usize] {
                elements.active(Some(*table), &ConstExpr::i32_const(slot as i32), Elements::Functions(run.into()));
            }
            slot += run.len() as u32;
        }
        Ok(())
    }

    fn parse_function_body(&mut self, code: &mut CodeSection, body: wasmparser::FunctionBody) -> Done {
        let function = self.survey.imported_functions + self.bodies;
        self.bodies += 1;
        if !self.halves.is_late[function as usize] {
            return utils::parse_function_body(self, code, body);
        }
        let door = self.halves.doors.binary_search(&function).ok();
        code.function(&door.map_or_else(nothing, |door| self.door(function, door as u32)));
        Ok(())
    }

    /// Late bytes are zero, which takes no room in a compressed file.
    fn parse_data_section(&mut self, data: &mut DataSection, _: wasmparser::DataSectionReader) -> Done {
        for (address, bytes) in &self.survey.data {
            let mut bytes = bytes.to_vec();
            let end = address + bytes.len() as u32;
            for late in self.halves.data.iter().filter(|late| late.start >= *address && late.end <= end) {
                bytes[(late.start - address) as usize..(late.end - address) as usize].fill(0);
            }
            data.active(0, &ConstExpr::i32_const(*address as i32), bytes);
        }
        Ok(())
    }

    /// What the linker said of the module before is no longer true.
    fn parse_custom_section(&mut self, module: &mut Module, section: wasmparser::CustomSectionReader) -> Done {
        if section.name() == "linking" || section.name().starts_with("reloc.") {
            return Ok(());
        }
        module.section(&CustomSection { name: section.name().into(), data: section.data().into() });
        Ok(())
    }
}

impl First<'_> {
    fn name<'b>(&'b self, name: &'b str) -> &'b str {
        self.names.get(name).map_or(name, String::as_str)
    }

    /// Calls a late function through its slot; where the late half is not there yet, `LATE_NOW` brings it first.
    fn door(&self, function: u32, door: u32) -> Function {
        let kind = self.survey.type_of[function as usize];
        let mut body = Function::new([]);
        let mut code = body.instructions();
        code.global_get(self.halves.there).i32_eqz().if_(BlockType::Empty).call(self.late_now).end();
        for parameter in 0..self.survey.parameters[kind as usize] {
            code.local_get(parameter);
        }
        code.i32_const((self.halves.first_slot + door) as i32).call_indirect(self.halves.table, kind).end();
        body
    }
}

/// The body of a function that nothing in this half refers to.
fn nothing() -> Function {
    let mut body = Function::new([]);
    body.instructions().unreachable().end();
    body
}
