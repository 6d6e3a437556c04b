//! The corpus: pipelines of the shapes that there are, each from its request to the manifests and back again.
//!
//! `corpus/NAME/request.json` is what people have written: `form` says in which language, `run` when the newest run was,
//! `runs` what earlier ones had instead, `dag` what starts it, `others` which of its places other pipelines write, `wants` what
//! has to be so of this one: texts that manifests `always` and `never` have, the number of `tasks`, and what is `unasked`.
//! `corpus/NAME/input.json` is what EMR's API says of it then. `corpus/COUNTS.md` is
//! what the corpus comes to; `manifests.yaml`, where it stands, is all that becomes of a pipeline.

use super::cases::{self, all_text, folder, load, written};
use super::golden::same;
use super::independent::{Part, ReadFate, Shown, scalars, text};
use super::lawful::faults;
use super::pipelines::{Case, corpus, instead};
use crate::import::{Files, places};
use plumb_core::detect;
use plumb_core::render;
use plumb_core::translate::{TeamAnswer, Translation, pipeline};
use plumb_model::yaml::edit::{Step, remove, set};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// At least as many pipelines are in the corpus.
const PIPELINES: usize = 32;
/// The median of what a pipeline asks where nothing is answered. It only falls; the goal is 4.
const MEDIAN: usize = 4;
/// Values of which nobody reads what became of them.
const LOST: usize = 0;
/// Questions that a pipeline asks again in the same words. It only falls; the goal is none.
const REPEATED: usize = 0;
/// Dates of an old run that stand in a manifest without a question above their line. There is none.
const STALE: usize = 0;
/// What is wanted of a pipeline by its `wants` and is not so. There is nothing.
const UNMET: usize = 0;
/// The pipelines of which the manifests are kept to be read.
const SHOWN: [&str; 11] = [
    "argument-keys",
    "bash-c",
    "daily-events",
    "dated-steps",
    "dates-everywhere",
    "dist-cp-hdfs",
    "fleet-spot-scaling",
    "quarterly-closing",
    "script-runner",
    "serials",
    "serverless-reports",
];

impl Case {
    /// Values of which nobody reads what became of them, each with what is wrong.
    fn lost(&self, translation: &Translation, shown: &Shown) -> Vec<String> {
        let (known, mut lost) = (self.known(), Vec::new());
        let input = self.source(&self.answers).input;
        for (place, value, before) in self.values() {
            let taken = input.pointer(&pointer(&self.answers, &place)).map(text).unwrap_or_default();
            let is_secret = known.secrets.iter().any(|secret| text(&value).contains(secret.as_str()));
            if taken.contains(detect::HIDDEN) && !is_secret {
                lost.push(format!("`{place}`: `{}` is hidden, and is no secret", text(&value)));
                continue;
            }
            for part in Part::all(&place, &value) {
                let wrong = match shown.fate(&part, before.as_deref(), &known) {
                    ReadFate::Said => continue,
                    ReadFate::Written | ReadFate::Code if self.has_effect(translation, &part, &value) => continue,
                    ReadFate::Written | ReadFate::Code => "could be anything else, and nothing says so".to_owned(),
                    ReadFate::Wrong(wrong) => wrong,
                };
                let secret = known.secrets.iter().any(|secret| part.word.contains(secret.as_str()));
                let word = if secret { "…" } else { part.word.as_str() };
                lost.push(format!("`{place}`: `{word}` {wrong}"));
            }
        }
        lost
    }

    /// What the old DAG says and the manifests do not.
    fn lost_of_dag(&self, translation: &Translation, shown: &Shown) -> Vec<String> {
        let known = self.known();
        let fault = |(place, value): (String, Value)| {
            let word = text(&value);
            let part = Part { place: format!("dag.{place}"), value: word.clone(), word, is_whole: true };
            let wrong = match shown.fate(&part, None, &known) {
                ReadFate::Wrong(wrong) => wrong,
                // The report says that it went nowhere, and why.
                _ if shown.is_dropped(&part.place) => return None,
                // The name of the DAG is the old one's: where it stands it stands as it is.
                _ if place == "dag_id" => return None,
                _ => {
                    let changes = others(&value).into_iter().any(|other| {
                        let mut request = self.request.clone();
                        *request["dag"].pointer_mut(&pointer(&self.request["dag"], &place)).unwrap() = other;
                        let case = Case { name: self.name.clone(), request, answers: self.answers.clone() };
                        is_other(&case.translated(), translation)
                    });
                    if changes {
                        return None;
                    }
                    "could be anything else, and nothing says so".to_owned()
                }
            };
            Some(format!("`{}`: `{}` {wrong}", part.place, part.word))
        };
        scalars(&self.request["dag"]).into_iter().filter_map(fault).collect()
    }

