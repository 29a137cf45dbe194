;; Says of itself what nobody should believe, show or keep.

;;! case a-name-with-a-bell
(func (export "jackfield:plugin/describe@0.9.0#describe") (result i32) (i32.store8 (i32.const 256) (i32.const 7)) (i32.const 512))

;;! case a-name-of-ten-thousand-letters
(func (export "jackfield:plugin/describe@0.9.0#describe") (result i32)
  (memory.fill (i32.const 4096) (i32.const 120) (i32.const 10000))
  (i32.store (i32.const 512) (i32.const 4096)) (i32.store (i32.const 516) (i32.const 10000))
  (i32.const 512))

;;! case no-name
(func (export "jackfield:plugin/describe@0.9.0#describe") (result i32) (i32.store (i32.const 516) (i32.const 0)) (i32.const 512))

;;! case five-hundred-outcomes
(func (export "jackfield:plugin/describe@0.9.0#describe") (result i32) (local $at i32)
  (local.set $at (i32.const 4096))
  (loop $more
    (i32.store (local.get $at) (i32.const 264)) (i32.store offset=4 (local.get $at) (i32.const 4))
    (br_if $more (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 8096))))
  (i32.store (i32.const 544) (i32.const 4096)) (i32.store (i32.const 548) (i32.const 500))
  (i32.const 512))

;;! case limits-of-its-own
;; Claims in `extras` that its fuel and its wall time have no end, and then never ends.
(data (i32.const 4096) "fuel_maxwall_ms_maxplanmaximum18446744073709551615")
(data (i32.const 8192) "\00\10\00\00\08\00\00\00\1e\10\00\00\14\00\00\00\08\10\00\00\0b\00\00\00\1e\10\00\00\14\00\00\00")
(func (export "jackfield:plugin/describe@0.9.0#describe") (result i32)
  (i32.store (i32.const 568) (i32.const 8192)) (i32.store (i32.const 572) (i32.const 2))
  (i32.const 512))
(func $sin (loop $again (br $again)))

;;! case nothing-at-all
;; Lists no event and no action, and answers all the same.
(func (export "jackfield:plugin/describe@0.9.0#describe") (result i32)
  (i32.store (i32.const 556) (i32.const 0)) (i32.store (i32.const 564) (i32.const 0))
  (i32.const 512))
