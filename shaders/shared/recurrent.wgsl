// What the kernels of recurrent layers share. A workgroup runs four sequences through all steps: the components of
// every vec4f are the sequences, an invocation owns one unit (hence at most 256 units), and the loop over time is
// inside. Each step multiplies an operand in workgroup memory with the weights, which stream through once for the
// four sequences: an invocation has the sums of four outputs by four sequences, 16 multiply-adds for each vec4f
// of weights it loads. Slices of a sum are shared between invocations.

override UNITS: u32 = 4u;
// UNITS rounded up to a multiple of four.
override PADDED: u32 = 4u;

struct Params {
    steps: u32,
    batch: u32,
    // 1: from each sequence's last step to its first.
    reverse: u32,
    // Of the states, which are bound as one buffer, where all but the first start.
    second: u32,
    third: u32,
    fourth: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// weight_hh (G H, H).
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

// Four neighbours in a row of the weights, which is read where it lies; zeros beyond its end. Only where all rows are
// whole vectors they can be loaded as such.
fn weights_at(row: u32, quarter: u32) -> vec4f {
    if (UNITS % 4u == 0u) {
        return weights[row * (UNITS / 4u) + quarter];
    }
    let column = vec4u(4u * quarter) + vec4u(0u, 1u, 2u, 3u);
    let at = vec4u(row * UNITS) + column;
    return select(vec4f(), vec4f(weight(at.x), weight(at.y), weight(at.z), weight(at.w)), column < vec4u(UNITS));
}

fn weight(at: u32) -> f32 {
    return weights[at / 4u][at % 4u];
}
