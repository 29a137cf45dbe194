//! Promises of the upload check that need no compiler: what is refused, and by which name.

use super::*;

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// A component around one core module.
fn around(module: &str) -> Vec<u8> {
    component(&format!("(component (core module {module}))"))
}

fn refusal(bytes: &[u8]) -> Refusal {
    check(bytes).unwrap_err()
}

#[track_caller]
fn assert_too_complex(bytes: &[u8], named: &str) {
    let refusal = refusal(bytes);
    assert_eq!(refusal.code, Code::ComponentTooComplex, "{refusal}");
    assert!(refusal.detail.contains(named), "{refusal} does not name {named}");
}

#[test]
fn what_is_no_component_is_refused_for_what_it_is() {
    for (bytes, named) in [
        (&b""[..], "empty"),
        (b"\0asm\x01\0\0\0", "a core module"),
        (b"\0asm\x07\0\0\0", "version"),
        (b"\x7fELF\x02\x01\x01", "machine code"),
        (b"\x1f\x8b\x08\0", "compressed"),
        (b"PK\x03\x04", "compressed"),
        (b"(component)", "text"),
        (b"#!/bin/sh", "not WebAssembly"),
    ] {
        let refusal = refusal(bytes);
        assert_eq!(refusal.code, Code::BadComponent);
        assert!(refusal.detail.contains(named), "{refusal}");
    }
    assert_eq!(refusal(&vec![0; COMPONENT_BYTES_MAX + 1]).code, Code::TooLarge);
}

#[test]
fn a_component_that_is_cut_short_or_goes_on_is_refused() {
    // Without names: they would be a section at the end, and without its last section a component may still be whole.
    let exports = "(export \"jackfield:plugin/describe@0.9.0\" (instance 0)) (export \"jackfield:plugin/router@0.9.0\" (instance 0))";
    let whole = component(&format!("(component (core module (func (export \"f\"))) (instance) {exports})"));
    check(&whole).unwrap();
    for end in 0..whole.len() {
        check(&whole[..end]).unwrap_err();
    }
    for garbage in [&b"\0"[..], b"\0\0", b"garbage", &[0xff; 64]] {
        assert_eq!(refusal(&[&whole, garbage].concat()).code, Code::BadComponent, "{garbage:?}");
    }
}

#[test]
fn locals_times_branches_is_what_explodes() {
    let function = |locals: usize, branches: usize| {
        let body = "(block (br_if 0 (i32.const 0)))".repeat(branches / 2);
        around(&format!("(func (local {}) {body})", "i32 ".repeat(locals)))
    };
    assert_too_complex(&function(4_000, 14_000), "function 0 of core module 0 has 4000 locals and 14000 branches");
    assert_too_complex(&function(5_001, 2), "5001 locals");
    assert_eq!(refusal(&function(4_000, 1_000)).code, Code::BadExport);
}

#[test]
fn parameters_count_as_locals() {
    let body = "(block (br_if 0 (i32.const 0)))".repeat(30_000);
    assert_too_complex(&around(&format!("(func (param {}) {body})", "i32 ".repeat(900))), "900 locals");
}

#[test]
fn one_large_function_and_deep_blocks_are_refused() {
    assert_too_complex(&around(&format!("(func {})", "(drop (i32.const 1000000))".repeat(220_000))), "bytes");
    let deep = format!("(func {}{})", "block ".repeat(2_001), "end ".repeat(2_001));
    assert_too_complex(&around(&deep), "2001 deep");
}

#[test]
fn counts_that_make_a_compiler_run_for_ever_are_refused() {
    assert_too_complex(&around(&"(func)".repeat(60_001)), "functions");
    let types: String = (0..10_001).map(|_| "(type (func (param i32)))").collect();
    assert_too_complex(&around(&types), "types");
    let data: String = (0..10_001).map(|at| format!("(data (i32.const {at}) \"x\")")).collect();
    assert_too_complex(&around(&format!("(memory 1) {data}")), "data segments");
    assert_too_complex(&around("(memory 1) (data (i32.const 0) \"x\") (data (i32.const 0x7fffffff) \"x\")"), "first to its last data");
    assert_too_complex(&around(&"(global i32 (i32.const 0))".repeat(10_001)), "globals");
    assert_too_complex(&component(&format!("(component {})", "(core module)".repeat(41))), "core modules");
    let instances: String = (0..65).map(|_| "(core instance (instantiate $m))").collect();
    assert_too_complex(&component(&format!("(component (core module $m) {instances})")), "core instances");
    let nested = component("(component (component (component (component (component)))))");
    assert_too_complex(&nested, "nested");
    assert_too_complex(&component(&format!("(component {})", "(component)".repeat(1_000))), "components inside it");
}

#[test]
fn memory_that_no_slot_has_is_refused_before_it_is_asked_for() {
    assert_too_complex(&around("(memory 65536)"), "declared memory");
    assert_too_complex(&component(&format!("(component {})", "(core module (memory 1))".repeat(5))), "memories");
    assert_too_complex(&around("(table 10000000 funcref)"), "elements in one table");
}

