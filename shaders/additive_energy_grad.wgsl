// v times the sums of s (1 - tanh^2), tanh (I, B, J, A) and s = dL/d(energies) (I, B, J): over the keys J, which is the
// gradient of the query (I, B, A), or with KEYS 1 over the queries I, which is that of the keys (J, B, A).
// One invocation an element of the gradient.
// import: index

override KEYS: u32 = 0u;

struct Params {
    count: u32,
    width: u32,
    batch: u32,
    keys: u32,
    // I.
    queries: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> activations: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read> s: array<f32>;
@group(0) @binding(4) var<storage, read_write> d: array<f32>;

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
    let row = at / params.width;
    let unit = at % params.width;
    var place = row * params.keys;
    var stride = 1u;
    var terms = params.keys;
    if (KEYS == 1u) {
        place = row % params.batch * params.keys + row / params.batch;
        stride = params.batch * params.keys;
        terms = params.queries;
    }
    var sum = 0.0;
    for (var i = 0u; i < terms; i++) {
        let value = activations[place * params.width + unit];
        sum += s[place] * (1.0 - value * value);
        place += stride;
    }
    d[at] = sum * v[unit];
}
