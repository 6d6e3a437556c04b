//! What people call a kind, and which one they meant.

use super::Kind;
use plumb_model::yaml::nearest;

/// A kind's name and what people call one: `DatabricksJob`, "job".
pub type KindNames = (&'static str, &'static str);

/// The kinds of a list that a word may mean: the one that is called so (`DatabricksJob`, `job`), else those whose last word it
/// is (`pool`).
pub fn called(list: &[&'static dyn Kind], word: &str) -> Vec<&'static dyn Kind> {
    let meant = matching(&names(list), word);
    list.iter().copied().filter(|kind| meant.contains(&kind.name())).collect()
}

/// The names of the kinds of a list.
pub fn names(list: &[&'static dyn Kind]) -> Vec<KindNames> {
    list.iter().map(|kind| (kind.name(), kind.noun())).collect()
}

/// The question after the kinds that somebody may have meant who wrote a word that is none: "did you mean `DatabricksJob`?".
pub fn suggestion(known: &[KindNames], word: &str) -> Option<String> {
    let mut meant = matching(known, word);
    if meant.is_empty() {
        let full = known.iter().map(|(name, _)| *name);
        let nouns = known.iter().flat_map(|(_, noun)| [*noun, last_word(noun)]);
        meant = matching(known, nearest(word, full.chain(nouns))?);
    }
    let quoted: Vec<String> = meant.iter().map(|name| format!("`{name}`")).collect();
    (!quoted.is_empty()).then(|| format!("did you mean {}?", quoted.join(" or ")))
}

/// The kinds by both of their names: "AirflowPool (Airflow pool), DatabricksJob (job)".
pub fn listed(known: &[KindNames]) -> String {
    known.iter().map(|(name, noun)| format!("{name} ({noun})")).collect::<Vec<_>>().join(", ")
}

/// What to say where a word names no kind: the suggestion, else all that there are.
pub fn suggestion_or_list(known: &[KindNames], word: &str) -> String {
    suggestion(known, word).unwrap_or_else(|| format!("there are: {}", listed(known)))
}

fn matching(known: &[KindNames], word: &str) -> Vec<&'static str> {
    let is = |text: &str| text.eq_ignore_ascii_case(word);
    if let Some((name, _)) = known.iter().find(|(name, noun)| is(name) || is(noun)) {
        return vec![*name];
    }
    known.iter().filter(|(_, noun)| is(last_word(noun))).map(|(name, _)| *name).collect()
}

fn last_word(noun: &str) -> &str {
    noun.rsplit(' ').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds;

    #[test]
    fn a_kind_is_meant_by_any_of_its_names() {
        let known = names(kinds::all());
        for (word, question) in [
            ("DatabricksJobs", "did you mean `DatabricksJob`?"),
            ("Job", "did you mean `DatabricksJob`?"),
            ("jbo", "did you mean `DatabricksJob`?"),
            ("policey", "did you mean `DatabricksClusterPolicy`?"),
            ("poool", "did you mean `AirflowPool` or `DatabricksInstancePool`?"),
        ] {
            assert_eq!(suggestion(&known, word).as_deref(), Some(question), "{word}");
        }
        assert_eq!(suggestion(&known, "SnowflakeWarehouse"), None);
        let list = suggestion_or_list(&known, "SnowflakeWarehouse");
        assert!(list.contains("AirflowPool (Airflow pool), ") && list.contains("(instance pool)"), "{list}");
    }

    #[test]
    fn the_last_word_of_a_noun_may_mean_several() {
        let of = |word: &str| called(kinds::all(), word).iter().map(|kind| kind.name()).collect::<Vec<_>>();
        assert_eq!(of("pool"), ["AirflowPool", "DatabricksInstancePool"]);
        assert_eq!(of("CLUSTER"), ["DatabricksCluster"]);
        assert_eq!(of("table"), [""; 0]);
    }
}
