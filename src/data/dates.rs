//! Dates as people write them, and as ISO 8601 writes them: `5 march 1998` is `1998-03-05`. In lower case, in English.

/// Characters of a date as it may be written, and of one in ISO 8601.
pub const SYMBOLS: &str = "0123456789-./, abcdefghijlmnoprstuvy";
/// Characters of the longest form: `september 25, 1998`.
pub const LONGEST: usize = 18;
/// Characters of a date in ISO 8601: year, month and day.
pub const ISO: usize = 10;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
/// Letters that name a month.
const SHORT: usize = 3;
/// The years that are made.
const YEARS: (u32, u32) = (1900, 2099);

/// A day of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// 1 to 9999.
    pub year: u32,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31, as many as the month has.
    pub day: u32,
}

/// Ways of writing a date.
pub const FORMS: u32 = 7;

impl Date {
    /// The day, if the calendar has it.
    pub fn new(year: u32, month: u32, day: u32) -> Option<Date> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            2 => 28 + u32::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        ((1..=9999).contains(&year) && (1..=days).contains(&day)).then_some(Date { year, month, day })
    }

    /// A day, by a source of numbers below a bound.
    pub fn draw(mut below: impl FnMut(u32) -> u32) -> Date {
        let (year, month) = (YEARS.0 + below(YEARS.1 - YEARS.0 + 1), 1 + below(12));
        // Every month has 28 days; the others as often as they come.
        let (day, instead) = (1 + below(31), 1 + below(28));
        Date::new(year, month, day).unwrap_or(Date { year, month, day: instead })
    }

    /// `1998-03-05`.
    pub fn iso(self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    /// One of the [`FORMS`].
    pub fn written(self, form: u32) -> String {
        let Date { year, month, day } = self;
        let name = MONTHS[month as usize - 1];
        let short = &name[..SHORT];
        match form {
            0 => format!("{day} {name} {year}"),
            1 => format!("{name} {day}, {year}"),
            2 => format!("{day} {short} {year}"),
            3 => format!("{short} {day}, {year}"),
            4 => format!("{day}.{month}.{year}"),
            5 => format!("{day}. {name} {year}"),
            _ => format!("{year}/{month}/{day}"),
        }
    }

    /// The date that a text says: with the month by name, day before month before year with dots or spaces, or year first.
    /// `None` where it says none. (`3/5/1998` is a different day on either side of an ocean: it is read day first.)
    pub fn read(text: &str) -> Option<Date> {
        let text = text.to_ascii_lowercase();
        let words: Vec<&str> =
            text.split(|symbol: char| !symbol.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let named = words.iter().find_map(|word| month(word));
        let numbers: Vec<u32> = words.iter().filter_map(|word| ordinal(word)).collect();
        match (named, numbers.as_slice()) {
            (Some(month), [year, day]) if *year > 31 => Date::new(*year, month, *day),
            (Some(month), [day, year]) => Date::new(*year, month, *day),
            (None, [year, month, day]) if *year > 31 => Date::new(*year, *month, *day),
            (None, [day, month, year]) => Date::new(*year, *month, *day),
            _ => None,
        }
    }
}

/// The month that a word names, by its first letters at least.
fn month(word: &str) -> Option<u32> {
    let named = |name: &&str| word.len() >= SHORT && name.starts_with(word);
    MONTHS.iter().position(named).map(|at| at as u32 + 1)
}

/// `5`, or `5th`.
fn ordinal(word: &str) -> Option<u32> {
    let digits = word.trim_end_matches(char::is_alphabetic);
    let ending = &word[digits.len()..];
    let fits = digits.len() <= 4 && ["", "st", "nd", "rd", "th"].contains(&ending);
    fits.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read() {
        let date = Date::new(1998, 9, 25).expect("a day");
        assert_eq!(date.iso(), "1998-09-25");
        for form in 0..FORMS {
            let text = date.written(form);
            assert_eq!(Date::read(&text), Some(date), "{text}");
            assert!(text.len() <= LONGEST && text.chars().all(|symbol| SYMBOLS.contains(symbol)), "{text}");
        }
        assert_eq!(Date::read("the 25th of Sept, 1998"), Some(date));
        for nothing in ["", "25", "30 february 2001", "29.2.1900", "1998", "ju 5 1998", "may", "99999 may 1"] {
            assert_eq!(Date::read(nothing), None, "{nothing}");
        }
        assert!(Date::read("29.2.2000").is_some());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_not(text in ".{0,40}") {
            if let Some(date) = Date::read(&text) {
                prop_assert_eq!(Date::new(date.year, date.month, date.day), Some(date));
            }
        }

        #[test]
        fn every_drawn_day_exists(numbers in proptest::collection::vec(any::<u32>(), 4), form in 0..FORMS) {
            let mut numbers = numbers.into_iter();
            let date = Date::draw(|bound| numbers.next().unwrap_or(0) % bound);
            prop_assert_eq!(Date::read(&date.iso()), Some(date));
            prop_assert_eq!(Date::read(&date.written(form)), Some(date));
        }
    }
}
