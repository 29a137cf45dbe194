//! Writes the guests of the recycled-slot proof: components that first look whether everything is as freshly made, and then leave
//! everything dirty.
//!
//! They are WebAssembly text and not Rust, because a toolchain's allocator and stack would stand between the guest and the bytes that it
//! looks at. Two shapes share the slots: the small one stays below what the pool rewrites by itself, the large one goes beyond it, so
//! that pages which are rewritten and pages which are handed back to the kernel are both tried.

use jackfield_runtime::probe::recycled::SECRET_BYTE;

/// Where a guest's data ends and the rest of its memory, all zero, begins.
const DATA_BYTES: u32 = 4_096;
/// Globals of a guest.
const GLOBALS: u32 = 24;
/// Words that each call of the stack's user keeps over the next one.
const KEPT_WORDS: u32 = 16;

/// How large a guest is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Pages of 64 KiB that it begins with.
    pages: u32,
    /// Pages that it grows by before it looks.
    grown_pages: u32,
    /// Elements that its table begins with.
    elements: u32,
    /// Elements that it grows by.
    grown_elements: u32,
    /// Calls inside each other when it dirties its stack.
    depth: u32,
}

/// Below everything that the pool rewrites: 2 MiB of memory, 2,048 elements, 16 KiB of stack.
pub(super) const SMALL: Shape = Shape { pages: 2, grown_pages: 6, elements: 40, grown_elements: 60, depth: 40 };
/// Beyond all three; about 90 KiB of stack.
pub(super) const LARGE: Shape = Shape { pages: 6, grown_pages: 30, elements: 600, grown_elements: 2_000, depth: 400 };

/// A component of that shape. Each mark is another component, with data of its own.
pub(super) fn component(shape: Shape, mark: u8) -> anyhow::Result<Vec<u8>> {
    let module = module(shape, mark);
    let text = format!(
        r#"(component
            (import "look-at-stack" (func $look (result u64)))
            (core func $look (canon lower (func $look)))
            (core module $m {module})
            (core instance $i (instantiate $m (with "host" (instance (export "look-at-stack" (func $look))))))
            (func (export "visit") (result u64) (canon lift (core func $i "visit"))))"#
    );
    Ok(wat::parse_str(text)?)
}

/// Never zero and never the secret, or dirt would look like data.
fn data_byte(mark: u8) -> u8 {
    if mark.wrapping_add(1) == SECRET_BYTE || mark == u8::MAX { 1 } else { mark + 1 }
}

/// The report has sixteen bits for each kind: memory, table, globals, stack, from the lowest.
fn module(shape: Shape, mark: u8) -> String {
    let Shape { pages, grown_pages, elements, grown_elements, .. } = shape;
    let byte = data_byte(mark);
    let data = format!("\\{byte:02x}").repeat(DATA_BYTES as usize);
    let word = u64::from_le_bytes([byte; 8]);
    let globals: String = (0..GLOBALS).map(|at| format!("(global $g{at} (mut i64) (i64.const {at}))")).collect();
    let parts = [memory(word), table(), these_globals(), stack(), segments()].concat();
    format!(
        r#"(import "host" "look-at-stack" (func $look-at-stack (result i64)))
        (memory $memory {pages} {memory_max})
        (table $table {elements} {table_max} funcref)
        (data (i32.const 0) "{data}")
        (data $passive "\c4\c4\c4\c4\c4\c4\c4\c4")
        (elem $declared func $nothing)
        (elem declare func $nothing)
        {globals}
        (global $last (mut funcref) (ref.null func))
        (func $nothing)
        {parts}
        (func $packed (param $count i64) (param $at i64) (result i64)
            (i64.shl (select (i64.const 65535) (local.get $count) (i64.gt_u (local.get $count) (i64.const 65535))) (local.get $at)))
        (func (export "visit") (result i64) (local $report i64)
            (local.set $report (call $packed (call $look-at-stack) (i64.const 48)))
            (drop (memory.grow (i32.const {grown_pages})))
            (drop (table.grow $table (ref.null func) (i32.const {grown_elements})))
            (local.set $report (i64.or (local.get $report) (call $packed (call $look-at-memory) (i64.const 0))))
            (local.set $report (i64.or (local.get $report) (call $packed (call $look-at-table) (i64.const 16))))
            (local.set $report (i64.or (local.get $report) (call $packed (call $look-at-globals) (i64.const 32))))
            (call $segments)
            (memory.fill (i32.const 0) (i32.const {SECRET_BYTE}) (i32.shl (memory.size) (i32.const 16)))
            (table.fill $table (i32.const 0) (ref.func $nothing) (table.size $table))
            (call $dirty-globals)
            (drop (call $deep (i32.const {depth})))
            (local.get $report))"#,
        memory_max = pages + grown_pages * 4,
        table_max = elements + grown_elements * 4,
        depth = shape.depth,
    )
}

