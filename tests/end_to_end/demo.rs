//! `ringwall demo --once`: every step holds, and the process says so.

use std::process::Command;

#[test]
fn every_step_of_the_demo_holds() {
    let output = Command::new(env!("CARGO_BIN_EXE_ringwall"))
        .args(["demo", "--once"])
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("FAILED"), "{said}\n{complaints}");
    for step in
        ["guarded route, without", "guarded route, with a good token", "request mapper", "Guarded and sealed"]
    {
        assert!(said.contains(step), "no step is called {step:?}: {said}");
    }
}
