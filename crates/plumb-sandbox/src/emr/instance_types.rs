//! ListSupportedInstanceTypes: the instance types that a release runs on.
//!
//! The members are those of botocore's model. The families are a choice of the real ones (EC2 instance types); the real
//! list also differs by region.

use super::replies::{AwsResult, invalid};
use super::{check, paged, releases};
use serde_json::{Value, json};

/// A family of instance types.
struct Family {
    name: &'static str,
    /// Memory for each virtual CPU, in GiB.
    memory: f64,
    /// Disks of an `xlarge`, in GB together; 0 where there is EBS only.
    disks: i64,
    /// Graviton rather than Intel or AMD.
    arm: bool,
    /// The first releases of the fifth, sixth and seventh line with it.
    since: [(u32, u32); 3],
}

/// What every release of the fifth line and later runs on.
const ALWAYS: [(u32, u32); 3] = [(5, 0), (6, 0), (7, 0)];
/// "Graviton2 instance types are supported from 5.30.0 and 6.1.0 on" (EMR management guide, supported instance types).
const GRAVITON2: [(u32, u32); 3] = [(5, 30), (6, 1), (7, 0)];

const FAMILIES: [Family; 9] = [
    Family { name: "c5", memory: 2.0, disks: 0, arm: false, since: ALWAYS },
    Family { name: "m5", memory: 4.0, disks: 0, arm: false, since: ALWAYS },
    Family { name: "m5d", memory: 4.0, disks: 150, arm: false, since: ALWAYS },
    Family { name: "r5", memory: 8.0, disks: 0, arm: false, since: ALWAYS },
    Family { name: "r5d", memory: 8.0, disks: 150, arm: false, since: ALWAYS },
    Family { name: "i3", memory: 7.625, disks: 950, arm: false, since: ALWAYS },
    Family { name: "c6g", memory: 2.0, disks: 0, arm: true, since: GRAVITON2 },
    Family { name: "m6g", memory: 4.0, disks: 0, arm: true, since: GRAVITON2 },
    Family { name: "r6g", memory: 8.0, disks: 0, arm: true, since: GRAVITON2 },
];

/// Sizes, as times of an `xlarge`.
const SIZES: [(&str, i64); 5] = [("xlarge", 1), ("2xlarge", 2), ("4xlarge", 4), ("8xlarge", 8), ("16xlarge", 16)];

#[allow(clippy::cast_precision_loss)]
fn shown(family: &Family, size: &str, times: i64) -> Value {
    let cpus = 4 * times;
    json!({
        "Type": format!("{}.{size}", family.name),
        "MemoryGB": family.memory * cpus as f64,
        "StorageGB": family.disks * times,
        "VCPU": cpus,
        "Is64BitsOnly": true,
        "InstanceFamilyId": family.name,
        "EbsOptimizedAvailable": true,
        "EbsOptimizedByDefault": true,
        // A disk holds 1.9 TB at most.
        "NumberOfDisks": if family.disks == 0 { 0 } else { (family.disks * times + 1899) / 1900 },
        "EbsStorageOnly": family.disks == 0,
        "Architecture": if family.arm { "AARCH64" } else { "X86_64" },
    })
}

pub fn list(body: &Value) -> AwsResult {
    let label = check::text(body, "ReleaseLabel")?;
    if !releases::is_known(label) {
        return Err(invalid(None, format!("The release label '{label}' is not valid.")));
    }
    // A line that is not of three numbers (`emr-spark-8.0.0`) is newer than all.
    let version = releases::version(label).unwrap_or((u32::MAX, 0));
    let has = |family: &&Family| match family.since.iter().find(|(major, _)| *major == version.0) {
        Some((_, minor)) => version.1 >= *minor,
        None => version.0 > 7,
    };
    let families = FAMILIES.iter().filter(has);
    let all: Vec<Value> = families.flat_map(|f| SIZES.iter().map(|(size, times)| shown(f, size, *times))).collect();
    paged(&all, body, "SupportedInstanceTypes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(label: &str) -> Vec<Value> {
        list(&json!({ "ReleaseLabel": label })).unwrap()["SupportedInstanceTypes"].as_array().unwrap().clone()
    }

    #[test]
    fn types_have_the_size_that_their_name_says_and_depend_on_the_release() {
        let m5 = types("emr-6.15.0").into_iter().find(|t| t["Type"] == "m5.4xlarge").unwrap();
        assert_eq!((&m5["VCPU"], &m5["MemoryGB"], &m5["EbsStorageOnly"]), (&json!(16), &json!(64.0), &json!(true)));
        let i3 = types("emr-6.15.0").into_iter().find(|t| t["Type"] == "i3.8xlarge").unwrap();
        assert_eq!((&i3["StorageGB"], &i3["NumberOfDisks"]), (&json!(7600), &json!(4)));
        let arm = |label| types(label).iter().any(|t| t["Architecture"] == "AARCH64");
        assert_eq!(
            [arm("emr-6.0.0"), arm("emr-6.15.0"), arm("emr-5.29.0"), arm("emr-5.36.0")],
            [false, true, false, true]
        );
        assert!(list(&json!({ "ReleaseLabel": "emr-6.99.0" })).is_err() && list(&json!({})).is_err());
    }
}