#[test]
fn proposals_that_are_off_are_refused() {
    for module in ["(memory i64 1)", "(memory 1) (memory 1)", "(memory 1 1 shared)", "(type (struct))", "(tag)"] {
        assert_eq!(refusal(&around(module)).code, Code::BadComponent, "{module}");
    }
}

#[test]
fn strings_that_are_not_utf8_are_refused() {
    let lifted = |encoding: &str| {
        component(&format!(
            r#"(component
                (core module $m (memory (export "memory") 1) (func (export "f") (param i32 i32))
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable))
                (core instance $i (instantiate $m))
                (func (export "f") (param "text" string) (canon lift (core func $i "f") (memory (core memory $i "memory"))
                    (realloc (core func $i "realloc")) string-encoding={encoding})))"#
        ))
    };
    for encoding in ["utf16", "latin1+utf16"] {
        let refusal = refusal(&lifted(encoding));
        assert_eq!((refusal.code, refusal.at.as_deref()), (Code::BadComponent, Some(encoding)));
    }
    assert_eq!(refusal(&lifted("utf8")).code, Code::BadExport);
}

#[test]
fn imports_outside_the_table_are_refused_by_name() {
    for name in [
        "wasi:http/types@0.2.0",
        "wasi:http/outgoing-handler@0.2.3",
        "wasi:keyvalue/store@0.2.0",
        "wasi:cli/environment@0.3.0",
        "wasi:cli/environment",
        "evil:thing/x",
        "jackfield:plugin/secrets@0.9.0",
        "jackfield:plugin/describe@0.9.0",
        "jackfield:plugin/State@0.9.0",
        "jackfield:plugin/statе@0.9.0",
    ] {
        let text = format!("(component (import {name:?} (instance)))");
        let Ok(bytes) = wat::parse_str(&text) else { continue };
        let refusal = refusal(&bytes);
        assert!(matches!(refusal.code, Code::ImportNotAllowed | Code::BadComponent), "{name}: {refusal}");
        assert!(refusal.detail.contains(name), "{refusal}");
    }
    let function = refusal(&component("(component (import \"settings\" (func)))"));
    assert_eq!((function.code, function.at.as_deref()), (Code::ImportNotAllowed, Some("settings")));
}

#[test]
fn another_contract_is_called_so() {
    for text in [
        "(component (import \"jackfield:plugin/state@0.8.0\" (instance)))",
        "(component (import \"jackfield:plugin/state@1.0.0\" (instance)))",
        "(component (instance $i) (export \"jackfield:plugin/describe@0.8.0\" (instance $i)))",
        "(component (instance $i) (export \"jackfield:plugin/router@1.0.0\" (instance $i)))",
    ] {
        assert_eq!(refusal(&component(text)).code, Code::WrongContract, "{text}");
    }
}

#[test]
fn exports_must_be_a_plugins() {
    let exporting = |names: &[&str]| {
        let exports: String = names.iter().map(|name| format!("(export {name:?} (instance $i))")).collect();
        component(&format!("(component (instance $i) {exports})"))
    };
    for (names, named) in [
        (&[][..], "describe"),
        (&["jackfield:plugin/router@0.9.0"], "describe"),
        (&["jackfield:plugin/describe@0.9.0"], "nothing to call"),
        (&["jackfield:plugin/describe@0.9.0", "jackfield:plugin/painter@0.9.0"], "painter"),
        (&["jackfield:plugin/describe@0.9.0", "jackfield:plugin/describe@0.9.1"], "twice"),
    ] {
        let refusal = refusal(&exporting(names));
        assert_eq!(refusal.code, Code::BadExport, "{names:?}: {refusal}");
        assert!(refusal.detail.contains(named), "{refusal}");
    }
    let checked = check(&exporting(&["jackfield:plugin/describe@0.9.3", "jackfield:plugin/router@0.9.3", "other:tool/thing"])).unwrap();
    assert_eq!((checked.contract.as_str(), checked.class), ("0.9.3", SlotClass::Small));
    assert_eq!(checked.exports, BTreeSet::from(["describe".to_owned(), "router".to_owned()]));
}

#[test]
fn the_class_follows_what_a_component_declares() {
    let class = |module: &str| {
        let exports = "(instance $i) (export \"jackfield:plugin/describe@0.9.0\" (instance $i)) (export \"jackfield:plugin/router@0.9.0\" (instance $i))";
        check(&component(&format!("(component (core module {module}) {exports})"))).unwrap().class
    };
    assert_eq!(class("(memory 18)"), SlotClass::Small);
    assert_eq!(class("(memory 64)"), SlotClass::Small);
    assert_eq!(class("(memory 65)"), SlotClass::Large);
    assert_eq!(class("(memory 1) (table 20000 funcref)"), SlotClass::Large);
}
