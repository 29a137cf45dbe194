;; Is two components in one, and abuses the code that the engine writes between them.

;;! case character-that-is-none
;;! wit interface inner { take: func(c: char); }
;;! import test:guest/inner
(import "test:guest/inner" "take" (func $take (param i32)))
(func $sin (call $take (i32.const 0x110000)))
;;! inner test:guest/inner
(component $inner
  (core module $m (func (export "take") (param i32)))
  (core instance $i (instantiate $m))
  (func (export "take") (param "c" char) (canon lift (core func $i "take"))))
(instance $instance (instantiate $inner))

;;! case half-a-surrogate-as-a-character
;;! wit interface inner { take: func(c: char); }
;;! import test:guest/inner
(import "test:guest/inner" "take" (func $take (param i32)))
(func $sin (call $take (i32.const 0xd800)))
;;! inner test:guest/inner
(component $inner
  (core module $m (func (export "take") (param i32)))
  (core instance $i (instantiate $m))
  (func (export "take") (param "c" char) (canon lift (core func $i "take"))))
(instance $instance (instantiate $inner))

;;! case calls-for-ever
;;! wit interface inner { take: func(c: u32); }
;;! import test:guest/inner
(import "test:guest/inner" "take" (func $take (param i32)))
(func $sin (loop $again (call $take (i32.const 7)) (br $again)))
;;! inner test:guest/inner
(component $inner
  (core module $m (func (export "take") (param i32)))
  (core instance $i (instantiate $m))
  (func (export "take") (param "c" u32) (canon lift (core func $i "take"))))
(instance $instance (instantiate $inner))

;;! case loops-in-the-others-realloc
;;! wit interface inner { take: func(text: string); }
;;! import test:guest/inner
(import "test:guest/inner" "take" (func $take (param i32 i32)))
(func $sin (call $take (i32.const 264) (i32.const 4)))
;;! inner test:guest/inner
(component $inner
  (core module $m
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (loop $again (br $again)) (unreachable))
    (func (export "take") (param i32 i32)))
  (core instance $i (instantiate $m))
  (func (export "take") (param "text" string)
    (canon lift (core func $i "take") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
(instance $instance (instantiate $inner))

;;! case copies-without-end
;; A hundred and thirty thousand texts, all of them the same two megabytes, each copied to the same place: little fuel, and a quarter
;; of a terabyte to move.
;;! wit interface inner { take: func(texts: list<string>); }
;;! import test:guest/inner
(import "test:guest/inner" "take" (func $take (param i32 i32)))
(memory (export "memory") 64)
(func $sin (local $at i32)
  (memory.fill (i32.const 2097152) (i32.const 120) (i32.const 2097152))
  (local.set $at (i32.const 131072))
  (loop $more
    (i32.store (local.get $at) (i32.const 2097152))
    (i32.store offset=4 (local.get $at) (i32.const 2097152))
    (br_if $more (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 1179648))))
  (call $take (i32.const 131072) (i32.const 131072)))
;;! inner test:guest/inner
(component $inner
  (core module $m
    (memory (export "memory") 80)
    ;; Room for the list at the front, and one place for all texts behind it.
    (func (export "realloc") (param i32 i32) (param $align i32) (param $bytes i32) (result i32)
      (select (i32.const 65536) (i32.const 2097152) (i32.eq (local.get $align) (i32.const 4))))
    (func (export "take") (param i32 i32)))
  (core instance $i (instantiate $m))
  (func (export "take") (param "texts" (list string))
    (canon lift (core func $i "take") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
(instance $instance (instantiate $inner))

;;! case hands-on-a-module
;; The same with a second memory that is not where the component is.
;;! tail
(core module $module (memory 80))
(component (import "module" (core module)))

;;! case keeps-what-it-borrowed
;;! wit interface inner { use wasi:io/poll@0.2.3.{pollable}; take: func(timer: borrow<pollable>); }
;;! import wasi:clocks/monotonic-clock@0.2.3
;;! import test:guest/inner
(import "wasi:clocks/monotonic-clock@0.2.3" "subscribe-duration" (func $after (param i64) (result i32)))
(import "test:guest/inner" "take" (func $take (param i32)))
(func $sin (call $take (call $after (i64.const 1))))
;;! inner test:guest/inner
(component $inner
  (import "poll" (instance $poll (export "pollable" (type (sub resource)))))
  (alias export $poll "pollable" (type $lent))
  (export $pollable "pollable" (type $lent))
  (core module $m (func (export "take") (param i32)))
  (core instance $i (instantiate $m))
  (func (export "take") (param "timer" (borrow $pollable)) (canon lift (core func $i "take"))))
(instance $instance (instantiate $inner (with "poll" (instance $wasi:io/poll@0.2.3))))

;;! case drops-what-the-other-owns
;; A handle's number means something only to the component that was given it.
;;! wit interface inner { use wasi:io/poll@0.2.3.{pollable}; take: func(timer: u32) -> pollable; }
;;! import wasi:clocks/monotonic-clock@0.2.3
;;! import test:guest/inner
(import "wasi:clocks/monotonic-clock@0.2.3" "subscribe-duration" (func $after (param i64) (result i32)))
(import "test:guest/inner" "take" (func $take (param i32) (result i32)))
(func $sin (drop (call $take (call $after (i64.const 1)))))
;;! inner test:guest/inner
(component $inner
  (import "poll" (instance $poll (export "pollable" (type (sub resource)))))
  (alias export $poll "pollable" (type $lent))
  (export $pollable "pollable" (type $lent))
  (core func $drop (canon resource.drop $pollable))
  (core module $m
    (import "" "drop" (func $drop (param i32)))
    (func (export "take") (param i32) (result i32) (call $drop (local.get 0)) (local.get 0)))
  (core instance $i (instantiate $m (with "" (instance (export "drop" (func $drop))))))
  (func (export "take") (param "timer" u32) (result (own $pollable)) (canon lift (core func $i "take"))))
(instance $instance (instantiate $inner (with "poll" (instance $wasi:io/poll@0.2.3))))

;;! case comes-back-into-itself
;; The inner one lends a function to a third, which calls it while it is being called.
;;! wit interface inner { take: func(); }
;;! import test:guest/inner
(import "test:guest/inner" "take" (func $take))
(func $sin (call $take))
;;! inner test:guest/inner
(component $inner
  (core module $low (func (export "back")))
  (core instance $low (instantiate $low))
  (func $back (canon lift (core func $low "back")))
  (component $child
    (import "back" (func $back))
    (core func $back (canon lower (func $back)))
    (core module $m (import "" "back" (func $back)) (func (export "down") (call $back)))
    (core instance $i (instantiate $m (with "" (instance (export "back" (func $back))))))
    (func (export "down") (canon lift (core func $i "down"))))
  (instance $child (instantiate $child (with "back" (func $back))))
  (core func $down (canon lower (func $child "down")))
  (core module $m (import "" "down" (func $down)) (func (export "take") (call $down)))
  (core instance $i (instantiate $m (with "" (instance (export "down" (func $down))))))
  (func (export "take") (canon lift (core func $i "take"))))
(instance $instance (instantiate $inner))

;;! case types-a-hundred-deep
;;! tail
(component
  (type (list u8))
;;! repeat 100 (type (list {}))
  (import "take" (func (param "lists" 100))))
