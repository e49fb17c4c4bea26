//! Who refers to whom, read from the relocations that the linker keeps with `--emit-relocs`.

use std::ops::Range;
use wasmparser::{
    BinaryReader, DataKind, KnownCustom, Linking, Name, Operator, Parser, Payload, RelocSectionReader, RelocationType,
    SymbolInfo,
};

use crate::Error;

/// Functions and pieces of data, as nodes: first all functions by their index, then the pieces by their address.
#[derive(Default)]
pub struct Graph {
    /// The symbol of every function; empty where it has none.
    pub names: Vec<String>,
    /// What each node refers to.
    refers_to: Vec<Vec<usize>>,
    /// Where the program is entered: its exports.
    roots: Vec<usize>,
    /// The addresses of each piece of data: where symbols overlap, they are one piece.
    pieces: Vec<Range<u32>>,
}

/// What comes late.
#[derive(Default)]
pub struct Late {
    /// By symbol.
    pub functions: Vec<String>,
    /// Addresses of data, ascending.
    pub data: Vec<Range<u32>>,
}

impl Graph {
    /// Of a module as the linker wrote it.
    pub fn of(module: &[u8]) -> Result<Graph, Error> {
        let mut linked = Linked::default();
        for payload in Parser::new(0).parse_all(module) {
            linked.read(payload?)?;
        }
        linked.graph()
    }

    /// What is reached only through a function that `is_door` picks by its symbol, and what is behind it.
    pub fn behind(&self, is_door: impl Fn(&str) -> bool) -> Late {
        let doors: Vec<usize> = (0..self.names.len()).filter(|function| is_door(&self.names[*function])).collect();
        let mut early = vec![false; self.refers_to.len()];
        let mut reached = early.clone();
        // A door is not gone through.
        doors.iter().for_each(|door| early[*door] = true);
        self.reach(self.roots.clone(), &mut early);
        doors.iter().for_each(|door| early[*door] = false);
        self.reach(doors, &mut reached);
        let is_late = |node: usize| reached[node] && !early[node];
        let functions = self.names.len();
        Late {
            functions: (0..functions).filter(|node| is_late(*node)).map(|node| self.names[node].clone()).collect(),
            data: (functions..early.len())
                .filter(|node| is_late(*node))
                .map(|node| self.pieces[node - functions].clone())
                .collect(),
        }
    }

    fn reach(&self, mut to_visit: Vec<usize>, reached: &mut [bool]) {
        while let Some(node) = to_visit.pop() {
            if !std::mem::replace(&mut reached[node], true) {
                to_visit.extend(&self.refers_to[node]);
            }
        }
    }
}

