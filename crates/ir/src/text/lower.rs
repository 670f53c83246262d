//! From statements to the graph, through the builder. An error poisons the names that its statement would
//! have defined: what depends on them is not reported again.

use std::collections::{HashMap, HashSet};

use super::ast::{Expr, Owners, Param, Program, Statement, StatementKind, Word};
use super::names::nearest;
use super::parser::{Parsed, Reported};
use crate::attrs::OwnerPolicy;
use crate::builder::{Builder, Built};
use crate::diag::{Diagnostic, Span};
use crate::graph::{Computation, ValueId};
use crate::place::{PlacementId, PlayerId, Scheme};
use crate::types::{DType, Type};

/// Where operators run, as far as it is known.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// An `on` block of an unknown placement: nothing in it can be judged.
    Unknown,
    /// An `on` block.
    At(PlacementId, Option<DType>),
}

/// The names of the main program or of a function.
#[derive(Default)]
pub(super) struct Scope {
    pub(super) values: HashMap<String, ValueId>,
    /// Names of statements that failed.
    pub(super) poisoned: HashSet<String>,
}

/// A program on its way into the builder.
pub(super) struct Lower {
    pub(super) builder: Builder,
    errors: Vec<Diagnostic>,
    limit: usize,
    /// The main program's names, and above them those of the function under construction.
    pub(super) scopes: Vec<Scope>,
    pub(super) context: Vec<Place>,
    /// Functions and placements that failed.
    pub(super) failed: HashSet<String>,
}

/// The computation that a program describes; errors are added to those found before.
pub(super) fn lower(program: &Program, errors: Vec<Diagnostic>, limit: usize) -> Result<Computation, Vec<Diagnostic>> {
    let mut errors = errors;
    let builder = Builder::new(&program.name.text, program.name.span.clone()).or_else(|e| {
        errors.push(e);
        Builder::new("nameless", Span::default())
    });
    let builder = builder.map_err(|e| vec![e])?;
    let mut lower =
        Lower { builder, errors, limit, scopes: vec![Scope::default()], context: Vec::new(), failed: HashSet::new() };
    let _ = lower.block(&program.body, Ends::Main);
    let Lower { builder, mut errors, .. } = lower;
    if errors.is_empty() {
        match builder.finish() {
            Ok(computation) => return Ok(computation),
            Err(e) => errors.push(e),
        }
    }
    errors.sort_by_key(|e| (e.span.line, e.span.column));
    Err(errors)
}

/// How a block may end.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Ends {
    /// Not at all.
    Main,
    /// With `next`.
    Loop,
    /// With `return`.
    Function,
    /// It is the block of a line that could not be read.
    Unknown,
}

impl Lower {
    pub(super) fn report(&mut self, diagnostic: Diagnostic) -> Reported {
        if self.errors.len() < self.limit {
            self.errors.push(diagnostic);
        }
        Reported
    }

    pub(super) fn built<T>(&mut self, result: Built<T>) -> Parsed<T> {
        result.map_err(|e| self.report(e))
    }

    pub(super) fn scope(&mut self) -> &mut Scope {
        self.scopes.last_mut().expect("there is a main program")
    }

    // Names.

