;; Never ends, in the places where nobody looks for a loop: before the first call, while the host hands over arguments, after the
;; answer, in a destructor, inside one instruction that takes long, in nothing but questions.

;;! case in-start
(func $spin (loop $again (br $again)))
(start $spin)

;;! case in-start-later
;; `describe` has two seconds and a call has one, so the upload finds nothing.
;;! import jackfield:plugin/http@0.9.0
(import "jackfield:plugin/http@0.9.0" "time-left" (func $left (result i64)))
(func $spin (if (i64.le_u (call $left) (i64.const 1500)) (then (loop $again (br $again)))))
(start $spin)

;;! case in-realloc
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (loop $again (br $again)) (unreachable))

;;! case in-post-return
(func (export "cabi_post_jackfield:plugin/router@0.9.0#handle") (param i32) (loop $again (br $again)))

;;! case in-a-destructor
;;! wit interface hoard { resource thing; }
;;! export hoard
(import "[export]test:guest/hoard" "[resource-new]thing" (func $new (param i32) (result i32)))
(import "[export]test:guest/hoard" "[resource-drop]thing" (func $drop (param i32)))
(func (export "test:guest/hoard#[dtor]thing") (param i32) (loop $again (br $again)))
(func $sin (call $drop (call $new (i32.const 7))))

;;! case filling-memory
(memory (export "memory") 1000)
(func $sin (loop $again (memory.fill (i32.const 65536) (i32.const 7) (i32.const 65470464)) (br $again)))

;;! case copying-memory
(memory (export "memory") 1000)
(func $sin (loop $again (memory.copy (i32.const 65536) (i32.const 65537) (i32.const 65470400)) (br $again)))

;;! case branching
(func $sin (local $n i32)
  (loop $again
    (block $out (br_table
;;! repeat 20000 $again $out
      $again (local.tee $n (i32.add (local.get $n) (i32.const 3)))))
    (br $again)))

;;! case asking-the-clock
;;! import wasi:clocks/monotonic-clock@0.2.3
(import "wasi:clocks/monotonic-clock@0.2.3" "now" (func $now (result i64)))
(func $sin (loop $again (drop (call $now)) (br $again)))

;;! case polling-for-nothing
;;! import wasi:io/poll@0.2.3
;;! import wasi:clocks/monotonic-clock@0.2.3
(import "wasi:io/poll@0.2.3" "[method]pollable.block" (func $block (param i32)))
(import "wasi:io/poll@0.2.3" "[resource-drop]pollable" (func $drop (param i32)))
(import "wasi:clocks/monotonic-clock@0.2.3" "subscribe-duration" (func $after (param i64) (result i32)))
(func $sin (local $timer i32)
  (loop $again
    (call $block (local.tee $timer (call $after (i64.const 0))))
    (call $drop (local.get $timer))
    (br $again)))

;;! case printing-bytes
;;! import wasi:cli/stdout@0.2.3
;;! import wasi:io/streams@0.2.3
(import "wasi:cli/stdout@0.2.3" "get-stdout" (func $out (result i32)))
(import "wasi:io/streams@0.2.3" "[method]output-stream.write" (func $write (param i32 i32 i32 i32)))
(func $sin (local $stream i32)
  (local.set $stream (call $out))
  (loop $again (call $write (local.get $stream) (i32.const 256) (i32.const 1) (i32.const 2048)) (br $again)))
