//! The nearest valid name, for messages.

/// Names longer than this are not typing mistakes, and comparing them costs.
const LONGEST: usize = 100;

/// The closest known name, when it is close enough to be a typing mistake. Of equally many slips, the name that keeps more of
/// the letters: who writes `taks` has `tasks` in mind and not `tags`. Of equals, the first.
pub fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    if name.len() > LONGEST {
        return None;
    }
    let plain = |s: &str| s.to_lowercase().replace('-', "_");
    let wanted = plain(name);
    known
        .into_iter()
        .filter(|k| k.len() <= LONGEST)
        .map(|k| (plain(k), k))
        .map(|(plain, k)| (strsim::damerau_levenshtein(&wanted, &plain), strsim::jaro(&wanted, &plain), k))
        .filter(|(distance, _, k)| *distance <= tolerance(k.len().max(name.len())))
        .min_by(|(a, a_alike, _), (b, b_alike, _)| a.cmp(b).then(b_alike.total_cmp(a_alike)))
        .map(|(_, _, k)| k)
}

/// Looks for nearest names among very many, but only so often: a hostile project could have thousands of wrong names
/// and thousands of right ones.
#[derive(Clone, Debug)]
pub struct Guesser {
    left: usize,
}

impl Default for Guesser {
    fn default() -> Self {
        Guesser { left: 50 }
    }
}

impl Guesser {
    /// As [`nearest`], until there have been enough guesses.
    pub fn nearest<'n>(&mut self, name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
        self.left = self.left.checked_sub(1)?;
        nearest(name, known)
    }
}

/// How many slips a name of that length may have and still be meant.
fn tolerance(length: usize) -> usize {
    (length / 3).clamp(1, 1 + length / 4)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_typing_mistakes_only() {
        let known = ["max_concurrent_runs", "timeout_seconds", "name"];
        assert_eq!(nearest("max_concurent_runs", known), Some("max_concurrent_runs"));
        assert_eq!(nearest("Timeout-Seconds", known), Some("timeout_seconds"));
        assert_eq!(nearest("retries", known), None);
        assert_eq!(nearest("nmae", ["note", "name"]), Some("name"), "two letters the other way round are one slip");
        assert_eq!(nearest("taks", ["tags", "tasks"]), Some("tasks"));
        assert_eq!(nearest("jop", ["job", "jot"]), Some("job"), "of equals the first");
        assert_eq!(nearest(&"n".repeat(1_000_000), known), None);
    }
}
