// Builds what a plugin answers, with the defaults that nearly every plugin wants: the same as those of the SDK for Rust.
//
// Each function gives a value of the contract (types/contract.d.ts), so what it does not know can be written out, and `more` overrides
// any field: enqueue("sales", { maximumWait: 120_000 }). Times are milliseconds.

/** @typedef {jackfield.Decisions.Action} Action */
/** @typedef {jackfield.Types.Prompt} Prompt */
/** @typedef {string | Prompt} Words */

/** What the customer hears: plain text, or a prompt as it is. @param {Words} words @returns {Prompt} */
export const prompt = (words) => (typeof words === "string" ? { content: { tag: "text", val: words }, language: null, voice: null } : words);

/** One SSML fragment. @param {string} ssml @returns {Prompt} */
export const ssml = (ssml) => ({ content: { tag: "ssml", val: ssml }, language: null, voice: null });

/** An audio file. @param {string} url @returns {Prompt} */
export const audio = (url) => ({ content: { tag: "audio", val: url }, language: null, voice: null });

/** @param {Words} words @returns {Action} */
export const say = (words) => ({ tag: "say", val: prompt(words) });

/** Leaves things as they are. @returns {Action} */
export const keep = () => ({ tag: "keep" });

/** @param {Record<string, string>} attributes @returns {Action} */
export const setAttributes = (attributes) => ({ tag: "set-attributes", val: Object.entries(attributes) });

/** @param {string} [reason] @returns {Action} */
export const hangUp = (reason) => ({ tag: "hang-up", val: reason ?? null });

/**
 * One choice of a menu: the key, what the plugin gets, what people call it, and words that mean it.
 * @param {string} key @param {string} value @param {string} label @param {string[]} [phrases] @returns {jackfield.Decisions.Choice}
 */
export const choice = (key, value, label, phrases = []) => ({ key, value, label, phrases });

/**
 * Asks for digits, once. Where fewer than the most are enough, # ends the answer.
 * @param {string} tag @param {Words} words @param {number} least @param {number} most
 * @param {Partial<jackfield.Decisions.Collect>} [more] @returns {jackfield.Decisions.Collect}
 */
export const digits = (tag, words, least, most, more = {}) => ({
  tag,
  prompts: [prompt(words)],
  dtmf: true,
  speech: false,
  minDigits: least,
  maxDigits: most,
  terminator: least < most ? "#" : null,
  firstTimeout: 5_000,
  interDigitTimeout: 3_000,
  bargeIn: "any",
  hints: [],
  minimumConfidence: null,
  attempts: 1,
  noInput: [],
  noMatch: [],
  lowConfidence: [],
  sensitive: false,
  extras: [],
  ...more,
});

/** Asks. @param {jackfield.Decisions.Collect} collect @returns {Action} */
export const ask = (collect) => ({ tag: "collect", val: collect });

/**
 * A menu that waits for as many keys as its longest choice has.
 * @param {string} tag @param {Words} words @param {jackfield.Decisions.Choice[]} choices
 * @param {Partial<jackfield.Decisions.Collect>} [more] @returns {Action}
 */
export const menu = (tag, words, choices, more = {}) => {
  const most = Math.max(1, ...choices.map((choice) => choice.key.length));
  return { tag: "menu", val: { collect: digits(tag, words, 1, most, { terminator: null, ...more }), choices } };
};

/**
 * Into a queue of the tenant's directory.
 * @param {string} queue @param {Partial<jackfield.Decisions.Enqueue>} [more] @returns {Action}
 */
export const enqueue = (queue, more = {}) => ({
  tag: "enqueue",
  val: {
    tag: queue.replace(/[^A-Za-z0-9_.-]/g, "-").slice(0, 64),
    queue,
    priority: null,
    skills: [],
    relaxations: [],
    holdMusic: null,
    announceEvery: null,
    notify: false,
    maximumWait: null,
    overflow: [],
    extras: [],
    ...more,
  },
});

