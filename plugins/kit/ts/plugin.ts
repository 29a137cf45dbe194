// Answers a call with a menu and sends the customer to the queue that was chosen: the smallest good plugin.
//
// Change what `describe` says, then what `handle` answers. `jackfield plugin build` checks the types and makes a component, `jackfield plugin
// test` runs the cases. jackfield.js builds actions; types/contract.d.ts has every event, action and capability. A capability is imported by its interface:
//
//   import settings from "jackfield:plugin/settings@0.9.0";
//   const own = JSON.parse(settings.all());

import { choice, decide, enqueue, guarded, keep, menu, metadata, prompt, say } from "./jackfield.js";

const MENU = menu(
  "main",
  "For sales press 1. For support press 2.",
  [choice("1", "sales", "Sales"), choice("2", "support", "Support")],
  { speech: true, attempts: 2, noMatch: [prompt("That is not one of the choices.")] },
);

export const describe: jackfield.Describe.Functions = {
  describe: () =>
    metadata("NAME", "1.0.0", { events: ["arrived", "input"], actions: ["say", "menu", "enqueue", "keep"] }),
};

export const router: jackfield.Router.Functions = {
  handle: guarded((_contact, event) => {
    switch (event.tag) {
      case "arrived":
        return decide("the call has begun", MENU);
      case "input":
        return event.val.outcome === "matched"
          ? decide("the customer chose", enqueue(event.val.value))
          : decide("no choice was made", say("Please hold the line."), enqueue("support"));
      default:
        return decide("nothing to do", keep());
    }
  }),
};
