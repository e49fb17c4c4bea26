// norms (groups) = Euclidean norms of ranges of gradients (P), for numbers of any magnitude. One workgroup a range.
// import: norm, rows

struct Params {
    // The place in norms of the first range here.
    first: u32,
    unused_1: u32,
    unused_2: u32,
    unused_3: u32,
    // Offset and length of each range.
    ranges: array<vec4u, 64>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradients: array<f32>;
@group(0) @binding(2) var<storage, read_write> norms: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let start = params.ranges[group.x].x;
    let len = params.ranges[group.x].y;
    var sums = vec3f();
    for (var i = local; i < len; i += 256u) {
        sums = add_square(sums, gradients[start + i]);
    }
    let small = row_sum(sums.x, local);
    let middling = row_sum(sums.y, local);
    let large = row_sum(sums.z, local);
    if (local == 0u) {
        norms[params.first + group.x] = norm_of(vec3f(small, middling, large));
    }
}
