// dh (T, B, H) = dy (B, H) at the last step of each sequence, at step 0 with reverse 1, else 0. With RAGGED 1 lengths
// (B) are its steps. One invocation an element.
// import: index

override RAGGED: u32 = 0u;

struct Params {
    count: u32,
    state: u32,
    width: u32,
    reverse: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> lengths: array<u32>;
@group(0) @binding(3) var<storage, read_write> dh: array<f32>;

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
    let t = at / params.state;
    let place = at % params.state;
    var length = params.count / params.state;
    if (RAGGED == 1u) {
        length = min(length, lengths[place / params.width]);
    }
    let last = select(t + 1u == length, t == 0u && length > 0u, params.reverse == 1u);
    if (last) {
        dh[at] = dy[place];
    } else {
        dh[at] = 0.0;
    }
}
