// energies (I, B, J) = v . tanh(query (I, B, A) + keys (J, B, A)); tanh (I, B, J, A) is kept.
// One energy for LANES invocations; see shared/rows.
// import: index, math, rows

struct Params {
    count: u32,
    width: u32,
    keys: u32,
    batch: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> query: array<f32>;
@group(0) @binding(2) var<storage, read> keys: array<f32>;
@group(0) @binding(3) var<storage, read> v: array<f32>;
@group(0) @binding(4) var<storage, read_write> energies: array<f32>;
@group(0) @binding(5) var<storage, read_write> activations: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let row = row_of(flat_group(group, groups), local, params.count, params.width);
    let query_row = row.at / params.keys;
    let key_row = row.at % params.keys * params.batch + query_row % params.batch;
    var sum = 0.0;
    for (var i = row.first; i < row.end; i += LANES) {
        let unit = i - row.start;
        let value = tanh4(vec4f(query[query_row * params.width + unit] + keys[key_row * params.width + unit])).x;
        if (row.exists) {
            activations[i] = value;
        }
        sum += value * v[unit];
    }
    let energy = row_sum(sum, local);
    if (row.exists && row.first == row.start) {
        energies[row.at] = energy;
    }
}
