//! Tables as RFC 4180 writes them: fields between commas, in quotation marks where they hold commas, quotation marks
//! (doubled) or line breaks. Any line end and a byte order mark are taken; empty lines are no rows.

use std::borrow::Cow;

/// A row that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Its number, from 1, as a spreadsheet counts: empty lines too.
    pub number: usize,
    /// Its columns.
    pub fields: Vec<Cow<'a, str>>,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The row, from 1.
    pub row: usize,
    /// The column, from 1.
    pub column: usize,
    /// A clause for the learner.
    pub message: String,
}

/// The rows of a table.
///
/// # Errors
/// A quotation mark that is never closed, or is closed before its field ends.
pub fn rows(text: &str) -> Result<Vec<Row<'_>>, Fault> {
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut rows, mut number) = (Vec::new(), 0);
    while !rest.is_empty() {
        number += 1;
        let mut fields = Vec::new();
        loop {
            let fault = |message| Fault { row: number, column: fields.len() + 1, message };
            let (field, after) = field(rest).map_err(fault)?;
            fields.push(field);
            match after.strip_prefix(',') {
                Some(after) => rest = after,
                None => {
                    rest = after.strip_prefix("\r\n").or_else(|| after.strip_prefix(['\n', '\r'])).unwrap_or(after);
                    break;
                }
            }
        }
        if fields.len() > 1 || !fields[0].is_empty() {
            rows.push(Row { number, fields });
        }
    }
    Ok(rows)
}

/// The field a text begins with, and what follows: nothing, a comma or a line end.
fn field(text: &str) -> Result<(Cow<'_, str>, &str), String> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find([',', '\n', '\r']).unwrap_or(text.len());
        return Ok((text[..end].into(), &text[end..]));
    };
    let mut value = String::new();
    loop {
        let Some((before, after)) = rest.split_once('"') else {
            return Err("a quotation mark opens this field and none closes it".to_owned());
        };
        value.push_str(before);
        match (after.strip_prefix('"'), after.chars().next()) {
            (Some(after), _) => {
                value.push('"');
                rest = after;
            }
            (None, None | Some(',' | '\n' | '\r')) => return Ok((value.into(), after)),
            (None, Some(other)) => {
                return Err(format!(
                    "after the closing quotation mark stands \u{201c}{other}\u{201d}; a quotation mark inside a field is doubled"
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(text: &str) -> Vec<Vec<String>> {
        let rows = rows(text).expect("a table");
        rows.into_iter().map(|row| row.fields.into_iter().map(Cow::into_owned).collect()).collect()
    }

    #[test]
    fn quotes_line_ends_and_marks_are_read() {
        let table = "\u{feff}label,text\r\n\r\na,\"one, \"\"two\"\"\r\nthree\"\rb,5\" wide\n\"c\",";
        let expected =
            [vec!["label", "text"], vec!["a", "one, \"two\"\r\nthree"], vec!["b", "5\" wide"], vec!["c", ""]];
        assert_eq!(fields(table), expected);
        assert_eq!(rows(table).expect("a table")[1].number, 3);
    }

    #[test]
    fn what_is_wrong_has_a_place() {
        let place = |text: &str| rows(text).map_err(|fault| (fault.row, fault.column)).expect_err("a fault");
        assert_eq!(place("a,b\n\nc,\"d"), (3, 2));
        assert_eq!(place("a,b\n\"c\"d,e"), (2, 1));
    }

    /// What a spreadsheet would write.
    fn written(table: &[Vec<String>]) -> String {
        let cell = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
        table.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(",") + "\r\n").collect()
    }

    proptest! {
        #[test]
        fn any_table_comes_back(table in prop::collection::vec(prop::collection::vec("(?s).{0,8}", 2..4), 0..6)) {
            prop_assert_eq!(fields(&written(&table)), table);
        }

        #[test]
        fn nothing_panics_and_every_character_is_accounted_for(text in "[ab,\"\\r\\n\u{feff}é]{0,40}") {
            if let Ok(rows) = rows(&text) {
                let kept: usize = rows.iter().flat_map(|row| &row.fields).map(|field| field.matches(['a', 'b', 'é']).count()).sum();
                prop_assert_eq!(kept, text.matches(['a', 'b', 'é']).count());
            }
        }
    }
}
