// y (T, B, H) = h0 (B, H), then h (T, B, H) without its last step. One invocation an element.
// import: index

struct Params {
    count: u32,
    state: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> h: array<f32>;
@group(0) @binding(2) var<storage, read> h0: array<f32>;
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
    if (at < params.state) {
        y[at] = h0[at];
    } else {
        y[at] = h[at - params.state];
    }
}
