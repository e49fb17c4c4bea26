// dA, C (H, N, 2), dy (T, B, H), outside (T, B, H, N, 2) -> total dL/dx_t (T, B, H, N, 2), dx0 (B, H, N, 2). g_t = 2
// conj(C) dy_t + conj(dA) g_(t+1), and what comes from outside the scan if OUTSIDE. A workgroup takes CHANNELS
// channels of a sequence with all modes (MODES: their number rounded up to a power of two) and cuts time into CHUNKS,
// scanned side by side: first from nothing, then from what the chunks after leave.
// import: math, complex

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
@group(0) @binding(1) var<storage, read> decay: array<vec2f>;
@group(0) @binding(2) var<storage, read> output: array<vec2f>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read> outside: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> total: array<vec2f>;
@group(0) @binding(6) var<storage, read_write> d_x0: array<vec2f>;

// What a chunk makes of the gradient k that the step after it hands back: power k + end, (end, power).
var<workgroup> chunks: array<vec4f, 256>;

fn direct(at: u32, mode: u32, twice_c: vec2f) -> vec2f {
    let own = twice_c * dy[at];
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
    let a = decay[channel * params.modes + mode];
    let c = output[channel * params.modes + mode] * vec2f(2.0, -2.0);
    if (CHUNKS > 1u) {
        var end = vec2f(0.0);
        var power = vec2f(1.0, 0.0);
        for (var i = params.chunk; i > 0u; i--) {
            if (first + i <= params.steps) {
                end = conjugate_times(a, end + direct((first + i - 1u) * stride + sequence, mode, c));
                power = conjugate_times(a, power);
            }
        }
        chunks[local] = vec4f(end, power);
    }
    workgroupBarrier();
    var k = vec2f(0.0);
    for (var later = CHUNKS - 1u; later > 0u; later--) {
        let effect = chunks[later * MODES * CHANNELS + lane];
        k = select(k, times(effect.zw, k) + effect.xy, later > chunk);
    }
    for (var i = params.chunk; i > 0u; i--) {
        let at = (first + i - 1u) * stride + sequence;
        if (first + i <= params.steps && exists) {
            let g = k + direct(at, mode, c);
            total[at * params.modes + mode] = g;
            k = conjugate_times(a, g);
        }
    }
    if (chunk == 0u && exists) {
        d_x0[sequence * params.modes + mode] = k;
    }
}
