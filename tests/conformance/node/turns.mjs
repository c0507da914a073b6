// The Node SDK's own WebSocket client: a turn, two lanes at once, a chained turn, an error, a steered turn.
// Usage: node turns.mjs BASE_URL TOKEN; prints one JSON object.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(`${process.env.CLIENTS}/x.js`));
const OpenAI = require("openai");
const { ResponsesWS } = require("openai/resources/responses/ws");

const [baseURL, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const socket = new ResponsesWS(client);
const ENDS = ["response.completed", "response.failed", "response.incomplete"];
const waiting = new Map(); // by lane, the turns that are to come

function ended(lane) {
  return new Promise((resolve) => {
    waiting.set(lane, [...(waiting.get(lane) ?? []), { text: "", events: [], resolve }]);
  });
}

function heard(event) {
  const lane = event.stream_id ?? "";
  const turn = waiting.get(lane)?.[0];
  if (turn === undefined) return;
  turn.events.push(event.type);
  if (event.type === "response.output_text.delta") turn.text += event.delta;
  if (ENDS.includes(event.type) || event.type === "error") {
    waiting.get(lane).shift();
    turn.resolve({ text: turn.text, events: turn.events, last: event });
  }
}

socket.on("event", heard);
const failures = [];
socket.on("error", (error) => {
  failures.push(error.error?.code ?? error.error?.error?.code ?? error.message);
  heard({ type: "error", stream_id: "wrong" });
});

function create(lane, fields) {
  const end = ended(lane);
  socket.send({ type: "response.create", input: "hi", ...(lane ? { stream_id: lane } : {}), ...fields });
  return end;
}

const plain = await create("", { model: "replay" });
const [one, two] = await Promise.all([create("one", { model: "slow" }), create("two", { model: "replay" })]);
const chained = await create("two", { model: "replay", previous_response_id: two.last.response.id });
await create("wrong", { model: "replay", previous_response_id: "resp_no" });

let steered;
const [first, second] = [ended(""), ended("")]; // the successor may speak at once
socket.on("response.created", (event) => {
  if (event.stream_id !== undefined || steered !== undefined) return;
  steered = event.response.id;
  socket.send({ type: "response.steer", previous_response_id: steered, input: "shorter" });
});
socket.send({ type: "response.create", model: "slow", input: "a plan" });
const interrupted = await first;
const successor = await second;

console.log(
  JSON.stringify({
    plain: plain.text,
    final: plain.last.response.output[0].content[0].text,
    events: [...new Set(plain.events)],
    one: one.text,
    two: two.text,
    failures,
    interrupted: interrupted.last.response.incomplete_details.reason,
    successor: successor.text,
    chained: chained.last.response.previous_response_id === two.last.response.id,
  }),
);
socket.close();
