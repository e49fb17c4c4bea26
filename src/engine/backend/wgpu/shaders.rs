//! The WGSL files of `shaders/`, all built into the program, without their comments (`build.rs`), and their imports.

/// Every kernel: name, which is the file's without `.wgsl`, and text.
pub const KERNELS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/shaders.rs"));

/// What kernels import, from `shaders/shared/`.
const SHARED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/shared.rs"));

/// A kernel's text with its imports in front: those of its line `// import: a, b`.
///
/// # Panics
/// When there is no such kernel or import; a test goes through all of them.
pub fn source(kernel: &str) -> String {
    let text = find(KERNELS, kernel);
    let imports = text.lines().find_map(|line| line.strip_prefix("// import: ")).unwrap_or_default();
    let mut whole: String =
        imports.split(", ").filter(|name| !name.is_empty()).map(|name| find(SHARED, name)).collect();
    whole.push_str(text);
    whole
}

fn find(files: &'static [(&str, &str)], name: &str) -> &'static str {
    let file = files.iter().find(|(known, _)| *known == name);
    file.unwrap_or_else(|| panic!("there is no shader {name}")).1
}
