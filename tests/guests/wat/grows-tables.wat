;; Grows a table until it is refused, and then traps: memory that no `memory.grow` ever shows.
;;
;; Written by hand, because Rust has no way to grow a table. It is the core module of a component of the world router-plugin:
;; a test embeds the contract's metadata and encodes it. Names and layouts are those of the canonical ABI: one pointer to the
;; arguments, one to the result.
(module
  (memory (export "memory") 4)
  (table $hoard 1 funcref)
  (global $free (mut i32) (i32.const 4096))

  ;; What describe answers with: eight pairs of address and length.
  (data (i32.const 1024) "\00\05\00\00\0c\00\00\00") ;; name
  (data (i32.const 1032) "\10\05\00\00\05\00\00\00") ;; version
  (data (i32.const 1040) "\18\05\00\00\02\00\00\00") ;; settings-schema
  (data (i32.const 1048) "\18\05\00\00\00\00\00\00") ;; state-schema, empty
  (data (i32.const 1056) "\18\05\00\00\00\00\00\00") ;; outcomes, none
  (data (i32.const 1064) "\40\05\00\00\01\00\00\00") ;; events, one
  (data (i32.const 1072) "\48\05\00\00\01\00\00\00") ;; actions, one
  (data (i32.const 1080) "\18\05\00\00\00\00\00\00") ;; extras, none
  (data (i32.const 0x500) "grows-tables")
  (data (i32.const 0x510) "1.0.0")
  (data (i32.const 0x518) "{}")
  (data (i32.const 0x520) "arrived")
  (data (i32.const 0x530) "say")
  (data (i32.const 0x540) "\20\05\00\00\07\00\00\00") ;; "arrived"
  (data (i32.const 0x548) "\30\05\00\00\03\00\00\00") ;; "say"

  ;; Gives the host room for the arguments; nothing is ever given back, because the instance lives for one call.
  (func (export "cabi_realloc") (param $old i32) (param $old_bytes i32) (param $align i32) (param $bytes i32) (result i32)
    (local $at i32)
    (local.set $at
      (i32.and
        (i32.add (global.get $free) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (global.set $free (i32.add (local.get $at) (local.get $bytes)))
    (local.get $at))

  (func (export "jackfield:plugin/describe@0.9.0#describe") (result i32)
    (i32.const 1024))

  (func (export "jackfield:plugin/router@0.9.0#handle") (param $arguments i32) (result i32)
    (loop $more
      (br_if $more (i32.ne (table.grow $hoard (ref.null func) (i32.const 10000)) (i32.const -1))))
    (unreachable)))
