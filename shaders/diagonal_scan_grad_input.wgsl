// dB (H, N, 2), total dL/dx_t (T, B, H, N, 2) -> du (T, B, H) = Re(sum over n of conj(dB) g_t).
// One invocation an element.
// import: index

struct Params {
    count: u32,
    channels: u32,
    modes: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<vec2f>;
@group(0) @binding(2) var<storage, read> total: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> du: array<f32>;

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
        sum += dot(input[weight + n], total[at * params.modes + n]);
    }
    du[at] = sum;
}
