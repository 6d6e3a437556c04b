//! Values as Python writes them: `[{'Name': 'load', 'Keep': True}]`. Airflow renders a field that was one template to such
//! a text, and its operators read it back the same way (`ast.literal_eval`).

use serde_json::{Map, Number, Value};

/// The value of a text that is JSON or a Python literal. `None`: it is neither, or holds what JSON has no form for.
pub fn value(text: &str) -> Option<Value> {
    if let Ok(value) = serde_json::from_str(text) {
        return Some(value);
    }
    let mut reader = LiteralReader { rest: text };
    let value = reader.value(0)?;
    reader.space();
    reader.rest.is_empty().then_some(value)
}

/// The literal that a text begins with, whatever is behind it.
pub fn prefix(text: &str) -> Option<Value> {
    LiteralReader { rest: text }.value(0)
}

/// Deeper ones are no request to anybody.
const MOST_DEEP: usize = 64;

struct LiteralReader<'t> {
    rest: &'t str,
}

impl LiteralReader<'_> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.space();
        let stripped = self.rest.strip_prefix(token);
        self.rest = stripped.unwrap_or(self.rest);
        stripped.is_some()
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > MOST_DEEP {
            return None;
        }
        self.space();
        match self.rest.chars().next()? {
            '{' => self.object(depth),
            '[' => self.list("[", "]", depth),
            '(' => self.list("(", ")", depth),
            '\'' | '"' => self.texts().map(Value::String),
            _ => self.word(),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        self.eat("{");
        let mut map = Map::new();
        while !self.eat("}") {
            self.space();
            let key = match self.value(depth + 1)? {
                Value::String(key) => key,
                Value::Number(key) => key.to_string(),
                _ => return None,
            };
            if !self.eat(":") {
                return None;
            }
            map.insert(key, self.value(depth + 1)?);
            if !self.eat(",") && !self.rest.starts_with('}') {
                return None;
            }
        }
        Some(Value::Object(map))
    }

    fn list(&mut self, open: &str, close: &str, depth: usize) -> Option<Value> {
        self.eat(open);
        let mut items = Vec::new();
        while !self.eat(close) {
            items.push(self.value(depth + 1)?);
            if !self.eat(",") && !self.rest.starts_with(close) {
                return None;
            }
        }
        Some(Value::Array(items))
    }

    /// Texts that stand beside each other are one.
    fn texts(&mut self) -> Option<String> {
        let mut all = self.text()?;
        loop {
            let before = self.rest;
            self.space();
            if !self.rest.starts_with(['\'', '"']) {
                self.rest = before;
                return Some(all);
            }
            all.push_str(&self.text()?);
        }
    }

    fn text(&mut self) -> Option<String> {
        let quote = self.rest.chars().next()?;
        let mut out = String::new();
        let mut chars = self.rest[1..].char_indices();
        while let Some((at, c)) = chars.next() {
            if c == quote {
                self.rest = &self.rest[1 + at + 1..];
                return Some(out);
            }
            if c != '\\' {
                out.push(c);
                continue;
            }
            match chars.next()?.1 {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                'r' => out.push('\r'),
                '\n' => {}
                digits @ ('x' | 'u') => {
                    let count = if digits == 'x' { 2 } else { 4 };
                    let code: String = chars.by_ref().take(count).map(|(_, c)| c).collect();
                    out.push(char::from_u32(u32::from_str_radix(&code, 16).ok()?)?);
                }
                other @ ('\\' | '\'' | '"') => out.push(other),
                // Python keeps what it does not know.
                other => out.extend(['\\', other]),
            }
        }
        None
    }

    fn word(&mut self) -> Option<Value> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '_');
        let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        let value = match word {
            "None" | "null" => Value::Null,
            "True" | "true" => Value::Bool(true),
            "False" | "false" => Value::Bool(false),
            _ => Value::Number(word.parse::<i64>().ok().map(Number::from).or_else(|| {
                let number =
                    word.parse::<f64>().ok().filter(|_| word.starts_with(|c: char| c.is_ascii_digit() || c == '-'));
                Number::from_f64(number?)
            })?),
        };
        self.rest = rest;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_python_writes_is_read() {
        let read = |text: &str, expected: Value| assert_eq!(value(text), Some(expected), "{text}");
        read(
            r#"[{'Name': 'it\'s', "Keep": True, 'N': 3, 'F': 0.5, 'Nothing': None, 'T': ('a',), 'E': []}]"#,
            json!([{ "Name": "it's", "Keep": true, "N": 3, "F": 0.5, "Nothing": null, "T": ["a"], "E": [] }]),
        );
        read(r#"{"a": [1, 2]}"#, json!({ "a": [1, 2] }));
        read("['a' \"b\", ]", json!(["ab"]));
        read(r"'\x41\u00e9\d\n'", json!("Aé\\d\n"));
        assert_eq!(prefix("[\"a@b.c\"], retries=2)"), Some(json!(["a@b.c"])));
    }

    #[test]
    fn what_is_neither_is_none() {
        for text in
            ["", "s3://a/b", "[1", "{'a'}", "{'a': 1,, }", "'a", "[1] + [2]", "f'{x}'", "{[1]: 2}", "nan", "inf"]
        {
            assert_eq!(value(text), None, "{text}");
        }
        assert_eq!(value(&"[".repeat(10_000)), None);
    }
}
