//! How each resource stands: a table that fits a terminal, and what of it was changed where.

use super::counted;
use super::value::{columns, fitted, visible, wrapped};
use crate::kinds::Rev;
use crate::plan::{Action, Change, ChangeOrigin, Plan};
use crate::teardown::Stage;
use plumb_model::address::Address;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// How a resource stands, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceStatus {
    /// Something refuses what would be done to it.
    Blocked,
    /// It is live, and no manifest has it any more.
    Orphan,
    /// It was deleted live, or nobody can tell why it is not there.
    Missing,
    /// It was changed live, and in its manifest.
    DriftedAndPending,
    /// It was changed live.
    Drifted,
    /// It differs, and nobody can tell on which side it was changed.
    Differs,
    /// Its manifest is new or changed, and is not applied yet.
    Pending,
    ToAdopt,
    ToMove,
    ToRelease,
    /// Its teardown may end.
    Due,
    /// Its teardown waits for gates.
    Waits,
    InSync,
}

impl ResourceStatus {
    /// What it is called, in the table and for programs.
    pub fn name(self) -> &'static str {
        match self {
            ResourceStatus::Blocked => "blocked",
            ResourceStatus::Orphan => "orphan",
            ResourceStatus::Missing => "missing",
            ResourceStatus::DriftedAndPending => "drifted, pending",
            ResourceStatus::Drifted => "drifted",
            ResourceStatus::Differs => "differs",
            ResourceStatus::Pending => "pending",
            ResourceStatus::ToAdopt => "to adopt",
            ResourceStatus::ToMove => "to move",
            ResourceStatus::ToRelease => "to release",
            ResourceStatus::Due => "due",
            ResourceStatus::Waits => "waits",
            ResourceStatus::InSync => "in sync",
        }
    }

    /// What is to be done to it by a change.
    fn of(change: &Change) -> ResourceStatus {
        match change.action {
            Action::Adopt => ResourceStatus::ToAdopt,
            Action::Move => ResourceStatus::ToMove,
            Action::Release => ResourceStatus::ToRelease,
            Action::Terminate => ResourceStatus::Due,
            Action::CutOver | Action::Rollback => ResourceStatus::Pending,
            Action::Upload if change.origin == Some(ChangeOrigin::Drift) => ResourceStatus::Drifted,
            Action::Upload | Action::Retire | Action::Prune => ResourceStatus::Pending,
            Action::Create if change.origin == Some(ChangeOrigin::Manifest) => ResourceStatus::Pending,
            Action::Create => ResourceStatus::Missing,
            Action::Update | Action::Replace | Action::Mark | Action::Delete => Self::of_fields(change),
        }
    }

    fn of_fields(change: &Change) -> ResourceStatus {
        let has = |side: ChangeOrigin| {
            change.fields.iter().any(|field| field.origin == Some(side) || field.origin == Some(ChangeOrigin::Both))
        };
        match (has(ChangeOrigin::Drift), has(ChangeOrigin::Manifest)) {
            (true, true) => ResourceStatus::DriftedAndPending,
            (true, false) => ResourceStatus::Drifted,
            // A field of which nobody can tell may be drift too.
            (false, true) if change.fields.iter().all(|field| field.origin.is_some()) => ResourceStatus::Pending,
            (false, _) => ResourceStatus::Differs,
        }
    }
}

/// How the resources of a plan stand, by their addresses. Made once, in one pass over the plan.
#[derive(Debug)]
pub struct PlanStatus {
    stands: HashMap<Address, ResourceStatus>,
    /// The ids of what each teardown is about.
    teardown: HashMap<Address, Vec<String>>,
}

impl PlanStatus {
    /// Reads a plan.
    pub fn of(plan: &Plan) -> PlanStatus {
        let (mut stands, mut teardown) = (HashMap::new(), HashMap::<Address, Vec<String>>::new());
        for change in plan.changes.iter().rev() {
            stands.extend(about(&change.address).map(|of| (of, ResourceStatus::of(change))));
        }
        // Where its code is not as it was uploaded, a resource is not, either.
        for change in plan.changes.iter().filter(|change| change.code.is_some()) {
            let status = ResourceStatus::of(change);
            for user in change.tree.iter().flat_map(|tree| &tree.used_by) {
                stands.entry(user.clone()).or_insert(status);
            }
        }
        let mut stages: BTreeMap<Address, Stage> = BTreeMap::new();
        for pending in &plan.teardown {
            for of in about(&pending.address) {
                teardown.entry(of.clone()).or_default().push(pending.id.clone());
                let lowest = stages.entry(of).or_insert(pending.stage);
                *lowest = (*lowest).min(pending.stage);
            }
        }
        for (of, stage) in stages {
            let status = if stage == Stage::Due { ResourceStatus::Due } else { ResourceStatus::Waits };
            stands.entry(of).or_insert(status);
        }
        for address in plan.blocked.iter().filter_map(|blocked| blocked.address.as_ref()) {
            stands.extend(about(address).map(|of| (of, ResourceStatus::Blocked)));
        }
        PlanStatus { stands, teardown }
    }

    /// How the resource of a manifest stands.
    pub fn status(&self, address: &Address) -> ResourceStatus {
        self.stands.get(address).copied().unwrap_or(ResourceStatus::InSync)
    }

    /// The ids of what its teardown is about; empty where it has none.
    pub fn teardown(&self, address: &Address) -> &[String] {
        self.teardown.get(address).map_or(&[], Vec::as_slice)
    }
}

