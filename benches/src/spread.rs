//! What many noisy measurements of one thing say: the middle, and the farthest on both sides of it.

/// The middle of some measurements, the least and the greatest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    /// The least.
    pub(crate) least: f64,
    /// Half of the measurements are below.
    pub(crate) median: f64,
    /// The greatest.
    pub(crate) greatest: f64,
}

impl Spread {
    /// Of at least one measurement.
    pub(crate) fn of(measurements: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = measurements.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        Self { least: rank(&sorted, 0.0), median: rank(&sorted, 0.5), greatest: rank(&sorted, 1.0) }
    }

    /// `0.94 (0.88 to 1.02)`, with this many digits after the point.
    pub(crate) fn text(&self, digits: usize) -> String {
        format!("{:.digits$} ({:.digits$} to {:.digits$})", self.median, self.least, self.greatest)
    }
}

/// The measurement that `part` of all are not above; not a number when there is none.
pub(crate) fn rank(sorted: &[f64], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * part).round() as usize).copied().unwrap_or(f64::NAN)
}
