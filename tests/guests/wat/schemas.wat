;; Describes settings by a schema that costs whoever checks with it more than it looks.
;;
;; The schema stands at 4096 and ends with a zero, which is how `describe` finds its length.
(func (export "jackfield:plugin/describe@0.9.0#describe") (result i32) (local $end i32)
  (local.set $end (i32.const 4096))
  (loop $on (br_if $on (i32.load8_u (local.tee $end (i32.add (local.get $end) (i32.const 1))))))
  (i32.store (i32.const 528) (i32.const 4096))
  (i32.store (i32.const 532) (i32.sub (local.get $end) (i32.const 4096)))
  (i32.const 512))

;;! case that-double
;; Each definition refers to the next one twice, and the last one never fits: two to the fortieth ways to find that out.
(data (i32.const 4096) "{\"$ref\":\"#/$defs/a0\",\"$defs\":{"
;;! repeat 40 "\"a{}\":{\"anyOf\":[{\"$ref\":\"#/$defs/a{+}\"},{\"$ref\":\"#/$defs/a{+}\"}]},"
  "\"a40\":{\"type\":\"string\"}}}")

;;! case that-refer-to-themselves
(data (i32.const 4096) "{\"properties\":{\"a\":{\"$ref\":\"#\"}},\"allOf\":[{\"$ref\":\"#\"}]}")

;;! case that-look-again-on-every-level
(data (i32.const 4096)
;;! repeat 40 "{\"unevaluatedProperties\":false,\"allOf\":["
  "{}"
;;! repeat 40 "]}"
  )

;;! case of-patterns
(data (i32.const 4096) "{\"allOf\":["
;;! repeat 500 "{\"pattern\":\"(\\\\pL{60}){3}a{}\"},"
  "{}]}")

;;! case of-one-large-pattern
(data (i32.const 4096) "{\"properties\":{\"a\":{\"pattern\":\"((\\\\pL{100}){100}){100}\"}}}")

;;! case from-elsewhere
(data (i32.const 4096) "{\"$ref\":\"http://169.254.169.254/latest/meta-data/\"}")

;;! case from-a-file
(data (i32.const 4096) "{\"properties\":{\"a\":{\"$ref\":\"file:///etc/passwd\"}}}")

;;! case without-a-floor
(data (i32.const 4096)
;;! repeat 1000 "{\"not\":"
  "{}"
;;! repeat 1000 "}"
  )

;;! case that-are-none
(data (i32.const 4096) "{\"type\":7}")

;;! case by-lot
;; Not refused: the number is drawn, and is the same whenever this component is asked.
;;! import wasi:random/random@0.2.3
(import "wasi:random/random@0.2.3" "get-random-u64" (func $random (result i64)))
(func $draw (i32.store8 (i32.const 4106) (i32.add (i32.const 97) (i32.and (i32.wrap_i64 (call $random)) (i32.const 15)))))
(start $draw)
(data (i32.const 4096) "{\"title\":\"?\"}")
