//! What may go wrong, for people: the numbers that meet, how many bits they need and how many are there, and what to do.

use ir::{Bound, Computation, DType, Diagnostic, Graph, Instr, Op, RingBits, ValueId, show_range};

use super::interval::Interval;
use super::needs::{Lack, fits};
use super::walk::{Fact, Frame};

/// Why an operator is refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cause {
    /// It lacks room, or an operand is outside of its domain.
    Lack(Lack),
    /// What a loop carries keeps no range.
    Unsettled {
        /// The carried value.
        param: ValueId,
        /// Its initial range.
        first: Interval,
        /// Its range after one iteration.
        then: Interval,
    },
    /// The program has too many steps to be followed.
    TooLong,
}

/// One operator that is refused.
pub(super) struct Problem<'a> {
    instr: &'a Instr,
    cause: Cause,
    /// The operands and what they are made of.
    chain: Vec<Link>,
    operands: Vec<String>,
    dtype: DType,
    carried: String,
}

/// One value on the way to the operator.
struct Link {
    name: String,
    fact: Fact,
    /// Its range is declared, or could be.
    input: bool,
    line: u32,
}

/// The values that are shown for one problem.
const MOST_LINKS: usize = 8;

impl<'a> Problem<'a> {
    pub(super) fn new(c: &Computation, frame: &Frame<'a>, instr: &'a Instr, cause: Cause, probe: bool) -> Problem<'a> {
        // What is summed over a group becomes the type of the sum.
        let first = instr.args.first().filter(|_| !instr.op.is_federated()).or(instr.results.first());
        let dtype = first.map_or(DType::Bool, |v| frame.graph.value(*v).ty.dtype);
        let mut problem =
            Problem { instr, cause, chain: Vec::new(), operands: Vec::new(), dtype, carried: String::new() };
        if !probe {
            let names = Names::new(frame.graph);
            problem.operands = instr.args.iter().map(|v| names.of(*v, 0)).collect();
            let shown = match cause {
                // Only what may be outside of its domain.
                Cause::Lack(Lack::Domain { operand, .. }) => &instr.args[operand..=operand],
                _ => &instr.args[..],
            };
            problem.chain = names.chain(c, frame, shown);
            if let Cause::Unsettled { param, .. } = cause {
                problem.carried = names.of(param, 0);
            }
        }
        problem
    }

    /// Whether both are about the same operator.
    pub(super) fn is_at(&self, other: &Problem<'_>) -> bool {
        std::ptr::eq(self.instr, other.instr)
    }

    /// As people read it. `smaller` are ranges of inputs under which this would not be told.
    pub(super) fn diagnostic(&self, smaller: &[(String, Interval)]) -> Diagnostic {
        let at = |code, message: String| Diagnostic::new(code, self.instr.span.clone(), message);
        match &self.cause {
            Cause::Lack(Lack::Room { what, size, frac, bits }) => {
                let (need, dtype) = (needed(*size, *frac), self.dtype);
                let message = format!(
                    "`{}` may overflow {dtype}: {what} needs {need} bits, and there is room for {bits}",
                    self.written()
                );
                let mut notes = self.table();
                notes.push(format!("{what}: {}", shown(*size)));
                let (whole, short) = (need.saturating_sub(*frac), need.saturating_sub(*bits));
                let twice = if self.is_truncated() { " (twice those of its type)" } else { "" };
                notes
                    .push(format!("{whole} bits before the point + {frac} after it{twice} = {need}; {short} too many"));
                at("range.overflow", message).notes(notes).help(self.room_help(*size, smaller))
            }
            Cause::Lack(Lack::Domain { operand, not, range }) => {
                let name = self.operands.get(*operand).cloned().unwrap_or_default();
                let message = format!("the operand `{name}` of `{}` may be {not}", self.instr.op.name());
                at("range.domain", message).notes(self.table()).help(self.domain_help(&name, *range))
            }
            Cause::Lack(Lack::Type { size, to }) => {
                let name = self.operands.first().cloned().unwrap_or_default();
                let message = format!("`{name}` may not fit {to}: it lies in {}", shown(*size));
                let help = "choose a wider type, or limit the value first with `clip(…, low=…, high=…)`";
                at("range.type", message).notes(self.table()).help(help)
            }
            Cause::Unsettled { first, then, .. } => {
                let message = format!(
                    "nothing bounds `{}`, which this loop carries: {} becomes {} in one iteration",
                    self.carried,
                    shown(*first),
                    shown(*then)
                );
                let help = "limit it at the end of the body, as `next clip(value, low=-100, high=100)`; or take it for \
                            granted there with `assume(value, low=-100, high=100)`, which the disclosure shows";
                at("range.loop", message).help(help)
            }
            Cause::TooLong => {
                at("range.too-long", "ranges cannot be followed to this point: the program has too many steps".into())
                    .help("limit what functions and loops are given with `clip`, so that their ranges repeat")
            }
        }
    }

    /// The operator as it is written.
    fn written(&self) -> String {
        match (sign_of(self.instr.op), &self.operands[..]) {
            (Some(sign), [x, y]) => format!("{x} {sign} {y}"),
            (_, operands) => format!("{}({})", self.instr.op.name(), operands.join(", ")),
        }
    }

    fn is_truncated(&self) -> bool {
        let Cause::Lack(Lack::Room { frac, .. }) = self.cause else { return false };
        let products = matches!(self.instr.op, Op::Mul | Op::Square | Op::MatMul | Op::Dot | Op::Conv1d | Op::Conv2d);
        (products || self.instr.op.is_federated())
            && matches!(self.dtype, DType::Fixed { frac: own, .. } if frac > u32::from(own))
    }

    /// The values that lead here, one a line.
    fn table(&self) -> Vec<String> {
        let width = self.chain.iter().map(|l| l.name.chars().count()).max().unwrap_or(0);
        let ranges: Vec<String> = self.chain.iter().map(|l| l.range()).collect();
        let next = ranges.iter().map(|r| r.chars().count()).max().unwrap_or(0);
        let line = |(link, range): (&Link, String)| {
            let kind = if link.input { "input, " } else { "" };
            let place = if link.line > 0 { format!("{kind}line {}", link.line) } else { kind.trim_end().to_owned() };
            format!("{:width$}  {range:next$}  {place}", link.name).trim_end().to_owned()
        };
        self.chain.iter().zip(ranges).map(line).collect()
    }

    fn open_inputs(&self) -> String {
        let open: Vec<String> =
            self.chain.iter().filter(|l| l.input && l.fact.open).map(|l| format!("`{}`", l.name)).collect();
        open.join(" and ")
    }

    fn room_help(&self, size: Interval, smaller: &[(String, Interval)]) -> String {
        let mut ways = Vec::new();
        if Bound::of(&self.instr.attrs).is_some() && self.instr.op.is_federated() {
            return "bound the members' numbers more tightly, or give them fewer fraction bits".to_owned();
        }
        if let Some(dtype) = self.roomier(size) {
            ways.push(format!("compute it in {dtype}"));
        }
        let open = self.open_inputs();
        if !open.is_empty() {
            ways.push(format!("declare the range of {open}, as `range 0..100`"));
        }
        let narrower = smaller.iter().filter(|(name, _)| self.chain.iter().any(|l| l.input && l.name == *name));
        // A range of one number is none that anybody's data keeps to.
        let keeps = narrower.clone().all(|(_, r)| show_range(r.lo, r.hi) != show_range(r.lo, r.lo));
        let narrower: Vec<String> =
            narrower.map(|(name, r)| format!("`{name}` to `range {}`", show_range(r.lo, r.hi))).collect();
        if keeps && !narrower.is_empty() {
            ways.push(format!("narrow {} (another unit may do)", narrower.join(" and ")));
        }
        ways.push("limit an operand with `clip(…, low=…, high=…)`".to_owned());
        ways.join("; or ")
    }

    fn domain_help(&self, name: &str, range: Interval) -> String {
        let open = self.open_inputs();
        // Of squares no range of inputs tells that they are not 0.
        let declare = match open.is_empty() || range.lo >= 0.0 {
            true => String::new(),
            false => format!("declare the range of {open}, as `range 1..100`; or "),
        };
        let high = if range.hi.is_finite() && range.hi > 1.0 { round_up(range.hi) } else { 1000.0 };
        let bound = show_range(high, high);
        let high = bound.split("..").next().unwrap_or_default();
        format!(
            "{declare}keep it away with `maximum({name}, 0.001)`; or, if you know better, say so with \
             `assume({name}, low=0.001, high={high})`: nobody checks that on shares, and the disclosure shows it"
        )
    }

    /// The nearest fixed-point type with room for this.
    fn roomier(&self, size: Interval) -> Option<DType> {
        let DType::Fixed { ring, frac } = self.dtype else { return None };
        let with = |ring: RingBits, f: u8| {
            let double = if self.is_truncated() { 2 } else { 1 };
            let room = fits(size, u32::from(f) * double, ring.bits() - 3);
            DType::fixed(ring, f).filter(|_| room)
        };
        let less = (8..frac).rev().find_map(|f| with(ring, f).filter(|_| f >= 10 || f + 4 >= frac));
        let wider = if ring == RingBits::B64 { (frac..=40).rev().find_map(|f| with(RingBits::B128, f)) } else { None };
        wider.or(less)
    }
}

