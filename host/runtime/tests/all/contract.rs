//! What links and what does not: a name, a case or a field that differs is found at the upload and named.

use std::fs;
use std::path::Path;

use jackfield_domain::refusal::{Code, Refusal};
use jackfield_runtime::InstallError;

use crate::support::{Guest, House, block_on, call, contract, guest, handling};

/// A copy of the contract with one file changed.
fn changed(directory: &Path, file: &str, from: &str, to: &str) {
    for entry in fs::read_dir(contract()).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap();
        let text = if name.to_str() == Some(file) {
            assert!(text.contains(from), "{file} has no {from:?}");
            text.replacen(from, to, 1)
        } else {
            text
        };
        fs::write(directory.join(name), text).unwrap();
    }
}

async fn refusal(house: &House, component: Vec<u8>) -> Refusal {
    match house.try_install(component).await {
        Err(InstallError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_added_case_or_field_is_refused_and_the_function_named() {
    block_on(async {
        let house = House::new();
        for (file, from, to, named) in [
            ("decisions.wit", "        reject(string),", "        reject(string),\n        explode,", "router.handle"),
            ("contacts.wit", "        turn: u32,", "        turn: u32,\n        mood: string,", "router.handle"),
            ("events.wit", "        timer(string),", "        timer(u32),", "router.handle"),
            ("describe.wit", "        version: string,", "        version: string,\n        author: string,", "describe.describe"),
        ] {
            let directory = tempfile::tempdir().unwrap();
            changed(directory.path(), file, from, to);
            let component = Guest { contract: directory.path().to_owned(), ..guest() }.build();
            let refusal = refusal(&house, component).await;
            assert_eq!((refusal.code, refusal.at.as_deref()), (Code::BadExport, Some(named)), "{file}: {refusal}");
        }
    });
}

#[test]
fn an_import_of_another_type_is_refused_and_named() {
    block_on(async {
        let house = House::new();
        let directory = tempfile::tempdir().unwrap();
        changed(directory.path(), "settings.wit", "        exhausted,", "        exhausted,\n        asleep,");
        let name = "jackfield:plugin/settings@0.9.0";
        let component = Guest {
            contract: directory.path().to_owned(),
            imports: &[name],
            module: "(import \"jackfield:plugin/settings@0.9.0\" \"all\" (func $ask (param i32)))",
            handle: "(call $ask (i32.const 1024))",
            ..guest()
        };
        let refusal = refusal(&house, component.build()).await;
        assert_eq!((refusal.code, refusal.at.as_deref()), (Code::WrongContract, Some(name)), "{refusal}");
    });
}

#[test]
fn a_function_that_this_host_lacks_is_refused_by_name() {
    block_on(async {
        let house = House::new();
        let directory = tempfile::tempdir().unwrap();
        changed(directory.path(), "settings.wit", "    /// The whole,", "    forget: func();\n    /// The whole,");
        let component = Guest {
            contract: directory.path().to_owned(),
            imports: &["jackfield:plugin/settings@0.9.0"],
            module: "(import \"jackfield:plugin/settings@0.9.0\" \"forget\" (func $forget))",
            handle: "(call $forget)",
            ..guest()
        };
        let refusal = refusal(&house, component.build()).await;
        assert!(refusal.detail.contains("forget"), "{refusal}");
    });
}

#[test]
fn a_plugin_built_before_a_function_was_added_runs() {
    block_on(async {
        let house = House::new();
        let directory = tempfile::tempdir().unwrap();
        // Seen from the older side: its settings interface has no `get`.
        changed(directory.path(), "settings.wit", "    get: func(pointer: string) -> result<option<string>, settings-error>;", "");
        let component = Guest {
            contract: directory.path().to_owned(),
            imports: &["jackfield:plugin/settings@0.9.0"],
            module: "(import \"jackfield:plugin/settings@0.9.0\" \"all\" (func $ask (param i32)))",
            handle: "(call $ask (i32.const 1024))",
            ..guest()
        };
        let installed = house.install(component.build()).await;
        assert!(house.run(call(&installed)).await.result.is_ok());
    });
}

#[test]
fn a_describe_that_fails_refuses_the_upload() {
    block_on(async {
        let house = House::new();
        for (describe, named) in [("unreachable", "trapped"), ("(loop (br 0))", "fuel-exceeded"), ("(return (i32.const -1))", "broke-abi")]
        {
            let refusal = refusal(&house, Guest { describe, ..guest() }.build()).await;
            assert_eq!(refusal.code, Code::BadDescribe);
            assert!(refusal.detail.contains(named), "{refusal}");
        }
    });
}

#[test]
fn what_describe_asks_is_denied() {
    block_on(async {
        let house = House::new();
        let component = Guest {
            imports: &["jackfield:plugin/settings@0.9.0"],
            module: "(import \"jackfield:plugin/settings@0.9.0\" \"all\" (func $ask (param i32)))",
            // The answer's first byte is 1 for an error, its fifth 0 for `denied`.
            describe: "(call $ask (i32.const 1024))
                (if (i32.ne (i32.load8_u (i32.const 1024)) (i32.const 1)) (then unreachable))
                (if (i32.load8_u (i32.const 1028)) (then unreachable))",
            ..guest()
        };
        house.install(component.build()).await;
    });
}

#[test]
fn the_same_bytes_are_the_same_version_and_are_not_compiled_again() {
    block_on(async {
        let house = House::new();
        let first = house.install(handling("")).await;
        let second = house.install(handling("")).await;
        assert_eq!(second.compile_ms, 0);
        assert_eq!((first.digest, first.metadata), (second.digest, second.metadata));
    });
}
