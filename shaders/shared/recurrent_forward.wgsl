// What the forward passes of recurrent layers share: their first operands, and W_hh times the state.
// bias_ih, bias_hh (G H), x_proj (T, B, G H), h0 (B, H).

@group(0) @binding(2) var<storage, read> bias_ih: array<f32>;
@group(0) @binding(3) var<storage, read> bias_hh: array<f32>;
@group(0) @binding(4) var<storage, read> x_proj: array<f32>;
@group(0) @binding(5) var<storage, read> h0: array<f32>;

fn bias(row: u32) -> f32 {
    return bias_ih[row] + bias_hh[row];
}

fn x_at(at: vec4u) -> vec4f {
    return vec4f(x_proj[at.x], x_proj[at.y], x_proj[at.z], x_proj[at.w]);
}

fn h0_at(at: vec4u) -> vec4f {
    return vec4f(h0[at.x], h0[at.y], h0[at.z], h0[at.w]);
}

// The step that comes at a place of the pass. A sequence that has no such step waits.
fn forward_step(place: u32, longest: u32) -> u32 {
    return select(place, longest - 1u - place, params.reverse == 1u);
}

// The operand of the next product: one number of each sequence from each unit. Those that are four apart lie side by
// side, as neighbours read them.
fn set_operand(local: u32, value: vec4f) {
    if (local < PADDED) {
        memory[(local % 4u) * (PADDED / 4u) + local / 4u] = select(vec4f(), value, vec4<bool>(local < UNITS));
    }
}

// Rows of the weights that make one product: whole blocks of UNITS rows, and into how many slices a row is cut, a
// power of two. Neighbours have neighbouring slices, so that they load whole cache lines.
struct Rows {
    first: u32,
    count: u32,
    slices: u32,
}

// The rows times the operand: a column for each block, what it is for the invocation's unit. An invocation has four rows
// a round, a round is what workgroup memory has room for. Until then the sums are in registers, hence no array: an index
// that is computed would move it to slower memory.
fn multiply(local: u32, rows: Rows) -> mat4x4f {
    let rounds = (rows.count * rows.slices + 1023u) / 1024u;
    var first = mat4x4f();
    var second = mat4x4f();
    var third = mat4x4f();
    var fourth = mat4x4f();
    workgroupBarrier();
    // Of few rows not every invocation has one.
    let end = select(0u, PADDED / 4u, local / rows.slices < rows.count);
    for (var quarter = local % rows.slices; quarter < end; quarter += rows.slices) {
        let operand = operand_at(quarter);
        first += products(local, rows, 0u, quarter, operand);
        if (rounds > 1u) {
            second += products(local, rows, 1u, quarter, operand);
        }
        if (rounds > 2u) {
            third += products(local, rows, 2u, quarter, operand);
        }
        if (rounds > 3u) {
            fourth += products(local, rows, 3u, quarter, operand);
        }
    }
    var totals = collect(local, rows, 0u, first, mat4x4f());
    if (rounds > 1u) {
        totals = collect(local, rows, 1u, second, totals);
    }
    if (rounds > 2u) {
        totals = collect(local, rows, 2u, third, totals);
    }
    if (rounds > 3u) {
        totals = collect(local, rows, 3u, fourth, totals);
    }
    workgroupBarrier();
    return totals;
}

// A column for each of four neighbouring numbers of the operand.
fn operand_at(quarter: u32) -> mat4x4f {
    let next = PADDED / 4u;
    return mat4x4f(memory[quarter], memory[next + quarter], memory[2u * next + quarter], memory[3u * next + quarter]);
}

// A column for each of the invocation's four rows of a round.
fn products(local: u32, rows: Rows, round: u32, quarter: u32, operand: mat4x4f) -> mat4x4f {
    let apart = 256u / rows.slices;
    let row = vec4u(4u * apart * round + local / rows.slices) + apart * vec4u(0u, 1u, 2u, 3u);
    let at = vec4u(rows.first) + min(row, vec4u(rows.count - 1u));
    return mat4x4f(
        operand * weights_at(at.x, quarter),
        operand * weights_at(at.y, quarter),
        operand * weights_at(at.z, quarter),
        operand * weights_at(at.w, quarter),
    );
}

// Shares the partial sums of a round and adds those of the unit's rows, where it has any in this round.
fn collect(local: u32, rows: Rows, round: u32, sums: mat4x4f, before: mat4x4f) -> mat4x4f {
    workgroupBarrier();
    memory[local] = sums[0];
    memory[256u + local] = sums[1];
    memory[512u + local] = sums[2];
    memory[768u + local] = sums[3];
    workgroupBarrier();
    let unit = min(local, UNITS - 1u);
    return mat4x4f(
        total(unit, rows, round, before[0]),
        total(UNITS + unit, rows, round, before[1]),
        total(2u * UNITS + unit, rows, round, before[2]),
        total(3u * UNITS + unit, rows, round, before[3]),
    );
}

// The sum of a row's slices, if it is one of this round. Each row starts at another one: no bank conflicts.
fn total(row: u32, rows: Rows, round: u32, before: vec4f) -> vec4f {
    let each = 1024u / rows.slices;
    if (row >= rows.count || row / each != round) {
        return before;
    }
    var sum = vec4f();
    for (var slice = 0u; slice < rows.slices; slice++) {
        sum += memory[row % each * rows.slices + (slice + row / 2u) % rows.slices];
    }
    return sum;
}
