//! The commands of a script, with their words as they stand.

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WordPiece {
    Text(String),
    Variable {
        name: String,
        default: Option<String>,
        quoted: bool,
    },
    /// What only running it would tell, by the text between its brackets: `$(date)`, `$((1+1))`.
    Unknown(String),
}

/// A word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RawWord {
    pub pieces: Vec<WordPiece>,
}

/// A command up to what ends it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RawCommand {
    pub words: Vec<RawWord>,
    /// `|`, `||`, `&&` or `&` behind it.
    pub joined: Option<&'static str>,
    /// Whether it has something that plain commands have not: a bracket, a here-document, input from a file.
    pub is_odd: bool,
    /// Whether its output goes to a file.
    pub writes: bool,
    /// Where in the text it is.
    pub range: (usize, usize),
}

impl RawWord {
    /// Its text, where it is one: variables are empty.
    pub fn literal(&self) -> String {
        let texts = self.pieces.iter().map(|piece| match piece {
            WordPiece::Text(text) => text.as_str(),
            _ => "",
        });
        texts.collect()
    }

    /// Whether it names a variable.
    pub fn names(&self, variable: &str) -> bool {
        self.pieces.iter().any(|p| matches!(p, WordPiece::Variable { name, .. } if name == variable))
    }

    /// `NAME=value`.
    pub fn assignment(&self) -> Option<(String, RawWord)> {
        let Some(WordPiece::Text(first)) = self.pieces.first() else { return None };
        let (name, rest) = first.split_once('=')?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(is_name) || name.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let mut pieces = vec![WordPiece::Text(rest.to_owned())];
        pieces.extend(self.pieces[1..].iter().cloned());
        Some((name.to_owned(), RawWord { pieces }))
    }

    /// The same, not to be split where a variable has blanks: what is assigned is one word.
    pub fn quoted(&self) -> RawWord {
        let whole = |piece: &WordPiece| match piece {
            WordPiece::Variable { name, default, .. } => {
                WordPiece::Variable { name: name.clone(), default: default.clone(), quoted: true }
            }
            other => other.clone(),
        };
        RawWord { pieces: self.pieces.iter().map(whole).collect() }
    }
}

impl RawCommand {
    /// Whether a part of a word is not known without running it.
    pub fn has_unknown(&self) -> bool {
        self.words.iter().any(|word| word.pieces.iter().any(|piece| matches!(piece, WordPiece::Unknown(_))))
    }

    /// Whether a command inside its words may do more than tell something.
    pub fn acts_inside(&self) -> bool {
        let acts = |piece: &WordPiece| matches!(piece, WordPiece::Unknown(text) if !only_tells(text));
        self.words.iter().any(|word| word.pieces.iter().any(acts))
    }

