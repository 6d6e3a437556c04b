//! Profiles in INI files: `~/.databrickscfg`, `~/.aws/config`, `~/.aws/credentials`.
//!
//! Facts: databricks-sdk-go, `config/config_file.go` (sections, `[__settings__]`, comments only after a space, because
//! passwords may contain `#`).

use std::collections::BTreeMap;

/// The section that holds settings of the tools; it is not a profile.
pub const SETTINGS: &str = "__settings__";
/// The profile that is used when none is named.
pub const DEFAULT: &str = "DEFAULT";

/// The profiles of a configuration file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profiles {
    sections: Vec<(String, BTreeMap<String, String>)>,
}

impl Profiles {
    /// Reads the file's text. The error names the line, and never shows it: it may be half a token.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut profiles = Profiles::default();
        let mut section = DEFAULT.to_owned();
        for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(rest) = line.strip_prefix('[') {
                let Some((name, _)) = rest.split_once(']') else {
                    return Err(format!("line {}: `[` without `]`", number + 1));
                };
                section = name.trim().to_owned();
                profiles.section(&section);
                continue;
            }
            let Some((key, value)) = line.split_once(['=', ':']) else {
                return Err(format!("line {}: expected `key = value`, `[profile]` or a comment", number + 1));
            };
            profiles.section(&section).insert(key.trim().to_owned(), unquoted(value));
        }
        Ok(profiles)
    }

    fn section(&mut self, name: &str) -> &mut BTreeMap<String, String> {
        let place = match self.sections.iter().position(|(n, _)| n == name) {
            Some(place) => place,
            None => {
                self.sections.push((name.to_owned(), BTreeMap::new()));
                self.sections.len() - 1
            }
        };
        &mut self.sections[place].1
    }

    /// The values of a profile; `None` when it is not there or has none.
    pub fn get(&self, name: &str) -> Option<&BTreeMap<String, String>> {
        self.sections.iter().find(|(n, values)| n == name && !values.is_empty()).map(|(_, values)| values)
    }

    /// The names of all profiles, in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sections.iter().filter(|(n, values)| n != SETTINGS && !values.is_empty()).map(|(n, _)| n.as_str())
    }

    /// The profile that `[__settings__]` makes the default.
    pub fn chosen_default(&self) -> Option<&str> {
        self.get(SETTINGS)?.get("default_profile").map(|v| v.trim()).filter(|v| !v.is_empty())
    }
}

/// The value without a comment after it and quotes around it.
fn unquoted(value: &str) -> String {
    let value = value.trim();
    for quote in ['"', '\'', '`'] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|v| v.split_once(quote)).map(|(inner, _)| inner) {
            return inner.to_owned();
        }
    }
    let comment = [" #", " ;", "\t#", "\t;"].iter().filter_map(|mark| value.find(mark)).min();
    value[..comment.unwrap_or(value.len())].trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_comments_and_quotes() {
        let text = "\u{feff}host = https://top\n; note\n[__settings__]\ndefault_profile = dev\n\n[ dev ]\r\n\
                    host=https://dev.example # mine\ntoken : dapi#1 ;x\npassword = \" a # b \"\n[empty]\n[dev]\ntoken=later\n";
        let profiles = Profiles::read(text).unwrap();
        assert_eq!(profiles.names().collect::<Vec<_>>(), ["DEFAULT", "dev"]);
        assert_eq!(profiles.chosen_default(), Some("dev"));
        let dev = profiles.get("dev").unwrap();
        assert_eq!(dev["host"], "https://dev.example");
        assert_eq!(dev["token"], "later");
        assert_eq!(dev["password"], " a # b ");
        assert_eq!(profiles.get("empty"), None);
        assert_eq!(Profiles::read("token = a#b ; c").unwrap().get(DEFAULT).unwrap()["token"], "a#b");
    }

    #[test]
    fn a_mistake_is_named_by_its_line_and_not_shown() {
        let error = Profiles::read("[dev]\ndapi123456").unwrap_err();
        assert!(error.starts_with("line 2:") && !error.contains("dapi"), "{error}");
        assert!(Profiles::read("[dev").unwrap_err().starts_with("line 1:"));
    }
}
