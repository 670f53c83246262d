// What is asked of the service: requests that are signed with the key, for a challenge of the service.
"use strict";

import { Refusal } from "./core.js";

/** How long a request may take, waiting for a change included. */
const PATIENCE = 60_000;
const WAIT = 15_000;

const lost = () => new Refusal({
  code: "page.lost",
  message: "the service does not answer",
  help: "see whether you are connected, and try again: what was sent is sent again as it was",
});

async function ask(target, options = {}) {
  let response;
  try {
    const signal = AbortSignal.timeout(options.body ? 10 * PATIENCE : PATIENCE);
    response = await fetch(target, { cache: "no-store", credentials: "omit", redirect: "error", signal, ...options });
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
  } catch {
    throw lost();
  }
  let said;
  try {
    said = await response.json();
  } catch {
    throw lost();
  }
  throw new Refusal(said);
}

const text = (bytes) => new TextDecoder().decode(bytes);
const json = (bytes) => JSON.parse(text(bytes));

/** The sets of terms that the service runs: digests and names. */
export const offered = async () => json(await ask("/v1/terms"));

/** The text of terms. */
export const terms = async (digest) => text(await ask(`/v1/${digest}/terms`));

/** The service as the owner of a key sees it, for one set of terms. */
export function service(core, digest, key) {
  let challenge = null;

  async function signed(method, below, body) {
    const target = `/v1/${digest}/rounds/${below}`;
    for (let again = false; ; again = true) {
      challenge ??= await ask("/v1/challenge");
      try {
        const headers = { Authorization: core.credential(key, challenge, method, target) };
        return await ask(target, { method, headers, body });
      } catch (error) {
        // Challenges age; a fresh one is worth one more try.
        if (error.code !== "aggregator.credential" || again) throw error;
        challenge = null;
      }
    }
  }

  return {
    /** How a round stands; if `after` is given, once it stands otherwise, or after a while. */
    async standing(round = "current", after = null) {
      const changed = after === null ? "" : `&after=${after}`;
      return json(await signed("GET", `${round}?wait_ms=${after === null ? 0 : WAIT}${changed}`));
    },
    contribute: (round, message) => signed("POST", `${round}/contribution`, message),
    result: (round) => signed("GET", `${round}/result`),
  };
}
