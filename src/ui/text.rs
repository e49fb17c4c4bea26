//! Texts before they are sent: what a file must be to be a training text, and the text we begin with.

use crate::number;
use crate::spec::{SpecError, limits};
use crate::ui::format;

/// The text a lab begins with: a verse for every month, so regular that a small model soon writes in its manner.
pub const BUILT_IN: &str = include_str!("built_in.txt");

/// Bytes of a text of one's own that still travel in the address.
pub const LINK_BYTES: usize = 2_000;

/// Characters of the probe text, where none was chosen: the beginning of the training text.
const PROBE_CHARACTERS: usize = 64;

/// Reads a file's bytes as a training text.
///
/// # Errors
/// Says what is wrong with the file, for the place beside the text box.
pub fn from_bytes(bytes: &[u8]) -> Result<String, SpecError> {
    check_size(bytes.len())?;
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
    from_str(text)
}

/// Takes a typed, pasted or linked text, with its line ends made `\n`.
///
/// # Errors
/// As [`from_bytes`].
pub fn from_str(text: &str) -> Result<String, SpecError> {
    check_size(text.len())?;
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
pub fn check_size(bytes: usize) -> Result<(), SpecError> {
    if bytes <= limits::TEXT_BYTES {
        return Ok(());
    }
    let (size, limit) = (format::bytes(bytes), format::bytes(limits::TEXT_BYTES));
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

/// The probe text where none was chosen.
pub fn default_probe(text: &str) -> String {
    text.chars().take(PROBE_CHARACTERS).collect()
}

fn refused(message: impl Into<String>) -> SpecError {
    SpecError::new("text", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_text_is_fit() {
        assert_eq!(from_str(BUILT_IN).as_deref(), Ok(BUILT_IN));
        assert!((2_000..=4_000).contains(&BUILT_IN.len()));
        check_probe(&default_probe(BUILT_IN)).unwrap();
    }

    #[test]
    fn bad_files_are_named() {
        let message = |bytes: &[u8]| from_bytes(bytes).unwrap_err().message;
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
        assert_eq!(from_bytes("\u{feff}学\r\nабв\rx".as_bytes()).unwrap(), "学\nабв\nx");
    }

    #[test]
    fn temperatures_are_checked() {
        assert_eq!(temperature(" 0.5 "), Ok(0.5));
        assert!(["", "abc", "0", "NaN", "6"].iter().all(|text| temperature(text).is_err()));
        assert!(check_probe("").is_err() && check_probe(&"x".repeat(129)).is_err());
    }
}