    /// The known name that was meant, if errors are still recorded.
    fn nearest<'a>(&self, name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
        if self.errors.len() < self.limit { nearest(name, known) } else { None }
    }

    pub(super) fn poison<'a>(&mut self, names: impl IntoIterator<Item = &'a Word>) {
        for name in names {
            if !self.scope().values.contains_key(&name.text) {
                self.scope().poisoned.insert(name.text.clone());
            }
        }
    }

    fn is_poisoned(&mut self, name: &str) -> bool {
        self.failed.contains(name) || self.scope().poisoned.contains(name)
    }

    /// The value of a name.
    pub(super) fn lookup(&mut self, name: &str, span: &Span) -> Parsed<ValueId> {
        if let Some(value) = self.scope().values.get(name).copied() {
            let visible = self.builder.visible(value, span);
            return self.built(visible).map(|()| value);
        }
        if self.is_poisoned(name) {
            return Err(Reported);
        }
        let d = Diagnostic::new("name.unknown", span.clone(), format!("unknown name `{name}`"));
        let in_main = self.scopes.len() > 1 && self.scopes[0].values.contains_key(name);
        let near = self
            .nearest(name, self.scopes.iter().rev().take(1).flat_map(|s| s.values.keys()).map(String::as_str))
            .map(str::to_owned);
        Err(match near {
            _ if in_main => self.report(d.help("a function sees only its parameters; pass it as one")),
            _ if self.builder.declared().placement_named(name).is_some() => {
                self.report(d.help(format!("`{name}` is a player or placement, not a value")))
            }
            Some(near) => self.report(d.help(format!("did you mean `{near}`?"))),
            None => self.report(d),
        })
    }

    /// Gives a value a name: its own, or a second one for a value that has one.
    pub(super) fn define(&mut self, name: &Word, value: ValueId) -> Parsed<()> {
        if self.scope().values.contains_key(&name.text) {
            let d = Diagnostic::new("name.taken", name.span.clone(), format!("`{}` is already defined", name.text));
            return Err(self.report(d.help("each name is given once; choose another")));
        }
        let named = if self.builder.value(value).name.is_none() {
            self.builder.name(value, &name.text, &name.span)
        } else {
            self.builder.check_name(&name.text, &name.span)
        };
        self.built(named)?;
        self.scope().values.insert(name.text.clone(), value);
        Ok(())
    }

    /// Gives names to the results of a statement.
    pub(super) fn define_all(&mut self, names: &[Word], values: &[ValueId], what: &str) -> Parsed<()> {
        if names.len() != values.len() {
            let span = names.first().map(|n| n.span.clone()).unwrap_or_default();
            self.poison(names);
            let message = format!("{what} makes {} value(s), and {} name(s) stand here", values.len(), names.len());
            return Err(self.report(Diagnostic::new("name.count", span, message)));
        }
        for (name, value) in names.iter().zip(values) {
            if self.define(name, *value).is_err() {
                self.poison([name]);
            }
        }
        Ok(())
    }

    pub(super) fn placement(&mut self, name: &Word) -> Parsed<PlacementId> {
        if let Some(id) = self.builder.declared().placement_named(&name.text) {
            return Ok(id);
        }
        if self.is_poisoned(&name.text) {
            return Err(Reported);
        }
        let known = self.builder.declared();
        let near = self.nearest(&name.text, known.placements.iter().map(|p| p.name.as_str()));
        let help = near.map(|n| format!("did you mean `{n}`?"));
        let message = format!("unknown player or placement `{}`", name.text);
        let d = Diagnostic { help, ..Diagnostic::new("name.unknown", name.span.clone(), message) };
        Err(self.report(d))
    }

    pub(super) fn player(&mut self, name: &Word) -> Parsed<PlayerId> {
        if let Some(id) = self.builder.declared().player_named(&name.text) {
            return Ok(id);
        }
        if self.is_poisoned(&name.text) {
            return Err(Reported);
        }
        let known = self.builder.declared();
        let near = self.nearest(&name.text, known.players.iter().map(|p| p.name.as_str()));
        let help = match near {
            _ if known.placement_named(&name.text).is_some() => Some("a placement is no player".to_owned()),
            near => near.map(|n| format!("did you mean `{n}`?")),
        };
        let message = format!("unknown player `{}`", name.text);
        let d = Diagnostic { help, ..Diagnostic::new("name.unknown", name.span.clone(), message) };
        Err(self.report(d))
    }

    pub(super) fn players(&mut self, names: &[Word]) -> Parsed<Vec<PlayerId>> {
        all(names.iter().map(|n| self.player(n)).collect::<Vec<_>>())
    }

    pub(super) fn policies(&mut self, owners: &[(Word, Vec<Word>)]) -> Parsed<Vec<OwnerPolicy>> {
        let policies = owners.iter().map(|(owner, readers)| {
            let (owner, readers) = (self.player(owner), self.players(readers));
            Ok(OwnerPolicy { owner: owner?, readers: readers? })
        });
        all(policies.collect::<Vec<_>>())
    }

    // Statements.

    /// Lowers a block. Returns the values of the `next` or `return` that ends it, if one does.
    pub(super) fn block<'s>(&mut self, body: &'s [Statement], ends: Ends) -> Option<(&'s [Expr], &'s Span)> {
        let mut end = None;
        for statement in body {
            if end.is_some() {
                let d = Diagnostic::new("syntax", statement.span.clone(), "nothing can follow the end of its block");
                self.report(d);
                break;
            }
            match (&statement.kind, ends) {
                (StatementKind::Next(values), Ends::Loop) | (StatementKind::Return(values), Ends::Function) => {
                    end = Some((values.as_slice(), &statement.span));
                }
                (StatementKind::Next(_) | StatementKind::Return(_), Ends::Unknown) => {}
                (StatementKind::Next(_), _) => {
                    let message = "`next` stands at the end of a `repeat` or `fold`";
                    self.report(Diagnostic::new("syntax", statement.span.clone(), message));
                }
                (StatementKind::Return(_), _) => {
                    let message = "`return` stands at the end of a function; results leave by `release` and `output`";
                    self.report(Diagnostic::new("syntax", statement.span.clone(), message));
                }
                _ => self.statement(statement),
            }
        }
        end
    }

    fn statement(&mut self, statement: &Statement) {
        let span = &statement.span;
        match &statement.kind {
            StatementKind::Players(names) => {
                for name in names {
                    let declared = self.builder.player(&name.text, &name.span);
                    self.declared(name, declared);
                }
            }
            StatementKind::Group { name, size } => {
                let declared = self.builder.group(&name.text, *size, &name.span);
                self.declared(name, declared);
            }
            StatementKind::Placement { name, scheme, players, option } => {
                self.declare_placement(name, scheme, option.as_ref(), players);
            }
            StatementKind::Dim { name, key } => {
                let declared = self.builder.match_dim(&name.text, &key.text, &name.span);
                self.declared(name, declared);
            }
            StatementKind::Input { name, ty, at, owners, range } => {
                if self.input(name, ty, at, owners).is_err() || self.ranged(name, *range).is_err() {
                    self.poison([name]);
                }
            }
            StatementKind::Load { name, ty, at, owners, range, stored } => {
                let stored = stored.as_ref().unwrap_or(name);
                if self.load(name, ty, at, owners, stored).is_err() || self.ranged(name, *range).is_err() {
                    self.poison([name]);
                }
            }
            StatementKind::Save { value, name } => {
                if let (Ok(value), false) = (self.value_anywhere(value), self.is_lost()) {
                    let done = self.builder.save(value, &name.text, span);
                    let _ = self.built(done);
                }
            }
            StatementKind::Function { name, params, body } => self.function(name, params, body, span),
            StatementKind::On { place, dtype, body } => self.on(place, *dtype, body, span),
            StatementKind::Let { names, value } => self.assign(names, value, span),
            StatementKind::Output { value, to, name } => {
                let (value, to) = (self.value_anywhere(value), self.players(to));
                if let (Ok(value), Ok(to), false) = (value, to, self.is_lost()) {
                    let done = self.builder.output(value, &to, &name.text, span);
                    let _ = self.built(done);
                }
            }
            StatementKind::Failed { words, body } => {
                for word in words {
                    self.failed.insert(word.clone());
                }
                self.context.push(Place::Unknown);
                let _ = self.block(body, Ends::Unknown);
                self.context.pop();
            }
            // Only the end of a block is one of these, and `block` took it.
            StatementKind::Next(_) | StatementKind::Return(_) => {}
        }
    }

    fn declared<T>(&mut self, name: &Word, result: Built<T>) {
        if self.built(result).is_err() {
            self.failed.insert(name.text.clone());
        }
    }

    fn scheme(&mut self, scheme: &Word, option: Option<&Word>) -> Parsed<Scheme> {
        let named = crate::place::SCHEMES.iter().filter(|s| s.form_of.is_none());
        let found = Scheme::parse(&scheme.text).ok_or_else(|| {
            let near = self.nearest(&scheme.text, named.clone().map(|s| s.name));
            let known: Vec<&str> = named.map(|s| s.name).collect();
            let help = near.map_or(format!("the schemes are {}", known.join(", ")), |n| format!("did you mean `{n}`?"));
            let message = format!("unknown scheme `{}`", scheme.text);
            self.report(Diagnostic::new("name.unknown", scheme.span.clone(), message).help(help))
        })?;
        let Some(option) = option else { return Ok(found) };
        found.with_option(&option.text).ok_or_else(|| {
            let message = format!("`{}` has no option `{}`", scheme.text, option.text);
            let diagnostic = Diagnostic::new("placement.option", option.span.clone(), message);
            let known = found.options();
            self.report(if known.is_empty() {
                diagnostic
            } else {
                diagnostic.help(format!("it has {}", known.join(", ")))
            })
        })
    }

    fn declare_placement(&mut self, name: &Word, scheme: &Word, option: Option<&Word>, players: &[Word]) {
        match (self.scheme(scheme, option), self.players(players)) {
            (Ok(scheme), Ok(players)) => {
                let declared = self.builder.placement(&name.text, scheme, &players, &name.span);
                self.declared(name, declared);
            }
            _ => {
                self.failed.insert(name.text.clone());
            }
        }
    }

    /// Where a value from outside is, and its label.
    fn source(&mut self, at: &Word, owners: &Owners) -> Parsed<(PlacementId, Vec<OwnerPolicy>)> {
        let place = self.placement(at);
        let label = match owners {
            Owners::Public => Ok(Vec::new()),
            Owners::Owned(owners) => self.policies(owners),
            Owners::Unsaid => match place {
                // At a shared placement this is no owner; an input there is refused below.
                Ok(place) => {
                    let owner = self.builder.declared().placement(place).players[0];
                    Ok(vec![OwnerPolicy { owner, readers: Vec::new() }])
                }
                Err(e) => Err(e),
            },
        };
        Ok((place?, label?))
    }

    fn load(&mut self, name: &Word, ty: &Type, at: &Word, owners: &Owners, stored: &Word) -> Parsed<()> {
        let (place, label) = self.source(at, owners)?;
        if matches!(owners, Owners::Unsaid) && self.builder.declared().placement(place).is_protected() {
            let help = format!("say it, as `at {} owner alice owner bob`, or `public`", at.text);
            return Err(self.ownerless("load.owner", name, help));
        }
        let value = self.builder.load(&name.text, &stored.text, ty.clone(), place, label, &name.span);
        let value = self.built(value)?;
        self.scope().values.insert(name.text.clone(), value);
        Ok(())
    }

    fn ownerless(&mut self, code: &'static str, name: &Word, help: String) -> Reported {
        let message = format!("it is not said whose `{}` is", name.text);
        self.report(Diagnostic::new(code, name.span.clone(), message).help(help))
    }

    fn input(&mut self, name: &Word, ty: &Type, at: &Word, owners: &Owners) -> Parsed<()> {
        let (place, label) = self.source(at, owners)?;
        if matches!(owners, Owners::Unsaid) && self.builder.declared().placement(place).scheme == Scheme::Enclave {
            return Err(self.ownerless("input.owner", name, format!("say it, as `at {} owner alice`", at.text)));
        }
        let value = self.builder.input(&name.text, ty.clone(), place, label, &name.span);
        let value = self.built(value)?;
        self.scope().values.insert(name.text.clone(), value);
        Ok(())
    }

    /// The range of the input or loaded value that was just declared.
    fn ranged(&mut self, name: &Word, range: Option<(f64, f64)>) -> Parsed<()> {
        let value = self.scope().values.get(&name.text).copied();
        if let (Some(value), Some((low, high))) = (value, range) {
            let ranged = self.builder.range(value, low, high, &name.span);
            self.built(ranged)?;
        }
        Ok(())
    }

    fn on(&mut self, place: &Word, dtype: Option<DType>, body: &[Statement], span: &Span) {
        let opened = self.placement(place).and_then(|id| {
            let on = self.builder.on(id, dtype, span);
            self.built(on)?;
            Ok(Place::At(id, dtype))
        });
        self.context.push(opened.unwrap_or(Place::Unknown));
        // `next` and `return` stand behind the block, not in it.
        let _ = self.block(body, Ends::Main);
        self.context.pop();
        if opened.is_ok() {
            self.builder.end_on();
        }
    }

    fn function(&mut self, name: &Word, params: &[Param], body: &[Statement], span: &Span) {
        let places = all(params.iter().map(|p| self.placement(&p.at)).collect::<Vec<_>>());
        let begun = places.and_then(|places| {
            let typed: Vec<_> =
                params.iter().zip(&places).map(|(p, at)| (p.name.text.clone(), p.ty.clone(), *at)).collect();
            let begun = self.builder.begin_function(&name.text, &typed, &name.span);
            self.built(begun)
        });
        self.scopes.push(Scope::default());
        let context = std::mem::take(&mut self.context);
        match &begun {
            Ok(values) => {
                for (param, value) in params.iter().zip(values) {
                    self.scope().values.insert(param.name.text.clone(), *value);
                }
            }
            Err(Reported) => {
                self.failed.insert(name.text.clone());
                self.poison(params.iter().map(|p| &p.name));
                self.context.push(Place::Unknown);
            }
        }
        let end = self.block(body, Ends::Function);
        let results = match end {
            Some((values, _)) => all(values.iter().map(|v| self.value_here(v)).collect::<Vec<_>>()),
            None => {
                let d = Diagnostic::new("function.result", name.span.clone(), "a function ends with `return`");
                Err(self.report(d))
            }
        };
        if begun.is_ok() {
            let ended = match results {
                Ok(results) => {
                    let ended = self.builder.end_function(&results, end.map_or(span, |(_, at)| at));
                    self.built(ended)
                }
                Err(Reported) => {
                    self.builder.abandon();
                    Err(Reported)
                }
            };
            if ended.is_err() {
                self.failed.insert(name.text.clone());
            }
        }
        self.scopes.pop();
        self.context = context;
    }

    /// A function that was declared, or one whose declaration failed.
    pub(super) fn known_function(&mut self, name: &Word) -> Parsed<()> {
        if self.builder.declared().function(&name.text).is_some() {
            return Ok(());
        }
        if self.failed.contains(&name.text) {
            return Err(Reported);
        }
        let near = self.nearest(&name.text, self.builder.declared().functions.iter().map(|f| f.name.as_str()));
        let help = near.map(|n| format!("did you mean `{n}`?"));
        let message = format!("there is no function `{}` above this line", name.text);
        let d = Diagnostic { help, ..Diagnostic::new("function.unknown", name.span.clone(), message) };
        Err(self.report(d))
    }

    /// Whether this is inside a block of an unknown placement.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self.context.last(), Some(Place::Unknown))
    }
}

/// All of them, or the proof that one was reported.
pub(super) fn all<T>(items: impl IntoIterator<Item = Parsed<T>>) -> Parsed<Vec<T>> {
    items.into_iter().collect()
}
