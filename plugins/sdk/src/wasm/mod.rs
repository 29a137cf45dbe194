//! Joins the plain types to the contract's generated bindings; only a component has it.
//!
//! [`Adapter`] implements the bindings' export traits for whatever implements [`crate::Router`], and the export macro names it.
//! Two worlds are generated, because a component must have every export of its worlds: what every plugin exports, and what one
//! that speaks exports besides. The second takes all its types from the first, so that nothing is converted twice. Nothing
//! outside this module names a generated type.

mod exports;
mod imports;
mod inward;
mod outward;

/// A plugin that routes and hears of the end.
#[allow(unsafe_code, missing_docs, unreachable_pub, clippy::all, clippy::indexing_slicing, reason = "generated")]
pub mod routing {
    wit_bindgen::generate!({
        world: "jackfield:plugin/observing-plugin",
        path: "../../wit/v1",
        runtime_path: "::jackfield_sdk::wit_bindgen::rt",
        default_bindings_module: "jackfield_sdk::wasm::routing",
        export_macro_name: "export_routing",
        pub_export_macro: true,
    });
}

/// What a plugin exports besides where it also speaks through an AI persona and runs its tools.
#[allow(unsafe_code, missing_docs, unreachable_pub, clippy::all, clippy::indexing_slicing, reason = "generated")]
pub mod speaking {
    wit_bindgen::generate!({
        inline: "package jackfield:speaking; world speaking { export jackfield:plugin/assistant@0.9.0; export jackfield:plugin/tools@0.9.0; }",
        world: "jackfield:speaking/speaking",
        path: "../../wit/v1",
        runtime_path: "::jackfield_sdk::wit_bindgen::rt",
        default_bindings_module: "jackfield_sdk::wasm::speaking",
        export_macro_name: "export_speaking",
        pub_export_macro: true,
        generate_all,
        with: {
            "jackfield:plugin/types@0.9.0": crate::wasm::routing::jackfield::plugin::types,
            "jackfield:plugin/contacts@0.9.0": crate::wasm::routing::jackfield::plugin::contacts,
            "jackfield:plugin/events@0.9.0": crate::wasm::routing::jackfield::plugin::events,
            "jackfield:plugin/decisions@0.9.0": crate::wasm::routing::jackfield::plugin::decisions,
            "jackfield:plugin/personas@0.9.0": crate::wasm::routing::jackfield::plugin::personas,
        },
    });
}

pub use exports::Adapter;
pub use imports::Imports;
