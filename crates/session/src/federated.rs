//! Sums over the members of a group: what each member contributes, and the shares of the sum that a session goes on with.
//!
//! A member computes its part of the program in the clear and by itself, in double precision, before any session. What all
//! contribute is summed by a round of secure aggregation whose aggregators are the three players of the sum's placement; each
//! keeps its share in its vault, under a name that no program can load, and a session of the same agreement takes it from
//! there. A sum at an enclave is kept whole, in the memory of its machine. In one process the sum is shared directly. Where sums
//! have bounds each contribution is kept instead, which a session [checks](crate::checked) first.

use std::collections::BTreeMap;

use agreement::Agreement;
use algebra::Tensor;
use ir::{
    Bound, Computation, Contributed, Contribution, DType, GroupSize, IndexItem, Layout, PlacementId, PlayerId,
    RingBits, Scheme,
};
use net::Identity;
use schemes::replicated::Share;
use schemes::{Plain, Value};
use zeroize::Zeroizing;

use crate::bind;
use crate::checked::Check;
use crate::error::SessionError;
use crate::module::Modules;
use crate::plan::Dims;
use crate::reference;
use crate::vault::{Attempt, StoredLabel, StoredMeta, StoredValue};

type Result<T> = std::result::Result<T, SessionError>;

/// The parts of sums over groups that a player brings to a session, by group. What is not there is in its vault.
pub type Sums = BTreeMap<PlayerId, StoredValue>;

/// Domain separation of the randomness that shares a sum in one process.
const SHARING: &str = "privity 2026-11 session sum over a group in one process v1";

/// The round of aggregation that an agreement needs for one of its groups. All of it follows from the agreement.
#[derive(Clone, Debug)]
pub struct Round<'a> {
    agreement: &'a Agreement,
    contribution: Contribution,
    layout: Layout,
    size: GroupSize,
    placement: PlacementId,
}

impl<'a> Round<'a> {
    /// The rounds of all groups that something is summed over.
    ///
    /// # Errors
    /// A contribution that is too long.
    pub fn all(agreement: &'a Agreement) -> Result<Vec<Round<'a>>> {
        let c = agreement.checked().computation();
        c.contributions().filter_map(|contribution| Round::new(agreement, contribution).transpose()).collect()
    }

    /// The round of a group; `None` if nothing is summed over it.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub fn of(agreement: &'a Agreement, group: PlayerId) -> Result<Option<Round<'a>>> {
        let contribution = agreement.checked().computation().contribution(group);
        contribution.map_or(Ok(None), |contribution| Round::new(agreement, contribution))
    }

    fn new(agreement: &'a Agreement, contribution: Contribution) -> Result<Option<Round<'a>>> {
        let c = agreement.checked().computation();
        let (Some(size), Some(first)) = (c.player(contribution.group).group, contribution.parts.first()) else {
            return Ok(None);
        };
        let placement = c.graph.value(first.result).placement;
        let layout = layout(c, &contribution, agreement.dims())?;
        Ok(Some(Round { agreement, contribution, layout, size, placement }))
    }

    fn computation(&self) -> &'a Computation {
        self.agreement.checked().computation()
    }

