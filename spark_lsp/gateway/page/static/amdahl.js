// Amdahl's law: a faster engine shortens the wait for it, and nothing else of an edit.

import { element } from './live.js';

const byId = (id) => document.getElementById(id);
const times = (value) => (value >= 10 ? value.toFixed(0) : value.toFixed(value >= 2 ? 1 : 2));
const SVG = 'http://www.w3.org/2000/svg';
let lanes = [];

function rectangle(kind, x, width) {
  const made = document.createElementNS(SVG, 'rect');
  made.setAttribute('class', kind);
  for (const [name, value] of Object.entries({ x, y: 0, width, height: 10 })) made.setAttribute(name, value);
  return made;
}

function bar(lane, own, longest) {
  const picture = document.createElementNS(SVG, 'svg');
  picture.setAttribute('class', 'bar');
  picture.setAttribute('viewBox', '0 0 100 10');
  picture.setAttribute('preserveAspectRatio', 'none');
  picture.setAttribute('aria-hidden', 'true');
  const share = 100 / longest;
  picture.append(rectangle('own', 0, own * share), rectangle('wait', own * share, lane.wait * share));
  const text = `${lane.title}: ${(own + lane.wait).toFixed(1)} s, of which ${lane.wait.toFixed(2)} s are the wait for the engine`;
  return [element('p', {}, text), picture];
}

function draw() {
  const own = Number(byId('own').value);
  byId('own-value').textContent = `${own} s`;
  const [slow, fast] = [...lanes].sort((a, b) => b.wait - a.wait);
  byId('bars').replaceChildren(...lanes.flatMap((lane) => bar(lane, own, own + slow.wait)));
  const whole = (own + slow.wait) / (own + fast.wait);
  const limit = own ? `Even an engine without any wait would make it at most ${times((own + slow.wait) / own)}×.` : '';
  byId('gain').textContent =
    `${fast.title} against ${slow.title}: tokens come ${times(fast.rate / slow.rate)}× as fast, ` +
    `the wait is ${times(slow.wait / fast.wait)}× as short, the whole edit ${times(whole)}×. ${limit}`;
}

// Shows the line for two finished lanes: {title, wait (seconds), rate (tokens per second)}.
export function compare(found, ownSeconds) {
  if (byId('amdahl').hidden) {
    byId('own').value = Math.round(ownSeconds);
    byId('own').addEventListener('input', draw);
  }
  lanes = found;
  byId('own-note').textContent =
    `${ownSeconds.toFixed(0)} s is the mean of a synthetic session (spark-lsp simulate feel); yours may differ.`;
  byId('amdahl').hidden = false;
  draw();
}

export function hide() {
  byId('amdahl').hidden = true;
}
