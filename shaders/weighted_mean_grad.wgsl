// dvalues (N) = weights / sum(weights) dy (); 0 where the weights sum to 0. Every workgroup sums all the weights and
// writes 1024 elements.
// import: index, rows

struct Params {
    count: u32,
    width: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dvalues: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    var sum = 0.0;
    for (var i = local; i < params.width; i += LANES) {
        sum += weights[i];
    }
    let total = row_sum(sum, local);
    let scale = select(dy[0] / total, 0.0, total == 0.0);
    let first = flat_group(group, groups) * 1024u;
    for (var i = first + local; i < min(first + 1024u, params.width); i += LANES) {
        dvalues[i] = weights[i] * scale;
    }
}
