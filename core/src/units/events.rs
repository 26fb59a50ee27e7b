//! The data of an event stream: what stands in its `data` lines, event by event.
//!
//! Invariant: each event begins a document anew, so a broken one spoils no other. Whatever else a stream has (comments, names,
//! ids) is passed over.

use super::scan::Scan;

/// What the line of an event's data begins with.
const DATA: &[u8] = b"data:";

/// Where in a line the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// So many bytes of [`DATA`] have come.
    Begun(usize),
    /// In the data.
    Data,
    /// In something else.
    Other,
}

/// The lines of an event stream.
#[derive(Debug)]
pub(super) struct Events {
    line: Line,
    /// The last byte was a carriage return: a line feed after it ends no other line.
    has_returned: bool,
}

impl Default for Events {
    fn default() -> Self {
        Self { line: Line::Begun(0), has_returned: false }
    }
}

impl Events {
    pub(super) fn read(&mut self, piece: &[u8], scan: &mut Scan) {
        let mut left = piece;
        while let Some(byte) = left.first().copied() {
            let has_returned = std::mem::replace(&mut self.has_returned, byte == b'\r');
            if matches!(byte, b'\n' | b'\r') {
                if !(has_returned && byte == b'\n') {
                    self.end_line(scan);
                }
                left = &left[1..];
                continue;
            }
            let end = left.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(left.len());
            left = match self.line {
                Line::Begun(known) => {
                    self.line = match known + 1 {
                        _ if DATA[known] != byte => Line::Other,
                        known if known == DATA.len() => Line::Data,
                        known => Line::Begun(known),
                    };
                    &left[1..]
                }
                Line::Data => {
                    scan.read(&left[..end]);
                    &left[end..]
                }
                Line::Other => &left[end..],
            };
        }
    }

    fn end_line(&mut self, scan: &mut Scan) {
        match self.line {
            Line::Begun(0) => scan.begin_anew(),
            // The data of an event are one document, however many lines it has.
            Line::Data => scan.read(b"\n"),
            Line::Begun(_) | Line::Other => {}
        }
        self.line = Line::Begun(0);
    }
}