    /// The group.
    pub fn group(&self) -> &'a str {
        &self.computation().player(self.contribution.group).name
    }

    /// Its enroller, who says who is a member.
    pub fn enroller(&self) -> Option<Identity> {
        self.agreement.roster().enroller(self.group())
    }

    /// The players that hold the sum, in the order of their roles, with their identities.
    pub fn holders(&self) -> Vec<(&'a str, Identity)> {
        let c = self.computation();
        let names = c.placement(self.placement).players.iter().map(|p| c.player(*p).name.as_str());
        names.filter_map(|name| Some((name, self.agreement.roster().get(name)?.identity))).collect()
    }

    /// The player inside whose enclave the sum is, if it is in one; else the holders have shares of it.
    pub fn inside(&self) -> Option<&'a str> {
        let c = self.agreement.checked().computation();
        let placement = c.placement(self.placement);
        let player = placement.players.first().filter(|_| placement.scheme == Scheme::Enclave)?;
        Some(&c.player(*player).name)
    }

    /// How many members contribute, at least and at most.
    pub fn size(&self) -> (u32, u32) {
        (self.size.least, self.size.most.unwrap_or(u32::MAX))
    }

    /// Numbers in a contribution.
    pub fn length(&self) -> usize {
        self.layout.length
    }

    /// Bits after the point of what is summed.
    pub fn fraction(&self) -> u8 {
        self.contribution.fraction
    }

    /// What contributions are held to, on shares; `None` if they are summed as they come.
    pub(crate) fn check(&self) -> Result<Option<Check>> {
        Check::of(&self.contribution, &self.layout)
    }

    /// Whether the holders keep each contribution, to check it, and not the sum.
    pub fn keeps_each(&self) -> bool {
        self.contribution.is_checked()
    }

    /// No number of a contribution is greater in size, as long as inputs are within their ranges, and it keeps its bounds.
    pub fn clip(&self) -> f64 {
        let size = |id| {
            let (low, high) = self.agreement.budget().range(id);
            low.abs().max(high.abs())
        };
        let held = |(low, high): (f64, f64)| low.abs().max(high.abs());
        let greatest = self.contribution.parts.iter().map(|part| {
            let number = part.bound.map_or(f64::INFINITY, |bound| held(bound.range())).min(size(part.value));
            let heaviest = part.bound.and_then(Bound::weights).map_or(f64::INFINITY, held);
            part.weight.map_or(number, |weight| {
                let weight = size(weight).min(heaviest);
                (number * weight).max(weight)
            })
        });
        let greatest = greatest.fold(0.0, f64::max);
        if greatest > 0.0 { greatest } else { 1.0 }
    }

    /// Neither a number of the sum nor the number of contributions is greater in size.
    pub fn bound(&self) -> f64 {
        self.clip().max(1.0) * f64::from(self.size().1)
    }

    /// What the sum is called in the holders' stores. It has a quotation mark, so that no program can `load` it.
    pub fn name(&self) -> String {
        format!("\"{}\" of agreement {}", self.group(), self.agreement.digest())
    }

    /// What a member contributes, from its own inputs.
    ///
    /// # Errors
    /// An input that is missing, of another shape, or outside of its range; a number that breaks a bound; and what an
    /// operator refuses.
    pub fn contribute(&self, inputs: &BTreeMap<String, Plain>) -> Result<Zeroizing<Vec<f64>>> {
        let numbers = self.numbers(inputs)?;
        let breaks = |(part, (from, count)): (&Contributed, &(usize, usize))| {
            let end = from + count;
            let weight = part.weight.and_then(|_| numbers.get(end).copied());
            let bound = part.bound.filter(|bound| !bound.holds(&numbers[*from..end], weight))?;
            let value = self.computation().graph.value(part.value).name.clone().unwrap_or_default();
            Some(SessionError::BoundBroken { group: self.group().to_owned(), value, bound: bound.to_string() })
        };
        match self.contribution.parts.iter().zip(&self.layout.parts).find_map(breaks) {
            Some(error) => Err(error),
            None => Ok(numbers),
        }
    }

    /// The numbers of one member's contribution, whether or not they keep their bounds.
    fn numbers(&self, inputs: &BTreeMap<String, Plain>) -> Result<Zeroizing<Vec<f64>>> {
        let (c, dims) = (self.computation(), self.agreement.dims());
        for (instr, id) in c.inputs().filter(|(i, _)| i.placement == c.host(self.contribution.group)) {
            let name = instr.attrs.str("name").unwrap_or_default();
            let Some(plain) = inputs.get(name) else { continue };
            bind::check_input(c, id, name, plain.shape(), dims)?;
            if let Some(range) = self.agreement.budget().input(name) {
                bind::check_range(name, self.group(), plain, range)?;
            }
        }
        let numbers = numbers(c, dims, &self.contribution, inputs)?;
        match numbers.iter().all(|x| x.is_finite()) {
            true => Ok(numbers),
            false => Err(SessionError::InputMisfit {
                player: self.group().to_owned(),
                input: c.graph.value(self.contribution.parts[0].value).name.clone().unwrap_or_default(),
                what: "makes a number that is not finite".into(),
            }),
        }
    }

    /// The shares of the sum over all members, or of each contribution, where each member's inputs are the rows of `inputs`:
    /// for a run in one process.
    ///
    /// # Errors
    /// As [`contribute`](Self::contribute), but for bounds; and fewer or more members than the group has.
    pub(crate) fn share(
        &self,
        inputs: &BTreeMap<String, Plain>,
        origin: Attempt,
        seed: &[u8; 32],
    ) -> Result<BTreeMap<PlayerId, StoredValue>> {
        let members = Members::of(self.group(), inputs)?;
        let (found, (least, most)) = (members.count, self.size());
        if found < least as usize || found > most as usize {
            return Err(SessionError::GroupSize { group: self.group().to_owned(), found, least, most });
        }
        if let Some(check) = self.check()? {
            let mut each = Zeroizing::new(Vec::with_capacity(found * self.length()));
            for i in 0..found {
                let units = check.units(&self.numbers(&members.inputs(i)?)?);
                each.extend(units.iter().map(|x| x.cast_unsigned()));
            }
            return Ok(self.parts(&each, self.meta(Some(found), origin), seed));
        }
        let (clip, scale) = (self.clip(), f64::from(self.fraction()).exp2());
        let mut sum = Zeroizing::new(vec![0u64; self.length()]);
        for i in 0..found {
            let numbers = self.numbers(&members.inputs(i)?)?;
            for (sum, x) in sum.iter_mut().zip(numbers.iter()) {
                *sum = sum.wrapping_add((x.clamp(-clip, clip) * scale).round() as i64 as u64);
            }
        }
        sum.push((found as u64) << self.fraction());
        Ok(self.parts(&sum, self.meta(None, origin), seed))
    }

    /// Shares of a made-up sum, or of contributions of as many members as there may be, which keep all bounds: for
    /// predicting what a run costs.
    pub(crate) fn made_up(&self, origin: Attempt) -> BTreeMap<PlayerId, StoredValue> {
        let (least, most) = self.size();
        if !self.keeps_each() {
            let sum = vec![u64::from(least) << self.fraction(); self.length() + 1];
            return self.parts(&sum, self.meta(None, origin), &[0; 32]);
        }
        let mut one = vec![1.0; self.length()];
        for (part, (from, count)) in self.contribution.parts.iter().zip(&self.layout.parts) {
            let number = match part.bound {
                Some(Bound::Range { low, high } | Bound::Weighted { low, high, .. }) => low.max(1.0).min(high),
                Some(Bound::Norm(_)) => 0.0,
                None => 1.0,
            };
            let weight = part.bound.and_then(Bound::weights).map_or(1.0, |(lightest, _)| lightest);
            one[*from..from + count].fill(number * weight);
            if part.weight.is_some() {
                one[from + count] = weight;
            }
        }
        let scale = f64::from(self.fraction()).exp2();
        let one: Vec<u64> = one.iter().map(|x| ((x * scale).round() as i64).cast_unsigned()).collect();
        self.parts(&one.repeat(most as usize), self.meta(Some(most as usize), origin), &[0; 32])
    }

    /// Values modulo 2^64 as they are held: shared among three, or whole.
    fn parts(&self, whole: &[u64], meta: StoredMeta, seed: &[u8; 32]) -> BTreeMap<PlayerId, StoredValue> {
        let players = &self.computation().placement(self.placement).players;
        match (self.inside(), players.first()) {
            (Some(_), Some(player)) => {
                let value = Value::Plain(Plain::Fixed64(Tensor::from_vec(whole.to_vec()), self.fraction()));
                BTreeMap::from([(*player, StoredValue { meta, bytes: value.to_bytes().into() })])
            }
            _ => self.shares(whole, meta, seed),
        }
    }

    /// A sharing of values modulo 2^64 among the holders.
    fn shares(&self, whole: &[u64], meta: StoredMeta, seed: &[u8; 32]) -> BTreeMap<PlayerId, StoredValue> {
        let mut stream = blake3::Hasher::new_derive_key(SHARING).update(seed).finalize_xof();
        let mut mask = || {
            let mut bytes = Zeroizing::new(vec![0u8; 8 * whole.len()]);
            stream.fill(&mut bytes);
            let words = bytes.chunks_exact(8).map(|b| u64::from_le_bytes(b.try_into().unwrap_or_default()));
            Zeroizing::new(words.collect::<Vec<u64>>())
        };
        let (first, second) = (mask(), mask());
        let rest = whole.iter().zip(first.iter().zip(second.iter()));
        let rest = Zeroizing::new(rest.map(|(x, (a, b))| x.wrapping_sub(*a).wrapping_sub(*b)).collect::<Vec<u64>>());
        let components = [first, second, rest].map(|c| Tensor::from_vec(c.to_vec()));
        let players = &self.computation().placement(self.placement).players;
        let part = |(role, player): (usize, &PlayerId)| {
            let share = Share::new(components[role % 3].clone(), components[(role + 1) % 3].clone());
            let meta = StoredMeta { role, ..meta.clone() };
            (*player, StoredValue { meta, bytes: Value::Rep64(share).to_bytes().into() })
        };
        players.iter().enumerate().map(part).collect()
    }

    /// What a stored part has to be: of as many contributions as it says, if a round could have so many.
    pub(crate) fn declared(&self, stored: &StoredMeta, origin: Attempt) -> StoredMeta {
        let (least, most) = self.size();
        let rows = stored.shape.first().map_or(0, |rows| (*rows).clamp(least as usize, most as usize));
        self.meta(self.keeps_each().then_some(rows), origin)
    }

    /// What a holder's part is, as its store describes it, in the first role: of the sum, or of so many contributions.
    fn meta(&self, rows: Option<usize>, origin: Attempt) -> StoredMeta {
        let owner = self.enroller().into_iter();
        StoredMeta {
            name: self.name(),
            dtype: DType::Fixed { ring: RingBits::B64, frac: self.fraction() },
            shape: rows.map_or(vec![self.length() + 1], |rows| vec![rows, self.length()]),
            scheme: self.computation().placement(self.placement).scheme,
            roles: self.holders().into_iter().map(|(_, identity)| identity).collect(),
            role: 0,
            range: Some((-self.bound(), self.bound())),
            label: StoredLabel(owner.map(|owner| (owner, [owner].into())).collect()),
            origin,
        }
    }

    /// What an operator takes of the sum: its values as `shape`, and what a mean divides them by.
    pub(crate) fn take(&self, whole: &Value, result: ir::ValueId, shape: &[usize]) -> Option<(Value, Option<Value>)> {
        let at = self.contribution.parts.iter().position(|part| part.result == result)?;
        let (from, size) = *self.layout.parts.get(at)?;
        let mean =
            self.computation().graph.body.instrs.iter().any(|i| i.op == ir::Op::FederatedMean && i.results == [result]);
        let divisor = match self.contribution.parts[at].weight {
            _ if !mean => None,
            Some(_) => Some(slice(whole, from + size, &[])?),
            None => Some(slice(whole, self.length(), &[])?),
        };
        Some((slice(whole, from, shape)?, divisor))
    }
}

