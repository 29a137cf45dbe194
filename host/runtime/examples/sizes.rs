//! Temporary.
#![allow(clippy::all, clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, clippy::disallowed_methods)]
use wasmparser::*;
fn main() {
    for path in std::env::args().skip(1) {
        let b = std::fs::read(&path).unwrap();
        println!("{path} {}", b.len());
        let (mut funcs, mut types, mut modules, mut comps, mut maxbody, mut maxlocals, mut maxprod, mut maxnest, mut canon, mut globals) =
            (0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
        for p in Parser::new(0).parse_all(&b) {
            match p.unwrap() {
                Payload::ModuleSection { .. } => modules += 1,
                Payload::ComponentSection { .. } => comps += 1,
                Payload::TypeSection(r) => types += r.count(),
                Payload::ComponentTypeSection(r) => types += r.count(),
                Payload::FunctionSection(r) => funcs += r.count(),
                Payload::GlobalSection(r) => globals = globals.max(r.count()),
                Payload::ComponentCanonicalSection(r) => canon += r.count(),
                Payload::DataSection(r) => {
                    let n = r.count();
                    let mut lo = u64::MAX;
                    let mut hi = 0;
                    let mut total = 0;
                    for d in r {
                        let d = d.unwrap();
                        total += d.data.len();
                        if let DataKind::Active { offset_expr, .. } = d.kind {
                            if let Operator::I32Const { value } = offset_expr.get_operators_reader().read().unwrap() {
                                let a = value as u32 as u64;
                                lo = lo.min(a);
                                hi = hi.max(a + d.data.len() as u64);
                            } else {
                                print!("[rel]")
                            }
                        }
                    }
                    println!("  module {modules}: {n} segments, {total} bytes, span {}", hi.saturating_sub(lo));
                }
                Payload::MemorySection(r) => {
                    for m in r {
                        println!("  memory {:?}", m.unwrap().initial)
                    }
                }
                Payload::TableSection(r) => {
                    for m in r {
                        println!("  table {:?}", m.unwrap().ty.initial)
                    }
                }
                Payload::InstanceSection(r) => println!(
                    "  instances {}",
                    r.into_iter().filter(|i| matches!(i.as_ref().unwrap(), Instance::Instantiate { .. })).count()
                ),
                Payload::ComponentImportSection(r) => {
                    for i in r {
                        println!("  import {}", i.unwrap().name.name)
                    }
                }
                Payload::ComponentExportSection(r) => {
                    for i in r {
                        println!("  export {}", i.unwrap().name.name)
                    }
                }
                Payload::CodeSectionEntry(c) => {
                    maxbody = maxbody.max(c.range().len());
                    let l: u64 = c.get_locals_reader().unwrap().into_iter().map(|g| g.unwrap().0 as u64).sum();
                    let (mut br, mut n, mut d) = (0u64, 0u64, 0u64);
                    for o in c.get_operators_reader().unwrap() {
                        match o.unwrap() {
                            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                                br += 1;
                                n += 1;
                                d = d.max(n)
                            }
                            Operator::Else | Operator::Br { .. } | Operator::BrIf { .. } => br += 1,
                            Operator::BrTable { targets } => br += targets.len() as u64 + 1,
                            Operator::End => n = n.saturating_sub(1),
                            _ => {}
                        }
                    }
                    maxlocals = maxlocals.max(l);
                    maxprod = maxprod.max(l * br);
                    maxnest = maxnest.max(d);
                }
                _ => {}
            }
        }
        println!(
            "  funcs {funcs} types {types} modules {modules} comps {comps} maxbody {maxbody} maxlocals {maxlocals} maxprod {maxprod} nest {maxnest} canon {canon} globals {globals}"
        );
    }
}
