//! Lets wasmtime-wasi judge our own WASI: what links with the one must link with the other.

use std::path::Path;

use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine};
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

struct Judge {
    table: ResourceTable,
    ctx: WasiCtx,
}

impl WasiView for Judge {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.ctx, table: &mut self.table }
    }
}

/// Everything that the toolchain built: guests that sleep, open files and connect sockets among them.
fn guests() -> Vec<std::path::PathBuf> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    ["plugins", "tests/guests"]
        .into_iter()
        .flat_map(|dir| std::fs::read_dir(top.join(dir).join("target/wasm32-wasip2/release")).into_iter().flatten())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
        .collect()
}

#[test]
fn what_links_with_our_wasi_links_with_the_reference_too() {
    let mut config = Config::new();
    config.consume_fuel(true);
    let engine = Engine::new(&config).unwrap();
    let guests = guests();
    assert!(guests.len() > 10, "build the guests first: cargo xtask guests");
    for path in guests {
        let component = Component::from_file(&engine, &path).unwrap();
        let mut linker: Linker<Judge> = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker).unwrap();
        for (name, _) in component.component_type().imports(&engine) {
            let ours = name.starts_with("jackfield:plugin/");
            let known = name.split('@').next().is_some_and(|interface| interface.starts_with("wasi:"));
            assert!(ours || known, "{} imports {name}", path.display());
        }
        linker.define_unknown_imports_as_traps(&component).unwrap();
        linker.instantiate_pre(&component).unwrap_or_else(|error| panic!("{}: {error:#}", path.display()));
    }
    // The context is what our own WASI does without; it is made here so that the judge is whole.
    let _judge = Judge { table: ResourceTable::new(), ctx: WasiCtxBuilder::new().build() };
}
