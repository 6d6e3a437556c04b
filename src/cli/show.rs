//! `plumb show ADDRESS`.

use super::output::{Output, PlainForm};
use super::session::{Project, Session};
use super::{Global, Selected, Targeted};
use crate::observe;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use clap_complete::ArgValueCandidates;
use plumb_core::kinds::{self, Kind, Rev, Role};
use plumb_core::plan::secrets::{Numbers, seal};
use plumb_core::plan::unknown::UnknownMembers;
use plumb_core::plan::{Selection, normal};
use plumb_core::render::value::visible;
use plumb_model::address::Address;
use plumb_model::schema::Path;
use serde_json::{Value, json};

/// Show one resource: its manifest, its live object and its mark, and how they differ
#[derive(Args)]
#[command(
    after_help = "Examples:\n  plumb show DatabricksJob/audience-cleanse\n  plumb show audience-cleanse --output json"
)]
pub struct Show {
    /// Address (KIND/NAME), or a name that only one resource has
    #[arg(add = ArgValueCandidates::new(super::complete::addresses))]
    address: String,
    #[command(flatten)]
    targeted: Targeted,
    #[command(flatten)]
    output: Output<PlainForm>,
}

/// The address that a person means: an address, or a name that only one resource has.
pub fn address(project: &Project, text: &str) -> Result<Address, Failure> {
    if let Ok(address) = Address::try_from(text.to_owned()) {
        return Ok(address);
    }
    let resources = &project.desired.resources;
    let named: Vec<&Address> = resources.iter().map(|r| &r.address).filter(|a| a.name == text).collect();
    match named.as_slice() {
        [one] => Ok((*one).clone()),
        [] => {
            let names: Vec<&str> = resources.iter().map(|r| r.address.name.as_str()).collect();
            let failure = Failure::usage(format!("no resource is called `{text}`"));
            Err(match plumb_model::yaml::nearest(text, names) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure,
            })
        }
        several => {
            let list: Vec<String> = several.iter().map(|a| a.to_string()).collect();
            Err(Failure::usage(format!("`{text}` may be {}", list.join(" or "))))
        }
    }
}

/// The kind of an address.
///
/// # Errors
/// There is none of that name.
pub fn kind(address: &Address) -> Result<&'static dyn Kind, Failure> {
    kinds::find(&address.kind).ok_or_else(|| {
        let hint = kinds::suggestion_or_list(&kinds::names(kinds::all()), &address.kind);
        Failure::usage(format!("no kind is called `{}`", visible(&address.kind))).hint(hint)
    })
}

/// Shows the resource.
pub async fn run(global: &Global, args: Show, ui: &Ui) -> Result<ExitCode, Failure> {
    let session = Session::open(global, &args.targeted, ui).await?;
    let address = address(&session.project, &args.address)?;
    let desired = &session.project.desired;
    let resource = desired.resources.iter().find(|r| r.address == address);
    let kind = kind(&address)?;
    let only = Selected { only: resource.map(|r| r.address.to_string()).into_iter().collect(), ..Selected::default() };
    let (live, plan, vault) = if resource.is_some() {
        let mut decided = session.decide(&only, None, ui).await?;
        super::select::forget(&mut decided.decision.plan);
        (decided.live, Some(decided.decision.plan), decided.decision.vault)
    } else {
        (session.observe(&Selection::default(), ui).await?, None, desired.vault.clone())
    };
    let found = observe::of(&live, desired, &address);
    let unread = observe::unread(&live, desired, &address);
    if resource.is_none() && found.is_empty() && unread.is_empty() {
        return Err(Failure::error(format!("no manifest and no live object is {address}")));
    }
    let (mut vault, mut numbers) = (vault, Numbers::default());
    let marks = found.iter().filter_map(|f| f.mark.as_ref());
    let mut earlier = session.earlier(&address, marks, &vault);
    if let Some(resource) = resource {
        earlier = earlier.and(&resource.spec);
    }
    let wanted = resource.map(|r| numbers.show(&seal(kind.rules(), &r.spec, &mut vault)));
    let supplied = live.supplied();
    let lives: Vec<Value> = found
        .iter()
        .map(|f| {
            let spec = f.seen.spec();
            let sealed = seal(kind.rules(), &spec, &mut vault);
            // What others made has nothing of its manifest's spec: its name and its tags are what there is to see.
            let mut spec =
                if kind.role() == Role::Teardown { sealed.clone() } else { normal::normal(kind.rules(), &sealed) };
            earlier.hide(kind.rules(), &Path::default(), &mut spec);
            let rev = f.mark.as_ref().and_then(|m| m.rev.as_ref()).map(ToString::to_string);
            let mut shown =
                json!({"id": f.seen.id, "state": f.seen.state, "applied": rev, "spec": numbers.show(&spec)});
            if kind.role() == Role::Object && !kind.is_external(&spec) {
                shown["unknown"] = json!(UnknownMembers::of(kind.rules(), &sealed, &supplied, &[]).paths());
            }
            shown
        })
        .chain(unread.iter().map(|one| json!({"id": one.id, "unreadable": one.to_string()})))
        .collect();
    if args.output.output == PlainForm::Json {
        let all = json!({"address": address, "manifest": wanted, "live": lives, "plan": plan});
        args.output.write(&plumb_core::render::shown(&format!("{all:#}\n")), ui)?;
        return Ok(ExitCode::Ok);
    }
    let mut text = format!("{}\n", visible(&address.to_string()));
    if let Some(resource) = resource {
        let file = desired.files.get(resource.span.file);
        let (line, _) = desired.files.position(resource.span);
        text.push_str(&format!("\nmanifest ({}:{line}):\n{}", visible(&file.path), yaml(wanted.as_ref())));
    }
    for live in &lives {
        let id = live["id"].as_str().unwrap_or_default();
        let applied = match live["applied"].as_str() {
            Some(rev) if rev.starts_with(Rev::NO_COMMIT) => format!(", applied from {} manifests", Rev::UNCOMMITTED),
            Some(rev) => format!(", applied from {rev}"),
            None => String::new(),
        };
        match live["unreadable"].as_str() {
            Some(why) => text.push_str(&format!("\nlive, and could not be read: {}\n", visible(why))),
            None => text.push_str(&format!("\nlive ({} {id}{applied}):\n{}", kind.noun(), yaml(live.get("spec")))),
        }
        let unknown: Vec<&str> = live["unknown"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !unknown.is_empty() {
            text.push_str(&format!("  and settings that plumb does not know: {}\n", visible(&unknown.join(", "))));
        }
    }
    if lives.is_empty() {
        text.push_str("\nlive: nothing carries its mark\n");
    }
    if let Some(plan) = plan {
        text.push('\n');
        text.push_str(&plumb_core::render::text(
            &plan,
            plumb_core::render::Style { colour: ui.colour, width: ui.width },
        ));
    }
    args.output.show(&text, ui)?;
    Ok(ExitCode::Ok)
}

fn yaml(value: Option<&Value>) -> String {
    let text = value.and_then(|v| serde_yaml::to_string(v).ok()).unwrap_or_default();
    text.lines().map(|line| format!("  {}\n", visible(line))).collect()
}
