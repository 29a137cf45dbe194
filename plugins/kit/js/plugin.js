// Answers a call with a menu and sends the customer to the queue that was chosen: the smallest good plugin.
//
// Change what `describe` says, then what `handle` answers. `jackfield plugin build` makes a component of it, `jackfield plugin test` runs the
// cases. What an event, an action or a capability looks like stands in wit/: `minDigits` here is `min-digits` there, and a case of a variant
// is { tag, val }. A capability is imported by its interface, for example:
//
//   import settings from "jackfield:plugin/settings@0.9.0";
//   const own = JSON.parse(settings.all());

const prompt = (words) => ({ content: { tag: "text", val: words }, language: null, voice: null });
const say = (words) => ({ tag: "say", val: prompt(words) });
const decision = (actions, reason) => ({ actions, reason, extras: [] });

const choice = (key, value, label) => ({ key, label, value, phrases: [] });

const menu = {
  tag: "menu",
  val: {
    collect: {
      tag: "main",
      prompts: [prompt("For sales press 1. For support press 2.")],
      dtmf: true,
      speech: true,
      minDigits: 1,
      maxDigits: 1,
      terminator: null,
      firstTimeout: 5000,
      interDigitTimeout: 2000,
      bargeIn: "any",
      hints: [],
      minimumConfidence: null,
      attempts: 2,
      noInput: [],
      noMatch: [prompt("That is not one of the choices.")],
      lowConfidence: [],
      sensitive: false,
      extras: [],
    },
    choices: [choice("1", "sales", "Sales"), choice("2", "support", "Support")],
  },
};

const enqueue = (queue) => ({
  tag: "enqueue",
  val: {
    tag: "queue",
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
  },
});

export const describe = {
  describe: () => ({
    name: "NAME",
    version: "1.0.0",
    settingsSchema: "{}",
    stateSchema: "",
    outcomes: [],
    events: ["arrived", "input"],
    actions: ["say", "menu", "enqueue", "keep"],
    extras: [],
  }),
};

export const router = {
  handle: (_contact, event) => {
    switch (event.tag) {
      case "arrived":
        return decision([menu], "the call has begun");
      case "input":
        return event.val.outcome === "matched"
          ? decision([enqueue(event.val.value)], "the customer chose")
          : decision([say("Please hold the line."), enqueue("support")], "no choice was made");
      default:
        return decision([{ tag: "keep" }], "nothing to do");
    }
  },
};