    /// The assignments before the command, and its words.
    pub fn split(&self) -> (Vec<(String, RawWord)>, &[RawWord]) {
        let assigned: Vec<_> = self.words.iter().map_while(RawWord::assignment).collect();
        let rest = &self.words[assigned.len()..];
        (assigned, rest)
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    all: Vec<RawCommand>,
    command: RawCommand,
    word: Option<RawWord>,
    heredocs: Vec<String>,
}

/// Splits a script into commands.
pub(super) fn commands(text: &str) -> Vec<RawCommand> {
    let mut lexer =
        Lexer { text, at: 0, all: Vec::new(), command: RawCommand::default(), word: None, heredocs: Vec::new() };
    while let Some(c) = lexer.peek() {
        lexer.step(c);
    }
    lexer.end(None);
    lexer.all
}

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, what: &str) -> bool {
        let is = self.text[self.at..].starts_with(what);
        self.at += if is { what.len() } else { 0 };
        is
    }

    fn push(&mut self, text: &str) {
        let word = self.word();
        match word.pieces.last_mut() {
            Some(WordPiece::Text(before)) => before.push_str(text),
            _ => word.pieces.push(WordPiece::Text(text.to_owned())),
        }
    }

    fn word(&mut self) -> &mut RawWord {
        if self.command.words.is_empty() && self.word.is_none() && !self.command.is_odd {
            self.command.range.0 = self.at;
        }
        self.word.get_or_insert_default()
    }

    fn end_word(&mut self) {
        self.command.words.extend(self.word.take());
    }

    fn end(&mut self, joined: Option<&'static str>) {
        self.end_word();
        let mut command = std::mem::take(&mut self.command);
        if !command.words.is_empty() || command.is_odd {
            command.joined = joined;
            command.range.1 = self.at;
            self.all.push(command);
        }
    }

    fn step(&mut self, c: char) {
        let start = self.at;
        if self.word.is_none() && self.command.words.is_empty() && !self.command.is_odd {
            self.command.range.0 = start;
        }
        self.take();
        match c {
            '\n' => {
                self.at = start;
                self.end(None);
                self.at = start + 1;
                self.skip_heredocs();
            }
            '#' if self.word.is_none() => {
                self.at += self.text[self.at..].find('\n').unwrap_or(self.text.len() - self.at);
            }
            '\\' => match self.take() {
                Some('\n') => {}
                Some('\r') if self.eat("\n") => {}
                Some(c) => self.push(c.encode_utf8(&mut [0; 4])),
                None => {}
            },
            '\'' => {
                let length = self.text[self.at..].find('\'');
                let inside = self.text[self.at..self.at + length.unwrap_or(self.text.len() - self.at)].to_owned();
                self.at = (self.at + inside.len() + 1).min(self.text.len());
                self.push(&inside);
                self.command.is_odd |= length.is_none();
            }
            '"' => self.double(),
            '$' => self.dollar(false),
            '`' => self.backticks(),
            '|' if self.eat("|") => self.end(Some("||")),
            '|' => self.end(Some("|")),
            '&' if self.eat("&") => self.end(Some("&&")),
            '&' if self.eat(">") => self.redirect(true),
            '&' => self.end(Some("&")),
            ';' => {
                self.at = start;
                self.end(None);
                self.at = start + 1;
                self.eat(";");
            }
            '>' => self.redirect(true),
            '<' => self.input(),
            '(' | ')' => {
                self.end_word();
                self.command.is_odd = true;
            }
            c if c.is_whitespace() => self.end_word(),
            c => {
                // Where a word begins, its place is that of its first character.
                let begins = self.word.is_none() && self.command.words.is_empty() && !self.command.is_odd;
                self.push(c.encode_utf8(&mut [0; 4]));
                if begins {
                    self.command.range.0 = start;
                }
            }
        }
    }

    /// `> file`, `2>&1`: a digit before it names the stream.
    fn redirect(&mut self, writes: bool) {
        if self.word.as_ref().is_some_and(|w| w.literal().parse::<u8>().is_ok()) {
            self.word = None;
        }
        self.end_word();
        self.command.writes |= writes;
        self.eat(">");
        if self.eat("&") {
            while self.peek().is_some_and(|c| c.is_ascii_digit() || c == '-') {
                self.take();
            }
            return;
        }
        // The file is no word of the command.
        while self.peek().is_some_and(|c| c == ' ' || c == '\t') {
            self.take();
        }
        let before = self.command.words.len();
        while let Some(c) = self.peek().filter(|c| !c.is_whitespace() && !";|&<>()".contains(*c)) {
            self.step(c);
        }
        self.end_word();
        self.command.words.truncate(before);
    }

    /// `< file`, `<<EOF`.
    fn input(&mut self) {
        self.command.is_odd = true;
        if !self.eat("<") {
            return;
        }
        if self.eat("<") {
            return;
        }
        let indented = self.eat("-");
        while self.peek().is_some_and(|c| c == ' ' || c == '\t') {
            self.take();
        }
        let rest = &self.text[self.at..];
        let length = rest.find(|c: char| c.is_whitespace() || ";|&<>()".contains(c)).unwrap_or(rest.len());
        let delimiter: String = rest[..length].chars().filter(|c| !"'\"\\".contains(*c)).collect();
        self.at += length;
        let mark = if indented { "\t" } else { "" };
        self.heredocs.push(format!("{mark}{delimiter}"));
    }

    fn skip_heredocs(&mut self) {
        for delimiter in std::mem::take(&mut self.heredocs) {
            loop {
                let rest = &self.text[self.at..];
                if rest.is_empty() {
                    break;
                }
                let length = rest.find('\n').map_or(rest.len(), |n| n + 1);
                let line = rest[..length].trim_end_matches(['\n', '\r']);
                self.at += length;
                let is_end = match delimiter.strip_prefix('\t') {
                    Some(delimiter) => line.trim_start_matches('\t') == delimiter,
                    None => line == delimiter,
                };
                if is_end {
                    break;
                }
            }
        }
    }

    fn double(&mut self) {
        self.word();
        self.push("");
        loop {
            match self.take() {
                Some('"') => return,
                Some('\\') => match self.take() {
                    Some(c @ ('"' | '\\' | '$' | '`')) => self.push(c.encode_utf8(&mut [0; 4])),
                    Some('\n') => {}
                    Some(c) => self.push(&format!("\\{c}")),
                    None => {}
                },
                Some('$') => self.dollar(true),
                Some('`') => self.backticks(),
                Some(c) => self.push(c.encode_utf8(&mut [0; 4])),
                None => return self.command.is_odd = true,
            }
        }
    }

    fn backticks(&mut self) {
        let length = self.text[self.at..].find('`').unwrap_or(self.text.len() - self.at);
        let inside = self.text[self.at..self.at + length].to_owned();
        self.word().pieces.push(WordPiece::Unknown(inside));
        self.at = (self.at + length + 1).min(self.text.len());
    }

    fn dollar(&mut self, quoted: bool) {
        let piece = match self.peek() {
            Some('(') => WordPiece::Unknown(self.nested('(', ')')),
            Some('{') => {
                let inner = self.nested('{', '}');
                let (name, rest) = inner.split_at(inner.find(|c: char| !is_name(c)).unwrap_or(inner.len()));
                let is_special = name.is_empty() && matches!(inner.as_str(), "@" | "*" | "#" | "?");
                let default = rest.strip_prefix(":-").or_else(|| rest.strip_prefix('-'));
                match (rest, default) {
                    _ if is_special => WordPiece::Variable { name: inner.clone(), default: None, quoted },
                    ("", _) => WordPiece::Variable { name: name.to_owned(), default: None, quoted },
                    (_, Some(default)) if !default.contains(['$', '`']) => {
                        let default = default.trim_matches(['"', '\'']).to_owned();
                        WordPiece::Variable { name: name.to_owned(), default: Some(default), quoted }
                    }
                    // `${A#x}`, `${A:=$(date)}`: nothing but its value is unknown, unless a command is in it.
                    _ => WordPiece::Unknown(if rest.contains(['(', '`']) { rest.to_owned() } else { String::new() }),
                }
            }
            Some(c @ ('@' | '*' | '#' | '?' | '$' | '!')) => {
                self.take();
                WordPiece::Variable { name: c.to_string(), default: None, quoted }
            }
            Some(c) if c.is_ascii_digit() => {
                self.take();
                WordPiece::Variable { name: c.to_string(), default: None, quoted }
            }
            Some(c) if is_name(c) => {
                let rest = &self.text[self.at..];
                let length = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
                let name = rest[..length].to_owned();
                self.at += length;
                WordPiece::Variable { name, default: None, quoted }
            }
            _ => return self.push("$"),
        };
        self.word().pieces.push(piece);
    }

    /// What stands between brackets, those inside it included.
    fn nested(&mut self, open: char, close: char) -> String {
        let start = self.at + open.len_utf8();
        let mut depth = 0;
        while let Some(c) = self.take() {
            depth += i32::from(c == open) - i32::from(c == close);
            if depth == 0 {
                return self.text[start..self.at - close.len_utf8()].to_owned();
            }
        }
        self.command.is_odd = true;
        self.text.get(start..).unwrap_or_default().to_owned()
    }
}

/// Whether all commands of a pipeline only tell something, as far as their names say.
fn only_tells(text: &str) -> bool {
    const TELL: [&str; 20] = [
        "date", "hostname", "whoami", "pwd", "basename", "dirname", "cat", "grep", "awk", "sed", "cut", "tr", "head",
        "tail", "sort", "uniq", "wc", "echo", "printf", "jq",
    ];
    let is_arithmetic = text.starts_with('(') || text.is_empty();
    let is_plain = !text.contains([';', '>', '&', '`', '\n']) && !text.contains("$(");
    let first = |part: &str| part.split_whitespace().next().map(str::to_owned).unwrap_or_default();
    is_arithmetic || is_plain && text.split('|').all(|part| TELL.contains(&first(part).as_str()))
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
