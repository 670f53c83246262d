//! Random programs through the builder print as text that reads back as the same computation; random text
//! and damaged programs are refused without a panic.

use ir::{
    Attr, Attrs, Builder, DType, Dim, IndexItem, Literal, Number, Op, Operand, OwnerPolicy, PlacementId, PlayerId,
    RingBits, Scheme, Span, Type, ValueId,
};
use proptest::prelude::*;

/// A program is drawn from a list of numbers: each step takes those that it needs.
struct Draw<'a>(std::slice::Iter<'a, u32>);

impl Draw<'_> {
    fn below(&mut self, n: usize) -> usize {
        self.0.next().map_or(0, |x| *x as usize % n.max(1))
    }

    fn of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    fn is_empty(&self) -> bool {
        self.0.len() == 0
    }
}

const FIXED: [DType; 2] =
    [DType::Fixed { ring: RingBits::B64, frac: 16 }, DType::Fixed { ring: RingBits::B128, frac: 40 }];
const TYPES: [DType; 4] = [DType::F64, DType::I64, DType::Bool, FIXED[0]];

struct World<'a> {
    builder: Builder,
    draw: Draw<'a>,
    places: Vec<PlacementId>,
    players: Vec<PlayerId>,
    values: Vec<ValueId>,
    names: usize,
}

fn nowhere() -> Span {
    Span::default()
}

