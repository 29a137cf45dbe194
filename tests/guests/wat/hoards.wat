;; Takes what is finite and gives nothing back: tables, memories, handles, timers.

;;! case tables
(table $hoard 1 funcref)
(func $sin
  (loop $more (br_if $more (i32.ne (table.grow $hoard (ref.null func) (i32.const 10000)) (i32.const -1))))
  (unreachable))

;;! case ten-million-elements
(table $hoard 1 funcref)
(func $sin (if (i32.eq (table.grow $hoard (ref.null func) (i32.const 10000000)) (i32.const -1)) (then unreachable)))

;;! case memory-at-once
(func $sin (if (i32.eq (memory.grow (i32.const 65000)) (i32.const -1)) (then unreachable)))

;;! case four-memories
;; Each is far below the limit; their sum is above it.
;;! tail
(core module $more (memory 90))
(core instance (instantiate $more))
(core instance (instantiate $more))
(core instance (instantiate $more))

;;! case more-than-the-plan
(memory (export "memory") 300)

;;! case four-gibibytes
(memory (export "memory") 65536)

;;! case ten-million-elements-declared
(table $hoard 10000000 funcref)

;;! case globals-and-elements
;; Just below the bounds; it answers, and is only slow to begin.
(table $hoard 5000 funcref)
;;! repeat 9000 (global i64 (i64.const {}))
;;! repeat 5000 (elem (i32.const {}) $one)
(func $one)

;;! case its-own-handles
;;! wit interface hoard { resource thing; }
;;! export hoard
(import "[export]test:guest/hoard" "[resource-new]thing" (func $new (param i32) (result i32)))
(func $sin (loop $more (drop (call $new (i32.const 7))) (br $more)))

;;! case streams
;;! import wasi:cli/stdout@0.2.3
(import "wasi:cli/stdout@0.2.3" "get-stdout" (func $out (result i32)))
(func $sin (loop $more (drop (call $out)) (br $more)))

;;! case timers
;;! import wasi:clocks/monotonic-clock@0.2.3
(import "wasi:clocks/monotonic-clock@0.2.3" "subscribe-duration" (func $after (param i64) (result i32)))
(func $sin (loop $more (drop (call $after (i64.const 1))) (br $more)))

;;! case random-bytes
;;! import wasi:random/random@0.2.3
(import "wasi:random/random@0.2.3" "get-random-bytes" (func $random (param i64 i32)))
(func $sin (call $random (i64.const 67108864) (i32.const 2048)))

;;! case random-bytes-for-ever
;;! import wasi:random/random@0.2.3
(import "wasi:random/random@0.2.3" "get-random-bytes" (func $random (param i64 i32)))
(func $sin (loop $more (global.set $free (i32.const 65536)) (call $random (i64.const 65536) (i32.const 2048)) (br $more)))

;;! case zeroes
;;! import wasi:cli/stdout@0.2.3
;;! import wasi:io/streams@0.2.3
(import "wasi:cli/stdout@0.2.3" "get-stdout" (func $out (result i32)))
(import "wasi:io/streams@0.2.3" "[method]output-stream.write-zeroes" (func $zeroes (param i32 i64 i32)))
(func $sin (call $zeroes (call $out) (i64.const -1) (i32.const 2048)))
