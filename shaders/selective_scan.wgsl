// u, delta (T, B, D), A (D, N), B, C (T, B, N), x0 (B, D, N) -> y (T, B, D), states (T, B, D, N). x_t = exp(delta_t
// A) x_(t-1) + delta_t B_t u_t, y_t = sum over n of C_t x_t. A workgroup takes CHANNELS channels of a sequence with
// all modes (MODES: their number rounded up to a power of two) and cuts time into CHUNKS, scanned side by side: first
// from nothing, then from what the chunks before leave.
// import: math

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
@group(0) @binding(1) var<storage, read> u: array<f32>;
@group(0) @binding(2) var<storage, read> delta: array<f32>;
@group(0) @binding(3) var<storage, read> a: array<f32>;
@group(0) @binding(4) var<storage, read> b: array<f32>;
@group(0) @binding(5) var<storage, read> c: array<f32>;
@group(0) @binding(6) var<storage, read> x0: array<f32>;
@group(0) @binding(7) var<storage, read_write> y: array<f32>;
@group(0) @binding(8) var<storage, read_write> states: array<f32>;

// What a chunk makes of a state x: power x + end, (end, power).
var<workgroup> chunks: array<vec2f, 256>;

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
        for (var i = 0u; i < params.chunk; i++) {
            if (first + i < params.steps) {
                let at = (first + i) * stride + sequence;
                let decay = exp1(delta[at] * pole);
                end = decay * end + delta[at] * u[at] * b[at / params.channels * params.modes + mode];
                power *= decay;
            }
        }
        chunks[local] = vec2f(end, power);
    }
    workgroupBarrier();
    var x = x0[sequence * params.modes + mode];
    for (var earlier = 0u; earlier < CHUNKS - 1u; earlier++) {
        let effect = chunks[earlier * MODES * CHANNELS + lane];
        x = select(x, effect.y * x + effect.x, earlier < chunk);
    }
    for (var i = 0u; i < params.chunk; i++) {
        if (first + i < params.steps && exists) {
            let at = (first + i) * stride + sequence;
            let came_in = delta[at] * u[at] * b[at / params.channels * params.modes + mode];
            x = exp1(delta[at] * pole) * x + came_in;
            states[at * params.modes + mode] = x;
        }
    }
    storageBarrier();
    for (var at = local; at < params.steps * CHANNELS; at += 256u) {
        let to = group.x * CHANNELS + at % CHANNELS;
        if (to < params.channels) {
            let row = at / CHANNELS * params.batch + group.y;
            var sum = 0.0;
            for (var n = 0u; n < params.modes; n++) {
                sum += c[row * params.modes + n] * states[(row * params.channels + to) * params.modes + n];
            }
            y[row * params.channels + to] = sum;
        }
    }
}