impl Link {
    fn range(&self) -> String {
        match (self.fact.open, self.input) {
            (true, true) => "declares no range".to_owned(),
            (true, false) => "rests on what declares none".to_owned(),
            _ => shown(self.fact.range),
        }
    }
}

/// Bits of the integer that carries the largest of these numbers.
fn needed(size: Interval, frac: u32) -> u32 {
    let bits = size.magnitude().log2() + f64::from(frac);
    if bits.is_finite() { (bits + 1e-12).floor().max(0.0) as u32 + 1 } else { 1024 }
}

/// A range with as many digits as people read.
fn shown(range: Interval) -> String {
    if range == Interval::ALL {
        return "any number".to_owned();
    }
    let bound = |x: f64, out: f64| {
        if x.fract() == 0.0 && x.abs() < 1e7 {
            return format!("{x}");
        }
        if !x.is_finite() {
            return (if x > 0.0 { "∞" } else { "-∞" }).to_owned();
        }
        let size = x.abs().log10().floor();
        let step = 10f64.powf(size - 3.0);
        let rounded = (x / step + out * 0.4999).round() * step;
        if (-3.0..7.0).contains(&size) {
            let digits = (3.0 - size).max(0.0) as usize;
            let text = format!("{rounded:.digits$}");
            if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
        } else {
            let text = format!("{rounded:.3e}");
            let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
            format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.'))
        }
    };
    format!("{}..{}", bound(range.lo, -1.0), bound(range.hi, 1.0))
}

