;; Gives every guest of this folder the shape of a plugin, so that its own file holds nothing but its sin.
;;
;; `corpus::text` puts it around a guest's lines and leaves out whatever the guest brings along itself: a part whose `;;?` text stands in
;; the guest too. It is written by hand, because no toolchain makes a program as rude as these have to be. Texts stand at 256, the
;; metadata at 512, the answer at 768 - it says "done" -, its one action at 1024; the allocator begins at 65536, and what lies between
;; is the guest's.
;;? (export "memory")
(memory (export "memory") 4)
;;? (global $free
(global $free (mut i32) (i32.const 65536))
;;? (data (i32.const 256)
(data (i32.const 256) "guest1{}donearrivedsay")
;;? (data (i32.const 512)
;; Pairs of address and length: name, version, settings-schema, state-schema, outcomes, events, actions, extras.
(data (i32.const 512) "\00\01\00\00\05\00\00\00\05\01\00\00\01\00\00\00\06\01\00\00\02\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\80\02\00\00\01\00\00\00\88\02\00\00\01\00\00\00\00\00\00\00\00\00\00\00")
;;? (data (i32.const 640)
(data (i32.const 640) "\0c\01\00\00\07\00\00\00\13\01\00\00\03\00\00\00")
;;? (data (i32.const 768)
;; Which of result or failure, then actions, reason, extras.
(data (i32.const 768) "\00\00\00\00\00\04\00\00\01\00\00\00\08\01\00\00\04\00\00\00\00\00\00\00\00\00\00\00")
;;? (data (i32.const 1024)
;; The case `say`, then of its prompt: plain text, address and length.
(data (i32.const 1024) "\01\00\00\00\00\00\00\00\00\00\00\00\08\01\00\00\04\00\00\00")
;;? (export "cabi_realloc")
(func (export "cabi_realloc") (param i32 i32) (param $align i32) (param $bytes i32) (result i32)
  (local $at i32)
  (local.set $at (i32.and
    (i32.add (global.get $free) (i32.sub (local.get $align) (i32.const 1)))
    (i32.sub (i32.const 0) (local.get $align))))
  (global.set $free (i32.add (local.get $at) (local.get $bytes)))
  (local.get $at))
;;? (export "jackfield:plugin/describe@0.9.0#describe")
(func (export "jackfield:plugin/describe@0.9.0#describe") (result i32) (i32.const 512))
;;? (export "jackfield:plugin/router@0.9.0#handle")
(func (export "jackfield:plugin/router@0.9.0#handle") (param i32) (result i32) (call $sin) (i32.const 768))
;;? (func $sin
(func $sin)
