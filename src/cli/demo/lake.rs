//! The data that the two pipelines of the EMR story write: a month of customers, in CSV as Spark writes it.
//!
//! Pure: the same month is the same bytes on every machine. Nothing here needs Spark, Python or a Parquet writer.

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, ToSpan};

/// How many customers a month has.
pub const ROWS: u64 = 2_000;
/// How many of them have a time.
pub const TIMES: u64 = ROWS - ROWS / 40;
/// The columns with their types in Spark SQL, in the order of the files. The month is the folder, not a column.
pub const COLUMNS: [(&str, &str); 7] = [
    ("customer_id", "bigint"),
    ("region", "string"),
    ("name", "string"),
    ("segment", "string"),
    ("amount", "decimal(12,2)"),
    ("score", "double"),
    ("ts", "timestamp"),
];
/// The columns that tell two rows apart.
pub const KEYS: [&str; 2] = ["customer_id", "region"];

const REGIONS: [&str; 4] = ["north", "east", "south", "west"];
const SEGMENTS: [Option<&str>; 5] = [Some("loyal"), Some("new"), Some("at risk"), Some("occasional, seasonal"), None];
/// What a comparison by text, by bytes or by a careless reader of CSV would get wrong.
const NAMES: [Option<&str>; 10] = [
    Some("Zoë Müller"),
    Some("Robert \"Bob\" Hale"),
    Some("Łukasz Żak"),
    Some("Ortega, María José"),
    Some("Siân O'Neill"),
    Some("李 娜"),
    Some("Søren \"Sø\" Ågård, jr."),
    Some("Ann Lee"),
    Some(""),
    None,
];

/// A file of a data set, by its path below the folder of the data set.
#[derive(Debug, PartialEq, Eq)]
pub struct LakeFile {
    pub path: String,
    pub text: String,
}

/// Who writes a month.
#[derive(Clone, Copy, Debug)]
pub enum LakeWriter {
    /// The pipeline on EMR: one file, in the order of the keys.
    Old,
    /// The pipeline on Databricks: several files, in another order.
    New {
        /// How far each `ts` is from the truth. More than zero: a session in a time zone east of UTC took local times
        /// for UTC.
        off: SignedDuration,
    },
}

struct LakeRow {
    customer: u64,
    region: &'static str,
    name: Option<&'static str>,
    segment: Option<&'static str>,
    cents: Option<i64>,
    score: Option<f64>,
    at: Option<DateTime>,
}

/// The files of the month that begins on `first`: `month=2024-05/part-….csv`, and `_SUCCESS` last, as Spark commits.
pub fn month(first: Date, writer: LakeWriter) -> Vec<LakeFile> {
    let folder = format!("month={}", first.strftime("%Y-%m"));
    let seed = mixed(u64::from(first.year().unsigned_abs()) * 12 + u64::from(first.month().unsigned_abs()));
    let mut rows: Vec<LakeRow> = (0..ROWS).map(|index| row(first, seed, index)).collect();
    let (parts, off, job) = match writer {
        LakeWriter::Old => (1, SignedDuration::ZERO, 0),
        LakeWriter::New { off } => {
            rows.sort_by_key(|row| mixed(row.customer));
            (3, off, 1)
        }
    };
    let job = mixed(seed + job);
    let size = rows.len().div_ceil(parts);
    let mut files: Vec<LakeFile> = rows
        .chunks(size)
        .enumerate()
        .map(|(part, rows)| LakeFile { path: format!("{folder}/{}", part_name(part, job)), text: csv(rows, off) })
        .collect();
    files.push(LakeFile { path: format!("{folder}/_SUCCESS"), text: String::new() });
    files
}

fn row(first: Date, seed: u64, index: u64) -> LakeRow {
    // A number of its own for each column, below `limit`.
    let pick = |column: u64, limit: u64| mixed(mixed(seed ^ index) ^ column) % limit;
    let chosen = |column: u64, limit: usize| usize::try_from(pick(column, limit as u64)).unwrap_or_default();
    let month = first.days_in_month().unsigned_abs();
    let millis = i64::try_from(pick(5, u64::from(month) * 86_400_000)).unwrap_or_default();
    let cents = i64::try_from(pick(3, 5_000_000)).unwrap_or_default() - 100_000;
    LakeRow {
        // Ids beyond what a double holds exactly.
        customer: 9_007_199_254_740_993 + index * 2,
        region: REGIONS[chosen(0, REGIONS.len())],
        name: NAMES[chosen(1, NAMES.len())],
        segment: SEGMENTS[chosen(2, SEGMENTS.len())],
        cents: (pick(6, 40) != 0).then_some(cents),
        score: (pick(7, 40) != 0).then(|| f64::from(u32::try_from(pick(4, 1_001)).unwrap_or_default()) / 1_000.0),
        // As many in every month: so the story says the same in every month.
        at: (index % 40 != 17).then(|| first.at(0, 0, 0, 0) + millis.milliseconds()),
    }
}

