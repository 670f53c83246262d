//! The tasks, with their goals.

/// One task: a program, the lengths of its dimensions, and how often to repeat it.
#[derive(Debug)]
pub struct Task {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it does.
    pub what: &'static str,
    /// Its program: it does the task once, then again in `repeat 1`.
    pub program: &'static str,
    /// The lengths of named dimensions.
    pub dims: &'static [(&'static str, u64)],
    /// Iterations that are measured.
    pub iterations: u32,
    /// Inputs are uniform in this range.
    pub inputs: (f64, f64),
    /// What it should cost at most, over links in memory.
    pub goal: Goal,
}

/// Upper bounds; `None` where none was set.
#[derive(Clone, Copy, Debug, Default)]
pub struct Goal {
    /// CPU seconds of all players.
    pub cpu: Option<f64>,
    /// Wall-clock seconds.
    pub wall: Option<f64>,
    /// Bytes that any one player sends.
    pub bytes: Option<u64>,
    /// Rounds.
    pub rounds: Option<u32>,
    /// Peak memory of all players, in bytes.
    pub memory: Option<u64>,
}

const fn goal(cpu: f64, bytes: u64) -> Goal {
    Goal { cpu: Some(cpu), bytes: Some(bytes), wall: None, rounds: None, memory: None }
}

/// No goal was set.
pub const NO_GOAL: Goal = Goal { cpu: None, wall: None, bytes: None, rounds: None, memory: None };

const SYMMETRIC: (f64, f64) = (-1.0, 1.0);

