//! Which half everything is in.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use wasm_encoder::ExportKind;

use crate::Error;
use crate::graph::Late;
use crate::survey::Survey;

/// The cut, and what the halves share.
pub struct Halves {
    /// By function: its code is in the late half.
    pub is_late: Vec<bool>,
    /// Late functions that the first half calls, in order. Each has a slot behind those the table has.
    pub doors: Vec<u32>,
    /// Late functions in the slots that they have always had.
    pub in_table: Vec<(u32, u32)>,
    /// Addresses of late data.
    pub data: Vec<Range<u32>>,
    /// What the first half exports and the late one imports: the functions it uses, then all tables, memories and globals.
    pub links: Vec<Link>,
    /// The table of functions, and the first slot of a door.
    pub table: u32,
    pub first_slot: u32,
    /// The global [`crate::THERE`], and the other name by which it is exported for the late half.
    pub there: u32,
    pub build: String,
}

pub struct Link {
    pub name: String,
    pub kind: ExportKind,
    pub index: u32,
}

impl Halves {
    pub fn of(survey: &Survey, late: Late, build: String) -> Result<Halves, Error> {
        let Some((table, first, functions)) = &survey.table else {
            return Err(Error::Unsupported("no table of functions"));
        };
        let is_late = is_late(survey, &late.functions);
        if !is_late.contains(&true) {
            return Err(Error::NothingLate);
        }
        let (mut doors, mut borrowed) = (HashSet::new(), HashSet::new());
        for function in 0..survey.functions() {
            for reference in survey.references(function) {
                match (is_late[function as usize], is_late[*reference as usize]) {
                    (false, true) => _ = doors.insert(*reference),
                    (true, false) => _ = borrowed.insert(*reference),
                    _ => (),
                }
            }
        }
        let slots = functions.iter().enumerate().map(|(slot, function)| (first + slot as u32, *function));
        Ok(Halves {
            in_table: slots.filter(|(_, function)| is_late[*function as usize]).collect(),
            is_late,
            doors: sorted(doors),
            data: late.data,
            links: links(survey, sorted(borrowed)),
            table: *table,
            first_slot: survey.tables[*table as usize].initial as u32,
            there: survey.globals.len() as u32,
            build,
        })
    }
}

/// Symbols say it. One that is exported, or that several functions have, is early.
fn is_late(survey: &Survey, late: &[String]) -> Vec<bool> {
    let late: HashSet<&str> = late.iter().map(String::as_str).collect();
    let mut known = HashMap::new();
    survey.names.values().for_each(|name| *known.entry(*name).or_insert(0) += 1);
    let mut is_late: Vec<bool> = (0..survey.functions())
        .map(|function| {
            let name = survey.names.get(&function).filter(|_| !survey.is_imported(function));
            name.is_some_and(|name| late.contains(name) && known[name] == 1)
        })
        .collect();
    let exported = survey.exports.values().filter(|(kind, _)| *kind == wasmparser::ExternalKind::Func);
    exported.map(|(_, function)| *function).chain(survey.start).for_each(|function| is_late[function as usize] = false);
    is_late
}

fn sorted(set: HashSet<u32>) -> Vec<u32> {
    let mut sorted: Vec<u32> = set.into_iter().collect();
    sorted.sort_unstable();
    sorted
}

fn links(survey: &Survey, borrowed: Vec<u32>) -> Vec<Link> {
    let all = |kind: ExportKind, number: usize| (0..number as u32).map(move |index| (kind, index));
    let shared = borrowed.into_iter().map(|function| (ExportKind::Func, function));
    let shared = shared
        .chain(all(ExportKind::Table, survey.tables.len()))
        .chain(all(ExportKind::Memory, survey.memories.len()))
        .chain(all(ExportKind::Global, survey.globals.len()));
    shared.enumerate().map(|(place, (kind, index))| Link { name: short(place), kind, index }).collect()
}

/// Short names that no identifier has: they start with a digit.
fn short(place: usize) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let (mut rest, mut name) = (place / 10, String::from(DIGITS[place % 10] as char));
    while rest > 0 {
        name.push(DIGITS[(rest - 1) % 36] as char);
        rest = (rest - 1) / 36;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn short_names_differ() {
        let names: std::collections::HashSet<String> = (0..20_000).map(short).collect();
        assert_eq!(names.len(), 20_000);
        assert!(names.iter().all(|name| name.starts_with(|letter: char| letter.is_ascii_digit()) && name.len() <= 4));
    }
}
