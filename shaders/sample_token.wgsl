// y (N) = the token at which the cumulated softmax of a row of logits (N, V) passes the uniform number (N) in 0..1;
// the last that weighs anything, where rounding keeps it below. One invocation a row: vocabularies are small, and the
// sums are made in the order of the tokens.
// import: index, math

struct Params {
    count: u32,
    width: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> uniforms: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let row = flat_group(group, groups) * 256u + local;
    if (row >= params.count) {
        return;
    }
    let start = row * params.width;
    var top = -3.4e38;
    for (var i = 0u; i < params.width; i += 1u) {
        top = max(top, logits[start + i]);
    }
    var total = 0.0;
    for (var i = 0u; i < params.width; i += 1u) {
        total += exp1(logits[start + i] - top);
    }
    var left = uniforms[row] * total;
    var token = 0u;
    for (var i = 0u; i < params.width; i += 1u) {
        let weight = exp1(logits[start + i] - top);
        if (left >= 0.0 && weight > 0.0) {
            token = i;
            left -= weight;
        }
    }
    y[row] = token;
}
