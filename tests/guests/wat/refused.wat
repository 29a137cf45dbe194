;; Is never run: what is wrong with each of these is found, and named, when it is uploaded.

;;! case web-requests
;;! whole
(component (import "wasi:http/outgoing-handler@0.2.0" (instance)))

;;! case interface-of-somebody-else
;;! whole
(component (import "evil:thing/door@1.0.0" (instance (export "open" (func)))))

;;! case capability-that-does-not-exist
;;! whole
(component (import "jackfield:plugin/secrets@0.9.0" (instance)))

;;! case contract-of-tomorrow
;;! whole
(component (import "jackfield:plugin/state@1.0.0" (instance)))

;;! case bare-function
;;! whole
(component (import "settings" (func)))

;;! case nothing-to-call
;;! whole
(component)

;;! case wrong-type
;; `describe` answers with a number.
;;! whole
(component
  (core module $m (func (export "describe") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func $describe (result u32) (canon lift (core func $i "describe")))
  (instance $describe (export "describe" (func $describe)))
  (export "jackfield:plugin/describe@0.9.0" (instance $describe))
  (instance $router (export "handle" (func $describe)))
  (export "jackfield:plugin/router@0.9.0" (instance $router)))

;;! case interface-without-functions
;;! whole
(component (instance $i) (export "jackfield:plugin/describe@0.9.0" (instance $i)) (export "jackfield:plugin/router@0.9.0" (instance $i)))

;;! case the-same-twice
;;! whole
(component
  (instance $i)
  (export "jackfield:plugin/describe@0.9.0" (instance $i))
  (export "jackfield:plugin/describe@0.9.1" (instance $i))
  (export "jackfield:plugin/router@0.9.0" (instance $i)))

;;! case the-same-in-capitals
;;! whole
(component (import "jackfield:plugin/STATE@0.9.0" (instance)))

;;! case interface-of-its-own-invention
;;! whole
(component
  (instance $i)
  (export "jackfield:plugin/describe@0.9.0" (instance $i))
  (export "jackfield:plugin/operator@0.9.0" (instance $i)))

;;! case utf16
;;! encoding utf16

;;! case latin1
;;! encoding latin1+utf16

;;! case a-thousand-components
;;! tail
;;! repeat 1000 (component)

;;! case components-in-components
;;! tail
(component (component (component (component))))

;;! case two-memories-in-one-module
;;! tail
(core module (memory 1) (memory 1))

;;! case shared-memory
;;! tail
(core module (memory 1 1 shared))

;;! case exceptions
;;! tail
(core module (tag))

;;! case garbage-collection
;;! tail
(core module (type (struct)))

;;! case ten-thousand-globals
;;! repeat 10001 (global i64 (i64.const {}))
