// delta (T, B, D), A (D, N), C (T, B, N), dy (T, B, D), outside (T, B, D, N) -> total dL/dx_t (T, B, D, N), dx0 (B,
// D, N). g_t = C_t dy_t + exp(delta_(t+1) A) g_(t+1), and what comes from outside the scan if OUTSIDE. A workgroup
// takes CHANNELS channels of a sequence with all modes (MODES: their number rounded up to a power of two) and cuts
// time into CHUNKS, scanned side by side: first from nothing, then from what the chunks after leave.
// import: math

override OUTSIDE: u32 = 0u;
override MODES: u32 = 16u;
override CHANNELS: u32 = 1u;
override CHUNKS: u32 = 16u;

struct Params {
    steps: u32,
    batch: u32,
    channels: u32,
    modes: u32,
    // Steps of a chunk.
    chunk: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> delta: array<f32>;
@group(0) @binding(2) var<storage, read> a: array<f32>;
@group(0) @binding(3) var<storage, read> c: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read> outside: array<f32>;
@group(0) @binding(6) var<storage, read_write> total: array<f32>;
@group(0) @binding(7) var<storage, read_write> d_x0: array<f32>;

// What a chunk makes of the gradient k that the step after it hands back: power k + end, (end, power).
var<workgroup> chunks: array<vec2f, 256>;

fn direct(at: u32, mode: u32) -> f32 {
    let own = c[at / params.channels * params.modes + mode] * dy[at];
    if (OUTSIDE == 1u) {
        return own + outside[at * params.modes + mode];
    }
    return own;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let lane = local % (MODES * CHANNELS);
    let chunk = local / (MODES * CHANNELS);
    let wanted = group.x * CHANNELS + lane / MODES;
    let exists = wanted < params.channels && lane % MODES < params.modes;
    let channel = min(wanted, params.channels - 1u);
    let mode = min(lane % MODES, params.modes - 1u);
    let sequence = group.y * params.channels + channel;
    let stride = params.batch * params.channels;
    let first = chunk * params.chunk;
    let pole = a[channel * params.modes + mode];
    if (CHUNKS > 1u) {
        var end = 0.0;
        var power = 1.0;
        for (var i = params.chunk; i > 0u; i--) {
            if (first + i <= params.steps) {
                let at = (first + i - 1u) * stride + sequence;
                let decay = exp1(delta[at] * pole);
                end = decay * (end + direct(at, mode));
                power *= decay;
            }
        }
        chunks[local] = vec2f(end, power);
    }
    workgroupBarrier();
    var k = 0.0;
    for (var later = CHUNKS - 1u; later > 0u; later--) {
        let effect = chunks[later * MODES * CHANNELS + lane];
        k = select(k, effect.y * k + effect.x, later > chunk);
    }
    for (var i = params.chunk; i > 0u; i--) {
        if (first + i <= params.steps && exists) {
            let at = (first + i - 1u) * stride + sequence;
            let g = k + direct(at, mode);
            total[at * params.modes + mode] = g;
            k = exp1(delta[at] * pole) * g;
        }
    }
    if (chunk == 0u && exists) {
        d_x0[sequence * params.modes + mode] = k;
    }
}
