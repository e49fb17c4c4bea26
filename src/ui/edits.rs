//! What is done to a model, as a link writes it: `edits=clamp:1:f:0;zero:1:5`, and `edits.2=` for the second of several
//! models. All places count from 1. A link's edit is one of
//!
//! - `clamp:LAYER:GATE:VALUE`, or of one unit `clamp:LAYER:GATE:VALUE:UNIT`
//! - `zero:LAYER:UNIT`
//! - `weight:NAME:PLACE:VALUE`, the place in the rows of the parameter one after the other
//! - `attend:STEP:PLACE:WEIGHT`, the written and the read symbol
//!
//! Here they are only read: whether they fit the model, only the engine knows (see [`crate::trainer::surgery`]).

use crate::number;
use crate::protocol::Edit;
use crate::spec::{SpecError, limits};
use crate::ui::setup::MOST_RUNS;

const KEY: &str = "edits";
/// Characters of what cannot be read that are shown.
const SHOWN: usize = 40;

/// The key of the edits of a model.
pub fn key(place: usize) -> String {
    if place == 0 { KEY.to_owned() } else { format!("{KEY}.{}", place + 1) }
}

/// The model whose edits are under `key`, if any are.
pub fn place(key: &str) -> Option<usize> {
    match key.strip_prefix(KEY)? {
        "" => Some(0),
        rest => from_one(rest.strip_prefix('.')?).filter(|place| (1..MOST_RUNS).contains(place)),
    }
}

/// Edits as [`read`] reads them.
pub fn write(edits: &[Edit]) -> String {
    edits.iter().map(write_one).collect::<Vec<String>>().join(";")
}

fn write_one(edit: &Edit) -> String {
    match edit {
        Edit::Clamp { layer, gate, unit, value } => {
            let unit = unit.map_or_else(String::new, |unit| format!(":{}", unit + 1));
            format!("clamp:{}:{gate}:{}{unit}", layer + 1, number::show(*value))
        }
        Edit::Zero { layer, unit } => format!("zero:{}:{}", layer + 1, unit + 1),
        Edit::Weight { name, index, value } => format!("weight:{name}:{}:{}", index + 1, number::show(*value)),
        Edit::Attend { step, place, weight } => {
            format!("attend:{}:{}:{}", step + 1, place + 1, number::show(*weight))
        }
    }
}

/// The edits of a link, and for each that cannot be read an error under `key`. Of too many it reads one more than a model
/// takes, which the engine refuses.
pub fn read(key: &str, text: &str) -> (Vec<Edit>, Vec<SpecError>) {
    let (mut edits, mut problems) = (Vec::new(), Vec::new());
    for part in text.split(';').filter(|part| !part.is_empty()).take(limits::EDITS + 1) {
        match read_one(part) {
            Some(edit) => edits.push(edit),
            None => {
                let shown: String = part.chars().take(SHOWN).collect();
                problems.push(SpecError::new(key, format!("\u{201c}{shown}\u{201d} says nothing that can be done.")));
            }
        }
    }
    (edits, problems)
}

fn read_one(text: &str) -> Option<Edit> {
    let clamp = |layer, gate: &str, value, unit| {
        Some(Edit::Clamp { layer: from_one(layer)?, gate: gate.to_owned(), unit, value: finite(value)? })
    };
    match text.split(':').collect::<Vec<&str>>()[..] {
        ["clamp", layer, gate, value] => clamp(layer, gate, value, None),
        ["clamp", layer, gate, value, unit] => clamp(layer, gate, value, Some(from_one(unit)?)),
        ["zero", layer, unit] => Some(Edit::Zero { layer: from_one(layer)?, unit: from_one(unit)? }),
        ["weight", name, place, value] => {
            Some(Edit::Weight { name: name.to_owned(), index: from_one(place)?, value: finite(value)? })
        }
        ["attend", step, place, weight] => {
            Some(Edit::Attend { step: from_one(step)?, place: from_one(place)?, weight: finite(weight)? })
        }
        _ => None,
    }
}

