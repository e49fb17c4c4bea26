// Attention of one query (1, B, D) a sequence to the keys (L, B, D) up to its position: weights (B, heads, L) are the
// softmax of query . key within each head, 0 beyond the position; y (1, B, D) = the values weighted so.
// A workgroup for each sequence and head: an invocation takes every 256th key, then every 256th unit of the result.
// import: index, math, rows

struct Params {
    longest: u32,
    heads: u32,
    // Units of a head.
    width: u32,
    // B * D.
    all: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> query: array<f32>;
@group(0) @binding(2) var<storage, read> keys: array<f32>;
@group(0) @binding(3) var<storage, read> values: array<f32>;
@group(0) @binding(4) var<storage, read> position: array<u32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;
@group(0) @binding(6) var<storage, read_write> weights: array<f32>;

fn energy(first: u32, key: u32) -> f32 {
    var sum = 0.0;
    for (var i = first; i < first + params.width; i++) {
        sum += query[i] * keys[key * params.all + i];
    }
    return sum;
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    // Beyond the last the last is done again.
    let at = min(flat_group(group, groups), params.all / params.width - 1u);
    let seen = min(position[at / params.heads] + 1u, params.longest);
    let first = at * params.width;
    let start = at * params.longest;
    var top = -3.4e38;
    for (var key = local; key < seen; key += 256u) {
        let value = energy(first, key);
        weights[start + key] = value;
        top = max(top, value);
    }
    top = row_max(top, local);
    var sum = 0.0;
    for (var key = local; key < seen; key += 256u) {
        let value = exp1(weights[start + key] - top);
        weights[start + key] = value;
        sum += value;
    }
    let scale = 1.0 / row_sum(sum, local);
    for (var key = local; key < params.longest; key += 256u) {
        weights[start + key] = select(0.0, weights[start + key] * scale, key < seen);
    }
    storageBarrier();
    for (var unit = first + local; unit < first + params.width; unit += 256u) {
        var result = 0.0;
        for (var key = 0u; key < seen; key++) {
            result += weights[start + key] * values[key * params.all + unit];
        }
        y[unit] = result;
    }
}
