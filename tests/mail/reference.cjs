// The same as reference.py with the reference libraries for JavaScript.
const { readFileSync } = require("node:fs");
const { HTTP } = require("cloudevents");
const { Webhook, WebhookVerificationError } = require("standardwebhooks");

function verified({ body, headers, key }) {
  let message;
  try {
    message = new Webhook(key).verify(body, headers);
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    return { refused: error.message };
  }
  if (!("specversion" in message)) return { message };
  const lowerCase = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const event = HTTP.toEvent({ headers: lowerCase, body });
  event.validate();
  const { data, ...attributes } = event.toJSON();
  return { message: data, attributes };
}

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(verified)));
