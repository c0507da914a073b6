// The page's requests. The pass is in the storage of this tab and goes out in a header: a cookie would go to every
// port of this machine, also to the servers of other users.

const PASS = 'spark-lsp.pass';

export class Refused extends Error {}

async function refusal(reply) {
  let message = `The gateway answered with status ${reply.status}.`;
  try {
    message = (await reply.json()).error.message;
  } catch { /* not one of ours */ }
  return new Refused(message);
}

// Exchanges the ticket in the address for a pass, and removes it from the address and the history first.
export async function enter() {
  const ticket = location.hash.slice(1);
  if (/^[\w-]{20,}$/.test(ticket)) {
    history.replaceState(null, '', location.pathname);
    const body = JSON.stringify({ ticket });
    const reply = await fetch('page/pass', { method: 'POST', body, cache: 'no-store' });
    if (!reply.ok) throw await refusal(reply);
    sessionStorage.setItem(PASS, (await reply.json()).pass);
  }
  if (!sessionStorage.getItem(PASS)) throw new Refused('This page needs a ticket. Run: spark-lsp open');
}

export function leave() {
  sessionStorage.removeItem(PASS);
}

const hex = (bytes) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('');

// After a lost connection another program may listen on this port: does it know the pass already?
export async function isOurGateway() {
  const pass = sessionStorage.getItem(PASS) ?? '';
  if (!globalThis.crypto?.subtle) return false;
  const nonce = hex(crypto.getRandomValues(new Uint8Array(16)));
  const headers = { 'x-spark-pass': pass.slice(0, pass.lastIndexOf('.')), 'x-spark-nonce': nonce };
  const reply = await fetch('page/proof', { headers, cache: 'no-store' });
  const { proof } = await reply.json().catch(() => ({}));
  if (!reply.ok || !proof) return false;
  const encoder = new TextEncoder();
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', encoder.encode(pass), algorithm, false, ['sign']);
  return proof === hex(await crypto.subtle.sign('HMAC', key, encoder.encode(`page:${nonce}`)));
}

// Calls take(value, milliseconds) for each line of JSON that a path answers with.
export async function readLines(path, options, take) {
  const headers = { authorization: `Page ${sessionStorage.getItem(PASS)}` };
  const reply = await fetch(path, { cache: 'no-store', ...options, headers });
  if (!reply.ok) throw await refusal(reply);
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const now = performance.now();
    const lines = (rest + value).split('\n');
    rest = lines.pop();
    for (const line of lines) if (line) take(JSON.parse(line), now);
  }
}