/// What is at a position of a sum, as a shape.
fn slice(whole: &Value, from: usize, shape: &[usize]) -> Option<Value> {
    let size: usize = shape.iter().product();
    let part = |t: &Tensor<u64>| Tensor::new(shape, t.data().get(from..from + size)?.to_vec()).ok();
    match whole {
        Value::Rep64(share) => Some(Value::Rep64(Share::new(part(share.own())?, part(share.next())?))),
        Value::Plain(Plain::Fixed64(t, fraction)) => Some(Value::Plain(Plain::Fixed64(part(t)?, *fraction))),
        _ => None,
    }
}

/// Where the parts of a contribution are.
pub(crate) fn layout(c: &Computation, contribution: &Contribution, dims: &Dims) -> Result<Layout> {
    contribution.layout(c, dims).map_err(|what| SessionError::DimMisfit { what })
}

/// The numbers of a contribution, from one member's inputs.
pub(crate) fn numbers(
    c: &Computation,
    dims: &Dims,
    contribution: &Contribution,
    inputs: &BTreeMap<String, Plain>,
) -> Result<Zeroizing<Vec<f64>>> {
    let values = reference::at(c, dims, c.host(contribution.group), inputs, &Modules::default())?;
    let mut numbers = Zeroizing::new(Vec::new());
    for part in &contribution.parts {
        let weight = part.weight.and_then(|w| values.get(&w)?.as_f64().data().first().copied());
        let Some(value) = values.get(&part.value) else {
            return Err(SessionError::Internal { what: "what is summed is not at its group".into() });
        };
        numbers.extend(value.as_f64().data().iter().map(|x| x * weight.unwrap_or(1.0)));
        numbers.extend(weight);
    }
    Ok(numbers)
}

