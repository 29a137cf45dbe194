// The plugin contract for editors and for tsc. Made of wit/ by `cargo xtask types`; a change here is lost.
// A moment and a duration are numbers of milliseconds.

declare namespace jackfield {
  /** Lines for the plugin's own developer. They stand in the contact's trail. */
  namespace Log {
    /** How much it matters. */
    type Level =
      /** For whoever looks for a fault. */
      | "debug"
      /** What happened. */
      | "info"
      /** What is odd. */
      | "warn"
      /** What went wrong. */
      | "error"
      ;
    interface Functions {
      /** Writes one line. Control characters are escaped. More bytes than the budget allows end the invocation. */
      write(level: Log.Level, message: string, fields: ([string, string])[]): void;
    }
  }
  /** Words that several interfaces share. It has no functions, so it costs neither side anything. */
  namespace Types {
    /**
     * Something this version of the contract has no case for. `kind` is registered in wit/README.md, `data` is JSON of at
     * most 16 KiB. A host that does not know a kind which a plugin returned reports a failure that names it; a plugin that
     * does not know a kind which it was given answers `keep`.
     */
    interface Extension {
      /** Registered name, lower case with dashes. */
      kind: string;
      /** A JSON value. */
      data: string;
    }
    /** Names and values for what later versions add to a record. A name that the reader does not know is ignored. */
    type Extras = ([string, string])[];
    /** A duration in milliseconds. */
    type Milliseconds = number;
    /** A moment: milliseconds since 1970-01-01T00:00:00Z. */
    type Moment = number;
    /** Why a plugin gives no answer. The host then answers by the fallback rule, and the tenant sees the failure. */
    type Failure =
      /** The plugin does not handle this kind of event. */
      | { tag: "unsupported"; val: string }
      /** A setting is missing or has a value that the plugin cannot use; names the setting. */
      | { tag: "bad-settings"; val: string }
      /** Something that the plugin needs did not answer. */
      | { tag: "unavailable"; val: string }
      /** Anything else; a sentence for the plugin's own developer. */
      | { tag: "internal"; val: string }
      /** A reason that this version has no case for. */
      | { tag: "other"; val: Types.Extension }
      ;
    /** One party's address, as the provider wrote it and normalised. */
    interface Endpoint {
      /** As it arrived, for example "whatsapp:+14155550100" or "sip:sales@example.com". */
      raw: string;
      /** E.164 with the leading plus, where it is a telephone number. */
      e164: string | null;
    }
    /** What a prompt says. */
    type PromptContent =
      /** Plain text; the host escapes it. */
      | { tag: "text"; val: string }
      /** One SSML document or fragment; the host refuses one that is not well formed. */
      | { tag: "ssml"; val: string }
      /** An https URL of an audio file. */
      | { tag: "audio"; val: string }
      /** A form that this version has no case for. */
      | { tag: "other"; val: Types.Extension }
      ;
    /** Something that the customer hears or reads. */
    interface Prompt {
      /** What is said. */
      content: Types.PromptContent;
      /** BCP 47 tag; the contact's language where absent. */
      language: string | null;
      /** The provider's name of a voice; the connection's voice for the language where absent. */
      voice: string | null;
    }
  }
  /** The call or conversation that an event belongs to. It has no functions. */
  namespace Contacts {
    type Endpoint = Types.Endpoint;
    type Extras = Types.Extras;
    type Moment = Types.Moment;
    /** The person or number at the other end, as far as the tenant lets plugins see it. */
    interface Party {
      /** Stable for this customer within the tenant; opaque where the tenant keeps no personal data. */
      id: string;
      /** The address; raw is empty where it was withheld. */
      address: Contacts.Endpoint;
      /** The name that the provider delivered, never verified. */
      name: string | null;
      /** True where the customer withheld the number. */
      anonymous: boolean;
      /** STIR/SHAKEN attestation of the call: "A", "B", "C", "failed" or "none"; absent where the provider says nothing. */
      attestation: string | null;
    }
    /** JSON that was written from outside during the contact, for example by a supervisor. */
    interface Context {
      /** A JSON object. */
      json: string;
      /** Counts the writes, from 1. */
      revision: number;
    }
    /** One call or conversation, from arrival to end. */
    interface Contact {
      /** Jackfield's id of the contact. */
      id: string;
      /** The tenant's name. */
      tenant: string;
      /** The flow's name. */
      flow: string;
      /** The number of the release that runs. */
      release: number;
      /** "voice", "sms", "whatsapp", "chat" or "email"; more will come. */
      channel: string;
      /** "inbound" or "outbound". */
      direction: string;
      /** "twilio", "amazon-connect", "whatsapp", "kamailio" and so on; more will come. */
      provider: string;
      /** The other end. */
      customer: Contacts.Party;
      /** What the customer dialled or wrote to. */
      entry: Contacts.Endpoint;
      /** Who forwarded the contact to the entry address. */
      forwardedFrom: Contacts.Endpoint | null;
      /** The contact that this one came from. */
      parent: string | null;
      /** BCP 47 tag now in force. */
      language: string;
      /** When the contact arrived. */
      started: Contacts.Moment;
      /** The event's time. Time stands still during an invocation. */
      now: Contacts.Moment;
      /** Minutes to add to UTC for the tenant's local time at `now`. */
      zoneOffset: number;
      /** The host stops waiting for this invocation then. */
      deadline: Contacts.Moment;
      /** 1 for the first event that expects an answer, then counted up. */
      turn: number;
      /** 1, or 2 where the release before this one failed on the same event. */
      attempt: number;
      /** What `set-attributes` wrote so far. */
      attributes: ([string, string])[];
      /** What was written from outside, if anything was. */
      context: Contacts.Context | null;
      /** Headers that begin with X-, lower case, as far as the provider hands them on. */
      headers: ([string, string])[];
      /** For later versions. */
      extras: Contacts.Extras;
    }
  }
  /** What is known about the person at the other end, without saying who it is. */
  namespace Customer {
    type Extension = Types.Extension;
    type Moment = Types.Moment;
    /** Why it cannot be said. */
    type CustomerError =
      /** The release has no grant for `customer`. */
      | { tag: "denied" }
      /** The invocation has used its host calls. */
      | { tag: "exhausted" }
      /** The host could not read it in time. */
      | { tag: "unavailable" }
      /** A reason that this version has no case for. */
      | { tag: "other"; val: Customer.Extension }
      ;
    /** What the customer said to an `ask-consent`. */
    type Consent =
      /** Never asked. */
      | "unknown"
      /** Yes. */
      | "given"
      /** No, or withdrawn. */
      | "refused"
      ;
    interface Functions {
      /** A number from 0 to 9,999 that is the same for this customer, tenant and salt; by contact where the customer is unknown. */
      bucket(salt: string): number;
      /** When this customer's contact before this one began; none where there was none or nothing may be kept. */
      lastSeen(): Customer.Moment | null;
      /** Whether the customer agreed. */
      getConsent(topic: string): Customer.Consent;
    }
  }
  /** Says what the plugin is. Run once per upload, without any capability. Every plugin exports it. */
  namespace Describe {
    type Extras = Types.Extras;
    /** What the plugin says of itself. It is never trusted for limits or permissions. */
    interface Metadata {
      /** What people call it. */
      name: string;
      /** Its developer's version, free text. */
      version: string;
      /** JSON Schema that settings must fit; "{}" accepts anything. */
      settingsSchema: string;
      /** Names the shape of its state. A release with another one never takes over a running contact. */
      stateSchema: string;
      /** What `outcome.report` may name. */
      outcomes: string[];
      /** Events that it handles, by case name, for example "input". */
      events: string[];
      /** Actions that it may return, by case name, for example "enqueue". Any other is a failure. */
      actions: string[];
      /** For later versions. */
      extras: Describe.Extras;
    }
    interface Functions {
      /** Says it. */
      describe(): Describe.Metadata;
    }
  }
  /** The tenant's queues, flows, people and hours, read live; the revision that was read is recorded. */
  namespace Directory {
    type Endpoint = Types.Endpoint;
    type Extension = Types.Extension;
    type Extras = Types.Extras;
    type Milliseconds = Types.Milliseconds;
    type Moment = Types.Moment;
    /** Why the directory does not answer. */
    type DirectoryError =
      /** The release has no grant for `directory`. */
      | { tag: "denied" }
      /** The invocation has used its host calls. */
      | { tag: "exhausted" }
      /** The host could not read it in time. */
      | { tag: "unavailable" }
      /** A reason that this version has no case for. */
      | { tag: "other"; val: Directory.Extension }
      ;
    /** A queue. */
    interface Queue {
      /** Unique within the tenant. */
      name: string;
      /** What people call it. */
      label: string;
      /** BCP 47 tag of the agents' language. */
      language: string | null;
      /** The hours that it keeps, by name. */
      hours: string | null;
      /** For later versions. */
      extras: Directory.Extras;
    }
    /** How a queue stands now, where a provider or the API feeds it. */
    interface QueueStatus {
      /** Who waits. */
      waiting: number;
      /** Agents who could take a contact. */
      staffed: number;
      /** The longest wait. */
      oldest: Directory.Milliseconds;
      /** When it was reported. */
      reported: Directory.Moment;
    }
    /** Someone who can be called. */
    interface Person {
      /** Unique within the tenant. */
      name: string;
      /** What people call them. */
      label: string;
      /** Where they are reached. */
      address: Directory.Endpoint;
    }
    /** Whether it is open now, in the tenant's zone. */
    interface HoursStatus {
      /** True where it is open. */
      open: boolean;
      /** When that changes, if it is known within 14 days. */
      changesAt: Directory.Moment | null;
      /** The holiday or exception that decides, where one does. */
      exception: string | null;
    }
    /** The tenant closed everything at once. */
    interface Closure {
      /** Why, in the words of who did it. */
      reason: string;
      /** When it ends by itself. */
      until: Directory.Moment | null;
    }
    /** A part of a list. */
    interface Names {
      /** In order. */
      items: string[];
      /** Where to go on; none at the end. */
      next: string | null;
    }
    interface Functions {
      /** One queue, by name. */
      getQueue(name: string): Directory.Queue | null;
      /** The names of all queues, at most 100 at a time. */
      listQueues(cursor: string | null): Directory.Names;
      /** How a queue stands; none where nobody reports it. */
      getQueueStatus(name: string): Directory.QueueStatus | null;
      /** One person, by name. */
      getPerson(name: string): Directory.Person | null;
      /** Whether the tenant has a flow of that name. */
      hasFlow(name: string): boolean;
      /** Opening hours at the event's time, by name; none where no hours have that name. */
      getHours(name: string): Directory.HoursStatus | null;
      /** The emergency closure, if one is in force at the event's time. */
      getClosure(): Directory.Closure | null;
    }
  }
  /** What just happened in a contact. It has no functions. */
  namespace Events {
    type Extension = Types.Extension;
    type Extras = Types.Extras;
    type Milliseconds = Types.Milliseconds;
    type Moment = Types.Moment;
    /** How a `collect` or `menu` ended, after the host has used up its re-prompts. */
    type InputOutcome =
      /** The customer gave what was asked for. */
      | "matched"
      /** The customer gave something else. */
      | "no-match"
      /** Nothing came in time. */
      | "no-input"
      /** Speech was recognised below the minimum confidence. */
      | "low-confidence"
      /** The customer ended the contact meanwhile. */
      | "hang-up"
      ;
    /** Another reading of what was said. */
    interface Alternative {
      /** The text. */
      value: string;
      /** 0.0 to 1.0. */
      confidence: number;
    }
    /** The answer to a `collect` or `menu`. */
    interface Input {
      /** The tag of the action that asked. */
      tag: string;
      /** How it ended. */
      outcome: Events.InputOutcome;
      /** "digits", "speech", "choice" or "text"; empty where nothing came. */
      kind: string;
      /** Digits, recognised text or, from a `menu`, the matched choice's value. Empty where nothing came. */
      value: string;
      /** 0.0 to 1.0, where it was recognised speech. */
      confidence: number | null;
      /** Other readings, best first. */
      alternatives: Events.Alternative[];
      /** How often the customer was asked, from 1. */
      attempts: number;
      /** For later versions. */
      extras: Events.Extras;
    }
    /** A file that came with a message. */
    interface Media {
      /** Where the host can fetch it. */
      url: string;
      /** MIME type. */
      mime: string;
      /** File name, if the customer's device gave one. */
      name: string | null;
    }
    /** Something the customer wrote. */
    interface Message {
      /** The provider's id of the message. */
      id: string;
      /** The text; empty for media alone. */
      text: string;
      /** Files. */
      media: Events.Media[];
      /** The value of the button or list row that was pressed. */
      choice: string | null;
      /** The provider's id of the message that this one answers. */
      replyTo: string | null;
      /** For later versions. */
      extras: Events.Extras;
    }
    /** What became of a message that was sent. */
    interface MessageStatus {
      /** The provider's id of the message. */
      id: string;
      /** "queued", "sent", "delivered", "read" or "failed"; more will come. */
      status: string;
      /** The provider's error code, where it failed. */
      error: string | null;
    }
    /** A `transfer` came back. */
    interface DialEnded {
      /** The tag of the action that dialled. */
      tag: string;
      /** "completed", "busy", "no-answer", "failed", "canceled" or "screened-out"; more will come. */
      outcome: string;
      /** Which target was reached, counted from 0 in the order of the action; absent where none was. */
      leg: number | null;
      /** How long the two talked. */
      talked: Events.Milliseconds;
      /** For later versions. */
      extras: Events.Extras;
    }
    /** The customer waits in a queue, and the plugin may choose what is heard. */
    interface QueueWaiting {
      /** The tag of the action that enqueued. */
      tag: string;
      /** The queue's name. */
      queue: string;
      /** 1 is next. */
      position: number | null;
      /** How long so far. */
      waited: Events.Milliseconds;
      /** What the provider expects in all. */
      estimate: Events.Milliseconds | null;
      /** How many wait now. */
      size: number | null;
      /** For later versions. */
      extras: Events.Extras;
    }
    /** The customer left a queue. */
    interface QueueEnded {
      /** The tag of the action that enqueued. */
      tag: string;
      /** The queue's name. */
      queue: string;
      /** "bridged", "left", "hang-up", "full", "timed-out", "redirected" or "failed"; more will come. */
      outcome: string;
      /** How long in all. */
      waited: Events.Milliseconds;
      /** For later versions. */
      extras: Events.Extras;
    }
    /** The customer left a conference. */
    interface ConferenceEnded {
      /** The tag of the action. */
      tag: string;
      /** "left", "removed", "ended" or "failed"; more will come. */
      outcome: string;
      /** How long the customer was in it. */
      stayed: Events.Milliseconds;
    }
    /** A `voicemail` was left, or was not. */
    interface VoicemailEnded {
      /** The tag of the action. */
      tag: string;
      /** "recorded", "empty", "hang-up" or "failed"; more will come. */
      outcome: string;
      /** How long the recording is. */
      length: Events.Milliseconds;
      /** Where the audio is, if there is any. */
      audio: string | null;
      /** The text, where transcription was asked for and is ready. */
      transcript: string | null;
      /** For later versions. */
      extras: Events.Extras;
    }
    /** The customer answered an `ask-consent`. */
    interface ConsentEnded {
      /** What was asked about. */
      topic: string;
      /** True only where the customer clearly agreed. */
      given: boolean;
    }
    /** An AI persona handed the contact back. */
    interface AiEnded {
      /** The tag of the action that started it. */
      tag: string;
      /** "completed", "escalated", "hang-up", "silence", "max-duration" or "failed"; more will come. */
      reason: string;
      /** The fields that the persona was asked to extract. */
      fields: ([string, string])[];
      /** For later versions. */
      extras: Events.Extras;
    }
    /** The contact's context was written from outside. */
    interface ContextChanged {
      /** The new revision; the contact carries the content. */
      revision: number;
      /** Who wrote it. */
      by: string;
    }
    /** The contact is over. No answer is expected. */
    interface Ended {
      /** "completed", "busy", "failed", "no-answer", "canceled" or "expired"; more will come. */
      cause: string;
      /** How long the contact lasted. */
      lasted: Events.Milliseconds;
      /** For later versions. */
      extras: Events.Extras;
    }
    /** What happened. */
    type Event =
      /** The contact has just begun. */
      | { tag: "arrived" }
      /** A `collect` or `menu` is answered. */
      | { tag: "input"; val: Events.Input }
      /** The customer wrote. */
      | { tag: "message"; val: Events.Message }
      /** A message of ours changed its status. No answer is expected. */
      | { tag: "message-status"; val: Events.MessageStatus }
      /** The prompts before a `continue` are done; carries its tag. */
      | { tag: "continued"; val: string }
      /** The time of a `wake-after` has come; carries its tag. */
      | { tag: "timer"; val: string }
      /** A `transfer` came back. */
      | { tag: "dial-ended"; val: Events.DialEnded }
      /** The customer waits in a queue. */
      | { tag: "queue-waiting"; val: Events.QueueWaiting }
      /** The customer left a queue. */
      | { tag: "queue-ended"; val: Events.QueueEnded }
      /** The customer left a conference. */
      | { tag: "conference-ended"; val: Events.ConferenceEnded }
      /** A `voicemail` ended. */
      | { tag: "voicemail-ended"; val: Events.VoicemailEnded }
      /** An `ask-consent` is answered. */
      | { tag: "consent-ended"; val: Events.ConsentEnded }
      /** An AI persona handed back. */
      | { tag: "ai-ended"; val: Events.AiEnded }
      /** The context was written from outside. */
      | { tag: "context-changed"; val: Events.ContextChanged }
      /** The contact is over. No answer is expected. */
      | { tag: "ended"; val: Events.Ended }
      /** An event that this version has no case for. */
      | { tag: "other"; val: Events.Extension }
      ;
  }
  /** Requests to hosts that the release is allowed to reach. Secrets are put in by the host; the plugin never sees them. */
  namespace Http {
    type Extension = Types.Extension;
    type Milliseconds = Types.Milliseconds;
    /** A secret inside a header. */
    interface SecretValue {
      /** What stands before it, for example "Bearer ". */
      prefix: string;
      /** The secret's handle. */
      handle: string;
    }
    /** A header's value. */
    type HeaderValue =
      /** As it is. */
      | { tag: "text"; val: string }
      /** A secret of the tenant, by handle; sent only to the hosts that it is bound to. */
      | { tag: "secret"; val: Http.SecretValue }
      ;
    /** One request. */
    interface Request {
      /** Upper case. */
      method: string;
      /** https URL; http only where the platform allows it. */
      url: string;
      /** Names are lower case. */
      headers: ([string, Http.HeaderValue])[];
      /** The body. */
      body: Uint8Array;
      /** At most the time left less 200. */
      timeout: Http.Milliseconds | null;
    }
    /** What came back. */
    interface Response {
      /** 100 to 599. */
      status: number;
      /** Names are lower case. */
      headers: ([string, string])[];
      /** The body, at most 256 KiB. */
      body: Uint8Array;
    }
    /** Why nothing came back. */
    type HttpError =
      /** The release has no grant for `http`. */
      | { tag: "denied" }
      /** The invocation has used its requests. */
      | { tag: "exhausted" }
      /** The release may not reach that host, port or method; names it. */
      | { tag: "not-allowed"; val: string }
      /** The request is not well formed; says where. */
      | { tag: "bad-request"; val: string }
      /** There is no such secret, or it is not bound to that host. */
      | { tag: "no-secret"; val: string }
      /** The name does not resolve, or to an address that is never reached. */
      | { tag: "unresolved" }
      /** No answer in time. */
      | { tag: "timeout" }
      /** The host has failed too often lately and is not asked now. */
      | { tag: "unavailable" }
      /** The answer is larger than allowed. */
      | { tag: "too-large" }
      /** The connection could not be made or broke. */
      | { tag: "failed"; val: string }
      /** A reason that this version has no case for. */
      | { tag: "other"; val: Http.Extension }
      ;
    interface Functions {
      /** Sends all at once and answers when all are done, in the same order. */
      send(requests: Http.Request[]): ({ tag: "ok"; val: Http.Response } | { tag: "err"; val: Http.HttpError })[];
      /** What is left until the deadline, in steps of 50. */
      timeLeft(): Http.Milliseconds;
    }
  }
  /** Hears of what expects no answer: the end of a contact, the status of a message. */
  namespace Observer {
    type Contact = Contacts.Contact;
    type Event = Events.Event;
    interface Functions {
      /** Called after the provider has its reply. */
      notify(contact: Observer.Contact, event: Observer.Event): void;
    }
  }
  /** What the contact achieved and what it cost, for statistics, experiments and quotas. */
  namespace Outcome {
    type Extension = Types.Extension;
    /** Why a report is not taken. */
    type OutcomeError =
      /** The release has no grant for `outcome`. */
      | { tag: "denied" }
      /** The invocation has used its host calls. */
      | { tag: "exhausted" }
      /** `describe` does not list this outcome. */
      | { tag: "unknown"; val: string }
      /** A name or number that cannot be; says which. */
      | { tag: "invalid"; val: string }
      /** A reason that this version has no case for. */
      | { tag: "other"; val: Outcome.Extension }
      ;
    interface Functions {
      /** Reports a goal that `describe` lists, with a value where it has one. */
      report(goal: string, value: number | null): void;
      /** Reports AI tokens that were spent for this contact. */
      tokens(model: string, input: number, output: number): void;
    }
  }
  /** What an AI speaker is and may do. It has no functions. */
  namespace Personas {
    type Extras = Types.Extras;
    type Milliseconds = Types.Milliseconds;
    /** By what the customer may cut a prompt or the persona short. */
    type BargeIn =
      /** By nothing. */
      | "none"
      /** By a key. */
      | "dtmf"
      /** By speaking. */
      | "speech"
      /** By either. */
      | "any"
      ;
    /** A function that the model may call; the host runs it through `tools.call`. */
    interface Tool {
      /** Unique in the persona; letters, digits, dash and underscore. */
      name: string;
      /** For the model. */
      description: string;
      /** JSON Schema of the arguments. */
      parameters: string;
    }
    /** Something to find out during the conversation. */
    interface Field {
      /** Unique in the persona. */
      name: string;
      /** For the model. */
      description: string;
      /** JSON Schema of the value. */
      schema: string;
    }
    /** When the persona hands over to a person. */
    interface Escalation {
      /** Words and phrases that the customer may say, compared without regard to case. */
      keywords: string[];
      /** A telephone number in E.164, or the name of a queue. */
      target: string;
    }
    /** An AI speaker. */
    interface Persona {
      /** The system prompt, complete: the host replaces nothing in it. */
      instructions: string;
      /** What it says first; it waits for the customer where absent. */
      greeting: string | null;
      /** The provider's name of a voice. */
      voice: string | null;
      /** The provider's name of a model. */
      model: string | null;
      /** BCP 47 tag. */
      language: string;
      /** What the model may call. */
      tools: Personas.Tool[];
      /** 0.0 to 2.0. */
      temperature: number | null;
      /** Of one response. */
      maxTokens: number | null;
      /** The host ends the conversation then. */
      maxDuration: Personas.Milliseconds | null;
      /** By what it may be interrupted. */
      interruptible: Personas.BargeIn;
      /** How long the customer may be silent. */
      silenceTimeout: Personas.Milliseconds | null;
      /** Words that the recogniser should expect. */
      hints: string[];
      /** What to find out. */
      fields: Personas.Field[];
      /** When to hand over. */
      escalation: Personas.Escalation | null;
      /** Names of the tenant's knowledge bases. */
      knowledge: string[];
      /** For later versions. */
      extras: Personas.Extras;
    }
  }
  /** Says who an AI speaker is. */
  namespace Assistant {
    type Failure = Types.Failure;
    type Contact = Contacts.Contact;
    type Event = Events.Event;
    type Persona = Personas.Persona;
    interface Functions {
      /** Called at the start, and again when the context or the language changes and on return from a queue. */
      prompt(contact: Assistant.Contact, event: Assistant.Event): Assistant.Persona;
    }
  }
  /** What a plugin answers with: a closed list of actions. It has no functions. */
  namespace Decisions {
    type Extension = Types.Extension;
    type Extras = Types.Extras;
    type Milliseconds = Types.Milliseconds;
    type Moment = Types.Moment;
    type Prompt = Types.Prompt;
    type BargeIn = Personas.BargeIn;
    type Persona = Personas.Persona;
    /** Play an audio file. */
    interface Play {
      /** https URL. */
      url: string;
      /** How often, from 1. */
      times: number;
      /** By what the customer may cut it short, where the provider can. */
      bargeIn: Decisions.BargeIn;
    }
    /** Ask the customer for digits or speech. The host re-prompts by itself; the plugin gets one `input` at the end. */
    interface Collect {
      /** Comes back in the `input` event; letters, digits and dashes, at most 64. */
      tag: string;
      /** What is said while waiting. */
      prompts: Decisions.Prompt[];
      /** Accept keys. */
      dtmf: boolean;
      /** Accept speech. */
      speech: boolean;
      /** Fewest digits of an answer. */
      minDigits: number;
      /** Most digits; the answer is complete when they are there. */
      maxDigits: number;
      /** The key that ends an answer: one of 0-9, * or #. */
      terminator: string | null;
      /** How long to wait for the first key or word. */
      firstTimeout: Decisions.Milliseconds;
      /** How long to wait between keys, or after speech. */
      interDigitTimeout: Decisions.Milliseconds;
      /** By what the prompts may be cut short. */
      bargeIn: Decisions.BargeIn;
      /** Words that the recogniser should expect. */
      hints: string[];
      /** Speech below it counts as low confidence. */
      minimumConfidence: number | null;
      /** How often to ask in all, 1 to 10. */
      attempts: number;
      /** Said before asking again when nothing came; the prompts alone where empty. */
      noInput: Decisions.Prompt[];
      /** Said before asking again when something else came. */
      noMatch: Decisions.Prompt[];
      /** Said before asking again when speech was unclear. */
      lowConfidence: Decisions.Prompt[];
      /** Never stored, logged or captured. */
      sensitive: boolean;
      /** For later versions. */
      extras: Decisions.Extras;
    }
    /** One line of a `menu`. */
    interface Choice {
      /** The key, or keys, that choose it. */
      key: string;
      /** What a button or list row says. */
      label: string;
      /** What the `input` event carries as its value. */
      value: string;
      /** What the customer may say for it, besides the label. */
      phrases: string[];
    }
    /** A `collect` whose answers are known. A channel with buttons shows buttons. */
    interface Menu {
      /** How to ask. */
      collect: Decisions.Collect;
      /** What may be answered; keys are unique. */
      choices: Decisions.Choice[];
    }
    /** Come back after a time, whatever happens meanwhile. */
    interface Wake {
      /** How long. */
      after: Decisions.Milliseconds;
      /** Comes back in the `timer` event. */
      tag: string;
    }
    /** Ask whether the customer agrees, and record the answer. */
    interface AskConsent {
      /** What it is about, for example "recording"; the `customer` capability answers by it. */
      topic: string;
      /** What is said. */
      prompts: Decisions.Prompt[];
      /** The key that means yes. */
      acceptKey: string;
      /** How long to wait for it. */
      timeout: Decisions.Milliseconds;
    }
    /** Something the agent should be able to do. */
    interface Skill {
      /** The skill's name at the provider. */
      name: string;
      /** Least proficiency, 0 to 10. */
      level: number;
    }
    /** Ask for less after a time. */
    interface Relaxation {
      /** Counted from entering the queue. */
      after: Decisions.Milliseconds;
      /** What is then still required. */
      skills: Decisions.Skill[];
    }
    /** What takes over when something cannot be done. It cannot itself fail over, so that a chain ends. */
    type Exit =
      /** Ask the plugin; carries the tag of the `continued` event. */
      | { tag: "continue"; val: string }
      /** Say it, and go on with the next. */
      | { tag: "say"; val: Decisions.Prompt }
      /** To a queue, by name. */
      | { tag: "enqueue"; val: string }
      /** To a telephone number in E.164. */
      | { tag: "number"; val: string }
      /** To another flow of the tenant, by name. */
      | { tag: "flow"; val: string }
      /** To a mailbox. */
      | { tag: "voicemail"; val: string }
      /** End the contact. */
      | { tag: "hang-up" }
      /** A way that this version has no case for. */
      | { tag: "other"; val: Decisions.Extension }
      ;
    /** Put the customer in a queue of the tenant's directory. */
    interface Enqueue {
      /** Comes back in the queue events. */
      tag: string;
      /** The queue's name. */
      queue: string;
      /** Higher is served first, 0 to 100. */
      priority: number | null;
      /** What the agent must be able to do. */
      skills: Decisions.Skill[];
      /** How that is relaxed, in order of time. */
      relaxations: Decisions.Relaxation[];
      /** https URL of the music. */
      holdMusic: string | null;
      /** Say the position this often. */
      announceEvery: Decisions.Milliseconds | null;
      /** Ask the plugin with `queue-waiting` while the customer waits. */
      notify: boolean;
      /** Leave the queue then. */
      maximumWait: Decisions.Milliseconds | null;
      /** What to do when the queue is full, closed or took too long; the plugin gets `queue-ended` where empty. */
      overflow: Decisions.Exit[];
      /** For later versions. */
      extras: Decisions.Extras;
    }
    /** A SIP address. */
    interface SipTarget {
      /** sip: or sips: URI. */
      uri: string;
      /** X- headers to send. */
      headers: ([string, string])[];
    }
    /** Where a transfer points. */
    type Target =
      /** Another flow of the tenant, by name. */
      | { tag: "flow"; val: string }
      /** A telephone number in E.164. */
      | { tag: "number"; val: string }
      /** A SIP address. */
      | { tag: "sip"; val: Decisions.SipTarget }
      /** A person of the tenant's directory, by name. */
      | { tag: "person"; val: string }
      /** A target that this version has no case for. */
      | { tag: "other"; val: Decisions.Extension }
      ;
    /** In which order the targets ring. */
    type Ringing =
      /** One after the other. */
      | "series"
      /** All at once; the first to answer has it. */
      | "parallel"
      ;
    /** Connect the customer with someone else. */
    interface Transfer {
      /** Comes back in `dial-ended`. */
      tag: string;
      /** At least one, at most ten. */
      targets: Decisions.Target[];
      /** In which order. */
      ringing: Decisions.Ringing;
      /** How long one target rings. */
      ringTimeout: Decisions.Milliseconds | null;
      /** How long the two may talk. */
      talkLimit: Decisions.Milliseconds | null;
      /** One of the tenant's own addresses; the entry address where absent. */
      callerId: string | null;
      /** What the target hears before being connected. */
      whisper: Decisions.Prompt | null;
      /** The target must press a key to accept. */
      screening: boolean;
      /** Blind gives the contact away; warm comes back with `dial-ended`. */
      warm: boolean;
      /** For later versions. */
      extras: Decisions.Extras;
    }
    /** Put the customer in a conference. */
    interface Conference {
      /** Comes back in `conference-ended`. */
      tag: string;
      /** Unique within the tenant. */
      name: string;
      /** It begins when this customer enters. */
      startOnEnter: boolean;
      /** It ends when this customer leaves. */
      endOnExit: boolean;
      /** The customer only listens. */
      muted: boolean;
      /** Most participants, 2 to 250. */
      maxParticipants: number | null;
      /** https URL of the music until it begins. */
      holdMusic: string | null;
    }
    /** Let an AI persona talk with the customer. */
    interface Converse {
      /** Comes back in `ai-ended`. */
      tag: string;
      /** Who talks. */
      persona: Decisions.Persona;
      /** What to do when it cannot be started or breaks. */
      onFailure: Decisions.Exit[];
    }
    /** A message that the provider has approved before. */
    interface Template {
      /** Its name at the provider. */
      name: string;
      /** BCP 47 tag. */
      language: string;
      /** Its parameters, in order. */
      parameters: string[];
    }
    /** Send a message. */
    interface SendMessage {
      /** E.164 or the provider's id; the customer where absent. */
      to: string | null;
      /** The channel; the contact's where absent. */
      channel: string | null;
      /** The text. */
      text: string;
      /** https URLs of files. */
      media: string[];
      /** Buttons or list rows. */
      choices: Decisions.Choice[];
      /** A template instead of free text. */
      template: Decisions.Template | null;
      /** The provider's id of the message that this one answers. */
      replyTo: string | null;
      /** For later versions. */
      extras: Decisions.Extras;
    }
    /** Let the customer leave a voice message. */
    interface Voicemail {
      /** Comes back in `voicemail-ended`. */
      tag: string;
      /** Whose it is; the tenant's general mailbox where absent. */
      mailbox: string | null;
      /** What is said first. */
      prompts: Decisions.Prompt[];
      /** At most that long, to 600,000. */
      maxLength: Decisions.Milliseconds;
      /** Ends after that much silence. */
      silenceTimeout: Decisions.Milliseconds | null;
      /** The key that ends it. */
      terminator: string | null;
      /** Beep before it begins. */
      beep: boolean;
      /** Ask the provider for the text. */
      transcribe: boolean;
    }
    /** Call the customer back later. */
    interface Callback {
      /** E.164; the customer's number where absent. */
      number: string | null;
      /** The queue whose agents call. */
      queue: string;
      /** Not before. */
      earliest: Decisions.Moment | null;
      /** Not after. */
      latest: Decisions.Moment | null;
      /** How often to try, 1 to 10. */
      attempts: number;
      /** Keep the customer's place in the queue. */
      keepPlace: boolean;
    }
    /** What to do about recording audio. The last one wins. */
    type Recording =
      /** Stop. */
      | "off"
      /** Begin. */
      | "on"
      /** Halt while something sensitive is said. */
      | "pause"
      /** Go on after a pause. */
      | "resume"
      ;
    /** A policy for recording audio. */
    interface RecordingPolicy {
      /** What to do. */
      recording: Decisions.Recording;
      /** What is said before it takes effect. */
      announcement: Decisions.Prompt | null;
      /** Each party on a channel of its own. */
      separateChannels: boolean;
    }
    /** One thing to do. */
    type Action =
      /** Change nothing. It stands alone. */
      | { tag: "keep" }
      /** Say or write something. */
      | { tag: "say"; val: Decisions.Prompt }
      /** Play audio. */
      | { tag: "play"; val: Decisions.Play }
      /** Be silent for a while. */
      | { tag: "pause"; val: Decisions.Milliseconds }
      /** Send keys: 0-9, A-D, *, #, and w for half a second. */
      | { tag: "send-digits"; val: string }
      /** From here on; BCP 47. */
      | { tag: "set-language"; val: string }
      /** Merged into the contact's attributes; an empty value removes a name. */
      | { tag: "set-attributes"; val: ([string, string])[] }
      /** Ask for something. */
      | { tag: "collect"; val: Decisions.Collect }
      /** Offer choices. */
      | { tag: "menu"; val: Decisions.Menu }
      /** Come back when what stands before it is done; carries the tag of the `continued` event. */
      | { tag: "continue"; val: string }
      /** Come back after a time. */
      | { tag: "wake-after"; val: Decisions.Wake }
      /** Ask for consent. */
      | { tag: "ask-consent"; val: Decisions.AskConsent }
      /** To a queue. */
      | { tag: "enqueue"; val: Decisions.Enqueue }
      /** To someone else. */
      | { tag: "transfer"; val: Decisions.Transfer }
      /** To a conference. */
      | { tag: "conference"; val: Decisions.Conference }
      /** To an AI persona. */
      | { tag: "converse"; val: Decisions.Converse }
      /** Send a message. */
      | { tag: "send-message"; val: Decisions.SendMessage }
      /** Take a voice message. */
      | { tag: "voicemail"; val: Decisions.Voicemail }
      /** Call back later. */
      | { tag: "callback"; val: Decisions.Callback }
      /** Record audio, or not. */
      | { tag: "record-audio"; val: Decisions.RecordingPolicy }
      /** End the contact; carries a reason for the trail. */
      | { tag: "hang-up"; val: string | null }
      /** Do not take the contact: "busy", "rejected", "unavailable" or "not-found". It stands alone. */
      | { tag: "reject"; val: string }
      /** An action that this version has no case for. */
      | { tag: "other"; val: Decisions.Extension }
      ;
    /** What a plugin decided. */
    interface Decision {
      /** Done in order. */
      actions: Decisions.Action[];
      /** Why, for whoever asks "why did this call go there?". */
      reason: string;
      /** For later versions. */
      extras: Decisions.Extras;
    }
  }
  /** Decides what happens next in a contact. */
  namespace Router {
    type Failure = Types.Failure;
    type Contact = Contacts.Contact;
    type Event = Events.Event;
    type Decision = Decisions.Decision;
    interface Functions {
      /** Called for every event that expects an answer. */
      handle(contact: Router.Contact, event: Router.Event): Router.Decision;
    }
  }
  /** The flow's settings: platform, tenant, subtenant and flow merged, the nearest winning. They are those of the release. */
  namespace Settings {
    type Extension = Types.Extension;
    /** Why a setting cannot be read. */
    type SettingsError =
      /** The release has no grant for `settings`. */
      | { tag: "denied" }
      /** The invocation has used its host calls. */
      | { tag: "exhausted" }
      /** A reason that this version has no case for. */
      | { tag: "other"; val: Settings.Extension }
      ;
    interface Functions {
      /** The whole, as a JSON object. */
      all(): string;
      /** One value as JSON, by JSON Pointer (RFC 6901), for example "/hours/0/open"; none where nothing is there. */
      get(pointer: string): string | null;
    }
  }
  /**
   * What survives an invocation: keys and values of the tenant or of the contact. Writes become true together with the
   * decision, or not at all; within the invocation they are seen at once.
   */
  namespace State {
    type Extension = Types.Extension;
    type Milliseconds = Types.Milliseconds;
    /** Whose the value is. */
    type Scope =
      /** All contacts of the tenant's flows that run this plugin. */
      | "tenant"
      /** This contact; gone after it. */
      | "contact"
      ;
    /** Why state cannot be read or written. */
    type StateError =
      /** The release has no grant for `state`. */
      | { tag: "denied" }
      /** The invocation has used its host calls. */
      | { tag: "exhausted" }
      /** A key is 1 to 256 bytes, without control characters. */
      | { tag: "bad-key" }
      /** A value is at most 16 KiB. */
      | { tag: "too-large" }
      /** The stored bytes of the contact or of the tenant are used up. */
      | { tag: "full" }
      /** The value is not a number, or would leave the range of 64 bits. */
      | { tag: "not-a-number" }
      /** The host could not read it in time. */
      | { tag: "unavailable" }
      /** A reason that this version has no case for. */
      | { tag: "other"; val: State.Extension }
      ;
    /** A value. */
    interface Entry {
      /** The bytes. */
      value: Uint8Array;
      /** Changes with every write; for `compare-and-set`. */
      revision: number;
    }
    /** A part of a list. */
    interface Page {
      /** In order of bytes. */
      keys: string[];
      /** Where to go on; none at the end. */
      next: string | null;
    }
    interface Functions {
      /** Reads a value. */
      get(scope: State.Scope, key: string): State.Entry | null;
      /** Writes a value. It vanishes after `lifetime`, if one is given. */
      set(scope: State.Scope, key: string, value: Uint8Array, lifetime: State.Milliseconds | null): void;
      /** Removes a value; true where there was one. */
      delete(scope: State.Scope, key: string): boolean;
      /** Writes only if the revision is still the expected one, or nothing is there where none is expected; true if written. */
      compareAndSet(scope: State.Scope, key: string, expected: number | null, value: Uint8Array): boolean;
      /** Adds to a number kept as decimal text, from 0; the new number. Contacts that add at once all count. */
      increment(scope: State.Scope, key: string, by: number): number;
      /** Keys that begin so, at most 100 at a time. */
      list(scope: State.Scope, prefix: string, cursor: string | null): State.Page;
    }
  }
  /** Runs the functions that a persona offers to its model. */
  namespace Tools {
    type Extras = Types.Extras;
    type Failure = Types.Failure;
    type Contact = Contacts.Contact;
    type Action = Decisions.Action;
    /** What the model asked for. */
    interface ToolCall {
      /** The model's id of the call. */
      id: string;
      /** The tool's name. */
      name: string;
      /** A JSON object that fits the tool's parameters, unless the model erred. */
      arguments: string;
    }
    /** What the model is told. */
    interface ToolAnswer {
      /** A JSON value. */
      result: string;
      /** What to do besides, for example a transfer. */
      actions: Tools.Action[];
      /** For later versions. */
      extras: Tools.Extras;
    }
    interface Functions {
      /** Called for every call of a tool. */
      call(contact: Tools.Contact, call: Tools.ToolCall): Tools.ToolAnswer;
    }
  }
}

declare module "jackfield:plugin/log@0.9.0" {
  const log: jackfield.Log.Functions;
  export default log;
}

declare module "jackfield:plugin/customer@0.9.0" {
  const customer: jackfield.Customer.Functions;
  export default customer;
}

declare module "jackfield:plugin/directory@0.9.0" {
  const directory: jackfield.Directory.Functions;
  export default directory;
}

declare module "jackfield:plugin/http@0.9.0" {
  const http: jackfield.Http.Functions;
  export default http;
}

declare module "jackfield:plugin/outcome@0.9.0" {
  const outcome: jackfield.Outcome.Functions;
  export default outcome;
}

declare module "jackfield:plugin/settings@0.9.0" {
  const settings: jackfield.Settings.Functions;
  export default settings;
}

declare module "jackfield:plugin/state@0.9.0" {
  const state: jackfield.State.Functions;
  export default state;
}