/// An address, and those of the manifests that it may be of: `EmrCluster/legacy/j-1` is of `EmrCluster/legacy`.
fn about(address: &Address) -> impl Iterator<Item = Address> {
    let slashes = address.name.match_indices('/').map(|(at, _)| at);
    slashes
        .chain([address.name.len()])
        .map(|end| Address { kind: address.kind.clone(), name: address.name[..end].to_owned() })
}

/// A resource, what is live of it, and how the two stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusRow {
    pub address: Address,
    pub status: ResourceStatus,
    /// The ids of its live objects.
    pub ids: Vec<String>,
    /// What the service says of its state; empty where it has none.
    pub state: String,
    /// The commit that was applied last; empty where nothing was.
    pub commit: String,
    /// When its runs under way end.
    pub runs: Vec<String>,
}

/// The columns of the table.
const COLUMNS: [&str; 5] = ["ADDRESS", "STATUS", "ID", "STATE", "APPLIED FROM"];
/// In what order columns are left out that have no room, by their place in [`COLUMNS`].
const LEFT_OUT: [usize; 3] = [3, 4, 2];
/// How much of a commit is shown where not all of it has room.
const SHORT_COMMIT: usize = 7;
/// An address is never shortened below this.
const SHORTEST: usize = 16;
/// What stands between two columns.
const GAP: usize = 2;

/// The rows as a table of at most `width` columns, then how many there are of each status.
///
/// Where it does not fit, commits are shortened, then columns left out (state, commit, id) and named at the end, then addresses
/// cut; a status never is.
pub fn status_text(rows: &[StatusRow], width: usize) -> String {
    let mut table = vec![COLUMNS.map(str::to_owned)];
    table.extend(rows.iter().map(|row| {
        let ids = row.ids.join(" ");
        let commit = if row.commit == Rev::NO_COMMIT { Rev::UNCOMMITTED } else { &row.commit };
        [&row.address.to_string(), row.status.name(), &ids, &row.state, commit].map(visible)
    }));
    let widest = |table: &[[String; 5]], at: usize| table.iter().map(|row| columns(&row[at])).max().unwrap_or_default();
    // A column in which nothing stands says nothing.
    let mut kept: Vec<usize> =
        (0..COLUMNS.len()).filter(|at| *at < 2 || table[1..].iter().any(|r| !r[*at].is_empty())).collect();
    let total = |table: &[[String; 5]], kept: &[usize]| {
        kept.iter().map(|at| widest(table, *at) + GAP).sum::<usize>().saturating_sub(GAP)
    };
    if total(&table, &kept) > width {
        let short = |commit: &str| match commit {
            Rev::UNCOMMITTED => commit.to_owned(),
            commit => commit.get(..SHORT_COMMIT).unwrap_or(commit).to_owned(),
        };
        table[1..].iter_mut().for_each(|row| row[4] = short(&row[4]));
    }
    let mut hidden = Vec::new();
    for at in LEFT_OUT {
        if total(&table, &kept) > width && kept.contains(&at) {
            kept.retain(|column| *column != at);
            hidden.push(COLUMNS[at]);
        }
    }
    let over = total(&table, &kept).saturating_sub(width);
    if over > 0 {
        let room = widest(&table, 0).saturating_sub(over).max(SHORTEST);
        table[1..].iter_mut().for_each(|row| row[0] = fitted(&row[0], room));
    }
    let widths: Vec<usize> = kept.iter().map(|at| widest(&table, *at)).collect();
    let mut text = String::new();
    for row in &table {
        let cells = kept.iter().zip(&widths).map(|(at, width)| {
            let cell = &row[*at];
            format!("{cell}{}", " ".repeat(width.saturating_sub(columns(cell)) + GAP))
        });
        text.push_str(cells.collect::<String>().trim_end());
        text.push('\n');
    }
    for (row, run) in rows.iter().flat_map(|row| row.runs.iter().map(move |run| (row, run))) {
        text.push_str(&format!("{}, {}\n", visible(&row.address.to_string()), visible(run)));
    }
    text.push('\n');
    // Long where there are many statuses, and no table.
    let mut told = wrapped(&summary(rows), width);
    if !hidden.is_empty() {
        let hidden = hidden.join(", ");
        let said = format!("No room for {hidden}: a wider terminal shows more, `--output json` all of it.");
        told.extend(wrapped(&said, width));
    }
    told.iter().for_each(|line| text.push_str(&format!("{line}\n")));
    text
}

/// `12 resources: 1 drifted, 2 pending, 9 in sync.`
fn summary(rows: &[StatusRow]) -> String {
    let mut counts: BTreeMap<ResourceStatus, usize> = BTreeMap::new();
    rows.iter().for_each(|row| *counts.entry(row.status).or_default() += 1);
    let all = counted(rows.len(), "resource", "resources");
    if counts.is_empty() {
        return format!("{all}.");
    }
    let list: Vec<String> = counts.iter().map(|(status, count)| format!("{count} {}", told(*status))).collect();
    format!("{all}: {}.", list.join(", "))
}

/// A status where commas part the counts.
fn told(status: ResourceStatus) -> &'static str {
    match status {
        ResourceStatus::DriftedAndPending => "drifted and pending",
        other => other.name(),
    }
}

/// The rows for programs.
pub fn status_json(rows: &[StatusRow]) -> Value {
    let one = |row: &StatusRow| {
        let mut one = json!({"address": row.address, "status": row.status.name(), "id": row.ids.join(" "),
            "state": row.state, "commit": row.commit});
        if !row.runs.is_empty() {
            one["runs"] = json!(row.runs);
        }
        one
    };
    json!(rows.iter().map(one).collect::<Vec<_>>())
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
