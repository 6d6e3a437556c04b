//! Libraries that are installed on a cluster.

use super::undeclared::is_absent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One library. Exactly one member is set.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct Library {
    /// A package of an R repository.
    pub cran: Option<CranLibrary>,
    /// The address of a Python egg. Deprecated by the service: Python wheels have replaced eggs.
    #[schemars(extend("x-plumb" = {"code": "library", "why": "databricks-sdk-py compute.Library: a path of the workspace, a volume or an object store"}))]
    pub egg: Option<String>,
    /// The address of a JAR: workspace path, volume path or object store; or a file of the repository: `./target/etl.jar`.
    #[schemars(extend("x-plumb" = {"code": "library", "why": "databricks-sdk-py compute.Library: a path of the workspace, a volume or an object store"}))]
    pub jar: Option<String>,
    /// A package of a Maven repository.
    pub maven: Option<MavenLibrary>,
    /// A package of a Python index.
    pub pypi: Option<PypiLibrary>,
    /// The path of a `requirements.txt` in the workspace or a volume; or a file of the repository: `./requirements.txt`.
    #[schemars(extend("x-plumb" = {"code": "file", "why": "databricks-sdk-py compute.Library: a path of the workspace or a volume"}))]
    pub requirements: Option<String>,
    /// The address of a Python wheel: workspace path, volume path or object store; or a file of the repository, in which one `*`
    /// may stand: `./dist/etl-*.whl`.
    #[schemars(extend("x-plumb" = {"code": "library", "why": "databricks-sdk-py compute.Library: a path of the workspace, a volume or an object store"}))]
    pub whl: Option<String>,
}

/// A package of an R repository.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct CranLibrary {
    /// The package's name.
    pub package: String,
    /// The repository to take it from, when not the default one.
    pub repo: Option<String>,
}

/// A package of a Maven repository.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct MavenLibrary {
    /// `group:artifact:version`.
    pub coordinates: String,
    /// Dependencies to leave out, as `group:artifact`.
    #[schemars(extend("x-plumb" = {"set": true, "why": "Maven: exclusions are tried one by one, in any order"}))]
    pub exclusions: Option<Vec<String>>,
    /// The repository to take it from, when not Maven Central or Spark Packages.
    pub repo: Option<String>,
}

/// A package of a Python index.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct PypiLibrary {
    /// The package, with a version where wanted: `simplejson==3.19.2`.
    pub package: String,
    /// The index to take it from, when not the default one.
    pub repo: Option<String>,
}
