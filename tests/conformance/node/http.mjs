// The Node SDK over HTTP: a whole answer, a stream, the helper that adds a stream up, and an error.
// Usage: node http.mjs BASE_URL TOKEN; prints one JSON object.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(`${process.env.CLIENTS}/x.js`));
const OpenAI = require("openai");

const [baseURL, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const asked = { model: "replay", input: "hi" };

const whole = await client.responses.create({ ...asked, tools: [{ type: "custom", name: "shell" }] });

let streamed = "";
const kinds = [];
for await (const event of await client.responses.create({ ...asked, stream: true })) {
  kinds.push(event.type);
  if (event.type === "response.output_text.delta") streamed += event.delta;
}

const added = await client.responses.stream({ ...asked, model: "slow" }).finalResponse();

const errors = [];
for (const fields of [{ model: "nobody" }, { background: true }]) {
  await client.responses.create({ ...asked, ...fields }).catch((error) => errors.push([error.status, error.code]));
}
const models = [];
for await (const model of client.models.list()) models.push(model.id);

console.log(
  JSON.stringify({
    whole: whole.output_text,
    streamed,
    ends: [kinds[0], kinds.at(-1)],
    added: added.output_text,
    errors,
    models,
  }),
);
