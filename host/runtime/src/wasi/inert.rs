//! Offers `wasi:filesystem` and `wasi:sockets` as names that refuse everything.
//!
//! Toolchains link them into every program, so they must exist; nothing stands behind them. Each function answers with its own
//! error for "access denied", an empty list or none, made from its type, so that a table of names is all that it takes. No
//! descriptor and no socket can ever be made, hence no method of one can ever be called with success.

use wasmtime::component::types::{ComponentFunc, Type};
use wasmtime::component::{Linker, Resource, ResourceType, Val};
use wasmtime::{Result, StoreContextMut};

use super::{CALL_FUEL, function, interface};
use crate::guest::{Guest, toll};

/// An interface: its name, its resources, and its functions; a name that begins with a dot is a method of the first resource.
struct Inert {
    name: &'static str,
    resources: &'static [&'static str],
    functions: &'static [&'static str],
}

/// Every resource of both, for the engine alone.
struct Nothing;
/// `wasi:sockets/network.network`: there must be one to ask with.
struct Network;

const INERT: [Inert; 8] = [
    Inert {
        name: "wasi:filesystem/types",
        resources: &["descriptor", "directory-entry-stream"],
        functions: &[
            ".read-via-stream",
            ".write-via-stream",
            ".append-via-stream",
            ".advise",
            ".sync-data",
            ".get-flags",
            ".get-type",
            ".set-size",
            ".set-times",
            ".read",
            ".write",
            ".read-directory",
            ".sync",
            ".create-directory-at",
            ".stat",
            ".stat-at",
            ".set-times-at",
            ".link-at",
            ".open-at",
            ".readlink-at",
            ".remove-directory-at",
            ".rename-at",
            ".symlink-at",
            ".unlink-file-at",
            ".is-same-object",
            ".metadata-hash",
            ".metadata-hash-at",
            "[method]directory-entry-stream.read-directory-entry",
            "filesystem-error-code",
        ],
    },
    Inert { name: "wasi:filesystem/preopens", resources: &[], functions: &["get-directories"] },
    Inert {
        name: "wasi:sockets/ip-name-lookup",
        resources: &["resolve-address-stream"],
        functions: &[".resolve-next-address", ".subscribe", "resolve-addresses"],
    },
    Inert {
        name: "wasi:sockets/tcp",
        resources: &["tcp-socket"],
        functions: &[
            ".start-bind",
            ".finish-bind",
            ".start-connect",
            ".finish-connect",
            ".start-listen",
            ".finish-listen",
            ".accept",
            ".local-address",
            ".remote-address",
            ".is-listening",
            ".address-family",
            ".set-listen-backlog-size",
            ".keep-alive-enabled",
            ".set-keep-alive-enabled",
            ".keep-alive-idle-time",
            ".set-keep-alive-idle-time",
            ".keep-alive-interval",
            ".set-keep-alive-interval",
            ".keep-alive-count",
            ".set-keep-alive-count",
            ".hop-limit",
            ".set-hop-limit",
            ".receive-buffer-size",
            ".set-receive-buffer-size",
            ".send-buffer-size",
            ".set-send-buffer-size",
            ".subscribe",
            ".shutdown",
        ],
    },
    Inert { name: "wasi:sockets/tcp-create-socket", resources: &[], functions: &["create-tcp-socket"] },
    Inert {
        name: "wasi:sockets/udp",
        resources: &["udp-socket", "incoming-datagram-stream", "outgoing-datagram-stream"],
        functions: &[
            ".start-bind",
            ".finish-bind",
            ".stream",
            ".local-address",
            ".remote-address",
            ".address-family",
            ".unicast-hop-limit",
            ".set-unicast-hop-limit",
            ".receive-buffer-size",
            ".set-receive-buffer-size",
            ".send-buffer-size",
            ".set-send-buffer-size",
            ".subscribe",
            "[method]incoming-datagram-stream.receive",
            "[method]incoming-datagram-stream.subscribe",
            "[method]outgoing-datagram-stream.check-send",
            "[method]outgoing-datagram-stream.send",
            "[method]outgoing-datagram-stream.subscribe",
        ],
    },
    Inert { name: "wasi:sockets/udp-create-socket", resources: &[], functions: &["create-udp-socket"] },
    Inert { name: "wasi:sockets/network", resources: &[], functions: &["network-error-code"] },
];

/// A function without an answer that could mean "no".
#[derive(Debug, thiserror::Error)]
#[error("there are no files and no sockets here")]
struct NothingHere;

pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> Result<()> {
    for Inert { name, resources, functions } in INERT {
        let mut instance = interface(linker, name)?;
        for resource in resources {
            instance.resource(resource, ResourceType::host::<Nothing>(), |_, _| Ok(()))?;
        }
        for function in functions {
            let name = match (function.strip_prefix('.'), resources.first()) {
                (Some(method), Some(resource)) => format!("[method]{resource}.{method}"),
                _ => (*function).to_owned(),
            };
            instance.func_new_async(&name, |store, ty, params, results| Box::new(refuse(store, ty, params, results)))?;
        }
    }
    interface(linker, "wasi:sockets/network")?.resource("network", ResourceType::host::<Network>(), |_, _| Ok(()))?;
    let mut instance_network = interface(linker, "wasi:sockets/instance-network")?;
    function(&mut instance_network, "instance-network", |_, (): ()| Ok((Resource::<Network>::new_own(0),)))
}

async fn refuse(mut store: StoreContextMut<'_, Guest>, ty: ComponentFunc, params: &[Val], results: &mut [Val]) -> Result<()> {
    toll(&mut store, CALL_FUEL).await?;
    // What was lent for the call is given back, as every function of the component model must.
    for param in params {
        if let Val::Resource(lent) = param {
            lent.resource_drop_async(&mut store).await?;
        }
    }
    for (slot, ty) in results.iter_mut().zip(ty.results()) {
        *slot = denied(&ty)?;
    }
    Ok(())
}

/// The answer of that type that means "no".
fn denied(ty: &Type) -> Result<Val, NothingHere> {
    match ty {
        Type::Result(result) => match result.err() {
            Some(Type::Enum(codes)) => {
                let code = codes.names().find(|name| matches!(*name, "access" | "access-denied")).ok_or(NothingHere)?;
                Ok(Val::Result(Err(Some(Box::new(Val::Enum(code.to_owned()))))))
            }
            _ => Err(NothingHere),
        },
        Type::Option(_) => Ok(Val::Option(None)),
        Type::List(_) => Ok(Val::List(Vec::new())),
        Type::Bool => Ok(Val::Bool(false)),
        _ => Err(NothingHere),
    }
}
