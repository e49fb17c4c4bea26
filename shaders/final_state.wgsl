// y (B, H) = h (T, B, H) at the last step of each sequence, at step 0 with reverse 1; 0 for a sequence without steps.
// With RAGGED 1 lengths (B) are its steps. One invocation an element.
// import: index

override RAGGED: u32 = 0u;

struct Params {
    count: u32,
    width: u32,
    steps: u32,
    reverse: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> h: array<f32>;
@group(0) @binding(2) var<storage, read> lengths: array<u32>;
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
    var length = params.steps;
    if (RAGGED == 1u) {
        length = min(length, lengths[at / params.width]);
    }
    if (length == 0u) {
        y[at] = 0.0;
    } else {
        y[at] = h[select(length - 1u, 0u, params.reverse == 1u) * params.count + at];
    }
}
