//! What a delete would destroy besides the object: the tables of a schema, the files of a volume.

/// The fact of a live object whose delete is to destroy data: see [`crate::kinds::Observed::facts`].
pub(crate) const DESTROYS_DATA: &str = "destroys_data";

/// One thing in an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Contained {
    /// What it is: "table".
    pub noun: &'static str,
    /// The kind of manifest that it would have, where there is one, and its id: what the same plan deletes first is not counted.
    pub kind: Option<&'static str>,
    pub id: String,
}

/// What is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Contents {
    /// Nobody asked.
    #[default]
    Unasked,
    /// What was found, in order and each once.
    Known {
        things: Vec<Contained>,
        /// Whether there may be more: a long listing is not read to its end.
        is_more: bool,
    },
    /// It cannot be told; why.
    Unknown(String),
}

impl Contents {
    /// What the reads of an object gave, as its kind understands them. `is_more`: some were not read to their end.
    pub fn of(contained: Result<Vec<Contained>, String>, is_more: bool) -> Contents {
        match contained {
            Ok(mut things) => {
                things.sort();
                things.dedup();
                if is_more && things.is_empty() {
                    return Contents::Unknown("its listing did not come to an end".to_owned());
                }
                Contents::Known { things, is_more }
            }
            Err(why) => Contents::Unknown(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(id: &str) -> Contained {
        Contained { noun: "table", kind: None, id: id.into() }
    }

    #[test]
    fn what_was_read_is_known_in_one_order_and_nothing_of_an_unfinished_listing_is_not_empty() {
        let known =
            |things: &[&str], is_more| Contents::Known { things: things.iter().map(|id| table(id)).collect(), is_more };
        for (what, contained, is_more, wanted) in [
            ("in any order, twice", Ok(vec![table("b"), table("a"), table("b")]), false, known(&["a", "b"], false)),
            ("a part", Ok(vec![table("a")]), true, known(&["a"], true)),
            ("nothing", Ok(vec![]), false, known(&[], false)),
            ("nothing so far", Ok(vec![]), true, Contents::Unknown("its listing did not come to an end".into())),
            ("refused", Err("403".to_owned()), false, Contents::Unknown("403".into())),
        ] {
            assert_eq!(Contents::of(contained, is_more), wanted, "{what}");
        }
    }
}
