//! What was acknowledged is there after the worst moment. The long forms are `cargo xtask soak`.

use jackfield_tests::{capacity, crash};

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_under_load_loses_nothing_that_was_acknowledged() {
    let report = crash::run(3).await.unwrap();
    assert!(report.acknowledged > 0 && report.releases > 0, "{report:?}: nothing was acknowledged, so nothing was shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tenants_with_plugins_of_their_own_are_routable_after_a_start() {
    let report = capacity::run(12).await.unwrap();
    // A thousand may take one GiB; a dozen are mostly the server itself.
    assert!(report.resident_bytes < 1 << 30, "{report}");
}
