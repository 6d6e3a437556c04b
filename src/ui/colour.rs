//! Whether to colour.

/// What the command line says of colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    #[default]
    Auto,
    Always,
    Never,
}

/// What the environment says of colour and terminals. The settings read it; nothing here does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TerminalEnvironment {
    /// `NO_COLOR` (no-color.org): any value but the empty one means none.
    pub no_color: Option<String>,
    /// `CLICOLOR_FORCE` (bixense.com/clicolors): any value but the empty one and `0` means always.
    pub clicolor_force: Option<String>,
    /// `TERM`; `dumb` can't move a cursor or colour.
    pub term: Option<String>,
    /// `COLUMNS`, when it is a number.
    pub columns: Option<usize>,
    /// The program that shows long output, where one is wanted.
    pub pager: Option<String>,
    /// `LESS`: the options of `less`, where somebody set them.
    pub less: Option<String>,
}

impl TerminalEnvironment {
    /// Whether a stream is coloured. The flag wins over the environment, `NO_COLOR` over `CLICOLOR_FORCE`, and both over
    /// what the stream is.
    pub fn colours(&self, flag: Colour, terminal: bool) -> bool {
        let set = |value: &Option<String>| value.as_deref().is_some_and(|v| !v.is_empty());
        match flag {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto if set(&self.no_color) => false,
            Colour::Auto if set(&self.clicolor_force) && self.clicolor_force.as_deref() != Some("0") => true,
            Colour::Auto => terminal && !self.dumb(),
        }
    }

    /// Whether the terminal can't move its cursor.
    pub fn dumb(&self) -> bool {
        self.term.as_deref() == Some("dumb")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_wins_then_no_color_then_force_then_the_terminal() {
        let environment = |no: &str, force: &str, term: &str| {
            let some = |text: &str| (text != "-").then(|| text.to_owned());
            let (no_color, clicolor_force, term) = (some(no), some(force), some(term));
            TerminalEnvironment { no_color, clicolor_force, term, ..TerminalEnvironment::default() }
        };
        for (no, force, term, terminal, coloured) in [
            ("-", "-", "xterm", true, true),
            ("-", "-", "xterm", false, false),
            ("1", "-", "xterm", true, false),
            ("", "-", "xterm", true, true),
            ("1", "1", "xterm", true, false),
            ("-", "1", "dumb", false, true),
            ("-", "0", "xterm", false, false),
            ("-", "", "xterm", false, false),
            ("-", "-", "dumb", true, false),
            ("-", "-", "-", true, true),
        ] {
            let environment = environment(no, force, term);
            assert_eq!(environment.colours(Colour::Auto, terminal), coloured, "{environment:?} {terminal}");
            assert!(environment.colours(Colour::Always, terminal));
            assert!(!environment.colours(Colour::Never, terminal));
        }
    }
}