/**
 * Connects the customer with somebody else, blind: { tag: "number", val: "+14155550100" }, or a person, a flow, a SIP address.
 * @param {string} tag @param {jackfield.Decisions.Target} target @param {Partial<jackfield.Decisions.Transfer>} [more] @returns {Action}
 */
export const transfer = (tag, target, more = {}) => ({
  tag: "transfer",
  val: {
    tag,
    targets: [target],
    ringing: "series",
    ringTimeout: null,
    talkLimit: null,
    callerId: null,
    whisper: null,
    screening: false,
    warm: false,
    extras: [],
    ...more,
  },
});

/**
 * Lets the customer leave a message: two minutes, ended by # or five seconds of silence.
 * @param {string} tag @param {Words} words @param {Partial<jackfield.Decisions.Voicemail>} [more] @returns {Action}
 */
export const voicemail = (tag, words, more = {}) => ({
  tag: "voicemail",
  val: {
    tag,
    mailbox: null,
    prompts: [prompt(words)],
    maxLength: 120_000,
    silenceTimeout: 5_000,
    terminator: "#",
    beep: true,
    transcribe: false,
    ...more,
  },
});

/**
 * Writes to the customer, on the contact's channel.
 * @param {string} text @param {Partial<jackfield.Decisions.SendMessage>} [more] @returns {Action}
 */
export const sendMessage = (text, more = {}) => ({
  tag: "send-message",
  val: { to: null, channel: null, text, media: [], choices: [], template: null, replyTo: null, extras: [], ...more },
});

/** Actions in their order, and why: whoever asks "why did this call go there?" reads it. @param {string} reason @param {Action[]} actions @returns {jackfield.Decisions.Decision} */
export const decide = (reason, ...actions) => ({ actions, reason, extras: [] });

/**
 * What the plugin says of itself. `actions` and `events` are what it may return and handles; the rest is empty where it is left out.
 * @param {string} name @param {string} version
 * @param {Partial<jackfield.Describe.Metadata>} more @returns {jackfield.Describe.Metadata}
 */
export const metadata = (name, version, more) => ({
  name,
  version,
  settingsSchema: "{}",
  stateSchema: "",
  outcomes: [],
  events: [],
  actions: [],
  extras: [],
  ...more,
});

/**
 * Makes what a function throws by mistake a failure that says what and where; without it a trap says neither. A failure of the contract goes
 * on as it is: throw { tag: "unavailable", val: "the calendar did not answer" }. What a capability answered and nobody caught is a mistake.
 * @template {unknown[]} A
 * @template R
 * @param {(...given: A) => R} work @returns {(...given: A) => R}
 */
export const guarded =
  (work) =>
  (...given) => {
    try {
      return work(...given);
    } catch (thrown) {
      throw isFailure(thrown) ? thrown : { tag: "internal", val: `${said(thrown)}${where(thrown)}` };
    }
  };

/** @param {any} thrown */
const isFailure = (thrown) =>
  ["unsupported", "bad-settings", "unavailable", "internal"].includes(thrown?.tag) ? typeof thrown.val === "string" : thrown?.tag === "other" && typeof thrown.val?.kind === "string";

/** A capability's error comes as an Error that carries it. @param {any} thrown */
const said = (thrown) => {
  const answered = thrown?.payload?.tag ?? thrown?.tag;
  return typeof answered === "string" ? `a capability answered ${answered}` : String(thrown);
};

/** The innermost places, in the bundle that the component was made of. @param {any} thrown */
const where = (thrown) => {
  const stack = typeof thrown?.stack === "string" ? thrown.stack : "";
  const places = stack.split("\n").map((/** @type {string} */ line) => line.trim().replace(/^at /, "")).filter(Boolean);
  return places.length > 0 ? ` in ${places.slice(0, 4).join(" < ")}` : "";
};