/// SplitMix64's output function: <https://prng.di.unimi.it/splitmix64.c>.
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// `part-00000-UUID-c000.csv`: the UUID is one of the job that writes.
fn part_name(part: usize, job: u64) -> String {
    let (high, low) = (mixed(job), mixed(!job));
    let uuid = format!("{:08x}-{:04x}-4{:03x}", high >> 32, (high >> 16) & 0xffff, high & 0xfff);
    format!("part-{part:05}-{uuid}-a{:03x}-{:012x}-c000.csv", low >> 52, low & 0xffff_ffff_ffff)
}

/// A file with a header, as `df.write.option("header", True).csv(…)` writes it in a session of UTC. Its bytes were
/// compared with those of Spark 4.3.0 for the same rows.
fn csv(rows: &[LakeRow], off: SignedDuration) -> String {
    let mut text = COLUMNS.map(|(name, _)| name).join(",");
    text.push('\n');
    for row in rows {
        let cells = [
            row.customer.to_string(),
            quoted(Some(row.region)),
            quoted(row.name),
            quoted(row.segment),
            row.cents.map(decimal).unwrap_or_default(),
            // Java writes as few digits as tell a double apart, one after the point at least; so does `{:?}`, between
            // 0.001 and ten millions.
            row.score.map(|score| format!("{score:?}")).unwrap_or_default(),
            row.at.map(|at| (at + off).strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()).unwrap_or_default(),
        ];
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

/// A text with Spark's defaults: null is nothing, the empty text is `""`, and what has a comma or a quote stands in
/// quotes, with `\` before each quote in it.
fn quoted(text: Option<&str>) -> String {
    match text {
        None => String::new(),
        Some("") => "\"\"".to_owned(),
        Some(text) if text.contains([',', '"']) => format!("\"{}\"", text.replace('"', "\\\"")),
        Some(text) => text.to_owned(),
    }
}

fn decimal(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.unsigned_abs() / 100, cents.unsigned_abs() % 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use std::collections::BTreeSet;

    const EXACT: LakeWriter = LakeWriter::New { off: SignedDuration::ZERO };

    /// The rows of a month, as text, in the order of the files.
    fn lines(files: &[LakeFile]) -> Vec<&str> {
        files.iter().flat_map(|file| file.text.lines().skip(1)).collect()
    }

    fn sorted(mut lines: Vec<&str>) -> Vec<&str> {
        lines.sort_unstable();
        lines
    }

    #[test]
    fn a_month_is_laid_out_as_spark_does() {
        let paths = |writer| month(date(2024, 5, 1), writer).into_iter().map(|file| file.path).collect::<Vec<_>>();
        let (old, new) = (paths(LakeWriter::Old), paths(EXACT));
        assert_eq!((old.len(), new.len()), (2, 4), "{old:?} {new:?}");
        for (files, part) in [(&old, 0), (&new, 0), (&new, 1), (&new, 2)] {
            let name = files[part].strip_prefix(&format!("month=2024-05/part-0000{part}-")).unwrap();
            let uuid = name.strip_suffix("-c000.csv").unwrap();
            assert_eq!(uuid.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{uuid}");
        }
        assert_eq!([old.last().unwrap(), new.last().unwrap()], ["month=2024-05/_SUCCESS"; 2]);
        assert_ne!(old[0], new[0]);
    }

    #[test]
    fn a_month_is_always_the_same_bytes() {
        let files = month(date(2024, 5, 1), LakeWriter::Old);
        assert_eq!(files, month(date(2024, 5, 1), LakeWriter::Old));
        assert!(files[0].text.starts_with(FIRST_LINES), "{:?}", files[0].text.lines().take(6).collect::<Vec<_>>());
        let before = month(date(2024, 4, 1), LakeWriter::Old);
        let named = |line: &&str| line.splitn(5, ",").take(3).collect::<Vec<_>>().join(",");
        assert_ne!(
            lines(&files).iter().map(named).collect::<Vec<_>>(),
            lines(&before).iter().map(named).collect::<Vec<_>>()
        );
    }

    const FIRST_LINES: &str = r#"customer_id,region,name,segment,amount,score,ts
9007199254740993,west,"Robert \"Bob\" Hale","occasional, seasonal",35069.06,0.504,2024-05-06T03:51:40.044Z
9007199254740995,west,,,20351.32,0.739,2024-05-04T10:30:32.882Z
9007199254740997,west,Łukasz Żak,at risk,3443.77,0.594,2024-05-15T17:37:02.220Z
9007199254740999,north,Ann Lee,,26525.38,0.723,2024-05-21T00:06:41.969Z
9007199254741001,east,"Søren \"Sø\" Ågård, jr.",,40279.67,0.577,2024-05-30T17:01:31.134Z
"#;

    #[test]
    fn old_and_new_have_the_same_rows_in_another_order() {
        let (old, new) = (month(date(2024, 5, 1), LakeWriter::Old), month(date(2024, 5, 1), EXACT));
        assert_eq!(lines(&old).len(), 2_000);
        assert_ne!(lines(&old), lines(&new));
        assert_eq!(sorted(lines(&old)), sorted(lines(&new)));
        let key = |line: &&str| line.splitn(3, ',').take(2).collect::<Vec<_>>().join(",");
        assert_eq!(lines(&old).iter().map(key).collect::<BTreeSet<_>>().len(), 2_000, "keys tell rows apart");
    }

    #[test]
    fn a_session_in_another_zone_shifts_every_time_and_nothing_else() {
        let off = LakeWriter::New { off: SignedDuration::from_hours(1) };
        let (right, wrong) = (month(date(2024, 5, 1), EXACT), month(date(2024, 5, 1), off));
        let mut shifted = 0;
        for (right, wrong) in lines(&right).into_iter().zip(lines(&wrong)) {
            let ((rest, ts), (same, later)) = (right.rsplit_once(',').unwrap(), wrong.rsplit_once(',').unwrap());
            assert_eq!(rest, same);
            if !ts.is_empty() {
                let time = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
                assert_eq!(time(later).duration_since(time(ts)), SignedDuration::from_hours(1), "{right}");
                shifted += 1;
            }
            assert_eq!(ts.is_empty(), later.is_empty());
        }
        assert_eq!(shifted, TIMES);
    }

    #[test]
    fn times_lie_in_the_month() {
        for first in [date(2024, 2, 1), date(2024, 5, 1), date(2026, 12, 1)] {
            let files = month(first, LakeWriter::Old);
            let times = lines(&files).into_iter().map(|line| line.rsplit(',').next().unwrap());
            let days: BTreeSet<&str> = times.filter(|ts| !ts.is_empty()).map(|ts| &ts[..10]).collect();
            assert_eq!(days.first().unwrap(), &first.to_string());
            assert_eq!(days.last().unwrap(), &first.last_of_month().to_string());
            assert_eq!(days.len(), usize::from(first.days_in_month().unsigned_abs()));
        }
    }

    #[test]
    fn a_month_has_what_is_hard_to_compare() {
        let files = month(date(2024, 5, 1), LakeWriter::Old);
        let text = &files[0].text;
        let count = |what: &str| text.matches(what).count();
        for what in
            ["\\\"Bob\\\"", "\"Ortega, María José\"", "李 娜", ",\"\",", ",,", ",-", ",0.", "\"occasional, seasonal\""]
        {
            assert!(count(what) > 20, "{what}: {}", count(what));
        }
        // No cell has what CSV readers do not agree on.
        assert!(!text.replace("\\\"", "").contains('\\') && !text.contains('\r'));
    }

    /// What Spark wrote for these values.
    #[test]
    fn cells_are_written_as_spark_writes_them() {
        let texts = [
            (None, ""),
            (Some(""), "\"\""),
            (Some("Ann Lee"), "Ann Lee"),
            (Some("O'Neill"), "O'Neill"),
            (Some("a, b"), "\"a, b\""),
            (Some("Robert \"Bob\" Hale"), "\"Robert \\\"Bob\\\" Hale\""),
        ];
        for (text, cell) in texts {
            assert_eq!(quoted(text), cell);
        }
        let cents = [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (-123, "-1.23"), (4_999_999, "49999.99")];
        for (cents, cell) in cents {
            assert_eq!(decimal(cents), cell);
        }
    }
}
