//! What errors of a warehouse say of a comparison.

use super::*;
use crate::services::databricks::warehouse::WarehouseError;
use plumb_model::call::ServiceError;

/// A value of somebody's data.
const CANARY: &str = "ada@example.com";

fn statement(code: &str, message: &str, state: Option<&str>) -> EngineFault {
    let (id, code, message) = ("01f0".to_owned(), code.to_owned(), message.to_owned());
    fault(&StatementError::Failed { id, code, message, sql_state: state.map(str::to_owned) })
}

#[test]
fn errors_of_data_are_no_verdict_and_never_show_it() {
    for (message, state) in [
        (format!("[CAST_INVALID_INPUT] The value '{CANARY}' of the type STRING cannot be cast to INT"), "22018"),
        (format!("[MALFORMED_CSV_RECORD] Malformed CSV record: {CANARY}"), "KD000"),
        (format!("[FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH] {CANARY}"), "KD001"),
        (format!("[NEW_ERROR_OF_A_DATA_SOURCE] {CANARY}"), "KD00B"),
        (format!("[PATH_NOT_FOUND] Path does not exist: {CANARY}"), "42K03"),
    ] {
        match statement("BAD_REQUEST", &message, Some(state)) {
            EngineFault::Unreadable(text) => {
                assert!(!text.contains(CANARY), "{text}");
                assert!(text.contains(class(&message).unwrap_or_default()) && text.contains("01f0"), "{text}");
            }
            other => panic!("{message}: {other:?}"),
        }
    }
}

#[test]
fn what_may_quote_data_is_told_by_its_class_only() {
    for (code, message, state) in [
        ("BAD_REQUEST", format!("[DIVIDE_BY_ZERO] Division by zero near {CANARY}"), Some("22012")),
        ("BAD_REQUEST", format!("Job aborted due to stage failure: For input string: {CANARY}"), None),
        ("UNKNOWN", format!("For input string: {CANARY}"), Some("42000")),
        ("INTERNAL_ERROR", CANARY.to_owned(), None),
        ("BAD_REQUEST", format!("[{CANARY}] x"), Some("42000")),
    ] {
        match statement(code, &message, state) {
            EngineFault::Failed(text) => {
                assert!(!text.contains(CANARY) && text.contains("statement 01f0 in the query history"), "{text}");
            }
            other => panic!("{message}: {other:?}"),
        }
    }
}

#[test]
fn a_missing_right_is_told_as_the_service_tells_it() {
    let denied = "[INSUFFICIENT_PERMISSIONS] User does not have SELECT on Table 'prod.bau.x'.";
    let text = format!("{denied}\n== SQL ==\nSELECT");
    assert_eq!(statement("BAD_REQUEST", &text, Some("42501")), EngineFault::Refused(denied.into()));
    assert_eq!(statement("BAD_REQUEST", denied, None), EngineFault::Refused(denied.into()));
    let plain = "PERMISSION_DENIED: no USE SCHEMA";
    assert_eq!(statement("PERMISSION_DENIED", plain, None), EngineFault::Refused(plain.into()));
    let refused = |status| {
        let (line, code, message) = ("POST /x".to_owned(), "X".to_owned(), "no".to_owned());
        let (request_id, retry_after, doubt) = (None, None, None);
        let refused = ServiceError::Refused { line, status, code, message, request_id, retry_after, doubt };
        fault(&StatementError::Service(refused))
    };
    assert!(matches!(refused(403), EngineFault::Refused(_)) && matches!(refused(401), EngineFault::Refused(_)));
    assert!(matches!(refused(500), EngineFault::Failed(_)));
}

#[test]
fn what_is_not_there_and_what_has_no_versions_is_no_verdict() {
    let missing = statement("BAD_REQUEST", "[TABLE_OR_VIEW_NOT_FOUND] The table `x` cannot be found.", Some("42P01"));
    assert!(matches!(&missing, EngineFault::Unreadable(text) if text.contains("has the pipeline run")), "{missing:?}");
    for class in ["EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE", "DELTA_ONLY_OPERATION"] {
        let view = statement("BAD_REQUEST", &format!("[{class}] 'DESCRIBE HISTORY' expects a table"), Some("42809"));
        assert!(matches!(&view, EngineFault::Unreadable(text) if text.contains("name a Delta table")), "{view:?}");
    }
    // One that only begins like it is another.
    let other = statement("BAD_REQUEST", "[DELTA_ONLY_OPERATIONS] x", Some("42809"));
    assert!(matches!(&other, EngineFault::Failed(text) if text.contains("[DELTA_ONLY_OPERATIONS] x")), "{other:?}");
}

#[test]
fn a_warehouse_that_is_gone_takes_the_engine_with_it() {
    let stopped = statement("ABORTED", "The SQL warehouse was stopped.", None);
    assert!(matches!(&stopped, EngineFault::Gone(text) if text.contains("was stopped. (ABORTED)")), "{stopped:?}");
    for (error, says) in [
        (StatementError::Canceled { id: "01f0".into() }, "start the warehouse, and run it again"),
        (StatementError::Closed { id: "01f0".into() }, "run it again"),
        (
            StatementError::Warehouse(WarehouseError {
                warehouse: "small".into(),
                why: "it is deleted".into(),
                help: "name another".into(),
            }),
            "SQL warehouse `small`: it is deleted; name another",
        ),
    ] {
        let found = fault(&error);
        assert!(matches!(&found, EngineFault::Gone(text) if text.contains(says)), "{found:?}");
    }
    let cut = fault(&StatementError::Unusable { id: "01f0".into(), why: "it was truncated".into() });
    assert!(matches!(&cut, EngineFault::Failed(text) if text.contains("it was truncated")), "{cut:?}");
}
