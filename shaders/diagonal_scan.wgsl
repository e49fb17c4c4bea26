// u (T, B, H), dA, dB, C (H, N, 2), x0 (B, H, N, 2) -> y (T, B, H), states (T, B, H, N, 2). x_t = dA x_(t-1) + dB
// u_t, y_t = 2 Re(sum over n of C x_t). A workgroup takes CHANNELS channels of a sequence with all modes (MODES:
// their number rounded up to a power of two) and cuts time into CHUNKS, scanned side by side: first from nothing,
// then from what the chunks before leave.
// import: math, complex

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
@group(0) @binding(2) var<storage, read> decay: array<vec2f>;
@group(0) @binding(3) var<storage, read> input: array<vec2f>;
@group(0) @binding(4) var<storage, read> output: array<vec2f>;
@group(0) @binding(5) var<storage, read> x0: array<vec2f>;
@group(0) @binding(6) var<storage, read_write> y: array<f32>;
@group(0) @binding(7) var<storage, read_write> states: array<vec2f>;

// What a chunk makes of a state x: power x + end, (end, power).
var<workgroup> chunks: array<vec4f, 256>;

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
    let a = decay[channel * params.modes + mode];
    let b = input[channel * params.modes + mode];
    if (CHUNKS > 1u) {
        var end = vec2f(0.0);
        var power = vec2f(1.0, 0.0);
        for (var i = 0u; i < params.chunk; i++) {
            if (first + i < params.steps) {
                end = times(a, end) + b * u[(first + i) * stride + sequence];
                power = times(a, power);
            }
        }
        chunks[local] = vec4f(end, power);
    }
    workgroupBarrier();
    var x = x0[sequence * params.modes + mode];
    for (var earlier = 0u; earlier < CHUNKS - 1u; earlier++) {
        let effect = chunks[earlier * MODES * CHANNELS + lane];
        x = select(x, times(effect.zw, x) + effect.xy, earlier < chunk);
    }
    for (var i = 0u; i < params.chunk; i++) {
        let at = (first + i) * stride + sequence;
        if (first + i < params.steps && exists) {
            x = times(a, x) + b * u[at];
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
                let c = output[to * params.modes + n];
                sum += dot(vec2f(c.x, -c.y), states[(row * params.channels + to) * params.modes + n]);
            }
            y[row * params.channels + to] = 2.0 * sum;
        }
    }
}