/// Compares all of the memory with what it should be; gives back how many bytes differ.
fn memory(word: u64) -> String {
    format!(
        r"(func $differing (param $at i32) (param $end i32) (param $expected v128) (result i64)
            (local $seen v128) (local $found i64) (local $from i32)
            (local.set $from (local.get $at))
            (loop $blocks
                (local.set $seen (v128.or (local.get $seen) (v128.xor (v128.load (local.get $at)) (local.get $expected))))
                (local.set $seen (v128.or (local.get $seen) (v128.xor (v128.load offset=16 (local.get $at)) (local.get $expected))))
                (local.set $seen (v128.or (local.get $seen) (v128.xor (v128.load offset=32 (local.get $at)) (local.get $expected))))
                (local.set $seen (v128.or (local.get $seen) (v128.xor (v128.load offset=48 (local.get $at)) (local.get $expected))))
                (br_if $blocks (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 64))) (local.get $end))))
            (if (v128.any_true (local.get $seen)) (then
                (loop $bytes
                    (local.set $found (i64.add (local.get $found) (i64.extend_i32_u (i32.sub (i32.const 16) (i32.popcnt
                        (i8x16.bitmask (i8x16.eq (v128.load (local.get $from)) (local.get $expected))))))))
                    (br_if $bytes (i32.lt_u (local.tee $from (i32.add (local.get $from) (i32.const 16))) (local.get $end))))))
            (local.get $found))
        (func $look-at-memory (result i64)
            (i64.add
                (call $differing (i32.const 0) (i32.const {DATA_BYTES}) (i64x2.splat (i64.const {word})))
                (call $differing (i32.const {DATA_BYTES}) (i32.shl (memory.size) (i32.const 16)) (v128.const i64x2 0 0))))"
    )
}

fn table() -> String {
    r"(func $look-at-table (result i64) (local $at i32) (local $found i64)
        (loop $elements
            (if (i32.eqz (ref.is_null (table.get $table (local.get $at))))
                (then (local.set $found (i64.add (local.get $found) (i64.const 8)))))
            (br_if $elements (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (table.size $table))))
        (local.get $found))"
        .to_owned()
}

fn these_globals() -> String {
    let look: String = (0..GLOBALS)
        .map(|at| {
            format!(
                "(if (i64.ne (global.get $g{at}) (i64.const {at})) (then (local.set $found (i64.add (local.get $found) (i64.const 8)))))"
            )
        })
        .collect();
    let secret = u64::from_le_bytes([SECRET_BYTE; 8]);
    let dirty: String = (0..GLOBALS).map(|at| format!("(global.set $g{at} (i64.const {secret}))")).collect();
    format!(
        r"(func $look-at-globals (result i64) (local $found i64) {look}
            (if (i32.eqz (ref.is_null (global.get $last))) (then (local.set $found (i64.add (local.get $found) (i64.const 8)))))
            (local.get $found))
        (func $dirty-globals {dirty} (global.set $last (ref.func $nothing)))"
    )
}

/// Calls itself with many words that it needs afterwards, so that all of them lie on the stack. They are read from memory, which is full
/// of the secret by then: what the compiler could compute again it would not keep.
fn stack() -> String {
    let locals: String = (0..KEPT_WORDS).map(|at| format!("(local $w{at} i64)")).collect();
    let read: String = (0..KEPT_WORDS)
        .map(|at| format!("(local.set $w{at} (i64.load offset={} (i32.and (local.get $left) (i32.const 0xff8))))", 8 * at))
        .collect();
    let kept = (0..KEPT_WORDS).fold("(local.get $sum)".to_owned(), |sum, at| format!("(i64.xor {sum} (local.get $w{at}))"));
    format!(
        r"(func $deep (param $left i32) (result i64) {locals} (local $sum i64)
            {read}
            (if (local.get $left) (then (local.set $sum (call $deep (i32.sub (local.get $left) (i32.const 1))))))
            {kept})"
    )
}

/// Segments that were dropped in one instance are there in the next, or it traps.
fn segments() -> String {
    r"(func $segments
        (if (i64.eqz (i64.load (i32.const 4096))) (then
            (memory.init $passive (i32.const 4096) (i32.const 0) (i32.const 8))
            (if (i64.ne (i64.load (i32.const 4096)) (i64.const 0xc4c4c4c4c4c4c4c4)) (then unreachable))
            (table.init $table $declared (i32.const 0) (i32.const 0) (i32.const 1))
            (data.drop $passive)
            (elem.drop $declared))))"
        .to_owned()
}
