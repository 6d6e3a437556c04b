//! Which catalog takes the place of the Hive metastore or of Glue: the same for all pipelines, so plumb.yaml answers it.

use super::account::{At, Book};
use super::answers::{TeamAnswer, TeamQuestion};
use super::conf::{TargetPaths, Wants};

/// What makes a cluster read Glue's catalog (Databricks' page on Glue as a metastore).
const GLUE: &str = "spark.databricks.hive.metastore.glueCatalog.enabled";
/// What names without a catalog are looked up in (Databricks' page on default catalogs).
const INITIAL: &str = "spark.databricks.sql.initial.catalog.name";
/// The account whose catalog Glue shows, where it is another one.
const GLUE_ACCOUNT: &str = "hive.metastore.glue.catalogid";

/// Whether a setting of Hive says which metastore there is.
pub(super) fn is_of_metastore(key: &str) -> bool {
    ["hive.metastore.", "javax.jdo.", "aws.glue.", "hive.imetastoreclient."].iter().any(|p| key.starts_with(p))
}

/// Takes a setting that says where the tables are.
pub(super) fn setting(book: &mut Book, at: &At<'_>, key: &str, place: &TargetPaths<'_>, wants: &mut Wants) {
    match place.answers.catalog.as_deref() {
        None => {
            book.ask_team(question());
            book.dropped(
                at,
                "where the tables are is for `answers.catalog` of plumb.yaml to say; until then no catalog is set",
            );
        }
        Some("glue") => {
            wants.conf.insert(GLUE.into(), "true".into());
            if let (true, Some(account)) = (key.ends_with(GLUE_ACCOUNT), at.text()) {
                let account = account.rsplit('=').next().unwrap_or_default().to_owned();
                let name = format!("spark.hadoop.{GLUE_ACCOUNT}");
                book.translated(at, format!("{}.spark_conf.{name}", place.cluster));
                wants.conf.insert(name, account);
            } else {
                book.dropped(at, "`answers.catalog` is `glue`: the cluster reads Glue's catalog");
            }
        }
        Some("hive_metastore") => {
            book.dropped(
                at,
                "`answers.catalog` is `hive_metastore`: tables are those of the workspace's own metastore",
            );
        }
        Some(catalog) => {
            wants.conf.insert(INITIAL.into(), catalog.to_owned());
            book.dropped(at, format!("`answers.catalog`: tables are looked up in the catalog `{catalog}`"));
        }
    }
}

fn question() -> TeamQuestion {
    TeamQuestion {
        answer: TeamAnswer::Catalog,
        what: "which catalog takes the place of Glue or of the Hive metastore".into(),
        why: "it decides what the names of tables mean, and who may read them".into(),
        options: vec![
            "the name of a catalog of Unity Catalog that has the tables, or is federated with the old one".into(),
            "hive_metastore: the workspace's own".into(),
            "glue: Glue's, which needs an instance profile and is outside of Unity Catalog".into(),
        ],
        default: "no catalog is set: names without one are looked up in the workspace's default catalog, which may not have the tables".into(),
        value: None,
    }
}
