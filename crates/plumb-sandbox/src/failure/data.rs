//! The templates of log files, compiled in.

macro_rules! templates {
    ($($name:literal),* $(,)?) => {
        /// The template of that name.
        pub fn template(name: &str) -> Option<&'static str> {
            match name {
                $($name => Some(include_str!(concat!("data/", $name, ".txt"))),)*
                _ => None,
            }
        }

        /// All names.
        #[cfg(test)]
        pub const NAMES: &[&str] = &[$($name),*];
    };
}

templates!(
    "emr/bootstrap-controller",
    "emr/bootstrap-stderr",
    "emr/bootstrap-stdout",
    "emr/controller-begin",
    "emr/controller-cancelled",
    "emr/controller-failed",
    "emr/controller-healthy",
    "emr/driver-begin",
    "emr/driver-cancelled",
    "emr/driver-container-memory",
    "emr/driver-driver-traceback",
    "emr/driver-end",
    "emr/driver-healthy",
    "emr/driver-input-missing",
    "emr/driver-kms-denied",
    "emr/driver-spot-reclaim",
    "emr/executor-begin",
    "emr/executor-fetch",
    "emr/executor-healthy",
    "emr/executor-killed",
    "emr/executor-terminated",
    "emr/executors",
    "emr/instance-state",
    "emr/job-done",
    "emr/nodemanager-begin",
    "emr/nodemanager-killed",
    "emr/nodemanager-terminated",
    "emr/prelaunch-out",
    "emr/resourcemanager-begin",
    "emr/resourcemanager-cancelled",
    "emr/resourcemanager-end",
    "emr/resourcemanager-plain",
    "emr/resourcemanager-spot-reclaim",
    "emr/shuffle-stage",
    "emr/stdout-cancelled",
    "emr/stdout-container-memory",
    "emr/stdout-driver-traceback",
    "emr/stdout-healthy",
    "emr/stdout-input-missing",
    "emr/stdout-kms-denied",
    "emr/stdout-spot-reclaim",
    "emr/step-begin",
    "emr/step-failed",
    "emr/step-healthy",
    "emr/step-killed",
    "databricks/driver-begin",
    "databricks/driver-end",
    "databricks/driver-library",
    "databricks/driver-spot-lost",
    "databricks/driver-timeout",
    "databricks/driver-uc-permission",
    "databricks/driver-user-code",
    "databricks/error-spot-lost",
    "databricks/error-uc-permission",
    "databricks/error-user-code",
    "databricks/executor-begin",
    "databricks/executor-healthy",
    "databricks/executor-lost",
    "databricks/init-stderr",
    "databricks/init-stdout",
    "databricks/stage",
    "databricks/stderr",
    "databricks/stdout",
    "databricks/trace-spot-lost",
    "databricks/trace-uc-permission",
    "databricks/trace-user-code",
    "airflow/databricks-run",
    "airflow/emr-step",
    "airflow/import-error",
    "airflow/sensor-timeout",
    "airflow/success",
    "airflow/zombie",
);

/// A template that has to be there.
pub fn named(name: &str) -> &'static str {
    template(name).unwrap_or_default()
}
