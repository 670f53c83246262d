//! Players, schemes and placements: who takes part, and where and how a value is held.

use std::fmt;

/// Index of a player or group in [`Computation::players`](crate::Computation::players).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlayerId(pub u16);

impl PlayerId {
    /// As an index.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A named role in a computation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Player {
    /// Its name.
    pub name: String,
    /// For a group, how many members it has; `None` for a single player.
    pub group: Option<GroupSize>,
}

/// How many members of a group take part in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupSize {
    /// At least so many: a sum over fewer is never made.
    pub least: u32,
    /// At most so many, which is what sums over them are sized by; `None` if it is not said.
    pub most: Option<u32>,
}

/// A protection technique, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// In the clear at one player.
    Host,
    /// Three-party replicated secret sharing with an honest majority.
    Replicated,
    /// The same sharing, verified: one player that deviates from the protocol is noticed before anything is revealed.
    Malicious,
    /// Two-party additive sharing with a dealer of correlated randomness.
    Pond,
    /// Two-party additive sharing with a helper.
    SecureNn,
    /// Garbled circuits between two parties.
    Yao,
    /// Additively homomorphic encryption with a separate key holder.
    Paillier,
    /// In the clear inside a machine that has proved what runs on it.
    Enclave,
    /// In the clear at each member of a group.
    Each,
}

/// What a scheme is, as data.
pub struct SchemeSpec {
    /// The scheme.
    pub scheme: Scheme,
    /// Its name, in programs too unless it is a form of another.
    pub name: &'static str,
    /// The scheme that it is a form of, and the option that asks for it: `replicated(a, b, c; malicious)`.
    pub form_of: Option<(&'static str, &'static str)>,
    /// The roles its players take, in order.
    pub roles: &'static [&'static str],
    /// Whether no single player can read what it holds.
    pub protected: bool,
    /// Whether this version can run it; the others can be written and checked.
    pub runs: bool,
}

/// All schemes.
pub const SCHEMES: &[SchemeSpec] = &[
    SchemeSpec { scheme: Scheme::Host, name: "host", form_of: None, roles: &["player"], protected: false, runs: true },
    SchemeSpec {
        scheme: Scheme::Replicated,
        name: "replicated",
        form_of: None,
        roles: &["first", "second", "third"],
        protected: true,
        runs: true,
    },
    SchemeSpec {
        scheme: Scheme::Malicious,
        name: "replicated-malicious",
        form_of: Some(("replicated", "malicious")),
        roles: &["first", "second", "third"],
        protected: true,
        runs: true,
    },
    SchemeSpec {
        scheme: Scheme::Pond,
        name: "pond",
        form_of: None,
        roles: &["first", "second", "dealer"],
        protected: true,
        runs: false,
    },
    SchemeSpec {
        scheme: Scheme::SecureNn,
        name: "securenn",
        form_of: None,
        roles: &["first", "second", "helper"],
        protected: true,
        runs: false,
    },
    SchemeSpec {
        scheme: Scheme::Yao,
        name: "yao",
        form_of: None,
        roles: &["garbler", "evaluator"],
        protected: true,
        runs: false,
    },
    SchemeSpec {
        scheme: Scheme::Paillier,
        name: "paillier",
        form_of: None,
        roles: &["evaluator", "keyholder"],
        protected: true,
        runs: false,
    },
    SchemeSpec {
        scheme: Scheme::Enclave,
        name: "enclave",
        form_of: None,
        roles: &["machine"],
        protected: true,
        runs: true,
    },
    SchemeSpec { scheme: Scheme::Each, name: "each", form_of: None, roles: &["group"], protected: false, runs: true },
];

impl Scheme {
    /// Its data.
    pub fn spec(self) -> &'static SchemeSpec {
        &SCHEMES[self as usize]
    }

    /// The scheme of a name.
    pub fn parse(name: &str) -> Option<Scheme> {
        SCHEMES.iter().find(|s| s.name == name).map(|s| s.scheme)
    }

    /// The form of this scheme that an option asks for.
    pub fn with_option(self, option: &str) -> Option<Scheme> {
        SCHEMES.iter().find(|s| s.form_of == Some((self.spec().name, option))).map(|s| s.scheme)
    }

    /// The options that a scheme takes.
    pub fn options(self) -> Vec<&'static str> {
        let forms = SCHEMES.iter().filter_map(|s| s.form_of);
        forms.filter(|(name, _)| *name == self.spec().name).map(|(_, option)| option).collect()
    }

    /// As programs write it, over the names of its players: `replicated(a, b, c)`.
    pub fn call(self, players: &str) -> String {
        match self.spec().form_of {
            Some((name, option)) => format!("{name}({players}; {option})"),
            None => format!("{}({players})", self.spec().name),
        }
    }

    /// Whether values are held in the clear, so that every operator is an ordinary one.
    pub fn is_plaintext(self) -> bool {
        matches!(self, Scheme::Host | Scheme::Enclave | Scheme::Each)
    }

    /// Whether the players in roles `corrupt` (indices into the roles), together, can read what it holds.
    ///
    /// For an enclave the answer is no: its assumption is the hardware, not a coalition.
    pub fn broken_by(self, corrupt: &[usize]) -> bool {
        let has = |role| corrupt.contains(&role);
        match self {
            Scheme::Host | Scheme::Each => has(0),
            Scheme::Replicated | Scheme::Malicious => corrupt.len() >= 2,
            // Two additive shares, or one share and all the correlated randomness.
            Scheme::Pond | Scheme::SecureNn => corrupt.len() >= 2,
            Scheme::Yao | Scheme::Paillier => has(0) && has(1),
            Scheme::Enclave => false,
        }
    }

    /// What must hold for values to stay secret, in words, over the names of its players.
    pub fn assumption(self, players: &[&str]) -> String {
        match self {
            Scheme::Host => format!("{} reads it", players.join(", ")),
            Scheme::Each => format!("each of {} reads its own", players.join(", ")),
            Scheme::Replicated => format!("safe unless two of {} collude", players.join(", ")),
            Scheme::Malicious => {
                format!("safe unless two of {} collude, even if one of them deviates", players.join(", "))
            }
            Scheme::Pond | Scheme::SecureNn => {
                format!("safe unless two of {} collude", players.join(", "))
            }
            Scheme::Yao => format!("safe unless {} collude", players.join(" and ")),
            Scheme::Paillier => format!("safe unless {} collude", players.join(" and ")),
            Scheme::Enclave => {
                let machine = players.join(", ");
                format!("safe while the machine that {machine} runs is what it proved and its maker's keys hold")
            }
        }
    }
}

/// Index of a placement in [`Computation::placements`](crate::Computation::placements).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlacementId(pub u16);

impl PlacementId {
    /// As an index.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Where a value is, and in which form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Its name in the program. For `host` and `each` it is the player's own name.
    pub name: String,
    /// How values are held.
    pub scheme: Scheme,
    /// The players, in the order of the scheme's roles.
    pub players: Vec<PlayerId>,
}

impl Placement {
    /// The role of a player, if it takes part.
    pub fn role(&self, player: PlayerId) -> Option<usize> {
        self.players.iter().position(|p| *p == player)
    }

    /// Whether no single player can read what is held here.
    pub fn is_protected(&self) -> bool {
        self.scheme.spec().protected
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
