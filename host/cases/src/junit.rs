//! Writes what came of cases as JUnit XML, which every CI reads.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::bench::{CaseReport, FileReport};

/// One suite for each file, one test for each case.
pub fn junit(plugin: &str, files: &[FileReport]) -> Result<String, String> {
    let mut report = Report::new(plugin);
    for file in files {
        let mut suite = TestSuite::new(file.file.as_str());
        suite.add_test_cases(file.cases.iter().map(|case| test_case(plugin, case)));
        report.add_test_suite(suite);
    }
    report.to_string().map_err(|e| e.to_string())
}

fn test_case(plugin: &str, case: &CaseReport) -> TestCase {
    let mut status = TestCaseStatus::success();
    if let Some(first) = case.wrong.first() {
        status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message(first.why.as_str());
        let all: Vec<String> = case.wrong.iter().map(|wrong| format!("step {}: {}", wrong.step, wrong.why)).collect();
        status.set_description(format!("{}\n\n{}", all.join("\n"), case.steps.join("\n")));
    }
    let mut test = TestCase::new(case.name.as_str(), status);
    test.set_classname(plugin).set_time(case.took);
    test
}
