// The playground: one prompt, two lanes, and their times as this browser sees them.

import { readLines } from './api.js';
import { compare, hide } from './amdahl.js';
import { element, pair } from './live.js';

const byId = (id) => document.getElementById(id);
const selects = () => [byId('lane0'), byId('lane1')];
let state = null;
let running = null;
let options = '';

class Lane {
  constructor(number, value) {
    this.pace = value.startsWith('pace:') ? state.paces[value.slice(5)] : null;
    this.name = this.pace ? this.pace.title : value.slice(7);
    const engine = state.engines.find((each) => each.name === this.name);
    this.simulated = Boolean(this.pace || engine?.simulated);
    this.title = this.simulated ? `${this.name} (simulated)` : this.name;
    this.text = element('pre', { tabIndex: 0 });
    this.text.setAttribute('aria-label', `Answer of ${this.title}`);
    this.figures = element('dl', { className: 'pairs' });
    this.note = element('p', { className: 'quiet' });
    this.pending = '';
    this.asked = performance.now();
    const heading = element('h3', { id: `lane${number}-title` }, this.name, ' ');
    if (this.simulated) heading.append(element('span', { className: 'mark' }, 'simulated pace'));
    const article = byId('lanes').children[number];
    article.replaceChildren(heading, this.text, this.figures, this.note);
    if (this.pace) this.note.textContent = 'Waiting for the text, which comes first in full.';
  }

  take(event, now) {
    if (event.type === 'started') {
      if (this.simulated) this.asked = now; // the machine has its request only now
      this.note.textContent = this.pace ? `Simulated: ${this.pace.note}.` : `Model: ${event.model}.`;
    } else if (event.type === 'text') {
      this.first ??= now;
      this.last = now;
      this.pending += event.text;
    } else if (event.type === 'finished') {
      this.finish(event, now);
    } else if (event.type === 'failed') {
      this.note.className = 'bad';
      this.note.textContent = event.message;
    }
  }

  // Text enters the document once per frame: a browser could not draw each of 4,000 tokens a second.
  draw() {
    if (!this.pending) return;
    this.text.append(this.pending);
    this.pending = '';
    this.text.scrollTop = this.text.scrollHeight;
  }

  finish(event, now) {
    this.first ??= now;
    this.last ??= now;
    this.wait = (this.last - this.asked) / 1000;
    this.rate = event.tokens > 1 ? ((event.tokens - 1) / (this.last - this.first)) * 1000 : 0;
    const set = this.pace ? ` (the pace is ${this.pace.tokens_per_s.toLocaleString('en')})` : '';
    this.figures.append(
      ...pair('First token', `${Math.round(this.first - this.asked)} ms`),
      ...pair('Tokens/s', this.rate ? `${this.rate.toFixed(this.rate < 10 ? 1 : 0)}${set}` : '–'),
      ...pair('Total', `${this.wait.toFixed(2)} s, ${event.tokens} tokens`),
    );
    if (event.text_ms >= 100) this.figures.append(...pair('Not counted', `${(event.text_ms / 1000).toFixed(1)} s until the text was there`));
    this.done = true;
  }
}

function choices(select, groups, chosen) {
  const before = select.value || chosen;
  select.replaceChildren(...groups.map(([label, entries]) => {
    const group = element('optgroup', { label });
    group.append(...entries.map(([value, text]) => element('option', { value }, text)));
    return group;
  }));
  select.value = before;
  if (select.selectedIndex < 0) select.value = chosen;
}

export function offer(newest) {
  state = newest;
  const key = JSON.stringify([state.engines.map((engine) => engine.name), state.destinations]);
  if (key !== options) {
    options = key;
    const own = state.engines.filter((engine) => engine.name in state.destinations);
    const engines = ['Your engines, true pace', own.map(({ name }) => [`engine:${name}`, name])];
    const paces = ['Simulated pace', Object.entries(state.paces).map(([name, { title }]) => [`pace:${name}`, title])];
    choices(byId('lane0'), [paces, engines], 'pace:gpu-65');
    choices(byId('lane1'), [paces, engines], 'pace:wafer-1000');
    const sources = [['No engine', [['', 'A sample text that comes with spark-lsp']]],
      ['The answer of', own.map(({ name }) => [name, name])]];
    choices(byId('source'), sources, '');
    byId('prompt').maxLength = state.max_prompt_chars;
  }
  tellDestination();
}

// The engines that get the prompt, and where each sends it.
function tellDestination() {
  const lanes = selects().map((select) => select.value);
  const asked = lanes.filter((value) => value.startsWith('engine:')).map((value) => value.slice(7));
  const simulated = lanes.some((value) => value.startsWith('pace:'));
  byId('source').disabled = !simulated;
  if (simulated && byId('source').value) asked.push(byId('source').value);
  const places = [...new Set(asked)].map((name) => `${name} (${state.destinations[name]})`);
  byId('destination').textContent = places.length
    ? `The prompt goes to: ${places.join(', ')}.`
    : 'The prompt goes nowhere: both lanes play the sample text.';
}

async function run() {
  const prompt = byId('prompt').value.trim();
  if (!prompt) return byId('prompt').focus();
  hide();
  const values = selects().map((select) => select.value);
  const lanes = values.map((value, number) => new Lane(number, value));
  running = new AbortController();
  busy(true, 'Running…');
  let frame = 0;
  const drawAll = () => { lanes.forEach((lane) => lane.draw()); frame = requestAnimationFrame(drawAll); };
  frame = requestAnimationFrame(drawAll);
  try {
    const source = byId('source').disabled ? '' : byId('source').value;
    const body = JSON.stringify({ prompt, lanes: values, source });
    const options = { method: 'POST', body, signal: running.signal };
    await readLines('page/play', options, (event, now) => lanes[event.lane]?.take(event, now));
    const all = lanes.every((lane) => lane.done);
    if (all && lanes.every((lane) => lane.rate && lane.wait > 0)) compare(lanes, state.own_seconds);
    busy(false, all ? 'Both lanes have finished.' : 'A lane has no complete answer; it says why.');
  } catch (error) {
    busy(false, error.name === 'AbortError' ? 'Stopped.' : error.message);
  }
  cancelAnimationFrame(frame);
  lanes.forEach((lane) => lane.draw());
}

function busy(is, text) {
  byId('run').disabled = is;
  byId('stop').disabled = !is;
  byId('play-status').textContent = text;
}

export function prepare() {
  byId('form').addEventListener('submit', (event) => { event.preventDefault(); run(); });
  byId('form').addEventListener('change', tellDestination);
  byId('stop').addEventListener('click', () => running?.abort());
}
