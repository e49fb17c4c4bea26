//! The script that goes with a module: the long names by which the two know each other are for people who debug.

use std::collections::HashMap;

use crate::survey::Survey;

/// How the names that wasm-bindgen makes up begin. Others, like `memory`, are ordinary words of a script.
const MADE_UP: [&str; 3] = ["__wbg_", "__wbindgen_", "wasm_bindgen__"];

/// Short names for what the module imports and exports.
pub fn short_names(survey: &Survey) -> HashMap<String, String> {
    let exported = survey.exports.keys().copied();
    let mut names: Vec<&str> = survey.imports.iter().copied().chain(exported).collect();
    names.retain(|name| MADE_UP.iter().any(|beginning| name.starts_with(beginning)));
    names.sort_unstable();
    names.dedup();
    names.iter().enumerate().map(|(place, name)| ((*name).to_owned(), format!("_{place}"))).collect()
}

/// The script with those names, without indentation and comments that have lines to themselves.
pub fn shortened(script: &str, names: &HashMap<String, String>) -> String {
    let mut in_comment = false;
    let mut shorter = String::with_capacity(script.len());
    for line in script.lines().map(str::trim) {
        in_comment |= line.starts_with("/*");
        if !in_comment && !line.is_empty() && !line.starts_with("//") {
            renamed(line, names, &mut shorter);
            shorter.push('\n');
        }
        in_comment &= !line.ends_with("*/");
    }
    shorter
}

/// Appends a line with its identifiers replaced.
fn renamed(mut line: &str, names: &HashMap<String, String>, out: &mut String) {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "_$".contains(letter);
    while let Some(start) = line.find(is_part) {
        let (before, rest) = line.split_at(start);
        let (name, after) = rest.split_at(rest.find(|letter| !is_part(letter)).unwrap_or(rest.len()));
        out.push_str(before);
        out.push_str(names.get(name).map_or(name, String::as_str));
        line = after;
    }
    out.push_str(line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_names_are_replaced_and_comments_dropped() {
        let names = HashMap::from([("__wbg_now_1".to_owned(), "_0".to_owned())]);
        let script = "/**\n * __wbg_now_1\n */\nfunction f() {\n    // why\n    __wbg_now_1: x.__wbg_now_1(\"//\"), __wbg_now_12 };\n\n";
        assert_eq!(shortened(script, &names), "function f() {\n_0: x._0(\"//\"), __wbg_now_12 };\n");
    }
}
