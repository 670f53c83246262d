//! Live progress of a run: one line for each player on a terminal, nothing where output is redirected.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use privity::session::{Event, Observer};

/// An observer that draws on standard error. indicatif stays silent where that is no terminal.
pub(crate) fn bars() -> Observer {
    let drawn = MultiProgress::new();
    let bars: Mutex<BTreeMap<String, ProgressBar>> = Mutex::default();
    Arc::new(move |event| {
        let mut bars = bars.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started { player, steps } => {
                let style = ProgressStyle::with_template("{prefix:>12} {bar:24} {pos}/{len} {msg}");
                let bar = drawn.add(ProgressBar::new(steps as u64));
                if let Ok(style) = style {
                    bar.set_style(style);
                }
                bar.set_prefix(player.clone());
                bars.insert(player, bar);
            }
            Event::Step { player, op, line, done } => {
                if let Some(bar) = bars.get(&player) {
                    // Iterations of loops count as steps of their own.
                    bar.set_length(bar.length().unwrap_or(0).max(done as u64));
                    bar.set_position(done as u64);
                    bar.set_message(if line > 0 { format!("{op} (line {line})") } else { op.to_owned() });
                }
            }
            Event::Iteration { player, done, of, .. } => {
                if let Some(bar) = bars.get(&player) {
                    bar.set_message(format!("iteration {done} of {of}"));
                }
            }
            Event::Finished { player, rounds, bytes } => {
                if let Some(bar) = bars.get(&player) {
                    bar.set_position(bar.length().unwrap_or(0));
                    bar.finish_with_message(format!("done: {rounds} rounds, {bytes} bytes sent"));
                }
            }
            _ => {}
        }
    })
}
