;; The canary pair for what Rust cannot reach: tables, globals, and a memory that nothing initialises.

;;! case leaves
(table $kept 4000 funcref)
(global $kept (mut i64) (i64.const 0))
(elem declare func $sin)
(func $sin (local $at i32)
  (global.set $kept (i64.const 0x5ec4e7a1))
  (loop $more
    (table.set $kept (local.get $at) (ref.func $sin))
    (br_if $more (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 4000))))
  (memory.fill (i32.const 65536) (i32.const 0x5e) (i32.const 196608)))

;;! case looks
;; Traps if anything is there.
(table $kept 4000 funcref)
(global $kept (mut i64) (i64.const 0))
(func (export "jackfield:plugin/router@0.9.0#handle") (param i32) (result i32) (local $at i32)
  (if (i64.ne (global.get $kept) (i64.const 0)) (then unreachable))
  (loop $more
    (if (i32.eqz (ref.is_null (table.get $kept (local.get $at)))) (then unreachable))
    (br_if $more (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 4000))))
  ;; The arguments lie at the front of the second page; the last two are untouched.
  (local.set $at (i32.const 131072))
  (loop $more
    (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then unreachable))
    (br_if $more (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 262144))))
  (i32.const 768))

;;! case finds-its-own
;; Leaves something and looks as the other one does: it must trap, or the other one is blind.
(table $kept 4000 funcref)
(global $kept (mut i64) (i64.const 0))
(elem declare func $sin)
(func $sin (local $at i32)
  (table.set $kept (i32.const 3999) (ref.func $sin))
  (loop $more
    (if (i32.eqz (ref.is_null (table.get $kept (local.get $at)))) (then unreachable))
    (br_if $more (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 4000)))))
