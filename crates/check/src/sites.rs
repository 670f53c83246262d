//! Sites: every instruction of a computation with the facts that hold there, functions included.

use ir::{Block, Computation, Graph, Instr, Op, ValueId};

use crate::Found;
use crate::flow::{Fact, Facts, Flow};
use crate::readers::{self, Trail};

/// The facts of all graphs, functions first; what readers may not see is told.
///
/// Labels are checked exactly, call by call. The facts kept for a function are joined over its calls: what is
/// disclosed there is told for all of them together.
pub(crate) fn labels(c: &Computation, out: &mut Found) -> Vec<Facts> {
    let flow = Flow::new(c);
    let main = flow.facts(&c.graph, Vec::new());
    for function in &c.functions {
        // Its parameters are checked at each call; here only what `classify` inside it forbids.
        let params = vec![Fact::default(); function.graph.body.params.len()];
        readers::check(&flow, &function.graph, &flow.facts(&function.graph, params), out);
    }
    readers::check(&flow, &c.graph, &main, out);
    let mut params: Vec<Vec<Fact>> =
        c.functions.iter().map(|f| vec![Fact::default(); f.graph.body.params.len()]).collect();
    let mut all = vec![main];
    gather(c, &c.graph, &all[0], &mut params);
    // Callers come after what they call, so backwards every call is seen before its function.
    for (i, function) in c.functions.iter().enumerate().rev() {
        let facts = flow.facts(&function.graph, std::mem::take(&mut params[i]));
        gather(c, &function.graph, &facts, &mut params);
        all.push(facts);
    }
    all.reverse();
    all
}

fn gather(c: &Computation, graph: &Graph, facts: &Facts, params: &mut [Vec<Fact>]) {
    graph.visit(&mut |instr| {
        let Some(callee) = callee(c, instr) else { return };
        for (param, arg) in params[callee].iter_mut().zip(&instr.args) {
            param.join(&facts[arg.index()]);
        }
    });
}

fn callee(c: &Computation, instr: &Instr) -> Option<usize> {
    let name = instr.attrs.str("function").filter(|_| instr.op == Op::Call)?;
    c.functions.iter().position(|f| f.name == name)
}

/// One instruction where it stands.
pub(crate) struct Site<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) facts: &'a Facts,
    pub(crate) trail: &'a Trail<'a>,
    pub(crate) instr: &'a Instr,
    /// How often it is done; `None` if that depends on named dimensions.
    pub(crate) times: Option<u64>,
}

impl<'a> Site<'a> {
    pub(crate) fn fact(&self, id: ValueId) -> &'a Fact {
        &self.facts[id.index()]
    }
}

/// Visits all instructions that are done at all: the main program first, then functions, callers first.
pub(crate) fn visit(c: &Computation, facts: &[Facts], f: &mut impl FnMut(Site<'_>)) {
    let flow = Flow::new(c);
    let mut times: Vec<Option<u64>> = vec![Some(0); c.functions.len()];
    for (i, facts) in facts.iter().enumerate().rev() {
        let (graph, often) = match c.functions.get(i) {
            Some(function) => (&function.graph, times[i]),
            None => (&c.graph, Some(1)),
        };
        if often == Some(0) {
            continue;
        }
        let trail = Trail::new(&flow, graph);
        let mut walk = Walk { c, graph, facts, trail: &trail, times: &mut times };
        walk.block(&graph.body, often, f);
    }
}

struct Walk<'a, 't> {
    c: &'a Computation,
    graph: &'a Graph,
    facts: &'a Facts,
    trail: &'a Trail<'a>,
    times: &'t mut Vec<Option<u64>>,
}

impl<'a> Walk<'a, '_> {
    fn block(&mut self, block: &'a Block, often: Option<u64>, f: &mut impl FnMut(Site<'_>)) {
        for instr in &block.instrs {
            f(Site { graph: self.graph, facts: self.facts, trail: self.trail, instr, times: often });
            if let Some(callee) = callee(self.c, instr) {
                let sum = |(a, b): (u64, u64)| a.checked_add(b);
                self.times[callee] = self.times[callee].zip(often).and_then(sum);
            }
            if let Some(region) = &instr.region {
                let inner = often.zip(self.iterations(instr)).and_then(|(a, b)| a.checked_mul(b));
                self.block(region, inner, f);
            }
        }
    }

    fn iterations(&self, instr: &Instr) -> Option<u64> {
        if instr.op == Op::Repeat {
            return u64::try_from(instr.attrs.int("times")?).ok();
        }
        let rows = self.graph.value(*instr.args.first()?).ty.shape.first()?.as_constant()?;
        rows.checked_div(u64::try_from(instr.attrs.int("by")?).ok()?)
    }
}
