//! The types of columns, read from what either engine calls them.

use std::fmt;

/// The type of a column, apart from how an engine spells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataType {
    Boolean,
    /// A whole number of that many bits: 8, 16, 32, 64.
    Integer(u8),
    Decimal {
        precision: u8,
        scale: u8,
    },
    Float,
    Double,
    String,
    Binary,
    Date,
    /// An instant: INT96 and `TIMESTAMP_MICROS` adjusted to UTC in Parquet, TIMESTAMP of Spark.
    Timestamp,
    /// A wall time without a zone.
    TimestampNtz,
    Array(Box<DataType>),
    Map(Box<DataType>, Box<DataType>),
    /// By name; the order of members does not count.
    Struct(Vec<(String, DataType)>),
    /// A type that cannot be compared, as the engine calls it.
    Other(String),
}

impl DataType {
    /// Reads a type as Spark SQL writes it: `decimal(18,2)`, `array<struct<a:int,b:string>>`, `timestamp_ntz`.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn from_spark(text: &str) -> Result<DataType, String> {
        let mut reader = Reader { text, at: 0 };
        let of_type = reader.spark()?;
        reader.end()?;
        Ok(of_type)
    }

    /// Reads a type as DuckDB's DESCRIBE writes it: `DECIMAL(18,2)`, `STRUCT(a INTEGER, b VARCHAR)[]`. What it cannot read is
    /// [`DataType::Other`].
    pub fn from_duckdb(text: &str) -> DataType {
        let mut reader = Reader { text, at: 0 };
        match reader.duckdb() {
            Ok(of_type) if reader.at == text.len() => of_type,
            _ => DataType::Other(text.to_owned()),
        }
    }

    /// Whether it is a float or a double.
    pub fn is_floating(&self) -> bool {
        matches!(self, DataType::Float | DataType::Double)
    }

    /// Whether it is a number.
    pub fn is_number(&self) -> bool {
        matches!(self, DataType::Integer(_) | DataType::Decimal { .. }) || self.is_floating()
    }

    /// Whether it is the same type: the members of a struct may come in any order, and names may differ in case.
    pub fn is_like(&self, other: &DataType) -> bool {
        match (self, other) {
            (DataType::Array(one), DataType::Array(other)) => one.is_like(other),
            (DataType::Map(key, value), DataType::Map(other_key, other_value)) => {
                key.is_like(other_key) && value.is_like(other_value)
            }
            (DataType::Struct(one), DataType::Struct(other)) => {
                let has = |(name, of_type): &(String, DataType)| {
                    other
                        .iter()
                        .any(|(own, own_type)| own.to_lowercase() == name.to_lowercase() && of_type.is_like(own_type))
                };
                one.len() == other.len() && one.iter().all(has)
            }
            _ => self == other,
        }
    }

    /// Whether it has members or elements.
    pub fn is_nested(&self) -> bool {
        matches!(self, DataType::Array(_) | DataType::Map(..) | DataType::Struct(_))
    }

    /// Whether something that cannot be compared is in it.
    pub fn other(&self) -> Option<&str> {
        match self {
            DataType::Other(name) => Some(name),
            DataType::Array(item) => item.other(),
            DataType::Map(key, value) => key.other().or(value.other()),
            DataType::Struct(members) => members.iter().find_map(|(_, of_type)| of_type.other()),
            _ => None,
        }
    }
}

/// As Spark SQL writes it.
impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataType::Boolean => f.write_str("boolean"),
            DataType::Integer(8) => f.write_str("tinyint"),
            DataType::Integer(16) => f.write_str("smallint"),
            DataType::Integer(32) => f.write_str("int"),
            DataType::Integer(_) => f.write_str("bigint"),
            DataType::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            DataType::Float => f.write_str("float"),
            DataType::Double => f.write_str("double"),
            DataType::String => f.write_str("string"),
            DataType::Binary => f.write_str("binary"),
            DataType::Date => f.write_str("date"),
            DataType::Timestamp => f.write_str("timestamp"),
            DataType::TimestampNtz => f.write_str("timestamp_ntz"),
            DataType::Array(item) => write!(f, "array<{item}>"),
            DataType::Map(key, value) => write!(f, "map<{key},{value}>"),
            DataType::Struct(members) => {
                f.write_str("struct<")?;
                for (i, (name, of_type)) in members.iter().enumerate() {
                    let comma = if i == 0 { "" } else { "," };
                    if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                        write!(f, "{comma}{name}:{of_type}")?;
                    } else {
                        write!(f, "{comma}`{}`:{of_type}", name.replace('`', "``"))?;
                    }
                }
                f.write_str(">")
            }
            DataType::Other(name) => f.write_str(name),
        }
    }
}