/// A number of one digit that is not below x.
fn round_up(x: f64) -> f64 {
    let step = 10f64.powf(x.log10().floor());
    (x / step).ceil() * step
}

fn sign_of(op: Op) -> Option<&'static str> {
    Some(match op {
        Op::Add => "+",
        Op::Sub => "-",
        Op::Mul => "*",
        Op::Div => "/",
        Op::MatMul => "@",
        _ => return None,
    })
}

/// How values of a graph are called.
struct Names<'a> {
    graph: &'a Graph,
    made_by: std::collections::HashMap<ValueId, &'a Instr>,
}

impl<'a> Names<'a> {
    fn new(graph: &'a Graph) -> Names<'a> {
        let mut made_by = std::collections::HashMap::new();
        graph.visit(&mut |instr| made_by.extend(instr.results.iter().map(|r| (*r, instr))));
        Names { graph, made_by }
    }

    /// Its name, that of what it is a copy of, or the expression that makes it.
    fn of(&self, id: ValueId, depth: u32) -> String {
        if let Some(name) = &self.graph.value(id).name {
            return name.clone();
        }
        let Some(instr) = self.made_by.get(&id) else { return "a value".to_owned() };
        match (instr.op, &instr.args[..]) {
            (Op::Move | Op::Classify | Op::Release, [x]) => self.of(*x, depth),
            (Op::Const, _) => match instr.attrs.literal("value").map(|l| (l.values.len(), l.to_string())) {
                Some((1..=4, text)) => text,
                _ => "a constant".to_owned(),
            },
            _ if depth >= 3 => "…".to_owned(),
            (op, [x, y]) if sign_of(op).is_some() => {
                let bound = |v: &ValueId| {
                    let text = self.of(*v, depth + 1);
                    if text.contains(' ') { format!("({text})") } else { text }
                };
                format!("{} {} {}", bound(x), sign_of(op).unwrap_or_default(), bound(y))
            }
            (op, args) => {
                let args: Vec<String> = args.iter().map(|a| self.of(*a, depth + 1)).collect();
                format!("{}({})", op.name(), args.join(", "))
            }
        }
    }

    /// Values and what they are made of, inputs last, each name once.
    fn chain(&self, c: &Computation, frame: &Frame<'a>, from: &[ValueId]) -> Vec<Link> {
        let mut links: Vec<Link> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        let mut next: std::collections::VecDeque<ValueId> = from.iter().copied().collect();
        while let Some(id) = next.pop_front() {
            if links.len() >= MOST_LINKS || !seen.insert(id) {
                continue;
            }
            let made = self.made_by.get(&id);
            let is_copy = made.is_some_and(|i| matches!(i.op, Op::Move | Op::Classify | Op::Release));
            let is_constant = made.is_some_and(|i| matches!(i.op, Op::Const));
            let name = self.of(id, 0);
            let named = self.graph.value(id).name.is_some() || from.contains(&id);
            if !is_copy && !is_constant && named && !links.iter().any(|l| l.name == name) {
                let input =
                    std::ptr::eq(self.graph, &c.graph) && made.is_some_and(|i| matches!(i.op, Op::Input | Op::Load));
                let line = made.map_or(0, |i| i.span.line);
                links.push(Link { name, fact: frame.facts[id.index()], input, line });
            }
            next.extend(made.into_iter().filter(|i| i.region.is_none()).flat_map(|i| i.args.iter().copied()));
        }
        links.sort_by_key(|l| l.input);
        links
    }
}
