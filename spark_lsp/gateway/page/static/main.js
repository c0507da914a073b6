// Connects the page: enters, reads the state while the page is visible, and comes back after a lost gateway.

import { enter, isOurGateway, leave, readLines, Refused } from './api.js';
import { show } from './live.js';
import { offer, prepare } from './play.js';

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15000;
const link = document.getElementById('link');
let reading = null;

function tell(text, bad = false) {
  if (link.textContent === text) return;
  link.textContent = text;
  link.className = bad ? 'bad' : '';
}

function take(state) {
  tell(`Connected to the gateway, version ${state.version}.`);
  show(state);
  offer(state);
  for (const id of ['now', 'playground']) document.getElementById(id).hidden = false;
}

const sleep = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

function visible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => { document.addEventListener('visibilitychange', resolve, { once: true }); });
}

// One reading of the state, until the gateway or the reader ends it. Returns whether any state came.
async function read(checks) {
  let came = false;
  reading = new AbortController();
  if (checks && !(await isOurGateway())) throw new Refused('Another program or gateway listens here now. Run: spark-lsp open');
  await readLines('page/state', { signal: reading.signal }, (state) => { came = true; take(state); });
  return came;
}

async function follow() {
  let pause = FIRST_PAUSE_MS;
  let checks = false;
  for (;;) {
    await visible();
    let came = false;
    try {
      came = await read(checks);
    } catch (error) {
      if (error instanceof Refused) throw error;
      if (error.name === 'AbortError') continue; // hidden; the page reads again when it is visible
    }
    checks = true;
    pause = came ? FIRST_PAUSE_MS : Math.min(pause * 2, LONGEST_PAUSE_MS);
    tell('The gateway does not answer. This page tries again; if it stays away, run: spark-lsp open', true);
    await sleep(pause);
  }
}

document.addEventListener('visibilitychange', () => { if (document.hidden) reading?.abort(); });
prepare();
try {
  await enter();
  await follow();
} catch (error) {
  if (error instanceof Refused) leave();
  tell(error instanceof Refused ? error.message : 'The gateway does not answer. Run: spark-lsp open', true);
}
