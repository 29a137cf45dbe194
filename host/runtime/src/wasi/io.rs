//! Offers `wasi:io`: polls that move the guest's clock, an input that is closed, and outputs that end in the log.
//!
//! Streams need no table: there is one input and there are two outputs, so a handle's number says which.

use wasmtime::Result;
use wasmtime::component::{ComponentType, Linker, Lower, Resource, ResourceType};

use super::{function, function_at, interface};
use crate::guest::Guest;
use crate::guest::log::Stream;
use crate::guest::time::Awaited;

/// What a pollable of a list costs in fuel: looking it up in the handles and in the guest's time.
const POLLABLE_FUEL: u64 = 250;
/// How much may be written at once: what toolchains ask for in one go.
const WRITE_BYTES_MAX: u64 = 64 * 1024;
/// How many zeroes may be written at once, as WASI says of its blocking form.
const ZEROES_MAX: u64 = 4096;

/// `wasi:io/error.error`. No operation of ours fails with one.
pub(super) struct IoError;
/// `wasi:io/poll.pollable`.
pub(super) struct Pollable;
/// `wasi:io/streams.input-stream`.
pub(super) struct InputStream;
/// `wasi:io/streams.output-stream`.
pub(super) struct OutputStream;

/// Why a stream gives nothing.
#[derive(ComponentType, Lower)]
#[component(variant)]
pub(super) enum StreamError {
    #[component(name = "last-operation-failed")]
    #[expect(dead_code, reason = "the type of WASI has this case; nothing of ours fails so")]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

/// A guest gave a handle that is none of ours, or more than it may.
#[derive(Debug, thiserror::Error)]
enum BadStream {
    #[error("there is no such stream")]
    Unknown,
    #[error("more than {ZEROES_MAX} zeroes at once")]
    TooManyZeroes,
}

type Written<T> = (Result<T, StreamError>,);

pub(super) fn output(stream: Stream) -> Resource<OutputStream> {
    Resource::new_own(match stream {
        Stream::Out => 1,
        Stream::Err => 2,
    })
}

pub(super) fn input() -> Resource<InputStream> {
    Resource::new_own(0)
}

fn stream(handle: &Resource<OutputStream>) -> Result<Stream> {
    match handle.rep() {
        1 => Ok(Stream::Out),
        2 => Ok(Stream::Err),
        _ => Err(BadStream::Unknown.into()),
    }
}

fn ready(guest: &mut Guest) -> Result<(Resource<Pollable>,)> {
    Ok((Resource::new_own(guest.time.subscribe(Awaited::Nothing)?),))
}

pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> Result<()> {
    let mut error = interface(linker, "wasi:io/error")?;
    error.resource("error", ResourceType::host::<IoError>(), |_, _| Ok(()))?;
    function(&mut error, "[method]error.to-debug-string", |_, (_,): (Resource<IoError>,)| Ok((String::new(),)))?;
    polls(linker)?;
    inputs(linker)?;
    outputs(linker)
}

fn polls(linker: &mut Linker<Guest>) -> Result<()> {
    let mut poll = interface(linker, "wasi:io/poll")?;
    poll.resource("pollable", ResourceType::host::<Pollable>(), |mut store, handle| Ok(store.data_mut().time.drop_pollable(handle)?))?;
    function(&mut poll, "[method]pollable.ready", |guest, (pollable,): (Resource<Pollable>,)| {
        Ok((guest.time.is_ready(pollable.rep())?,))
    })?;
    function(&mut poll, "[method]pollable.block", |guest, (pollable,): (Resource<Pollable>,)| {
        guest.time.poll(&[pollable.rep()])?;
        Ok(())
    })?;
    let fuel = |(list,): &(Vec<Resource<Pollable>>,)| u64::try_from(list.len()).unwrap_or(u64::MAX).saturating_mul(POLLABLE_FUEL);
    function_at(&mut poll, "poll", fuel, |guest, (list,): (Vec<Resource<Pollable>>,)| {
        let pollables: Vec<u32> = list.iter().map(Resource::rep).collect();
        Ok((guest.time.poll(&pollables)?,))
    })
}

fn inputs(linker: &mut Linker<Guest>) -> Result<()> {
    let mut streams = interface(linker, "wasi:io/streams")?;
    streams.resource("input-stream", ResourceType::host::<InputStream>(), |_, _| Ok(()))?;
    for read in ["read", "blocking-read"] {
        function(
            &mut streams,
            &format!("[method]input-stream.{read}"),
            |_, _: (Resource<InputStream>, u64)| -> Result<Written<Vec<u8>>> { Ok((Err(StreamError::Closed),)) },
        )?;
    }
    for skip in ["skip", "blocking-skip"] {
        function(&mut streams, &format!("[method]input-stream.{skip}"), |_, _: (Resource<InputStream>, u64)| -> Result<Written<u64>> {
            Ok((Err(StreamError::Closed),))
        })?;
    }
    function(&mut streams, "[method]input-stream.subscribe", |guest, _: (Resource<InputStream>,)| ready(guest))
}

fn outputs(linker: &mut Linker<Guest>) -> Result<()> {
    let mut streams = interface(linker, "wasi:io/streams")?;
    streams.resource("output-stream", ResourceType::host::<OutputStream>(), |_, _| Ok(()))?;
    function(&mut streams, "[method]output-stream.check-write", |_, _: (Resource<OutputStream>,)| -> Result<Written<u64>> {
        Ok((Ok(WRITE_BYTES_MAX),))
    })?;
    let bytes = |(_, bytes): &(Resource<OutputStream>, Vec<u8>)| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    for write in ["write", "blocking-write-and-flush"] {
        let name = format!("[method]output-stream.{write}");
        function_at(&mut streams, &name, bytes, |guest, (handle, bytes): (Resource<OutputStream>, Vec<u8>)| -> Result<Written<()>> {
            guest.print(stream(&handle)?, &bytes)?;
            Ok((Ok(()),))
        })?;
    }
    for flush in ["flush", "blocking-flush"] {
        let name = format!("[method]output-stream.{flush}");
        function(&mut streams, &name, |_, _: (Resource<OutputStream>,)| -> Result<Written<()>> { Ok((Ok(()),)) })?;
    }
    for zeroes in ["write-zeroes", "blocking-write-zeroes-and-flush"] {
        let name = format!("[method]output-stream.{zeroes}");
        function_at(
            &mut streams,
            &name,
            |(_, count)| *count,
            |guest, (handle, count): (Resource<OutputStream>, u64)| -> Result<Written<()>> {
                if count > ZEROES_MAX {
                    return Err(BadStream::TooManyZeroes.into());
                }
                let zeroes: Vec<u8> = (0..count).map(|_| 0).collect();
                guest.print(stream(&handle)?, &zeroes)?;
                Ok((Ok(()),))
            },
        )?;
    }
    for splice in ["splice", "blocking-splice"] {
        let name = format!("[method]output-stream.{splice}");
        function(&mut streams, &name, |_, _: (Resource<OutputStream>, Resource<InputStream>, u64)| -> Result<Written<u64>> {
            Ok((Err(StreamError::Closed),))
        })?;
    }
    function(&mut streams, "[method]output-stream.subscribe", |guest, _: (Resource<OutputStream>,)| ready(guest))
}
