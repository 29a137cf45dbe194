;; Breaks the canonical ABI: what it gives the host is not where it says, not what it says, or not its own.

;;! case text-that-is-not-utf8
(func $sin (i32.store8 (i32.const 264) (i32.const 255)))

;;! case half-a-surrogate
(func $sin (i32.store (i32.const 264) (i32.const 0x80a0ed)))

;;! case nul-in-a-text
(func $sin (i32.store8 (i32.const 264) (i32.const 0)))

;;! case text-that-is-not-there
(func $sin (i32.store (i32.const 780) (i32.const 300000)))

;;! case length-that-wraps
(func $sin (i32.store (i32.const 784) (i32.const -1)))

;;! case address-and-length-that-wrap
(func $sin (i32.store (i32.const 780) (i32.const -4)) (i32.store (i32.const 784) (i32.const 8)))

;;! case text-of-a-gibibyte
(func $sin (i32.store (i32.const 784) (i32.const 0x40000000)))

;;! case list-of-a-gibibyte
(func $sin (i32.store (i32.const 776) (i32.const 0x40000000)))

;;! case list-whose-size-wraps
(func $sin (i32.store (i32.const 776) (i32.const 0x10000001)))

;;! case crooked-list
(func $sin (i32.store (i32.const 772) (i32.const 1025)))

;;! case crooked-answer
(func (export "jackfield:plugin/router@0.9.0#handle") (param i32) (result i32) (i32.const 769))

;;! case answer-that-is-not-there
(func (export "jackfield:plugin/router@0.9.0#handle") (param i32) (result i32) (i32.const -16))

;;! case neither-answer-nor-failure
(func $sin (i32.store8 (i32.const 768) (i32.const 2)))

;;! case action-that-is-none
(func $sin (i32.store8 (i32.const 1024) (i32.const 200)))

;;! case prompt-that-is-none
(func $sin (i32.store8 (i32.const 1032) (i32.const 4)))

;;! case option-that-is-none
(func $sin (i32.store8 (i32.const 1052) (i32.const 2)))

;;! case enum-that-is-none
;; A `play` with an empty address, once, cut short by something that does not exist.
(func $sin
  (i32.store8 (i32.const 1024) (i32.const 2))
  (i32.store (i32.const 1032) (i32.const 264)) (i32.store (i32.const 1036) (i32.const 4)) (i32.store (i32.const 1040) (i32.const 1))
  (i32.store8 (i32.const 1044) (i32.const 99)))

;;! case texts-of-megabytes-that-overlap
;; Sixty thousand pairs in `extras`, every one of them the same quarter of a megabyte.
(memory (export "memory") 40)
(func $sin (local $at i32)
  (memory.fill (i32.const 1310720) (i32.const 120) (i32.const 262144))
  (local.set $at (i32.const 131072))
  (loop $more
    (i32.store (local.get $at) (i32.const 1310720))
    (i32.store offset=4 (local.get $at) (i32.const 262144))
    (br_if $more (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 1091072))))
  (i32.store (i32.const 788) (i32.const 131072))
  (i32.store (i32.const 792) (i32.const 60000)))

;;! case fields-of-megabytes-that-overlap
;;! import jackfield:plugin/log@0.9.0
(import "jackfield:plugin/log@0.9.0" "write" (func $log (param i32 i32 i32 i32 i32)))
(memory (export "memory") 40)
(func $sin (local $at i32)
  (memory.fill (i32.const 1310720) (i32.const 120) (i32.const 262144))
  (local.set $at (i32.const 131072))
  (loop $more
    (i32.store (local.get $at) (i32.const 1310720))
    (i32.store offset=4 (local.get $at) (i32.const 262144))
    (br_if $more (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 1091072))))
  (call $log (i32.const 1) (i32.const 264) (i32.const 4) (i32.const 131072) (i32.const 60000)))

;;! case outcomes-of-megabytes-that-overlap
;; The same in `describe`.
(memory (export "memory") 40)
(func (export "jackfield:plugin/describe@0.9.0#describe") (result i32) (local $at i32)
  (memory.fill (i32.const 1310720) (i32.const 120) (i32.const 262144))
  (local.set $at (i32.const 131072))
  (loop $more
    (i32.store (local.get $at) (i32.const 1310720))
    (i32.store offset=4 (local.get $at) (i32.const 262144))
    (br_if $more (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 1091072))))
  (i32.store (i32.const 544) (i32.const 131072))
  (i32.store (i32.const 548) (i32.const 120000))
  (i32.const 512))

