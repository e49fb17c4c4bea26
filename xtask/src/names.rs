//! Dropping the function names from a WebAssembly module: a fifth of its bytes, of use to debuggers only.
//! wasm-opt does it too; this is for where there is none.

/// The preamble: magic number and version.
const HEADER: usize = 8;

/// The module without its `name` section; `None` if it is not well formed.
pub fn without_names(module: &[u8]) -> Option<Vec<u8>> {
    let (header, mut rest) = module.split_at_checked(HEADER)?;
    let mut kept = header.to_vec();
    while !rest.is_empty() {
        let (section, after) = split_section(rest)?;
        if !is_names(section)? {
            kept.extend_from_slice(section);
        }
        rest = after;
    }
    Some(kept)
}

/// The first section with its header, and all that follows it.
fn split_section(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (size, body) = leb128(bytes.get(1..)?)?;
    let header = bytes.len() - body.len();
    bytes.split_at_checked(header.checked_add(size)?)
}

/// Custom sections have the number 0 and begin with what they are called.
fn is_names(section: &[u8]) -> Option<bool> {
    let (_, body) = leb128(section.get(1..)?)?;
    if section[0] != 0 {
        return Some(false);
    }
    let (length, body) = leb128(body)?;
    Some(body.get(..length)? == b"name")
}

/// An unsigned number in seven bits a byte, and what follows it.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_the_names_and_nothing_else() {
        let header = b"\0asm\x01\0\0\0".to_vec();
        let types: &[u8] = b"\x01\x01\x00";
        let names: &[u8] = b"\x00\x87\x00\x04name\x00\x00";
        let other: &[u8] = b"\x00\x05\x04nama";
        let whole = [&header, types, names, other].concat();
        assert_eq!(without_names(&whole), Some([&header, types, other].concat()));
        assert_eq!(without_names(&whole[..whole.len() - 1]), None);
        assert_eq!(without_names(b"\0asm"), None);
    }
}
