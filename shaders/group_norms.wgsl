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
    // Four loads at a time are under way; beyond the end the last element is loaded and not counted.
    for (var i = local; i < len; i += 1024u) {
        let at = vec4u(i, i + 256u, i + 512u, i + 768u);
        let near = start + min(at, vec4u(len - 1u));
        let loaded = vec4f(gradients[near.x], gradients[near.y], gradients[near.z], gradients[near.w]);
        let x = select(vec4f(0.0), loaded, at < vec4u(len));
        sums = add_square(add_square(add_square(add_square(sums, x.x), x.y), x.z), x.w);
    }
    let small = row_sum(sums.x, local);
    let middling = row_sum(sums.y, local);
    let large = row_sum(sums.z, local);
    if (local == 0u) {
        norms[params.first + group.x] = norm_of(vec3f(small, middling, large));
    }
}
