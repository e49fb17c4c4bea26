// One optimiser step in place (torch.optim's formulas): gradients (P), norms (groups), hyper (8; see
// engine::optimiser) -> parameters (P), states (P) a, b, c; those an optimiser does not have are not touched.
// Gradients are multiplied with min(1, max_norm / (total + 1e-6)), total = sqrt(sum of norms^2).
// METHOD 0 SGD: g += wd p; a = g at the first step, else mu a + (1 - dampening) g; p -= lr (nesterov ? g + mu a : a).
// 1 RMSprop: g += wd p; a = alpha a + (1 - alpha) g^2; if CENTERED the mean m = alpha m + (1 - alpha) g, a - m^2 in
// place of a; s = g / (sqrt(a) + eps); if MOMENTUM b = mu b + s, p -= lr b, else p -= lr s. m is c after b, else b.
// 2 Adam: g += wd p (DECOUPLED: p *= 1 - lr wd); a = beta1 a + (1 - beta1) g; b = beta2 b + (1 - beta2) g^2;
// p -= lr / (1 - beta1^k) a / (sqrt(b) / sqrt(1 - beta2^k) + eps).
// One invocation an element.
// import: index, norm

override METHOD: u32 = 0u;
override MOMENTUM: u32 = 0u;
override NESTEROV: u32 = 0u;
override CENTERED: u32 = 0u;
override DECOUPLED: u32 = 0u;

struct Params {
    count: u32,
    groups: u32,
    weight_decay: f32,
    // mu of SGD and RMSprop.
    momentum: f32,
    // 1 - dampening.
    fresh: f32,
    eps: f32,
    // alpha, or beta1; and 1 - it.
    decay_1: f32,
    rest_1: f32,
    // beta2, and 1 - it.
    decay_2: f32,
    rest_2: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradients: array<f32>;
@group(0) @binding(2) var<storage, read> norms: array<f32>;
@group(0) @binding(3) var<storage, read> hyper: array<f32>;
@group(0) @binding(4) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(5) var<storage, read_write> a: array<f32>;
@group(0) @binding(6) var<storage, read_write> b: array<f32>;
@group(0) @binding(7) var<storage, read_write> c: array<f32>;

fn clip_factor() -> f32 {
    var sums = vec3f();
    for (var i = 0u; i < params.groups; i++) {
        sums = add_square(sums, norms[i]);
    }
    let total = norm_of(sums) + 1e-6;
    return select(1.0, hyper[1] / total, total > hyper[1]);
}

fn sgd(at: u32, p: f32, gradient: f32) {
    let g = gradient + params.weight_decay * p;
    var change = g;
    if (MOMENTUM == 1u) {
        var velocity = g;
        if (hyper[4] != 1.0) {
            velocity = params.momentum * a[at] + params.fresh * g;
        }
        a[at] = velocity;
        change = velocity;
        if (NESTEROV == 1u) {
            change = g + params.momentum * velocity;
        }
    }
    parameters[at] = p - hyper[0] * change;
}

fn rmsprop(at: u32, p: f32, gradient: f32) {
    let g = gradient + params.weight_decay * p;
    let square = params.decay_1 * a[at] + params.rest_1 * g * g;
    a[at] = square;
    var variance = square;
    if (CENTERED == 1u) {
        var mean = params.rest_1 * g;
        if (MOMENTUM == 1u) {
            mean += params.decay_1 * c[at];
            c[at] = mean;
        } else {
            mean += params.decay_1 * b[at];
            b[at] = mean;
        }
        variance -= mean * mean;
    }
    // Rounding must not make it negative.
    var change = g / (sqrt(max(variance, 0.0)) + params.eps);
    if (MOMENTUM == 1u) {
        change += params.momentum * b[at];
        b[at] = change;
    }
    parameters[at] = p - hyper[0] * change;
}

fn adam(at: u32, before: f32, gradient: f32) {
    var p = before;
    var g = gradient;
    if (DECOUPLED == 1u) {
        p *= 1.0 - hyper[0] * params.weight_decay;
    } else {
        g += params.weight_decay * p;
    }
    let mean = params.decay_1 * a[at] + params.rest_1 * g;
    let square = params.decay_2 * b[at] + params.rest_2 * g * g;
    a[at] = mean;
    b[at] = square;
    parameters[at] = p - hyper[0] / hyper[2] * mean / (sqrt(square) / hyper[3] + params.eps);
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let at = flat_group(group, groups) * 256u + local;
    if (at >= params.count) {
        return;
    }
    let p = parameters[at];
    let g = gradients[at] * clip_factor();
    switch (METHOD) {
        case 0u: { sgd(at, p, g); }
        case 1u: { rmsprop(at, p, g); }
        default: { adam(at, p, g); }
    }
}
