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
        // The one of its family that does not follow the rule.
        "8xlarge" if family == "c4" => 36,
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
        ("c", 5) if rest.contains('n') => 2_688,
        ("c", 3 | 4) => 1_920,
        ("c", 5..) => 2_048,
        ("m", 3) => 3_840,
        ("m", 4..) => 4_096,
        ("r", 3 | 4) => 7_808,
        ("r", 5..) => 8_192,
        ("i", 3) if rest.contains("en") => 8_192,
        ("i", 2 | 3) | ("d", 2) => 7_808,
        ("i", 4..) | ("d", 3..) => 8_192,
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

/// Families that Databricks offers in most regions, each of one class from the plain to the newest.
const USUAL: [&str; 14] =
    ["m5", "m5d", "m6i", "m6id", "r5", "r5d", "r6i", "r6id", "c5", "c5d", "i3", "m6gd", "r6gd", "c6gd"];

/// Machine types to choose from where no workspace says what it offers.
pub(super) fn usual() -> Vec<String> {
    let sizes = |family: &str| match family {
        "c5" | "c5d" => ["large", "xlarge", "2xlarge", "4xlarge", "9xlarge", "12xlarge", "18xlarge", "24xlarge"],
        _ => ["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge", "12xlarge", "24xlarge"],
    };
    let is_made = |family: &str, size: &str| match family {
        "i3" => !["12xlarge", "24xlarge"].contains(&size),
        _ => !family.contains('g') || size != "24xlarge",
    };
    let all = USUAL.iter().flat_map(|family| sizes(family).map(|size| (*family, size)));
    all.filter(|(family, size)| is_made(family, size)).map(|(family, size)| format!("{family}.{size}")).collect()
}

/// Generation and features of a machine type: of `m6id.xlarge` 6 and `id`.
fn generation(name: &str) -> Option<(u32, &str)> {
    let family = name.split('.').next()?;
    let digit = family.find(|c: char| c.is_ascii_digit())?;
    let rest = &family[digit..];
    Some((rest.chars().next()?.to_digit(10)?, rest.get(1..)?))
}

/// Whether its processors are of ARM's kind, which runs no code that was compiled for others.
pub(super) fn is_arm(name: &str) -> bool {
    generation(name).is_some_and(|(_, features)| features.starts_with('g'))
}

/// The type among those offered that is nearest to another one by cores, memory and disks; `None` where nobody knows what
/// that one is made of.
pub(super) fn nearest(name: &str, among: &[String]) -> Option<String> {
    best(node(name)?, name, among)
}

/// The type among those offered that is nearest to what is wanted and, where there is one, no smaller; of equals the one
/// that is most like another.
pub(super) fn fitting(wanted: Node, like: &str, among: &[String]) -> Option<String> {
    best(wanted, like, among)
}

/// The class of a machine type: of `m6id.xlarge` `m`.
fn class(name: &str) -> &str {
    name.split(|c: char| c.is_ascii_digit()).next().unwrap_or_default()
}

fn best(wanted: Node, like: &str, among: &[String]) -> Option<String> {
    let ((age, _), arm) = (generation(like)?, is_arm(like));
    let fit = |name: &str| {
        let has = node(name).filter(|_| is_arm(name) == arm && !is_previous(name))?;
        let each = |node: Node| node.memory / node.cores.max(1);
        // A sixteenth less memory is another way to count, not another class.
        let lacks = each(has) * 16 < each(wanted) * 15;
        let gibibytes = |node: Node| (each(node) + 512) / 1024;
        let memory = gibibytes(has).abs_diff(gibibytes(wanted));
        let generations = generation(name)?.0.abs_diff(age);
        let (disks, other) = (has.disks != wanted.disks, class(name) != class(like));
        let size = (has.cores < wanted.cores, has.cores.abs_diff(wanted.cores), lacks, memory);
        Some((size, (disks, other, generations)))
    };
    let fitting = among.iter().filter_map(|name| Some((fit(name)?, name)));
    fitting.min().map(|(_, name)| name.clone())
}

