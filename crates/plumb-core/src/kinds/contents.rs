//! What a delete would destroy besides the object: the tables of a schema, the files of a volume.

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
    /// What there is, and whether there may be more.
    Known(Vec<Contained>),
    /// It cannot be told; why.
    Unknown(String),
}