;;! case reason-of-sixty-mebibytes
(memory (export "memory") 1000)
(func $sin
  (memory.fill (i32.const 131072) (i32.const 120) (i32.const 62914560))
  (i32.store (i32.const 780) (i32.const 131072)) (i32.store (i32.const 784) (i32.const 62914560)))

;;! case realloc-beyond-memory
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const -65536))

;;! case realloc-at-the-last-byte
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 262143))

;;! case realloc-crooked
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65537))

;;! case realloc-null
;; The host writes over the first bytes of memory, which are the guest's to lose; what it answers with stands elsewhere.
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
(func (export "jackfield:plugin/router@0.9.0#handle") (param i32) (result i32)
  (i64.store (i32.const 264) (i64.const 0x656e6f64))
  (i64.store (i32.const 768) (i64.const 0x40000000000)) (i64.store (i32.const 776) (i64.const 0x10800000001))
  (i64.store (i32.const 784) (i64.const 4)) (i32.store (i32.const 792) (i32.const 0))
  (memory.fill (i32.const 1024) (i32.const 0) (i32.const 1024))
  (i32.store8 (i32.const 1024) (i32.const 1)) (i64.store (i32.const 1036) (i64.const 0x400000108))
  (i32.const 768))

;;! case realloc-in-one-place
;; Every argument lies where the one before it lay.
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))

;;! case handle-that-was-never-given
;;! import wasi:io/poll@0.2.3
(import "wasi:io/poll@0.2.3" "[method]pollable.block" (func $block (param i32)))
(func $sin (call $block (i32.const 77)))

;;! case handle-that-was-dropped
;;! import wasi:io/poll@0.2.3
;;! import wasi:clocks/monotonic-clock@0.2.3
(import "wasi:io/poll@0.2.3" "[method]pollable.block" (func $block (param i32)))
(import "wasi:io/poll@0.2.3" "[resource-drop]pollable" (func $drop (param i32)))
(import "wasi:clocks/monotonic-clock@0.2.3" "subscribe-duration" (func $after (param i64) (result i32)))
(func $sin (local $timer i32)
  (call $drop (local.tee $timer (call $after (i64.const 0))))
  (call $block (local.get $timer)))

;;! case handle-that-is-dropped-twice
;;! import wasi:io/poll@0.2.3
;;! import wasi:clocks/monotonic-clock@0.2.3
(import "wasi:io/poll@0.2.3" "[resource-drop]pollable" (func $drop (param i32)))
(import "wasi:clocks/monotonic-clock@0.2.3" "subscribe-duration" (func $after (param i64) (result i32)))
(func $sin (local $timer i32)
  (call $drop (local.tee $timer (call $after (i64.const 0))))
  (call $drop (local.get $timer)))

;;! case handle-of-another-kind
;;! import wasi:io/poll@0.2.3
;;! import wasi:cli/stdout@0.2.3
(import "wasi:io/poll@0.2.3" "[method]pollable.block" (func $block (param i32)))
(import "wasi:cli/stdout@0.2.3" "get-stdout" (func $out (result i32)))
(func $sin (call $block (call $out)))

;;! case handles-that-are-invented
;; A list of a thousand timers to wait for, none of which there is.
;;! import wasi:io/poll@0.2.3
(import "wasi:io/poll@0.2.3" "poll" (func $poll (param i32 i32 i32)))
(func $sin (call $poll (i32.const 131072) (i32.const 1000) (i32.const 2048)))

;;! case poll-of-nothing
;;! import wasi:io/poll@0.2.3
(import "wasi:io/poll@0.2.3" "poll" (func $poll (param i32 i32 i32)))
(func $sin (call $poll (i32.const 131072) (i32.const 0) (i32.const 2048)))

;;! case a-thousand-years
;; The only one here that is allowed to: the wait is over at once.
;;! import wasi:io/poll@0.2.3
;;! import wasi:clocks/monotonic-clock@0.2.3
(import "wasi:io/poll@0.2.3" "[method]pollable.block" (func $block (param i32)))
(import "wasi:clocks/monotonic-clock@0.2.3" "subscribe-duration" (func $after (param i64) (result i32)))
(func $sin (call $block (call $after (i64.const -1))))
