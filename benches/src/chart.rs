//! A table of ratios as a picture for the documentation: a bar for each peer, and a line where the middle half of its rounds lies.
//!
//! The crates for charts bring fonts to measure text with, or lay out for screens; this is a rectangle, a line and two texts per peer.
//! Invariant: it is readable on light and dark pages, and needs nothing from anywhere.

use std::{fmt::Write, fs, path::Path};

use anyhow::{Context, Result};

use crate::spread::Spread;

/// Measures in pixels.
const WIDTH: f64 = 760.0;
const NAMES: f64 = 250.0;
const NUMBERS: f64 = 60.0;
const ROW: f64 = 30.0;
const HEAD: f64 = 44.0;

/// Writes the picture of `rows` to `file`, each with what the first peer does as 1.
pub(crate) fn write(file: &Path, title: &str, rows: &[(&str, Spread)]) -> Result<()> {
    fs::write(file, picture(title, rows)).with_context(|| format!("cannot write {}", file.display()))
}

fn picture(title: &str, rows: &[(&str, Spread)]) -> String {
    let most = rows.iter().map(|(_, spread)| spread.upper).fold(1.0, f64::max);
    let length = |ratio: f64| ratio / most * (WIDTH - NAMES - NUMBERS);
    let height = HEAD + ROW * rows.len() as f64 + 8.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" font-family=\"system-ui, sans-serif\" \
         font-size=\"14\">\n<title>{0}</title>\n<style>text {{ fill: #57606a }} .name {{ text-anchor: end }} rect {{ fill: #6e7781 }} \
         .ours {{ fill: #1a7f5a }} line {{ stroke: #bf8700; stroke-width: 2 }}</style>\n<text x=\"8\" y=\"24\" font-weight=\"600\">{0}</text>\n",
        escaped(title)
    );
    for (at, (name, spread)) in rows.iter().enumerate() {
        let top = HEAD + ROW * at as f64;
        let (text, middle, from) = (top + 19.0, top + 14.0, NAMES + 10.0);
        let class = if name.starts_with("Farebox") { " class=\"ours\"" } else { "" };
        let (lower, upper) = (from + length(spread.lower), from + length(spread.upper));
        // Writing to a string does not fail.
        let _ = write!(
            svg,
            "<text class=\"name\" x=\"{NAMES}\" y=\"{text}\">{}</text>\n<rect{class} x=\"{from}\" y=\"{}\" width=\"{:.1}\" height=\"20\" \
             rx=\"3\"/>\n<line x1=\"{lower:.1}\" x2=\"{upper:.1}\" y1=\"{middle}\" y2=\"{middle}\"/>\n<text x=\"{:.1}\" y=\"{text}\">{:.2}</text>\n",
            escaped(name),
            top + 4.0,
            length(spread.median),
            upper.max(from + length(spread.median)) + 8.0,
            spread.median,
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_ratio() {
        let spread = |median| Spread { lower: median - 0.1, median, upper: median + 0.1 };
        let svg = picture("calls & more", &[("bare", spread(0.9)), ("Farebox <x>", spread(0.45))]);
        // The longest is 1: 760 - 250 - 60 pixels.
        assert!(svg.contains("<title>calls &amp; more</title>"));
        assert!(svg.contains("<rect x=\"260\" y=\"48\" width=\"405.0\""), "{svg}");
        assert!(svg.contains("<rect class=\"ours\" x=\"260\" y=\"78\" width=\"202.5\""), "{svg}");
        assert!(svg.contains("Farebox &lt;x>"));
    }
}
