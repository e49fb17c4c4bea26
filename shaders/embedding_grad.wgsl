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
        for (var n = slice * chunk; n < min(params.count, (slice + 1u) * chunk); n++) {
            if (ids[n] == id) {
                sum += dy[n * params.width + column];
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
