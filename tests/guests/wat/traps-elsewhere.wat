;; Ends in a trap where none is looked for, and calls out of places from which nobody may call.

;;! case in-start
(func $fail unreachable)
(start $fail)

;;! case in-start-later
;; `describe` has two seconds and a call has one, so the upload finds nothing.
;;! import jackfield:plugin/http@0.9.0
(import "jackfield:plugin/http@0.9.0" "time-left" (func $left (result i64)))
(func $fail (if (i64.le_u (call $left) (i64.const 1500)) (then unreachable)))
(start $fail)

;;! case in-realloc
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (unreachable))

;;! case in-post-return
(func (export "cabi_post_jackfield:plugin/router@0.9.0#handle") (param i32) (unreachable))

;;! case in-a-destructor
;;! wit interface hoard { resource thing; }
;;! export hoard
(import "[export]test:guest/hoard" "[resource-new]thing" (func $new (param i32) (result i32)))
(import "[export]test:guest/hoard" "[resource-drop]thing" (func $drop (param i32)))
(func (export "test:guest/hoard#[dtor]thing") (param i32) (unreachable))
(func $sin (call $drop (call $new (i32.const 7))))

;;! case calls-out-of-realloc
;;! import wasi:clocks/monotonic-clock@0.2.3
(import "wasi:clocks/monotonic-clock@0.2.3" "now" (func $now (result i64)))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (drop (call $now)) (i32.const 65536))

;;! case calls-out-of-post-return
;;! import wasi:clocks/monotonic-clock@0.2.3
(import "wasi:clocks/monotonic-clock@0.2.3" "now" (func $now (result i64)))
(func (export "cabi_post_jackfield:plugin/router@0.9.0#handle") (param i32) (drop (call $now)))
