// Matrix products y = a b, one for each place of a batch, over operands that lie anyhow: a place, a row, a column and a
// step of K are so many elements apart in each tensor. A workgroup of 8 by 8 computes a tile of 32 by 32, an invocation
// 4 by 4 of it; 8 steps of K at a time go through workgroup memory. Places of the batch are along z.

override A_ALONG_K: u32 = 0u;
override B_ALONG_K: u32 = 0u;

const SIDE: u32 = 8u;

struct Params {
    m: u32,
    n: u32,
    k: u32,
    // Places of the inner batch.
    inner: u32,
    // Elements from place to place of the outer and the inner batch, in a, b and y.
    outer_a: u32,
    outer_b: u32,
    outer_y: u32,
    inner_a: u32,
    inner_b: u32,
    inner_y: u32,
    row_a: u32,
    row_y: u32,
    column_b: u32,
    column_y: u32,
    k_a: u32,
    k_b: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// [step of K][four rows or columns]; one column more than needed keeps the banks apart.
var<workgroup> tile_a: array<vec4f, SIDE * (SIDE + 1u)>;
var<workgroup> tile_b: array<vec4f, SIDE * (SIDE + 1u)>;

// The step of K and the four rows (or columns) an invocation loads: neighbours load neighbours in memory.
fn part(local: u32, along_k: bool) -> vec2u {
    return select(vec2u(local / SIDE, local % SIDE), vec2u(local % SIDE, local / SIDE), along_k);
}

fn load_a(start: u32, row: u32, k: u32) -> vec4f {
    let rows = vec4u(row) + vec4u(0u, 1u, 2u, 3u);
    // Outside the last element is loaded instead.
    let at = start + min(rows, vec4u(params.m - 1u)) * params.row_a + min(k, params.k - 1u) * params.k_a;
    let value = vec4f(a[at.x], a[at.y], a[at.z], a[at.w]);
    return select(vec4f(0.0), value, (rows < vec4u(params.m)) & vec4<bool>(k < params.k));
}

fn load_b(start: u32, column: u32, k: u32) -> vec4f {
    let columns = vec4u(column) + vec4u(0u, 1u, 2u, 3u);
    let at = start + min(columns, vec4u(params.n - 1u)) * params.column_b + min(k, params.k - 1u) * params.k_b;
    let value = vec4f(b[at.x], b[at.y], b[at.z], b[at.w]);
    return select(vec4f(0.0), value, (columns < vec4u(params.n)) & vec4<bool>(k < params.k));
}

fn store(start: u32, row: u32, column: u32, value: vec4f) {
    if (row >= params.m) {
        return;
    }
    for (var i = 0u; i < 4u; i++) {
        if (column + i < params.n) {
            y[start + row * params.row_y + (column + i) * params.column_y] = value[i];
        }
    }
}

@compute @workgroup_size(SIDE, SIDE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let place = vec2u(group.z / params.inner, group.z % params.inner);
    let start_a = place.x * params.outer_a + place.y * params.inner_a;
    let start_b = place.x * params.outer_b + place.y * params.inner_b;
    let start_y = place.x * params.outer_y + place.y * params.inner_y;
    let first_row = group.y * 4u * SIDE;
    let first_column = group.x * 4u * SIDE;
    let own_a = part(local, A_ALONG_K == 1u);
    let own_b = part(local, B_ALONG_K == 1u);
    let x = local % SIDE;
    let z = local / SIDE;
    var sums = array<vec4f, 4>();
    for (var k = 0u; k < params.k; k += SIDE) {
        tile_a[own_a.x * (SIDE + 1u) + own_a.y] = load_a(start_a, first_row + 4u * own_a.y, k + own_a.x);
        tile_b[own_b.x * (SIDE + 1u) + own_b.y] = load_b(start_b, first_column + 4u * own_b.y, k + own_b.x);
        workgroupBarrier();
        for (var i = 0u; i < SIDE; i++) {
            let left = tile_a[i * (SIDE + 1u) + z];
            let right = tile_b[i * (SIDE + 1u) + x];
            sums[0] += left.x * right;
            sums[1] += left.y * right;
            sums[2] += left.z * right;
            sums[3] += left.w * right;
        }
        workgroupBarrier();
    }
    let row = first_row + 4u * z;
    let column = first_column + 4u * x;
    store(start_y, row, column, sums[0]);
    store(start_y, row + 1u, column, sums[1]);
    store(start_y, row + 2u, column, sums[2]);
    store(start_y, row + 3u, column, sums[3]);
}
