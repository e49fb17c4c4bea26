// y (T, B, H), the state each step started from: h (T, B, H) a step before (after, with reverse 1), h0 (B, H) at a
// sequence's first step, 0 beyond its end. With RAGGED 1 lengths (B) are its steps. One invocation an element.
// import: index

override RAGGED: u32 = 0u;

struct Params {
    count: u32,
    state: u32,
    width: u32,
    reverse: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> h: array<f32>;
@group(0) @binding(2) var<storage, read> h0: array<f32>;
@group(0) @binding(3) var<storage, read> lengths: array<u32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

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
    let first = select(t == 0u, t + 1u >= length, params.reverse == 1u);
    if (t >= length) {
        y[at] = 0.0;
    } else if (first) {
        y[at] = h0[place];
    } else {
        y[at] = h[select(at - params.state, at + params.state, params.reverse == 1u)];
    }
}
