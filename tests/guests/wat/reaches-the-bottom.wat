;; Goes down the stack in other ways than a small function that calls itself.

;;! case with-broad-frames
;; A thousand values are needed after the call, so each frame holds eight thousand bytes.
(func $deeper (param $n i64) (result i64)
;;! repeat 1000 (local $v{} i64)
;;! repeat 1000 (local.set $v{} (i64.mul (local.get $n) (i64.const {})))
  (local.set $n (call $deeper (i64.add (local.get $n) (i64.const 1))))
;;! repeat 1000 (local.set $n (i64.xor (local.get $n) (local.get $v{})))
  (local.get $n))
(func $sin (drop (call $deeper (i64.const 1))))

;;! case asking-the-clock-there
;;! import wasi:clocks/monotonic-clock@0.2.3
(import "wasi:clocks/monotonic-clock@0.2.3" "now" (func $now (result i64)))
(func $deeper (param $n i64) (result i64)
  (i64.add (call $deeper (i64.add (local.get $n) (call $now))) (local.get $n)))
(func $sin (drop (call $deeper (i64.const 1))))

;;! case asking-for-settings-there
;; The host's own code runs above the guest's stack: on every sixty-fourth floor it is asked for as much as it has to tell.
;;! import jackfield:plugin/settings@0.9.0
(import "jackfield:plugin/settings@0.9.0" "all" (func $all (param i32)))
(func $deeper (param $n i32) (result i32)
  (if (i32.eqz (i32.and (local.get $n) (i32.const 63))) (then (call $all (i32.const 2048))))
  (i32.add (call $deeper (i32.add (local.get $n) (i32.const 1))) (local.get $n)))
(func $sin (drop (call $deeper (i32.const 1))))

;;! case through-the-table
(type $step (func (param i32) (result i32)))
(table 1 funcref)
(elem (i32.const 0) $deeper)
(func $deeper (type $step)
  (i32.add (call_indirect (type $step) (i32.add (local.get 0) (i32.const 1)) (i32.const 0)) (local.get 0)))
(func $sin (drop (call $deeper (i32.const 1))))
