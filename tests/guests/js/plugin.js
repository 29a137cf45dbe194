// Greets a call from JavaScript and sends it to sales: a plugin that brings its interpreter along must run like any other.

const text = (content) => ({ content: { tag: "text", val: content }, language: null, voice: null });

const toQueue = (queue) => ({
  tag: "enqueue",
  val: {
    tag: "from-js",
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
    name: "hello from js",
    version: "1.0.0",
    settingsSchema: "{}",
    stateSchema: "",
    outcomes: [],
    events: ["arrived"],
    actions: ["say", "enqueue", "keep"],
    extras: [],
  }),
};

export const router = {
  handle: (contact, event) => {
    if (event.tag !== "arrived") {
      return { actions: [{ tag: "keep" }], reason: "nothing to do", extras: [] };
    }
    return {
      actions: [{ tag: "say", val: text("Hello from js.") }, toQueue("sales")],
      reason: `hello from js to ${contact.tenant}`,
      extras: [],
    };
  },
};