/// What the parts of a linked module say. Offsets count from the start of the file.
#[derive(Default)]
struct Linked<'a> {
    imported: u32,
    names: Vec<(u32, &'a str)>,
    exports: Vec<u32>,
    code_start: u64,
    bodies: Vec<Range<u64>>,
    calls: Vec<Vec<u32>>,
    data_start: u64,
    /// Of every segment: where its bytes lie in the file, and the address of the first.
    segments: Vec<(Range<u64>, u32)>,
    symbols: Vec<SymbolInfo<'a>>,
    relocations: Vec<(Part, RelocSectionReader<'a>)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Code,
    Data,
}

impl<'a> Linked<'a> {
    fn read(&mut self, payload: Payload<'a>) -> Result<(), Error> {
        match payload {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    self.imported += u32::from(matches!(import?.ty, wasmparser::TypeRef::Func(_)));
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    // wasm-bindgen interprets the descriptions and drops them.
                    if export.kind == wasmparser::ExternalKind::Func && !export.name.starts_with("__wbindgen_describe")
                    {
                        self.exports.push(export.index);
                    }
                }
            }
            Payload::StartSection { func, .. } => self.exports.push(func),
            Payload::CodeSectionStart { unchecked_range, .. } => self.code_start = unchecked_range.start,
            Payload::CodeSectionEntry(body) => {
                self.bodies.push(body.range());
                let mut called = Vec::new();
                for operator in body.get_operators_reader()? {
                    if let Operator::Call { function_index } = operator? {
                        called.push(function_index);
                    }
                }
                self.calls.push(called);
            }
            Payload::DataSection(data) => {
                self.data_start = data.range().start;
                for segment in data {
                    let segment = segment?;
                    let DataKind::Active { offset_expr, .. } = segment.kind else {
                        return Err(Error::Unsupported("passive data"));
                    };
                    let start = segment.range.end - segment.data.len() as u64;
                    self.segments.push((start..segment.range.end, crate::constant(&offset_expr)?));
                }
            }
            Payload::CustomSection(section) => match section.as_known() {
                KnownCustom::Name(names) => {
                    for name in names {
                        if let Name::Function(functions) = name? {
                            let functions = functions.into_iter().collect::<Result<Vec<_>, _>>()?;
                            self.names.extend(functions.iter().map(|function| (function.index, function.name)));
                        }
                    }
                }
                KnownCustom::Linking(linking) => {
                    for part in linking.subsections() {
                        if let Linking::SymbolTable(symbols) = part? {
                            self.symbols = symbols.into_iter().collect::<Result<Vec<_>, _>>()?;
                        }
                    }
                }
                _ => {
                    let part = match section.name() {
                        "reloc.CODE" => Part::Code,
                        "reloc.DATA" => Part::Data,
                        _ => return Ok(()),
                    };
                    let reader = BinaryReader::new(section.data(), section.data_offset());
                    self.relocations.push((part, RelocSectionReader::new(reader)?));
                }
            },
            _ => (),
        }
        Ok(())
    }

    fn graph(self) -> Result<Graph, Error> {
        if self.relocations.len() != 2 || self.symbols.is_empty() {
            return Err(Error::NoRelocations);
        }
        let functions = self.imported as usize + self.bodies.len();
        let pieces = self.pieces();
        let mut graph = Graph {
            names: vec![String::new(); functions],
            refers_to: vec![Vec::new(); functions + pieces.len()],
            roots: self.exports.iter().map(|function| *function as usize).collect(),
            pieces,
        };
        for (function, name) in &self.names {
            graph.names[*function as usize] = (*name).to_owned();
        }
        for (body, called) in self.calls.iter().enumerate() {
            graph.refers_to[self.imported as usize + body].extend(called.iter().map(|function| *function as usize));
        }
        for (part, relocations) in &self.relocations {
            for relocation in relocations.entries() {
                let relocation = relocation?;
                let from = self.owner(*part, relocation.offset, &graph);
                let to = self.target(relocation.ty, relocation.index, &graph)?;
                if let (Some(from), Some(to)) = (from, to) {
                    graph.refers_to[from].push(to);
                }
            }
        }
        Ok(graph)
    }

    fn pieces(&self) -> Vec<Range<u32>> {
        let mut ranges: Vec<Range<u32>> = self.symbols.iter().filter_map(|symbol| self.addresses(symbol)).collect();
        ranges.sort_unstable_by_key(|range| (range.start, range.end));
        let mut pieces: Vec<Range<u32>> = Vec::new();
        for range in ranges {
            match pieces.last_mut() {
                Some(last) if range.start < last.end || range.start == last.start => last.end = last.end.max(range.end),
                _ => pieces.push(range),
            }
        }
        pieces
    }

    fn addresses(&self, symbol: &SymbolInfo) -> Option<Range<u32>> {
        let SymbolInfo::Data { symbol: Some(defined), .. } = symbol else { return None };
        let (_, address) = self.segments.get(defined.index as usize)?;
        Some(address + defined.offset..address + defined.offset + defined.size)
    }

    /// The node that has a relocation at this offset into its section.
    fn owner(&self, part: Part, offset: u32, graph: &Graph) -> Option<usize> {
        if part == Part::Code {
            let at = self.code_start + u64::from(offset);
            let body = self.bodies.partition_point(|body| body.end <= at);
            return self.bodies.get(body).filter(|body| body.contains(&at)).map(|_| self.imported as usize + body);
        }
        let at = self.data_start + u64::from(offset);
        let (segment, address) = self.segments.iter().find(|(segment, _)| segment.contains(&at))?;
        graph.piece_at(address + (at - segment.start) as u32)
    }

    fn target(&self, kind: RelocationType, symbol: u32, graph: &Graph) -> Result<Option<usize>, Error> {
        use RelocationType as Kind;
        let is_ours = match kind {
            Kind::FunctionIndexLeb | Kind::TableIndexSleb | Kind::TableIndexI32 | Kind::FunctionIndexI32 => true,
            Kind::MemoryAddrLeb | Kind::MemoryAddrSleb | Kind::MemoryAddrI32 => true,
            Kind::TypeIndexLeb | Kind::GlobalIndexLeb | Kind::GlobalIndexI32 | Kind::TableNumberLeb => false,
            Kind::FunctionOffsetI32 | Kind::SectionOffsetI32 => false,
            _ => return Err(Error::Unsupported("relocations of position independent code, threads or 64 bits")),
        };
        let symbol = self.symbols.get(symbol as usize).filter(|_| is_ours);
        Ok(symbol.and_then(|symbol| match symbol {
            SymbolInfo::Func { index, .. } => Some(*index as usize),
            data => self.addresses(data).and_then(|range| graph.piece_at(range.start)),
        }))
    }
}

impl Graph {
    fn piece_at(&self, address: u32) -> Option<usize> {
        let after = self.pieces.partition_point(|piece| piece.start <= address);
        let piece = after.checked_sub(1)?;
        let holds = address < self.pieces[piece].end || self.pieces[piece].start == address;
        holds.then(|| self.names.len() + piece)
    }
}
