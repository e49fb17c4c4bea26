//! Numbers and characters as the page writes them.

use crate::number;

/// `value` with `decimals` decimals and a true minus sign; never "−0.00".
pub fn fixed(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return infinite(value);
    }
    let text = number::fixed(value, decimals);
    let zero = text.bytes().all(|byte| matches!(byte, b'-' | b'0' | b'.'));
    if zero { text.trim_start_matches('-').to_owned() } else { text.replace('-', "\u{2212}") }
}

/// `value` with about `digits` significant digits; powers of ten where it is very small or very large.
pub fn significant(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return infinite(value);
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let exponent = value.abs().log10().floor() as i32;
    // 9.999 with two decimals is 10.00: then the next power it is.
    let rounds_up = value.abs() / 10f64.powi(exponent) + 0.5 * 0.1f64.powi(digits as i32 - 1) >= 10.0;
    let exponent = exponent + i32::from(rounds_up);
    if (-3..6).contains(&exponent) {
        let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
        return fixed(value, decimals);
    }
    let mantissa = fixed(value / 10f64.powi(exponent), digits - 1);
    format!("{mantissa}\u{00d7}{}", power(exponent))
}

fn infinite(value: f64) -> String {
    if value.is_nan() {
        "not a number".to_owned()
    } else if value > 0.0 {
        "\u{221e}".to_owned()
    } else {
        "\u{2212}\u{221e}".to_owned()
    }
}

/// 10 to the `exponent`, with a raised exponent.
pub fn power(exponent: i32) -> String {
    const RAISED: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let digits = exponent.unsigned_abs().to_string();
    let sign = if exponent < 0 { "⁻" } else { "" };
    let raised: String = digits.bytes().map(|digit| RAISED[usize::from(digit - b'0')]).collect();
    format!("10{sign}{raised}")
}

/// A whole number with its thousands set apart by a thin space.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 * 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A count of bytes: "12 kB".
pub fn bytes(count: usize) -> String {
    match count {
        0..1_000 => format!("{count} bytes"),
        1_000..1_000_000 => format!("{} kB", significant(count as f64 / 1e3, 2)),
        _ => format!("{} MB", significant(count as f64 / 1e6, 2)),
    }
}

/// A symbol of the vocabulary so that it can be seen: spaces and line ends get a sign.
pub fn visible(symbol: &str) -> &str {
    match symbol {
        " " | "\u{a0}" => "\u{2423}",
        "\n" | "\r" => "\u{23ce}",
        "\t" => "\u{21e5}",
        _ => symbol,
    }
}

/// `text` with the characters HTML gives a meaning escaped.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            _ => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(fixed(-0.0004, 3), "0.000");
        assert_eq!(fixed(-1.5, 2), "\u{2212}1.50");
        assert_eq!(significant(0.012345, 3), "0.0123");
        assert_eq!(significant(1.5e-7, 2), "1.5×10⁻⁷");
        assert_eq!(significant(f64::from(1e-5f32), 3), "1.00×10⁻⁵");
        assert_eq!(significant(f64::NAN, 2), "not a number");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(grouped(12), "12");
        assert_eq!(bytes(5_000_000), "5.0 MB");
        assert_eq!(bytes(999), "999 bytes");
    }
}
