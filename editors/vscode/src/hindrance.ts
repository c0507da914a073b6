/** Settings and extensions that hide ghost text or draw their own. Independent of the editor API. */

type Get = (setting: string) => unknown;

const OTHERS: Readonly<Record<string, string>> = {
  'github.copilot': 'GitHub Copilot',
  'github.copilot-chat': 'GitHub Copilot',
  'codeium.codeium': 'Windsurf (Codeium)',
  'tabnine.tabnine-vscode': 'Tabnine',
  'supermaven.supermaven': 'Supermaven',
  'continue.continue': 'Continue',
  'amazonwebservices.amazon-q-vscode': 'Amazon Q',
  'sourcegraph.cody-ai': 'Cody',
  'google.geminicodeassist': 'Gemini Code Assist',
};

export interface Hindrance {
  /** Why the editor shows no ghost text; empty if it does. */
  readonly blocks: string;
  /** The extensions that may show their own ghost text; empty without any. */
  readonly competes: string;
}

/** Judge the editor's settings, and its active extensions by their ids. */
export function hindrance(get: Get, isActive: (id: string) => boolean): Hindrance {
  const off = get('editor.inlineSuggest.enabled') === false;
  const names = new Set(Object.entries(OTHERS).flatMap(([id, name]) => (isActive(id) ? [name] : [])));
  const [first] = names;
  return {
    blocks: off ? 'no ghost text: the setting editor.inlineSuggest.enabled is off; switch it on' : '',
    competes: first ? `${[...names].join(', ')} may show its ghost text in place of ours` : '',
  };
}