/// Databricks' fleet type for a machine type: several types of one class and size, the cheapest that there is.
pub(crate) fn fleet(name: &str) -> Option<String> {
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

/// The cores of a machine type, fleet types included: of `m-fleet.xlarge` the size says them too.
pub(crate) fn cores(name: &str) -> Option<i64> {
    let (family, size) = name.split_once('.')?;
    match family.strip_suffix("-fleet") {
        // Any family of the same rule: only the size counts.
        Some(_) => node(&format!("m5.{size}")).map(|node| node.cores),
        None => node(name).map(|node| node.cores),
    }
}

/// Families that AWS has in the classes c, m and r alike, by what stands behind the letter.
const SIBLINGS: [&str; 18] =
    ["4", "5", "5a", "5ad", "5d", "5dn", "5n", "6g", "6gd", "6i", "6id", "6idn", "6in", "7a", "7g", "7gd", "7i", "8g"];

/// The machine type with the next larger memory: with as many cores where there is one (c, m, r), or else of the same family
/// and twice the size. `None` where it is not certain that there is such a type.
pub(crate) fn bigger_memory(name: &str) -> Option<String> {
    let (family, size) = name.split_once('.')?;
    if let Some(class) = family.strip_suffix("-fleet") {
        let richer = match class {
            "c" => Some("m"),
            "m" => Some("r"),
            "md" => Some("rd"),
            _ => None,
        };
        let doubled = || doubled(size).filter(|_| matches!(class, "r" | "rd" | "i")).map(|size| (class, size));
        let (class, size) = richer.map(|class| (class, size)).or_else(doubled)?;
        return Some(format!("{class}-fleet.{size}"));
    }
    node(name)?;
    let (letter, rest) = family.split_at_checked(1)?;
    let richer = match letter {
        "c" => Some("m"),
        "m" => Some("r"),
        _ => None,
    };
    // Sizes that all classes of these families have.
    let common = ["large", "xlarge", "2xlarge", "4xlarge"].contains(&size)
        || ["8xlarge", "12xlarge", "16xlarge", "24xlarge"].contains(&size) && !rest.starts_with('4');
    if let Some(richer) = richer {
        return (SIBLINGS.contains(&rest) && common).then(|| format!("{richer}{rest}.{size}"));
    }
    let is_doubling = letter == "r" && SIBLINGS.contains(&rest) || matches!(family, "i3" | "i4i");
    doubled(size).filter(|_| is_doubling).map(|size| format!("{family}.{size}"))
}

/// The size with twice as much of everything, up to 16xlarge.
fn doubled(size: &str) -> Option<&'static str> {
    let sizes = ["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge"];
    sizes.get(sizes.iter().position(|known| *known == size)? + 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_a_machine_has() {
        let of = |name: &str| node(name).map(|n| (n.cores, n.memory, n.disks));
        assert_eq!(of("m5.xlarge"), Some((4, 16_384, false)));
        assert_eq!(of("r6id.4xlarge"), Some((16, 131_072, true)));
        assert_eq!(of("i3en.3xlarge"), Some((12, 98_304, true)));
        assert_eq!(of("i3.2xlarge"), Some((8, 62_464, true)));
        assert_eq!(of("c5.18xlarge"), Some((72, 147_456, false)));
        assert_eq!(of("m3.xlarge"), Some((4, 15_360, true)));
        for unknown in ["p3.2xlarge", "m5.metal", "m1.small", "", "x", "m5.99999999999xlarge", "m5.-1xlarge"] {
            assert_eq!(of(unknown), None, "{unknown}");
        }
        assert_eq!(fleet("r5d.2xlarge").as_deref(), Some("rd-fleet.2xlarge"));
        assert_eq!((cores("m-fleet.2xlarge"), cores("r5.large"), cores("p3.2xlarge")), (Some(8), Some(2), None));
    }

    #[test]
    fn the_nearest_type_has_as_many_cores_and_no_less_memory() {
        let of = |name: &str| nearest(name, &usual());
        for (name, near) in [
            ("m3.xlarge", "m5d.xlarge"),
            ("m4.4xlarge", "m5.4xlarge"),
            ("r4.2xlarge", "r5.2xlarge"),
            ("r3.2xlarge", "r5d.2xlarge"),
            ("c3.xlarge", "c5d.xlarge"),
            ("c4.8xlarge", "c5.9xlarge"),
            ("i2.xlarge", "i3.xlarge"),
            ("m6g.xlarge", "m6gd.xlarge"),
            ("m5.xlarge", "m5.xlarge"),
        ] {
            assert_eq!(of(name).as_deref(), Some(near), "{name}");
        }
        assert_eq!(of("p3.2xlarge"), None);
        assert_eq!(nearest("m5.xlarge", &[]), None);
        // Fewer cores only where there are no types with as many.
        let few = ["m5d.xlarge".to_owned(), "m5d.2xlarge".to_owned()];
        assert_eq!(nearest("m5.24xlarge", &few).as_deref(), Some("m5d.2xlarge"));
        let around = ["m5d.xlarge".to_owned(), "m5d.4xlarge".to_owned()];
        assert_eq!(nearest("m5.2xlarge", &around).as_deref(), Some("m5d.4xlarge"));
        assert_eq!(nearest("m5.large", &few).as_deref(), Some("m5d.xlarge"));
    }

    #[test]
    fn more_memory_with_as_many_cores_where_there_is_such_a_type() {
        let of = |name: &str| bigger_memory(name);
        for (name, bigger) in [
            ("c5.xlarge", "m5.xlarge"),
            ("m5d.4xlarge", "r5d.4xlarge"),
            ("r5.xlarge", "r5.2xlarge"),
            ("i3.8xlarge", "i3.16xlarge"),
            ("m-fleet.xlarge", "r-fleet.xlarge"),
            ("rd-fleet.xlarge", "rd-fleet.2xlarge"),
        ] {
            assert_eq!(of(name).as_deref(), Some(bigger), "{name}");
        }
        for unknown in
            ["c5.9xlarge", "m4.10xlarge", "i3en.2xlarge", "r5.16xlarge", "x1.32xlarge", "p3.2xlarge", "", "é.large"]
        {
            assert_eq!(of(unknown), None, "{unknown}");
        }
        // Whatever is named has more memory than what there was.
        for name in ["c5.xlarge", "m6id.2xlarge", "r5.4xlarge", "i4i.large", "c4.large"] {
            let memory = |name: &str| node(name).unwrap().memory;
            assert!(memory(&of(name).unwrap()) > memory(name), "{name}");
        }
    }
}
