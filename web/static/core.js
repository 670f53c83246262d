// What is computed: the WebAssembly module, as functions of bytes and text.
"use strict";

/** What a part of this page or the service has against something: a code, a message and a line of help. */
export class Refusal extends Error {
  constructor({ code, message, help }) {
    super(message);
    this.code = code;
    this.help = help;
  }
}

const utf8 = new TextEncoder();
const text = new TextDecoder();

const bytes = (argument) => typeof argument === "string" ? utf8.encode(argument) : argument;

/** A number as 64 bits, little-endian. */
function u64(number) {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, BigInt(number), true);
  return out;
}

export async function load() {
  const { instance } = await WebAssembly.instantiateStreaming(fetch("page.wasm"), {});
  const { memory, reserve, call, answer, length } = instance.exports;

  function ask(what, ...given) {
    const all = given.map(bytes);
    const size = all.reduce((sum, argument) => sum + 4 + argument.length, 0);
    let at = reserve(size) >>> 0;
    // The memory may have moved with the reservation: looked at only now.
    const view = new DataView(memory.buffer);
    for (const argument of all) {
      view.setUint32(at, argument.length, true);
      new Uint8Array(memory.buffer, at + 4, argument.length).set(argument);
      at += 4 + argument.length;
    }
    const failed = call(what);
    const found = new Uint8Array(memory.buffer, answer() >>> 0, length() >>> 0).slice();
    if (failed) throw new Refusal(JSON.parse(text.decode(found)));
    return found;
  }

  const random = () => crypto.getRandomValues(new Uint8Array(32));
  return {
    /** What terms say, for people; refused if they cannot be run. */
    describe: (terms) => JSON.parse(text.decode(ask(0, terms))),
    /** A new key, as the text of a key file. */
    makeKey() {
      const seed = random();
      const key = text.decode(ask(1, seed));
      seed.fill(0);
      return key;
    },
    /** The key that an invitation stands for, as the text of a key file. */
    invited: (code) => text.decode(ask(6, code)),
    /** Whose key it is. */
    identity: (key) => text.decode(ask(2, key)),
    /** The header by which the service knows who asks. */
    credential: (key, challenge, method, target) => text.decode(ask(3, key, challenge, method, target)),
    /** The message that is sent: values masked, seeds sealed, all of it signed. */
    contribute(terms, key, round, weight, values) {
      const seed = random();
      const weights = weight === null ? new Uint8Array(0) : new Uint8Array(u64(weight).buffer, 0, 4);
      const numbers = new Uint8Array(8 * values.length);
      const view = new DataView(numbers.buffer);
      values.forEach((value, i) => view.setFloat64(8 * i, value, true));
      try {
        return ask(4, terms, key, seed, u64(round), weights, numbers);
      } finally {
        seed.fill(0);
        numbers.fill(0);
      }
    },
    /** A published sum as numbers. */
    outcome: (terms, round, result) => JSON.parse(text.decode(ask(5, terms, u64(round), result))),
  };
}
