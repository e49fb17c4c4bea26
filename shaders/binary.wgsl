// y = a op b: a, y (N), b (M) repeats over the leading axes of a. OPERATION 0 +, 1 -, 2 *, 3 /.
// One invocation an element.
// import: index

override OPERATION: u32 = 0u;

struct Params {
    count: u32,
    period: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

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
    let left = a[at];
    let right = b[at % params.period];
    switch (OPERATION) {
        case 0u: { y[at] = left + right; }
        case 1u: { y[at] = left - right; }
        case 2u: { y[at] = left * right; }
        default: { y[at] = left / right; }
    }
}
