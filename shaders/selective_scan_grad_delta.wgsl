// delta (T, B, D), A (D, N), states (T, B, D, N), x0 (B, D, N), total g (T, B, D, N): adds the sum of
// g A exp(delta A) x_(t-1) to ddelta (T, B, D). One invocation an element.
// import: index, math

struct Params {
    count: u32,
    channels: u32,
    modes: u32,
    // B D: elements of a step.
    step: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> delta: array<f32>;
@group(0) @binding(2) var<storage, read> a: array<f32>;
@group(0) @binding(3) var<storage, read> states: array<f32>;
@group(0) @binding(4) var<storage, read> x0: array<f32>;
@group(0) @binding(5) var<storage, read> total: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_delta: array<f32>;

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
    let weight = at % params.channels * params.modes;
    var sum = 0.0;
    for (var n = 0u; n < params.modes; n++) {
        var before = x0[min(at, params.step - 1u) * params.modes + n];
        if (at >= params.step) {
            before = states[(at - params.step) * params.modes + n];
        }
        sum += total[at * params.modes + n] * a[weight + n] * exp1(delta[at] * a[weight + n]) * before;
    }
    d_delta[at] += sum;
}
