;; What the self-test runs: it looks for traces of an instance before it, leaves some, and computes a sum.
(component
  (core module $m
    (memory (export "memory") 1 1)
    (table 4 4 funcref)
    (global $used (mut i32) (i32.const 0))
    (func (export "answer") (result i32)
      (local $i i32)
      (local $sum i32)
      ;; A fresh instance has nothing in its memory, its globals and its table.
      (if (i32.or
            (i32.or (i32.load (i32.const 1024)) (i32.load (i32.const 65532)))
            (i32.or (global.get $used) (i32.eqz (ref.is_null (table.get (i32.const 3))))))
        (then (return (i32.const 1))))
      (i32.store (i32.const 1024) (i32.const -1))
      (i32.store (i32.const 65532) (i32.const -1))
      (global.set $used (i32.const -1))
      (table.set (i32.const 3) (ref.func $self))
      (loop $next
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (local.set $sum (i32.add (local.get $sum) (local.get $i)))
        (br_if $next (i32.lt_u (local.get $i) (i32.const 1000))))
      (local.get $sum))
    (func $self)
    (elem declare func $self))
  (core instance $i (instantiate $m))
  (func (export "answer") (result u32) (canon lift (core func $i "answer"))))
