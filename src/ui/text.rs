//! Texts before they are sent: what a file must be to be a training text, or a table of labelled texts.

use crate::number;
use crate::spec::{SpecError, Task, limits};
use crate::ui::format;

/// Bytes of a text of one's own that still travel in the address.
pub const LINK_BYTES: usize = 2_000;

/// Characters of the probe text, where none was chosen: the beginning of the training text.
const PROBE_CHARACTERS: usize = 64;

/// Reads a file's bytes as what this task learns from.
///
/// # Errors
/// Says what is wrong with the file, for the place beside the text box.
pub fn from_bytes(bytes: &[u8], task: Task) -> Result<String, SpecError> {
    check_size(bytes.len(), task)?;
    if matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
        return Err(refused("This file is UTF-16. Save it as UTF-8 and drop it again."));
    }
    if bytes.iter().take(65_536).any(|byte| *byte == 0) {
        return Err(refused("This is not a text but a binary file."));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        refused(format!("This is not valid UTF-8: byte {at} ({:#04x}) belongs to no character.", bytes[at]))
    })?;
    from_str(text, task)
}

/// Takes a typed, pasted or linked text, with its line ends made `\n`.
///
/// # Errors
/// As [`from_bytes`].
pub fn from_str(text: &str, task: Task) -> Result<String, SpecError> {
    check_size(text.len(), task)?;
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
    match text.chars().take(2).count() {
        0 => Err(refused("The text is empty. Paste a page or more.")),
        1 => Err(refused("One character has no next character to learn. Paste a page or more.")),
        _ => Ok(text),
    }
}

/// Refuses what is too large, before it is read.
///
/// # Errors
/// Names the size and the limit.
pub fn check_size(bytes: usize, task: Task) -> Result<(), SpecError> {
    let most = if task == Task::Labels { limits::TABLE_BYTES } else { limits::TEXT_BYTES };
    if bytes <= most {
        return Ok(());
    }
    let (size, limit) = (format::bytes(bytes), format::bytes(most));
    Err(refused(format!("This text has {size}; at most {limit} can be taken.")))
}

/// Checks a probe text.
///
/// # Errors
/// Says how long it may be.
pub fn check_probe(probe: &str) -> Result<(), SpecError> {
    let (low, high) = (*limits::PROBE_CHARACTERS.start(), *limits::PROBE_CHARACTERS.end());
    match probe.chars().take(high + 1).count() {
        count if limits::PROBE_CHARACTERS.contains(&count) => Ok(()),
        _ => Err(SpecError::new("probe", format!("The probe text needs {low} to {high} characters."))),
    }
}

/// Reads a sampling temperature.
///
/// # Errors
/// Says what a temperature may be.
pub fn temperature(text: &str) -> Result<f32, SpecError> {
    let (low, high) = (*limits::TEMPERATURE.start(), *limits::TEMPERATURE.end());
    match number::parse(text.trim()).map(|number| number as f32) {
        Some(number) if limits::TEMPERATURE.contains(&number) => Ok(number),
        _ => {
            let message = format!("The temperature is a number from {} to {}.", number::show(low), number::show(high));
            Err(SpecError::new("temperature", message))
        }
    }
}

/// The probe text where none was chosen: the beginning of a text, the last text of a table.
pub fn default_probe(text: &str, task: Task) -> String {
    let row = || text.trim_end().lines().last()?.split_once(',');
    let read = if task == Task::Labels { row().map_or(text, |(_, last)| last) } else { text };
    read.chars().take(PROBE_CHARACTERS).collect()
}

fn refused(message: impl Into<String>) -> SpecError {
    SpecError::new("text", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::built_in;

    #[test]
    fn the_built_in_text_is_fit() {
        for (task, size) in [(Task::Text, 2_000..=4_000), (Task::Labels, 15_000..=20_000)] {
            let text = built_in(task);
            assert_eq!(from_str(text, task).as_deref(), Ok(text));
            assert!(size.contains(&text.len()));
            check_probe(&default_probe(text, task)).unwrap();
        }
        assert_eq!(default_probe("a,b\nc,\"d\"\n", Task::Labels), "\"d\"");
    }

    #[test]
    fn bad_files_are_named() {
        let message = |bytes: &[u8]| from_bytes(bytes, Task::Text).unwrap_err().message;
        assert!(message(b"").contains("empty"));
        assert!(message("\u{feff}".as_bytes()).contains("empty"));
        assert!(message("é".as_bytes()).contains("One character"));
        assert!(message(&vec![b'a'; 5_000_000]).contains("5.0 MB"));
        assert!(message(b"\x89PNG\0\0").contains("binary"));
        assert!(message(b"ab\xffcd").contains("byte 2 (0xff)"));
        assert!(message(b"\xff\xfea\0").contains("UTF-16"));
    }

    #[test]
    fn any_script_and_line_end_is_taken() {
        assert_eq!(from_bytes("\u{feff}学\r\nабв\rx".as_bytes(), Task::Text).unwrap(), "学\nабв\nx");
    }

    #[test]
    fn temperatures_are_checked() {
        assert_eq!(temperature(" 0.5 "), Ok(0.5));
        assert!(["", "abc", "0", "NaN", "6"].iter().all(|text| temperature(text).is_err()));
        assert!(check_probe("").is_err() && check_probe(&"x".repeat(129)).is_err());
    }
}
