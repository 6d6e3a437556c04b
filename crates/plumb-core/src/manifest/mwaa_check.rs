//! What a target may say of an environment of Amazon MWAA.

use crate::kinds::airflow::environment::EnvironmentName;
use plumb_model::yaml::{Node, Problems};

/// Checks `airflow.mwaa` of a target.
pub(super) fn of_target(target: &Node, problems: &mut Problems) {
    let Some(airflow) = target.get("airflow") else { return };
    let Some(node) = airflow.get("mwaa") else { return };
    if let Some(url) = airflow.get("url") {
        let problem =
            problems.at(node.span, "`mwaa` and `url` are both set", "an environment of MWAA has its own address");
        problem.related(url.span, "the address").help("leave one of them out");
    }
    // References are refused elsewhere.
    if let Some(Err(unusable)) = node.as_str().filter(|text| !text.contains("${")).map(EnvironmentName::read) {
        problems.at(node.span, unusable.what, unusable.fix);
    }
}