    /// Whether anything that people read is another where a part of a value is another.
    fn has_effect(&self, translation: &Translation, part: &Part, value: &Value) -> bool {
        let pointer = pointer(&self.answers, &part.place);
        let others = if part.is_whole {
            others(value)
        } else {
            let inside = |other: Value| Value::from(part.value.replacen(&part.word, &text(&other), 1));
            others(&Value::from(part.word.as_str())).into_iter().map(inside).collect()
        };
        others.into_iter().any(|other| {
            let mut answers = self.answers.clone();
            *answers.pointer_mut(&pointer).unwrap() = other;
            is_other(&self.translated_from(&answers), translation)
        })
    }

    /// What is wanted of this pipeline and is not so.
    fn unmet(&self, translation: &Translation, manifests: &BTreeMap<String, String>) -> Vec<String> {
        let wants = &self.request["wants"];
        let texts = |member: &str| -> Vec<String> {
            serde_json::from_value::<Option<_>>(wants[member].clone()).unwrap().unwrap_or_default()
        };
        let lines = manifests.values().flat_map(|text| text.lines()).filter(|line| !line.trim_start().starts_with('#'));
        let said: String = lines.map(|line| line.replace('"', "") + "\n").collect();
        let mut unmet = Vec::new();
        unmet.extend(texts("always").iter().filter(|text| !said.contains(*text)).map(|text| format!("lacks `{text}`")));
        unmet.extend(texts("never").iter().filter(|text| said.contains(*text)).map(|text| format!("has `{text}`")));
        for question in texts("unasked") {
            if let Some(decision) = translation.decisions.iter().find(|decision| decision.what.contains(&question)) {
                unmet.push(format!("asks {}", decision.what));
            }
        }
        let tasks = translation.documents.iter().filter(|document| document.address.kind == "DatabricksJob");
        let tasks: usize = tasks.map(|document| document.spec["tasks"].as_array().map_or(0, Vec::len)).sum();
        if let Some(wanted) = wants["tasks"].as_u64().filter(|wanted| *wanted != tasks as u64) {
            unmet.push(format!("has {tasks} tasks, {wanted} are wanted"));
        }
        unmet
    }

    /// Lines of manifests with a part of an old run, and no question about it directly above.
    fn stale(&self, manifests: &BTreeMap<String, String>) -> Vec<String> {
        let known = self.known();
        let mut found = Vec::new();
        for (file, manifest) in manifests {
            let mut asked = false;
            for line in manifest.lines() {
                let is_comment = line.trim_start().starts_with('#');
                let is_old = known.varying.iter().any(|part| line.contains(part.as_str()));
                if is_old && !is_comment && !asked {
                    found.push(format!("`{file}`: `{}`", line.trim()));
                }
                asked = is_comment && (asked || line.contains("# DECISION: "));
            }
        }
        found
    }
}

/// Whether people read something else.
fn is_other(one: &Translation, two: &Translation) -> bool {
    one.documents != two.documents || one.decisions != two.decisions || one.team != two.team
}

