//! The calls of a change. Each has the whole object in its body, so they are kept small until they are sent.

use super::compact::SmallValue;
use plumb_model::call::Call;

/// The calls of a change, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calls(Vec<(Call, Option<SmallValue>)>);

impl From<Vec<Call>> for Calls {
    fn from(calls: Vec<Call>) -> Calls {
        let small = |mut call: Call| {
            let body = call.body.take().as_ref().map(SmallValue::from);
            (call, body)
        };
        Calls(calls.into_iter().map(small).collect())
    }
}

impl Calls {
    /// Each call with its body.
    pub fn iter(&self) -> impl Iterator<Item = Call> {
        self.0
            .iter()
            .map(|(call, body)| Call { body: body.as_ref().map(|body| body.value().into_owned()), ..call.clone() })
    }

    /// Each without its body: for what depends on methods and paths alone.
    pub fn heads(&self) -> impl Iterator<Item = &Call> {
        self.0.iter().map(|(call, _)| call)
    }

    /// Each as method and path.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.heads().map(Call::line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumb_model::call::{Method, System};
    use serde_json::json;

    #[test]
    fn calls_are_sent_as_they_were_made() {
        let call = |body| Call::set(System::Databricks, Method::Post, "/api/2.2/jobs/reset", body);
        let made = vec![
            Call::create(System::Databricks, "/api/2.2/jobs/create", json!({ "name": "a", "tags": {} }), "/job_id"),
            call(json!({ "job_id": 1, "share": 0.1 })),
            Call::get(System::Databricks, "/api/2.2/jobs/get").query("job_id", "1"),
            call(json!(null)),
        ];
        let calls = Calls::from(made.clone());
        assert_eq!(calls.iter().collect::<Vec<_>>(), made);
        assert_eq!(calls.lines().collect::<Vec<_>>(), made.iter().map(Call::line).collect::<Vec<_>>());
    }
}
