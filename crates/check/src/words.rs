//! Disclosure in words: what each owner reads before it signs.

use std::collections::BTreeSet;
use std::fmt;

use ir::ModuleUse;

use crate::disclosure::{Crowd, Disclosure, Event, Form, Given, Matched, Module, Owner, Reason, Stored, Summed};
use crate::readers::list;

impl fmt::Display for Disclosure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.owners.iter().map(|o| o.player.len()).max().unwrap_or(0) + 2;
        for (i, owner) in self.owners.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            let lines = section(self, owner);
            for (j, line) in lines.iter().enumerate() {
                let name = if j == 0 { owner.player.as_str() } else { "" };
                writeln!(f, "{name:width$}{line}")?;
            }
        }
        for (i, event) in self.events.iter().filter(|e| e.from.is_empty()).enumerate() {
            if i == 0 && !self.owners.is_empty() {
                writeln!(f)?;
            }
            writeln!(
                f,
                "{} {} {} ({}), which no input has a part in",
                list(&event.learners),
                learn(event),
                quoted(event),
                event.amount
            )?;
        }
        for (i, stored) in self.stored.iter().filter(|s| s.from.is_empty()).enumerate() {
            if i == 0 && !self.owners.is_empty() {
                writeln!(f)?;
            }
            writeln!(f, "{}, which no input has a part in", keeps(stored))?;
        }
        for (i, module) in self.modules.iter().enumerate() {
            if i == 0 && !self.owners.is_empty() {
                writeln!(f)?;
            }
            writeln!(f, "{}", runs(module))?;
        }
        for (i, assumption) in self.assumptions.iter().enumerate() {
            if i == 0 {
                writeln!(f)?;
            }
            let (value, range) = (&assumption.value, &assumption.range);
            match &assumption.checked_by {
                None => writeln!(
                    f,
                    "taken for granted, and checked by nobody: {value} is within {range}; if not, results may be wrong"
                )?,
                Some(player) => {
                    writeln!(
                        f,
                        "{player} checks that {value} is within {range}; if not, the run ends, and all learn that"
                    )?;
                }
            }
        }
        for group in &self.groups {
            writeln!(f)?;
            crowd(group).iter().try_for_each(|line| writeln!(f, "{line}"))?;
        }
        if self.owners.is_empty() {
            writeln!(f, "nobody gives anything")?;
        }
        Ok(())
    }
}

/// What a member of a group entrusts to whom, with the thresholds in numbers.
fn crowd(g: &Crowd) -> Vec<String> {
    let Crowd { group, least, most, form, sums } = g;
    let sum = |s: &Summed| {
        let weight = s.weight.as_ref().map(|w| format!(", weighted by {w}")).unwrap_or_default();
        format!("{} ({}{weight}, computed from {})", s.name, s.amount, list(&s.from))
    };
    let contributes: Vec<String> = sums.iter().map(sum).collect();
    let mut told = vec!["the service".to_owned()];
    told.extend(form.players.iter().cloned());
    let mut lines = vec![
        format!(
            "each member of {group} contributes {} once, masked, to sums over at least {least} and at most {most} members",
            list(&contributes)
        ),
        held(g),
        format!("{} learn who contributes and when; whom the enroller names is a member", list(&told)),
        format!(
            "k members who collude know the sum over the others, who are at least {least} - k, as far as what is released tells it"
        ),
    ];
    if g.is_checked() {
        lines.extend(checked(g));
    }
    let weighted = |s: &Summed| s.weight.as_ref().map(|w| format!("{} weighted by {w}", s.name));
    let free = sums.iter().filter(|s| s.bound.is_none());
    let free: Vec<String> = free.map(|s| weighted(s).unwrap_or_else(|| s.name.clone())).collect();
    if !free.is_empty() {
        let what = if g.is_checked() { format!(" as {}", list(&free)) } else { String::new() };
        lines.push(format!("taken for granted, and checked by nobody: what a member contributes{what} is within its range; if not, results may be wrong"));
    }
    lines
}

/// Who has what is contributed, and who could read it.
fn held(g: &Crowd) -> String {
    let Form { placement, assumption, .. } = &g.form;
    let holders = list(&g.form.players);
    if g.form.is_inside() {
        return format!(
            "contributions are opened inside {placement}, and shown to nobody: {assumption}; each member appraises what it proved before \
             it contributes"
        );
    }
    let (held, with) = match g.is_checked() {
        true => ("each contribution", ""),
        false => ("the sums", ", with what the service holds,"),
    };
    format!(
        "of {held} {holders} hold shares on {placement}; two of them together{with} could read every contribution, and one alone none"
    )
}

