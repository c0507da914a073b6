// Draws the gateway's state. Text always enters the document as text, never as HTML.

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

const byId = (id) => document.getElementById(id);
const drawn = new Map();

// Replaces the children of an element only if they would differ: a selection and a reader's place stay.
function draw(id, value, make) {
  const text = JSON.stringify(value);
  if (drawn.get(id) === text) return;
  drawn.set(id, text);
  byId(id).replaceChildren(...make(value));
}

export const pair = (term, ...value) => [element('dt', {}, term), element('dd', {}, ...value)];
const figure = ([term, value]) => element('div', {}, ...pair(term, value));
const OUTCOMES = { stop: 'complete', length: 'cut at the limit' };
const outcome = (name) => OUTCOMES[name] ?? name.replaceAll('_', ' ');
const seconds = (value) => (value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(1)} s`);

function engineCard({ engine, destination }) {
  const title = element('h4', {}, engine.name, ' ', element('span', { className: `state ${engine.state}` }, engine.state));
  const list = element('dl', { className: 'pairs' }, ...pair('Model', `${engine.model || 'unknown'} (${engine.kind})`));
  if (destination) list.append(...pair('Sends to', destination));
  if (engine.budget) list.append(...pair('Budget', engine.budget));
  const card = element('li', {}, title, list);
  if (engine.simulated) card.append(element('span', { className: 'mark' }, 'simulated pace'));
  const reason = engine.reason || engine.note;
  if (reason) card.append(element('p', { className: engine.state === 'off' ? 'bad' : 'quiet' }, reason));
  return card;
}

function answerRow(answer) {
  const outcomes = Object.entries(answer.outcomes).map(([name, count]) => `${outcome(name)} ${count}`);
  const first = answer.ttft_s === undefined ? '–' : seconds(answer.ttft_s);
  const cells = [answer.task, outcomes.join(', '), first].map((text) => element('td', {}, text));
  return element('tr', {}, element('th', { scope: 'row' }, answer.engine), ...cells);
}

function streamItem(stream) {
  const since = new Date(stream.since * 1000).toLocaleTimeString();
  return element('li', {}, `${stream.engine}: ${stream.task.replaceAll('_', ' ')}, since ${since}`);
}

export function show(state) {
  const figures = [
    ['Connections', state.sessions], ['Answers under way', state.running_now], ['Waiting', state.waiting],
  ];
  draw('figures', figures, (list) => list.map(figure));
  const engines = state.engines.map((engine) => ({ engine, destination: state.destinations[engine.name] }));
  draw('engines', engines, (list) => list.map(engineCard));
  draw('routes', state.serving, (routes) => Object.entries(routes).flatMap(([route, name]) => pair(route, name)));
  draw('streams', state.streams, (list) => (list.length ? list.map(streamItem) : [element('li', { className: 'quiet' }, 'None.')]));
  draw('answers', state.answers, (list) => list.map(answerRow));
}
