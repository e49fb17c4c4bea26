// What the kernels of recurrent layers share. A workgroup runs four sequences through all steps: the components of
// every vec4f are the sequences, an invocation owns one unit (hence at most 256 units), and the loop over time is
// inside. Each step multiplies an operand in workgroup memory with the weights, which stream through once for the
// four sequences: an invocation holds the sums of four outputs by four sequences, 16 multiply-adds for each vec4f
// of weights it loads. Where there are fewer than 256 groups of four outputs, slices of the rows share the sum.

override UNITS: u32 = 4u;
// UNITS rounded up to a multiple of four: the weights' columns are padded with zeros.
override PADDED: u32 = 4u;

struct Params {
    steps: u32,
    batch: u32,
    // 1: from each sequence's last step to its first.
    reverse: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// Rows of the operand by groups of four outputs.
@group(0) @binding(1) var<storage, read> weights: array<vec4f>;

// Steps of each sequence, four to a vector; more than `steps` count as `steps`. Beyond its end a sequence's outputs are
// zero. Uniform, so that loops may end by it.
@group(0) @binding(9) var<uniform> lengths: array<vec4u, 32>;

// The operand, then the partial sums: never both.
var<workgroup> memory: array<vec4f, 1024>;

// The four sequences of a workgroup. Beyond the last they are the last again: the same invocation then computes and
// writes the same numbers more than once.
fn sequences(group: u32) -> vec4u {
    return min(vec4u(4u * group) + vec4u(0u, 1u, 2u, 3u), vec4u(params.batch - 1u));
}

fn end(sequence: u32) -> u32 {
    return min(lengths[min(sequence / 4u, 31u)][sequence % 4u], params.steps);
}

// The steps of the sequences, and of the longest.
fn ends_of(lanes: vec4u) -> vec4u {
    return vec4u(end(lanes.x), end(lanes.y), end(lanes.z), end(lanes.w));
}

fn longest_of(ends: vec4u) -> u32 {
    return max(max(ends.x, ends.y), max(ends.z, ends.w));
}

// The step that comes at a place of the forward pass, and of the backward pass. A sequence that has no such step waits.
fn forward_step(place: u32, longest: u32) -> u32 {
    return select(place, longest - 1u - place, params.reverse == 1u);
}

fn backward_step(place: u32, longest: u32) -> u32 {
    return select(longest - 1u - place, place, params.reverse == 1u);
}

// Whether step t is the one that starts from the initial state.
fn is_first(t: u32, ends: vec4u) -> vec4<bool> {
    return select(vec4<bool>(t == 0u), vec4u(t + 1u) >= ends, params.reverse == 1u);
}

// The rows (t B + sequence) of the states before step t; those of step t where it is the first.
fn rows_before(t: u32, lanes: vec4u, first: vec4<bool>) -> vec4u {
    let before = select(t - 1u, t + 1u, params.reverse == 1u);
    return lanes + params.batch * select(vec4u(before), vec4u(t), first);
}

// Where partial sums lie: permuted within a group of four, so that neither writing (stride four) nor reading
// (stride one) has bank conflicts.
fn place(output: u32) -> u32 {
    return (output & ~3u) | ((output + (output >> 3u)) & 3u);
}

// A part of the weights, and how the work on it is shared: columns * slices <= 256. `stride` counts the columns of
// the whole; all counts of columns are groups of four.
struct Block {
    first_row: u32,
    rows: u32,
    first_column: u32,
    columns: u32,
    stride: u32,
    slices: u32,
}

// memory[..rows] times the block; call `total` for the results, then a barrier, before memory is written again.
fn multiply(local: u32, block: Block) {
    let slice = local / block.columns;
    let column = local % block.columns;
    let chunk = (block.rows + block.slices - 1u) / block.slices;
    let end = min(block.rows, (slice + 1u) * chunk);
    var k = select(end, slice * chunk, slice < block.slices);
    var at = (block.first_row + k) * block.stride + block.first_column + column;
    var sums = mat4x4f();
    workgroupBarrier();
    // Eight loads at a time are under way.
    for (; k + 8u <= end; k += 8u) {
        let w0 = weights[at];
        let w1 = weights[at + block.stride];
        let w2 = weights[at + 2u * block.stride];
        let w3 = weights[at + 3u * block.stride];
        let w4 = weights[at + 4u * block.stride];
        let w5 = weights[at + 5u * block.stride];
        let w6 = weights[at + 6u * block.stride];
        let w7 = weights[at + 7u * block.stride];
        sums = add_product(sums, w0, memory[k]);
        sums = add_product(sums, w1, memory[k + 1u]);
        sums = add_product(sums, w2, memory[k + 2u]);
        sums = add_product(sums, w3, memory[k + 3u]);
        sums = add_product(sums, w4, memory[k + 4u]);
        sums = add_product(sums, w5, memory[k + 5u]);
        sums = add_product(sums, w6, memory[k + 6u]);
        sums = add_product(sums, w7, memory[k + 7u]);
        at += 8u * block.stride;
    }
    for (; k < end; k++) {
        sums = add_product(sums, weights[at], memory[k]);
        at += block.stride;
    }
    workgroupBarrier();
    if (slice < block.slices) {
        memory[place(4u * local)] = sums[0];
        memory[place(4u * local + 1u)] = sums[1];
        memory[place(4u * local + 2u)] = sums[2];
        memory[place(4u * local + 3u)] = sums[3];
    }
    workgroupBarrier();
}

// A column for each of four outputs, a row for each of four sequences.
fn add_product(sums: mat4x4f, w: vec4f, x: vec4f) -> mat4x4f {
    return mat4x4f(sums[0] + w.x * x, sums[1] + w.y * x, sums[2] + w.z * x, sums[3] + w.w * x);
}

// One output of the last product, counted from the block's first column, for the four sequences.
fn total(output: u32, block: Block) -> vec4f {
    var sum = memory[place(output)];
    for (var slice = 1u; slice < block.slices; slice++) {
        sum += memory[place(output + 4u * block.columns * slice)];
    }
    return sum;
}
