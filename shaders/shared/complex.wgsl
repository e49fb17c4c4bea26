// Complex numbers as vec2f (re, im). Needs math.

const HALF_PI_HIGH: f32 = 1.5703125;
const HALF_PI_MIDDLE: f32 = 4.837512969970703e-4;
const HALF_PI_LOW: f32 = 7.549789955e-8;

fn times(a: vec2f, b: vec2f) -> vec2f {
    return vec2f(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}

// conj(a) b.
fn conjugate_times(a: vec2f, b: vec2f) -> vec2f {
    return vec2f(a.x * b.x + a.y * b.y, a.x * b.y - a.y * b.x);
}

fn reciprocal(z: vec2f) -> vec2f {
    return vec2f(z.x, -z.y) / dot(z, z);
}

// (sin x, cos x), for |x| up to 8192 within 2e-7; WGSL's own are only near 0 that exact.
fn sin_cos(x: f32) -> vec2f {
    let n = round(x * 0.63661977);
    let r = clamp(fma(n, -HALF_PI_LOW, fma(n, -HALF_PI_MIDDLE, fma(n, -HALF_PI_HIGH, x))), -0.8, 0.8);
    let z = r * r;
    let s = fma(r * z, fma(fma(-1.951397998e-4, z, 8.332151332e-3), z, -0.1666665446), r);
    let c = fma(z * z, fma(fma(2.443166821e-5, z, -1.388730346e-3), z, 4.166664543e-2), fma(-0.5, z, 1.0));
    let quadrant = i32(n);
    let exchanged = select(vec2f(s, c), vec2f(c, s), (quadrant & 1) == 1);
    return exchanged * vec2f(select(1.0, -1.0, (quadrant & 2) == 2), select(1.0, -1.0, ((quadrant + 1) & 2) == 2));
}

// e^x - 1 without cancellation: with e^x = 2^n (1 + q) it is 2^n q + (2^n - 1).
fn real_exp_m1(x: f32) -> f32 {
    let y = clamp(x, -87.33, 88.0);
    let n = round(y * LOG2_E);
    let r = fma(n, -LN_2_LOW, fma(n, -LN_2_HIGH, y));
    var p = fma(r, 0.001377643747, 0.008363173075);
    p = fma(p, r, 0.04166880286);
    p = fma(p, r, 0.1666657703);
    p = fma(p, r, 0.4999999325);
    let q = fma(p * r, r, r);
    let scale = bitcast<f32>(u32(i32(n) + 127) << 23u);
    return fma(scale, q, scale - 1.0);
}

// e^z - 1 without cancellation, neither near 0 nor near multiples of 2 pi i.
fn exp_m1(z: vec2f) -> vec2f {
    let half = sin_cos(0.5 * z.y);
    let grown = real_exp_m1(z.x);
    let twice = 2.0 * half.x;
    return vec2f(grown * fma(-twice, half.x, 1.0) - twice * half.x, (grown + 1.0) * twice * half.y);
}
