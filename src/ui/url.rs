//! The address is the state: `#v=1&cell=gru&hidden=128&unit=5`. Only what differs from the defaults is written.

use crate::engine::cell::Cell;
use crate::labs;
use crate::number;
use crate::spec::{PROPERTIES, SpecError, property};
use crate::ui::edits;
use crate::ui::setup::{LARGEST_FOCUS, MOST_RUNS, PARTS, PageState, SECOND};
use crate::ui::stop::{CONDITIONS, Condition};
use crate::ui::text::LINK_BYTES;

/// The version this page writes.
const VERSION: &str = "1";

/// What a fragment says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// The state; defaults stand in for what could not be read.
    pub state: PageState,
    /// What could not be read.
    pub problems: Vec<SpecError>,
    /// Bytes of a text too long to travel: it is only in the tab that wrote the link.
    pub absent_text: Option<usize>,
}

/// Reads a fragment, with or without its `#`. Never fails: what cannot be read is a problem and keeps its default.
pub fn read(fragment: &str) -> Reading {
    let pairs = || fragment.trim_start_matches('#').split('&').filter(|pair| !pair.is_empty());
    let lesson = pairs().filter_map(|pair| pair.strip_prefix("lab=")).find_map(labs::find);
    let mut reading = Reading { state: PageState::of(lesson), ..Reading::default() };
    for pair in pairs() {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let result = match (decode(key), decode(value)) {
            (Some(key), Some(value)) => take(&mut reading, &key, &value),
            _ => Err(SpecError::new(key, "This part of the link is damaged.")),
        };
        reading.problems.extend(result.err());
    }
    let focus = std::mem::take(&mut reading.state.focus);
    reading.state.focus = focus.within(&reading.state.setup.spec);
    let models = reading.state.models();
    for place in models..MOST_RUNS {
        if reading.state.edits.get(place).is_some_and(|edits| !edits.is_empty()) {
            reading.problems.push(SpecError::new(&edits::key(place), "There is no such model."));
            reading.state.give_edits(place, Vec::new());
        }
    }
    reading
}

fn take(reading: &mut Reading, key: &str, value: &str) -> Result<(), SpecError> {
    let state = &mut reading.state;
    match key {
        "v" if value == VERSION => {}
        "v" => return Err(SpecError::new(key, "The link is of another version; what is known of it was read.")),
        "lab" if labs::find(value).is_some() => {}
        "lab" => return Err(SpecError::new(key, "There is no lab of this name.")),
        "run" => state.running = flag(key, value)?,
        "layer" => state.focus.layer = count(key, value, LARGEST_FOCUS.0)?,
        "look" => state.look = count(key, value, MOST_RUNS)?,
        "beside" => state.beside = Some(count(key, value, MOST_RUNS)?),
        "unit" => state.focus.unit = count(key, value, LARGEST_FOCUS.1)?,
        "signal" if known_signal(value) => value.clone_into(&mut state.focus.signal),
        "signal" => return Err(SpecError::new(key, "No cell has a signal of this name.")),
        "own" => reading.absent_text = value.parse().ok(),
        "present" => state.presenter = flag(key, value)?,
        "embed" => state.layout.embedded = flag(key, value)?,
        "hide" => {
            let keys: Vec<String> = value.split(',').filter(|key| !key.is_empty()).map(str::to_owned).collect();
            if let Some(unknown) = keys.iter().find(|key| property(key).is_none() && !PARTS.contains(&key.as_str())) {
                return Err(SpecError::new("hide", format!("There is nothing to hide that is named {unknown}.")));
            }
            state.layout.hidden = keys;
        }
        _ => match edits::place(key) {
            Some(place) => {
                let (edits, problems) = edits::read(key, value);
                state.give_edits(place, edits);
                reading.problems.extend(problems);
            }
            None => state.setup.write(key, value)?,
        },
    }
    Ok(())
}

fn known_signal(symbol: &str) -> bool {
    Cell::ALL.iter().any(|cell| cell.signals().iter().any(|signal| signal.symbol == symbol))
}