impl World<'_> {
    fn new(draws: &[u32]) -> World<'_> {
        let mut builder = Builder::new("random", nowhere()).unwrap();
        let players: Vec<PlayerId> = ["a", "b", "c", "t1"].map(|p| builder.player(p, &nowhere()).unwrap()).into();
        let trio = builder.placement("trio", Scheme::Replicated, &players[..3], &nowhere()).unwrap();
        let places = vec![PlacementId(0), PlacementId(1), trio, trio];
        let mut world = World { builder, draw: Draw(draws.iter()), places, players, values: Vec::new(), names: 0 };
        for (i, dtype) in TYPES.into_iter().enumerate() {
            let shape = match i {
                0 => vec![Dim::named("n"), Dim::constant(2)],
                _ => vec![Dim::constant(2); world.draw.below(3)],
            };
            let at = world.draw.of(&[PlacementId(0), PlacementId(1)]);
            let owner = world.players[usize::from(at.0)];
            let label = vec![OwnerPolicy { owner, readers: vec![world.draw.of(&world.players.clone())] }];
            let input = world.builder.input(&format!("x{i}"), Type::new(dtype, shape), at, label, &nowhere());
            world.values.push(input.unwrap());
        }
        world
    }

    fn value(&mut self) -> ValueId {
        // Recent values more often, so that expressions grow.
        let n = self.values.len();
        let back = self.draw.below(n).min(self.draw.below(n));
        self.values[n - 1 - back]
    }

    fn operand(&mut self) -> Operand {
        match self.draw.below(5) {
            0 => Operand::from(self.draw.below(9) as i64 - 4),
            1 => Operand::from(self.draw.below(1000) as f64 / 64.0 - 2.0),
            2 => Operand::Literal(Literal {
                shape: vec![2],
                values: vec![Number::Int(-1), Number::Real(self.draw.below(5) as f64)],
            }),
            _ => self.value().into(),
        }
    }

    fn keep(&mut self, made: Result<ValueId, ir::Diagnostic>) {
        let Ok(value) = made else { return };
        if self.draw.below(4) == 0 && self.builder.value(value).name.is_none() {
            self.names += 1;
            self.builder.name(value, &format!("v{}", self.names), &nowhere()).unwrap();
        }
        self.values.push(value);
    }

    fn operator(&mut self) {
        let spec = &ir::OPS[self.draw.below(ir::OPS.len())];
        let operands: Vec<Operand> = match spec.arity {
            ir::Arity::Exactly(n) => (0..n).map(|_| self.operand()).collect(),
            ir::Arity::AtLeast(_) => (0..1 + self.draw.below(3)).map(|_| self.operand()).collect(),
        };
        let mut attrs = Attrs::new();
        for attr in spec.attrs {
            if attr.required || self.draw.below(3) == 0 {
                let value = match attr.kind {
                    ir::AttrKind::Int | ir::AttrKind::Ints => Attr::Int(self.draw.below(4) as i64 - 1),
                    ir::AttrKind::Bool => Attr::Bool(self.draw.below(2) == 0),
                    ir::AttrKind::Real => Attr::Real(self.draw.below(7) as f64 / 3.0),
                    ir::AttrKind::Str => Attr::Str("n".to_owned()),
                    ir::AttrKind::DType => Attr::DType(self.draw.of(&TYPES)),
                    ir::AttrKind::Shape => Attr::Shape(vec![Dim::named("n"), Dim::constant(2)]),
                    ir::AttrKind::Index => Attr::Index(vec![
                        IndexItem::Range { start: None, end: None, step: 1 },
                        IndexItem::At(self.draw.below(4) as i64 - 2),
                    ]),
                    ir::AttrKind::Literal => Attr::Literal(Literal::number(Number::Int(self.draw.below(3) as i128))),
                    ir::AttrKind::Players | ir::AttrKind::Label => return,
                };
                attrs.set(attr.name, value);
            }
        }
        let made = self.builder.op(spec.op, &operands, attrs, &nowhere());
        self.keep(made);
    }

    /// Operators that apply more often than one drawn at random.
    fn arithmetic(&mut self) {
        let op =
            self.draw.of(&[Op::Add, Op::Sub, Op::Mul, Op::Div, Op::Less, Op::Neg, Op::Sum, Op::Select, Op::Square]);
        let arity = match op {
            Op::Neg | Op::Sum | Op::Square => 1,
            Op::Select => 3,
            _ => 2,
        };
        let operands: Vec<Operand> = (0..arity).map(|_| self.operand()).collect();
        let made = self.builder.op(op, &operands, Attrs::new(), &nowhere());
        self.keep(made);
    }

    /// An expression whose parts are used once, so that it is printed in place; parts are at times made
    /// in another order than they are used in.
    fn tree(&mut self, depth: usize) -> Operand {
        if depth == 0 || self.draw.is_empty() {
            return match self.draw.below(4) {
                0 => Operand::from(0.5),
                1 => Operand::from(3i64),
                _ => self.values[0].into(),
            };
        }
        let op =
            self.draw.of(&[Op::Add, Op::Sub, Op::Mul, Op::Div, Op::Neg, Op::Square, Op::Select, Op::Mean, Op::Concat]);
        let mut attrs = Attrs::new();
        let operands = match op {
            Op::Neg | Op::Square | Op::Mean => vec![self.tree(depth - 1)],
            Op::Select => {
                let (x, y) = (self.tree(depth - 1), self.tree(depth - 1));
                let condition = self.builder.op(Op::Less, &[x, y], Attrs::new(), &nowhere());
                let (x, y) = (self.tree(depth - 1), self.tree(depth - 1));
                let Ok(condition) = condition else { return x };
                vec![condition.into(), x, y]
            }
            _ => vec![self.tree(depth - 1), self.tree(depth - 1)],
        };
        if op == Op::Mean {
            attrs.set("axis", Attr::Int(1));
            attrs.set("keepdims", Attr::Bool(true));
        }
        let mut operands = operands;
        if self.draw.below(6) == 0 && op != Op::Select {
            operands.reverse();
        }
        match self.builder.op(op, &operands, attrs, &nowhere()) {
            Ok(value) => value.into(),
            Err(_) => operands.swap_remove(0),
        }
    }

    fn grow(&mut self) {
        let place = self.draw.of(&self.places.clone());
        let dtype = self.draw.of(&[FIXED[0], FIXED[1], DType::F64]);
        let opened = self.builder.on(place, Some(dtype), &nowhere()).is_ok();
        let depth = 1 + self.draw.below(4);
        if let Operand::Value(value) = self.tree(depth) {
            self.keep(Ok(value));
        }
        if opened {
            self.builder.end_on();
        }
    }

    fn repeat(&mut self, depth: usize) {
        let inits: Vec<ValueId> = (0..1 + self.draw.below(2)).map(|_| self.value()).collect();
        let params = self.builder.begin_repeat(1 + self.draw.below(5) as i64, &inits, &nowhere()).unwrap();
        let outside = self.values.len();
        self.values.extend(&params);
        self.steps(depth + 1, 1 + self.draw.0.len() / 3);
        let same = |w: &Self, p: ValueId, v: ValueId| {
            let (a, b) = (w.builder.value(p), w.builder.value(v));
            (&a.ty, a.placement) == (&b.ty, b.placement)
        };
        let next: Vec<ValueId> = params
            .iter()
            .map(|p| self.values[outside..].iter().rev().copied().find(|v| same(self, *p, *v)).unwrap_or(*p))
            .collect();
        self.values.truncate(outside);
        let results = self.builder.end_loop(&next, &nowhere()).unwrap();
        self.values.extend(results);
    }

    fn steps(&mut self, depth: usize, left: usize) {
        let floor = self.draw.0.len().saturating_sub(left);
        let mut on = 0;
        while self.draw.0.len() > floor && !self.draw.is_empty() {
            let place = self.draw.of(&self.places.clone());
            let dtype = self.draw.of(&FIXED);
            match self.draw.below(18) {
                0..=5 => self.arithmetic(),
                6..=7 => self.operator(),
                8 if depth < 3 => self.repeat(depth),
                9 => {
                    let x = self.value();
                    let made = self.builder.move_to(x, place, Some(dtype), &nowhere());
                    self.keep(made);
                }
                10 => {
                    let x = self.value();
                    let to = [self.draw.of(&self.players.clone())];
                    let made = match (depth, self.draw.below(2)) {
                        (0, 0) => {
                            let name = format!("out {}", self.draw.0.len());
                            self.builder.release_as(x, &to, &name, &nowhere())
                        }
                        _ => self.builder.release(x, &to, &nowhere()),
                    };
                    self.keep(made);
                }
                11 => {
                    let x = self.value();
                    let owner = self.draw.of(&self.players.clone());
                    let made = self.builder.classify(x, vec![OwnerPolicy { owner, readers: vec![] }], &nowhere());
                    self.keep(made);
                }
                12..=15 => self.grow(),
                16 if on > 0 => {
                    self.builder.end_on();
                    on -= 1;
                }
                _ => {
                    if self.builder.on(place, Some(dtype), &nowhere()).is_ok() {
                        on += 1;
                    }
                }
            }
        }
        for _ in 0..on {
            self.builder.end_on();
        }
    }
}

