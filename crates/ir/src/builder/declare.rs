//! Declarations: players, groups, placements, matched dimensions, inputs.

use super::{Builder, Built};
use crate::attrs::{Attr, Attrs, OwnerPolicy};
use crate::diag::{Diagnostic, Span};
use crate::graph::{MatchedDim, ValueId};
use crate::ops::Op;
use crate::place::{GroupSize, Placement, PlacementId, Player, PlayerId, Scheme};
use crate::types::Type;

/// Words of the text form that cannot be names.
pub(crate) const RESERVED: &[&str] = &[
    "computation",
    "player",
    "group",
    "placement",
    "dim",
    "input",
    "load",
    "save",
    "on",
    "as",
    "at",
    "by",
    "of",
    "to",
    "from",
    "with",
    "owner",
    "readers",
    "public",
    "release",
    "classify",
    "output",
    "move",
    "repeat",
    "fold",
    "next",
    "function",
    "return",
    "and",
    "or",
    "not",
    "true",
    "false",
    "drop",
    "call",
];

/// Whether text has the form of a name.
fn has_form_of_name(name: &str) -> bool {
    let mut chars = name.chars();
    name.len() <= 64
        && chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether text can be a name.
pub(crate) fn is_identifier(name: &str) -> bool {
    has_form_of_name(name) && !RESERVED.contains(&name)
}

/// Refuses what is no identifier.
pub(super) fn identifier(name: &str, span: &Span) -> Built<()> {
    if !has_form_of_name(name) {
        let name: String = name.chars().take(64).collect();
        return Err(Diagnostic::new("name.invalid", span.clone(), format!("`{name}` is not a name"))
            .help("a name has letters, digits and `_`, starts with no digit, and is at most 64 long"));
    }
    if RESERVED.contains(&name) {
        return Err(Diagnostic::new(
            "name.reserved",
            span.clone(),
            format!("`{name}` is a word of the language; choose another name"),
        ));
    }
    Ok(())
}

impl Builder {
    fn declare_place(&mut self, placement: Placement, span: &Span) -> Built<PlacementId> {
        identifier(&placement.name, span)?;
        let taken = [&self.frame().names, &self.frames[0].names].iter().any(|n| n.contains_key(&placement.name));
        if taken || self.closed_names.contains(&placement.name) || self.places.contains(&placement.name) {
            return Err(Diagnostic::new(
                "name.taken",
                span.clone(),
                format!("`{}` is already declared", placement.name),
            ));
        }
        super::limits::count("limit.placements", "players and placements", self.computation.placements.len(), span)?;
        self.places.insert(placement.name.clone());
        self.computation.placements.push(placement);
        Ok(PlacementId(self.computation.placements.len() as u16 - 1))
    }

    /// Declares a player. Players and groups come before all other declarations.
    ///
    /// # Errors
    /// If the name is taken or no identifier.
    pub fn player(&mut self, name: &str, span: &Span) -> Built<PlayerId> {
        self.declare_player(Player { name: name.to_owned(), group: None }, Scheme::Host, span)
    }

    /// Declares a group: a role filled by many players at once.
    ///
    /// # Errors
    /// As [`player`](Self::player), and if no number of members is within its size.
    pub fn group(&mut self, name: &str, size: GroupSize, span: &Span) -> Built<PlayerId> {
        if size.least == 0 || size.most.is_some_and(|most| most < size.least) {
            let message = "a group has at least 1 member, and no fewer at most than at least";
            return Err(Diagnostic::new("group.size", span.clone(), message));
        }
        self.declare_player(Player { name: name.to_owned(), group: Some(size) }, Scheme::Each, span)
    }

    fn declare_player(&mut self, player: Player, scheme: Scheme, span: &Span) -> Built<PlayerId> {
        if self.computation.placements.len() > self.computation.players.len() {
            let message = format!("`{}` is declared after a placement", player.name);
            return Err(Diagnostic::new("order.players", span.clone(), message)
                .help("declare players and groups first, and then the placements that they fill"));
        }
        let id = PlayerId(self.computation.players.len() as u16);
        self.declare_place(Placement { name: player.name.clone(), scheme, players: vec![id] }, span)?;
        self.computation.players.push(player);
        Ok(id)
    }

    /// Declares a placement of a scheme.
    ///
    /// # Errors
    /// If the name is taken, a player is named twice, or their number is not that of the scheme's roles.
    pub fn placement(&mut self, name: &str, scheme: Scheme, players: &[PlayerId], span: &Span) -> Built<PlacementId> {
        let spec = scheme.spec();
        if matches!(scheme, Scheme::Host | Scheme::Each) {
            return Err(Diagnostic::new(
                "placement.plain",
                span.clone(),
                "a player's own name is its placement; it needs no other",
            ));
        }
        if players.len() != spec.roles.len() {
            return Err(Diagnostic::new(
                "placement.roles",
                span.clone(),
                format!(
                    "{} takes {} players ({}), not {}",
                    spec.name,
                    spec.roles.len(),
                    spec.roles.join(", "),
                    players.len()
                ),
            ));
        }
        for (i, player) in players.iter().enumerate() {
            let declared = self.computation.player(*player);
            if declared.group.is_some() {
                return Err(Diagnostic::new(
                    "placement.group",
                    span.clone(),
                    format!("{} is a group; {} takes single players", declared.name, spec.name),
                ));
            }
            if players[..i].contains(player) {
                return Err(Diagnostic::new(
                    "placement.twice",
                    span.clone(),
                    format!("{} is named twice in {}", declared.name, spec.name),
                )
                .help("one player in two roles could read everything alone"));
            }
        }
        self.declare_place(Placement { name: name.to_owned(), scheme, players: players.to_vec() }, span)
    }

    /// Declares that the rows along a dimension are matched by a key column.
    ///
    /// # Errors
    /// If it is declared already.
    pub fn match_dim(&mut self, dim: &str, key: &str, span: &Span) -> Built<()> {
        identifier(dim, span)?;
        identifier(key, span)?;
        if self.computation.matched.iter().any(|m| m.name == dim) {
            return Err(Diagnostic::new("name.taken", span.clone(), format!("the key of `{dim}` is already declared")));
        }
        self.computation.matched.push(MatchedDim { name: dim.to_owned(), key: key.to_owned() });
        Ok(())
    }

    /// Declares an input at a player, or inside an enclave, where its owner brings it. An empty label means that the value is
    /// public.
    ///
    /// # Errors
    /// If the name is taken, the placement is no player's, or the step is inside a region or function.
    pub fn input(
        &mut self,
        name: &str,
        ty: Type,
        at: PlacementId,
        label: Vec<OwnerPolicy>,
        span: &Span,
    ) -> Built<ValueId> {
        let place = self.computation.placement(at);
        if !matches!(place.scheme, Scheme::Host | Scheme::Each | Scheme::Enclave) {
            return Err(Diagnostic::new(
                "input.place",
                span.clone(),
                format!("an input starts at a player or inside an enclave, not on {}", place.name),
            ));
        }
        if self.frames.len() > 1 || self.frame().open.len() > 1 {
            return Err(Diagnostic::new(
                "input.nested",
                span.clone(),
                "inputs stand in the main program, outside of loops and functions",
            ));
        }
        super::limits::shape(&ty.shape, span)?;
        self.check_size(span)?;
        let label = merge(label);
        let attrs = Attrs::new().with("name", Attr::Str(name.to_owned())).with("label", Attr::Label(label));
        identifier(name, span)?;
        if !self.is_free(name) {
            return Err(Diagnostic::new("name.taken", span.clone(), format!("`{name}` is already defined")));
        }
        let value = self.append(Op::Input, Vec::new(), attrs, at, vec![ty], None, span)[0];
        self.name(value, name, span)?;
        Ok(value)
    }

    /// Declares that every number of an input, or of a loaded value, lies within a range. Its owner's worker holds an input
    /// to that; a loaded value must have been saved with such a range.
    ///
    /// # Errors
    /// If the value is neither, or not of numbers, or the range is empty.
    pub fn range(&mut self, input: ValueId, low: f64, high: f64, span: &Span) -> Built<()> {
        let (empty, ty) = (!(low <= high && low.is_finite() && high.is_finite()), self.value(input).ty.clone());
        if empty || !ty.dtype.is_numeric() {
            let what = if empty { "no number lies in this range".to_owned() } else { format!("{ty} has no range") };
            return Err(Diagnostic::new("range.declared", span.clone(), what).help("write it as `range 0..100`"));
        }
        let open = self.frame_mut().open.iter_mut();
        let made_by = open
            .flat_map(|b| &mut b.block.instrs)
            .find(|i| matches!(i.op, Op::Input | Op::Load) && i.results == [input]);
        let Some(instr) = made_by else {
            let what = "only an input or a loaded value declares a range";
            return Err(Diagnostic::new("range.declared", span.clone(), what).help("limit other values with `clip`"));
        };
        instr.attrs.set("low", Attr::Real(low));
        instr.attrs.set("high", Attr::Real(high));
        Ok(())
    }
}

impl Builder {
    /// Declares a value that is loaded from the stores of the players of a placement, where it is kept as `stored`.
    /// An empty label means that the value is public.
    ///
    /// # Errors
    /// If the name is taken, the placement is a group's or cannot hold the type, or the step is inside a region or
    /// function.
    pub fn load(
        &mut self,
        name: &str,
        stored: &str,
        ty: Type,
        at: PlacementId,
        label: Vec<OwnerPolicy>,
        span: &Span,
    ) -> Built<ValueId> {
        let place = self.computation.placement(at);
        if place.scheme == Scheme::Each {
            let message = format!("{} is a group, and nothing is stored for a group", place.name);
            return Err(Diagnostic::new("load.place", span.clone(), message));
        }
        self.outermost("load", span)?;
        super::limits::shape(&ty.shape, span)?;
        self.check_size(span)?;
        self.check_held(&ty, at, span)?;
        text_name("a stored value", stored, span)?;
        identifier(name, span)?;
        if !self.is_free(name) {
            return Err(Diagnostic::new("name.taken", span.clone(), format!("`{name}` is already defined")));
        }
        let label = Attr::Label(merge(label));
        let attrs = Attrs::new().with("name", Attr::Str(stored.to_owned())).with("label", label);
        let value = self.append(Op::Load, Vec::new(), attrs, at, vec![ty], None, span)[0];
        self.name(value, name, span)?;
        Ok(value)
    }

    /// Keeps a value under a name, for later computations.
    ///
    /// # Errors
    /// If something is saved under this name already, or the step is inside a region or function.
    pub fn save(&mut self, x: ValueId, name: &str, span: &Span) -> Built<()> {
        let (x, placement) = self.here(x, span)?;
        if self.computation.placement(placement).scheme == Scheme::Each {
            let message =
                format!("{} is a group, and nothing is stored for a group", self.computation.placement(placement).name);
            return Err(Diagnostic::new("save.place", span.clone(), message));
        }
        self.outermost("save", span)?;
        text_name("what is saved", name, span)?;
        if !self.saves.insert(name.to_owned()) {
            let message = format!("something is saved as \"{name}\" already");
            return Err(Diagnostic::new("name.taken", span.clone(), message));
        }
        let attrs = Attrs::new().with("name", Attr::Str(name.to_owned()));
        self.append(Op::Save, vec![x], attrs, placement, Vec::new(), None, span);
        Ok(())
    }

    /// Refuses a step inside a loop or function.
    fn outermost(&self, what: &str, span: &Span) -> Built<()> {
        if self.frames.len() == 1 && self.frame().open.len() == 1 {
            return Ok(());
        }
        let message = format!("`{what}` stands in the main program, outside of loops and functions");
        Err(Diagnostic::new(if what == "load" { "load.nested" } else { "save.nested" }, span.clone(), message))
    }
}

/// Refuses what cannot be a name in quotes.
pub(super) fn text_name(what: &str, name: &str, span: &Span) -> Built<()> {
    let fits = !name.is_empty()
        && name.len() <= 256
        && !name.chars().any(|c| crate::text::is_invisible(c) || c == '"' || c == '\\');
    if fits {
        return Ok(());
    }
    let message = format!("{what} needs a name, without quotes and invisible characters");
    Err(Diagnostic::new("name.invalid", span.clone(), message))
}

/// One policy an owner, owners and readers in order, the owner among its readers.
pub(super) fn merge(label: Vec<OwnerPolicy>) -> Vec<OwnerPolicy> {
    let mut merged: Vec<OwnerPolicy> = Vec::new();
    for mut policy in label {
        policy.readers.push(policy.owner);
        policy.readers.sort_unstable();
        policy.readers.dedup();
        match merged.iter_mut().find(|p| p.owner == policy.owner) {
            // Two statements of one owner both hold.
            Some(old) => old.readers.retain(|r| policy.readers.contains(r)),
            None => merged.push(policy),
        }
    }
    merged.sort_by_key(|p| p.owner);
    merged
}
