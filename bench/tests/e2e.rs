//! Every measurement runs, and says what it measured in a form that a program can read. How fast anything was is not
//! asked here.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

use {serde_json::Value, std::process::Command};

#[test]
fn every_measurement_runs_and_its_report_can_be_read() {
    let mut bench = Command::new(env!("CARGO_BIN_EXE_portreeve-bench"));
    bench.env("PORTREEVE_BARE_BIN", env!("CARGO_BIN_EXE_portreeve-bare"));
    let output = bench.args(["run", "--quick", "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["quick"], true);
    let measurements = report["measurements"].as_array().unwrap();
    let names: Vec<&str> = measurements.iter().map(|one| one["name"].as_str().unwrap()).collect();
    let all = [
        "policy",
        "decisions",
        "growth",
        "read",
        "jwt-read",
        "tokens",
        "mcp-call",
        "memory",
        "vault",
    ];
    assert_eq!(names, all);
    for measurement in measurements {
        assert!(!measurement["setting"].as_array().unwrap().is_empty(), "{measurement}");
        let figures = measurement["figures"].as_array().unwrap();
        assert!(
            figures.iter().any(|figure| !figure["target"].is_null()),
            "{measurement}"
        );
        assert!(figures.iter().all(|figure| figure["value"].is_f64()), "{measurement}");
    }
}
