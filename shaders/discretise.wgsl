// dt (H), A, B (H, N, 2) -> dA, dB (H, N, 2): steps of x' = A x + B u; see shared/discretise. One invocation a mode.
// import: index, math, complex, discretise

struct Params {
    count: u32,
    modes: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dt: array<f32>;
@group(0) @binding(2) var<storage, read> a: array<vec2f>;
@group(0) @binding(3) var<storage, read> b: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> decay: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> input: array<vec2f>;

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
    let step = dt[at / params.modes];
    let rule = step_of(step * a[at]);
    decay[at] = rule.decay;
    input[at] = times(step * rule.phi, b[at]);
}
