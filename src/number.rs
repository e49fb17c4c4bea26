//! Numbers as text and back. The standard library's functions are right to the last bit of every f64 and bring 25 kB of
//! tables and code for it to each program; these are for numbers that a person writes: right where there are at most 15
//! digits and 22 decimals.

/// The number that `text` writes in decimals, with or without an exponent; `None` for anything else, "inf" too.
pub fn parse(text: &str) -> Option<f64> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i16>().ok()?),
        None => (text, 0),
    };
    let unsigned = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
    let (whole, decimals) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    if whole.len() + decimals.len() == 0 {
        return None;
    }
    let mut number = 0.0;
    for digit in whole.bytes().chain(decimals.bytes()) {
        number = number * 10.0 + f64::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    let number = times_ten_to(number, i32::from(exponent) - decimals.len() as i32);
    Some(if mantissa.starts_with('-') { -number } else { number })
}

/// The shortest decimals that [`parse`] reads as this f32; never an exponent.
pub fn show(value: f32) -> String {
    let size = f64::from(value.abs());
    if size == 0.0 || !value.is_finite() {
        return if size == 0.0 { "0".to_owned() } else { fixed(f64::from(value), 0) };
    }
    let mut first = 0;
    while times_ten_to(1.0, first + 1) <= size {
        first += 1;
    }
    while times_ten_to(1.0, first) > size {
        first -= 1;
    }
    // Nine digits tell every f32 from its neighbours.
    let digits = |count: i32| (times_ten_to(size, count - 1 - first).round(), first + 1 - count);
    let (digits, exponent) = (1..9)
        .map(digits)
        .find(|(digits, exponent)| times_ten_to(*digits, *exponent) as f32 == value.abs())
        .unwrap_or_else(|| digits(9));
    // What is a little below a power of ten is rounded up to ten units.
    let (digits, exponent) = if digits % 10.0 == 0.0 { (digits / 10.0, exponent + 1) } else { (digits, exponent) };
    let text = match exponent {
        0.. => format!("{}{}", digits as u64, "0".repeat(exponent as usize)),
        _ => with_point(digits as u64, exponent.unsigned_abs() as usize),
    };
    signed(value.is_sign_negative(), text)
}

/// The number with so many decimals, below 1.8e19 with all its digits; halves are rounded away from zero.
pub fn fixed(value: f64, decimals: usize) -> String {
    let text = match () {
        () if value.is_nan() => return "NaN".to_owned(),
        () if value.is_infinite() => "inf".to_owned(),
        () => with_point(times_ten_to(value.abs(), decimals as i32).round() as u64, decimals),
    };
    signed(value.is_sign_negative(), text)
}

fn signed(negative: bool, text: String) -> String {
    if negative { format!("-{text}") } else { text }
}

/// The digits with a point before the last `decimals`.
fn with_point(digits: u64, decimals: usize) -> String {
    let mut text = format!("{digits:0width$}", width = decimals + 1);
    if decimals > 0 {
        text.insert(text.len() - decimals, '.');
    }
    text
}

/// Rounded once, where `number` is whole and below 2^53 and the power is at most 22: both are exact then.
fn times_ten_to(number: f64, power: i32) -> f64 {
    let scale = |power: u32| 10f64.powi(power as i32);
    match power {
        0.. => number * scale(power.unsigned_abs()),
        _ => number / scale(power.unsigned_abs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_standard_library_reads() {
        for text in
            ["0", "-0", "7", "+1.5", "0.1", "-2.75e-3", "1e6", ".5", "5.", "4294967295", "0.0001", "123456.789E2"]
        {
            assert_eq!(parse(text).map(f64::to_bits), text.parse().ok().map(f64::to_bits), "{text}");
        }
        for text in ["", "-", ".", "e5", "1e", "inf", "NaN", "0x10", "1 2", "1,5", "--1", "1e99999"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("1e400"), Some(f64::INFINITY));
    }

    #[test]
    fn shows_what_the_standard_library_shows() {
        let mut bits = 12345_u32;
        let random = (0..200_000).map(|_| {
            bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from_bits(bits)
        });
        let sensible = random.filter(|value| (1e-9..1e9).contains(&value.abs()));
        for value in
            sensible.chain([0.0, 1.0, 0.1, 0.7, 1e-6, 10.0, 128.0, -0.005, 16_777_216.0, 1e9, f32::INFINITY, f32::NAN])
        {
            assert_eq!(show(value), value.to_string());
        }
    }

    #[test]
    fn decimals() {
        let fixed_of = |value| [0, 1, 3].map(|decimals| fixed(value, decimals)).join(" ");
        assert_eq!(fixed_of(1234.5678), "1235 1234.6 1234.568");
        assert_eq!(fixed_of(-0.0625), "-0 -0.1 -0.063");
        assert_eq!(fixed_of(0.0), "0 0.0 0.000");
        assert_eq!(fixed_of(f64::NEG_INFINITY), "-inf -inf -inf");
    }
}
