// dweight (V, E) = sums of the rows of dy (N, E) by id, ids (N); 0 in the row `padding` (if PADS 1). A workgroup sums
// 64 columns of one row: four slices look through a quarter of the ids each and are then added.
// import: index

override PADS: u32 = 0u;

struct Params {
    count: u32,
    width: u32,
    rows: u32,
    padding: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dweight: array<f32>;

var<workgroup> sums: array<f32, 256>;

// An element of dy, or 0.
fn dy_where(hit: bool, n: u32, column: u32) -> f32 {
    if (hit) {
        return dy[n * params.width + column];
    }
    return 0.0;
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let blocks = (params.width + 63u) / 64u;
    let at = flat_group(group, groups);
    let id = at / blocks;
    let column = at % blocks * 64u + local % 64u;
    let slice = local / 64u;
    let chunk = (params.count + 3u) / 4u;
    var sum = 0.0;
    if (column < params.width && !(PADS == 1u && id == params.padding)) {
        let end = min(params.count, (slice + 1u) * chunk);
        for (var n = slice * chunk; n < end; n += 4u) {
            // Four loads at a time are under way; beyond the end the last id is loaded and not counted.
            let at = vec4u(n, n + 1u, n + 2u, n + 3u);
            let near = min(at, vec4u(params.count - 1u));
            let found = vec4u(ids[near.x], ids[near.y], ids[near.z], ids[near.w]);
            let hits = (found == vec4u(id)) & (at < vec4u(end));
            if (any(hits)) {
                sum += dy_where(hits.x, at.x, column);
                sum += dy_where(hits.y, at.y, column);
                sum += dy_where(hits.z, at.z, column);
                sum += dy_where(hits.w, at.w, column);
            }
        }
    }
    sums[local] = sum;
    workgroupBarrier();
    let to = id * params.width + column;
    if (slice == 0u && column < params.width && id < params.rows) {
        dweight[to] = (sums[local] + sums[local + 64u]) + (sums[local + 128u] + sums[local + 192u]);
    }
}