/// What holders check of each contribution, and what they learn by it.
fn checked(g: &Crowd) -> [String; 2] {
    let holders = list(&g.form.players);
    let (check, learn) = match g.form.is_inside() {
        true => (format!("inside {} it is checked", g.form.placement), "learns"),
        false => (format!("{holders} check on shares"), "learn"),
    };
    let bound = |s: &Summed| s.bound.as_ref().map(|bound| format!("{} is within {bound}", s.name));
    let mut bounds: Vec<String> = g.sums.iter().filter_map(bound).collect();
    bounds.dedup();
    [
        format!(
            "{check} that of each member {}; who breaks that is left out of all sums over {}",
            list(&bounds),
            g.group
        ),
        format!(
            "how many members are left out, and which of those who contributed, {holders} {learn}, and nothing else of it; if fewer than {} are left, the run ends, and all learn that",
            g.least
        ),
    ]
}

/// What one owner gives, and what becomes of it.
fn section(d: &Disclosure, owner: &Owner) -> Vec<String> {
    let mut lines = gives(d, owner);
    let mine: Vec<&str> = owner.gives.iter().filter(|g| !g.label.is_empty()).map(|g| g.name.as_str()).collect();
    let concerns = |e: &&Event| {
        let own = e.learners == [owner.player.as_str()] && e.from.iter().all(|f| mine.contains(&f.as_str()));
        !own && e.from.iter().any(|f| mine.contains(&f.as_str()))
    };
    let events: Vec<&Event> = d.events.iter().filter(concerns).collect();
    // Releases that the same owners ratify share the line that says so.
    for alike in events.chunk_by(|a, b| a.ratified_by == b.ratified_by) {
        lines.extend(alike.iter().map(|e| learns(e)));
        let by = &alike[0].ratified_by;
        if !by.is_empty() {
            let crowd = |name: &String| d.groups.iter().any(|g| g.group == *name);
            let who =
                |name| if crowd(name) { format!("every member of {name} that contributes") } else { name.clone() };
            let by: Vec<String> = by.iter().map(who).collect();
            let verb = if by.len() == 1 { "ratifies" } else { "ratify" };
            let what = if alike.len() == 1 { "it" } else { "these" };
            lines.push(format!("{:7}{} {verb} {what}", "if", list(&by)));
        }
    }
    let kept = d.stored.iter().filter(|s| s.from.iter().any(|f| mine.contains(&f.as_str())));
    lines.extend(kept.map(|s| format!("so that {}", keeps(s))));
    let matched: Vec<&Matched> = d.matched.iter().filter(|m| m.players.contains(&owner.player)).collect();
    lines.extend(matched.iter().filter(|m| m.players.len() > 1).map(|m| compared(m)));
    lines.push(closing(owner, events.is_empty()));
    lines
}

/// Inputs that leave in the same forms stand together.
fn gives(d: &Disclosure, owner: &Owner) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest: Vec<&Given> = owner.gives.iter().collect();
    while let Some(first) = rest.first().copied() {
        let (alike, others): (Vec<&Given>, Vec<&Given>) =
            rest.into_iter().partition(|g| (&g.forms, &g.at, &g.label) == (&first.forms, &first.at, &first.label));
        rest = others;
        let crowd = d.groups.iter().find(|g| g.group == first.at);
        for (i, given) in alike.iter().enumerate() {
            let at = match &given.stored {
                Some(name) => format!(", stored at {} as \"{name}\"", given.at),
                None if given.at == owner.player => String::new(),
                None if given.forms.iter().any(|f| f.placement == given.at) => format!(", brought into {}", given.at),
                None => format!(", which {} has", given.at),
            };
            let each = if crowd.is_some() { ", of each member" } else { "" };
            let public = if given.label.is_empty() { ", public: everyone may read it" } else { "" };
            let range = given.range.as_ref().map(|r| format!(", each within {r}")).unwrap_or_default();
            lines.push(format!(
                "{:7}{}: {}{range}{at}{each}{public}",
                if i == 0 { "gives" } else { "" },
                given.name,
                given.size
            ));
        }
        if first.forms.is_empty() {
            let away = |e: &&Event| e.learners.iter().any(|l| *l != first.at);
            let told = d.events.iter().filter(away).any(|e| alike.iter().any(|g| e.from.contains(&g.name)));
            let how = if told { "what is released of it, and nothing else" } else { "it is; it stays there" };
            lines.push(format!("{:7}{how}", "as"));
        }
        for (i, form) in first.forms.iter().enumerate() {
            let text = if form.in_the_clear {
                format!("plain values at {}, who may read them", form.placement)
            } else {
                let part = crowd.map(|crowd| format!("a part of sums over at least {} members, ", crowd.least));
                let kind = if form.is_inside() { "plain values inside" } else { "shares on" };
                format!("{}{kind} {}; {}", part.unwrap_or_default(), form.placement, form.assumption)
            };
            lines.push(format!("{:7}{text}", if i == 0 { "as" } else { "and" }));
        }
    }
    lines
}

