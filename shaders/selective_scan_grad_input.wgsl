// u, delta (T, B, D), B (T, B, N), total g (T, B, D, N) -> du (T, B, D) = delta sum of B g, and the part u sum of B g
// of ddelta (T, B, D), to which selective_scan_grad_delta adds the rest. One invocation an element.
// import: index

struct Params {
    count: u32,
    channels: u32,
    modes: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> u: array<f32>;
@group(0) @binding(2) var<storage, read> delta: array<f32>;
@group(0) @binding(3) var<storage, read> b: array<f32>;
@group(0) @binding(4) var<storage, read> total: array<f32>;
@group(0) @binding(5) var<storage, read_write> du: array<f32>;
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
    let row = at / params.channels * params.modes;
    var sum = 0.0;
    for (var n = 0u; n < params.modes; n++) {
        sum += b[row + n] * total[at * params.modes + n];
    }
    du[at] = delta[at] * sum;
    d_delta[at] = u[at] * sum;
}
