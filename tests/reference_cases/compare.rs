//! The manifest's criterion.

use std::fmt;

use super::format::{Case, TensorEntry};

/// Denominator floor of the scaled error.
const FLOOR: f64 = 1e-6;

/// How far a tensor is from the truth, at its worst element.
pub struct Distance {
    /// Its name.
    pub tensor: String,
    index: Vec<usize>,
    got: f64,
    want: f64,
    error: f64,
    allowed: f64,
}

impl Distance {
    /// The error as a share of what is allowed.
    pub fn share(&self) -> f64 {
        match () {
            () if !self.got.is_finite() => f64::INFINITY,
            () if self.error == 0.0 => 0.0,
            () => self.error / self.allowed,
        }
    }

    /// Whether it is near enough.
    pub fn is_met(&self) -> bool {
        self.share() <= 1.0
    }
}

impl fmt::Display for Distance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Distance { tensor, index, got, want, error, allowed } = self;
        write!(formatter, "{tensor} at {index:?}: got {got:e}, want {want:e}: error {error:.3e}, ")?;
        write!(formatter, "allowed {allowed:.3e} ({:.3} of it)", self.share())
    }
}

/// The larger of two distances.
pub fn worse(a: Option<Distance>, b: Distance) -> Option<Distance> {
    match a {
        Some(a) if a.share() >= b.share() => Some(a),
        _ => Some(b),
    }
}

/// Compares a tensor with its float64 twin; `None` where the manifest says not to. The scale is the largest number of the
/// tensor, or of each place of its first axis.
pub fn distance(
    case: &Case,
    name: &str,
    entry: &TensorEntry,
    got: &[f64],
    allowance: f64,
    by_row: bool,
) -> Result<Option<Distance>, String> {
    if entry.skip.is_some() {
        return Ok(None);
    }
    let twin = format!("f64/{name}");
    let want = case.tensor(if case.has(&twin) { &twin } else { name }).map_err(|_| "the file has none".to_owned())?;
    if want.data.len() != got.len() {
        return Err(format!("{} numbers, not the {} of {:?}", got.len(), want.data.len(), want.shape));
    }
    let row = if by_row { want.data.len() / want.shape[0].max(1) } else { want.data.len() }.max(1);
    let largest =
        |numbers: &[f64]| numbers.iter().fold(if by_row { 0.0 } else { FLOOR }, |scale: f64, x| scale.max(x.abs()));
    let scales: Vec<f64> = want.data.chunks(row).map(largest).collect();
    let allowed = |want: f64, scale: f64| match (entry.elementwise, entry.tol) {
        (Some(by), _) => Ok((by.atol + by.rtol * want.abs()) * allowance),
        (None, Some(tol)) => Ok(tol * scale * allowance),
        (None, None) => Err("the manifest has no tolerance".to_owned()),
    };
    let mut worst = None;
    for (at, (got, want_one)) in got.iter().zip(&want.data).enumerate() {
        let allowed = if want.integer { 0.0 } else { allowed(*want_one, scales[at / row])? };
        let index = place(at, &want.shape);
        let error = (got - want_one).abs();
        worst = worse(worst, Distance { tensor: name.to_owned(), index, got: *got, want: *want_one, error, allowed });
    }
    Ok(worst)
}

/// The index of the `at`th element of a row-major tensor.
fn place(mut at: usize, shape: &[usize]) -> Vec<usize> {
    let mut index: Vec<usize> = Vec::new();
    for len in shape.iter().rev() {
        index.push(at % len);
        at /= len;
    }
    index.reverse();
    index
}

#[test]
fn a_place_is_found() {
    assert_eq!(place(0, &[2, 3]), [0, 0]);
    assert_eq!(place(5, &[2, 3]), [1, 2]);
    assert_eq!(place(23, &[2, 3, 4]), [1, 2, 3]);
}

#[test]
fn nothing_but_finite_numbers_near_enough_is_met() {
    let distance = |got: f64| {
        let (tensor, index) = (String::new(), Vec::new());
        Distance { tensor, index, got, want: 1.0, error: (got - 1.0).abs(), allowed: 0.5 }
    };
    assert!(distance(1.4).is_met());
    assert!(!distance(1.6).is_met());
    assert!(!distance(f64::NAN).is_met());
    assert!(!distance(f64::INFINITY).is_met());
    let worst = worse(worse(None, distance(1.4)), distance(f64::NAN)).expect("two distances");
    assert!(!worse(Some(worst), distance(1.1)).expect("two distances").is_met());
}