/// Other values in the place of one, from the near to the far.
fn others(value: &Value) -> Vec<Value> {
    // What else an enumeration has.
    const CODES: [&[&str]; 5] = [
        &["ON_DEMAND", "SPOT"],
        &["TERMINATE_CLUSTER", "CANCEL_AND_WAIT", "CONTINUE"],
        &["Instances", "VCPU", "InstanceFleetUnits"],
        &["SWITCH_TO_ON_DEMAND", "TERMINATE_CLUSTER"],
        &["gp2", "gp3", "io1", "st1"],
    ];
    let figures = |number: f64| [number + 1.0, number * 3.0 + 2.0, number * 40.0 + 7.0];
    // Counts stay whole: the API has them so.
    #[allow(clippy::cast_possible_truncation)]
    let whole = |number: f64| number as i64;
    match value {
        Value::Bool(is) => vec![json!(!is)],
        Value::Number(number) => figures(number.as_f64().unwrap()).map(|number| json!(whole(number))).to_vec(),
        other => {
            let text = text(other);
            // A figure in it, as in `spark.executor.memory=16g`.
            let start = text.rfind('=').map_or(0, |at| at + 1);
            let digits = text[start..].bytes().take_while(u8::is_ascii_digit).count();
            let mut all: Vec<String> = Vec::new();
            if let Ok(number) = text[start..start + digits].parse::<f64>() {
                let rest = &text[start + digits..];
                all.extend(figures(number).map(|number| format!("{}{}{rest}", &text[..start], whole(number))));
            }
            let codes = CODES.iter().filter(|codes| codes.contains(&text.as_str()));
            all.extend(
                codes.flat_map(|codes| codes.iter()).filter(|code| **code != text).map(|code| (*code).to_owned()),
            );
            let middle = (text.len() / 2..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let (before, after) = text.split_at(middle);
            all.extend([format!("{text}x7"), format!("{before}x7{after}"), format!("x7{text}")]);
            all.into_iter().map(Value::String).collect()
        }
    }
}

/// The JSON pointer of a place.
fn pointer(value: &Value, place: &str) -> String {
    fn walk(value: &Value, at: &str, pointer: &str, wanted: &str) -> Option<String> {
        if at == wanted {
            return Some(pointer.to_owned());
        }
        let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
        match value {
            Value::Array(items) => items
                .iter()
                .enumerate()
                .find_map(|(i, item)| walk(item, &format!("{at}[{i}]"), &format!("{pointer}/{i}"), wanted)),
            Value::Object(map) => map.iter().find_map(|(key, item)| {
                let ways = match at {
                    "" => vec![key.clone()],
                    _ => vec![format!("{at}.{key}"), format!("{at}[{}]", Value::from(key.as_str()))],
                };
                let pointer = format!("{pointer}/{}", escaped(key));
                ways.iter().find_map(|way| walk(item, way, &pointer, wanted))
            }),
            _ => None,
        }
    }
    walk(value, "", "", place).unwrap_or_else(|| panic!("no {place}"))
}

/// Questions that are asked more than once in the same words, each with how often.
fn repeated(translation: &Translation) -> Vec<(String, usize)> {
    let mut all: BTreeMap<&str, usize> = BTreeMap::new();
    for decision in &translation.decisions {
        *all.entry(&decision.what).or_default() += 1;
    }
    all.into_iter().filter(|(_, times)| *times > 1).map(|(what, times)| (what.to_owned(), times)).collect()
}

/// A question without what is one pipeline's: two pipelines may ask the same.
fn general(what: &str) -> String {
    let parts: Vec<&str> = what.split('`').collect();
    let named: String = parts.iter().enumerate().map(|(i, part)| if i % 2 == 0 { *part } else { "…" }).collect();
    named.split(": ").next().unwrap_or_default().to_owned()
}

#[test]
fn the_corpus_has_pipelines_of_every_form() {
    let all = corpus();
    assert!(all.len() >= PIPELINES, "{} pipelines", all.len());
    for form in ["boto3", "terraform-state", "terraform-plan", "cloudformation", "airflow", "serverless"] {
        assert!(all.iter().any(|case| case.request["form"] == form), "{form}");
    }
    for shown in SHOWN {
        assert!(all.iter().any(|case| case.name == shown), "{shown}");
    }
}

/// What is known only to the tool that keeps it, and not to EMR.
const BOOKKEEPING: [&str; 21] = [
    "Parameters",
    "version",
    "terraform_version",
    "serial",
    "lineage",
    "mode",
    "type",
    "provider",
    "provider_name",
    "schema_version",
    "address",
    "format_version",
    "AWSTemplateFormatVersion",
    "Type",
    "Ref",
    "task_id",
    "operator_name",
    "waiter_delay",
    "waiter_max_attempts",
    "cluster_state",
    "volumes_per_instance",
];

/// The scalars of a request that EMR is told, those inside texts that are JSON too, and the names of properties.
fn told(value: &Value, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map.iter().filter(|(key, _)| !BOOKKEEPING.contains(&key.as_str())) {
                let is_property = key.contains('.');
                if is_property {
                    out.insert(key.clone());
                }
                // Amazon counts volumes one by one.
                if !(key == "VolumesPerInstance" || key == "name" && map.contains_key("mode")) {
                    told(value, out);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| told(item, out)),
        Value::String(inner) => match serde_json::from_str::<Value>(inner) {
            Ok(inner) if inner.is_object() || inner.is_array() => told(&inner, out),
            // What a template fills in is told whole.
            _ if inner.contains("${") => {}
            _ => {
                out.insert(inner.replace("s3n://", "s3://"));
            }
        },
        Value::Number(number) => {
            out.insert(number.to_string());
        }
        Value::Bool(_) | Value::Null => {}
    }
}

/// What people wrote and EMR's API does not say.
fn untold(case: &Case) -> Vec<String> {
    let (mut wanted, mut there) = (BTreeSet::new(), BTreeSet::new());
    told(&case.request["request"], &mut wanted);
    told(&case.answers, &mut there);
    // Terraform has a list of groups in one text.
    let is_there = |one: &String| there.contains(one) || one.split(',').all(|part| there.contains(part));
    let missing = wanted.into_iter().filter(|one| !one.is_empty() && !is_there(one));
    missing.map(|one| format!("{}: {one}", case.name)).collect()
}

/// What people wrote is what EMR is told: the check of what is lost begins at the request.
#[test]
fn every_value_of_a_request_is_among_the_answers() {
    let wrong: Vec<String> = corpus().iter().flat_map(untold).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // An answer that lacks what was written is seen.
    let mut case = corpus().into_iter().find(|case| case.name == "monthly-sales").unwrap();
    *case.answers.pointer_mut("/Steps/0/Name").unwrap() = json!("another");
    assert_eq!(untold(&case), ["monthly-sales: export"]);
}

/// What plumb.yaml answers for all pipelines is asked of none.
#[test]
fn answers_leave_nothing_to_ask_a_team() {
    for rights in ["instanceProfile", "unityCatalog"] {
        let answers = json!({ "runtime": "auto", "runAs": "creator", "rights": rights, "logs": "keep", "timeZone": "UTC",
            "nodeTypes": { "m3.xlarge": "m5d.xlarge" }, "spot": "keep", "catalog": "main" });
        let mut options = cases::options();
        options.answers = serde_json::from_value(answers).unwrap();
        for case in corpus() {
            let answered = pipeline(&case.source(&case.answers), &options, &case.name);
            assert_eq!(answered.team, [], "{}", case.name);
            // Runs of EMR Serverless have a role and no instance profile: who wants one has to name it.
            let names_a_profile = |what: &str| what.starts_with("which instance profile has the role");
            let asked = answered.decisions.iter().filter(|d| rights != "instanceProfile" || !names_a_profile(&d.what));
            assert!(asked.count() <= case.translated().decisions.len(), "{}", case.name);
        }
    }
}

#[test]
fn each_pipeline_keeps_the_laws_and_is_valid() {
    let mut wrong = Vec::new();
    for case in corpus() {
        let source = case.source(&case.answers);
        let translation = pipeline(&source, &cases::options(), &case.name);
        wrong.extend(faults(&source.input, &translation).iter().map(|fault| format!("{}: {fault}", case.name)));
        let written = written(&translation);
        if let Err(problems) = load(&written) {
            wrong.push(format!("{}: {problems}", case.name));
        }
        assert_eq!(all_text(&translation), all_text(&case.translated()), "{}: two readings differ", case.name);
        // Each decision stands in its manifest, once.
        let asked: usize = written.values().map(|text| text.matches("# DECISION: ").count()).sum();
        assert_eq!(asked, translation.decisions.len(), "{}", case.name);
        for secret in case.known().secrets {
            assert!(!all_text(&translation).contains(&secret), "{}: {secret}", case.name);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the corpus comes to, counted and listed. Every number may only fall.
#[test]
fn no_value_is_lost_and_few_things_are_asked() {
    let (mut table, mut lost, mut again, mut stale, mut wrong) =
        (String::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut unmet, mut team) = (Vec::new(), BTreeMap::<TeamAnswer, (String, usize)>::new());
    let (mut counts, mut by_question) = (Vec::new(), BTreeMap::<String, (usize, usize)>::new());
    for case in corpus() {
        let translation = case.translated();
        let written = written(&translation);
        let shown = Shown::of(&written, &render::translation(&translation));
        let mut missing = case.lost(&translation, &shown);
        missing.extend(case.lost_of_dag(&translation, &shown));
        let old = case.stale(&written);
        let open = case.unmet(&translation, &written);
        for question in &translation.team {
            team.entry(question.answer).or_insert_with(|| (question.what.clone(), 0)).1 += 1;
        }
        let repeated = repeated(&translation);
        let more: usize = repeated.iter().map(|(_, times)| times - 1).sum();
        table.push_str(&format!(
            "| {} | {} | {} | {} | {} | {more} | {} | {} | {} |\n",
            case.name,
            case.request["form"].as_str().unwrap(),
            case.values().len(),
            translation.decisions.len(),
            translation.team.len(),
            missing.len(),
            old.len(),
            open.len(),
        ));
        counts.push(translation.decisions.len());
        let mut here: BTreeMap<String, usize> = BTreeMap::new();
        for decision in &translation.decisions {
            *here.entry(general(&decision.what)).or_default() += 1;
        }
        for (what, times) in here {
            let (pipelines, all) = by_question.entry(what).or_default();
            (*pipelines, *all) = (*pipelines + 1, *all + times);
        }
        let of = |list: &[String]| list.iter().map(|line| format!("- {}: {line}\n", case.name)).collect::<Vec<_>>();
        lost.extend(of(&missing));
        stale.extend(of(&old));
        unmet.extend(of(&open));
        again.extend(of(&repeated.iter().map(|(what, times)| format!("{times} times {what}")).collect::<Vec<_>>()));
        if SHOWN.contains(&case.name.as_str()) {
            let yaml = written.values().map(String::as_str).collect::<Vec<_>>().join("---\n");
            same(&folder().join(format!("corpus/{}/manifests.yaml", case.name)), &yaml, &mut wrong);
        }
    }
    counts.sort_unstable();
    let (median, total) = (counts[counts.len() / 2], counts.iter().sum::<usize>());
    let mut questions: Vec<(String, (usize, usize))> = by_question.into_iter().collect();
    questions.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
    let questions = questions.iter().map(|(what, (pipelines, all))| format!("| {what} | {pipelines} | {all} |\n"));
    let repeats = again.len();
    let team =
        team.iter().map(|(answer, (what, pipelines))| format!("- `{}`, {pipelines} pipelines: {what}\n", answer.key()));
    let team: Vec<String> = team.collect();
    let section = |title: &str, lines: &[String]| match lines {
        [] => format!("\n## {title}\n\nNone.\n"),
        lines => format!("\n## {title}\n\n{}", lines.concat()),
    };
    let text = format!(
        "# The corpus in numbers\n\n\
         {} pipelines, {total} decisions with no answers given, {median} in the median; {} values are lost, {repeats} \
         questions are asked again, {} dates are old, {} wants are unmet.\n\n\
         | pipeline | form | values | decisions | team questions | asked again | lost | old dates | unmet |\n\
         |---|---|---|---|---|---|---|---|---|\n{table}\
         \n## Questions\n\n| question | pipelines | times |\n|---|---|---|\n{}{}{}{}{}{}",
        counts.len(),
        lost.len(),
        stale.len(),
        unmet.len(),
        questions.collect::<String>(),
        section("Questions of a team", &team),
        section("Unmet", &unmet),
        section("Lost", &lost),
        section("Asked again", &again),
        section("Old dates", &stale),
    );
    println!("{text}");
    same(&folder().join("corpus/COUNTS.md"), &text, &mut wrong);
    for (what, found, most) in [
        ("questions in the median", median, MEDIAN),
        ("values are lost", lost.len(), LOST),
        ("questions are asked again", repeats, REPEATED),
        ("dates are old", stale.len(), STALE),
        ("wants are unmet", unmet.len(), UNMET),
    ] {
        assert!(found <= most, "{found} {what}, {most} at most");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The check complains where a manifest, the report's list or a question lacks what it has.
#[test]
fn what_is_taken_away_is_missed() {
    let all = corpus();
    let find = |name: &str| all.iter().find(|case| case.name == name).unwrap();
    let faults = |case: &Case, written: &BTreeMap<String, String>, report: &str| {
        case.lost(&case.translated(), &Shown::of(written, report))
    };
    let case = find("monthly-sales");
    let translation = case.translated();
    let (whole, report) = (written(&translation), render::translation(&translation));
    let before = faults(case, &whole, &report);
    for gone in ["s3://acme-code/sales/export.py", "com.acme.sales.Mart", "dynamic"] {
        let less = whole.iter().map(|(path, text)| (path.clone(), text.replace(gone, "x"))).collect();
        let after = faults(case, &less, &report);
        assert!(after.len() > before.len() && after.iter().any(|fault| fault.contains(gone)), "{gone}: {after:?}");
    }
    let list = faults(
        case,
        &whole,
        &report.replace("`Cluster.EbsRootVolumeSize`, ", "").replace("`Cluster.ServiceRole`", "`x`"),
    );
    assert!(list.iter().any(|fault| fault.starts_with("`Cluster.ServiceRole`")), "{list:?}");
    let case = find("custom-ami");
    let translation = case.translated();
    let silent = render::translation(&translation).replace("`Cluster.CustomAmiId`", "`x`");
    let asked = faults(case, &written(&translation), &silent);
    assert!(asked.iter().any(|fault| fault.contains("ami-0123456789abcdef0")), "{asked:?}");
    // A secret that is shown, and one of which nothing says what it is of.
    let case = find("real-secrets");
    let translation = case.translated();
    let (whole, report) = (written(&translation), render::translation(&translation));
    let open = whole.iter().map(|(path, text)| (path.clone(), text.replace("- entries", "- hunter2"))).collect();
    assert!(faults(case, &open, &report).iter().any(|fault| fault.contains("a secret is shown")));
    let silent = faults(case, &whole, &report.replace("LEDGER_API_TOKEN", "x"));
    assert!(silent.iter().any(|fault| fault.contains("`LEDGER_API_TOKEN` is a secret")), "{silent:?}");
}

/// An import after people have edited what the first one wrote.
#[test]
fn a_second_import_leaves_what_people_wrote() {
    for case in corpus() {
        let translation = case.translated();
        let mut files = Files::default();
        files.import(&translation);
        let homes = files.homes();
        let (mut markers, mut gone) = (Vec::new(), Vec::new());
        for (number, path) in homes.values().enumerate() {
            let text = files.0[path].clone();
            let read: Value = serde_yaml::from_str(&text).unwrap();
            let mut all = Vec::new();
            places(&read["spec"], &[Step::Key("spec".into())], &mut all);
            let scalar = |at: &&Vec<Step>| {
                at.iter()
                    .try_fold(&read, |value, step| match step {
                        Step::Key(key) => value.get(key),
                        Step::Index(i) => value.get(i),
                    })
                    .is_some_and(|value| value.is_string() || value.is_number())
            };
            let mut leaves = all.iter().filter(scalar);
            // A value of people's own, a member that they removed, one that they added, and comments with their own spacing.
            let (mine, removed) = (leaves.next().unwrap(), leaves.next_back());
            let marker = format!("of-people-{number}");
            let mut edited = set(&text, 0, mine, &json!(marker)).unwrap();
            if let Some(removed) = removed.filter(|at| matches!(at.last(), Some(Step::Key(_))))
                && let Ok(less) = remove(&edited, 0, removed)
            {
                edited = less;
                gone.push((path.clone(), removed.clone()));
            }
            let added = [Step::Key("spec".into()), Step::Key(format!("{marker}-too"))];
            edited = set(&edited, 0, &added, &json!({ "a": [1, marker] })).unwrap();
            edited = format!("# {marker}: why it is so\n{edited}\n\n#   {marker} at the end\n");
            files.0.insert(path.clone(), edited);
            markers.push((path.clone(), marker));
        }
        let before = files.0.clone();
        let again = files.imported(homes.clone(), &translation);
        let changed: Vec<&String> = again.texts.keys().filter(|path| path.ends_with(".yaml")).collect();
        assert!(changed.is_empty(), "{}: {changed:?}", case.name);
        // The next run is another: what people wrote stays, byte by byte, where the rest follows.
        let next: BTreeMap<String, String> =
            case.known().varying.iter().map(|part| (part.clone(), next(part))).collect();
        let news = case.translated_from(&instead(&case.answers, &next));
        let later = files.imported(homes, &news);
        let after = |path: &String| later.texts.get(path).unwrap_or(&before[path]).clone();
        for (path, marker) in &markers {
            let lines = |text: &str| -> Vec<String> {
                text.lines().filter(|line| line.contains(marker.as_str())).map(str::to_owned).collect()
            };
            assert_eq!(lines(&after(path)), lines(&before[path]), "{}: {path}", case.name);
        }
        for (path, at) in &gone {
            let read: Value = serde_yaml::from_str(&after(path)).unwrap();
            let there = at.iter().try_fold(&read, |value, step| match step {
                Step::Key(key) => value.get(key),
                Step::Index(i) => value.get(i),
            });
            assert!(there.is_none(), "{}: {path} has {at:?} again", case.name);
        }
    }
}

/// The same part of a later run: its last digit is another.
fn next(part: &str) -> String {
    match part.rfind(|c: char| c.is_ascii_digit()) {
        Some(at) => format!("{}{}{}", &part[..at], if &part[at..=at] == "9" { "8" } else { "9" }, &part[at + 1..]),
        None => part.to_owned(),
    }
}