/// A number that counts from 1, counting from 0. The wire has 32 bits for it.
fn from_one(text: &str) -> Option<usize> {
    text.parse::<u32>().ok()?.checked_sub(1).map(|number| number as usize)
}

fn finite(text: &str) -> Option<f32> {
    number::parse(text).map(|value| value as f32).filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_kind_of_edit_is_written_and_read() {
        let edits = [
            Edit::Clamp { layer: 0, gate: "f".into(), unit: None, value: 0.5 },
            Edit::Clamp { layer: 1, gate: "g".into(), unit: Some(2), value: -1.0 },
            Edit::Zero { layer: 0, unit: 11 },
            Edit::Weight { name: "rnn.weight_hh_l0".into(), index: 70, value: -0.125 },
            Edit::Attend { step: 3, place: 0, weight: 0.75 },
        ];
        let text = "clamp:1:f:0.5;clamp:2:g:-1:3;zero:1:12;weight:rnn.weight_hh_l0:71:-0.125;attend:4:1:0.75";
        assert_eq!(write(&edits), text);
        assert_eq!(read(KEY, text), (edits.to_vec(), Vec::new()));
        assert_eq!(read(KEY, ""), (Vec::new(), Vec::new()));
    }

    #[test]
    fn what_cannot_be_read_is_named_and_the_rest_is_taken() {
        let bad = "clamp:0:f:1;clamp:1:f;clamp:1:f:x;clamp:1:f:1e60;zero:1;zero:1:-1;zero:1:99999999999;weight:a:1:inf;\
                   attend:1:1:1:1;drop:1";
        let (edits, problems) = read("edits.2", &format!("{bad};zero:1:5"));
        assert_eq!(edits, [Edit::Zero { layer: 0, unit: 4 }]);
        assert_eq!(problems.len(), bad.split(';').count());
        assert!(problems.iter().all(|problem| problem.key == "edits.2"));
        assert!(problems[9].message.contains("drop:1"));
    }

    #[test]
    fn a_long_list_is_not_read_to_its_end() {
        let (edits, problems) = read(KEY, &"zero:1:1;".repeat(1_000));
        assert_eq!((edits.len(), problems.len()), (limits::EDITS + 1, 0));
        assert_eq!(read(KEY, &"what;".repeat(1_000)).1.len(), limits::EDITS + 1);
    }

    #[test]
    fn each_model_has_a_key() {
        assert!((0..MOST_RUNS).all(|at| place(&key(at)) == Some(at)));
        let none = ["edits.", "edits.0", "edits.1", "edits.9", "edits.x", "edits2", "edit", "lr"];
        assert!(none.iter().all(|key| place(key).is_none()));
    }

    fn edit() -> impl Strategy<Value = Edit> {
        let (place, value) = (0..u32::MAX as usize, -1e6f32..1e6);
        let name = "[a-z][a-z0-9_.]{0,20}";
        prop_oneof![
            (place.clone(), name, prop::option::of(place.clone()), value.clone())
                .prop_map(|(layer, gate, unit, value)| Edit::Clamp { layer, gate, unit, value }),
            (place.clone(), place.clone()).prop_map(|(layer, unit)| Edit::Zero { layer, unit }),
            (name, place.clone(), value.clone()).prop_map(|(name, index, value)| Edit::Weight { name, index, value }),
            (place.clone(), place, value).prop_map(|(step, place, weight)| Edit::Attend { step, place, weight }),
        ]
    }

    proptest! {
        #[test]
        fn all_edits_come_back(edits in prop::collection::vec(edit(), 0..limits::EDITS)) {
            prop_assert_eq!(read(KEY, &write(&edits)), (edits, Vec::new()));
        }

        #[test]
        fn no_text_panics_and_what_is_read_settles(text in "(clamp|zero|weight|attend|:|;|[0-9.e-]|\\PC){0,40}") {
            let edits = read(KEY, &text).0;
            prop_assert_eq!(read(KEY, &write(&edits)), (edits, Vec::new()));
        }
    }
}
