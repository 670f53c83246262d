// The page: what it shows, and what its buttons do.
"use strict";

import { load, Refusal } from "./core.js";
import { offered, service, terms as fetchTerms } from "./service.js";

const KEY = "privity key";
const PAUSE = 2_000;
/** Rows of a result that are shown; all of them can be saved. */
const ROWS = 100;

const $ = (selector) => document.querySelector(selector);
const pause = () => new Promise((done) => setTimeout(done, PAUSE));

function add(parent, tag, text) {
  const made = parent.appendChild(document.createElement(tag));
  made.textContent = text;
  return made;
}

/** An error's words: what happened, what to do, and the code for whoever is asked. */
function words(error) {
  if (error instanceof Refusal) return `${error.message} (${error.code}). ${error.help}.`;
  return `this page failed: ${error.message ?? error}`;
}

function say(where, text, kind = "") {
  where.textContent = text;
  where.className = kind;
  where.hidden = false;
}

/** Offers bytes as a file. */
function save(name, text, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** Numbers of a text, or a refusal that names the first that is none. */
function numbers(text) {
  const found = text.split(/[\s,;]+/).filter((word) => word !== "");
  return found.map((word) => {
    const number = Number(word);
    if (!Number.isFinite(number)) {
      const help = "write numbers such as 3, -0.5 or 1e-3, with a point before the fraction";
      throw new Refusal({ code: "page.values", message: `“${word.slice(0, 40)}” is no number`, help });
    }
    return number;
  });
}

/** Which terms the link means, or the only ones; otherwise the reader chooses. */
async function choose() {
  const asked = location.hash.slice(1);
  if (/^[0-9a-f]{64}$/.test(asked)) return asked;
  const all = await offered();
  if (all.length === 1) return all[0].terms;
  for (const { terms, name } of all) {
    const link = add(add($("#choice ul"), "li", ""), "a", name);
    link.href = `#${terms}`;
  }
  $("#choice").hidden = false;
  return null;
}

function show(described) {
  const { name, length, clip, minimum, most, rounds, weights, aggregators, published } = described;
  $("#name").textContent = name;
  document.title = `Privity: ${name}`;
  const rows = [
    ["You give", `${length} ${length === 1 ? "number" : "numbers"}; each is clipped to the range from ${-clip} to ${clip}`],
    ["Published", published
      ? `their sum over at least ${minimum} contributions (at most ${most}), in each of ${rounds} rounds`
      : `nothing: the aggregators keep the sum over at least ${minimum} contributions as shares, for what they agree to compute`],
    ["Protected", described.assumption],
    ...aggregators.map(({ name, identity }) => ["Aggregator", `${name}: ${identity}`]),
    ["Who may read", ["all who are enrolled, the aggregators", ...described.readers].join(", ")],
    ["Enroller", described.enroller],
    ["Service", described.service],
    ["Terms", described.digest],
  ];
  if (weights !== null) rows.splice(1, 0, ["Weight", `a whole number up to ${weights}, as private as the values`]);
  if (described.share < 1) rows.splice(1, 0, ["Drawn", `${described.share} of all who are enrolled take part in a round, by lot`]);
  for (const [what, text] of rows) {
    add($("#terms"), "dt", what);
    add($("#terms"), "dd", text);
  }
  $("#weighted").hidden = weights === null;
  $("#weight").required = weights !== null;
  $("#weight").max = weights ?? "";
  $("main").hidden = false;
}

class Page {
  constructor(core, terms, described) {
    Object.assign(this, { core, terms, described, identity: null, service: null, unanswered: null, outcome: null });
    $("#contribution").addEventListener("submit", (event) => this.submit(event));
    $("#values").addEventListener("input", () => this.count());
    $("#make").addEventListener("click", () => this.use(core.makeKey()));
    $("#invited").addEventListener("submit", (event) => this.accept(event));
    $("#open").addEventListener("change", (event) => this.open(event.target));
    $("#save").addEventListener("click", () => save("privity.key", localStorage.getItem(KEY), "text/plain"));
    $("#forget").addEventListener("click", () => this.forget());
    $("#download").addEventListener("click", () => this.download());
    const kept = localStorage.getItem(KEY);
    this.somebody(null);
    if (kept !== null) this.use(kept);
    this.count();
  }

  /** Takes a key, keeps it in this browser, and looks at the rounds as its owner. */
  use(key) {
    const said = $("#said");
    try {
      const identity = this.core.identity(key);
      localStorage.setItem(KEY, key);
      this.service = service(this.core, this.described.digest, key);
      this.unanswered = null;
      this.somebody(identity);
      say(said, "");
      this.watch(this.service);
      const round = localStorage.getItem(this.mark());
      if (round !== null) this.follow(this.service, Number(round));
    } catch (error) {
      say(said, words(error), "refused");
    }
  }

  /** Makes the key that an invitation stands for. */
  accept(event) {
    event.preventDefault();
    try {
      this.use(this.core.invited($("#code").value));
      event.target.reset();
    } catch (error) {
      say($("#said"), words(error), "refused");
    }
  }

  async open(input) {
    const [file] = input.files;
    const replaced = "Use this key instead? Without a file of the one that is in use now, nobody can use that again.";
    if (file && (this.identity === null || confirm(replaced))) this.use(await file.text());
    input.value = "";
  }

  forget() {
    if (!confirm("Forget the key? Without a file of it nobody can contribute or read results with it again.")) return;
    localStorage.removeItem(KEY);
    this.service = null;
    this.somebody(null);
    $("#round").textContent = "";
  }

  somebody(identity) {
    this.identity = identity;
    $("#identity").textContent = identity ?? "";
    $("#nobody").hidden = identity !== null;
    $("#make").hidden = identity !== null;
    $("#invited").hidden = identity !== null;
    for (const of of ["#somebody", "#save", "#forget"]) $(of).hidden = identity === null;
    $("#contribute").disabled = identity === null || this.described.impossible !== null;
    if (this.described.impossible !== null) {
      say($("#said"), `Take part with \`privity contribute\`: ${this.described.impossible}.`);
    }
  }

  /** Where the browser remembers which round this identity contributed to. */
  mark() {
    return `privity round ${this.described.digest} ${this.identity}`;
  }

  count() {
    let have = "";
    try {
      const text = $("#values").value;
      if (text.trim() !== "") have = `${numbers(text).length} of ${this.described.length} numbers`;
    } catch (error) {
      have = error.message;
    }
    $("#counted").textContent = have;
  }

  /** Shows how the current round stands, as long as the key is in use. */
  async watch(of) {
    let after = null;
    while (this.service === of) {
      try {
        const standing = await of.standing("current", after);
        if (this.service !== of) return;
        const { round, phase, have, of: all, closes_in_ms: left } = standing;
        const open = phase === "waiting" || phase === "collect";
        const ends = left === null ? "" : `, at most ${Math.ceil(left / 1000)} s more`;
        const state = open ? `takes contributions: ${phase === "waiting" ? 0 : have} of ${all} are there${ends}` : phase;
        say($("#round"), `Round ${round} of ${this.described.rounds}: ${state}`);
        after = phase;
      } catch (error) {
        if (this.service !== of) return;
        say($("#round"), words(error), "refused");
        after = null;
        await pause();
      }
    }
  }

  async submit(event) {
    event.preventDefault();
    const [of, said, button] = [this.service, $("#said"), $("#contribute")];
    button.disabled = true;
    say(said, "Sending …");
    try {
      // What was sent and not answered is sent again as it was: another contribution would be a second one.
      const { round, message } = this.unanswered ?? await this.prepare(of);
      this.unanswered = { round, message };
      await of.contribute(round, message);
      this.unanswered = null;
      localStorage.setItem(this.mark(), round);
      $("#values").value = "";
      this.count();
      say(said, `Round ${round} has your contribution. You may leave; the round tells whether enough others came.`, "accepted");
      this.follow(of, round);
    } catch (error) {
      if (error.code !== "page.lost") this.unanswered = null;
      say(said, words(error), "refused");
    }
    button.disabled = this.service === null;
  }

  async prepare(of) {
    const values = numbers($("#values").value);
    const weight = this.described.weights === null ? null : Number($("#weight").value);
    const { round } = await of.standing();
    return { round, message: this.core.contribute(this.terms, localStorage.getItem(KEY), round, weight, values) };
  }

  /** Waits for the end of a round, and shows what it published. */
  async follow(of, round) {
    let after = null;
    while (this.service === of) {
      try {
        const { phase, reason } = await of.standing(round, after);
        after = phase;
        if (phase === "failed") return say($("#said"), `Round ${round} failed: ${reason}. Nothing was published.`, "refused");
        if (phase === "kept") return say($("#said"), `Round ${round} is over: the aggregators keep its sum as shares.`, "accepted");
        if (phase === "published") {
          const outcome = this.core.outcome(this.terms, round, await of.result(round));
          if (this.service === of) this.publish(outcome);
          return;
        }
      } catch (error) {
        if (error.code !== "page.lost") return say($("#said"), words(error), "refused");
        await pause();
      }
    }
  }

  publish(outcome) {
    this.outcome = outcome;
    const { round, contributions, sum, mean, weight, noise } = outcome;
    const more = [
      weight === null ? null : `their weights add up to ${weight}`,
      noise === null ? null : `noise of a standard deviation of ${noise.toPrecision(4)} in each sum`,
      sum.length > ROWS ? `the first ${ROWS} of ${sum.length} values are shown` : null,
    ].filter((text) => text !== null);
    $("#result h2").textContent = `Result of round ${round}`;
    $("#result p").textContent = [`${contributions} contributions`, ...more].join("; ");
    $("#result tbody").replaceChildren();
    sum.slice(0, ROWS).forEach((value, i) => {
      const row = add($("#result tbody"), "tr", "");
      [i + 1, value.toPrecision(8), mean[i].toPrecision(8)].forEach((cell) => add(row, "td", cell));
    });
    $("#result").hidden = false;
  }

  download() {
    const { round, sum, mean } = this.outcome;
    const rows = sum.map((value, i) => `${i + 1},${value},${mean[i]}`);
    save(`round-${round}.csv`, ["value,sum,mean", ...rows, ""].join("\n"), "text/csv");
  }
}

async function start() {
  // Another link, another set of terms.
  addEventListener("hashchange", () => location.reload());
  try {
    const core = await load();
    const digest = await choose();
    if (digest === null) return;
    const terms = await fetchTerms(digest);
    const described = core.describe(terms);
    if (described.digest !== digest) {
      const help = "do not contribute; ask whoever gave you the link";
      throw new Refusal({ code: "page.terms", message: "the service gave other terms than the link says", help });
    }
    show(described);
    new Page(core, terms, described);
  } catch (error) {
    say($("#trouble"), words(error), "refused");
  }
}

start();