/// The inputs of all members of a group, with a row for each.
pub(crate) struct Members {
    inputs: BTreeMap<String, Value>,
    /// How many there are.
    pub(crate) count: usize,
}

impl Members {
    /// The members whose inputs these are.
    pub(crate) fn of(group: &str, inputs: &BTreeMap<String, Plain>) -> Result<Members> {
        let mut count = None;
        for (name, plain) in inputs {
            let rows = plain.shape().first().copied().unwrap_or(0);
            let before = *count.get_or_insert(rows);
            if before != rows {
                let (player, input) = (group.to_owned(), name.clone());
                let what = format!("has rows for {rows} members, and another input for {before}");
                return Err(SessionError::InputMisfit { player, input, what });
            }
        }
        let inputs = inputs.iter().map(|(name, plain)| (name.clone(), Value::Plain(plain.clone()))).collect();
        Ok(Members { inputs, count: count.unwrap_or(0) })
    }

    /// The inputs of one member.
    pub(crate) fn inputs(&self, member: usize) -> Result<BTreeMap<String, Plain>> {
        let row = |(name, all): (&String, &Value)| match all.index(&[IndexItem::At(member as i64)]) {
            Ok(Value::Plain(row)) => Ok((name.clone(), row)),
            _ => Err(SessionError::Internal { what: "a member has no row".into() }),
        };
        self.inputs.iter().map(row).collect()
    }
}
