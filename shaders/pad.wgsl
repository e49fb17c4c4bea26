// y (outer, whole) is 0 but y[.., start .. start + part] = x (outer, part): a range of an axis, with the axes after it
// flattened into it. One invocation an element of y.
// import: index

struct Params {
    count: u32,
    whole: u32,
    part: u32,
    start: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let at = flat_group(group, groups) * 256u + local;
    if (at >= params.count) {
        return;
    }
    let column = at % params.whole;
    // Below the start this wraps around and is no part either.
    let inside = column - params.start;
    var value = 0.0;
    if (inside < params.part) {
        value = x[at / params.whole * params.part + inside];
    }
    y[at] = value;
}
