// Renders adaptive cards with Microsoft's library, and says what it complains about and what a person reads.
const { readFileSync } = require("node:fs");
const { parseHTML } = require("linkedom");

const { window, document } = parseHTML("<html><body></body></html>");
const { HTMLButtonElement, HTMLElement } = window;
Object.defineProperty(HTMLElement.prototype, "innerText", {
  get() { return this.textContent; },
  set(text) { this.textContent = text; },
});
Object.assign(globalThis, { window, document, HTMLButtonElement, HTMLElement });
const { AdaptiveCard, SerializationContext, Version } = require("adaptivecards/dist/adaptivecards.js");

function rendered(json) {
  const card = new AdaptiveCard();
  const context = new SerializationContext(Version.parse(json.version, new SerializationContext()));
  card.parse(json, context);
  const complaints = Array.from({ length: context.eventCount }, (_, index) => context.getEventAt(index).message);
  complaints.push(...card.validateProperties().validationEvents.map((event) => event.message));
  const element = card.render();
  const texts = [...element.querySelectorAll(".ac-richTextBlock")].map((block) => block.textContent);
  const buttons = [...element.querySelectorAll("button")].map((button) => button.textContent);
  const addresses = card.getAllActions().map((action) => action.url);
  return { complaints, texts, buttons, addresses, links: element.querySelectorAll("a").length };
}

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(rendered)));
