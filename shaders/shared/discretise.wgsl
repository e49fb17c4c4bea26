// From a continuous system to steps of length dt, z = dt A: dA(z), dB = dt phi(z) B, and their derivatives in z.
// RULE 0: zero-order hold, 1: bilinear; the place in kernels::discretise::Discretisation. Needs math, complex.

override RULE: u32 = 0u;

struct Step {
    decay: vec2f,
    phi: vec2f,
    decay_slope: vec2f,
    phi_slope: vec2f,
}

fn step_of(z: vec2f) -> Step {
    let one = vec2f(1.0, 0.0);
    if (RULE == 1u) {
        let phi = reciprocal(one - 0.5 * z);
        let slope = times(phi, phi);
        return Step(times(one + 0.5 * z, phi), phi, slope, 0.5 * slope);
    }
    let less_one = exp_m1(z);
    let decay = less_one + one;
    let square = dot(z, z);
    let inverse = reciprocal(select(z, one, square < 1e-30));
    let phi = select(times(less_one, inverse), one, square < 1e-30);
    // (e^z - phi) / z cancels near 0: there the sum of (k + 1) z^k / (k + 2)!.
    var series = vec2f(2.4801587e-6, 0.0);
    series = times(series, z) + vec2f(2.2045855e-5, 0.0);
    series = times(series, z) + vec2f(1.7361111e-4, 0.0);
    series = times(series, z) + vec2f(1.1904762e-3, 0.0);
    series = times(series, z) + vec2f(6.9444444e-3, 0.0);
    series = times(series, z) + vec2f(0.033333333, 0.0);
    series = times(series, z) + vec2f(0.125, 0.0);
    series = times(series, z) + vec2f(0.33333333, 0.0);
    series = times(series, z) + vec2f(0.5, 0.0);
    return Step(decay, phi, decay, select(times(decay - phi, inverse), series, square < 0.25));
}
