//! What many noisy measurements of one thing say: the middle, and where the middle half of them lies.
//!
//! The farthest on both sides would tell of whatever else the machine did in one short turn, and nothing of what is measured.

/// The middle of some measurements, and the quartiles.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    /// A quarter of the measurements are below.
    pub(crate) lower: f64,
    /// Half of the measurements are below.
    pub(crate) median: f64,
    /// A quarter of the measurements are above.
    pub(crate) upper: f64,
}

impl Spread {
    /// Of at least one measurement.
    pub(crate) fn of(measurements: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = measurements.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        Self { lower: rank(&sorted, 0.25), median: rank(&sorted, 0.5), upper: rank(&sorted, 0.75) }
    }

    /// `0.94 (0.92 to 0.97)`, with this many digits after the point.
    pub(crate) fn text(&self, digits: usize) -> String {
        format!("{:.digits$} ({:.digits$} to {:.digits$})", self.median, self.lower, self.upper)
    }
}

/// The measurement that `part` of all are not above; not a number when there is none.
pub(crate) fn rank(sorted: &[f64], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * part).round() as usize).copied().unwrap_or(f64::NAN)
}
