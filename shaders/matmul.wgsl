// Matrix product y (M, N) = a b. a is (M, K), or (K, M) with TRANSPOSE_A 1; b is (K, N), or (N, K) with TRANSPOSE_B 1.
// A workgroup of SIDE by SIDE invocations computes a tile of 4 SIDE by 4 SIDE, an invocation 4 by 4 of it; SIDE steps
// of K at a time go through workgroup memory, four rows of a (or columns of b) to a vec4f, the next ones being loaded
// meanwhile. Workgroups along z each take `chunk` steps of K and write their own y: y is (z, M, N), to be summed.
// With RAGGED 1 the rows of a (and of b, with TRANSPOSE_A 1) are steps of `batch` sequences side by side, and those
// beyond the ends, lengths (batch), count as zeros.

override SIDE: u32 = 16u;
override TRANSPOSE_A: u32 = 0u;
override TRANSPOSE_B: u32 = 0u;
override RAGGED: u32 = 0u;

struct Params {
    m: u32,
    n: u32,
    k: u32,
    chunk: u32,
    batch: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> lengths: array<u32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

// [step of K][four rows or columns]; one column more than needed keeps the banks apart.
var<workgroup> tile_a: array<vec4f, SIDE * (SIDE + 1u)>;
var<workgroup> tile_b: array<vec4f, SIDE * (SIDE + 1u)>;

// Which vec4f of a tile an invocation loads: neighbours load neighbours in memory.
struct Part {
    step: u32,
    quad: u32,
}

fn part(local: u32, along_k: bool) -> Part {
    let fast = local % SIDE;
    let slow = local / SIDE;
    if (along_k) {
        return Part(fast, slow);
    }
    return Part(slow, fast);
}

// Whether a row of the tensors is no padding.
fn is_real(row: u32) -> bool {
    return row / params.batch < lengths[row % params.batch];
}

// Elements row .. row + 3 of a at step k; 0 outside.
fn load_a(row: u32, k: u32, end: u32) -> vec4f {
    let rows = vec4u(row) + vec4u(0u, 1u, 2u, 3u);
    // Outside the last element is loaded instead.
    let near = min(rows, vec4u(params.m - 1u));
    let step = min(k, params.k - 1u);
    var at = near * params.k + step;
    if (TRANSPOSE_A == 1u) {
        at = step * params.m + near;
    }
    let value = vec4f(a[at.x], a[at.y], a[at.z], a[at.w]);
    var inside = (rows < vec4u(params.m)) & vec4<bool>(k < end);
    if (RAGGED == 1u && TRANSPOSE_A == 1u) {
        inside &= vec4<bool>(is_real(step));
    } else if (RAGGED == 1u) {
        inside &= vec4<bool>(is_real(near.x), is_real(near.y), is_real(near.z), is_real(near.w));
    }
    return select(vec4f(0.0), value, inside);
}

// Elements column .. column + 3 of b at step k; 0 outside.
fn load_b(column: u32, k: u32, end: u32) -> vec4f {
    let columns = vec4u(column) + vec4u(0u, 1u, 2u, 3u);
    let near = min(columns, vec4u(params.n - 1u));
    let step = min(k, params.k - 1u);
    var at = step * params.n + near;
    if (TRANSPOSE_B == 1u) {
        at = near * params.k + step;
    }
    let value = vec4f(b[at.x], b[at.y], b[at.z], b[at.w]);
    var inside = (columns < vec4u(params.n)) & vec4<bool>(k < end);
    if (RAGGED == 1u && TRANSPOSE_A == 1u) {
        inside &= vec4<bool>(is_real(step));
    }
    return select(vec4f(0.0), value, inside);
}

// Writes columns .. column + 3 of a row of y.
fn store(z: u32, row: u32, column: u32, value: vec4f) {
    if (row >= params.m) {
        return;
    }
    let at = (z * params.m + row) * params.n + column;
    if (column < params.n) {
        y[at] = value.x;
    }
    if (column + 1u < params.n) {
        y[at + 1u] = value.y;
    }
    if (column + 2u < params.n) {
        y[at + 2u] = value.z;
    }
    if (column + 3u < params.n) {
        y[at + 3u] = value.w;
    }
}

@compute @workgroup_size(SIDE, SIDE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let first_row = group.y * 4u * SIDE;
    let first_column = group.x * 4u * SIDE;
    let begin = group.z * params.chunk;
    let end = min(params.k, begin + params.chunk);
    let own_a = part(local, TRANSPOSE_A == 0u);
    let own_b = part(local, TRANSPOSE_B == 1u);
    let row_a = first_row + 4u * own_a.quad;
    let column_b = first_column + 4u * own_b.quad;
    let x = local % SIDE;
    let z = local / SIDE;
    var sums = array<vec4f, 4>();
    var next_a = load_a(row_a, begin + own_a.step, end);
    var next_b = load_b(column_b, begin + own_b.step, end);
    for (var k = begin; k < end; k += SIDE) {
        tile_a[own_a.step * (SIDE + 1u) + own_a.quad] = next_a;
        tile_b[own_b.step * (SIDE + 1u) + own_b.quad] = next_b;
        workgroupBarrier();
        next_a = load_a(row_a, k + SIDE + own_a.step, end);
        next_b = load_b(column_b, k + SIDE + own_b.step, end);
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
    store(group.z, row, column, sums[0]);
    store(group.z, row + 1u, column, sums[1]);
    store(group.z, row + 2u, column, sums[2]);
    store(group.z, row + 3u, column, sums[3]);
}