fn quoted(event: &Event) -> String {
    if event.output { format!("\"{}\"", event.name) } else { event.name.clone() }
}

fn learn(event: &Event) -> &'static str {
    match (event.delivered, event.learners.len()) {
        (false, _) => "may learn",
        (true, 1) => "learns",
        (true, _) => "learn",
    }
}

fn learns(event: &Event) -> String {
    let often = match event.times {
        Some(1) => String::new(),
        Some(n) => format!(", {n} times"),
        None => ", once for every batch of rows".to_owned(),
    };
    let may = match event.reason {
        Reason::Reader => ", as the labels allow",
        Reason::Released => ", from what was released before",
        Reason::Release => "",
    };
    format!(
        "so that {} {} {} ({}{often}, computed from {}){may}",
        list(&event.learners),
        learn(event),
        quoted(event),
        event.amount,
        list(&event.from)
    )
}

fn keeps(s: &Stored) -> String {
    let who = list(&s.form.players);
    let (keep, how) = match (s.form.players.len(), s.form.in_the_clear) {
        (1, true) => ("keeps", "as plain values"),
        (1, false) => ("keeps", "inside"),
        _ => ("keep", "as shares"),
    };
    let from = if s.from.is_empty() { String::new() } else { format!(", computed from {}", list(&s.from)) };
    let owners: Vec<&String> = s.label.keys().collect();
    let whose = match (owners.is_empty(), s.readers.is_empty()) {
        (true, _) => "public".to_owned(),
        (false, true) => format!("owned by {} and readable by nobody", list(&owners)),
        (false, false) => format!("owned by {} and readable by {}", list(&owners), list(&s.readers)),
    };
    format!("{who} {keep} \"{}\" ({}{from}) {how}, {whose}", s.name, s.amount)
}

/// What a module is, in the words by which its bytes can be found, and what running it tells.
fn runs(m: &Module) -> String {
    let on = if m.from.is_empty() { "nothing secret".to_owned() } else { list(&m.from) };
    let told: Vec<String> = m.arguments.iter().map(|(name, text)| format!("{name}={text}")).collect();
    let told = if told.is_empty() { String::new() } else { format!(", told {}", told.join(" ")) };
    format!(
        "inside {}, {} runs the module {} (BLAKE3 {}) on {on}{told}, within {} million steps and {} MiB; whether it comes to its \
         end, all learn, and how long it takes may be seen",
        m.placement,
        list(&m.players),
        m.name,
        m.digest,
        m.fuel / ModuleUse::FUEL_UNIT,
        m.memory / ModuleUse::MEMORY_UNIT,
    )
}

fn compared(m: &Matched) -> String {
    format!("{:7}{} learn whether their `{}` columns are equal and in the same order", "and", list(&m.players), m.key)
}

/// The last line: what is left for everyone else.
fn closing(owner: &Owner, no_events: bool) -> String {
    let dims: BTreeSet<&str> = owner.gives.iter().flat_map(|g| &g.dims).map(String::as_str).collect();
    let but =
        if dims.is_empty() { String::new() } else { format!(" but {}", list(&dims.into_iter().collect::<Vec<_>>())) };
    let who = if no_events { "nobody" } else { "nobody else" };
    match owner.gives.iter().filter(|g| g.label.is_empty()).count() {
        0 => format!("{who} learns anything{but}"),
        n if n == owner.gives.len() => "all of it is public".to_owned(),
        _ => format!("{who} learns anything of what is not public{but}"),
    }
}
