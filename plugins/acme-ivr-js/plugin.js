// The Acme IVR in JavaScript: greets a caller, offers a menu by keys and words, and leads to the department's queue or to a voice message.
//
// It does what ../acme-ivr does in Rust, and the same file of test cases holds for both. Each answer depends on the event alone; asking
// again is the host's work.

import settingsOf from "jackfield:plugin/settings@0.9.0";
import directory from "jackfield:plugin/directory@0.9.0";

const MENU = "main-menu";
const MESSAGE = "message";

const DEFAULTS = {
  greeting: "Thank you for calling Acme Corporation. It is good to hear from you.",
  menu: "For sales, press 1. For technical support, press 2. For billing, press 3. For anything else, press 0.",
  no_selection: "We did not get a selection. One moment, you are being transferred to general support.",
  no_input: "We did not hear anything.",
  no_match: "That is not one of the choices.",
  voicemail: "Nobody can take your call right now. Please leave a message after the tone, and we will call you back.",
  goodbye: "Thank you. We will call you back. Goodbye.",
  voice: null,
  mailbox: null,
  // A caller who does not answer twice needs a person, not a third time.
  attempts: 2,
  answer_within_s: 5,
  maximum_wait_s: null,
};

const QUEUES = ["sales", "technical-support", "billing", "general-support"];

const text = { type: "string", minLength: 1 };
const SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "Acme IVR",
  type: "object",
  properties: {
    ...Object.fromEntries(["greeting", "menu", "no_selection", "no_input", "no_match", "voicemail", "goodbye"].map((name) => [name, text])),
    voice: { type: ["string", "null"] },
    mailbox: { type: ["string", "null"] },
    queues: { type: "object", properties: Object.fromEntries(QUEUES.map((name) => [name, text])), additionalProperties: false },
    attempts: { type: "integer", minimum: 1, maximum: 10 },
    answer_within_s: { type: "integer", minimum: 1, maximum: 60 },
    maximum_wait_s: { type: ["integer", "null"], minimum: 10 },
  },
};

function readSettings() {
  const given = JSON.parse(settingsOf.all());
  return { ...DEFAULTS, ...given, queues: { ...Object.fromEntries(QUEUES.map((name) => [name, name])), ...given.queues } };
}

const seconds = (count) => count * 1000;
const decision = (actions, reason) => ({ actions, reason, extras: [] });
const keep = (reason) => decision([{ tag: "keep" }], reason);
const hangUp = (reason) => ({ tag: "hang-up", val: reason });
const prompt = (settings, words) => ({ content: { tag: "text", val: words }, language: null, voice: settings.voice });
const say = (settings, words) => ({ tag: "say", val: prompt(settings, words) });

function menu(settings) {
  const choice = (key, value, label, phrases) => ({ key, label, value, phrases });
  return {
    tag: "menu",
    val: {
      collect: {
        tag: MENU,
        prompts: [prompt(settings, settings.menu)],
        dtmf: true,
        speech: true,
        minDigits: 1,
        maxDigits: 1,
        terminator: null,
        firstTimeout: seconds(settings.answer_within_s),
        interDigitTimeout: seconds(2),
        bargeIn: "any",
        hints: [],
        minimumConfidence: null,
        attempts: settings.attempts,
        noInput: [prompt(settings, settings.no_input)],
        noMatch: [prompt(settings, settings.no_match)],
        lowConfidence: [],
        sensitive: false,
        extras: [],
      },
      choices: [
        choice("1", "sales", "Sales", ["buy something", "new order"]),
        choice("2", "technical-support", "Technical support", ["support", "tech support", "help"]),
        choice("3", "billing", "Billing", ["invoice", "payment"]),
        choice("0", "general-support", "Anything else", ["other", "operator", "agent"]),
      ],
    },
  };
}

function enqueue(settings, department, queue) {
  return {
    tag: "enqueue",
    val: {
      tag: department,
      queue,
      priority: null,
      skills: [],
      relaxations: [],
      holdMusic: null,
      announceEvery: null,
      notify: false,
      maximumWait: settings.maximum_wait_s === null ? null : seconds(settings.maximum_wait_s),
      overflow: [],
      extras: [],
    },
  };
}

function voicemail(settings) {
  return {
    tag: "voicemail",
    val: {
      tag: MESSAGE,
      mailbox: settings.mailbox,
      prompts: [prompt(settings, settings.voicemail)],
      maxLength: seconds(120),
      silenceTimeout: null,
      terminator: null,
      beep: true,
      transcribe: false,
    },
  };
}

// A directory that does not answer closes nothing: the queue itself will say when it cannot take the call.
function isClosed(queue) {
  try {
    const hours = directory.getQueue(queue)?.hours;
    const status = hours ? directory.getHours(hours) : null;
    return status ? !status.open : false;
  } catch {
    return false;
  }
}

// To the department's queue, or to a voice message where the queue keeps hours and they are over.
function toDepartment(settings, department, soFar, why) {
  const queue = settings.queues[department] ?? settings.queues["general-support"];
  const actions = [...soFar, { tag: "set-attributes", val: [[MENU, department]] }];
  return isClosed(queue)
    ? decision([...actions, voicemail(settings)], `${why}${department}, but the queue ${queue} is closed`)
    : decision([...actions, enqueue(settings, department, queue)], `${why}${department} takes the call`);
}

function chosen(settings, input) {
  if (input.outcome === "matched") return toDepartment(settings, input.value, [], "");
  if (input.outcome === "hang-up") return keep("the caller has hung up");
  const why = input.outcome === "no-input" ? "the caller said nothing" : `"${input.value}" is not in the menu`;
  const told = [say(settings, settings.no_selection)];
  return toDepartment(settings, "general-support", told, `${why}, asked ${input.attempts} times; `);
}

function queueEnded(settings, ended) {
  if (ended.outcome === "bridged") return decision([hangUp("served")], "an agent has served the caller");
  if (ended.outcome === "hang-up" || ended.outcome === "redirected") return keep("the caller has left");
  return decision([voicemail(settings)], `the queue ${ended.queue} ended: ${ended.outcome}`);
}

function voicemailEnded(settings, ended) {
  return ended.outcome === "recorded"
    ? decision([say(settings, settings.goodbye), hangUp("message taken")], "the caller left a message")
    : decision([hangUp("no message")], "the caller left no message");
}

export const describe = {
  describe: () => ({
    name: "acme-ivr-js",
    version: "1.0.0",
    settingsSchema: JSON.stringify(SCHEMA),
    stateSchema: "",
    outcomes: [],
    events: ["arrived", "input", "queue-ended", "voicemail-ended"],
    actions: ["say", "set-attributes", "menu", "enqueue", "voicemail", "hang-up", "keep"],
    extras: [],
  }),
};

export const router = {
  handle: (_contact, event) => {
    const settings = readSettings();
    switch (event.tag) {
      case "arrived":
        return decision([say(settings, settings.greeting), menu(settings)], "the call has begun; the caller hears the greeting and the menu");
      case "input":
        return chosen(settings, event.val);
      case "queue-ended":
        return queueEnded(settings, event.val);
      case "voicemail-ended":
        return voicemailEnded(settings, event.val);
      default:
        return keep("nothing to do");
    }
  },
};