/// All tasks, in the order of the table.
pub const TASKS: &[Task] = &[
    Task {
        name: "product",
        what: "matrix product 1000x1000 by 1000x1000",
        program: include_str!("../programs/product.pv"),
        dims: &[("n", 1000)],
        iterations: 2,
        inputs: (-0.04, 0.04),
        goal: Goal { memory: Some(200_000_000), ..goal(1.3, 16_000_000) },
    },
    Task {
        name: "elementwise",
        what: "elementwise product, 1 M",
        program: include_str!("../programs/elementwise.pv"),
        dims: &[("n", 1_000_000)],
        iterations: 8,
        inputs: SYMMETRIC,
        goal: Goal { memory: Some(190_000_000), ..goal(0.08, 16_000_000) },
    },
    Task {
        name: "less",
        what: "less-than, 1 M",
        program: include_str!("../programs/less.pv"),
        dims: &[("n", 1_000_000)],
        iterations: 4,
        inputs: SYMMETRIC,
        goal: Goal { rounds: Some(8), memory: Some(390_000_000), ..goal(0.35, 30_000_000) },
    },
    Task {
        name: "relu",
        what: "ReLU, 1 M",
        program: include_str!("../programs/relu.pv"),
        dims: &[("n", 1_000_000)],
        iterations: 4,
        inputs: SYMMETRIC,
        goal: Goal { rounds: Some(11), memory: Some(300_000_000), ..goal(0.45, 36_000_000) },
    },
    Task {
        name: "sigmoid",
        what: "sigmoid within 1e-3, 100 k",
        program: include_str!("../programs/sigmoid.pv"),
        dims: &[("n", 100_000)],
        iterations: 1,
        inputs: (-8.0, 8.0),
        goal: Goal { rounds: Some(73), memory: Some(90_000_000), ..goal(0.2, 10_000_000) },
    },
    Task {
        name: "mlp-1",
        what: "MLP 784-128-128-10, batch 1",
        program: include_str!("../programs/mlp.pv"),
        dims: &[("n", 1)],
        iterations: 40,
        inputs: (-0.1, 0.1),
        goal: Goal { wall: Some(0.005), rounds: Some(31), ..goal(0.010, 20_000) },
    },
    Task {
        name: "mlp-128",
        what: "MLP 784-128-128-10, batch 128",
        program: include_str!("../programs/mlp.pv"),
        dims: &[("n", 128)],
        iterations: 8,
        inputs: (-0.1, 0.1),
        goal: Goal { rounds: Some(31), ..goal(0.15, 2_500_000) },
    },
    Task {
        name: "lenet-1",
        what: "LeNet, batch 1",
        program: include_str!("../programs/lenet.pv"),
        dims: &[("n", 1)],
        iterations: 10,
        inputs: (-0.1, 0.1),
        goal: Goal { rounds: Some(89), ..goal(0.15, 1_100_000) },
    },
    Task {
        name: "lenet-128",
        what: "LeNet, batch 128",
        program: include_str!("../programs/lenet.pv"),
        dims: &[("n", 128)],
        iterations: 1,
        inputs: (-0.1, 0.1),
        goal: Goal { rounds: Some(89), memory: Some(240_000_000), ..goal(6.0, 150_000_000) },
    },
    Task {
        name: "sgd",
        what: "one SGD step of that MLP, batch 128",
        program: include_str!("../programs/sgd.pv"),
        dims: &[("n", 128)],
        iterations: 8,
        inputs: (-0.1, 0.1),
        goal: goal(0.3, 7_000_000),
    },
    Task {
        name: "logistic-456",
        what: "logistic regression 456x30, batch 32, 10 epochs",
        program: include_str!("../programs/logistic_32.pv"),
        dims: &[("n", 456), ("d", 30)],
        iterations: 1,
        inputs: SYMMETRIC,
        goal: goal(0.4, 900_000),
    },
    Task {
        name: "logistic-10000",
        what: "logistic regression 10,000x100, batch 128, 10 epochs",
        program: include_str!("../programs/logistic_128.pv"),
        dims: &[("n", 10_000), ("d", 100)],
        iterations: 1,
        inputs: SYMMETRIC,
        goal: goal(2.0, 20_000_000),
    },
    Task {
        name: "sigmoid-precise",
        what: "sigmoid within two units in the last place, 100 k",
        program: include_str!("../programs/sigmoid_precise.pv"),
        dims: &[("n", 100_000)],
        iterations: 1,
        inputs: (-8.0, 8.0),
        goal: NO_GOAL,
    },
    Task {
        name: "sort",
        what: "sorting 10 k numbers",
        program: include_str!("../programs/sort.pv"),
        dims: &[("n", 10_000)],
        iterations: 1,
        inputs: SYMMETRIC,
        goal: Goal { memory: Some(50_000_000), ..NO_GOAL },
    },
    Task {
        name: "product-128",
        what: "matrix product 1000x1000 by 1000x1000, in Z_2^128",
        program: include_str!("../programs/product_128.pv"),
        dims: &[("n", 1000)],
        iterations: 2,
        inputs: (-0.04, 0.04),
        goal: NO_GOAL,
    },
    Task {
        name: "less-128",
        what: "less-than, 1 M, in Z_2^128",
        program: include_str!("../programs/less_128.pv"),
        dims: &[("n", 1_000_000)],
        iterations: 4,
        inputs: SYMMETRIC,
        goal: NO_GOAL,
    },
    Task {
        name: "product-verified",
        what: "matrix product 1000x1000 by 1000x1000, one player may deviate",
        program: include_str!("../programs/product_verified.pv"),
        dims: &[("n", 1000)],
        iterations: 2,
        inputs: (-0.04, 0.04),
        goal: NO_GOAL,
    },
    Task {
        name: "elementwise-verified",
        what: "elementwise product, 1 M, one player may deviate",
        program: include_str!("../programs/elementwise_verified.pv"),
        dims: &[("n", 1000)],
        iterations: 1,
        inputs: SYMMETRIC,
        goal: NO_GOAL,
    },
    Task {
        name: "less-verified",
        what: "less-than, 1 M, one player may deviate",
        program: include_str!("../programs/less_verified.pv"),
        dims: &[("n", 1000)],
        iterations: 1,
        inputs: SYMMETRIC,
        goal: NO_GOAL,
    },
];

/// The task of a name.
#[must_use]
pub fn task(name: &str) -> Option<&'static Task> {
    TASKS.iter().find(|t| t.name == name)
}

impl Task {
    /// Its program with so many iterations of the loop.
    pub(crate) fn with_iterations(&self, count: u32) -> String {
        self.program.replace("= repeat 1 with", &format!("= repeat {count} with"))
    }
}