fn random_computation(draws: &[u32]) -> ir::Computation {
    let mut world = World::new(draws);
    let left = world.draw.0.len();
    world.steps(0, left);
    world.builder.finish().unwrap()
}

fn assert_reads_back(computation: &ir::Computation) {
    let text = computation.to_string();
    let again = match ir::text::parse(&text) {
        Ok(again) => again,
        Err(errors) => panic!("{text}\n{}", errors.iter().map(|e| e.render("it", Some(&text))).collect::<String>()),
    };
    assert_eq!(again.to_string(), text);
    assert!(&again == computation, "{text}\n{computation:#?}\n{again:#?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_the_builder_makes_reads_back(draws in prop::collection::vec(any::<u32>(), 0..400)) {
        assert_reads_back(&random_computation(&draws));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = ir::text::parse(&text);
    }

    #[test]
    fn any_words_are_read_or_refused(words in prop::collection::vec(0usize..WORDS.len(), 0..60)) {
        let mut text = String::from("computation c\n  player a, b\n  input x : f64[n, 2] at a\n");
        for word in words {
            text += WORDS[word];
        }
        read_and_check(&text);
    }

    #[test]
    fn damaged_programs_are_read_or_refused(
        draws in prop::collection::vec(any::<u32>(), 0..120),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0usize..WORDS.len(), 0usize..8), 1..6),
    ) {
        let mut text: Vec<char> = random_computation(&draws).to_string().chars().collect();
        for (at, word, cut) in damage {
            let at = at.index(text.len());
            text.splice(at..(at + cut).min(text.len()), WORDS[word].chars());
        }
        read_and_check(&text.into_iter().collect::<String>());
    }
}

/// What is read, also prints and reads back; what is not, says why.
fn read_and_check(text: &str) {
    match ir::text::parse(text) {
        Ok(computation) => assert_reads_back(&computation),
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                assert!(error.render("it", Some(text)).starts_with("error["));
            }
        }
    }
}

const WORDS: &[&str] = &[
    " ",
    "\n",
    "\n  ",
    "\n    ",
    "\n      ",
    "x",
    "y",
    " = ",
    "(",
    ")",
    "[",
    "]",
    ",",
    ":",
    "+",
    "-",
    "*",
    "@",
    "<",
    "==",
    " and ",
    " not ",
    "1",
    "0.5",
    "1e9",
    "-2",
    "true",
    "\"s\"",
    "\"",
    "on a",
    "on b as f64",
    "fixed<64, 16>",
    "f64",
    "i64[n]",
    "repeat 3 with ",
    "fold ",
    " of ",
    " by ",
    "next ",
    "return ",
    "function f(",
    "call f(",
    "move x to b",
    "release x to b as ",
    "output x to a as ",
    "classify x owner a",
    "input z : ",
    " at a",
    "placement p = replicated(",
    "player d",
    "group g of at least 2",
    "dim n by key",
    "sum(",
    "axis=",
    "type=",
    "shape=",
    "#",
    "é",
    "\t",
    "const(",
    "99999999999999999999999999999999999999999999",
    "concat(x, x, axis=1)",
    "x[0:2:0]",
    "x[-9223372036854775808]",
];