/// Reads a type from its text.
struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, text: &str) -> bool {
        self.blanks();
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn need(&mut self, text: &str) -> Result<(), String> {
        if self.eat(text) { Ok(()) } else { Err(format!("expected `{text}` at `{}`", self.rest())) }
    }

    fn end(&mut self) -> Result<(), String> {
        self.blanks();
        if self.rest().is_empty() { Ok(()) } else { Err(format!("`{}` is too much", self.rest())) }
    }

    /// A bare word, or one in quotes of either engine, a doubled quote standing for itself.
    fn word(&mut self) -> Result<String, String> {
        self.blanks();
        if let Some(quote) = self.rest().chars().next().filter(|c| *c == '"' || *c == '`') {
            let mut word = String::new();
            let mut rest = self.rest().char_indices().skip(1).peekable();
            while let Some((i, c)) = rest.next() {
                if c != quote {
                    word.push(c);
                } else if rest.peek().is_some_and(|(_, next)| *next == quote) {
                    word.push(quote);
                    rest.next();
                } else {
                    self.at += i + 1;
                    return Ok(word);
                }
            }
            return Err(format!("`{}` does not end", self.rest()));
        }
        let is_in = |c: char| c.is_alphanumeric() || c == '_' || c == '-' || c == '.';
        let end = self.rest().find(|c: char| !is_in(c)).unwrap_or(self.rest().len());
        if end == 0 {
            return Err(format!("expected a name at `{}`", self.rest()));
        }
        let word = self.rest()[..end].to_owned();
        self.at += end;
        Ok(word)
    }

    /// The name of a member, which DESCRIBE of Spark 4.3 writes without quotes, blanks and all: `struct<x y:int>`.
    fn member(&mut self) -> Result<String, String> {
        self.blanks();
        if self.rest().starts_with(['"', '`']) {
            return self.word();
        }
        let end = self.rest().find([':', '<', '>', ',']).filter(|end| *end > 0);
        let end = end.ok_or_else(|| format!("expected a name at `{}`", self.rest()))?;
        let name = self.rest()[..end].trim_end().to_owned();
        self.at += end;
        Ok(name)
    }

    fn number(&mut self) -> Result<u8, String> {
        let word = self.word()?;
        word.parse().map_err(|_| format!("`{word}` is no number of digits"))
    }

    fn decimal(&mut self, default: (u8, u8)) -> Result<DataType, String> {
        let (mut precision, mut scale) = default;
        if self.eat("(") {
            precision = self.number()?;
            scale = if self.eat(",") { self.number()? } else { 0 };
            self.need(")")?;
        }
        if precision == 0 || precision > 38 || scale > precision {
            return Err(format!("`decimal({precision},{scale})` has no such digits: 38 at most"));
        }
        Ok(DataType::Decimal { precision, scale })
    }

    fn spark(&mut self) -> Result<DataType, String> {
        let word = self.word()?.to_ascii_lowercase();
        Ok(match word.as_str() {
            "boolean" => DataType::Boolean,
            "tinyint" | "byte" => DataType::Integer(8),
            "smallint" | "short" => DataType::Integer(16),
            "int" | "integer" => DataType::Integer(32),
            "bigint" | "long" => DataType::Integer(64),
            // Spark's own default: decimal(10,0).
            "decimal" | "dec" | "numeric" => self.decimal((10, 0))?,
            "float" | "real" => DataType::Float,
            "double" => DataType::Double,
            "string" => DataType::String,
            "varchar" | "char" => {
                self.need("(")?;
                self.word()?;
                self.need(")")?;
                DataType::String
            }
            "binary" => DataType::Binary,
            "date" => DataType::Date,
            "timestamp" | "timestamp_ltz" => DataType::Timestamp,
            "timestamp_ntz" => DataType::TimestampNtz,
            "array" => {
                self.need("<")?;
                let item = self.spark()?;
                self.need(">")?;
                DataType::Array(Box::new(item))
            }
            "map" => {
                self.need("<")?;
                let key = self.spark()?;
                self.need(",")?;
                let value = self.spark()?;
                self.need(">")?;
                DataType::Map(Box::new(key), Box::new(value))
            }
            "struct" => {
                self.need("<")?;
                let mut members = Vec::new();
                while !self.eat(">") {
                    if !members.is_empty() {
                        self.need(",")?;
                    }
                    let name = self.member()?;
                    self.need(":")?;
                    members.push((name, self.spark()?));
                }
                DataType::Struct(members)
            }
            other => return Err(format!("`{other}` is no type of Spark SQL")),
        })
    }

    fn duckdb(&mut self) -> Result<DataType, String> {
        let start = self.at;
        let word = self.word()?.to_ascii_uppercase();
        let mut of_type = match word.as_str() {
            "BOOLEAN" => DataType::Boolean,
            "TINYINT" => DataType::Integer(8),
            "SMALLINT" => DataType::Integer(16),
            "INTEGER" => DataType::Integer(32),
            "BIGINT" => DataType::Integer(64),
            "DECIMAL" => self.decimal((18, 3))?,
            "FLOAT" => DataType::Float,
            "DOUBLE" => DataType::Double,
            "VARCHAR" => DataType::String,
            "BLOB" => DataType::Binary,
            "DATE" => DataType::Date,
            "TIMESTAMP" if self.eat("WITH TIME ZONE") => DataType::Timestamp,
            // Nanoseconds are compared as micros, once a query has shown that nothing is lost.
            "TIMESTAMP" | "TIMESTAMP_NS" => DataType::TimestampNtz,
            "STRUCT" => {
                self.need("(")?;
                let mut members = Vec::new();
                while !self.eat(")") {
                    if !members.is_empty() {
                        self.need(",")?;
                    }
                    let name = self.word()?;
                    members.push((name, self.duckdb()?));
                }
                DataType::Struct(members)
            }
            "MAP" => {
                self.need("(")?;
                let key = self.duckdb()?;
                self.need(",")?;
                let value = self.duckdb()?;
                self.need(")")?;
                DataType::Map(Box::new(key), Box::new(value))
            }
            _ => {
                self.at = start + word.len();
                DataType::Other(word)
            }
        };
        while self.eat("[]") {
            of_type = DataType::Array(Box::new(of_type));
        }
        Ok(of_type)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn both_engines_types_are_one() {
        for (duckdb, spark) in [
            ("BIGINT", "bigint"),
            ("DECIMAL(38,18)", "decimal(38,18)"),
            ("TIMESTAMP WITH TIME ZONE", "timestamp"),
            ("TIMESTAMP", "timestamp_ntz"),
            ("INTEGER[][]", "array<array<int>>"),
            ("MAP(VARCHAR, DOUBLE)", "map<string,double>"),
            ("STRUCT(a INTEGER, \"b c\" VARCHAR[])", "struct<a:int,`b c`:array<string>>"),
            ("STRUCT(\"a\"\"b\" FLOAT)", "struct<`a\"b`:float>"),
            ("BLOB", "binary"),
        ] {
            let read = DataType::from_duckdb(duckdb);
            assert_eq!(Ok(&read), DataType::from_spark(spark).as_ref(), "{duckdb}");
            assert_eq!(read.other(), None);
        }
        let spark = "array<struct<a:int,b:decimal(10,0)>>";
        assert_eq!(DataType::from_spark(spark).unwrap().to_string(), spark);
    }

    #[test]
    fn members_of_any_name_are_read_and_written() {
        assert_eq!(
            DataType::from_spark("struct<x y:int,b:string>"),
            DataType::from_spark("struct<`x y`:int,b:string>")
        );
        let spark = "struct<`x y`:int,`a``b`:array<string>>";
        assert_eq!(DataType::from_spark(spark).unwrap().to_string(), spark);
    }

    #[test]
    fn what_is_no_type_is_told() {
        for (text, wanted) in [
            ("bigint)", "`)` is too much"),
            ("decimal(39,0)", "38 at most"),
            ("decimal(4,5)", "has no such digits"),
            ("number", "`number` is no type of Spark SQL"),
            ("array<int", "expected `>` at ``"),
            ("struct<a int>", "expected `:`"),
            ("", "expected a name"),
        ] {
            let why = DataType::from_spark(text).unwrap_err();
            assert!(why.contains(wanted), "{text}: {why}");
        }
        assert_eq!(DataType::from_duckdb("HUGEINT").other(), Some("HUGEINT"));
        assert_eq!(DataType::from_duckdb("ENUM('a', 'b')").other(), Some("ENUM('a', 'b')"));
        assert_eq!(DataType::from_duckdb("TIME[]").other(), Some("TIME"));
    }
}
