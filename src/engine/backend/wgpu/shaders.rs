//! The WGSL files of `shaders/`, built into the program, and their imports.

/// Kernels by name: the file's name without `.wgsl`.
macro_rules! files {
    ($folder:literal: $($name:ident)*) => {
        &[$((stringify!($name), include_str!(concat!("../../../../", $folder, stringify!($name), ".wgsl")))),*]
    };
}

/// Every kernel: name and text.
pub const KERNELS: &[(&str, &str)] = files!["shaders/":
    additive_energy
    additive_energy_grad
    affine
    argmax
    argmax_equals
    binary
    cache_write
    cached_attention
    concat
    conv1d_causal
    conv1d_causal_grad_input
    conv1d_causal_grad_weight
    copy
    cross_entropy
    cross_entropy_grad
    diagonal_scan
    diagonal_scan_grad
    diagonal_scan_grad_input
    diagonal_scan_grad_weights
    discretise
    discretise_grad
    dropout
    einsum
    embedding
    embedding_grad
    expand_last
    expand_leading
    fill
    final_state
    final_state_grad
    group_norms
    gru_backward
    gru_forward
    gru_textbook_backward
    gru_textbook_forward
    layer_norm
    layer_norm_grad
    length_mask
    log_softmax
    log_softmax_grad
    logsumexp
    long_conv
    long_conv_grad_kernel
    lstm_backward
    lstm_forward
    matmul
    not_equal
    optimise
    pad
    previous
    recurrent_pack
    rnn_backward
    rnn_forward
    row_norm
    sample_token
    select_ids
    selective_scan
    selective_scan_grad
    selective_scan_grad_delta
    selective_scan_grad_input
    selective_scan_grad_poles
    selective_scan_grad_projection
    slice
    softmax
    softmax_grad
    sum_last
    sum_leading
    transpose
    unary
    unary_grad
    weighted_mean
    weighted_mean_grad
];

/// What kernels import, from `shaders/shared/`.
const SHARED: &[(&str, &str)] = files!["shaders/shared/": complex discretise index math norm recurrent rows];

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