fn flag(key: &str, value: &str) -> Result<bool, SpecError> {
    match value {
        "1" => Ok(true),
        "0" => Ok(false),
        _ => Err(SpecError::new(key, "This is 0 or 1.")),
    }
}

/// Reads a number that counts from 1 and gives it counting from 0.
fn count(key: &str, value: &str, largest: usize) -> Result<usize, SpecError> {
    match value.parse::<usize>() {
        Ok(number) if (1..=largest).contains(&number) => Ok(number - 1),
        _ => Err(SpecError::new(key, format!("This is a whole number from 1 to {largest}."))),
    }
}

/// Writes the fragment of a state, with its `#`.
pub fn write(state: &PageState) -> String {
    let default = PageState::of(state.lesson);
    let (setup, focus) = (&state.setup, &state.focus);
    let mut fragment = format!("#v={VERSION}");
    let mut put = |key: &str, value: &str| {
        fragment.push('&');
        fragment.push_str(key);
        fragment.push('=');
        encode(value, &mut fragment);
    };
    if let Some(lesson) = state.lesson {
        put("lab", lesson.slug);
    }
    for property in PROPERTIES {
        let value = property.read(&setup.spec);
        if value != property.read(&default.setup.spec) {
            put(property.key, &value);
        }
    }
    for (key, value) in &setup.second {
        put(&format!("{SECOND}{key}"), value);
    }
    if let Some(text) = &setup.own {
        match text.len() {
            0..=LINK_BYTES => put("text", text),
            bytes => put("own", &bytes.to_string()),
        }
    }
    if setup.probe != default.setup.probe {
        put("probe", setup.probe.as_deref().unwrap_or_default());
    }
    if setup.temperature != default.setup.temperature {
        put("temperature", &number::show(setup.temperature));
    }
    for Condition { key, .. } in CONDITIONS {
        let value = setup.stop.read(key);
        if value != default.setup.stop.read(key) {
            put(key, &value);
        }
    }
    for (place, edits) in state.edits.iter().enumerate().filter(|(_, edits)| !edits.is_empty()) {
        put(&edits::key(place), &edits::write(edits));
    }
    if focus.layer != default.focus.layer {
        put("layer", &(focus.layer + 1).to_string());
    }
    if focus.signal != default.focus.signal {
        put("signal", &focus.signal);
    }
    if focus.unit != default.focus.unit {
        put("unit", &(focus.unit + 1).to_string());
    }
    if state.look != default.look {
        put("look", &(state.look + 1).to_string());
    }
    if let Some(place) = state.beside {
        put("beside", &(place + 1).to_string());
    }
    if !state.running {
        put("run", "0");
    }
    if state.presenter {
        put("present", "1");
    }
    if state.layout.embedded {
        put("embed", "1");
    }
    if !state.layout.hidden.is_empty() {
        put("hide", &state.layout.hidden.join(","));
    }
    fragment
}

/// One sentence of the problems in a link, if any.
pub fn explain(problems: &[SpecError]) -> Option<String> {
    if problems.is_empty() {
        return None;
    }
    let name = |key: &str| property(key).map_or_else(|| key.to_owned(), |property| property.label.to_owned());
    let parts: Vec<String> =
        problems.iter().take(5).map(|problem| format!("{}: {}", name(&problem.key), problem.message)).collect();
    Some(format!("Parts of the link could not be used; defaults stand in for them. {}", parts.join(" ")))
}

fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b',' | b';' | b':' | b'!' => {
                into.push(char::from(byte));
            }
            b' ' => into.push('+'),
            _ => into.push_str(&format!("%{byte:02X}")),
        }
    }
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                (digit(bytes.next())? * 16 + digit(bytes.next())?) as u8
            }
            _ => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::Edit;
    use crate::ui::setup::Setup;

    #[test]
    fn defaults_are_not_written() {
        assert_eq!(write(&PageState::default()), "#v=1");
        assert_eq!(read("#v=1"), Reading::default());
        assert_eq!(read(""), Reading::default());
    }

    #[test]
    fn a_lab_is_in_the_link_and_what_differs_from_it() {
        for lesson in labs::ALL {
            let link = format!("#v=1&lab={}", lesson.slug);
            let mut state = read(&link).state;
            assert_eq!((state.lesson, write(&state)), (Some(*lesson), link.clone()));
            state.setup.write("seed", "77").unwrap();
            assert_eq!(write(&state), link + "&seed=77");
            assert_eq!(read(&write(&state)).state, state);
        }
        assert_eq!(read("#lab=none").problems[0].key, "lab");
    }

    #[test]
    fn a_link_restores_the_state() {
        let mut state = PageState::default();
        for (key, value) in [
            ("cell", "gru"),
            ("hidden", "128"),
            ("lr", "0.01"),
            ("clip", "off"),
            ("text", "abc & d=e%\n学 #+"),
            ("probe", "a b"),
            ("temperature", "1.5"),
            ("stop-loss", "0.5"),
            ("b.layers", "2"),
        ] {
            state.setup.write(key, value).unwrap();
        }
        state.focus.unit = 11;
        state.focus.signal = "z".into();
        (state.look, state.beside) = (1, Some(2));
        state.give_edits(1, vec![Edit::Zero { layer: 1, unit: 3 }]);
        state.running = false;
        state.presenter = true;
        state.layout.embedded = true;
        state.layout.hidden = vec!["lr".into(), "story".into()];
        let link = read(&write(&state));
        assert_eq!(link, Reading { state, ..Reading::default() });
    }

    #[test]
    fn edits_are_of_the_models_there_are() {
        let link = read("#v=1&lab=gru-vs-lstm&edits=clamp:1:z:1;what&edits.2=zero:1:5&edits.7=zero:1:1");
        let clamp = Edit::Clamp { layer: 0, gate: "z".into(), unit: None, value: 1.0 };
        assert_eq!(link.state.edits, [vec![clamp], vec![Edit::Zero { layer: 0, unit: 4 }]]);
        let keys: Vec<&str> = link.problems.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, ["edits", "edits.7"]);
        assert_eq!(write(&link.state), "#v=1&lab=gru-vs-lstm&edits=clamp:1:z:1&edits.2=zero:1:5");
        assert_eq!(read("#edits=zero:1:1&edits=&edits.3=zero:1:1").state, PageState::default());
    }

    #[test]
    fn a_long_text_stays_in_the_tab() {
        let setup = Setup { own: Some("ab".repeat(2_000).into()), ..Setup::default() };
        let fragment = write(&PageState { setup, ..PageState::default() });
        assert_eq!(fragment, "#v=1&own=4000");
        assert_eq!(read(&fragment).absent_text, Some(4_000));
    }

    #[test]
    fn bad_parts_keep_their_defaults_and_are_named() {
        let link =
            read("#v=1&hidden=abc&lr=0&cell=gru&unit=0&signal=x&run=maybe&zzz=1&text=%F&%ff=1&batch=1e6&hide=lr,zzz");
        let keys: Vec<&str> = link.problems.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, ["hidden", "lr", "unit", "signal", "run", "zzz", "text", "%ff", "batch", "hide"]);
        assert_eq!(link.state.setup.spec.cell, Cell::Gru);
        assert_eq!(link.state.setup.spec.hidden, Setup::default().spec.hidden);
        assert!(explain(&link.problems).unwrap().contains("Hidden size"));
    }

    proptest! {
        #[test]
        fn no_fragment_panics_and_all_settle(fragment in "\\PC*") {
            let state = read(&fragment).state;
            prop_assert_eq!(&read(&write(&state)).state, &state);
        }

        #[test]
        fn no_known_key_panics(pairs in prop::collection::vec((0usize..60, "\\PC{0,12}"), 0..12)) {
            let keys = ["v", "text", "probe", "temperature", "layer", "signal", "unit", "look", "beside", "run", "own",
                "stop-step", "b.cell", "b.lr", "edits", "edits.2"];
            let all: Vec<&str> = PROPERTIES.iter().map(|property| property.key).chain(keys).collect();
            let parts: Vec<String> = pairs.iter().map(|(at, value)| format!("{}={value}", all[at % all.len()])).collect();
            let state = read(&parts.join("&")).state;
            prop_assert_eq!(&read(&write(&state)).state, &state);
        }
    }
}
