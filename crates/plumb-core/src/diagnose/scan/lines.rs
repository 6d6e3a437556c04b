//! Blocks to lines.

use super::LONGEST_LINE;

/// Cuts blocks into lines. Where blocks end makes no difference.
#[derive(Default)]
pub(super) struct LineCutter {
    /// The beginning of a line whose end has not come yet.
    open: Vec<u8>,
    /// How long the open line is, with what is not kept of it.
    length: usize,
    /// Lines that were too long.
    cut: u64,
}

impl LineCutter {
    /// Takes a block, and gives each line that ends in it, without its end.
    pub(super) fn feed(&mut self, block: &[u8], mut line: impl FnMut(&[u8])) {
        let mut from = 0;
        for end in memchr::memchr_iter(b'\n', block) {
            let rest = &block[from..end];
            from = end + 1;
            if self.length == 0 {
                self.cut += u64::from(rest.len() > LONGEST_LINE);
                line(&rest[..rest.len().min(LONGEST_LINE)]);
            } else {
                self.keep(rest);
                self.end(&mut line);
            }
        }
        self.keep(&block[from..]);
    }

    /// Gives the last line, if it has no end. Returns how many lines were too long.
    pub(super) fn finish(&mut self, mut line: impl FnMut(&[u8])) -> u64 {
        if self.length > 0 {
            self.end(&mut line);
        }
        self.cut
    }

    fn keep(&mut self, part: &[u8]) {
        let room = LONGEST_LINE - self.open.len();
        self.open.extend_from_slice(&part[..part.len().min(room)]);
        self.length += part.len();
    }

    fn end(&mut self, line: &mut impl FnMut(&[u8])) {
        self.cut += u64::from(self.length > LONGEST_LINE);
        line(&self.open);
        self.open.clear();
        self.length = 0;
    }
}
