//! What `--from` names: another place than EMR that says what ran there.

use std::path::PathBuf;

/// What `--from` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportFrom {
    /// The target's Airflow: one DAG, or all.
    Airflow(Option<String>),
    /// A file.
    File(PathBuf),
}

impl ImportFrom {
    /// Whether a record is of something that was read from here: `dag sales / EMR`, `written sales`.
    pub fn is_source_of(this: Option<&Self>, of: &str) -> bool {
        match this {
            Some(ImportFrom::Airflow(_)) => of.starts_with("dag "),
            Some(ImportFrom::File(_)) => of.starts_with("written "),
            None => !of.starts_with("dag ") && !of.starts_with("written "),
        }
    }
}

impl std::str::FromStr for ImportFrom {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("airflow", dag)) if !dag.is_empty() => Ok(ImportFrom::Airflow(Some(dag.to_owned()))),
            None if text == "airflow" => Ok(ImportFrom::Airflow(None)),
            Some(("airflow", _)) | None if text.is_empty() || text == "airflow:" => {
                Err("expected `airflow`, `airflow:` and the id of a DAG, or a file".to_owned())
            }
            _ => Ok(ImportFrom::File(text.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_is_airflow_or_a_dag_of_it_or_a_file() {
        assert_eq!("airflow".parse(), Ok(ImportFrom::Airflow(None)));
        assert_eq!("airflow:bau.monthly".parse(), Ok(ImportFrom::Airflow(Some("bau.monthly".into()))));
        assert_eq!("airflow:a:b".parse(), Ok(ImportFrom::Airflow(Some("a:b".into()))));
        assert_eq!("./airflow".parse(), Ok(ImportFrom::File("./airflow".into())));
        assert_eq!("emr/state.json".parse(), Ok(ImportFrom::File("emr/state.json".into())));
        for wrong in ["", "airflow:"] {
            assert!(wrong.parse::<ImportFrom>().is_err(), "{wrong}");
        }
    }
}
