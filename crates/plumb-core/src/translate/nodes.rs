//! What machine types are made of, by their names.

/// Cores and memory of a machine type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Node {
    pub cores: i64,
    /// In MiB, rounded down.
    pub memory: i64,
    /// Whether it has disks of its own.
    pub disks: bool,
}

/// A machine type by its name. `None` for a size or family that the rule does not cover.
///
/// AWS' rule, held against the list of EMR's ListSupportedInstanceTypes: `large` has 2 cores, `xlarge` 4, `Nxlarge` 4 N;
/// the family's letter says how much memory a core has. (EMR counts the cores of m4, d2 and i2 twice, as YARN's.)
pub(super) fn node(name: &str) -> Option<Node> {
    let (family, size) = name.split_once('.')?;
    let cores: i64 = match size {
        "medium" => 1,
        "large" => 2,
        _ => {
            let n = size.strip_suffix("xlarge")?;
            if n.is_empty() { 4 } else { n.parse::<i64>().ok().filter(|n| (1..=112).contains(n))?.checked_mul(4)? }
        }
    };
    let digit = family.find(|c: char| c.is_ascii_digit())?;
    let (letters, rest) = family.split_at(digit);
    let generation = rest.chars().next()?.to_digit(10)?;
    // Mebibytes a core. The oldest generations follow no rule.
    let memory = match (letters, generation) {
        ("c", 3..) if rest.contains('n') => 2_688,
        ("c", 3..) => 1_920,
        ("m", 3) => 3_840,
        ("m", 4..) => 4_096,
        ("r", 3..) => 7_808,
        ("i", 2..) | ("d", 2..) => 7_808,
        ("h", 1..) => 4_096,
        ("z", 1..) => 8_192,
        ("x", 1) | ("x", 8) => 15_616,
        _ => return None,
    };
    let features = &rest[1..];
    let disks =
        features.contains('d') || matches!(letters, "i" | "d" | "h" | "z") || matches!(family, "m3" | "c3" | "r3");
    Some(Node { cores, memory: memory * cores, disks: disks || letters == "x" && generation == 1 })
}

/// Whether AWS no longer offers it in new regions: Databricks has none of these.
pub(super) fn is_previous(name: &str) -> bool {
    let family = name.split('.').next().unwrap_or_default();
    ["m1", "m2", "m3", "c1", "c3", "cc1", "cc2", "cr1", "cg1", "hi1", "hs1", "i2", "g2", "t1"].contains(&family)
}

/// Databricks' fleet type for a machine type: several types of one class and size, the cheapest that there is.
pub(super) fn fleet(name: &str) -> Option<String> {
    let (family, size) = name.split_once('.')?;
    let disks = node(name)?.disks;
    let class = match (family.chars().next()?, disks) {
        ('m', false) => "m",
        ('m', true) => "md",
        ('r', false) => "r",
        ('r', true) => "rd",
        ('c', false) => "c",
        ('i', _) => "i",
        _ => return None,
    };
    Some(format!("{class}-fleet.{size}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_a_machine_has() {
        let of = |name: &str| node(name).map(|n| (n.cores, n.memory, n.disks));
        assert_eq!(of("m5.xlarge"), Some((4, 16_384, false)));
        assert_eq!(of("r6id.4xlarge"), Some((16, 124_928, true)));
        assert_eq!(of("i3.2xlarge"), Some((8, 62_464, true)));
        assert_eq!(of("c5.18xlarge"), Some((72, 138_240, false)));
        assert_eq!(of("m3.xlarge"), Some((4, 15_360, true)));
        for unknown in ["p3.2xlarge", "m5.metal", "m1.small", "", "x", "m5.99999999999xlarge", "m5.-1xlarge"] {
            assert_eq!(of(unknown), None, "{unknown}");
        }
        assert_eq!(fleet("r5d.2xlarge").as_deref(), Some("rd-fleet.2xlarge"));
    }
}
